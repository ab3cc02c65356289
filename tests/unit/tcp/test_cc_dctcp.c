// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_cc_dctcp.c - DCTCP's sender against the formulas of RFC 8257.
 */
#include <check.h>
#include <stdlib.h>

#include "ack.h"
#include "tests/lib/suite.h"

enum { SMSS = 1000 };

static struct fs_tcp_cc cc;
static struct path path;

static void setup(void)
{
	fs_tcp_cc_init(&cc, &fs_tcp_cc_dctcp, SMSS, 0);
	path = (struct path){ .cc = &cc, .rtt_ns = 100 * NSEC_PER_USEC };
	/* No slow start: what is in the window is to see. */
	cc.cwnd = cc.ssthresh = 100 * SMSS;
}

/* A window of 100 segments, the last @marked of them with ECN-Echo; alpha in double beside it. */
static void window(double *alpha, uint32_t marked)
{
	for (uint32_t i = 0; i < 100; i++)
		path_ack(&path, SMSS, 100 * SMSS, i >= 100 - marked);
	*alpha = *alpha * 15 / 16 + marked / 100.0 / 16;
}

/* The first ACK ends the empty window before it: alpha moves once. */
static double settle(void)
{
	path_ack(&path, SMSS, 100 * SMSS, false);
	return 15 / 16.0;
}

/* What one more mark makes of a window of 1000 segments. */
static double alpha_seen(void)
{
	struct fs_tcp_cc at_mark = cc;
	struct path p = { .cc = &at_mark };

	at_mark.cwnd = 1000 * SMSS;
	at_mark.reduced_left = 0;
	ck_assert(path_ack(&p, 1, SMSS, true));
	return 2.0 * (1000 * SMSS - at_mark.cwnd) / (1000 * SMSS);
}

START_TEST(rfc8257_3_2_it_asks_for_ecn)
{
	ck_assert(fs_tcp_cc_dctcp.needs_ecn);
	ck_assert(!fs_tcp_cc_cubic.needs_ecn);
	ck_assert(!fs_tcp_cc_newreno.needs_ecn);
}
END_TEST

