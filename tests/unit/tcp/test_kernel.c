// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_kernel.c - connections that the kernel has, behind the public calls: on
 * loopback, with a stack that has no wire at all.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tcp/kernel.h"
#include "tests/unit/tcp/door.h"
#include "tests/lib/suite.h"

enum { MUCH = 16 << 20 };	/* more than loopback holds */

static uint8_t bytes[65536];

static void setup(void)
{
	door_open(AF_INET);
	door_connect();
}

static void setup_bare(void)
{
	door_open(AF_INET);
}

static void from_client(size_t len, uint64_t at)
{
	door_fill(bytes, len, at);
	ck_assert_int_eq(send(d.client, bytes, len, 0), (ssize_t)len);
}

static struct fs_tcp_info info(void)
{
	struct fs_tcp_info i = { .sz = sizeof(i) };

	ck_assert_int_eq(fs_tcp_info(d.tcp, &i), 0);
	return i;
}

/* Wait until @fd has something to read, or the end. */
static void readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, 2000), 1);
}

/* --- accept ------------------------------------------------------------------------------- */

START_TEST(an_accepted_connection_knows_its_ends)
{
	struct fs_addr local = fs_tcp_local(d.tcp), remote = fs_tcp_remote(d.tcp);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr name;

	ck_assert_int_eq(getsockname(d.client, (struct sockaddr *)&sa, &len), 0);
	fs_addr_from_sockaddr(&name, (struct sockaddr *)&sa, len);
	ck_assert_mem_eq(&name, &remote, sizeof(name));
	ck_assert_uint_eq(local.port, d.port);
	ck_assert_uint_eq(local.ip[0], 127);
	ck_assert_int_eq(info().state, FS_TCP_ESTABLISHED);
	ck_assert_uint_eq(d.stack->host.stats.tcp_kernel, 1);
	ck_assert_ptr_eq(fs_tcp_user(d.tcp), &d.tcp);
}
END_TEST

START_TEST(no_more_are_accepted_than_asked_for)
{
	struct fs_tcp *tcp[8];
	int client[5];

	for (int i = 0; i < 5; i++)
		client[i] = door_client("127.0.0.1");
	ck_assert_ptr_eq(door_expect(FS_EV_ACCEPT).user, &d);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, tcp, 2), 2);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, tcp + 2, 6), 3);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, tcp + 5, 1), 0);
	for (int i = 0; i < 5; i++) {
		fs_tcp_close(tcp[i]);
		close(client[i]);
	}
}
END_TEST

START_TEST(data_that_came_before_accept_is_told_after_it)
{
	d.client = door_client("127.0.0.1");
	door_expect(FS_EV_ACCEPT);
	from_client(100, 0);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, &d.tcp, 1), 1);
	door_expect(FS_EV_READABLE);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 100);
}
END_TEST

START_TEST(a_listener_of_both_families_shows_ipv4_as_ipv4)
{
	door_close();
	door_open(AF_UNSPEC);
	door_connect();
	ck_assert_uint_eq(fs_tcp_remote(d.tcp).family, AF_INET);
	ck_assert_uint_eq(fs_tcp_local(d.tcp).family, AF_INET);
	fs_tcp_close(d.tcp);
	close(d.client);
	d.client = door_client("::1");
	door_expect(FS_EV_ACCEPT);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, &d.tcp, 1), 1);
	ck_assert_uint_eq(fs_tcp_remote(d.tcp).family, AF_INET6);
}
END_TEST

START_TEST(without_descriptors_a_connection_waits_and_is_told_again)
{
	struct rlimit before;

	d.client = door_client("127.0.0.1");
	door_expect(FS_EV_ACCEPT);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, before.rlim_max }), 0);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, &d.tcp, 1), 0);
	ck_assert_ptr_nonnull(strstr(d.log, "ulimit -n"));
	door_expect_nothing();
	door_pass(100 * NSEC_PER_MSEC);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	door_expect(FS_EV_ACCEPT);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, &d.tcp, 1), 1);
}
END_TEST

START_TEST(an_accepted_connection_outlives_its_listener)
{
	fs_tcp_listener_close(d.listener);
	d.listener = NULL;
	from_client(10, 0);
	door_expect(FS_EV_READABLE);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 10);
}
END_TEST

START_TEST(what_was_not_accepted_is_reset_with_the_listener)
{
	d.client = door_client("127.0.0.1");
	door_expect(FS_EV_ACCEPT);
	fs_tcp_listener_close(d.listener);
	d.listener = NULL;
	ck_assert_int_eq(door_client_read(0), -ECONNRESET);
}
END_TEST

