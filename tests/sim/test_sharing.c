// SPDX-License-Identifier: BSD-2-Clause
/*
 * Flows that share a bottleneck: how evenly, how full, how long the queue, and
 * what happens when the path itself changes.
 */
#include <check.h>
#include <stdio.h>

#include "tcp/conn.h"
#include "tests/lib/bulk.h"
#include "tests/lib/must.h"
#include "tests/lib/suite.h"

#define MBPS	1000000ull

static struct test_net net;
static struct bulk bulk;

static const char *const ccs[] = { "cubic", "newreno", "dctcp" };

static void open_on(const struct fs_sim_link *link, const struct bulk_opts *how)
{
	struct test_net_opts opts = {
		.seed = 7, .frames = 8192, .wire = { .a_to_b = *link, .b_to_a = *link },
	};

	opts.wire.b_to_a.mark_pkts = 0;
	test_net_open(&net, &opts);
	bulk_open(&bulk, &net, how);
}

static void close_all(void)
{
	bulk_close(&bulk, &net);
	test_net_close(&net);
}

/* (sum x)^2 / (n sum x^2) of what each got since: 1 is fair, 1/n is one alone. */
static double jain_since(const uint64_t *before)
{
	double sum = 0, squares = 0;

	for (unsigned int i = 0; i < bulk.opts.flows; i++) {
		const double x = (double)(bulk.received[i] - before[i]);

		sum += x;
		squares += x * x;
	}
	return sum * sum / bulk.opts.flows / squares;
}

static void share(const char *cc, unsigned int flows, uint32_t queue_pkts)
{
	const struct fs_sim_link link = {
		.delay_ns = 10 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS,
		.queue_pkts = queue_pkts, .mark_pkts = strcmp(cc, "dctcp") ? 0 : 20,
	};
	uint64_t before[BULK_FLOWS_MAX], bytes;
	double jain;

	open_on(&link, &(struct bulk_opts){ .cc = cc, .flows = flows,
					    .stagger_ns = NSEC_PER_SEC / 2 });
	bulk_run(&bulk, &net, 10 * NSEC_PER_SEC);
	memcpy(before, bulk.received, sizeof(before));
	bytes = bulk_total(&bulk);
	bulk_run(&bulk, &net, 30 * NSEC_PER_SEC);
	bytes = bulk_total(&bulk) - bytes;
	jain = jain_since(before);
	ck_assert_msg(jain >= 0.9, "%u flows of %s: Jain's index is %.3f", flows, cc, jain);
	ck_assert_msg(bytes * 8 / 30 > 50 * MBPS * 9 / 10, "%u flows of %s: %.1f Mbit/s of 50",
		      flows, cc, (double)bytes * 8 / 30 / MBPS);
	close_all();
}

START_TEST(two_and_eight_flows_get_about_the_same)
{
	share(ccs[_i], 2, 100);
	share(ccs[_i], 8, 100);
}
END_TEST

START_TEST(a_short_queue_is_enough)
{
	/* A fifth of what is on the way; RFC 9438 5.2 with its 0.7 predicts this. */
	const struct fs_sim_link link = {
		.delay_ns = 10 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS, .queue_pkts = 20,
	};

	open_on(&link, &(struct bulk_opts){ .cc = ccs[_i] });
	bulk_run(&bulk, &net, 30 * NSEC_PER_SEC);
	ck_assert_uint_gt(bulk_total(&bulk) * 8 / 30, 50 * MBPS * 75 / 100);
	ck_assert_uint_eq(bulk.from[0]->timeouts, 0);
	close_all();
}
END_TEST

/* RFC 8257: the queue stays near the mark, and nothing is lost. */
START_TEST(dctcp_keeps_the_queue_short_and_loses_nothing)
{
	const struct fs_sim_link link = {
		.delay_ns = 1 * NSEC_PER_MSEC, .rate_bps = 100 * MBPS,
		.queue_pkts = 500, .mark_pkts = 20,
	};
	struct fs_sim_stats stats;
	uint64_t retransmits;

	open_on(&link, &(struct bulk_opts){ .cc = "dctcp", .flows = 2 });
	bulk_run(&bulk, &net, 2 * NSEC_PER_SEC);
	retransmits = net.a.stack->host.stats.tx_tcp_again;
	bulk_run(&bulk, &net, 3 * NSEC_PER_SEC);
	fs_sim_stats(net.a.wire, &stats);
	ck_assert_uint_gt(stats.ce, 100);
	ck_assert_uint_eq(stats.drop_queue, 0);
	ck_assert_uint_eq(net.a.stack->host.stats.tx_tcp_again, retransmits);
	ck_assert_uint_gt(bulk_total(&bulk) * 8 / 5, 100 * MBPS * 85 / 100);
	/* 2 ms, and 20 packets of 120 us, with some swing. */
	ck_assert_uint_lt(bulk.from[0]->rtt.srtt_ns, 9 * NSEC_PER_MSEC);
	close_all();
}
END_TEST

