// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_ranges.c - the set of sequence ranges, by itself and against a bitmap.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "tcp/ranges.h"
#include "tests/lib/suite.h"

/* Across the wrap: everything begins 500 bytes before 2^32. */
#define BASE 0xfffffe0cu

static struct fs_tcp_ranges set;

static seq32 at(uint32_t offset)
{
	return (seq32){ BASE + offset };
}

static void setup(void)
{
	fs_tcp_ranges_init(&set);
}

static int32_t insert(uint32_t start, uint32_t end)
{
	return fs_tcp_ranges_insert(&set, at(start), at(end));
}

static void expect(struct fs_tcp_range r, uint32_t start, uint32_t end)
{
	ck_assert_uint_eq(r.start.raw - BASE, start);
	ck_assert_uint_eq(r.end.raw - BASE, end);
}

START_TEST(insertion_tells_how_many_bytes_were_new)
{
	ck_assert_int_eq(insert(1000, 2000), 1000);
	ck_assert_int_eq(insert(1000, 2000), 0);
	ck_assert_int_eq(insert(1200, 1300), 0);
	ck_assert_int_eq(insert(1500, 2500), 500);
	ck_assert_int_eq(insert(400, 1000), 600);
	ck_assert_uint_eq(set.n, 1);
	expect(set.range[0], 400, 2500);
	ck_assert_uint_eq(fs_tcp_ranges_bytes(&set), 2100);
}
END_TEST

START_TEST(a_segment_over_several_ranges_makes_them_one)
{
	insert(100, 200);
	insert(300, 400);
	insert(500, 600);
	insert(700, 800);
	ck_assert_int_eq(insert(350, 700), 200);
	ck_assert_uint_eq(set.n, 2);
	expect(set.range[0], 100, 200);
	expect(set.range[1], 300, 800);
}
END_TEST

START_TEST(what_is_empty_or_longer_than_half_the_space_is_refused)
{
	ck_assert_int_eq(insert(100, 100), -EINVAL);
	ck_assert_int_eq(insert(100, 99), -EINVAL);
	ck_assert_int_eq(insert(0, 1u << 31), -EINVAL);
	ck_assert_uint_eq(set.n, 0);
	ck_assert_int_eq(insert(0, INT32_MAX), INT32_MAX);
}
END_TEST

START_TEST(a_full_set_refuses_a_new_range_but_lets_its_own_grow)
{
	for (uint32_t i = 0; i < FS_TCP_RANGES_MAX; i++)
		ck_assert_int_eq(insert(i * 20, i * 20 + 10), 10);
	ck_assert_int_eq(insert(10000, 10010), -ENOBUFS);
	ck_assert_int_eq(insert(12, 18), -ENOBUFS);
	ck_assert_uint_eq(fs_tcp_ranges_bytes(&set), 10 * FS_TCP_RANGES_MAX);
	ck_assert_int_eq(insert(10, 15), 5);
	ck_assert_int_eq(insert(15, 20), 5);
	ck_assert_uint_eq(set.n, FS_TCP_RANGES_MAX - 1);
	ck_assert_int_eq(insert(10000, 10010), 10);
}
END_TEST

START_TEST(trimming_forgets_what_is_before)
{
	insert(100, 200);
	insert(300, 400);
	fs_tcp_ranges_trim(&set, at(50));
	ck_assert_uint_eq(set.n, 2);
	fs_tcp_ranges_trim(&set, at(150));
	expect(set.range[0], 150, 200);
	fs_tcp_ranges_trim(&set, at(200));
	ck_assert_uint_eq(set.n, 1);
	expect(set.range[0], 300, 400);
	fs_tcp_ranges_trim(&set, at(1000));
	ck_assert_uint_eq(set.n, 0);
}
END_TEST

START_TEST(rcv_nxt_advances_over_the_range_that_it_reaches)
{
	insert(100, 200);
	insert(300, 400);
	ck_assert_uint_eq(fs_tcp_ranges_advance(&set, at(50)).raw, at(50).raw);
	ck_assert_uint_eq(fs_tcp_ranges_advance(&set, at(100)).raw, at(200).raw);
	ck_assert_uint_eq(set.n, 1);
	ck_assert_uint_eq(fs_tcp_ranges_advance(&set, at(350)).raw, at(400).raw);
	ck_assert_uint_eq(set.n, 0);
	ck_assert_uint_eq(fs_tcp_ranges_advance(&set, at(400)).raw, at(400).raw);
}
END_TEST

