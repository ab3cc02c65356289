// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_cc_cubic.c - CUBIC against the formulas of RFC 9438, computed in double,
 * and HyStart++ (RFC 9406) in front of it.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "ack.h"
#include "base/random.h"
#include "tcp/cubic.h"
#include "tests/lib/suite.h"

enum { SMSS = 1448 };

#define MS NSEC_PER_MSEC
#define C 0.4
#define ALPHA (3 * (1 - 0.7) / (1 + 0.7))

static struct fs_tcp_cc cc;
static struct path path;

static void setup(void)
{
	fs_tcp_cc_init(&cc, &fs_tcp_cc_cubic, SMSS, 0);
	path = (struct path){ .cc = &cc, .rtt_ns = 100 * MS };
}

static double segments(void)
{
	return (double)cc.cwnd / SMSS;
}

/* A loss with a full window of @n segments, repaired within a round. */
static void lose_at(uint32_t n)
{
	cc.cwnd = n * SMSS;
	cc.reduced_left = 0;
	ck_assert(fs_tcp_cc_loss(&cc, cc.cwnd, path.now_ns));
	path.now_ns += path.rtt_ns;
	fs_tcp_cc_exit(&cc, cc.cwnd, path.now_ns);
	cc.reduced_left = 0;
}

/* Up to ssthresh and no ACK more. */
static void end_slow_start(void)
{
	while (fs_tcp_cc_in_slow_start(&cc)) {
		path_ack(&path, SMSS, cc.cwnd, false);
		path.now_ns += path.rtt_ns * SMSS / cc.cwnd;
	}
}

/* RFC 9438 figures 1 and 2, in segments and seconds. */
static double curve(double w_max, double cwnd_epoch, double t)
{
	double k = cbrt((w_max - cwnd_epoch) / C);

	return C * pow(t - k, 3) + w_max;
}

/*
 * Run for @seconds: at the end of each round the window is within a segment of
 * the formula, or of Reno's window (figure 4) where that is larger.
 */
static void expect_curve(double w_max, double cwnd_prior, double seconds)
{
	uint64_t epoch_ns = path.now_ns;
	double epoch = segments(), est = epoch, t = 0;

	while (t < seconds) {
		est += (est < cwnd_prior ? ALPHA : 1) * floor(segments()) / segments();
		path_round(&path);
		t = (double)(path.now_ns - epoch_ns) / 1e9;
		ck_assert_double_eq_tol(segments(), fmax(curve(w_max, epoch, t), est), 1.0);
	}
}

START_TEST(the_cube_root_is_the_largest_whole_number_that_fits)
{
	struct fs_random rnd = { 1 };
	unsigned __int128 x, r, next;

	for (uint32_t i = 0; i < 1000; i++) {
		x = (unsigned __int128)i * i * i;
		ck_assert_uint_eq(fs_tcp_cube_root(x), i);
		ck_assert_uint_eq(fs_tcp_cube_root(x + 1), i ? i : 1);
		if (i)
			ck_assert_uint_eq(fs_tcp_cube_root(x - 1), i - 1);
	}
	for (int i = 0; i < 200000; i++) {
		x = (unsigned __int128)fs_random_next(&rnd) << 32 | (uint32_t)fs_random_next(&rnd);
		x >>= fs_random_below(&rnd, 96);
		r = fs_tcp_cube_root(x);
		next = r + 1;
		ck_assert(r * r * r <= x && next * next * next > x);
	}
	x = ((unsigned __int128)1 << 96) - 1;
	ck_assert_uint_eq(fs_tcp_cube_root(x), UINT32_MAX);
}
END_TEST

START_TEST(rfc9438_4_2_the_curve_is_the_formula_for_windows_of_any_size)
{
	static const uint32_t sizes[] = { 10, 100, 5000, 80000, 700000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t w_max = sizes[i] * SMSS, cwnd = (uint32_t)(w_max * 0.7);
		uint32_t k_q20 = fs_tcp_cubic_k_q20(w_max - cwnd, SMSS);
		double w = sizes[i], epoch = (double)cwnd / SMSS, k = cbrt((w - epoch) / C);

		ck_assert_double_eq_tol(k_q20 / 1048576.0, k, 2e-6);
		for (double t = 0; t < 2 * k + 1; t += k / 50) {
			double got = (double)fs_tcp_cubic_window(w_max, k_q20, (uint64_t)(t * 1e9), SMSS);

			ck_assert_double_eq_tol(got / SMSS, curve(w, epoch, t), 0.1);
		}
	}
}
END_TEST

START_TEST(the_curve_neither_overflows_nor_sinks_below_0)
{
	uint32_t far_q20 = fs_tcp_cubic_k_q20(FS_TCP_CWND_MAX, 1);

	ck_assert_uint_eq(fs_tcp_cubic_window(SMSS, far_q20, 0, SMSS), 0);
	ck_assert_uint_gt(fs_tcp_cubic_window(FS_TCP_CWND_MAX, 0, FS_NEVER, UINT16_MAX),
			  FS_TCP_CWND_MAX);
}
END_TEST

