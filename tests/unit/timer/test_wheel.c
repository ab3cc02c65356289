// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_wheel.c - the timing wheel, by itself and against a sorted list.
 */
#include <check.h>
#include <stdlib.h>

#include "timer/wheel.h"
#include "tests/lib/suite.h"

#define MS NSEC_PER_MSEC

static struct fs_timer_wheel wheel;

struct probe {
	struct fs_timer timer;
	int id;
	int fired;
	uint64_t fired_ns;
};

enum { LOG_SIZE = 4096 };
static int order[LOG_SIZE];
static int n_order;

static void note(struct fs_timer *timer, uint64_t now_ns)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->fired++;
	p->fired_ns = now_ns;
	if (n_order < LOG_SIZE)
		order[n_order++] = p->id;
}

static void setup(void)
{
	fs_timer_wheel_init(&wheel, 0);
	n_order = 0;
}

static void teardown(void)
{
	ck_assert(fs_timer_wheel_empty(&wheel));
	ck_assert_uint_eq(fs_timer_wheel_next_ns(&wheel), FS_NEVER);
	for (int level = 0; level < FS_TIMER_LEVELS; level++)
		ck_assert_uint_eq(wheel.used[level], 0);
}

START_TEST(a_timer_fires_once_and_never_early)
{
	struct probe p = { .timer.fn = note };

	fs_timer_arm(&wheel, &p.timer, 5 * MS + 1);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 5 * MS), 0);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 6 * MS - 1), 0);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 6 * MS), 1);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 100 * MS), 0);
	ck_assert_int_eq(p.fired, 1);
	ck_assert(!fs_timer_armed(&p.timer));
}
END_TEST

START_TEST(a_cancelled_timer_does_not_fire)
{
	struct probe p = { .timer.fn = note };

	fs_timer_arm(&wheel, &p.timer, 5000 * MS);
	fs_timer_cancel(&wheel, &p.timer);
	fs_timer_cancel(&wheel, &p.timer);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 10000 * MS), 0);
}
END_TEST

START_TEST(arming_anew_moves_the_timer)
{
	struct probe p = { .timer.fn = note };

	fs_timer_arm(&wheel, &p.timer, 5 * MS);
	fs_timer_arm(&wheel, &p.timer, 70000 * MS);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 69999 * MS), 0);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 70000 * MS), 1);
}
END_TEST

START_TEST(a_long_gap_fires_in_order_of_time_and_then_of_arming)
{
	static const uint64_t at_ms[] = { 300000, 7, 64, 7, 4096, 64, 300000, 0 };
	static const int want[] = { 7, 1, 3, 2, 5, 4, 0, 6 };
	struct probe p[8] = { 0 };

	for (int i = 0; i < 8; i++) {
		p[i] = (struct probe){ .timer.fn = note, .id = i };
		fs_timer_arm(&wheel, &p[i].timer, at_ms[i] * MS);
	}
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 3600 * NSEC_PER_SEC), 8);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(order[i], want[i]);
}
END_TEST

START_TEST(timers_of_one_tick_keep_their_order_across_levels)
{
	struct probe far = { .timer.fn = note, .id = 1 }, near = { .timer.fn = note, .id = 2 };

	fs_timer_arm(&wheel, &far.timer, 5000 * MS);
	fs_timer_wheel_run(&wheel, 4990 * MS);
	fs_timer_arm(&wheel, &near.timer, 5000 * MS);
	fs_timer_wheel_run(&wheel, 5000 * MS);
	ck_assert_int_eq(n_order, 2);
	ck_assert_int_eq(order[0], 1);
	ck_assert_int_eq(order[1], 2);
}
END_TEST

static void again_now(struct fs_timer *timer, uint64_t now_ns)
{
	note(timer, now_ns);
	fs_timer_arm(&wheel, timer, now_ns);
}

START_TEST(a_callback_that_arms_for_now_does_not_run_for_ever)
{
	struct probe p = { .timer.fn = again_now };

	fs_timer_arm(&wheel, &p.timer, 10 * MS);
	fs_timer_wheel_run(&wheel, 10 * MS);
	ck_assert_int_eq(p.fired, 1);
	ck_assert_uint_eq(fs_timer_wheel_next_ns(&wheel), 11 * MS);
	fs_timer_wheel_run(&wheel, 11 * MS);
	ck_assert_int_eq(p.fired, 2);
	fs_timer_cancel(&wheel, &p.timer);
}
END_TEST

static struct probe *victim;

static void kill_victim(struct fs_timer *timer, uint64_t now_ns)
{
	note(timer, now_ns);
	fs_timer_cancel(&wheel, &victim->timer);
}

START_TEST(a_callback_may_cancel_a_timer_of_its_own_tick)
{
	struct probe killer = { .timer.fn = kill_victim }, p = { .timer.fn = note };

	victim = &p;
	fs_timer_arm(&wheel, &killer.timer, 63 * MS);
	fs_timer_arm(&wheel, &p.timer, 63 * MS);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 63 * MS), 1);
	ck_assert_int_eq(p.fired, 0);
}
END_TEST

START_TEST(the_far_future_does_not_overflow)
{
	struct probe never = { .timer.fn = note }, late = { .timer.fn = note };

	fs_timer_arm(&wheel, &never.timer, FS_NEVER);
	fs_timer_arm(&wheel, &late.timer, FS_NEVER - 1);
	fs_timer_wheel_run(&wheel, 1000ull * 3600 * 24 * 365 * NSEC_PER_SEC / 10);
	ck_assert_int_eq(never.fired + late.fired, 0);
	fs_timer_cancel(&wheel, &never.timer);
	fs_timer_cancel(&wheel, &late.timer);
}
END_TEST

