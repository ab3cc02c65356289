// SPDX-License-Identifier: BSD-2-Clause
/* The simulated wire: delay, rate, queue, order, frames given back. */
#include <check.h>
#include <stdlib.h>

#include "numbered.h"
#include "port/sim.h"
#include "tests/lib/leak.h"
#include "tests/lib/suite.h"

static struct fs_pool *pool_a, *pool_b;
static struct fs_sim *sim;
static struct fs_port *a, *b;
static int fds;

static void setup(void)
{
	fds = test_open_fds();
	pool_a = test_pool(64);
	pool_b = test_pool(32);
	ck_assert_int_eq(fs_sim_open(&sim, 1), 0);
	a = b = NULL;
}

static void teardown(void)
{
	if (a)
		a->ops->close(a);
	if (b)
		b->ops->close(b);
	fs_sim_close(sim);
	test_pool_close(pool_a);
	test_pool_close(pool_b);
	test_check_fds(fds);
}

static void wire(struct fs_sim_pair_opts opts)
{
	ck_assert_int_eq(fs_sim_pair(sim, pool_a, pool_b, &opts, &a, &b), 0);
}

START_TEST(frame_arrives_when_the_delay_is_over)
{
	wire((struct fs_sim_pair_opts){ .a_to_b.delay_ns = 5000, .index = { 3, 4 } });
	emit(a, 7, 100);
	ck_assert_uint_eq(fs_sim_next_ns(sim), 5000);
	ck_assert_uint_eq(b->ops->next_ns(b), 5000);
	fs_sim_advance(sim, 4999);
	ck_assert_int_eq(rx(b), -1);
	fs_sim_advance(sim, 5000);
	ck_assert_int_eq(rx(b), 7);
	ck_assert_uint_eq(fs_sim_next_ns(sim), FS_NEVER);
	ck_assert_uint_eq(b->ops->next_ns(b), FS_NEVER);
}
END_TEST

START_TEST(nothing_leaves_without_a_kick)
{
	wire((struct fs_sim_pair_opts){ 0 });
	ck_assert_uint_eq(queue_frame(a, 1, 60), 1);
	ck_assert_uint_eq(fs_sim_next_ns(sim), FS_NEVER);
	ck_assert(!a->ops->kick(a));
	ck_assert_uint_eq(fs_sim_next_ns(sim), 0);
	fs_sim_advance(sim, 0);
	ck_assert_int_eq(rx(b), 1);
}
END_TEST

START_TEST(rate_spaces_frames_and_holds_them_until_they_left)
{
	/* 1000 bytes at 8 Mbit/s: one millisecond each. */
	wire((struct fs_sim_pair_opts){ .a_to_b = { .rate_bps = 8000000, .delay_ns = 10 } });
	uint32_t before = pool_a->n_free;

	emit(a, 1, 1000);
	emit(a, 2, 1000);
	ck_assert_uint_eq(pool_a->n_free, before - 2);
	fs_sim_advance(sim, NSEC_PER_MSEC);
	ck_assert_uint_eq(pool_a->n_free, before - 1);
	ck_assert_int_eq(rx(b), -1);
	fs_sim_advance(sim, NSEC_PER_MSEC + 10);
	ck_assert_int_eq(rx(b), 1);
	ck_assert_int_eq(rx(b), -1);
	fs_sim_advance(sim, 2 * NSEC_PER_MSEC + 10);
	ck_assert_int_eq(rx(b), 2);
	ck_assert_uint_eq(pool_a->n_free, before);
}
END_TEST

START_TEST(bytes_are_those_at_the_time_of_departure)
{
	wire((struct fs_sim_pair_opts){ .a_to_b.delay_ns = 100 });
	emit(a, 9, 60);
	/* The frame has left: its owner may use it again. */
	struct fs_buf *buf = fs_pool_take(pool_a, FS_BUF_STAGED);

	memset(buf->area, 0xee, buf->room);
	fs_pool_put(buf);
	fs_sim_advance(sim, 100);
	ck_assert_int_eq(rx(b), 9);
}
END_TEST

START_TEST(full_queue_drops_at_the_tail)
{
	struct fs_sim_stats stats;

	wire((struct fs_sim_pair_opts){ .a_to_b = { .rate_bps = 8000000, .queue_pkts = 3 } });
	for (uint8_t i = 0; i < 5; i++)
		emit(a, i, 1000);
	fs_sim_advance(sim, NSEC_PER_SEC);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(rx(b), i);
	ck_assert_int_eq(rx(b), -1);
	fs_sim_stats(a, &stats);
	ck_assert_uint_eq(stats.drop_queue, 2);
	ck_assert_uint_eq(stats.pkts, 3);
	ck_assert_uint_eq(stats.bytes, 3000);
	ck_assert_uint_eq(stats.delivered, 3);
	ck_assert_uint_eq(stats.in_flight, 0);
}
END_TEST

START_TEST(full_ring_refuses_until_the_kick)
{
	wire((struct fs_sim_pair_opts){ .ring_size = 4 });
	for (uint8_t i = 0; i < 4; i++)
		ck_assert_uint_eq(queue_frame(a, i, 60), 1);
	ck_assert_uint_eq(queue_frame(a, 4, 60), 0);
	a->ops->kick(a);
	ck_assert_uint_eq(queue_frame(a, 4, 60), 1);
}
END_TEST

