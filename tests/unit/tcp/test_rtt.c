// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_rtt.c - the retransmission timeout and the smallest round-trip time.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "tcp/rtt.h"
#include "tests/lib/suite.h"

#define MS NSEC_PER_MSEC
#define S NSEC_PER_SEC

static struct fs_tcp_rtt rtt;

static void setup(void)
{
	fs_tcp_rtt_init(&rtt, FS_TCP_RTO_MIN_NS, FS_TCP_RTO_MAX_NS, MS, 0);
}

START_TEST(rfc6298_2_1_the_timeout_is_a_second_before_the_first_sample)
{
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), S);
	ck_assert_uint_eq(rtt.srtt_ns, 0);
}
END_TEST

START_TEST(rfc6298_2_2_the_first_sample_gives_three_times_itself)
{
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	ck_assert_uint_eq(rtt.srtt_ns, 300 * MS);
	ck_assert_uint_eq(rtt.rttvar_ns, 150 * MS);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 900 * MS);
}
END_TEST

START_TEST(rfc6298_2_3_later_samples_move_the_variance_first_by_the_old_mean)
{
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	fs_tcp_rtt_sample(&rtt, 380 * MS, 1, 0);
	ck_assert_uint_eq(rtt.rttvar_ns, 150 * MS * 3 / 4 + 80 * MS / 4);
	ck_assert_uint_eq(rtt.srtt_ns, 310 * MS);
	fs_tcp_rtt_sample(&rtt, 230 * MS, 1, 0);
	ck_assert_uint_eq(rtt.srtt_ns, 300 * MS);
}
END_TEST

START_TEST(rfc6298_2_the_estimate_is_that_of_the_formula_for_any_samples)
{
	struct fs_random rnd = { (uint64_t)_i + 1 };
	double srtt = 0, rttvar = 0;

	for (int i = 0; i < 2000; i++) {
		uint64_t r = 1000 + fs_random_below(&rnd, 400 * MS);

		fs_tcp_rtt_sample(&rtt, r, 1, 0);
		if (!i) {
			srtt = (double)r;
			rttvar = (double)r / 2;
		} else {
			rttvar = 0.75 * rttvar + 0.25 * fabs(srtt - (double)r);
			srtt = 0.875 * srtt + 0.125 * (double)r;
		}
		ck_assert_double_eq_tol((double)rtt.srtt_ns, srtt, 10);
		ck_assert_double_eq_tol((double)rtt.rttvar_ns, rttvar, 20);
	}
}
END_TEST

START_TEST(rfc6298_2_3_the_variance_counts_as_a_tick_of_the_clock_at_least)
{
	fs_tcp_rtt_init(&rtt, 0, FS_TCP_RTO_MAX_NS, 10 * MS, 0);
	for (int i = 0; i < 200; i++)
		fs_tcp_rtt_sample(&rtt, 50 * MS, 1, 0);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 60 * MS);
}
END_TEST

START_TEST(rfc6298_2_4_and_2_5_the_timeout_has_bounds)
{
	fs_tcp_rtt_sample(&rtt, 10 * NSEC_PER_USEC, 1, 0);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), FS_TCP_RTO_MIN_NS);
	setup();
	fs_tcp_rtt_sample(&rtt, 100 * S, 1, 0);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), FS_TCP_RTO_MAX_NS);
}
END_TEST

START_TEST(rfc6298_5_5_each_timeout_doubles_it_up_to_the_bound)
{
	static const uint64_t want_s[] = { 1, 2, 4, 8, 16, 32, 64, 120, 120 };

	for (size_t i = 0; i < ARRAY_SIZE(want_s); i++) {
		ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), want_s[i] * S);
		fs_tcp_rto_back_off(&rtt);
	}
	for (int i = 0; i < 300; i++)
		fs_tcp_rto_back_off(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), FS_TCP_RTO_MAX_NS);
}
END_TEST

START_TEST(rfc6298_5_5_what_doubles_is_the_bounded_timeout)
{
	fs_tcp_rtt_sample(&rtt, MS, 1, 0);
	fs_tcp_rto_back_off(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 2 * FS_TCP_RTO_MIN_NS);
}
END_TEST

START_TEST(rfc6298_3_a_backed_off_timeout_stays_until_a_sample_comes)
{
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	fs_tcp_rto_back_off(&rtt);
	fs_tcp_rto_back_off(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 3600 * MS);
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	ck_assert_uint_lt(fs_tcp_rto_ns(&rtt), 900 * MS);
}
END_TEST

START_TEST(a_spurious_timeout_takes_the_backoff_back)
{
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	fs_tcp_rto_back_off(&rtt);
	fs_tcp_rto_reset(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 900 * MS);
}
END_TEST

START_TEST(rfc6298_5_7_data_starts_with_three_seconds_after_a_lost_syn)
{
	fs_tcp_rto_back_off(&rtt);
	fs_tcp_rto_syn_lost(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 3 * S);
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	fs_tcp_rto_syn_lost(&rtt);
	ck_assert_uint_eq(fs_tcp_rto_ns(&rtt), 900 * MS);
}
END_TEST

START_TEST(rfc7323_g_many_samples_in_a_round_weigh_as_one)
{
	struct fs_tcp_rtt one = rtt;

	fs_tcp_rtt_sample(&one, 100 * MS, 1, 0);
	fs_tcp_rtt_sample(&one, 200 * MS, 1, 0);
	fs_tcp_rtt_sample(&rtt, 100 * MS, 1, 0);
	for (int i = 0; i < 50; i++)
		fs_tcp_rtt_sample(&rtt, 200 * MS, 50, 0);
	ck_assert_double_eq_tol((double)rtt.srtt_ns / 1e6, (double)one.srtt_ns / 1e6, 1);
	ck_assert_uint_eq(fs_tcp_rtt_per_round(0, 1000), 1);
	ck_assert_uint_eq(fs_tcp_rtt_per_round(2000, 1000), 1);
	ck_assert_uint_eq(fs_tcp_rtt_per_round(2001, 1000), 2);
	ck_assert_uint_eq(fs_tcp_rtt_per_round(100000, 1000), 50);
	ck_assert_uint_eq(fs_tcp_rtt_per_round(UINT32_MAX, 1), 1u << 31);
}
END_TEST