START_TEST(rfc9438_4_6_loss_leaves_seven_tenths_of_the_flight)
{
	cc.cwnd = 100 * SMSS;
	fs_tcp_cc_loss(&cc, 100 * SMSS, 0);
	ck_assert_uint_eq(cc.ssthresh, 70 * SMSS);
	ck_assert_uint_eq(cc.cwnd, 70 * SMSS);
	fs_tcp_cc_exit(&cc, 10 * SMSS, 0);
	ck_assert_uint_eq(cc.cwnd, 70 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_6_an_idle_flow_shrinks_by_its_flight_to_two_segments_at_least)
{
	cc.cwnd = 100 * SMSS;
	fs_tcp_cc_loss(&cc, 50 * SMSS, 0);
	ck_assert_uint_eq(cc.ssthresh, 35 * SMSS);
	setup();
	fs_tcp_cc_loss(&cc, SMSS, 0);
	ck_assert_uint_eq(cc.ssthresh, 2 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_6_ecn_echo_reduces_as_loss_does_once_for_each_window)
{
	cc.cwnd = cc.ssthresh = 100 * SMSS;
	ck_assert(path_ack(&path, SMSS, 99 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 70 * SMSS);
	ck_assert(!path_ack(&path, SMSS, 98 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 70 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_4_and_4_5_the_window_follows_the_curve_within_a_segment)
{
	static const struct { uint32_t w_max, rtt_ms; } cases[] = {
		{ 400, 100 }, { 1000, 50 }, { 1000, 150 }, { 5000, 20 }, { 20000, 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup();
		path.rtt_ns = cases[i].rtt_ms * MS;
		lose_at(cases[i].w_max);
		/* Through the plateau at K and a third beyond it. */
		expect_curve(cases[i].w_max, cases[i].w_max,
			     1.3 * cbrt(cases[i].w_max * 0.3 / C));
	}
}
END_TEST

START_TEST(rfc9438_4_3_in_the_reno_friendly_region_it_grows_as_reno_with_beta_0_7)
{
	uint32_t rounds = 0;
	double want;

	path.rtt_ns = 5 * MS;
	lose_at(20);
	want = segments();
	ck_assert_double_eq_tol(want, 14, 0.01);
	/* alpha segments a round up to the former window... */
	while (segments() < 20) {
		path_round(&path);
		want += ALPHA;
		rounds++;
		ck_assert_double_eq_tol(segments(), want, 1.0);
	}
	ck_assert_uint_ge(rounds, 11);
	/* ... and one beyond. */
	want = segments();
	for (int i = 0; i < 10; i++)
		path_round(&path);
	ck_assert_double_eq_tol(segments(), want + 10, 1.0);
}
END_TEST

START_TEST(rfc9438_4_2_the_window_grows_by_half_a_window_a_round_at_most)
{
	lose_at(100);
	path_ack(&path, SMSS, 69 * SMSS, false);
	path.now_ns += 60 * NSEC_PER_SEC;
	for (int i = 0; i < 4; i++) {
		uint32_t before = cc.cwnd;

		for (uint32_t left = before; left >= SMSS; left -= SMSS)
			path_ack(&path, SMSS, before, false);
		ck_assert_uint_gt(cc.cwnd, before + before / 3);
		ck_assert_uint_lt(cc.cwnd, before + before * 7 / 10);
	}
}
END_TEST

START_TEST(rfc9438_4_7_fast_convergence_lowers_the_plateau_after_two_losses)
{
	path.rtt_ns = 200 * MS;
	lose_at(200);
	lose_at(160);
	ck_assert_double_eq_tol(segments(), 112, 0.01);
	expect_curve(160 * 0.85, 160, 1.5 * cbrt((136 - 112) / C));
}
END_TEST

START_TEST(rfc9438_4_8_after_a_timeout_the_curve_begins_at_its_plateau)
{
	cc.cwnd = 200 * SMSS;
	fs_tcp_cc_rto(&cc, 200 * SMSS, 0, false);
	ck_assert_uint_eq(cc.cwnd, SMSS);
	ck_assert_uint_eq(cc.ssthresh, 140 * SMSS);
	fs_tcp_cc_exit(&cc, 0, 0);
	end_slow_start();
	path.rtt_ns = 300 * MS;
	expect_curve(segments(), 200, 12);
}
END_TEST

START_TEST(rfc9438_4_8_a_second_timeout_of_the_same_segment_keeps_ssthresh)
{
	cc.cwnd = 200 * SMSS;
	fs_tcp_cc_rto(&cc, 200 * SMSS, 0, false);
	fs_tcp_cc_rto(&cc, SMSS, 0, true);
	ck_assert_uint_eq(cc.cwnd, SMSS);
	ck_assert_uint_eq(cc.ssthresh, 140 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_9_an_undone_loss_leaves_the_curve_as_it_was)
{
	struct fs_tcp_cc never_lost;
	uint32_t cwnd;

	lose_at(500);
	for (int i = 0; i < 20; i++)
		path_round(&path);
	never_lost = cc;
	ck_assert(fs_tcp_cc_loss(&cc, cc.cwnd, path.now_ns));
	ck_assert(fs_tcp_cc_undo(&cc, path.now_ns));
	ck_assert_uint_eq(cc.cwnd, never_lost.cwnd);
	ck_assert_uint_eq(cc.ssthresh, never_lost.ssthresh);
	for (int i = 0; i < 60; i++) {
		uint64_t now_ns = path.now_ns;

		path_round(&path);
		cwnd = cc.cwnd;
		path.cc = &never_lost;
		path.now_ns = now_ns;
		path_round(&path);
		path.cc = &cc;
		ck_assert_uint_le(cwnd, never_lost.cwnd + SMSS);
		ck_assert_uint_ge(cwnd + SMSS, never_lost.cwnd);
	}
}
END_TEST

START_TEST(rfc9438_4_9_a_window_that_grew_beyond_the_undone_one_stays)
{
	lose_at(50);
	cc.cwnd = 90 * SMSS;
	ck_assert(fs_tcp_cc_undo(&cc, path.now_ns));
	ck_assert_uint_eq(cc.cwnd, 90 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_9_an_undone_first_loss_goes_on_with_slow_start)
{
	path_round(&path);
	fs_tcp_cc_loss(&cc, cc.cwnd, path.now_ns);
	ck_assert(fs_tcp_cc_undo(&cc, path.now_ns));
	ck_assert_uint_eq(cc.ssthresh, FS_TCP_SSTHRESH_NONE);
	ck_assert_uint_eq(cc.cwnd, 20 * SMSS);
	path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 40 * SMSS);
}
END_TEST

START_TEST(rfc9438_4_2_time_without_need_for_the_window_does_not_count)
{
	double epoch, t;
	uint64_t epoch_ns;

	lose_at(1000);
	epoch_ns = path.now_ns;
	epoch = segments();
	for (int i = 0; i < 20; i++)
		path_round(&path);
	path.app_limited = true;
	for (int i = 0; i < 100; i++)
		path_round(&path);
	path.app_limited = false;
	epoch_ns += 100 * path.rtt_ns;
	for (int i = 0; i < 100; i++) {
		path_round(&path);
		t = (double)(path.now_ns - epoch_ns) / 1e9;
		ck_assert_double_eq_tol(segments(), curve(1000, epoch, t), 1.0);
	}
}
END_TEST

START_TEST(rfc5681_4_1_after_idling_a_new_epoch_begins_behind_slow_start)
{
	lose_at(400);
	for (int i = 0; i < 20; i++)
		path_round(&path);
	path.now_ns += 100 * NSEC_PER_SEC;
	fs_tcp_cc_idle(&cc, 100 * NSEC_PER_SEC, NSEC_PER_SEC, path.now_ns);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	end_slow_start();
	ck_assert_uint_eq(cc.cwnd, cc.ssthresh);
	expect_curve(400, 400, 8);
}
END_TEST

START_TEST(rfc9406_4_2_one_ack_adds_eight_segments_at_most_in_the_first_slow_start)
{
	path_ack(&path, 20 * SMSS, 5 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 18 * SMSS);
}
END_TEST

START_TEST(rfc9406_4_2_growing_delay_ends_the_first_slow_start_without_loss)
{
	uint32_t before;

	for (int i = 0; i < 3; i++)
		path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 80 * SMSS);
	path.rtt_ns += 13 * MS;
	path_round(&path);
	before = cc.cwnd;
	path_round(&path);
	/* Conservative: a quarter of what slow start adds. */
	ck_assert_uint_gt(cc.cwnd, before + before / 5);
	ck_assert_uint_lt(cc.cwnd, before + before / 3);
	for (int i = 0; i < 5; i++)
		path_round(&path);
	ck_assert_uint_ne(cc.ssthresh, FS_TCP_SSTHRESH_NONE);
	ck_assert(!fs_tcp_cc_in_slow_start(&cc));
}
END_TEST

START_TEST(rfc9406_4_2_slow_start_goes_on_when_the_delay_falls_again)
{
	uint32_t before;

	for (int i = 0; i < 3; i++)
		path_round(&path);
	path.rtt_ns += 13 * MS;
	path_round(&path);
	path.rtt_ns -= 13 * MS;
	path_round(&path);
	before = cc.cwnd;
	path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 2 * before);
	ck_assert_uint_eq(cc.ssthresh, FS_TCP_SSTHRESH_NONE);
}
END_TEST

START_TEST(rfc9406_4_2_a_rise_of_less_than_an_eighth_is_no_sign)
{
	for (int i = 0; i < 4; i++) {
		path_round(&path);
		path.rtt_ns += 12 * MS;
	}
	ck_assert_uint_eq(cc.cwnd, 160 * SMSS);
}
END_TEST

START_TEST(rfc9406_4_3_a_rise_of_less_than_4_ms_is_no_sign_however_short_the_path)
{
	path.rtt_ns = 8 * MS;
	for (int i = 0; i < 4; i++) {
		path_round(&path);
		path.rtt_ns += 3 * MS;
	}
	ck_assert_uint_eq(cc.cwnd, 160 * SMSS);
}
END_TEST

START_TEST(rfc9406_4_3_a_later_slow_start_is_an_ordinary_one)
{
	cc.cwnd = 400 * SMSS;
	fs_tcp_cc_rto(&cc, cc.cwnd, 0, false);
	fs_tcp_cc_exit(&cc, 0, 0);
	for (int i = 0; i < 7; i++) {
		path_round(&path);
		path.rtt_ns += path.rtt_ns / 4;
	}
	ck_assert_uint_eq(cc.cwnd, 128 * SMSS);
}
END_TEST

START_TEST(the_window_stops_at_a_gigabyte)
{
	lose_at(FS_TCP_CWND_MAX / SMSS);
	path_ack(&path, SMSS, cc.cwnd, false);
	path.now_ns += 3600 * NSEC_PER_SEC;
	for (int i = 0; i < 10; i++)
		path_ack(&path, cc.cwnd, cc.cwnd, false);
	ck_assert_uint_eq(cc.cwnd, FS_TCP_CWND_MAX);
}
END_TEST

static void add_hystart(TCase *tc)
{
	tcase_add_test(tc, rfc9406_4_2_one_ack_adds_eight_segments_at_most_in_the_first_slow_start);
	tcase_add_test(tc, rfc9406_4_2_growing_delay_ends_the_first_slow_start_without_loss);
	tcase_add_test(tc, rfc9406_4_2_slow_start_goes_on_when_the_delay_falls_again);
	tcase_add_test(tc, rfc9406_4_2_a_rise_of_less_than_an_eighth_is_no_sign);
	tcase_add_test(tc, rfc9406_4_3_a_rise_of_less_than_4_ms_is_no_sign_however_short_the_path);
	tcase_add_test(tc, rfc9406_4_3_a_later_slow_start_is_an_ordinary_one);
}

int main(void)
{
	Suite *suite = suite_create("tcp/cc_cubic");
	TCase *tc = tcase_create("cubic");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_cube_root_is_the_largest_whole_number_that_fits);
	tcase_add_test(tc, rfc9438_4_2_the_curve_is_the_formula_for_windows_of_any_size);
	tcase_add_test(tc, the_curve_neither_overflows_nor_sinks_below_0);
	tcase_add_test(tc, rfc9438_4_6_loss_leaves_seven_tenths_of_the_flight);
	tcase_add_test(tc, rfc9438_4_6_an_idle_flow_shrinks_by_its_flight_to_two_segments_at_least);
	tcase_add_test(tc, rfc9438_4_6_ecn_echo_reduces_as_loss_does_once_for_each_window);
	tcase_add_test(tc, rfc9438_4_4_and_4_5_the_window_follows_the_curve_within_a_segment);
	tcase_add_test(tc, rfc9438_4_3_in_the_reno_friendly_region_it_grows_as_reno_with_beta_0_7);
	tcase_add_test(tc, rfc9438_4_2_the_window_grows_by_half_a_window_a_round_at_most);
	tcase_add_test(tc, rfc9438_4_7_fast_convergence_lowers_the_plateau_after_two_losses);
	tcase_add_test(tc, rfc9438_4_8_after_a_timeout_the_curve_begins_at_its_plateau);
	tcase_add_test(tc, rfc9438_4_8_a_second_timeout_of_the_same_segment_keeps_ssthresh);
	tcase_add_test(tc, rfc9438_4_9_an_undone_loss_leaves_the_curve_as_it_was);
	tcase_add_test(tc, rfc9438_4_9_a_window_that_grew_beyond_the_undone_one_stays);
	tcase_add_test(tc, rfc9438_4_9_an_undone_first_loss_goes_on_with_slow_start);
	tcase_add_test(tc, rfc9438_4_2_time_without_need_for_the_window_does_not_count);
	tcase_add_test(tc, rfc5681_4_1_after_idling_a_new_epoch_begins_behind_slow_start);
	add_hystart(tc);
	tcase_add_test(tc, the_window_stops_at_a_gigabyte);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