START_TEST(receiver_without_frames_drops_and_counts)
{
	struct fs_port_stats stats;

	wire((struct fs_sim_pair_opts){ .ring_size = 4 });
	for (uint8_t i = 0; i < 6; i++)
		emit(a, i, 60);
	fs_sim_advance(sim, 0);
	b->ops->stats(b, &stats);
	ck_assert_uint_eq(stats.rx_drop_no_frame, 2);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(rx(b), i);
	/* rx() has refilled. */
	emit(a, 9, 60);
	fs_sim_advance(sim, 1);
	ck_assert_int_eq(rx(b), 9);
}
END_TEST

START_TEST(frame_too_long_for_the_receiver_is_dropped)
{
	struct fs_port_stats stats;

	wire((struct fs_sim_pair_opts){ 0 });
	emit(a, 1, 2048 - FS_POOL_HEADROOM);
	emit(a, 2, 2048 - FS_POOL_XDP_HEADROOM);
	fs_sim_advance(sim, 0);
	ck_assert_int_eq(rx(b), 2);
	b->ops->stats(b, &stats);
	ck_assert_uint_eq(stats.rx_drop_ring, 1);
}
END_TEST

static uint64_t run_jittered(uint64_t seed)
{
	struct fs_sim_pair_opts opts = { .a_to_b.jitter_ns = 1000000 };
	uint64_t hash = 0;
	int expected = 0;

	fs_sim_close(sim);
	ck_assert_int_eq(fs_sim_open(&sim, seed), 0);
	wire(opts);
	for (uint8_t i = 0; i < 16; i++)
		emit(a, i, 60);
	for (uint64_t at; (at = fs_sim_next_ns(sim)) != FS_NEVER; ) {
		fs_sim_advance(sim, at);
		for (int n; (n = rx(b)) >= 0; hash = hash * 31 + at)
			ck_assert_int_eq(n, expected++);
	}
	ck_assert_int_eq(expected, 16);
	a->ops->close(a);
	b->ops->close(b);
	a = b = NULL;
	return hash;
}

START_TEST(jitter_keeps_order_and_follows_the_seed)
{
	uint64_t first = run_jittered(1);

	ck_assert_uint_eq(run_jittered(1), first);
	ck_assert_uint_ne(run_jittered(2), first);
}
END_TEST

START_TEST(ports_closed_in_the_middle_give_everything_back)
{
	wire((struct fs_sim_pair_opts){
		.a_to_b = { .rate_bps = 8000000, .delay_ns = 1000 },
		.b_to_a = { .delay_ns = 1000 },
	});
	for (uint8_t i = 0; i < 5; i++)
		emit(a, i, 1000);
	emit(b, 9, 60);
	ck_assert_uint_eq(queue_frame(a, 8, 60), 1);	/* not kicked */
	fs_sim_advance(sim, 2 * NSEC_PER_MSEC + 1000);
	a->ops->close(a);
	a = NULL;
	/* What left before still arrives, and nothing else. */
	fs_sim_advance(sim, NSEC_PER_SEC);
	ck_assert_int_eq(rx(b), 0);
	ck_assert_int_eq(rx(b), 1);
	ck_assert_int_eq(rx(b), -1);
	emit(b, 10, 60);
	fs_sim_advance(sim, 2 * NSEC_PER_SEC);
}
END_TEST

START_TEST(cut_wire_swallows_until_it_is_mended)
{
	const struct fs_sim_link cut = { .down = true }, mended = { .delay_ns = 1 };
	struct fs_sim_stats stats;

	wire((struct fs_sim_pair_opts){ 0 });
	fs_sim_relink(a, &cut);
	emit(a, 1, 60);
	fs_sim_relink(a, &mended);
	emit(a, 2, 60);
	fs_sim_advance(sim, 1);
	ck_assert_int_eq(rx(b), 2);
	fs_sim_stats(a, &stats);
	ck_assert_uint_eq(stats.drop_down, 1);
}
END_TEST

START_TEST(sender_without_frames_is_woken_by_a_departure)
{
	wire((struct fs_sim_pair_opts){ .a_to_b = { .rate_bps = 8000000, .delay_ns = 50000000 } });
	while (pool_a->n_free)
		emit(a, 0, 1000);
	ck_assert_uint_eq(a->ops->next_ns(a), NSEC_PER_MSEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("port/sim");
	TCase *tc = tcase_create("sim");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, frame_arrives_when_the_delay_is_over);
	tcase_add_test(tc, nothing_leaves_without_a_kick);
	tcase_add_test(tc, rate_spaces_frames_and_holds_them_until_they_left);
	tcase_add_test(tc, bytes_are_those_at_the_time_of_departure);
	tcase_add_test(tc, full_queue_drops_at_the_tail);
	tcase_add_test(tc, full_ring_refuses_until_the_kick);
	tcase_add_test(tc, receiver_without_frames_drops_and_counts);
	tcase_add_test(tc, frame_too_long_for_the_receiver_is_dropped);
	tcase_add_test(tc, jitter_keeps_order_and_follows_the_seed);
	tcase_add_test(tc, ports_closed_in_the_middle_give_everything_back);
	tcase_add_test(tc, cut_wire_swallows_until_it_is_mended);
	tcase_add_test(tc, sender_without_frames_is_woken_by_a_departure);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