START_TEST(rfc8257_3_3_the_first_mark_halves_nearly_since_alpha_starts_at_1)
{
	ck_assert(path_ack(&path, SMSS, 100 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 50 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 50 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_3_alpha_follows_the_share_of_marked_bytes)
{
	static const uint32_t marked[] = { 0, 100, 30, 1, 0, 0, 50, 99, 7, 0, 12 };
	double alpha = settle();

	for (size_t i = 0; i < ARRAY_SIZE(marked); i++) {
		window(&alpha, marked[i]);
		cc.cwnd = cc.ssthresh = 100 * SMSS;
		ck_assert_double_eq_tol(alpha_seen(), alpha, 1e-4);
	}
}
END_TEST

START_TEST(rfc8257_3_3_without_marks_alpha_sinks_to_nothing)
{
	double alpha = settle();

	for (int i = 0; i < 400; i++)
		window(&alpha, 0);
	ck_assert_double_le(alpha_seen(), 1e-4);
}
END_TEST

START_TEST(rfc8257_3_3_with_all_marked_alpha_stays_1)
{
	double alpha = 1;

	path_ack(&path, SMSS, 100 * SMSS, true);
	for (int i = 0; i < 200; i++)
		window(&alpha, 100);
	ck_assert_double_eq_tol(alpha_seen(), 1, 1e-4);
}
END_TEST

START_TEST(rfc8257_3_3_a_tenth_of_marks_costs_a_twentieth_of_the_window)
{
	double alpha = settle();

	for (int i = 0; i < 200; i++)
		window(&alpha, 10);
	cc.cwnd = cc.ssthresh = 100 * SMSS;
	cc.reduced_left = 0;
	ck_assert(path_ack(&path, SMSS, 99 * SMSS, true));
	ck_assert_uint_ge(cc.cwnd, 94900);
	ck_assert_uint_le(cc.cwnd, 95100);
}
END_TEST

START_TEST(rfc8257_3_3_the_window_shrinks_once_for_each_window_of_data)
{
	ck_assert(path_ack(&path, SMSS, 100 * SMSS, true));
	/* The last of them, too: what it covers was sent before the window shrank. */
	for (int i = 0; i < 100; i++)
		ck_assert(!path_ack(&path, SMSS, 100 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 50 * SMSS);
	ck_assert(path_ack(&path, SMSS, 100 * SMSS, true));
	ck_assert_uint_lt(cc.cwnd, 27 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_3_marks_alone_leave_two_segments)
{
	for (int i = 0; i < 50; i++)
		path_ack(&path, SMSS, 0, true);
	ck_assert_uint_eq(cc.cwnd, 2 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_3_without_marks_it_grows_as_reno)
{
	for (int i = 0; i < 100; i++)
		path_ack(&path, SMSS, 99 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 101 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_5_loss_halves_whatever_alpha_is)
{
	double alpha = settle();

	for (int i = 0; i < 400; i++)
		window(&alpha, 0);
	cc.cwnd = 100 * SMSS;
	ck_assert(fs_tcp_cc_loss(&cc, 100 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 50 * SMSS);
	fs_tcp_cc_exit(&cc, 0, 0);
	ck_assert_uint_eq(cc.cwnd, 50 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_5_marks_and_loss_in_one_window_reduce_once)
{
	path_ack(&path, SMSS, 99 * SMSS, true);
	ck_assert(!fs_tcp_cc_loss(&cc, 99 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 50 * SMSS);
}
END_TEST

START_TEST(rfc8257_3_5_a_timeout_leaves_one_segment_even_after_a_reduction)
{
	path_ack(&path, SMSS, 99 * SMSS, true);
	fs_tcp_cc_rto(&cc, 99 * SMSS, 0, false);
	ck_assert_uint_eq(cc.cwnd, SMSS);
}
END_TEST

START_TEST(rfc8257_3_3_marks_seen_in_recovery_count_for_alpha)
{
	double alpha = settle();

	window(&alpha, 0);
	fs_tcp_cc_loss(&cc, 100 * SMSS, 0);
	window(&alpha, 100);
	fs_tcp_cc_exit(&cc, 0, 0);
	ck_assert_double_eq_tol(alpha_seen(), alpha, 1e-4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/cc_dctcp");
	TCase *tc = tcase_create("dctcp");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, rfc8257_3_2_it_asks_for_ecn);
	tcase_add_test(tc, rfc8257_3_3_the_first_mark_halves_nearly_since_alpha_starts_at_1);
	tcase_add_test(tc, rfc8257_3_3_alpha_follows_the_share_of_marked_bytes);
	tcase_add_test(tc, rfc8257_3_3_without_marks_alpha_sinks_to_nothing);
	tcase_add_test(tc, rfc8257_3_3_with_all_marked_alpha_stays_1);
	tcase_add_test(tc, rfc8257_3_3_a_tenth_of_marks_costs_a_twentieth_of_the_window);
	tcase_add_test(tc, rfc8257_3_3_the_window_shrinks_once_for_each_window_of_data);
	tcase_add_test(tc, rfc8257_3_3_marks_alone_leave_two_segments);
	tcase_add_test(tc, rfc8257_3_3_without_marks_it_grows_as_reno);
	tcase_add_test(tc, rfc8257_3_5_loss_halves_whatever_alpha_is);
	tcase_add_test(tc, rfc8257_3_5_marks_and_loss_in_one_window_reduce_once);
	tcase_add_test(tc, rfc8257_3_5_a_timeout_leaves_one_segment_even_after_a_reduction);
	tcase_add_test(tc, rfc8257_3_3_marks_seen_in_recovery_count_for_alpha);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
