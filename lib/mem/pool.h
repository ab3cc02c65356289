/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - the UMEM area, its frames, and who owns each.
 *
 *	receive: FREE -> FILL (kernel) -> RX (stack) -> LENT (application) -> FREE
 *	send:    FREE -> STAGED (application) -> TX (kernel) -> FREE
 *	TCP:     FREE -> STAGED or LENT (application) -> UNACKED (tcp) -> FREE
 *
 * A frame has one owner; an UNACKED one can be held by the port, too, which is
 * what the count of holders is for (doc/ownership.md). The verb that moves a frame is the
 * only place that names both states, and debug builds assert it.
 *
 *	area:   | chunk 0 | chunk 1 | ...                  | chunk n-1 |
 *	bufs:   [   0     ,   1     , ...                  ,    n-1    ]
 *	free:   a stack of indexes, the last freed taken first (warm cache)
 *
 * A chunk holds room for headers (FS_POOL_HEADROOM) before the payload; the
 * kernel leaves its own 256 bytes before a received frame.
 *
 * Frames are for what is on its way. While they are short, what waits (for
 * a reader, for a window, to be acknowledged) does so on the heap, and is
 * copied.
 */
#ifndef FS_MEM_POOL_H
#define FS_MEM_POOL_H

#include <fastsock/zc.h>

#include "base/log.h"
#include "base/types.h"

enum fs_buf_state {
	FS_BUF_FREE = 0,
	FS_BUF_FILL,
	FS_BUF_RX,
	FS_BUF_LENT,
	FS_BUF_STAGED,
	FS_BUF_TX,
	FS_BUF_UNACKED,
	FS_BUF_STATE_COUNT
};

enum fs_buf_kind {
	FS_BUF_FRAME = 0,	/* a chunk of the area */
	FS_BUF_HEAP,		/* malloc()ed, for what no frame can hold, or none is left for */
};

/* Ethernet, one VLAN tag, IPv6 and TCP with full options, rounded up. */
#define FS_POOL_HEADROOM	128
/* What the kernel keeps free before a received frame (XDP_PACKET_HEADROOM). */
#define FS_POOL_XDP_HEADROOM	256

struct fs_pool_opts {
	uint32_t chunks;
	uint32_t chunk_size;	/* 2048 or 4096 */
	struct fs_logger log;
};

struct fs_pool {
	uint8_t *area;
	uint64_t area_size;
	uint32_t chunks;
	uint32_t chunk_size;
	uint32_t chunk_shift;
	uint32_t n_free;
	uint32_t *free;		/* indexes of free chunks, a stack */
	struct fs_buf *bufs;	/* one per chunk */
	bool hugepages;
	struct fs_buf *heap;	/* heap buffers alive, linked by heap_next */
	uint64_t heap_bytes;	/* their rooms */
	uint64_t heap_max;	/* of which so many may stand in for frames */
	uint64_t asides;	/* how many have */
};

int fs_pool_open(struct fs_pool **out, const struct fs_pool_opts *opts);
/* All frames must be free: asserts it. NULL is fine. */
void fs_pool_close(struct fs_pool *pool);

/* Count of frames in each state, for statistics and the leak check. */
void fs_pool_census(const struct fs_pool *pool, uint32_t count[FS_BUF_STATE_COUNT]);

static inline uint32_t fs_pool_index(const struct fs_pool *pool, const struct fs_buf *buf)
{
	return (uint32_t)(buf - pool->bufs);
}

static inline struct fs_buf *fs_pool_at(const struct fs_pool *pool, uint64_t addr)
{
	return &pool->bufs[addr >> pool->chunk_shift];
}

static inline uint64_t fs_pool_addr(const struct fs_pool *pool, const uint8_t *data)
{
	return (uint64_t)(data - pool->area);
}

static inline void fs_buf_move(struct fs_buf *buf, enum fs_buf_state from,
			       enum fs_buf_state to)
{
	assert(buf->state == from);
	(void)from;
	buf->state = (uint8_t)to;
}

/* FREE -> FILL: for the port's fill ring. NULL when the pool is empty. */
static inline struct fs_buf *fs_pool_take(struct fs_pool *pool, enum fs_buf_state to)
{
	struct fs_buf *buf;

	if (unlikely(!pool->n_free))
		return NULL;
	buf = &pool->bufs[pool->free[--pool->n_free]];
	fs_buf_move(buf, FS_BUF_FREE, to);
	buf->holders = 1;
	return buf;
}

/*
 * How many frames a port may take for what is to be received. A few are left
 * for what has to be sent: without an ACK nothing would ever be given back.
 */
static inline uint32_t fs_pool_to_fill(const struct fs_pool *pool)
{
	const uint32_t kept = pool->chunks / 32;

	return pool->n_free > kept ? pool->n_free - kept : 0;
}

/* Of those, some are for segments that nobody keeps to send them again. */
static inline bool fs_pool_has_spare(const struct fs_pool *pool)
{
	return pool->n_free > pool->chunks / 64;
}

/* A STAGED buffer on the heap; NULL without memory. */
struct fs_buf *fs_pool_take_heap(struct fs_pool *pool, size_t len);
void fs_pool_put_heap(struct fs_buf *buf);

/* What can wait on the heap should. */
static inline bool fs_pool_short(const struct fs_pool *pool)
{
	return pool->n_free < pool->chunks / 8;
}

/* More than a @part-th of what may stand in for frames. */
static inline bool fs_pool_heap_left(const struct fs_pool *pool, uint32_t part)
{
	return pool->heap_bytes + pool->heap_max / part < pool->heap_max;
}

/* A heap buffer with at least the room of a frame, while there is memory for it. */
struct fs_buf *fs_pool_take_aside(struct fs_pool *pool, enum fs_buf_state to);

/* fs_pool_set_aside() when it has to be. */
struct fs_buf *fs_pool_copy_aside(struct fs_buf *buf);

/* The payload in @buf, of one holder, has to wait: what holds it now. */
static inline struct fs_buf *fs_pool_set_aside(struct fs_buf *buf)
{
	return unlikely(fs_pool_short(buf->pool)) ? fs_pool_copy_aside(buf) : buf;
}

/* For what may have to wait: a frame, or something of its room while they are short. */
static inline struct fs_buf *fs_pool_take_room(struct fs_pool *pool, enum fs_buf_state to)
{
	struct fs_buf *buf = NULL;

	if (unlikely(fs_pool_short(pool)))
		buf = fs_pool_take_aside(pool, to);
	return buf ? buf : fs_pool_take(pool, to);
}

/* Any state -> FREE, when the last holder lets go. */
static inline void fs_pool_put(struct fs_buf *buf)
{
	struct fs_pool *pool = buf->pool;

	assert(buf->state != FS_BUF_FREE && buf->holders);
	if (--buf->holders)
		return;
	if (unlikely(buf->kind == FS_BUF_HEAP)) {
		fs_pool_put_heap(buf);
		return;
	}
	buf->state = FS_BUF_FREE;
	pool->free[pool->n_free++] = fs_pool_index(pool, buf);
}

#endif