START_TEST(the_first_hole_is_found)
{
	struct fs_tcp_range hole;

	insert(100, 200);
	insert(300, 400);
	ck_assert(fs_tcp_ranges_hole(&set, at(0), at(500), &hole));
	expect(hole, 0, 100);
	ck_assert(fs_tcp_ranges_hole(&set, at(100), at(500), &hole));
	expect(hole, 200, 300);
	ck_assert(fs_tcp_ranges_hole(&set, at(250), at(280), &hole));
	expect(hole, 250, 280);
	ck_assert(fs_tcp_ranges_hole(&set, at(350), at(500), &hole));
	expect(hole, 400, 500);
	ck_assert(!fs_tcp_ranges_hole(&set, at(120), at(200), &hole));
	ck_assert(!fs_tcp_ranges_hole(&set, at(50), at(50), &hole));
}
END_TEST

/* RFC 2018 5, case 2: the first segment is lost, the rest of 8 arrive. */
START_TEST(rfc2018_5_case_2_one_growing_block)
{
	struct fs_tcp_range blocks[4];

	for (uint32_t i = 1; i < 8; i++) {
		insert(5000 + 500 * i, 5500 + 500 * i);
		ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 4), 1);
		expect(blocks[0], 5500, 5500 + 500 * i);
	}
}
END_TEST

/* RFC 2018 5, case 3: the 2nd, 4th, 6th and 8th are lost, then the 4th comes, then the 2nd. */
START_TEST(rfc2018_5_case_3_the_most_recent_block_is_first)
{
	struct fs_tcp_range blocks[4];

	insert(6000, 6500);
	insert(7000, 7500);
	insert(8000, 8500);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 4), 3);
	expect(blocks[0], 8000, 8500);
	expect(blocks[1], 7000, 7500);
	expect(blocks[2], 6000, 6500);

	insert(6500, 7000);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 4), 2);
	expect(blocks[0], 6000, 7500);
	expect(blocks[1], 8000, 8500);

	ck_assert_uint_eq(fs_tcp_ranges_advance(&set, at(6000)).raw, at(7500).raw);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 4), 1);
	expect(blocks[0], 8000, 8500);
}
END_TEST

START_TEST(rfc2018_4_no_more_blocks_than_there_is_room_for)
{
	struct fs_tcp_range blocks[3];

	for (uint32_t i = 0; i < 6; i++)
		insert(i * 100, i * 100 + 10);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 3), 3);
	expect(blocks[0], 500, 510);
	expect(blocks[2], 300, 310);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 0), 0);
}
END_TEST

START_TEST(the_order_of_blocks_survives_the_wrap_of_the_stamp)
{
	struct fs_tcp_range blocks[3];

	set.stamp = UINT32_MAX - 1;
	insert(100, 110);
	insert(200, 210);
	insert(300, 310);
	ck_assert_uint_eq(fs_tcp_ranges_blocks(&set, NULL, blocks, 3), 3);
	expect(blocks[0], 300, 310);
	expect(blocks[1], 200, 210);
	expect(blocks[2], 100, 110);
}
END_TEST

/* A segment comes in, as a receiver does it; returns the blocks of the ACK. */
static unsigned int receive(uint32_t rcv_nxt, uint32_t start, uint32_t end,
			    struct fs_tcp_range *blocks)
{
	struct fs_tcp_range dup;
	bool again = fs_tcp_ranges_duplicate(&set, at(rcv_nxt), at(start), at(end), &dup);

	if (start > rcv_nxt)
		insert(start, end);
	return fs_tcp_ranges_blocks(&set, again ? &dup : NULL, blocks, 4);
}

START_TEST(rfc2883_4_1_1_a_duplicate_below_rcv_nxt_is_reported_once)
{
	struct fs_tcp_range blocks[4];

	ck_assert_uint_eq(receive(4000, 3000, 3500, blocks), 1);
	expect(blocks[0], 3000, 3500);
	ck_assert_uint_eq(receive(4000, 4000, 4500, blocks), 0);
}
END_TEST

