/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - where a packet goes: route, source address, neighbour, path MTU;
 * and the packets that wait until the kernel has resolved their neighbour.
 *
 * Decisions come from the mirror (nl/mirror.h) and are kept in a cache of
 * fixed size, so remotes chosen by an attacker cost time but no memory. The
 * kernel owns ARP and ND: an unresolved neighbour is probed through
 * fs_net_ops, and its answer comes back by way of the mirror.
 *
 * One thread. Nothing here allocates after fs_net_open(), reads a clock, or
 * makes a system call other than through fs_net_ops.
 */
#ifndef FS_NET_NET_H
#define FS_NET_NET_H

#include <fastsock/zc.h>

#include "nl/mirror.h"
#include "wire/frame.h"

struct fs_net;

struct fs_net_ops {
	/* Ask the kernel to resolve or verify; returns at once. NULL: nobody to ask. */
	int (*probe)(void *ctx, uint32_t ifindex, uint8_t family, const uint8_t ip[16]);
	/* Ask the kernel for a route, where policy rules decide; 0 or -errno.
	 * NULL: such destinations are FS_DST_KERNEL. */
	int (*route_get)(void *ctx, const struct fs_nl_route_query *query,
			 struct fs_nl_route *out);
	void *ctx;
};

/* The mirror must outlive the net. @seed: secret, from the wire's view. */
int fs_net_open(struct fs_net **out, struct fs_nl_mirror *mirror,
		const struct fs_net_ops *ops, uint32_t seed);
/* Gives waiting buffers back to their pool. NULL is fine. */
void fs_net_close(struct fs_net *net);

/*
 * Name the interfaces that have a fast path; routes over others are then
 * FS_DST_KERNEL. Before the first is named, every Ethernet interface counts.
 * add: 0 or -ENOSPC.
 */
int fs_net_iface_add(struct fs_net *net, uint32_t ifindex);
void fs_net_iface_del(struct fs_net *net, uint32_t ifindex);

enum fs_dst_state {
	FS_DST_READY = 0,
	FS_DST_WAIT,		/* the neighbour is unresolved: fs_net_wait() */
	FS_DST_KERNEL,		/* the twin must send it; reason says why */
	FS_DST_UNREACH,		/* error says which */
	FS_DST_LINK_DOWN,
	FS_DST_STATE_COUNT
};

enum fs_dst_reason {
	FS_DST_WHY_NONE = 0,
	FS_DST_WHY_LOCAL,	/* an address of this host, or none at all */
	FS_DST_WHY_GROUP,	/* multicast, broadcast, anycast */
	FS_DST_WHY_LINK_LOCAL,	/* 169.254/16 */
	FS_DST_WHY_NOT_ETHERNET,
	FS_DST_WHY_OTHER_IFACE,	/* the route leaves by an interface without fast path */
	FS_DST_WHY_RULES,	/* policy rules, and nobody to ask */
	FS_DST_WHY_ENCAP,	/* the route encapsulates */
	FS_DST_WHY_COUNT
};

/* The first 64 bytes are what the packet path reads. */
struct fs_dst {
	uint8_t eth[14];	/* ready Ethernet header: dst mac, src mac, ethertype */
	uint8_t state;		/* enum fs_dst_state */
	uint8_t family;
	uint32_t ifindex;
	uint32_t mtu;		/* of the path: IP header and what follows */
	uint64_t generation;	/* valid while it equals the mirror's */
	uint8_t remote[16];
	uint32_t scope_ifindex;	/* as asked */
	uint8_t reason;		/* enum fs_dst_reason */
	uint8_t hop_family;	/* of next_hop: AF_INET6 under an IPv4 route is possible */
	bool by_rules;		/* policy rules decide: ask with the source */
	bool has_from;		/* this is the decision for one source */
	int32_t error;		/* -errno in the states UNREACH and LINK_DOWN */
	uint32_t rsvd2;
	uint8_t src[16];	/* source address chosen by the route; zero: none found */
	uint8_t next_hop[16];
	uint8_t from[16];	/* that source */
	uint8_t rsvd3[16];
};

_Static_assert(sizeof(struct fs_dst) == 128, "fs_dst is two cache lines");
_Static_assert(offsetof(struct fs_dst, src) == 64, "the packet path's line");