START_TEST(rfc7323_4_1_an_echoed_timestamp_is_a_sample_across_the_wrap)
{
	ck_assert_uint_eq(fs_tcp_rtt_from_ts(1000, 970, MS), 30 * MS);
	ck_assert_uint_eq(fs_tcp_rtt_from_ts(5, 0xfffffff0, MS), 21 * MS);
	ck_assert_uint_eq(fs_tcp_rtt_from_ts(1000, 1000, MS), MS);
	ck_assert_uint_eq(fs_tcp_rtt_from_ts(1000, 1001, MS), 0);
	ck_assert_uint_eq(fs_tcp_rtt_from_ts(0xfffffff0, 5, MS), 0);
}
END_TEST

START_TEST(rfc8985_6_2_the_smallest_rtt_is_forgotten_after_its_window)
{
	struct fs_tcp_min_rtt m;

	fs_tcp_min_rtt_init(&m, 10 * S, 0);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 0), FS_NEVER);
	fs_tcp_min_rtt_sample(&m, 20 * MS, 1 * S);
	fs_tcp_min_rtt_sample(&m, 30 * MS, 2 * S);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 2 * S), 20 * MS);
	fs_tcp_min_rtt_sample(&m, 40 * MS, 9 * S);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 9 * S), 20 * MS);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 11 * S), 40 * MS);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 100 * S), FS_NEVER);
	fs_tcp_min_rtt_sample(&m, 50 * MS, 100 * S);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&m, 100 * S), 50 * MS);
}
END_TEST

/* The smallest of what was sampled at or after @from_ns. */
static uint64_t smallest(const uint64_t *at_ns, const uint64_t *v, int n, uint64_t from_ns)
{
	uint64_t min = FS_NEVER;

	for (int i = 0; i < n; i++)
		if (at_ns[i] >= from_ns)
			min = MIN(min, v[i]);
	return min;
}

START_TEST(rfc8985_6_2_the_smallest_rtt_is_that_of_a_half_to_a_whole_window)
{
	enum { N = 3000 };
	static uint64_t at_ns[N], v[N];
	struct fs_random rnd = { (uint64_t)_i + 1 };
	uint64_t now = 7 * S, got;
	struct fs_tcp_min_rtt m;

	fs_tcp_min_rtt_init(&m, 4 * S, now);
	for (int i = 0; i < N; i++) {
		/* Mostly close together, now and then a pause. */
		now += fs_random_below(&rnd, i % 100 ? 40 * MS : 6 * S);
		at_ns[i] = now;
		v[i] = 1 + fs_random_below(&rnd, 1000 * MS);
		fs_tcp_min_rtt_sample(&m, v[i], now);
		got = fs_tcp_min_rtt_ns(&m, now);
		ck_assert_uint_le(got, smallest(at_ns, v, i + 1, now - 2 * S));
		ck_assert_uint_ge(got, smallest(at_ns, v, i + 1, now - 4 * S));
	}
}
END_TEST

START_TEST(samples_feed_the_smallest_rtt_too)
{
	fs_tcp_rtt_sample(&rtt, 300 * MS, 1, 0);
	fs_tcp_rtt_sample(&rtt, 200 * MS, 1, S);
	fs_tcp_rtt_sample(&rtt, 250 * MS, 1, 2 * S);
	ck_assert_uint_eq(fs_tcp_min_rtt_ns(&rtt.min, 2 * S), 200 * MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/rtt");
	TCase *tc = tcase_create("rtt");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, rfc6298_2_1_the_timeout_is_a_second_before_the_first_sample);
	tcase_add_test(tc, rfc6298_2_2_the_first_sample_gives_three_times_itself);
	tcase_add_test(tc, rfc6298_2_3_later_samples_move_the_variance_first_by_the_old_mean);
	tcase_add_loop_test(tc, rfc6298_2_the_estimate_is_that_of_the_formula_for_any_samples, 0, 4);
	tcase_add_test(tc, rfc6298_2_3_the_variance_counts_as_a_tick_of_the_clock_at_least);
	tcase_add_test(tc, rfc6298_2_4_and_2_5_the_timeout_has_bounds);
	tcase_add_test(tc, rfc6298_5_5_each_timeout_doubles_it_up_to_the_bound);
	tcase_add_test(tc, rfc6298_5_5_what_doubles_is_the_bounded_timeout);
	tcase_add_test(tc, rfc6298_3_a_backed_off_timeout_stays_until_a_sample_comes);
	tcase_add_test(tc, a_spurious_timeout_takes_the_backoff_back);
	tcase_add_test(tc, rfc6298_5_7_data_starts_with_three_seconds_after_a_lost_syn);
	tcase_add_test(tc, rfc7323_g_many_samples_in_a_round_weigh_as_one);
	tcase_add_test(tc, rfc7323_4_1_an_echoed_timestamp_is_a_sample_across_the_wrap);
	tcase_add_test(tc, rfc8985_6_2_the_smallest_rtt_is_forgotten_after_its_window);
	tcase_add_loop_test(tc, rfc8985_6_2_the_smallest_rtt_is_that_of_a_half_to_a_whole_window, 0, 4);
	tcase_add_test(tc, samples_feed_the_smallest_rtt_too);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