START_TEST(time_that_goes_back_runs_nothing)
{
	struct probe p = { .timer.fn = note };

	fs_timer_wheel_run(&wheel, 1000 * MS);
	fs_timer_arm(&wheel, &p.timer, 1500 * MS);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 0), 0);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 1500 * MS), 1);
}
END_TEST

START_TEST(waking_whenever_told_never_misses_a_timer)
{
	struct probe p = { .timer.fn = note };
	uint64_t now = 0;
	int wakes = 0;

	fs_timer_arm(&wheel, &p.timer, 987654321 * MS);
	while (!p.fired) {
		uint64_t next = fs_timer_wheel_next_ns(&wheel);

		ck_assert_uint_le(next, 987654321 * MS);
		ck_assert_uint_gt(next, now);
		now = next;
		fs_timer_wheel_run(&wheel, now);
		wakes++;
	}
	ck_assert_uint_eq(now, 987654321 * MS);
	ck_assert_int_le(wakes, FS_TIMER_LEVELS);
}
END_TEST

/* --- against a sorted list ----------------------------------------------------- */

enum { TIMERS = 600, STEPS = 20000 };

struct model {
	uint64_t tick[TIMERS];		/* 0: not armed */
	uint64_t serial[TIMERS];
	uint64_t present;		/* first tick not run */
};

static uint64_t rand_state;

static uint64_t rnd(uint64_t below)
{
	rand_state ^= rand_state << 13;
	rand_state ^= rand_state >> 7;
	rand_state ^= rand_state << 17;
	return rand_state % below;
}

static int model_first(const struct model *model, uint64_t upto)
{
	int best = -1;

	for (int i = 0; i < TIMERS; i++) {
		if (!model->tick[i] || model->tick[i] > upto)
			continue;
		if (best < 0 || model->tick[i] < model->tick[best] ||
		    (model->tick[i] == model->tick[best] &&
		     model->serial[i] < model->serial[best]))
			best = i;
	}
	return best;
}

static void run_both(struct model *model, uint64_t now)
{
	unsigned int n;
	int i, first;

	n_order = 0;
	n = fs_timer_wheel_run(&wheel, now);
	for (i = 0; (first = model_first(model, now / MS)) >= 0; i++) {
		ck_assert_int_lt(i, n_order);
		ck_assert_int_eq(order[i], first);
		model->tick[first] = 0;
	}
	ck_assert_int_eq(i, (int)n);
	model->present = MAX(model->present, now / MS + 1);
}

START_TEST(the_wheel_does_what_a_sorted_list_does)
{
	static struct probe p[TIMERS];
	static struct model model;
	uint64_t now = rand_state = 1000003 + (uint64_t)_i, serial = 0;

	memset(&model, 0, sizeof(model));
	memset(p, 0, sizeof(p));
	for (int i = 0; i < TIMERS; i++)
		p[i] = (struct probe){ .timer.fn = note, .id = i };
	fs_timer_wheel_init(&wheel, now);
	model.present = now / MS;
	for (int step = 0; step < STEPS; step++) {
		int i = (int)rnd(TIMERS);

		if (rnd(4)) {
			uint64_t at = now + rnd(1ull << (10 + rnd(34)));

			fs_timer_arm(&wheel, &p[i].timer, at);
			model.tick[i] = MAX((at + MS - 1) / MS, model.present);
			model.serial[i] = ++serial;
		} else {
			fs_timer_cancel(&wheel, &p[i].timer);
			model.tick[i] = 0;
		}
		if (rnd(8) == 0) {
			now += rnd(1ull << (10 + rnd(32)));
			run_both(&model, now);
		}
	}
	run_both(&model, now + (1ull << 45));
}
END_TEST

START_TEST(a_million_timers_are_armed_cancelled_and_fired)
{
	enum { MANY = 1000000 };
	struct probe *p = calloc(MANY, sizeof(*p));

	rand_state = 7;
	for (int i = 0; i < MANY; i++) {
		p[i].timer.fn = note;
		fs_timer_arm(&wheel, &p[i].timer, rnd(100 * NSEC_PER_SEC));
	}
	for (int i = 0; i < MANY; i += 2)
		fs_timer_cancel(&wheel, &p[i].timer);
	ck_assert_uint_eq(fs_timer_wheel_run(&wheel, 200 * NSEC_PER_SEC), MANY / 2);
	free(p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timer/wheel");
	TCase *tc = tcase_create("wheel");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_timer_fires_once_and_never_early);
	tcase_add_test(tc, a_cancelled_timer_does_not_fire);
	tcase_add_test(tc, arming_anew_moves_the_timer);
	tcase_add_test(tc, a_long_gap_fires_in_order_of_time_and_then_of_arming);
	tcase_add_test(tc, timers_of_one_tick_keep_their_order_across_levels);
	tcase_add_test(tc, a_callback_that_arms_for_now_does_not_run_for_ever);
	tcase_add_test(tc, a_callback_may_cancel_a_timer_of_its_own_tick);
	tcase_add_test(tc, the_far_future_does_not_overflow);
	tcase_add_test(tc, time_that_goes_back_runs_nothing);
	tcase_add_test(tc, waking_whenever_told_never_misses_a_timer);
	tcase_add_loop_test(tc, the_wheel_does_what_a_sorted_list_does, 0, 4);
	tcase_add_test(tc, a_million_timers_are_armed_cancelled_and_fired);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
