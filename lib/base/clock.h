/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the real clock, for those few who may look at it: what processes
 * packets is told the time.
 */
#ifndef FS_BASE_CLOCK_H
#define FS_BASE_CLOCK_H

#include <time.h>

#include "base/types.h"

static inline uint64_t fs_clock_read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline uint64_t fs_clock_ns(void)
{
	return fs_clock_read_ns(CLOCK_MONOTONIC);
}

/* The time of day when the clock above was zero. */
static inline uint64_t fs_clock_epoch_ns(void)
{
	const uint64_t real_ns = fs_clock_read_ns(CLOCK_REALTIME);

	return real_ns - fs_clock_ns();
}

#endif
