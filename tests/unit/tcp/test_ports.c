// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_ports.c - local ports: shared, reused and given back. Once as numbers,
 * as on a simulated wire, and once with the kernel's sockets on loopback and
 * a host that counts what is steered.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/leak.h"
#include "tcp/ports.h"
#include "wire/frame.h"
#include "tests/lib/suite.h"

#define SEC	NSEC_PER_SEC

static const uint8_t ip4[16] = { 127, 0, 0, 1 };
static const uint8_t other_ip4[16] = { 127, 0, 0, 2 };
static const uint8_t ip6[16] = { [15] = 1 };

static struct fs_host host;
static struct fs_tcp_ports *ports;
static bool claimed[3][65536];	/* for IPv6, and each IPv4 address by its last byte */
static unsigned int claims;	/* now */
static unsigned int claims_ever;
static int claim_err;
static int fds;

/* Connections of one remote: which ports they have, and questions asked. */
static bool in_use[65536];
static unsigned int asked;

static bool *claimed_at(const struct fs_host_flow *flow)
{
	return &claimed[flow->family == AF_INET6 ? 0 : flow->ip[3]][flow->port];
}

static int claim(struct fs_host *h, const struct fs_host_flow *flow)
{
	ck_assert_ptr_eq(h, &host);
	ck_assert_uint_eq(flow->proto, FS_IPPROTO_TCP);
	claims_ever++;
	if (claim_err)
		return claim_err;
	ck_assert(!*claimed_at(flow));
	*claimed_at(flow) = true;
	claims++;
	return 0;
}

static void unclaim(struct fs_host *h, const struct fs_host_flow *flow)
{
	ck_assert_ptr_eq(h, &host);
	ck_assert(*claimed_at(flow));
	*claimed_at(flow) = false;
	claims--;
}

static bool usable(void *ctx, uint16_t port)
{
	const bool *taken = ctx;

	asked++;
	return !taken[port];
}

static const struct fs_host_ops ops = { .claim = claim, .unclaim = unclaim };

static void open_ports(const struct fs_host_ops *o)
{
	fds = test_open_fds();
	memset(&host, 0, sizeof(host));
	memset(in_use, 0, sizeof(in_use));
	host.ops = o;
	host.seed = 99;
	host.now_ns = SEC;
	claim_err = 0;
	claims_ever = 0;
	ck_assert_int_eq(fs_tcp_ports_open(&ports, &host), 0);
}

static void setup_numbers(void)
{
	open_ports(NULL);
}

static void setup_kernel(void)
{
	open_ports(&ops);
}

static void teardown(void)
{
	fs_tcp_ports_close(ports);
	ck_assert_uint_eq(claims, 0);
	test_check_fds(fds);
}

static int take(void)
{
	int port = fs_tcp_ports_take(ports, AF_INET, ip4, 0, usable, in_use);

	if (port > 0)
		in_use[port] = true;
	return port;
}

static int take_this(uint16_t port)
{
	return fs_tcp_ports_take(ports, AF_INET, ip4, port, usable, in_use);
}

static void put(int port)
{
	in_use[port] = false;
	fs_tcp_ports_put(ports, AF_INET, ip4, (uint16_t)port, host.now_ns);
}

static bool never(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
	return false;
}

START_TEST(numbers_come_from_the_range_and_differ_by_seed)
{
	int first = take(), second = take();

	ck_assert_int_ge(first, FS_TCP_PORTS_FIRST);
	ck_assert_int_le(first, FS_TCP_PORTS_LAST);
	ck_assert_int_ne(first, second);
	put(first);
	put(second);
	fs_tcp_ports_close(ports);
	host.seed = 100;
	ck_assert_int_eq(fs_tcp_ports_open(&ports, &host), 0);
	second = take();
	ck_assert_int_ne(first, second);
	put(second);
}
END_TEST

START_TEST(every_number_of_the_range_can_be_taken_and_no_more)
{
	const int all = FS_TCP_PORTS_LAST - FS_TCP_PORTS_FIRST + 1;

	for (int i = 0; i < all; i++) {
		asked = 0;
		ck_assert_int_gt(take(), 0);
		ck_assert_uint_le(asked, 9);	/* 8 busy ones, the new one */
	}
	ck_assert_int_eq(take(), -EADDRNOTAVAIL);
	put(40000);
	ck_assert_int_eq(take(), 40000);
	for (int port = FS_TCP_PORTS_FIRST; port <= FS_TCP_PORTS_LAST; port++)
		put(port);
}
END_TEST

