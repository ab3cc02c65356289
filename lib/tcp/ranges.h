/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ranges.h - a small sorted set of sequence ranges [start, end): what a
 * receiver holds beyond RCV.NXT, and the SACK blocks that say so.
 *
 *	        1000      2000      3000      4000
 *	RCV.NXT  |    [====)         [=========)
 *	              1500 2000      3000      4000
 *	              stamp 7        stamp 9: was added to last, reported first
 *
 * Ranges are sorted, never empty, and neither overlap nor touch. All of them
 * lie within 2^31 bytes, as everything a window holds does, so that "before"
 * is well defined. The room is bounded: what cannot be recorded is refused,
 * and the receiver then drops the segment. A sender may keep the blocks it was
 * sent in the same structure; insertion tells how much of a block was new.
 */
#ifndef FS_TCP_RANGES_H
#define FS_TCP_RANGES_H

#include "base/types.h"

#define FS_TCP_RANGES_MAX	32
#define FS_TCP_SACK_BLOCKS_MAX	4	/* RFC 2018 3; three beside timestamps */

struct fs_tcp_range {
	seq32 start, end;
};

struct fs_tcp_ranges {
	uint32_t n;
	uint32_t stamp;			/* of the last insertion */
	struct fs_tcp_range range[FS_TCP_RANGES_MAX];
	uint32_t stamps[FS_TCP_RANGES_MAX];
};

static inline void fs_tcp_ranges_init(struct fs_tcp_ranges *set)
{
	set->n = 0;
	set->stamp = 0;
}

/*
 * Add [@start, @end). The range it becomes part of is then the most recent
 * one, even if nothing was new. Returns the bytes that were new, or
 *   -ENOBUFS   it would be one range too many; the set is unchanged
 *   -EINVAL    it is empty or longer than 2^31 - 1
 */
int32_t fs_tcp_ranges_insert(struct fs_tcp_ranges *set, seq32 start, seq32 end);

/* Forget everything before @from. */
void fs_tcp_ranges_trim(struct fs_tcp_ranges *set, seq32 from);

/*
 * RCV.NXT has reached @rcv_nxt: forget what is before it, and also the range
 * that it stands in or at. Returns the new RCV.NXT: the end of that range, or
 * @rcv_nxt itself.
 */
seq32 fs_tcp_ranges_advance(struct fs_tcp_ranges *set, seq32 rcv_nxt);

/* Whether all of [@start, @end) is in the set; true for an empty one. */
bool fs_tcp_ranges_contains(const struct fs_tcp_ranges *set, seq32 start, seq32 end);

/* The bytes in all ranges. */
uint32_t fs_tcp_ranges_bytes(const struct fs_tcp_ranges *set);

/*
 * The first hole in [@from, @to): @hole and true, or false if there is none.
 */
bool fs_tcp_ranges_hole(const struct fs_tcp_ranges *set, seq32 from, seq32 to,
			struct fs_tcp_range *hole);

/*
 * Which bytes of the segment [@start, @end) are here already, because they are
 * before @rcv_nxt or in the set: the first contiguous run of them, to report as
 * D-SACK (RFC 2883 4). To be asked before the segment is inserted. False if
 * there is none.
 */
bool fs_tcp_ranges_duplicate(const struct fs_tcp_ranges *set, seq32 rcv_nxt, seq32 start,
			     seq32 end, struct fs_tcp_range *dup);

/*
 * The SACK option for an ACK: @dsack first, if not NULL (RFC 2883 4), then the
 * ranges, those with the most recent insertion first (RFC 2018 4). Fills at
 * most @max of @blocks, returns how many.
 */
unsigned int fs_tcp_ranges_blocks(const struct fs_tcp_ranges *set,
				  const struct fs_tcp_range *dsack,
				  struct fs_tcp_range *blocks, unsigned int max);

#endif
