/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - the inside of struct fs_net, shared by the files of this folder.
 *
 *	hash(family, remote, scope) -> set of 4:
 *	    tag  [t][t][t][t]      16 bits each, 0: empty; 8 KB in all
 *	    dst  [ ][ ][ ][ ]      touched only where the tag matches
 */
#ifndef FS_NET_STATE_H
#define FS_NET_STATE_H

#include "net/net.h"

enum {
	FS_NET_SETS = 1024,
	FS_NET_WAYS = 4,
	FS_NET_PMTU_SETS = 256,
	FS_NET_NUDGES = 1024,
	FS_NET_IFACES = 16,
};

#define FS_NET_RECHECK_NS	NSEC_PER_SEC

struct fs_net_pmtu {
	uint8_t remote[16];
	uint64_t expires_ns;		/* 0: empty */
	uint32_t mtu;
	uint32_t family;
};

/* The last time a neighbour was nudged; one per hash, the later wins. */
struct fs_net_nudge {
	uint64_t hash;
	uint64_t until_ns;
};

/*
 * Waiting packets. Everything is an index into two arrays of FS_NET_WAIT_MAX,
 * NIL ends a list.
 *
 *	bucket -> waiter (one per neighbour) -> waiter
 *	            | first                     all waiters also in arrival
 *	            v                           order: oldest ... newest
 *	           slot -> slot -> slot  (last)
 *
 *	done_first -> slot -> slot              fate decided, to be popped
 */
#define FS_NET_NIL	UINT16_MAX

struct fs_net_slot {
	struct fs_buf *buf;
	uint64_t until_ns;
	int32_t error;
	uint16_t next;
};

struct fs_net_waiter {
	uint8_t ip[16];
	uint32_t ifindex;
	uint8_t family;
	bool seen_incomplete;		/* so FAILED is the answer to our probe */
	uint16_t first, last, count;	/* slots; never empty */
	uint16_t chain;			/* in the bucket, or in the free list */
	uint16_t older, newer;
	uint64_t probe_ns;
};

struct fs_net_wait {
	struct fs_net_slot slot[FS_NET_WAIT_MAX];
	struct fs_net_waiter waiter[FS_NET_WAIT_MAX];
	uint16_t bucket[FS_NET_WAIT_MAX];
	uint16_t free_slot, free_waiter;
	uint16_t oldest, newest;
	uint16_t done_first, done_last;
	uint32_t count;			/* buffers, done ones included */
	uint64_t generation;		/* of the mirror at the last scan */
	uint64_t next_ns;
};

struct fs_net {
	struct fs_nl_mirror *mirror;
	struct fs_net_ops ops;
	uint64_t seed;
	uint64_t recheck_ns;
	struct fs_dst *last;		/* found last, most often asked for next; NULL: none */
	uint32_t victim;		/* the next way to evict, round robin */
	uint32_t n_ifaces;
	uint32_t iface[FS_NET_IFACES];
	bool has_pmtu;
	uint16_t tag[FS_NET_SETS][FS_NET_WAYS];
	struct fs_net_pmtu pmtu[FS_NET_PMTU_SETS][FS_NET_WAYS];
	struct fs_net_nudge nudge[FS_NET_NUDGES];
	struct fs_net_wait wait;
	_Alignas(64) struct fs_dst dst[FS_NET_SETS][FS_NET_WAYS];
};

static inline void fs_net_probe(struct fs_net *net, uint32_t ifindex, uint8_t family,
				const uint8_t ip[16])
{
	if (net->ops.probe)
		net->ops.probe(net->ops.ctx, ifindex, family, ip);
}

/* decide.c: fill everything but the key (family, remote, scope_ifindex, from). */
void fs_net_decide(struct fs_net *net, struct fs_dst *dst, uint64_t now_ns);

/* source.c: the source address for @dst over @route; false: none. */
bool fs_net_source(const struct fs_nl_mirror *mirror, const struct fs_nl_route *route,
		   uint8_t family, const uint8_t dst[16], uint8_t out[16]);

/* pmtu.c: @mtu, or less where a path MTU is known. */
uint32_t fs_net_pmtu_clamp(const struct fs_net *net, uint8_t family, const uint8_t remote[16],
			   uint32_t mtu, uint64_t now_ns);

/* wait.c */
void fs_net_wait_init(struct fs_net *net);
void fs_net_wait_fini(struct fs_net *net);

#endif
