// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_cc_newreno.c - NewReno, and with it what all algorithms share.
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
	fs_tcp_cc_init(&cc, fs_tcp_cc_find("newreno"), SMSS, 0);
	path = (struct path){ .cc = &cc, .rtt_ns = 50 * NSEC_PER_MSEC };
}

/* In congestion avoidance with @segments of window. */
static void avoiding(uint32_t segments)
{
	cc.cwnd = segments * SMSS;
	cc.ssthresh = segments * SMSS;
}

START_TEST(algorithms_are_found_by_name)
{
	ck_assert_ptr_eq(fs_tcp_cc_find("newreno"), &fs_tcp_cc_newreno);
	ck_assert_ptr_eq(fs_tcp_cc_find("cubic"), &fs_tcp_cc_cubic);
	ck_assert_ptr_eq(fs_tcp_cc_find("dctcp"), &fs_tcp_cc_dctcp);
	ck_assert_ptr_eq(fs_tcp_cc_find(FS_TCP_CC_NAME_DEFAULT), &fs_tcp_cc_cubic);
	ck_assert_ptr_null(fs_tcp_cc_find("vegas"));
	ck_assert_ptr_null(fs_tcp_cc_find(""));
}
END_TEST

START_TEST(rfc6928_2_the_initial_window_is_ten_segments_or_14600_bytes)
{
	ck_assert_uint_eq(fs_tcp_cc_initial_window(1460), 14600);
	ck_assert_uint_eq(fs_tcp_cc_initial_window(536), 5360);
	ck_assert_uint_eq(fs_tcp_cc_initial_window(4000), 14600);
	ck_assert_uint_eq(fs_tcp_cc_initial_window(8960), 17920);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, FS_TCP_SSTHRESH_NONE);
}
END_TEST

START_TEST(rfc5681_3_1_a_lost_syn_leaves_one_segment)
{
	fs_tcp_cc_syn_lost(&cc);
	ck_assert_uint_eq(cc.cwnd, SMSS);
}
END_TEST

START_TEST(rfc5681_3_1_slow_start_doubles_the_window_in_each_round)
{
	path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 20 * SMSS);
	path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 40 * SMSS);
}
END_TEST

START_TEST(rfc3465_2_2_one_ack_adds_two_segments_at_most)
{
	path_ack(&path, SMSS / 2, 5 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS + SMSS / 2);
	path_ack(&path, 6 * SMSS, 5 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 12 * SMSS + SMSS / 2);
}
END_TEST

START_TEST(rfc3465_2_3_one_ack_adds_one_segment_at_most_after_a_timeout)
{
	fs_tcp_cc_rto(&cc, 10 * SMSS, 0, false);
	path_ack(&path, 3 * SMSS, 7 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 2 * SMSS);
	fs_tcp_cc_exit(&cc, 2 * SMSS, 0);
	path_ack(&path, 3 * SMSS, 7 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 4 * SMSS);
}
END_TEST

START_TEST(slow_start_stops_at_ssthresh)
{
	cc.ssthresh = 10 * SMSS + 300;
	path_ack(&path, SMSS, 9 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS + 300);
	ck_assert(!fs_tcp_cc_in_slow_start(&cc));
}
END_TEST

START_TEST(rfc3465_2_1_congestion_avoidance_adds_one_segment_for_each_window_of_bytes)
{
	avoiding(20);
	for (int i = 0; i < 19; i++)
		path_ack(&path, SMSS, 19 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 20 * SMSS);
	path_ack(&path, SMSS, 19 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 21 * SMSS);

	/* Ten ACKs of 2.1 segments grow it as 21 of one do. */
	for (int i = 0; i < 10; i++)
		path_ack(&path, 2100, 18 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 22 * SMSS);
}
END_TEST

START_TEST(the_window_does_not_grow_when_the_application_does_not_use_it)
{
	path.app_limited = true;
	path_round(&path);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
}
END_TEST

START_TEST(the_window_limits_the_sender_from_half_of_it_in_slow_start_and_when_full_later)
{
	ck_assert(!fs_tcp_cc_limited(&cc, 5 * SMSS));
	ck_assert(fs_tcp_cc_limited(&cc, 5 * SMSS + 1));
	avoiding(10);
	ck_assert(!fs_tcp_cc_limited(&cc, 9 * SMSS));
	ck_assert(fs_tcp_cc_limited(&cc, 9 * SMSS + 1));
}
END_TEST