START_TEST(one_port_serves_many_remotes)
{
	int port = take();

	for (int remote = 0; remote < 100; remote++) {
		memset(in_use, 0, sizeof(in_use));
		ck_assert_int_eq(take(), port);
	}
	for (int i = 0; i < 101; i++)
		put(port);
}
END_TEST

START_TEST(the_port_that_rested_longest_is_reused_first)
{
	int port[3];

	for (int i = 0; i < 3; i++)
		port[i] = take();
	put(port[1]);
	put(port[0]);
	put(port[2]);
	ck_assert_int_eq(take(), port[1]);
	ck_assert_int_eq(take(), port[0]);
	ck_assert_int_eq(take(), port[2]);
	for (int i = 0; i < 3; i++)
		put(port[i]);
}
END_TEST

/* One more connection, which is over at once. */
static int take_and_rest(bool rests[65536])
{
	const int port = take();

	ck_assert_int_gt(port, 0);
	fs_tcp_ports_rest(ports, AF_INET, ip4, (uint16_t)port);
	if (rests[port])	/* what was there in TIME-WAIT has given way */
		fs_tcp_ports_put(ports, AF_INET, ip4, (uint16_t)port, host.now_ns);
	rests[port] = true;
	return port;
}

/* Each rests for ten ticks: what ripens in time is enough for those to come. */
START_TEST(no_more_ports_are_held_than_rest_at_a_time)
{
	enum { TICKS = 300, REST = 10, LEAST = 40, MOST = LEAST + 40 };
	static int last[TICKS][MOST];
	static bool rests[65536];
	int held = 0;

	for (int t = 0; t < TICKS; t++) {
		for (int i = 0; t >= REST && i < MOST && last[t - REST][i]; i++)
			in_use[last[t - REST][i]] = false;
		for (int i = 0; i < LEAST + t % 3 * 20; i++)
			last[t][i] = take_and_rest(rests);
	}
	for (int port = 1; port < 65536; port++) {
		held += rests[port];
		if (rests[port])
			put(port);
	}
	ck_assert_int_le(held, REST * (LEAST + 20) + MOST);
}
END_TEST

START_TEST(a_wanted_port_is_shared_or_refused)
{
	ck_assert_int_eq(take_this(5000), 5000);
	in_use[5000] = true;
	ck_assert_int_eq(take_this(5000), -EADDRINUSE);
	in_use[5000] = false;
	ck_assert_int_eq(take_this(5000), 5000);
	put(5000);
	put(5000);
	in_use[80] = true;	/* a listener's */
	ck_assert_int_eq(take_this(80), -EADDRINUSE);
}
END_TEST

START_TEST(addresses_and_families_have_ports_of_their_own)
{
	ck_assert_int_eq(take_this(5000), 5000);
	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET, other_ip4, 5000, usable, in_use), 5000);
	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET6, ip6, 5000, usable, in_use), 5000);
	put(5000);
	fs_tcp_ports_put(ports, AF_INET, other_ip4, 5000, 0);
	fs_tcp_ports_put(ports, AF_INET6, ip6, 5000, 0);
}
END_TEST

START_TEST(an_idle_port_is_given_back_after_a_minute)
{
	int port;

	ck_assert_uint_eq(fs_tcp_ports_due(ports), FS_NEVER);
	port = take();
	ck_assert_uint_eq(fs_tcp_ports_due(ports), FS_NEVER);
	put(port);
	ck_assert_uint_eq(fs_tcp_ports_run(ports, 61 * SEC - 1), 61 * SEC);
	ck_assert_uint_eq(claims, 1);
	ck_assert_uint_eq(fs_tcp_ports_run(ports, 61 * SEC), FS_NEVER);
	ck_assert_uint_eq(claims, 0);
	test_check_fds(fds);
}
END_TEST

START_TEST(a_retired_port_is_for_nobody_and_goes_at_once)
{
	const int port = take();
	int other;

	ck_assert_int_eq(take_this((uint16_t)port), -EADDRINUSE);
	in_use[port] = false;
	fs_tcp_ports_retire(ports, AF_INET, ip4, (uint16_t)port);
	ck_assert_int_eq(take_this((uint16_t)port), -EADDRINUSE);
	other = take();
	ck_assert_int_ne(other, port);
	put(other);
	put(port);
	ck_assert_uint_eq(claims, 2);
	fs_tcp_ports_run(ports, host.now_ns);
	ck_assert_uint_eq(claims, 1);
}
END_TEST

