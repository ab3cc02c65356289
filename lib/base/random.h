/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - chance as an argument: a small generator that its owner seeds.
 *
 * SplitMix64: every seed is a good one, and the same seed gives the same
 * numbers everywhere. For simulation and tests; nothing secret comes from it.
 */
#ifndef FS_BASE_RANDOM_H
#define FS_BASE_RANDOM_H

#include "base/types.h"

struct fs_random {
	uint64_t state;		/* the seed, at first */
};

static inline uint64_t fs_random_next(struct fs_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* 0 .. @n - 1, for @n > 0. */
static inline uint64_t fs_random_below(struct fs_random *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)fs_random_next(r) * n >> 64);
}

/* True @ppm times in a million; draws nothing when @ppm is 0. */
static inline bool fs_random_ppm(struct fs_random *r, uint32_t ppm)
{
	return ppm && fs_random_below(r, 1000000) < ppm;
}

#endif