START_TEST(the_stack_closes_what_is_open)
{
	d.tcp = NULL;	/* forgotten by the application: door_close() checks */
}
END_TEST

/* --- receive --------------------------------------------------------------------------------- */

START_TEST(data_is_told_once_and_read)
{
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), -EAGAIN);
	from_client(1000, 0);
	ck_assert_ptr_eq(door_expect(FS_EV_READABLE).user, &d.tcp);
	door_expect_nothing();
	ck_assert_uint_eq(info().readable, 1000);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, 300), 300);
	door_check(bytes, 300, 0);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 700);
	door_check(bytes, 700, 300);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), -EAGAIN);
	from_client(1, 1000);
	door_expect(FS_EV_READABLE);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, 0), 0);
}
END_TEST

START_TEST(data_is_lent_in_frames)
{
	struct fs_buf *bufs[64];
	uint64_t at = 0;
	int n;

	from_client(sizeof(bytes), 0);
	door_expect(FS_EV_READABLE);
	while ((n = fs_tcp_recv_zc(d.tcp, bufs, 64)) > 0) {
		for (int i = 0; i < n; i++) {
			ck_assert_uint_gt(bufs[i]->len, 0);
			ck_assert_uint_eq(bufs[i]->flags, FS_BUF_KERNEL);
			door_check(bufs[i]->data, bufs[i]->len, at);
			at += bufs[i]->len;
		}
		fs_buf_release(bufs, (size_t)n);
	}
	ck_assert_int_eq(n, -EAGAIN);
	ck_assert_uint_eq(at, sizeof(bytes));
}
END_TEST

START_TEST(without_frames_it_is_lent_on_the_heap)
{
	struct fs_buf *frames[64], *buf;
	unsigned int n = 0;

	while ((buf = fs_buf_alloc(d.stack, 100)))
		frames[n++] = buf;
	from_client(100, 0);
	door_expect(FS_EV_READABLE);
	ck_assert_int_eq(fs_tcp_recv_zc(d.tcp, &buf, 1), 1);
	ck_assert_uint_eq(buf->len, 100);
	fs_buf_release(&buf, 1);
	fs_buf_release(frames, n);
}
END_TEST

START_TEST(end_of_stream_is_told_once_and_the_other_half_goes_on)
{
	from_client(10, 0);
	shutdown(d.client, SHUT_WR);
	door_expect(FS_EV_READABLE);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 10);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(info().state, FS_TCP_CLOSE_WAIT);
	door_fill(bytes, 50, 0);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 50), 50);
	ck_assert_int_eq(fs_tcp_shutdown(d.tcp), 0);
	readable(d.client);
	ck_assert_int_eq(door_client_read(0), 50);
	ck_assert_int_eq(door_client_read(50), 0);
	door_expect_nothing();
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 0);
}
END_TEST

START_TEST(a_reset_is_an_error_once)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(d.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(d.client);
	d.client = -1;
	ck_assert_int_eq(door_expect(FS_EV_ERROR).error, -ECONNRESET);
	door_expect_nothing();
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), -ECONNRESET);
	ck_assert_int_eq(fs_tcp_recv(d.tcp, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 1), -EPIPE);
	ck_assert_int_eq(info().state, FS_TCP_CLOSED);
}
END_TEST

/* --- send ------------------------------------------------------------------------------------- */

/* Until it is refused; how many bytes it took. */
static uint64_t send_until_full(void)
{
	uint64_t at = 0;
	ssize_t n;

	for (;;) {
		door_fill(bytes, sizeof(bytes), at);
		n = fs_tcp_send(d.tcp, bytes, sizeof(bytes));
		if (n < 0)
			break;
		ck_assert_int_gt(n, 0);
		at += (uint64_t)n;
		ck_assert_uint_lt(at, MUCH);
	}
	ck_assert_int_eq(n, -EAGAIN);
	return at;
}

static uint64_t client_reads_all(uint64_t at)
{
	struct pollfd p = { .fd = d.client, .events = POLLIN };
	ssize_t n;

	while (poll(&p, 1, 100) == 1 && (n = door_client_read(at)) > 0)
		at += (uint64_t)n;
	return at;
}