START_TEST(rfc5681_3_2_loss_halves_what_was_in_flight)
{
	avoiding(20);
	ck_assert(fs_tcp_cc_loss(&cc, 16 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 8 * SMSS);
	ck_assert_uint_eq(cc.cwnd, 8 * SMSS);
	ck_assert_int_eq(cc.state, FS_TCP_CC_RECOVERY);
}
END_TEST

START_TEST(rfc5681_3_1_ssthresh_is_two_segments_at_least)
{
	fs_tcp_cc_loss(&cc, SMSS, 0);
	ck_assert_uint_eq(cc.ssthresh, 2 * SMSS);
}
END_TEST

START_TEST(the_window_does_not_grow_in_fast_recovery)
{
	fs_tcp_cc_loss(&cc, 10 * SMSS, 0);
	path_ack(&path, SMSS, 9 * SMSS, false);
	ck_assert_uint_eq(cc.cwnd, 5 * SMSS);
}
END_TEST

START_TEST(rfc6582_3_2_losses_of_one_window_halve_it_once)
{
	avoiding(20);
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	ck_assert(!fs_tcp_cc_loss(&cc, 15 * SMSS, 0));
	path_ack(&path, 20 * SMSS, 10 * SMSS, false);
	fs_tcp_cc_exit(&cc, 10 * SMSS, 0);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert(fs_tcp_cc_loss(&cc, 10 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 5 * SMSS);
}
END_TEST

START_TEST(rfc6582_3_2_leaving_recovery_with_little_in_flight_does_not_burst)
{
	avoiding(20);
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	fs_tcp_cc_exit(&cc, 3 * SMSS, 0);
	ck_assert_uint_eq(cc.cwnd, 4 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);

	avoiding(20);
	cc.reduced_left = 0;
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	fs_tcp_cc_exit(&cc, 0, 0);
	ck_assert_uint_eq(cc.cwnd, 2 * SMSS);
}
END_TEST

START_TEST(rfc5681_3_1_a_timeout_leaves_one_segment_and_half_the_flight_as_ssthresh)
{
	avoiding(20);
	fs_tcp_cc_rto(&cc, 20 * SMSS, 0, false);
	ck_assert_uint_eq(cc.cwnd, SMSS);
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
	ck_assert_int_eq(cc.state, FS_TCP_CC_LOSS);
}
END_TEST

START_TEST(rfc5681_3_1_a_second_timeout_of_the_same_segment_keeps_ssthresh)
{
	avoiding(20);
	fs_tcp_cc_rto(&cc, 20 * SMSS, 0, false);
	path_ack(&path, SMSS, 19 * SMSS, false);
	fs_tcp_cc_rto(&cc, 2 * SMSS, 0, true);
	ck_assert_uint_eq(cc.cwnd, SMSS);
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
}
END_TEST

START_TEST(rfc5681_4_3_loss_found_in_the_window_of_a_timeout_does_not_reduce_again)
{
	avoiding(20);
	fs_tcp_cc_rto(&cc, 20 * SMSS, 0, false);
	path_ack(&path, 5 * SMSS, 15 * SMSS, false);
	ck_assert(!fs_tcp_cc_loss(&cc, 15 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
}
END_TEST

START_TEST(rfc3168_6_1_2_ecn_echo_halves_the_window_once_for_each_window_of_data)
{
	avoiding(20);
	ck_assert(path_ack(&path, SMSS, 19 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
	/* The last of them, too: what it covers was sent before CWR. */
	for (int i = 0; i < 19; i++)
		ck_assert(!path_ack(&path, SMSS, 19 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert(path_ack(&path, SMSS, 10 * SMSS, true));
	ck_assert_uint_eq(cc.cwnd, 5 * SMSS);
	ck_assert_int_eq(cc.state, FS_TCP_CC_OPEN);
}
END_TEST

START_TEST(rfc3168_6_1_2_ecn_echo_and_loss_in_one_window_reduce_once)
{
	avoiding(20);
	path_ack(&path, SMSS, 19 * SMSS, true);
	ck_assert(!fs_tcp_cc_loss(&cc, 19 * SMSS, 0));
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
	ck_assert(!path_ack(&path, SMSS, 18 * SMSS, true));
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
}
END_TEST

START_TEST(a_spurious_loss_is_undone)
{
	avoiding(20);
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	ck_assert(fs_tcp_cc_undo(&cc, 0));
	ck_assert_uint_eq(cc.cwnd, 20 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 20 * SMSS);
	ck_assert_int_eq(cc.state, FS_TCP_CC_OPEN);
	ck_assert(!fs_tcp_cc_undo(&cc, 0));
}
END_TEST

START_TEST(a_spurious_timeout_in_recovery_goes_back_to_what_recovery_aimed_at)
{
	avoiding(20);
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	cc.cwnd = 3 * SMSS;
	fs_tcp_cc_rto(&cc, 8 * SMSS, 0, false);
	fs_tcp_cc_rto(&cc, 8 * SMSS, 0, true);
	ck_assert(fs_tcp_cc_undo(&cc, 0));
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 10 * SMSS);
}
END_TEST

START_TEST(a_reduction_by_ecn_is_not_undone)
{
	avoiding(20);
	fs_tcp_cc_loss(&cc, 20 * SMSS, 0);
	fs_tcp_cc_exit(&cc, 10 * SMSS, 0);
	ck_assert(path_ack(&path, 21 * SMSS, 9 * SMSS, true));
	ck_assert(!fs_tcp_cc_undo(&cc, 0));
}
END_TEST

START_TEST(rfc5681_4_1_idling_longer_than_the_timeout_restarts_from_the_initial_window)
{
	avoiding(40);
	fs_tcp_cc_idle(&cc, NSEC_PER_SEC, NSEC_PER_SEC, 0);
	ck_assert_uint_eq(cc.cwnd, 40 * SMSS);
	fs_tcp_cc_idle(&cc, NSEC_PER_SEC + 1, NSEC_PER_SEC, 0);
	ck_assert_uint_eq(cc.cwnd, 10 * SMSS);
	ck_assert_uint_eq(cc.ssthresh, 40 * SMSS);
	cc.cwnd = 3 * SMSS;
	fs_tcp_cc_idle(&cc, 2 * NSEC_PER_SEC, NSEC_PER_SEC, 0);
	ck_assert_uint_eq(cc.cwnd, 3 * SMSS);
}
END_TEST

START_TEST(the_window_is_one_segment_at_least_when_segments_grow)
{
	fs_tcp_cc_syn_lost(&cc);
	fs_tcp_cc_set_smss(&cc, 1400);
	ck_assert_uint_eq(cc.cwnd, 1400);
	fs_tcp_cc_set_smss(&cc, 500);
	ck_assert_uint_eq(cc.cwnd, 1400);
}
END_TEST

START_TEST(rfc7323_2_3_the_window_stops_at_a_gigabyte)
{
	cc.cwnd = FS_TCP_CWND_MAX - 1;
	path_ack(&path, SMSS, FS_TCP_CWND_MAX - SMSS, false);
	ck_assert_uint_eq(cc.cwnd, FS_TCP_CWND_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/cc_newreno");
	TCase *tc = tcase_create("newreno");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, algorithms_are_found_by_name);
	tcase_add_test(tc, rfc6928_2_the_initial_window_is_ten_segments_or_14600_bytes);
	tcase_add_test(tc, rfc5681_3_1_a_lost_syn_leaves_one_segment);
	tcase_add_test(tc, rfc5681_3_1_slow_start_doubles_the_window_in_each_round);
	tcase_add_test(tc, rfc3465_2_2_one_ack_adds_two_segments_at_most);
	tcase_add_test(tc, rfc3465_2_3_one_ack_adds_one_segment_at_most_after_a_timeout);
	tcase_add_test(tc, slow_start_stops_at_ssthresh);
	tcase_add_test(tc, rfc3465_2_1_congestion_avoidance_adds_one_segment_for_each_window_of_bytes);
	tcase_add_test(tc, the_window_does_not_grow_when_the_application_does_not_use_it);
	tcase_add_test(tc, the_window_limits_the_sender_from_half_of_it_in_slow_start_and_when_full_later);
	tcase_add_test(tc, rfc5681_3_2_loss_halves_what_was_in_flight);
	tcase_add_test(tc, rfc5681_3_1_ssthresh_is_two_segments_at_least);
	tcase_add_test(tc, the_window_does_not_grow_in_fast_recovery);
	tcase_add_test(tc, rfc6582_3_2_losses_of_one_window_halve_it_once);
	tcase_add_test(tc, rfc6582_3_2_leaving_recovery_with_little_in_flight_does_not_burst);
	tcase_add_test(tc, rfc5681_3_1_a_timeout_leaves_one_segment_and_half_the_flight_as_ssthresh);
	tcase_add_test(tc, rfc5681_3_1_a_second_timeout_of_the_same_segment_keeps_ssthresh);
	tcase_add_test(tc, rfc5681_4_3_loss_found_in_the_window_of_a_timeout_does_not_reduce_again);
	tcase_add_test(tc, rfc3168_6_1_2_ecn_echo_halves_the_window_once_for_each_window_of_data);
	tcase_add_test(tc, rfc3168_6_1_2_ecn_echo_and_loss_in_one_window_reduce_once);
	tcase_add_test(tc, a_spurious_loss_is_undone);
	tcase_add_test(tc, a_spurious_timeout_in_recovery_goes_back_to_what_recovery_aimed_at);
	tcase_add_test(tc, a_reduction_by_ecn_is_not_undone);
	tcase_add_test(tc, rfc5681_4_1_idling_longer_than_the_timeout_restarts_from_the_initial_window);
	tcase_add_test(tc, the_window_is_one_segment_at_least_when_segments_grow);
	tcase_add_test(tc, rfc7323_2_3_the_window_stops_at_a_gigabyte);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