START_TEST(rfc2883_4_1_2_a_duplicate_below_rcv_nxt_stands_before_what_is_held)
{
	struct fs_tcp_range blocks[4];

	insert(4500, 5000);
	ck_assert_uint_eq(receive(4000, 3000, 3500, blocks), 2);
	expect(blocks[0], 3000, 3500);
	expect(blocks[1], 4500, 5000);
}
END_TEST

START_TEST(rfc2883_4_1_3_a_duplicate_of_held_data_is_followed_by_the_block_around_it)
{
	struct fs_tcp_range blocks[4];

	insert(4500, 5500);
	insert(6000, 6500);
	ck_assert_uint_eq(receive(4000, 5000, 5500, blocks), 3);
	expect(blocks[0], 5000, 5500);
	expect(blocks[1], 4500, 5500);
	expect(blocks[2], 6000, 6500);
}
END_TEST

START_TEST(rfc2883_4_2_of_a_partial_duplicate_only_the_duplicate_part_is_reported)
{
	struct fs_tcp_range blocks[4];

	/* 4.2.1: it repeats what was acknowledged and goes on behind. */
	ck_assert(fs_tcp_ranges_duplicate(&set, at(1500), at(1000), at(2000), &blocks[0]));
	expect(blocks[0], 1000, 1500);

	/* 4.2.2: it fills a hole and repeats what lies behind. */
	insert(3000, 4000);
	ck_assert_uint_eq(receive(2000, 2500, 3500, blocks), 2);
	expect(blocks[0], 3000, 3500);
	expect(blocks[1], 2500, 4000);
}
END_TEST

START_TEST(rfc2883_4_2_3_of_two_duplicate_parts_the_first_is_reported)
{
	struct fs_tcp_range blocks[4];

	insert(2000, 2500);
	insert(3000, 3500);
	ck_assert_uint_eq(receive(1000, 1500, 4000, blocks), 2);
	expect(blocks[0], 2000, 2500);
	expect(blocks[1], 1500, 4000);
}
END_TEST

START_TEST(rfc2883_4_what_is_new_is_no_duplicate)
{
	struct fs_tcp_range dup;

	insert(2000, 2500);
	ck_assert(!fs_tcp_ranges_duplicate(&set, at(1000), at(1000), at(2000), &dup));
	ck_assert(!fs_tcp_ranges_duplicate(&set, at(1000), at(2500), at(3000), &dup));
	ck_assert(!fs_tcp_ranges_duplicate(&set, at(1000), at(900), at(900), &dup));
}
END_TEST

/* The model: a byte for each sequence number, and one for when it was added. */
enum { SPACE = 2000 };
static bool held[SPACE];
static unsigned int touched[SPACE];

static unsigned int model_runs(void)
{
	unsigned int runs = 0;

	for (int i = 0; i < SPACE; i++)
		runs += held[i] && (!i || !held[i - 1]);
	return runs;
}

static void compare(void)
{
	uint32_t n = 0, bytes = 0;

	for (uint32_t i = 0; i < SPACE; i++) {
		bytes += held[i];
		if (!held[i] || (i && held[i - 1]))
			continue;
		uint32_t end = i;

		while (end < SPACE && held[end])
			end++;
		ck_assert_uint_lt(n, set.n);
		expect(set.range[n++], i, end);
	}
	ck_assert_uint_eq(n, set.n);
	ck_assert_uint_eq(bytes, fs_tcp_ranges_bytes(&set));
}

static void model_insert(uint32_t start, uint32_t end, unsigned int step)
{
	int32_t fresh = 0, got;
	bool saved[SPACE];

	memcpy(saved, held, sizeof(held));
	for (uint32_t i = start; i < end; i++) {
		fresh += !held[i];
		held[i] = true;
	}
	got = insert(start, end);
	if (model_runs() > FS_TCP_RANGES_MAX) {
		ck_assert_int_eq(got, -ENOBUFS);
		memcpy(held, saved, sizeof(held));
		return;
	}
	ck_assert_int_eq(got, fresh);
	while (start && held[start - 1])
		start--;
	while (end < SPACE && held[end])
		end++;
	for (uint32_t i = start; i < end; i++)
		touched[i] = step;
}