/* IP and Ethernet headers in front of @l4: where the frame begins. */
static inline uint8_t *fs_net_put_headers(uint8_t *l4, const struct fs_wire_ip *ip,
					  const struct fs_dst *dst)
{
	uint8_t *p = l4;

	if (likely(dst->family == AF_INET)) {
		p -= FS_IP4_LEN;
		fs_wire_put_ip4(p, ip);
	} else {
		p -= FS_IP6_LEN;
		fs_wire_put_ip6(p, ip);
	}
	p -= FS_ETH_LEN;
	memcpy(p, dst->eth, FS_ETH_LEN);
	return p;
}

/*
 * fs_net_dst - the packet path's one question.
 *
 * @scope_ifindex: the interface of a link-local address or of a bound
 * socket, else 0. A hit costs one hash and one cache line. The entry stays
 * as it is until the next fs_net_dst(), fs_net_pmtu() or change of the
 * mirror. Never NULL.
 *
 * A cached decision is looked at afresh every second: that is when a STALE
 * neighbour is noticed, for which the kernel is nudged at most every 30 s
 * (it does not see our traffic), and when a path MTU expires.
 */
const struct fs_dst *fs_net_dst(struct fs_net *net, uint8_t family, const uint8_t remote[16],
				uint32_t scope_ifindex, uint64_t now_ns);

/*
 * fs_net_dst_from - the same for a packet whose source @local is known (zero:
 * it is not). It matters under policy rules only, which may select by it.
 */
const struct fs_dst *fs_net_dst_from(struct fs_net *net, uint8_t family,
				     const uint8_t remote[16], const uint8_t local[16],
				     uint32_t scope_ifindex, uint64_t now_ns);

/* @ip is a unicast address of this host. */
bool fs_net_is_local(const struct fs_net *net, uint8_t family, const uint8_t ip[16]);

enum {
	FS_NET_WAIT_PER_NEIGH = 64,
	FS_NET_WAIT_MAX = 1024,
};

#define FS_NET_WAIT_NS		(3 * NSEC_PER_SEC)
#define FS_NET_PROBE_NS		NSEC_PER_SEC
#define FS_NET_NUDGE_NS		(30 * NSEC_PER_SEC)
#define FS_NET_PMTU_NS		(600 * NSEC_PER_SEC)

/*
 * fs_net_wait - keep @buf until the neighbour of @dst (FS_DST_WAIT) answers.
 *
 * The first to wait for a neighbour probes it, and so does every second
 * without an answer. Returns 0, and the buffer is the net's; or -ENOBUFS
 * (too many wait for this neighbour or in all), and it stays the caller's.
 */
int fs_net_wait(struct fs_net *net, const struct fs_dst *dst, struct fs_buf *buf,
		uint64_t now_ns);

/*
 * fs_net_wait_pop - take back a buffer whose fate is decided: call after
 * changes of the mirror and at fs_net_next_ns(), until it returns NULL.
 *
 * *error: 0 to send it (ask fs_net_dst() again), -EHOSTUNREACH (3 s without
 * an answer, or the kernel gave up), -ENETDOWN (the link went away).
 * Buffers of one neighbour come in the order they were given.
 */
struct fs_buf *fs_net_wait_pop(struct fs_net *net, uint64_t now_ns, int *error);

/* When to call fs_net_wait_pop(): 0 for now, FS_NEVER if nothing waits. */
uint64_t fs_net_next_ns(const struct fs_net *net);
/* How many buffers wait; for teardown. */
uint32_t fs_net_waiting(const struct fs_net *net);

/*
 * fs_net_pmtu - learn from ICMP that @remote takes no more than @mtu bytes.
 *
 * For errors about flows that were verified to be ours. Clamped to 576 (IPv4)
 * or 1280 (IPv6) and the link's MTU; kept for 10 minutes; what is not less than
 * the present path MTU is ignored. @mtu 0, from routers older than RFC 1191:
 * the next lower plateau of its section 7.1.
 */
void fs_net_pmtu(struct fs_net *net, uint8_t family, const uint8_t remote[16], uint32_t mtu,
		 uint64_t now_ns);

#endif
