/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wheel.h - a hierarchical timing wheel: arm and cancel in constant time,
 * no allocation, no clock of its own.
 *
 * Time is cut into ticks of 1 ms. A timer never fires early: its expiry is
 * rounded up to a tick. Timers fire in order of their tick, those of one
 * tick in the order they were armed. A timer whose time has passed when it
 * is armed fires in the tick after the last one run, so a callback that
 * arms for "now" does not run again under it.
 *
 *	level 0   [0][1][2] ... [63]	1 ms each: the rest of the current 64 ms
 *	level 1   [0][1][2] ... [63]	64 ms each: the rest of the current 4 s
 *	level 2   [0][1][2] ... [63]	4 s each, and so on
 *
 * A timer stands at the level of the highest group of 6 bits in which its
 * tick differs from the wheel's. When the wheel enters a slot's span, that
 * slot is spread over the levels below, which are empty then: the order of
 * arming survives.
 */
#ifndef FS_TIMER_WHEEL_H
#define FS_TIMER_WHEEL_H

#include "base/types.h"

#define FS_TIMER_TICK_NS	NSEC_PER_MSEC
#define FS_TIMER_LEVELS		8
#define FS_TIMER_SLOTS		64

struct fs_timer;
typedef void fs_timer_fn(struct fs_timer *timer, uint64_t now_ns);

struct fs_timer_list {
	struct fs_timer_list *next, *prev;
};

/* Embedded by its owner; zero it, set fn. Not to be moved while armed. */
struct fs_timer {
	struct fs_timer_list list;	/* next NULL: not armed */
	uint64_t expires_ns;
	fs_timer_fn *fn;
};

struct fs_timer_wheel {
	uint64_t tick;			/* the first that has not been run */
	uint64_t armed;
	uint64_t used[FS_TIMER_LEVELS];	/* a bit for each slot that has timers */
	struct fs_timer_list firing;
	struct fs_timer_list slot[FS_TIMER_LEVELS][FS_TIMER_SLOTS];
};

void fs_timer_wheel_init(struct fs_timer_wheel *wheel, uint64_t now_ns);

/* Arm, or arm anew, for @expires_ns. FS_NEVER is allowed and never fires. */
void fs_timer_arm(struct fs_timer_wheel *wheel, struct fs_timer *timer,
		  uint64_t expires_ns);
/* Nothing to do for a timer that is not armed. */
void fs_timer_cancel(struct fs_timer_wheel *wheel, struct fs_timer *timer);

static inline bool fs_timer_armed(const struct fs_timer *timer)
{
	return timer->list.next;
}

/*
 * Call what has expired by @now_ns; returns how many. A callback may arm and
 * cancel any timer, and free its own. Time that goes back runs nothing.
 */
unsigned int fs_timer_wheel_run(struct fs_timer_wheel *wheel, uint64_t now_ns);

/*
 * When to run next: FS_NEVER when nothing is armed; exact within the current
 * 64 ms, else at most the next expiry (running then is harmless and makes it
 * more exact).
 */
uint64_t fs_timer_wheel_next_ns(const struct fs_timer_wheel *wheel);

/* For teardown: nothing is armed. */
static inline bool fs_timer_wheel_empty(const struct fs_timer_wheel *wheel)
{
	return !wheel->armed;
}

#endif
