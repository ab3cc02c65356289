/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk_ring.h - the four rings of an AF_XDP socket (Documentation/networking/
 * af_xdp.rst), each single producer, single consumer, shared with the kernel.
 *
 *	FILL        we produce   free frames for reception
 *	RX          we consume   received descriptors
 *	TX          we produce   descriptors to transmit
 *	COMPLETION  we consume   frames that have been transmitted
 *
 * The local copies of the indexes save reading the kernel's cache line:
 * `cached` is the other side's index as last seen. A release store of our
 * index pairs with the kernel's acquire load, and the other way round.
 */
#ifndef FS_PORT_XSK_RING_H
#define FS_PORT_XSK_RING_H

#include <linux/if_xdp.h>

#include "base/types.h"

struct xsk_ring {
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	void *desc;
	uint32_t mask;
	uint32_t ours;		/* our index, not published yet */
	uint32_t cached;	/* theirs, as last read */
	void *map;
	size_t map_len;
};

static inline struct xdp_desc *ring_desc(const struct xsk_ring *r, uint32_t i)
{
	return (struct xdp_desc *)r->desc + (i & r->mask);
}

static inline uint64_t *ring_addr(const struct xsk_ring *r, uint32_t i)
{
	return (uint64_t *)r->desc + (i & r->mask);
}

/* As producer: free entries, at least @want if there are. */
static inline uint32_t ring_room(struct xsk_ring *r, uint32_t want)
{
	uint32_t room = r->mask + 1 - (r->ours - r->cached);

	if (room >= want)
		return room;
	r->cached = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return r->mask + 1 - (r->ours - r->cached);
}

static inline void ring_produce(struct xsk_ring *r)
{
	__atomic_store_n(r->producer, r->ours, __ATOMIC_RELEASE);
}

/* As consumer: entries to read, looking at the kernel's index only if none. */
static inline uint32_t ring_ready(struct xsk_ring *r)
{
	uint32_t ready = r->cached - r->ours;

	if (ready)
		return ready;
	r->cached = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	return r->cached - r->ours;
}

static inline void ring_consume(struct xsk_ring *r)
{
	__atomic_store_n(r->consumer, r->ours, __ATOMIC_RELEASE);
}

static inline bool ring_needs_wakeup(const struct xsk_ring *r)
{
	return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

#endif
