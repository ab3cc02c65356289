// SPDX-License-Identifier: BSD-2-Clause
/* TCP between two stacks on one wire: every byte, in all weathers. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/talk.h"
#include "tests/lib/suite.h"

static struct test_net net;

static void talk_in(const struct test_net_opts *opts, const struct talk_opts *how,
		    unsigned int n)
{
	struct talk *talks = calloc(n, sizeof(*talks));
	unsigned int over;

	test_net_open(&net, opts);
	talk_open(&net, talks, n, how);
	over = talk_run(&net, 600 * NSEC_PER_SEC);
	ck_assert_uint_eq(over, n);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(talks[i].a.error, 0);
		ck_assert_int_eq(talks[i].b.error, 0);
		ck_assert(talks[i].a.received == how->b_bytes);
		ck_assert(talks[i].b.received == how->a_bytes);
	}
	talk_close(&net);
	test_net_close(&net);
	free(talks);
}

START_TEST(bytes_arrive_both_ways_and_both_ends_close)
{
	talk_in(NULL, &(struct talk_opts){ .a_bytes = 100000, .b_bytes = 200000 }, 1);
	talk_in(NULL, &(struct talk_opts){ .a_bytes = 1, .ipv6 = true }, 1);
	talk_in(NULL, &(struct talk_opts){ .b_bytes = 70000, .copying = true }, 1);
}
END_TEST

static const struct fs_fault_odds weathers[] = {
	{ .loss_ppm = 1000 },
	{ .loss_ppm = 10000 },
	{ .loss_ppm = 50000 },
	{ .reorder_ppm = 50000 },
	{ .duplicate_ppm = 50000 },
	{ .corrupt_ppm = 20000 },
	{ .burst_begin_ppm = 2000 },
	{ .loss_ppm = 10000, .reorder_ppm = 50000, .duplicate_ppm = 10000 },
};

START_TEST(bytes_arrive_in_bad_weather)
{
	const struct fs_fault_odds *odds = &weathers[_i];
	const char *cc[] = { "cubic", "newreno", "dctcp" };

	for (uint64_t seed = 1; seed <= 4; seed++) {
		const struct test_net_opts opts = {
			.seed = seed, .a_to_b = *odds, .b_to_a = *odds,
			.wire = { .a_to_b.delay_ns = 5 * NSEC_PER_MSEC,
				  .b_to_a.delay_ns = 5 * NSEC_PER_MSEC },
		};

		talk_in(&opts, &(struct talk_opts){
			.a_bytes = 300000, .b_bytes = 100000, .ipv6 = seed % 2,
			.copying = seed % 3 == 0, .cc = cc[seed % 3] }, 1 + (unsigned int)seed % 3);
	}
}
END_TEST

START_TEST(many_connections_share_a_wire)
{
	const struct test_net_opts opts = {
		.frames = 4096,
		.wire = { .a_to_b = { .delay_ns = NSEC_PER_MSEC, .rate_bps = 1000000000 },
			  .b_to_a = { .delay_ns = NSEC_PER_MSEC, .rate_bps = 1000000000 } },
	};

	talk_in(&opts, &(struct talk_opts){ .a_bytes = 5000, .b_bytes = 5000 }, 500);
}
END_TEST

START_TEST(connection_to_a_silent_neighbour_ends_soon)
{
	const struct test_net_opts opts = { .no_neigh = true };
	struct fs_tcp_connect_opts connect = { .sz = sizeof(connect) };
	struct fs_event event;
	struct fs_tcp *tcp;

	test_net_open(&net, &opts);
	connect.remote = test_with_port(net.b.ip4, 7);
	ck_assert_int_eq(fs_tcp_connect(&tcp, net.a.stack, &connect), 0);
	test_net_run(&net, 4 * NSEC_PER_SEC);
	ck_assert_int_eq(fs_stack_events(net.a.stack, &event, 1), 1);
	ck_assert_int_eq(event.type, FS_EV_ERROR);
	ck_assert_int_eq(event.error, -EHOSTUNREACH);
	fs_tcp_close(tcp);
	test_net_close(&net);
}
END_TEST

static void choose_tos_and_ttl(struct fs_tcp *tcp)
{
	ck_assert_int_eq(fs_tcp_get(tcp, FS_TCP_TOS), 0);
	ck_assert_int_eq(fs_tcp_get(tcp, FS_TCP_TTL), 64);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TOS, 256), -EINVAL);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TOS, -1), -EINVAL);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TTL, 0), -EINVAL);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TTL, 256), -EINVAL);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TOS, 0xbb), 0);
	ck_assert_int_eq(fs_tcp_set(tcp, FS_TCP_TTL, 9), 0);
	ck_assert_int_eq(fs_tcp_get(tcp, FS_TCP_TOS), 0xb8);
	ck_assert_int_eq(fs_tcp_get(tcp, FS_TCP_TTL), 9);
}

/* The last column: that the ECN bits are TCP's own. */
static const struct {
	bool ipv6, ecn;
	uint8_t arrives;
} marked[] = {
	{ false, false, 0xb8 }, { true, false, 0xb8 }, { false, true, 0xba }, { true, true, 0xba },
};

START_TEST(what_is_sent_has_the_tos_and_ttl_that_were_chosen)
{
	struct fs_tcp_listen_opts listen = { .sz = sizeof(listen), .local.port = 7 };
	struct fs_tcp_connect_opts connect = { .sz = sizeof(connect), .ecn = marked[_i].ecn };
	struct fs_tcp_listener *listener;
	struct fs_tcp *from, *to;
	struct fs_buf *buf;

	test_net_open(&net, NULL);
	connect.remote = test_with_port(marked[_i].ipv6 ? net.b.ip6 : net.b.ip4, 7);
	ck_assert_int_eq(fs_tcp_listen(&listener, net.b.stack, &listen), 0);
	ck_assert_int_eq(fs_tcp_connect(&from, net.a.stack, &connect), 0);
	test_net_run(&net, NSEC_PER_SEC);
	ck_assert_uint_eq(fs_tcp_accept(listener, &to, 1), 1);
	choose_tos_and_ttl(from);
	ck_assert_int_eq(fs_tcp_send(from, "x", 1), 1);
	test_net_run(&net, NSEC_PER_SEC);
	ck_assert_int_eq(fs_tcp_recv_zc(to, &buf, 1), 1);
	ck_assert_uint_eq(buf->tos, marked[_i].arrives);
	ck_assert_uint_eq(buf->ttl, 9);
	fs_buf_release(&buf, 1);
	fs_tcp_close(from);
	fs_tcp_close(to);
	fs_tcp_listener_close(listener);
	test_net_run(&net, 300 * NSEC_PER_SEC);
	test_net_close(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/tcp");
	TCase *tc = tcase_create("tcp");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bytes_arrive_both_ways_and_both_ends_close);
	tcase_add_loop_test(tc, bytes_arrive_in_bad_weather, 0, ARRAY_SIZE(weathers));
	tcase_add_test(tc, many_connections_share_a_wire);
	tcase_add_test(tc, connection_to_a_silent_neighbour_ends_soon);
	tcase_add_loop_test(tc, what_is_sent_has_the_tos_and_ttl_that_were_chosen, 0,
			    ARRAY_SIZE(marked));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
