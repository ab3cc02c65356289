// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_prr.c - Proportional Rate Reduction, step by step and over recoveries.
 */
#include <check.h>
#include <stdlib.h>

#include "base/random.h"
#include "tcp/prr.h"
#include "tests/lib/suite.h"

enum { SMSS = 1000 };

static struct fs_tcp_prr prr;

/* One ACK that delivers a segment; sends all it may, returns how much. */
static uint32_t ack(uint32_t in_flight, bool safe)
{
	uint32_t count = fs_tcp_prr_ack(&prr, SMSS, in_flight, SMSS, safe);

	fs_tcp_prr_sent(&prr, count);
	return count;
}

START_TEST(rfc9937_6_above_ssthresh_what_is_sent_is_in_proportion_to_what_is_delivered)
{
	uint32_t flight = 100 * SMSS, sent = 0;

	fs_tcp_prr_enter(&prr, 70 * SMSS, 100 * SMSS);
	for (uint32_t i = 1; flight > 71 * SMSS; i++) {
		flight -= SMSS;
		uint32_t count = ack(flight, true);

		flight += count;
		sent += count;
		/* Rounded up: never less than 7 of 10, never a byte more. */
		ck_assert_uint_eq(sent, MAX(i * 700, (uint32_t)SMSS));
	}
}
END_TEST

START_TEST(rfc9937_6_the_first_ack_sends_a_segment_at_least)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, 1, 99 * SMSS, SMSS, false), SMSS);

	/* At ssthresh exactly the bound leaves nothing, but the lost one goes. */
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, SMSS, 50 * SMSS, SMSS, false), SMSS);
	fs_tcp_prr_sent(&prr, SMSS);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, SMSS, 50 * SMSS, SMSS, false), 0);
}
END_TEST

START_TEST(rfc9937_6_below_ssthresh_an_unsafe_ack_sends_what_was_delivered)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	ck_assert_uint_eq(ack(20 * SMSS, false), SMSS);
	ck_assert_uint_eq(ack(20 * SMSS, false), SMSS);
	ck_assert_uint_eq(prr.delivered, prr.out);
}
END_TEST

START_TEST(rfc9937_6_below_ssthresh_a_safe_ack_sends_a_segment_more)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	ck_assert_uint_eq(ack(20 * SMSS, true), 2 * SMSS);
	ck_assert_uint_eq(ack(21 * SMSS, true), 2 * SMSS);
}
END_TEST

START_TEST(rfc9937_6_the_bound_lets_what_was_not_sent_be_made_up_for)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	for (int i = 0; i < 8; i++)
		fs_tcp_prr_ack(&prr, SMSS, 20 * SMSS, SMSS, false);
	ck_assert_uint_eq(ack(20 * SMSS, false), 9 * SMSS);
}
END_TEST

START_TEST(rfc9937_6_the_bound_never_goes_beyond_ssthresh)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	fs_tcp_prr_ack(&prr, 30 * SMSS, 49 * SMSS + 300, SMSS, true);
	fs_tcp_prr_sent(&prr, SMSS);
	ck_assert_uint_eq(ack(49 * SMSS + 300, true), 700);
}
END_TEST

START_TEST(rfc9937_6_the_proportion_is_rounded_up)
{
	fs_tcp_prr_enter(&prr, 70 * SMSS, 99 * SMSS);
	fs_tcp_prr_sent(&prr, 1);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, SMSS, 90 * SMSS, SMSS, true), 708 - 1);
}
END_TEST

START_TEST(what_was_sent_too_much_is_not_taken_from_zero)
{
	fs_tcp_prr_enter(&prr, 50 * SMSS, 100 * SMSS);
	fs_tcp_prr_sent(&prr, 10 * SMSS);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, SMSS, 90 * SMSS, SMSS, true), 0);
}
END_TEST

START_TEST(the_largest_windows_do_not_overflow)
{
	fs_tcp_prr_enter(&prr, 1u << 30, UINT32_MAX);
	ck_assert_uint_eq(fs_tcp_prr_ack(&prr, UINT32_MAX, UINT32_MAX, SMSS, true), 1u << 30);
	fs_tcp_prr_enter(&prr, 1u << 30, 0);
	fs_tcp_prr_ack(&prr, UINT32_MAX, UINT32_MAX, SMSS, true);
}
END_TEST

/*
 * A recovery on a path that loses some of the window: each remaining packet is
 * an ACK; with plenty of data, the flight ends at ssthresh.
 */
START_TEST(rfc9937_1_the_flight_ends_at_ssthresh_whatever_was_lost)
{
	struct fs_random rnd = { (uint64_t)_i + 1 };

	for (int run = 0; run < 200; run++) {
		uint32_t window = 20 + (uint32_t)fs_random_below(&rnd, 200);
		uint32_t lost = 1 + (uint32_t)fs_random_below(&rnd, window / 2);
		uint32_t ssthresh = MAX(window * 7 / 10, 2u) * SMSS;
		uint32_t flight = (window - lost) * SMSS, sent = 0;

		fs_tcp_prr_enter(&prr, ssthresh, window * SMSS);
		/* The rest of the window, then a round of what was sent meanwhile. */
		for (uint32_t acks = 0; acks < window - lost + ssthresh / SMSS; acks++) {
			flight -= MIN(flight, (uint32_t)SMSS);
			/* Whole segments only, as a sender does. */
			sent = fs_tcp_prr_ack(&prr, SMSS, flight, SMSS, true) / SMSS * SMSS;
			fs_tcp_prr_sent(&prr, sent);
			flight += sent;
			/* Never more than slow start sends: two for one. */
			ck_assert_uint_le(prr.out, 2 * prr.delivered);
		}
		ck_assert_uint_le(flight, ssthresh + SMSS);
		ck_assert_uint_ge(flight, ssthresh - SMSS);
	}
}
END_TEST

START_TEST(rfc9937_1_after_a_while_with_nothing_to_send_ssthresh_still_bounds_it)
{
	fs_tcp_prr_enter(&prr, 70 * SMSS, 100 * SMSS);
	for (uint32_t flight = 99; flight >= 40; flight--)
		fs_tcp_prr_ack(&prr, SMSS, flight * SMSS, SMSS, false);
	/* 60 delivered, nothing sent: up to ssthresh, but no further. */
	ck_assert_uint_eq(ack(40 * SMSS, false), 30 * SMSS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/prr");
	TCase *tc = tcase_create("prr");

	tcase_add_test(tc, rfc9937_6_above_ssthresh_what_is_sent_is_in_proportion_to_what_is_delivered);
	tcase_add_test(tc, rfc9937_6_the_first_ack_sends_a_segment_at_least);
	tcase_add_test(tc, rfc9937_6_below_ssthresh_an_unsafe_ack_sends_what_was_delivered);
	tcase_add_test(tc, rfc9937_6_below_ssthresh_a_safe_ack_sends_a_segment_more);
	tcase_add_test(tc, rfc9937_6_the_bound_lets_what_was_not_sent_be_made_up_for);
	tcase_add_test(tc, rfc9937_6_the_bound_never_goes_beyond_ssthresh);
	tcase_add_test(tc, rfc9937_6_the_proportion_is_rounded_up);
	tcase_add_test(tc, what_was_sent_too_much_is_not_taken_from_zero);
	tcase_add_test(tc, the_largest_windows_do_not_overflow);
	tcase_add_loop_test(tc, rfc9937_1_the_flight_ends_at_ssthresh_whatever_was_lost, 0, 4);
	tcase_add_test(tc, rfc9937_1_after_a_while_with_nothing_to_send_ssthresh_still_bounds_it);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
