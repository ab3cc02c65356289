/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seq.h - numbers on a circle of 2^32: TCP sequence numbers (RFC 9293 3.4)
 * and timestamps (RFC 7323 5.2), each a type of its own.
 *
 *	          a                a is before b when b is reached from a in
 *	       .-' '-.             less than half a turn: 0 < b - a < 2^31.
 *	      b       |
 *	       '-. .-'             Half a turn apart, neither is before the
 *	          a + 2^31         other: every comparison but != is false.
 *
 * So a bound tested with before_eq() or after_eq() refuses what it cannot
 * order, where Linux's before() and after() are both true. Windows are
 * at most 2^30 (RFC 7323 2.3): only strangers are that far apart.
 */
#ifndef FS_BASE_SEQ_H
#define FS_BASE_SEQ_H

#include "base/types.h"

/* [from, to). Sane when @from is before @to. */
struct fs_seq_range {
	seq32 from;
	seq32 to;
};

static inline bool fs_seq_eq(seq32 a, seq32 b)
{
	return a.raw == b.raw;
}

static inline bool fs_seq_before(seq32 a, seq32 b)
{
	return (int32_t)(b.raw - a.raw) > 0;
}

static inline bool fs_seq_before_eq(seq32 a, seq32 b)
{
	return (int32_t)(b.raw - a.raw) >= 0;
}

static inline bool fs_seq_after(seq32 a, seq32 b)
{
	return fs_seq_before(b, a);
}

static inline bool fs_seq_after_eq(seq32 a, seq32 b)
{
	return fs_seq_before_eq(b, a);
}

/* first <= x <= last, going up from @first; these two may be any distance apart. */
static inline bool fs_seq_between(seq32 x, seq32 first, seq32 last)
{
	return x.raw - first.raw <= last.raw - first.raw;
}

/* from <= x < from + len: in a window; never in one of length 0. */
static inline bool fs_seq_within(seq32 x, seq32 from, uint32_t len)
{
	return x.raw - from.raw < len;
}

static inline seq32 fs_seq_add(seq32 a, uint32_t n)
{
	return (seq32){ a.raw + n };
}

static inline seq32 fs_seq_sub(seq32 a, uint32_t n)
{
	return (seq32){ a.raw - n };
}

/* a - b, negative when a is before b; half a turn is INT32_MIN. */
static inline int32_t fs_seq_diff(seq32 a, seq32 b)
{
	return (int32_t)(a.raw - b.raw);
}

/* How far it is up from @from to @to. */
static inline uint32_t fs_seq_span(seq32 from, seq32 to)
{
	return to.raw - from.raw;
}

/* Half a turn apart, the second of the two. */
static inline seq32 fs_seq_max(seq32 a, seq32 b)
{
	return fs_seq_after(a, b) ? a : b;
}

static inline seq32 fs_seq_min(seq32 a, seq32 b)
{
	return fs_seq_before(a, b) ? a : b;
}

static inline bool fs_ts_eq(ts32 a, ts32 b)
{
	return a.raw == b.raw;
}

/* RFC 7323 5.2; PAWS rejects a segment whose TSval is before TS.Recent. */
static inline bool fs_ts_before(ts32 a, ts32 b)
{
	return (int32_t)(b.raw - a.raw) > 0;
}

static inline bool fs_ts_before_eq(ts32 a, ts32 b)
{
	return (int32_t)(b.raw - a.raw) >= 0;
}

static inline bool fs_ts_after(ts32 a, ts32 b)
{
	return fs_ts_before(b, a);
}

static inline bool fs_ts_after_eq(ts32 a, ts32 b)
{
	return fs_ts_before_eq(b, a);
}

static inline ts32 fs_ts_add(ts32 a, uint32_t ticks)
{
	return (ts32){ a.raw + ticks };
}

/* a - b in ticks, negative when a is before b: the age of an echoed TSval. */
static inline int32_t fs_ts_diff(ts32 a, ts32 b)
{
	return (int32_t)(a.raw - b.raw);
}

#endif