/* RFC 3168: a mark costs what a loss does, but nothing is sent again. */
START_TEST(classic_ecn_reduces_without_a_loss)
{
	const struct fs_sim_link link = {
		.delay_ns = 5 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS,
		.queue_pkts = 500, .mark_pkts = 40,
	};
	struct fs_sim_stats stats;

	open_on(&link, &(struct bulk_opts){ .cc = ccs[_i], .ecn = true });
	bulk_run(&bulk, &net, 10 * NSEC_PER_SEC);
	fs_sim_stats(net.a.wire, &stats);
	ck_assert_uint_gt(stats.ce, 10);
	ck_assert_uint_eq(stats.drop_queue, 0);
	ck_assert_uint_eq(bulk.from[0]->retransmits, 0);
	ck_assert_uint_gt(bulk_total(&bulk) * 8 / 10, 50 * MBPS * 8 / 10);
	close_all();
}
END_TEST

static void set_mtu(struct fs_sim_link link, uint32_t mtu)
{
	link.mtu = mtu;
	fs_sim_relink(net.a.wire, &link);
}

/* Long segments vanish without a word: RFC 8899 4.3. */
START_TEST(a_black_hole_is_found)
{
	const struct fs_sim_link link = { .delay_ns = 10 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS };
	uint64_t before;

	open_on(&link, &(struct bulk_opts){ .cc = "cubic" });
	bulk_run(&bulk, &net, 2 * NSEC_PER_SEC);
	before = bulk_total(&bulk);
	set_mtu(link, 1200);
	bulk_run(&bulk, &net, 8 * NSEC_PER_SEC);
	ck_assert_uint_gt(bulk_total(&bulk) - before, 1000000);
	ck_assert_uint_le(fs_tcp_mss(bulk.from[0]), 1200 - 40);
	close_all();
}
END_TEST

/* The kernel says so: segments are cut anew, also those on their way. */
START_TEST(a_smaller_mtu_of_the_interface_is_followed)
{
	const struct fs_sim_link link = { .delay_ns = 10 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS };
	uint64_t before;

	open_on(&link, &(struct bulk_opts){ .cc = "cubic" });
	bulk_run(&bulk, &net, 2 * NSEC_PER_SEC);
	set_mtu(link, 1280);
	test_set_mtu(&net.a, 1280);
	before = bulk_total(&bulk);
	bulk_run(&bulk, &net, 2 * NSEC_PER_SEC);
	ck_assert_uint_gt(bulk_total(&bulk) - before, 5000000);
	ck_assert_uint_eq(fs_tcp_mss(bulk.from[0]), 1280 - 40 - 12);
	before = bulk_total(&bulk);
	set_mtu(link, 0);
	test_set_mtu(&net.a, 1500);
	bulk_run(&bulk, &net, 2 * NSEC_PER_SEC);
	ck_assert_uint_eq(fs_tcp_mss(bulk.from[0]), 1500 - 40 - 12);
	ck_assert_uint_gt(bulk_total(&bulk) - before, 10000000);
	close_all();
}
END_TEST

/* Reordering is not loss: RFC 8985. */
START_TEST(reordering_costs_little)
{
	const struct fs_sim_link link = { .delay_ns = 10 * NSEC_PER_MSEC, .rate_bps = 50 * MBPS };
	const struct test_net_opts opts = {
		.seed = 3, .frames = 8192, .wire = { .a_to_b = link, .b_to_a = link },
		.a_to_b = { .reorder_ppm = 50000, .reorder_pkts = 20,
			    .reorder_ns = 4 * NSEC_PER_MSEC },
	};

	test_net_open(&net, &opts);
	bulk_open(&bulk, &net, &(struct bulk_opts){ .cc = ccs[_i] });
	bulk_run(&bulk, &net, 10 * NSEC_PER_SEC);
	ck_assert_uint_gt(bulk_total(&bulk) * 8 / 10, 50 * MBPS * 85 / 100);
	close_all();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/sharing");
	TCase *tc = tcase_create("sharing");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, two_and_eight_flows_get_about_the_same, 0, ARRAY_SIZE(ccs));
	tcase_add_loop_test(tc, a_short_queue_is_enough, 0, 2);
	tcase_add_test(tc, dctcp_keeps_the_queue_short_and_loses_nothing);
	tcase_add_loop_test(tc, classic_ecn_reduces_without_a_loss, 0, 2);
	tcase_add_test(tc, a_black_hole_is_found);
	tcase_add_test(tc, a_smaller_mtu_of_the_interface_is_followed);
	tcase_add_loop_test(tc, reordering_costs_little, 0, ARRAY_SIZE(ccs));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
