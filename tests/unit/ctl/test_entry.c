// SPDX-License-Identifier: BSD-2-Clause
/* Published entries: padding, sums, generations, hashes. */
#include <check.h>
#include <stdlib.h>

#include "base/csum.h"
#include "ctl/entry.h"
#include "tests/lib/suite.h"

static const uint8_t zeros[FS_KV_VALUE_MAX];
static uint8_t bytes[FS_KV_KEY_MAX + FS_KV_VALUE_MAX];

static void setup(void)
{
	srand(7);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand();
}

/* 0 and 0xffff are the same number in one's complement. */
static uint16_t canonical(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

START_TEST(everything_behind_key_and_value_is_zero)
{
	struct fs_kv_large large;
	const struct fs_ctl_entry entry = fs_ctl_entry_large(&large);

	memset(&large, 0xff, sizeof(large));
	fs_ctl_entry_fill(&entry, 7, bytes, 250, bytes + 250, 1000);
	ck_assert_mem_eq(large.key, bytes, 250);
	ck_assert_mem_eq(large.key + 250, zeros, 6);
	ck_assert_mem_eq(large.value, bytes + 250, 1000);
	ck_assert_mem_eq(large.value + 1000, zeros, 24);
	ck_assert_uint_eq(large.head.key_len, 250);
	ck_assert_uint_eq(large.head.value_len, 1000);
	ck_assert_uint_eq(large.head.rsvd, 0);
}
END_TEST

START_TEST(the_sum_is_of_key_and_value_next_to_each_other)
{
	struct fs_kv_small small;
	const struct fs_ctl_entry entry = fs_ctl_entry_small(&small);

	for (size_t key_len = 1; key_len <= 32; key_len++)
		for (size_t value_len = 0; value_len <= 64; value_len++) {
			fs_ctl_entry_fill(&entry, 7, bytes, key_len, bytes + key_len, value_len);
			ck_assert_uint_eq(canonical(small.head.sum), canonical(
				fs_csum_fold(fs_csum_add(0, bytes, key_len + value_len))));
		}
}
END_TEST

START_TEST(small_is_what_fits_and_nothing_else)
{
	ck_assert(fs_ctl_entry_is_small(32, 64));
	ck_assert(fs_ctl_entry_is_small(1, 0));
	ck_assert(!fs_ctl_entry_is_small(33, 0));
	ck_assert(!fs_ctl_entry_is_small(1, 65));
}
END_TEST

START_TEST(an_entry_that_changes_under_the_reader_is_not_whole)
{
	struct fs_kv_small small;
	const struct fs_ctl_entry entry = fs_ctl_entry_small(&small);

	fs_ctl_entry_fill(&entry, 7, "k", 1, "v", 1);
	ck_assert(fs_ctl_entry_is_whole(&entry));
	small.gen_end++;
	ck_assert(!fs_ctl_entry_is_whole(&entry));
	fs_ctl_entry_fill(&entry, 8, "k", 1, "v", 1);
	small.head.value_len = 65;
	ck_assert(!fs_ctl_entry_is_whole(&entry));
}
END_TEST

START_TEST(a_key_is_not_its_own_beginning)
{
	struct fs_kv_small small;
	const struct fs_ctl_entry entry = fs_ctl_entry_small(&small);

	fs_ctl_entry_fill(&entry, 7, "a\0", 2, NULL, 0);
	ck_assert(fs_ctl_entry_has_key(&entry, "a\0", 2));
	ck_assert(!fs_ctl_entry_has_key(&entry, "a", 1));
	ck_assert_uint_ne(fs_ctl_entry_hash(1, "a\0", 2), fs_ctl_entry_hash(1, "a", 1));
}
END_TEST

START_TEST(the_hash_depends_on_seed_length_and_every_byte)
{
	for (size_t len = 1; len <= FS_KV_KEY_MAX; len++) {
		uint64_t hash = fs_ctl_entry_hash(42, bytes, len);

		ck_assert_uint_eq(hash, fs_ctl_entry_hash(42, bytes, len));
		ck_assert_uint_ne(hash, fs_ctl_entry_hash(43, bytes, len));
		bytes[len - 1] ^= 1;
		ck_assert_uint_ne(hash, fs_ctl_entry_hash(42, bytes, len));
		bytes[len - 1] ^= 1;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl/entry");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, everything_behind_key_and_value_is_zero);
	tcase_add_test(tc, the_sum_is_of_key_and_value_next_to_each_other);
	tcase_add_test(tc, small_is_what_fits_and_nothing_else);
	tcase_add_test(tc, an_entry_that_changes_under_the_reader_is_not_whole);
	tcase_add_test(tc, a_key_is_not_its_own_beginning);
	tcase_add_test(tc, the_hash_depends_on_seed_length_and_every_byte);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