START_TEST(a_refused_send_is_told_when_there_is_room)
{
	uint64_t sent = send_until_full();

	ck_assert_uint_eq(fs_tcp_send_space(d.tcp), 0);
	ck_assert_uint_gt(info().queued, 0);
	door_expect_nothing();
	ck_assert_uint_eq(client_reads_all(0), sent);
	door_expect(FS_EV_WRITABLE);
	ck_assert_uint_gt(fs_tcp_send_space(d.tcp), 0);
	door_fill(bytes, 1000, sent);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 1000), 1000);
	ck_assert_uint_eq(client_reads_all(sent), sent + 1000);
	door_expect_nothing();
}
END_TEST

/* Frames of the stream from @at on; how many bytes were taken. Stops at the first refusal. */
static uint64_t send_zc_until_full(uint64_t at)
{
	const uint64_t limit = at + MUCH;
	struct fs_buf *bufs[24];

	for (;;) {
		int n;

		for (unsigned int i = 0; i < 24; i++) {
			bufs[i] = fs_buf_alloc(d.stack, 1500);
			ck_assert_ptr_nonnull(bufs[i]);
			door_fill(bufs[i]->data, 1500, at + i * 1500);
		}
		n = fs_tcp_send_zc(d.tcp, bufs, 24);
		if (n < 24)
			fs_buf_release(bufs + MAX(n, 0), (size_t)(24 - MAX(n, 0)));
		if (n <= 0) {
			ck_assert_int_eq(n, -EAGAIN);
			return at;
		}
		at += (uint64_t)n * 1500;
		ck_assert_uint_lt(at, limit);
	}
}

START_TEST(buffers_are_sent_whole_whatever_the_kernel_takes)
{
	uint64_t at = 0, got = 0;

	for (int i = 0; i < 4; i++) {
		at = send_zc_until_full(at);
		got = client_reads_all(got);
		door_expect(FS_EV_WRITABLE);
	}
	ck_assert_uint_eq(client_reads_all(got), at);
	ck_assert_ptr_null(d.tcp->kernel->unsent);
}
END_TEST

/* More than the kernel takes, so that a buffer goes in part. How many bytes. */
static uint64_t send_in_part(void)
{
	uint64_t at = send_zc_until_full(0);

	ck_assert_ptr_nonnull(d.tcp->kernel->unsent);
	return at;
}

/* The client reads, the stack runs, up to the end. How many bytes; *end is 0 or -errno. */
static uint64_t read_to_the_end(ssize_t *end)
{
	struct pollfd p = { .fd = d.client, .events = POLLIN };
	uint64_t at = 0;

	for (int i = 0; i < 10000; i++) {
		door_wait(0);
		if (!poll(&p, 1, 10))
			continue;
		*end = door_client_read(at);
		if (*end <= 0)
			return at;
		at += (uint64_t)*end;
	}
	ck_abort_msg("no end after %llu bytes", (unsigned long long)at);
	return 0;
}

static bool all_gone(void)
{
	return !d.stack->tcp->kernel;
}

static void close_tcp(void)
{
	fs_tcp_close(d.tcp);
	d.tcp = NULL;
}

START_TEST(shutdown_waits_for_the_rest_of_a_buffer)
{
	uint64_t sent = send_in_part();
	ssize_t end;

	ck_assert_int_eq(fs_tcp_shutdown(d.tcp), 0);
	ck_assert_int_eq(fs_tcp_shutdown(d.tcp), 0);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 1), -EPIPE);
	ck_assert_uint_eq(fs_tcp_send_space(d.tcp), 0);
	ck_assert_uint_eq(read_to_the_end(&end), sent);
	ck_assert_int_eq(end, 0);
}
END_TEST

START_TEST(empty_buffers_are_refused)
{
	struct fs_buf *bufs[2] = { fs_buf_alloc(d.stack, 10), fs_buf_alloc(d.stack, 0) };

	door_fill(bufs[0]->data, 10, 0);
	ck_assert_int_eq(fs_tcp_send_zc(d.tcp, bufs, 2), 1);
	ck_assert_int_eq(fs_tcp_send_zc(d.tcp, bufs + 1, 1), -EINVAL);
	ck_assert_int_eq(fs_tcp_send_zc(d.tcp, bufs + 1, 0), 0);
	fs_buf_release(bufs + 1, 1);
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

START_TEST(close_is_in_order)
{
	door_fill(bytes, 100, 0);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 100), 100);
	close_tcp();
	ck_assert(all_gone());
	readable(d.client);
	ck_assert_int_eq(door_client_read(0), 100);
	readable(d.client);
	ck_assert_int_eq(door_client_read(100), 0);
}
END_TEST

