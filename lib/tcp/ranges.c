// SPDX-License-Identifier: BSD-2-Clause
/*
 * ranges.c - the sorted set of sequence ranges. Linear search: the set is
 * small, and what arrives is mostly at its end, where the search begins.
 */
#include "tcp/ranges.h"

#include <errno.h>

#include "base/seq.h"

static uint32_t length(struct fs_tcp_range r)
{
	return r.end.raw - r.start.raw;
}

/* The index of the first range that ends at or after @seq; n if none does. */
static uint32_t first_reaching(const struct fs_tcp_ranges *set, seq32 seq)
{
	uint32_t i = set->n;

	while (i && !fs_seq_before(set->range[i - 1].end, seq))
		i--;
	return i;
}

/* The same, but touching is not enough: the first that ends after @seq. */
static uint32_t first_beyond(const struct fs_tcp_ranges *set, seq32 seq)
{
	uint32_t i = set->n;

	while (i && fs_seq_before(seq, set->range[i - 1].end))
		i--;
	return i;
}

/* Replace the ranges [@at, @at + @gone) by @come free places. */
static void splice(struct fs_tcp_ranges *set, uint32_t at, uint32_t gone, uint32_t come)
{
	uint32_t rest = set->n - at - gone;

	memmove(&set->range[at + come], &set->range[at + gone], rest * sizeof(set->range[0]));
	memmove(&set->stamps[at + come], &set->stamps[at + gone], rest * sizeof(set->stamps[0]));
	set->n = at + come + rest;
}

int32_t fs_tcp_ranges_insert(struct fs_tcp_ranges *set, seq32 start, seq32 end)
{
	struct fs_tcp_range whole = { start, end };
	uint32_t first, last, had = 0;

	if (fs_seq_diff(end, start) <= 0)
		return -EINVAL;
	first = first_reaching(set, start);
	for (last = first; last < set->n; last++) {
		if (fs_seq_before(end, set->range[last].start))
			break;
		had += length(set->range[last]);
		whole.start = fs_seq_min(whole.start, set->range[last].start);
		whole.end = fs_seq_max(whole.end, set->range[last].end);
	}
	if (first == last && set->n == FS_TCP_RANGES_MAX)
		return -ENOBUFS;
	splice(set, first, last - first, 1);
	set->range[first] = whole;
	set->stamps[first] = ++set->stamp;
	return (int32_t)(length(whole) - had);
}

void fs_tcp_ranges_trim(struct fs_tcp_ranges *set, seq32 from)
{
	splice(set, 0, first_beyond(set, from), 0);
	if (set->n)
		set->range[0].start = fs_seq_max(set->range[0].start, from);
}

seq32 fs_tcp_ranges_advance(struct fs_tcp_ranges *set, seq32 rcv_nxt)
{
	fs_tcp_ranges_trim(set, rcv_nxt);
	if (set->n && set->range[0].start.raw == rcv_nxt.raw) {
		rcv_nxt = set->range[0].end;
		splice(set, 0, 1, 0);
	}
	return rcv_nxt;
}

bool fs_tcp_ranges_contains(const struct fs_tcp_ranges *set, seq32 start, seq32 end)
{
	struct fs_tcp_range hole;

	return !fs_tcp_ranges_hole(set, start, end, &hole);
}

uint32_t fs_tcp_ranges_bytes(const struct fs_tcp_ranges *set)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < set->n; i++)
		bytes += length(set->range[i]);
	return bytes;
}

bool fs_tcp_ranges_hole(const struct fs_tcp_ranges *set, seq32 from, seq32 to,
			struct fs_tcp_range *hole)
{
	uint32_t i = first_beyond(set, from);

	if (i < set->n && !fs_seq_before(from, set->range[i].start))
		from = set->range[i++].end;
	if (i < set->n)
		to = fs_seq_min(to, set->range[i].start);
	if (!fs_seq_before(from, to))
		return false;
	*hole = (struct fs_tcp_range){ from, to };
	return true;
}

bool fs_tcp_ranges_duplicate(const struct fs_tcp_ranges *set, seq32 rcv_nxt, seq32 start,
			     seq32 end, struct fs_tcp_range *dup)
{
	uint32_t i;

	if (!fs_seq_before(start, end))
		return false;
	if (fs_seq_before(start, rcv_nxt)) {
		*dup = (struct fs_tcp_range){ start, fs_seq_min(end, rcv_nxt) };
		return true;
	}
	i = first_beyond(set, start);
	if (i == set->n || !fs_seq_before(set->range[i].start, end))
		return false;
	dup->start = fs_seq_max(start, set->range[i].start);
	dup->end = fs_seq_min(end, set->range[i].end);
	return true;
}

/* The most recent of the ranges older than @age; n if there is none. */
static uint32_t next_by_age(const struct fs_tcp_ranges *set, int64_t age)
{
	uint32_t best = set->n;
	int64_t best_age = INT64_MAX;

	for (uint32_t i = 0; i < set->n; i++) {
		int64_t this_age = (int64_t)(set->stamp - set->stamps[i]);

		if (this_age > age && this_age < best_age) {
			best_age = this_age;
			best = i;
		}
	}
	return best;
}

unsigned int fs_tcp_ranges_blocks(const struct fs_tcp_ranges *set,
				  const struct fs_tcp_range *dsack,
				  struct fs_tcp_range *blocks, unsigned int max)
{
	unsigned int n = 0;
	int64_t age = -1;
	uint32_t i;

	if (dsack && n < max)
		blocks[n++] = *dsack;
	while (n < max && (i = next_by_age(set, age)) < set->n) {
		blocks[n++] = set->range[i];
		age = (int64_t)(set->stamp - set->stamps[i]);
	}
	return n;
}
