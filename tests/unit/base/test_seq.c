// SPDX-License-Identifier: BSD-2-Clause
/* Sequence numbers and timestamps where they wrap, and half a turn apart. */
#include <check.h>
#include <stdlib.h>

#include "base/seq.h"
#include "tests/lib/suite.h"

/* Each with each: around 0, around half, and in between. */
static const uint32_t places[] = {
	0, 1, 2, 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001,
	0xc0000000, 0xfffffffe, 0xffffffff,
};

static const uint32_t half = 0x80000000;

static seq32 seq(uint32_t raw)
{
	return (seq32){ raw };
}

static ts32 ts(uint32_t raw)
{
	return (ts32){ raw };
}

/* RFC 7323 5.2 to the letter, in numbers that do not wrap. */
static bool model_before(uint32_t a, uint32_t b)
{
	uint64_t ahead = ((uint64_t)b + (1ull << 32) - a) % (1ull << 32);

	return ahead > 0 && ahead < half;
}

START_TEST(order_is_that_of_the_rfc_at_every_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			const uint32_t a = places[i], b = places[k];
			const bool less = model_before(a, b), more = model_before(b, a);

			ck_assert(fs_seq_before(seq(a), seq(b)) == less);
			ck_assert(fs_seq_after(seq(a), seq(b)) == more);
			ck_assert(fs_seq_eq(seq(a), seq(b)) == (a == b));
			ck_assert(fs_seq_before_eq(seq(a), seq(b)) == (less || a == b));
			ck_assert(fs_seq_after_eq(seq(a), seq(b)) == (more || a == b));
			ck_assert(fs_ts_before(ts(a), ts(b)) == less);
			ck_assert(fs_ts_after(ts(a), ts(b)) == more);
			ck_assert(fs_ts_eq(ts(a), ts(b)) == (a == b));
			ck_assert(fs_ts_before_eq(ts(a), ts(b)) == (less || a == b));
			ck_assert(fs_ts_after_eq(ts(a), ts(b)) == (more || a == b));
		}
}
END_TEST

START_TEST(half_a_turn_apart_nothing_is_ordered)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const seq32 a = seq(places[i]), b = fs_seq_add(a, half);

		ck_assert(!fs_seq_before(a, b) && !fs_seq_before(b, a));
		ck_assert(!fs_seq_before_eq(a, b) && !fs_seq_after_eq(a, b));
		ck_assert(!fs_seq_eq(a, b));
		ck_assert_int_eq(fs_seq_diff(a, b), INT32_MIN);
		ck_assert(fs_seq_eq(fs_seq_max(a, b), b));
		ck_assert(fs_seq_eq(fs_seq_min(a, b), b));
	}
}
END_TEST

START_TEST(adding_and_taking_away_undo_each_other)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			const seq32 a = seq(places[i]), b = fs_seq_add(a, places[k]);

			ck_assert(fs_seq_eq(fs_seq_sub(b, places[k]), a));
			ck_assert_uint_eq(fs_seq_span(a, b), places[k]);
			ck_assert_int_eq(fs_seq_diff(b, a), (int32_t)places[k]);
			ck_assert_int_eq(fs_ts_diff(fs_ts_add(ts(a.raw), places[k]), ts(a.raw)),
					 (int32_t)places[k]);
		}
}
END_TEST

START_TEST(difference_has_the_sign_of_the_order_across_the_wrap)
{
	ck_assert_int_eq(fs_seq_diff(seq(2), seq(0xfffffffe)), 4);
	ck_assert_int_eq(fs_seq_diff(seq(0xfffffffe), seq(2)), -4);
	ck_assert_int_eq(fs_seq_diff(seq(0x7fffffff), seq(0)), INT32_MAX);
	ck_assert_uint_eq(fs_seq_span(seq(0xfffffffe), seq(2)), 4);
	ck_assert_int_eq(fs_ts_diff(ts(2), ts(0xfffffffe)), 4);
	ck_assert_int_eq(fs_ts_diff(ts(0xfffffffe), ts(2)), -4);
}
END_TEST

START_TEST(max_and_min_are_those_of_the_circle)
{
	const seq32 low = seq(0xfffffff0), high = seq(0x10);

	ck_assert(fs_seq_eq(fs_seq_max(low, high), high));
	ck_assert(fs_seq_eq(fs_seq_max(high, low), high));
	ck_assert(fs_seq_eq(fs_seq_min(low, high), low));
	ck_assert(fs_seq_eq(fs_seq_min(high, low), low));
	ck_assert(fs_seq_eq(fs_seq_max(low, low), low));
}
END_TEST

START_TEST(between_holds_both_ends_and_goes_round)
{
	const seq32 first = seq(0xfffffff0), last = seq(0x10);

	ck_assert(fs_seq_between(first, first, last));
	ck_assert(fs_seq_between(last, first, last));
	ck_assert(fs_seq_between(seq(0), first, last));
	ck_assert(!fs_seq_between(seq(0xffffffef), first, last));
	ck_assert(!fs_seq_between(seq(0x11), first, last));
	ck_assert(fs_seq_between(first, first, first));
	ck_assert(!fs_seq_between(last, first, first));
	/* More than half a turn from end to end. */
	ck_assert(fs_seq_between(seq(0x90000000), seq(1), seq(0xf0000000)));
	ck_assert(!fs_seq_between(seq(0), seq(1), seq(0xf0000000)));
}
END_TEST

START_TEST(window_holds_its_first_and_not_its_end)
{
	const seq32 from = seq(0xfffffff0);

	ck_assert(fs_seq_within(from, from, 0x20));
	ck_assert(fs_seq_within(seq(0xf), from, 0x20));
	ck_assert(!fs_seq_within(seq(0x10), from, 0x20));
	ck_assert(!fs_seq_within(seq(0xffffffef), from, 0x20));
	ck_assert(!fs_seq_within(from, from, 0));
	ck_assert(fs_seq_within(from, from, 1));
	ck_assert(!fs_seq_within(fs_seq_add(from, 1), from, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/seq");
	TCase *tc = tcase_create("seq");

	tcase_add_test(tc, order_is_that_of_the_rfc_at_every_place);
	tcase_add_test(tc, half_a_turn_apart_nothing_is_ordered);
	tcase_add_test(tc, adding_and_taking_away_undo_each_other);
	tcase_add_test(tc, difference_has_the_sign_of_the_order_across_the_wrap);
	tcase_add_test(tc, max_and_min_are_those_of_the_circle);
	tcase_add_test(tc, between_holds_both_ends_and_goes_round);
	tcase_add_test(tc, window_holds_its_first_and_not_its_end);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