START_TEST(close_waits_for_the_rest_of_a_buffer)
{
	uint64_t sent = send_in_part();
	ssize_t end;

	close_tcp();
	ck_assert(!all_gone());
	ck_assert_uint_eq(read_to_the_end(&end), sent);
	ck_assert_int_eq(end, 0);
	ck_assert(all_gone());
}
END_TEST

START_TEST(close_does_not_wait_for_ever)
{
	ssize_t end;

	send_in_part();
	close_tcp();
	door_pass(59 * NSEC_PER_SEC);
	ck_assert(!all_gone());
	door_pass(2 * NSEC_PER_SEC);
	ck_assert(all_gone());
	read_to_the_end(&end);
	ck_assert_int_eq(end, -ECONNRESET);
}
END_TEST

START_TEST(close_with_unread_data_resets)
{
	from_client(10, 0);
	door_expect(FS_EV_READABLE);
	close_tcp();
	readable(d.client);
	ck_assert_int_eq(door_client_read(0), -ECONNRESET);
}
END_TEST

START_TEST(a_linger_time_of_0_resets)
{
	ck_assert_int_eq(fs_tcp_set(d.tcp, FS_TCP_LINGER, 0), 0);
	ck_assert_int_eq(info().linger, 0);
	close_tcp();
	readable(d.client);
	ck_assert_int_eq(door_client_read(0), -ECONNRESET);
}
END_TEST

START_TEST(abort_resets)
{
	fs_tcp_abort(d.tcp);
	d.tcp = NULL;
	readable(d.client);
	ck_assert_int_eq(door_client_read(0), -ECONNRESET);
	ck_assert(all_gone());
}
END_TEST

START_TEST(after_the_linger_time_what_was_not_taken_is_reset)
{
	ssize_t end;

	send_until_full();
	ck_assert_int_eq(fs_tcp_set(d.tcp, FS_TCP_LINGER, 2), 0);
	close_tcp();
	door_pass(NSEC_PER_SEC);
	ck_assert(!all_gone());
	door_pass(NSEC_PER_SEC + NSEC_PER_MSEC);
	ck_assert(all_gone());
	read_to_the_end(&end);
	ck_assert_int_eq(end, -ECONNRESET);
}
END_TEST

START_TEST(a_linger_time_ends_when_both_have_closed)
{
	ssize_t end;

	ck_assert_int_eq(fs_tcp_set(d.tcp, FS_TCP_LINGER, 30), 0);
	close_tcp();
	ck_assert_uint_eq(read_to_the_end(&end), 0);
	ck_assert_int_eq(end, 0);
	ck_assert(!all_gone());
	close(d.client);
	d.client = -1;
	door_expect_nothing();
	ck_assert(all_gone());
}
END_TEST

/* --- options ------------------------------------------------------------------------------------ */

