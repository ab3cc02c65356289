/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram.h - times in nanoseconds, counted in buckets that are 1/128 of
 * their value wide: a percentile is right to 0.8 %, and recording one is two
 * instructions and an increment.
 *
 *	value < 128		its own bucket
 *	otherwise		128 buckets for each power of two
 */
#ifndef FS_BENCH_HISTOGRAM_H
#define FS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 7,
	HISTOGRAM_SUB = 1 << HISTOGRAM_BITS,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) * HISTOGRAM_SUB,
};

struct histogram {
	uint64_t count;
	uint64_t max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	unsigned int shift = ns < HISTOGRAM_SUB ? 0 : 63 - __builtin_clzll(ns) - HISTOGRAM_BITS;

	h->buckets[shift * HISTOGRAM_SUB + (ns >> shift)]++;
	h->count++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

/* The middle of the bucket in which fraction @p of all times is reached. */
static inline double histogram_percentile(const struct histogram *h, double p)
{
	uint64_t want = (uint64_t)(p * (double)h->count), seen = 0;
	unsigned int i;

	if (!h->count)
		return 0;
	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->buckets[i];
		if (seen > want)
			break;
	}
	if (i < 2 * HISTOGRAM_SUB)
		return i;
	return ((double)(i % HISTOGRAM_SUB + HISTOGRAM_SUB) + 0.5) *
	       (double)(1ull << (i / HISTOGRAM_SUB - 1));
}

#endif