START_TEST(a_port_in_use_again_is_not_given_back)
{
	int port = take();

	put(port);
	ck_assert_int_eq(take(), port);
	ck_assert_uint_eq(fs_tcp_ports_run(ports, 3600 * SEC), FS_NEVER);
	ck_assert_uint_eq(claims, 1);
	put(port);
}
END_TEST

START_TEST(too_many_idle_ports_go_at_once_but_a_few_at_a_time)
{
	const int more = 100;
	uint64_t due, now = host.now_ns;
	int runs = 0;

	for (int i = 0; i < FS_TCP_PORTS_IDLE_MAX + more; i++)
		ck_assert_int_gt(take(), 0);
	for (int port = FS_TCP_PORTS_FIRST; port <= FS_TCP_PORTS_LAST; port++)
		if (in_use[port])
			put(port);
	while ((due = fs_tcp_ports_due(ports)) < 61 * SEC) {
		now = MAX(now, due);
		ck_assert_uint_gt(fs_tcp_ports_run(ports, now), now);
		runs++;
	}
	ck_assert_uint_eq(due, 61 * SEC);
	ck_assert_int_eq(runs, more / 4);
}
END_TEST

/* Another socket of this host cannot bind what is held, with or without sharing. */
static int bind_kernel(uint16_t port, int reuse)
{
	struct fs_addr addr = { .family = AF_INET, .port = port };
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0), err = 0;

	memcpy(addr.ip, ip4, 16);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	if (bind(fd, (struct sockaddr *)&sa, (socklen_t)fs_addr_to_sockaddr(&addr, &sa)))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

START_TEST(the_kernel_gives_a_held_port_to_nobody_else)
{
	int port = take(), fd;

	ck_assert_int_gt(port, 0);
	ck_assert(claimed[1][port]);
	ck_assert_int_eq(bind_kernel((uint16_t)port, 0), -EADDRINUSE);
	ck_assert_int_eq(bind_kernel((uint16_t)port, 1), -EADDRINUSE);
	put(port);
	fs_tcp_ports_run(ports, 3600 * SEC);
	fd = bind_kernel((uint16_t)port, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(take_this((uint16_t)port), -EADDRINUSE);
	close(fd);
}
END_TEST

START_TEST(a_port_at_hand_costs_no_claim)
{
	for (int i = 0; i < 1000; i++)
		put(take());
	ck_assert_uint_eq(claims_ever, 1);
}
END_TEST

START_TEST(an_address_that_is_not_local_has_no_ports)
{
	const uint8_t far4[16] = { 192, 0, 2, 77 };
	const uint8_t far6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 77 };

	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET, far4, 0, usable, in_use),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET6, far6, 7, usable, in_use),
			 -EADDRNOTAVAIL);
	ck_assert_uint_eq(claims_ever, 0);
}
END_TEST

START_TEST(a_link_local_address_needs_no_interface)
{
	const uint8_t ll[16] = { 0xfe, 0x80, [15] = 1 };
	int port = fs_tcp_ports_take(ports, AF_INET6, ll, 0, usable, in_use);

	ck_assert_int_gt(port, 0);
	fs_tcp_ports_put(ports, AF_INET6, ll, (uint16_t)port, 0);
}
END_TEST

START_TEST(a_port_that_another_process_steers_is_passed_over)
{
	claim_err = -EADDRINUSE;
	ck_assert_int_eq(take_this(45678), -EADDRINUSE);
	claims_ever = 0;
	ck_assert_int_eq(take(), -EADDRNOTAVAIL);
	ck_assert_uint_eq(claims_ever, 8);
	test_check_fds(fds);
}
END_TEST

START_TEST(a_failure_is_not_repeated_within_a_second)
{
	int port = take();

	claim_err = -ENOSPC;
	ck_assert_int_eq(take(), -ENOSPC);
	ck_assert_int_eq(take(), -ENOSPC);
	ck_assert_uint_eq(claims_ever, 2);
	host.now_ns += SEC;
	ck_assert_int_eq(take(), -ENOSPC);
	ck_assert_uint_eq(claims_ever, 3);
	put(port);
}
END_TEST