static void model_query(uint32_t start, uint32_t end)
{
	struct fs_tcp_range hole, dup;
	uint32_t i = start, from;
	bool found;

	while (i < end && held[i])
		i++;
	found = fs_tcp_ranges_hole(&set, at(start), at(end), &hole);
	ck_assert_int_eq(found, i < end);
	ck_assert_int_eq(fs_tcp_ranges_contains(&set, at(start), at(end)), i == end);
	for (from = i; i < end && !held[i];)
		i++;
	if (found)
		expect(hole, from, i);

	for (i = start; i < end && !held[i];)
		i++;
	found = fs_tcp_ranges_duplicate(&set, at(0), at(start), at(end), &dup);
	ck_assert_int_eq(found, i < end);
	for (from = i; i < end && held[i];)
		i++;
	if (found)
		expect(dup, from, i);
}

/* Blocks are whole runs, each most recent one of those not yet named. */
static void model_blocks(void)
{
	struct fs_tcp_range blocks[FS_TCP_RANGES_MAX];
	unsigned int n = fs_tcp_ranges_blocks(&set, NULL, blocks, ARRAY_SIZE(blocks));
	unsigned int last = UINT32_MAX;

	ck_assert_uint_eq(n, set.n);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t start = blocks[i].start.raw - BASE;

		ck_assert(held[start]);
		ck_assert_uint_lt(touched[start], last);
		last = touched[start];
	}
}

START_TEST(it_does_what_a_bitmap_does)
{
	struct fs_random rnd = { (uint64_t)_i + 1 };
	uint32_t max_len = _i % 2 ? 12 : 200;

	memset(held, 0, sizeof(held));
	for (unsigned int step = 1; step < 1500; step++) {
		uint32_t start = (uint32_t)fs_random_below(&rnd, SPACE - max_len);
		uint32_t end = start + 1 + (uint32_t)fs_random_below(&rnd, max_len);

		model_query(start, end);
		if (fs_random_ppm(&rnd, 100000)) {
			start /= 2;
			fs_tcp_ranges_trim(&set, at(start));
			memset(held, 0, start);
		} else if (fs_random_ppm(&rnd, 20000)) {
			start /= 2;
			end = fs_tcp_ranges_advance(&set, at(start)).raw - BASE;
			memset(held, 0, start);
			while (start < SPACE && held[start])
				held[start++] = false;
			ck_assert_uint_eq(start, end);
		} else {
			model_insert(start, end, step);
		}
		compare();
		model_blocks();
	}
}
END_TEST

static void add_blocks(TCase *tc)
{
	tcase_add_test(tc, rfc2018_5_case_2_one_growing_block);
	tcase_add_test(tc, rfc2018_5_case_3_the_most_recent_block_is_first);
	tcase_add_test(tc, rfc2018_4_no_more_blocks_than_there_is_room_for);
	tcase_add_test(tc, the_order_of_blocks_survives_the_wrap_of_the_stamp);
	tcase_add_test(tc, rfc2883_4_1_1_a_duplicate_below_rcv_nxt_is_reported_once);
	tcase_add_test(tc, rfc2883_4_1_2_a_duplicate_below_rcv_nxt_stands_before_what_is_held);
	tcase_add_test(tc, rfc2883_4_1_3_a_duplicate_of_held_data_is_followed_by_the_block_around_it);
	tcase_add_test(tc, rfc2883_4_2_of_a_partial_duplicate_only_the_duplicate_part_is_reported);
	tcase_add_test(tc, rfc2883_4_2_3_of_two_duplicate_parts_the_first_is_reported);
	tcase_add_test(tc, rfc2883_4_what_is_new_is_no_duplicate);
}

int main(void)
{
	Suite *suite = suite_create("tcp/ranges");
	TCase *tc = tcase_create("ranges");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, insertion_tells_how_many_bytes_were_new);
	tcase_add_test(tc, a_segment_over_several_ranges_makes_them_one);
	tcase_add_test(tc, what_is_empty_or_longer_than_half_the_space_is_refused);
	tcase_add_test(tc, a_full_set_refuses_a_new_range_but_lets_its_own_grow);
	tcase_add_test(tc, trimming_forgets_what_is_before);
	tcase_add_test(tc, rcv_nxt_advances_over_the_range_that_it_reaches);
	tcase_add_test(tc, the_first_hole_is_found);
	add_blocks(tc);
	tcase_add_loop_test(tc, it_does_what_a_bitmap_does, 0, 8);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
