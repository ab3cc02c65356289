// SPDX-License-Identifier: BSD-2-Clause
/*
 * A hundred runs of transfers of mixed sizes, both ways at once, in every
 * weather: each byte is right, each connection ends in a state that RFC 9293
 * allows, and nothing is left.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/talk.h"
#include "tests/lib/tcp_check.h"
#include "tests/lib/suite.h"

enum {
	RUNS = 100,
	CONNECTIONS = 6,
	BYTES = 12000000,
};

static struct test_net net;
static struct talk talks[CONNECTIONS];

static const uint32_t losses_ppm[] = { 0, 1000, 10000, 50000 };

/* Each run another weather: all four losses, with and without the rest. */
static struct fs_fault_odds weather(unsigned int run)
{
	struct fs_fault_odds odds = { .loss_ppm = losses_ppm[run % ARRAY_SIZE(losses_ppm)] };
	const unsigned int rest = run / ARRAY_SIZE(losses_ppm);

	if (rest & 1)
		odds.reorder_ppm = 50000;
	if (rest & 2)
		odds.duplicate_ppm = 20000;
	if (rest & 4)
		odds.burst_begin_ppm = 1000;
	if (rest & 8) {
		odds.corrupt_ppm = 2000;
		odds.truncate_ppm = 1000;
	}
	return odds;
}

static void has_ended_in_order(const struct talk_end *end)
{
	const enum fs_tcp_state state = end->tcp->flow.state;

	ck_assert_int_eq(end->error, 0);
	ck_assert(end->eof && end->shut);
	ck_assert_uint_eq(end->received, end->to_receive);
	/* Both FINs are sent, the peer's has come; TIME-WAIT is apart by then. */
	ck_assert(state == FS_TCP_CLOSING || state == FS_TCP_LAST_ACK || state == FS_TCP_CLOSED);
}

START_TEST(every_byte_arrives_and_nothing_is_left)
{
	static const char *const cc[] = { "cubic", "newreno", "dctcp" };
	const unsigned int run = (unsigned int)_i;
	const struct fs_sim_link link = {
		.delay_ns = (1 + run % 7) * 2 * NSEC_PER_MSEC, .jitter_ns = run % 2 * 100000,
		.rate_bps = 100000000, .queue_pkts = run % 5 ? 1000 : 30,
	};
	const struct fs_fault_odds odds = weather(run);
	const struct test_net_opts opts = {
		.seed = 1000 + run, .frames = run % 3 ? 4096 : 700,
		.wire = { .a_to_b = link, .b_to_a = link, .ring_size = 128 },
		.a_to_b = odds, .b_to_a = odds,
	};

	test_net_open(&net, &opts);
	talk_open(&net, talks, CONNECTIONS, &(struct talk_opts){
		.a_bytes = BYTES, .b_bytes = BYTES, .mixed_seed = 1 + run,
		.ipv6 = run % 2, .copying = run / 2 % 2, .ecn = run % 2, .cc = cc[run % ARRAY_SIZE(cc)],
	});
	ck_assert_uint_eq(talk_run(&net, 900 * NSEC_PER_SEC), CONNECTIONS);
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		has_ended_in_order(&talks[i].a);
		has_ended_in_order(&talks[i].b);
	}
	talk_close(&net);
	ck_assert_ptr_null(tcp_check_empty(net.a.stack->tcp));
	ck_assert_ptr_null(tcp_check_empty(net.b.stack->tcp));
	test_net_close(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/transfer");
	TCase *tc = tcase_create("transfer");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_byte_arrives_and_nothing_is_left, 0, RUNS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