START_TEST(a_port_nobody_may_use_is_not_kept)
{
	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET, ip4, 0, never, NULL), -EADDRNOTAVAIL);
	ck_assert_int_eq(fs_tcp_ports_take(ports, AF_INET, ip4, 45678, never, NULL), -EADDRINUSE);
	ck_assert_uint_eq(claims_ever, 0);
	test_check_fds(fds);
}
END_TEST

/* The kernel's own choice beyond half its range takes milliseconds, each. */
START_TEST(in_a_crowd_a_new_port_is_still_found)
{
	const int n = 15000;
	struct rlimit before;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	if (before.rlim_max < (rlim_t)n + 100) {
		fprintf(stderr, "not tried: it needs %d descriptors\n", n + 100);
		return;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE,
				   &(struct rlimit){ before.rlim_max, before.rlim_max }), 0);
	for (int i = 0; i < n; i++)
		ck_assert_int_gt(take(), 0);
	ck_assert_uint_ge(claims, n);
	ck_assert_uint_le(claims, n + 15);	/* reserved together with others */
	for (int port = 1; port < 65536; port++)
		if (in_use[port])
			put(port);
	fs_tcp_ports_close(ports);
	ck_assert_int_eq(fs_tcp_ports_open(&ports, &host), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

static int complaints;

static void count_complaint(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	ck_assert_int_eq(level, FS_LOG_WARN);
	ck_assert_ptr_nonnull(strstr(text, "ulimit -n"));
	complaints++;
}

START_TEST(without_descriptors_the_last_usable_port_is_found)
{
	struct rlimit before;
	int n = 0, port, last = 0;

	host.log.fn = count_complaint;
	complaints = 0;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, before.rlim_max }), 0);
	while ((port = take()) > 0) {
		last = port;
		n++;
	}
	ck_assert_int_eq(port, -EMFILE);
	ck_assert_int_gt(n, 50);
	ck_assert_int_eq(complaints, 1);
	/* Another remote: all but one of them are in use there. */
	in_use[last] = false;
	ck_assert_int_eq(take(), last);
	put(last);
	for (port = 1; port < 65536; port++)
		if (in_use[port] || port == last)
			put(port);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

static void add_kernel_tests(TCase *tc)
{
	tcase_add_test(tc, an_idle_port_is_given_back_after_a_minute);
	tcase_add_test(tc, a_retired_port_is_for_nobody_and_goes_at_once);
	tcase_add_test(tc, a_port_in_use_again_is_not_given_back);
	tcase_add_test(tc, the_kernel_gives_a_held_port_to_nobody_else);
	tcase_add_test(tc, a_port_at_hand_costs_no_claim);
	tcase_add_test(tc, an_address_that_is_not_local_has_no_ports);
	tcase_add_test(tc, a_link_local_address_needs_no_interface);
	tcase_add_test(tc, a_port_that_another_process_steers_is_passed_over);
	tcase_add_test(tc, a_failure_is_not_repeated_within_a_second);
	tcase_add_test(tc, a_port_nobody_may_use_is_not_kept);
	tcase_add_test(tc, in_a_crowd_a_new_port_is_still_found);
	tcase_add_test(tc, without_descriptors_the_last_usable_port_is_found);
}

static void add_both(TCase *tc)
{
	tcase_add_test(tc, one_port_serves_many_remotes);
	tcase_add_test(tc, the_port_that_rested_longest_is_reused_first);
	tcase_add_test(tc, no_more_ports_are_held_than_rest_at_a_time);
	tcase_add_test(tc, a_wanted_port_is_shared_or_refused);
	tcase_add_test(tc, addresses_and_families_have_ports_of_their_own);
}

int main(void)
{
	Suite *suite = suite_create("tcp/ports");
	TCase *numbers = tcase_create("numbers"), *kernel = tcase_create("kernel");

	tcase_add_checked_fixture(numbers, setup_numbers, teardown);
	tcase_add_test(numbers, numbers_come_from_the_range_and_differ_by_seed);
	tcase_add_test(numbers, every_number_of_the_range_can_be_taken_and_no_more);
	tcase_add_test(numbers, too_many_idle_ports_go_at_once_but_a_few_at_a_time);
	tcase_set_timeout(numbers, 60);
	add_both(numbers);
	suite_add_tcase(suite, numbers);
	tcase_set_timeout(kernel, 60);
	tcase_add_checked_fixture(kernel, setup_kernel, teardown);
	add_both(kernel);
	add_kernel_tests(kernel);
	suite_add_tcase(suite, kernel);
	return suite_run(suite);
}
