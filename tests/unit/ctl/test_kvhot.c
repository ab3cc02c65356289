// SPDX-License-Identifier: BSD-2-Clause
/* Hot copies: two places, one lock each, and readers that never wait. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "ctl/entry.h"
#include "ctl/kvhot.h"
#include "tests/lib/suite.h"

static struct fs_kv_hot *hot;

static void setup(void)
{
	hot = calloc(FS_KV_HOT_ENTRIES, sizeof(*hot));
	ck_assert_ptr_nonnull(hot);
}

static void teardown(void)
{
	free(hot);
}

static struct fs_kv_small small(uint64_t gen, const char *key, const char *value)
{
	struct fs_kv_small s;
	const struct fs_ctl_entry entry = fs_ctl_entry_small(&s);

	fs_ctl_entry_fill(&entry, gen, key, strlen(key), value, strlen(value));
	return s;
}

static void fill(uint64_t hash, uint64_t gen, const char *key, const char *value)
{
	const struct fs_kv_small s = small(gen, key, value);

	fs_ctl_kvhot_fill(hot, hash, &s);
}

/* The copy with this hash; NULL when none of both places has it. */
static struct fs_kv_hot *find(uint64_t hash)
{
	for (unsigned int which = 0; which < 2; which++) {
		struct fs_kv_hot *at = &hot[(hash % FS_KV_HOT_ENTRIES) ^ which];

		if (at->hash == hash)
			return at;
	}
	return NULL;
}

/* Is it a whole copy of this? */
static void expect_copy(uint64_t hash, uint64_t gen, const char *key, const char *value)
{
	const struct fs_kv_small s = small(gen, key, value);
	struct fs_kv_hot *at = find(hash);

	ck_assert_ptr_nonnull(at);
	ck_assert_mem_eq(&at->entry, &s, sizeof(s));
}

START_TEST(copy_is_the_whole_entry_and_goes_when_it_is_cleared)
{
	fill(77, 1001, "colour", "green");
	expect_copy(77, 1001, "colour", "green");
	fs_ctl_kvhot_clear(hot, 78, 1002);
	fs_ctl_kvhot_clear(hot, 77 + FS_KV_HOT_ENTRIES, 1002);
	expect_copy(77, 1001, "colour", "green");
	fs_ctl_kvhot_clear(hot, 77, 1002);
	ck_assert_ptr_null(find(77));
	fill(77, 1003, "colour", "blue");
	expect_copy(77, 1003, "colour", "blue");
}
END_TEST

START_TEST(two_share_two_places_and_the_third_takes_one)
{
	const uint64_t hash[] = { 5, 5 + FS_KV_HOT_ENTRIES, 4 + 2 * FS_KV_HOT_ENTRIES };
	int left;

	fill(hash[0], 1001, "one", "1");
	fill(hash[1], 1002, "two", "2");
	expect_copy(hash[0], 1001, "one", "1");
	expect_copy(hash[1], 1002, "two", "2");
	fill(hash[2], 1003 + (unsigned int)_i, "three", "3");
	expect_copy(hash[2], 1003 + (unsigned int)_i, "three", "3");
	left = (find(hash[0]) != NULL) + (find(hash[1]) != NULL);
	ck_assert_int_eq(left, 1);
}
END_TEST

START_TEST(hash_zero_has_no_copy)
{
	fill(0, 1001, "none", "0");
	ck_assert_uint_eq(hot[0].entry.head.key_len + hot[1].entry.head.key_len, 0);
}
END_TEST

START_TEST(what_another_writes_or_died_over_is_left_alone)
{
	struct fs_kv_hot before[2];

	/* One place is his: the other is taken, and given back. */
	hot[8].entry.gen_end = 1;
	fill(8, 1001, "colour", "green");
	ck_assert_uint_eq(hot[9].hash, 8);
	expect_copy(8, 1001, "colour", "green");
	fs_ctl_kvhot_clear(hot, 8, 1002);
	ck_assert_ptr_null(find(8));
	/* Both: nothing happens. */
	hot[9].entry.gen_end = 1;
	hot[9].hash = 8;
	memcpy(before, hot + 8, sizeof(before));
	fill(8, 1003, "colour", "blue");
	fs_ctl_kvhot_clear(hot, 8, 1004);
	ck_assert_mem_eq(before, hot + 8, sizeof(before));
}
END_TEST

enum { ROUNDS = 200000, WRITERS = 2, KEYS = 3 };

static atomic_uint writers;

/* Values that say of whom they are, and agree in every byte. */
static void *write_copies(void *arg)
{
	const uint64_t me = (uint64_t)(uintptr_t)arg;

	for (uint64_t n = 1; n <= ROUNDS; n++) {
		const uint64_t hash = 16 + (n % KEYS) * FS_KV_HOT_ENTRIES;
		struct fs_kv_small s = { .head.gen = n << 8 | me, .gen_end = n << 8 | me };

		memset(s.value, (int)(n & 0xff), sizeof(s.value));
		memset(s.key, (int)(n % KEYS), sizeof(s.key));
		if (n % 5)
			fs_ctl_kvhot_fill(hot, hash, &s);
		else
			fs_ctl_kvhot_clear(hot, hash, s.head.gen);
	}
	atomic_fetch_sub(&writers, 1);
	return NULL;
}

static bool is_all(const uint8_t *bytes, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (bytes[i] != bytes[0])
			return false;
	return true;
}

/* As bpf/kv.h does it. Returns whether it was whole; a mixture fails. */
static unsigned int read_copy(const struct fs_kv_hot *at)
{
	const uint64_t gen = __atomic_load_n(&at->entry.head.gen, __ATOMIC_ACQUIRE);
	struct fs_kv_small s;

	if (__atomic_load_n(&at->entry.gen_end, __ATOMIC_ACQUIRE) != gen)
		return 0;
	memcpy(&s, &at->entry, sizeof(s));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&at->entry.head.gen, __ATOMIC_RELAXED) != gen ||
	    __atomic_load_n(&at->entry.gen_end, __ATOMIC_RELAXED) != gen)
		return 0;
	if (!is_all(s.value, sizeof(s.value)) || !is_all(s.key, sizeof(s.key)))
		ck_abort_msg("two publications in one copy");
	return 1;
}

START_TEST(readers_never_see_a_mixture_of_two_writers)
{
	pthread_t threads[WRITERS];
	unsigned int whole = 0;

	atomic_store(&writers, WRITERS);
	for (uintptr_t i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_copies, (void *)(i + 1)), 0);
	while (atomic_load(&writers))
		whole += read_copy(&hot[16]) + read_copy(&hot[17]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(whole, 0);
	/* Nobody died: both places can be locked. */
	ck_assert_uint_eq(hot[16].entry.head.gen, hot[16].entry.gen_end);
	ck_assert_uint_eq(hot[17].entry.head.gen, hot[17].entry.gen_end);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl/kvhot");
	TCase *tc = tcase_create("kvhot");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, copy_is_the_whole_entry_and_goes_when_it_is_cleared);
	tcase_add_loop_test(tc, two_share_two_places_and_the_third_takes_one, 0, 2);
	tcase_add_test(tc, hash_zero_has_no_copy);
	tcase_add_test(tc, what_another_writes_or_died_over_is_left_alone);
	tcase_add_test(tc, readers_never_see_a_mixture_of_two_writers);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