START_TEST(options_are_the_kernels)
{
	static const struct { enum fs_tcp_option option; int value; } good[] = {
		{ FS_TCP_NODELAY, 1 }, { FS_TCP_NODELAY, 0 }, { FS_TCP_CORK, 1 }, { FS_TCP_CORK, 0 },
		{ FS_TCP_KEEPALIVE, 30 }, { FS_TCP_KEEPALIVE, 0 }, { FS_TCP_KEEPINTVL, 5 },
		{ FS_TCP_KEEPCNT, 3 }, { FS_TCP_USER_TIMEOUT, 5000 }, { FS_TCP_SNDBUF, 30000 },
		{ FS_TCP_RCVBUF, 30000 },
	};
	static const struct { enum fs_tcp_option option; int value, err; } bad[] = {
		{ FS_TCP_KEEPALIVE, -1, -EINVAL }, { FS_TCP_KEEPALIVE, 40000, -EINVAL },
		{ FS_TCP_KEEPINTVL, 0, -EINVAL }, { FS_TCP_KEEPCNT, 0, -EINVAL },
		{ FS_TCP_KEEPCNT, 128, -EINVAL }, { FS_TCP_USER_TIMEOUT, -1, -EINVAL },
		{ FS_TCP_LINGER, -2, -EINVAL }, { FS_TCP_SNDBUF, 0, -EINVAL },
		{ FS_TCP_RCVBUF, -1, -EINVAL }, { FS_TCP_OPTION_COUNT, 1, -ENOPROTOOPT },
		{ (enum fs_tcp_option)0, 1, -ENOPROTOOPT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(fs_tcp_set(d.tcp, good[i].option, good[i].value), 0);
		ck_assert_int_eq(fs_tcp_get(d.tcp, good[i].option), good[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(fs_tcp_set(d.tcp, bad[i].option, bad[i].value), bad[i].err);
	ck_assert_int_eq(fs_tcp_get(d.tcp, FS_TCP_LINGER), -ENOPROTOOPT);
	ck_assert_int_eq(fs_tcp_get(d.tcp, FS_TCP_OPTION_COUNT), -ENOPROTOOPT);
}
END_TEST

START_TEST(congestion_control_is_the_kernels)
{
	ck_assert_int_eq(fs_tcp_set_cc(d.tcp, "newreno"), 0);
	ck_assert_str_eq(info().cc, "newreno");
	ck_assert_int_eq(fs_tcp_set_cc(d.tcp, "no such"), -ENOENT);
	ck_assert_str_eq(info().cc, "newreno");
}
END_TEST

START_TEST(info_is_of_the_kernel)
{
	struct fs_tcp_info i;

	door_fill(bytes, 1000, 0);
	from_client(300, 0);
	ck_assert_int_eq(fs_tcp_send(d.tcp, bytes, 1000), 1000);
	readable(d.client);
	door_expect(FS_EV_READABLE);
	i = info();
	ck_assert_uint_eq(i.readable, 300);
	ck_assert_uint_eq(i.bytes_received, 300);
	ck_assert_uint_gt(i.cwnd, 0);
	ck_assert_uint_gt(i.rto_us, 0);
	ck_assert_int_eq(i.linger, -1);
	ck_assert_uint_eq(i.mss, fs_tcp_mss(d.tcp));
	ck_assert_uint_gt(i.mss, 500);
	ck_assert_uint_le(i.mss, fs_stack_buf_room(d.stack));
	i.sz = 0;
	ck_assert_int_eq(fs_tcp_info(d.tcp, &i), -EINVAL);
}
END_TEST

static TCase *accepting(void)
{
	TCase *tc = tcase_create("accept");

	tcase_add_checked_fixture(tc, setup_bare, door_close);
	tcase_add_test(tc, no_more_are_accepted_than_asked_for);
	tcase_add_test(tc, data_that_came_before_accept_is_told_after_it);
	tcase_add_test(tc, a_listener_of_both_families_shows_ipv4_as_ipv4);
	tcase_add_test(tc, without_descriptors_a_connection_waits_and_is_told_again);
	tcase_add_test(tc, what_was_not_accepted_is_reset_with_the_listener);
	return tc;
}

static TCase *data(void)
{
	TCase *tc = tcase_create("data");

	tcase_add_checked_fixture(tc, setup, door_close);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, an_accepted_connection_knows_its_ends);
	tcase_add_test(tc, an_accepted_connection_outlives_its_listener);
	tcase_add_test(tc, data_is_told_once_and_read);
	tcase_add_test(tc, data_is_lent_in_frames);
	tcase_add_test(tc, without_frames_it_is_lent_on_the_heap);
	tcase_add_test(tc, end_of_stream_is_told_once_and_the_other_half_goes_on);
	tcase_add_test(tc, a_reset_is_an_error_once);
	tcase_add_test(tc, a_refused_send_is_told_when_there_is_room);
	tcase_add_test(tc, buffers_are_sent_whole_whatever_the_kernel_takes);
	tcase_add_test(tc, empty_buffers_are_refused);
	tcase_add_test(tc, options_are_the_kernels);
	tcase_add_test(tc, congestion_control_is_the_kernels);
	tcase_add_test(tc, info_is_of_the_kernel);
	return tc;
}

static TCase *ends(void)
{
	TCase *tc = tcase_create("end");

	tcase_add_checked_fixture(tc, setup, door_close);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, shutdown_waits_for_the_rest_of_a_buffer);
	tcase_add_test(tc, close_is_in_order);
	tcase_add_test(tc, close_waits_for_the_rest_of_a_buffer);
	tcase_add_test(tc, close_does_not_wait_for_ever);
	tcase_add_test(tc, close_with_unread_data_resets);
	tcase_add_test(tc, a_linger_time_of_0_resets);
	tcase_add_test(tc, abort_resets);
	tcase_add_test(tc, after_the_linger_time_what_was_not_taken_is_reset);
	tcase_add_test(tc, a_linger_time_ends_when_both_have_closed);
	tcase_add_test(tc, the_stack_closes_what_is_open);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("tcp/kernel");

	suite_add_tcase(suite, accepting());
	suite_add_tcase(suite, data());
	suite_add_tcase(suite, ends());
	return suite_run(suite);
}
