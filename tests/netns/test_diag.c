// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_diag.c - what connections the kernel has, in a namespace of its own.
 *
 * They are made as TCP_REPAIR makes them: established at once, without anybody at
 * the other end.
 */
#include <arpa/inet.h>
#include <check.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/csum.h"
#include "nl/diag.h"
#include "tests/lib/suite.h"

enum {
	PORT = 8080,
	MANY = 900,
};

static int diag;

static void setup(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(system("ip link set lo up && ip link add d0 type veth peer name d1 && "
				"ip addr add 10.9.0.1/24 dev d0 && ip link set d0 up && "
				"ip link set d1 up && ip addr add fd09::1/64 dev d0 nodad"), 0);
	diag = fs_nl_diag_open();
	ck_assert_int_ge(diag, 0);
}

static void teardown(void)
{
	close(diag);
}

static void set(int fd, int level, int option, int value)
{
	ck_assert_int_eq(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

static struct sockaddr_in6 address(const char *text, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in *four = (struct sockaddr_in *)&sa;

	if (inet_pton(AF_INET6, text, &sa.sin6_addr))
		return sa;
	sa = (struct sockaddr_in6){ 0 };
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	ck_assert_int_eq(inet_pton(AF_INET, text, &four->sin_addr), 1);
	return sa;
}

static int connection(const char *from, const char *to, uint16_t to_port)
{
	const struct sockaddr_in6 here = address(from, PORT), there = address(to, to_port);
	const int fd = socket(here.sin6_family, SOCK_STREAM, 0);

	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&there, sizeof(there)), 0);
	return fd;
}

START_TEST(without_connections_there_are_none)
{
	const struct sockaddr_in6 any = address("::", PORT);
	int fd;

	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
	close(fd);
}
END_TEST

static const char *const pairs[][2] = {
	{ "10.9.0.1", "10.9.0.2" }, { "fd09::1", "fd09::2" }, { "::ffff:10.9.0.1", "::ffff:10.9.0.2" },
};

START_TEST(a_socket_that_is_only_bound_is_none)
{
	const struct sockaddr_in6 here = address("10.9.0.1", (uint16_t)(PORT + _i));
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
	close(fd);
}
END_TEST

START_TEST(one_is_found_whatever_its_family)
{
	const int fd = connection(pairs[_i][0], pairs[_i][1], 999);

	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 1);
	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT + 1), 0);
	close(fd);
	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
}
END_TEST

static const char *const locals[][2] = {
	{ "127.0.0.1", "127.0.0.2" }, { "::1", "::1" }, { "10.9.0.1", "10.9.0.1" },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.1" },
};

START_TEST(what_stays_in_this_host_never_comes_by_the_wire)
{
	const int fd = connection(locals[_i][0], locals[_i][1], 999);

	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
	close(fd);
}
END_TEST

/* It comes in several pieces; the next is to the next question. */
/* A SYN out of d1, to whoever listens behind d0. Its SYN-ACK finds nobody. */
static void send_syn(void)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} syn = {
		.ip = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
			.tot_len = htons(sizeof(syn)), .saddr = inet_addr("10.9.0.2"),
			.daddr = inet_addr("10.9.0.1"),
		},
		.tcp = {
			.source = htons(999), .dest = htons(PORT), .doff = 5, .syn = 1,
			.window = htons(1000),
		},
	};
	struct {
		uint32_t saddr, daddr;
		uint16_t protocol, len;
		struct tcphdr tcp;
	} summed = { syn.ip.saddr, syn.ip.daddr, htons(IPPROTO_TCP), htons(sizeof(syn.tcp)), syn.tcp };
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("d1"), .sll_halen = ETH_ALEN,
	};
	const int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	struct ifreq d0 = { .ifr_name = "d0" };

	ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &d0), 0);
	memcpy(to.sll_addr, d0.ifr_hwaddr.sa_data, ETH_ALEN);
	syn.ip.check = (uint16_t)~fs_csum_fold(fs_csum_add(0, &syn.ip, sizeof(syn.ip)));
	syn.tcp.check = (uint16_t)~fs_csum_fold(fs_csum_add(0, &summed, sizeof(summed)));
	ck_assert_int_eq(sendto(fd, &syn, sizeof(syn), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(syn));
	close(fd);
}

START_TEST(a_handshake_is_one)
{
	const struct sockaddr_in6 here = address("10.9.0.1", PORT);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	int found = 0;

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	send_syn();
	for (int ms = 0; ms < 5000 && !found; ms++, usleep(1000))
		found = fs_nl_diag_tcp(diag, PORT);
	ck_assert_int_eq(found, 1);
	close(fd);
}
END_TEST

START_TEST(a_long_answer_is_read_to_its_end)
{
	static int fds[MANY];
	int number, next;

	for (int i = 0; i < MANY; i++)
		fds[i] = connection("10.9.0.1", "10.9.0.2", (uint16_t)(20000 + i));
	number = dup(0);
	close(number);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 1);
		ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT + 1), 0);
	}
	next = dup(0);
	ck_assert_int_eq(next, number);		/* nothing was left open */
	close(next);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	ck_assert_int_eq(fs_nl_diag_tcp(diag, PORT), 0);
}
END_TEST

START_TEST(without_a_socket_the_kernel_does_not_say)
{
	ck_assert_int_lt(fs_nl_diag_tcp(-1, PORT), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/diag");
	TCase *tc = tcase_create("diag");

	if (geteuid()) {
		printf("skip: needs root for a network namespace\n");
		return 77;
	}
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, without_connections_there_are_none);
	tcase_add_loop_test(tc, a_socket_that_is_only_bound_is_none, 0, 2);
	tcase_add_loop_test(tc, one_is_found_whatever_its_family, 0, 3);
	tcase_add_loop_test(tc, what_stays_in_this_host_never_comes_by_the_wire, 0, 4);
	tcase_add_test(tc, a_handshake_is_one);
	tcase_add_test(tc, a_long_answer_is_read_to_its_end);
	tcase_add_test(tc, without_a_socket_the_kernel_does_not_say);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
