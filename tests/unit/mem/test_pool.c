// SPDX-License-Identifier: BSD-2-Clause
/* The pool: frames that run short, and what stands in for them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "mem/pool.h"
#include "tests/lib/suite.h"

enum {
	CHUNKS = 64,
	CHUNK_SIZE = 2048,
	SHORT = CHUNKS / 8,	/* fewer are free: frames are short */
};

static struct fs_pool *pool;
static struct fs_buf *held[CHUNKS];
static unsigned int n_held;

static void open_pool(void)
{
	const struct fs_pool_opts opts = { .chunks = CHUNKS, .chunk_size = CHUNK_SIZE };

	ck_assert_int_eq(fs_pool_open(&pool, &opts), 0);
	n_held = 0;
}

static void close_pool(void)
{
	while (n_held)
		fs_pool_put(held[--n_held]);
	ck_assert_uint_eq(pool->n_free, CHUNKS);
	ck_assert_uint_eq(pool->heap_bytes, 0);
	fs_pool_close(pool);
}

static void leave_free(uint32_t n)
{
	while (pool->n_free > n)
		held[n_held++] = fs_pool_take(pool, FS_BUF_RX);
}

START_TEST(odd_sizes_are_refused)
{
	const uint32_t sizes[] = { 0, 1024, 3000, 8192 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct fs_pool_opts opts = { .chunks = CHUNKS, .chunk_size = sizes[i] };

		ck_assert_int_eq(fs_pool_open(&pool, &opts), -EINVAL);
	}
}
END_TEST

START_TEST(frames_are_apart_and_counted)
{
	uint32_t count[FS_BUF_STATE_COUNT];

	open_pool();
	leave_free(0);
	ck_assert_ptr_null(fs_pool_take(pool, FS_BUF_TX));
	for (unsigned int i = 1; i < n_held; i++)
		ck_assert_uint_ge((uint64_t)llabs(held[i]->area - held[i - 1]->area), CHUNK_SIZE);
	fs_pool_census(pool, count);
	ck_assert_uint_eq(count[FS_BUF_RX], CHUNKS);
	close_pool();
}
END_TEST

START_TEST(room_is_a_frame_until_they_are_short)
{
	struct fs_buf *frame, *heap;

	open_pool();
	leave_free(SHORT);
	frame = fs_pool_take_room(pool, FS_BUF_STAGED);
	ck_assert_int_eq(frame->kind, FS_BUF_FRAME);
	heap = fs_pool_take_room(pool, FS_BUF_UNACKED);
	ck_assert_int_eq(heap->kind, FS_BUF_HEAP);
	ck_assert_int_eq(heap->state, FS_BUF_UNACKED);
	ck_assert_uint_ge(heap->room, CHUNK_SIZE);
	ck_assert_uint_eq(pool->n_free, SHORT - 1);
	ck_assert_uint_eq(pool->asides, 1);
	fs_pool_put(frame);
	fs_pool_put(heap);
	close_pool();
}
END_TEST

START_TEST(heap_has_an_end_and_then_it_is_frames_again)
{
	struct fs_buf *heap[4], *buf;
	unsigned int n = 0;

	open_pool();
	pool->heap_max = 2 * (CHUNK_SIZE + FS_POOL_HEADROOM);
	leave_free(SHORT - 1);
	ck_assert(fs_pool_heap_left(pool, 2));
	while ((buf = fs_pool_take_aside(pool, FS_BUF_STAGED)))
		heap[n++] = buf;
	ck_assert_uint_eq(n, 2);
	ck_assert(!fs_pool_heap_left(pool, 2));
	buf = fs_pool_take_room(pool, FS_BUF_STAGED);
	ck_assert_int_eq(buf->kind, FS_BUF_FRAME);
	fs_pool_put(buf);
	while (n)
		fs_pool_put(heap[--n]);
	close_pool();
}
END_TEST

/* Payload may fill all of a frame: none of it may be lost, nor go beyond. */
START_TEST(what_is_set_aside_is_whole)
{
	struct fs_buf *frame, *copy;

	open_pool();
	leave_free(SHORT);
	frame = fs_pool_take(pool, FS_BUF_RX);
	frame->data = frame->area;
	frame->len = frame->room;
	frame->tos = 4;
	frame->ttl = 63;
	for (uint32_t i = 0; i < frame->len; i++)
		frame->data[i] = (uint8_t)(i * 7);
	copy = fs_pool_set_aside(frame);
	ck_assert_int_eq(copy->kind, FS_BUF_HEAP);
	ck_assert_int_eq(copy->state, FS_BUF_RX);
	ck_assert_uint_eq(pool->n_free, SHORT);
	ck_assert_uint_eq(copy->len, CHUNK_SIZE);
	ck_assert_uint_eq(copy->tos, 4);
	ck_assert_uint_eq(copy->ttl, 63);
	for (uint32_t i = 0; i < copy->len; i++)
		ck_assert_uint_eq(copy->data[i], (uint8_t)(i * 7));
	fs_pool_put(copy);
	close_pool();
}
END_TEST

/* The sanitizer maps more than the limit for itself. */
#ifdef __SANITIZE_ADDRESS__
enum { MAPS_LITTLE = 0 };
#else
enum { MAPS_LITTLE = 1 };
#endif

/* As from malloc(): more than can be mapped. */
START_TEST(where_the_system_has_no_more_the_heap_ends)
{
	struct fs_buf *heap, *frame;

	open_pool();
	leave_free(SHORT - 1);
	heap = fs_pool_take_aside(pool, FS_BUF_STAGED);
	pool->chunk_size = UINT32_MAX / 2 + 1;
	pool->heap_max = UINT64_MAX;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ 1 << 30, 1 << 30 }), 0);
	ck_assert_ptr_null(fs_pool_take_aside(pool, FS_BUF_STAGED));
	pool->chunk_size = CHUNK_SIZE;
	ck_assert(!fs_pool_heap_left(pool, 16));
	frame = fs_pool_take_room(pool, FS_BUF_STAGED);
	ck_assert_int_eq(frame->kind, FS_BUF_FRAME);
	fs_pool_put(frame);
	fs_pool_put(heap);
	close_pool();
}
END_TEST

START_TEST(nothing_is_set_aside_without_need_or_memory)
{
	struct fs_buf *frame;

	open_pool();
	frame = fs_pool_take(pool, FS_BUF_RX);
	frame->data = frame->area;
	frame->len = 1;
	ck_assert_ptr_eq(fs_pool_set_aside(frame), frame);
	leave_free(0);
	pool->heap_max = 0;
	ck_assert_ptr_eq(fs_pool_set_aside(frame), frame);
	fs_pool_put(frame);
	close_pool();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mem/pool");
	TCase *tc = tcase_create("pool");

	tcase_add_test(tc, odd_sizes_are_refused);
	tcase_add_test(tc, frames_are_apart_and_counted);
	tcase_add_test(tc, room_is_a_frame_until_they_are_short);
	tcase_add_test(tc, heap_has_an_end_and_then_it_is_frames_again);
	tcase_add_test(tc, what_is_set_aside_is_whole);
	if (MAPS_LITTLE)
		tcase_add_test(tc, where_the_system_has_no_more_the_heap_ends);
	tcase_add_test(tc, nothing_is_set_aside_without_need_or_memory);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
