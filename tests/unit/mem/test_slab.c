// SPDX-License-Identifier: BSD-2-Clause
/* test_slab.c - objects from slabs: apart, recycled, bounded, all given back. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "mem/slab.h"
#include "tests/lib/suite.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define is_guarded(p)	__asan_address_is_poisoned(p)
#define GUARDS		1
#else
#define is_guarded(p)	((void)(p), 0)
#define GUARDS		0
#endif

enum { SIZE = 448, MANY = 20000 };

static struct fs_slab slab;
static uint8_t *objects[MANY];

static void setup(void)
{
	ck_assert_int_eq(fs_slab_init(&slab, SIZE, MANY), 0);
}

static void teardown(void)
{
	fs_slab_fini(&slab);
	ck_assert_ptr_null(slab.slabs);
}

/* Taken and marked as a whole, with @mark in front. */
static uint8_t *take(uint32_t mark)
{
	uint8_t *object = fs_slab_take(&slab);

	ck_assert_ptr_nonnull(object);
	memset(object, (int)(mark & 0xff), SIZE);
	memcpy(object, &mark, sizeof(mark));
	return object;
}

static void put(uint8_t *object, uint32_t mark)
{
	uint32_t found;

	memcpy(&found, object, sizeof(found));
	ck_assert_uint_eq(found, mark);
	for (size_t i = sizeof(mark); i < SIZE; i++)
		ck_assert_uint_eq(object[i], mark & 0xff);
	fs_slab_put(&slab, object);
}

START_TEST(size_that_is_no_multiple_of_a_cache_line_is_refused)
{
	struct fs_slab s;

	ck_assert_int_eq(fs_slab_init(&s, 0, 1), -EINVAL);
	ck_assert_int_eq(fs_slab_init(&s, 100, 1), -EINVAL);
	ck_assert_int_eq(fs_slab_init(&s, 32 << 10, 1), -EINVAL);
	ck_assert_int_eq(fs_slab_init(&s, 16 << 10, 1), 0);
	fs_slab_put(&s, fs_slab_take(&s));
	fs_slab_fini(&s);
}
END_TEST

START_TEST(nothing_is_mapped_before_the_first_object)
{
	ck_assert_ptr_null(slab.slabs);
	put(take(1), 1);
	ck_assert_ptr_nonnull(slab.slabs);
}
END_TEST

START_TEST(objects_lie_on_cache_lines_and_apart)
{
	for (uint32_t i = 0; i < MANY; i++) {
		objects[i] = take(i);
		ck_assert_uint_eq((uintptr_t)objects[i] % 64, 0);
	}
	ck_assert_uint_eq(slab.used, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		put(objects[i], i);
	ck_assert_uint_eq(slab.used, 0);
}
END_TEST

START_TEST(no_more_objects_than_the_most)
{
	for (uint32_t i = 0; i < MANY; i++)
		objects[i] = take(i);
	ck_assert_ptr_null(fs_slab_take(&slab));
	put(objects[5], 5);
	objects[5] = take(5);
	ck_assert_ptr_null(fs_slab_take(&slab));
	for (uint32_t i = 0; i < MANY; i++)
		put(objects[i], i);
}
END_TEST

START_TEST(last_put_is_taken_first)
{
	uint8_t *a = take(1), *b = take(2);

	put(a, 1);
	put(b, 2);
	ck_assert_ptr_eq(take(3), b);
	ck_assert_ptr_eq(take(4), a);
	put(b, 3);
	put(a, 4);
}
END_TEST

START_TEST(waves_do_not_grow_it)
{
	struct fs_random rnd = { 11 };
	uint32_t held = 0;

	for (int i = 0; i < 200000; i++) {
		if (held && (held == 1000 || fs_random_below(&rnd, 2))) {
			uint32_t at = (uint32_t)fs_random_below(&rnd, held--);

			fs_slab_put(&slab, objects[at]);
			objects[at] = objects[held];
		} else {
			objects[held++] = take(0);
		}
		ck_assert_uint_eq(slab.used, held);
	}
	ck_assert_uint_le(slab.made, 1000);
	while (held)
		fs_slab_put(&slab, objects[--held]);
}
END_TEST

START_TEST(asan_guards_what_is_not_taken)
{
	uint8_t *a = take(1), *b = take(2);

	ck_assert(!is_guarded(a) && !is_guarded(a + SIZE - 1) && !is_guarded(b));
	ck_assert_int_eq(is_guarded(b + SIZE), GUARDS);
	put(a, 1);
	ck_assert_int_eq(is_guarded(a), GUARDS);
	ck_assert_int_eq(is_guarded(a + SIZE - 1), GUARDS);
	ck_assert(!is_guarded(b));
	put(b, 2);
}
END_TEST

START_TEST(it_can_begin_again_after_fini)
{
	put(take(1), 1);
	fs_slab_fini(&slab);
	setup();
	put(take(2), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mem/slab");
	TCase *tc = tcase_create("slab");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, size_that_is_no_multiple_of_a_cache_line_is_refused);
	tcase_add_test(tc, nothing_is_mapped_before_the_first_object);
	tcase_add_test(tc, objects_lie_on_cache_lines_and_apart);
	tcase_add_test(tc, no_more_objects_than_the_most);
	tcase_add_test(tc, last_put_is_taken_first);
	tcase_add_test(tc, waves_do_not_grow_it);
	tcase_add_test(tc, asan_guards_what_is_not_taken);
	tcase_add_test(tc, it_can_begin_again_after_fini);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
