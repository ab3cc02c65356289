/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - what the kernel knows about links, addresses, routes and
 * neighbours, as tables that can be asked without a system call.
 *
 * Pure tables, no I/O: rtnl.h keeps them equal to the kernel's, a simulated
 * wire fills them by hand. Keys are hashed; memory is proportional to what
 * was put in.
 *
 * The set calls copy what they get; a second set with the same key replaces.
 * What the queries return stays valid until the next set, del or sync.
 * set: 0 or -ENOMEM; del: 0 or -ENOENT.
 */
#ifndef FS_NL_MIRROR_H
#define FS_NL_MIRROR_H

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/types.h"

/* Key: ifindex. */
struct fs_nl_link {
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t flags;		/* IFF_* */
	uint8_t mac[6];		/* zero: not Ethernet */
	char name[16];
	char kind[16];		/* "veth", "tun"; "" for hardware */
	bool running;
};

/* Key: ifindex, family, ip; for IPv4 prefix_len too. */
struct fs_nl_addr {
	uint32_t ifindex;
	uint8_t family, prefix_len, scope;
	uint32_t flags;		/* IFA_F_* */
	uint8_t ip[16];		/* IPv4 in the first four bytes */
};

/*
 * One next hop of a route; a multipath route is several that differ in oif
 * or gateway only. Key: all but scope, mtu, prefsrc and kernel_only.
 * table 0 means main, type 0 means unicast.
 */
struct fs_nl_route {
	uint8_t family, prefix_len;
	uint8_t type;		/* RTN_* */
	uint8_t scope;		/* RT_SCOPE_* */
	uint32_t table, priority, oif;
	uint32_t mtu;		/* 0: the link's */
	uint8_t dst[16], gateway[16], prefsrc[16];
	bool has_gateway;
	uint8_t gw_family;	/* 0: as family; AF_INET6 under an IPv4 route: RFC 5549 */
	bool kernel_only;	/* encapsulation and the like: only the kernel can send it */
};

/* Key: ifindex, family, ip. */
struct fs_nl_neigh {
	uint32_t ifindex;
	uint8_t family;
	uint16_t state;		/* NUD_* */
	uint8_t ip[16];
	uint8_t mac[6];
};

struct fs_nl_route_query {
	uint8_t family, tos;
	uint32_t oif;		/* 0: any */
	uint32_t mark;
	uint8_t dst[16], src[16]; /* src zero: not chosen yet */
};

struct fs_nl_mirror {
	uint64_t generation;	/* moves with each change that can alter a decision */
	uint64_t settings;	/* moves when a link or a sysctl of one may have changed */
	uint64_t changes;	/* moves with each change */
	struct fs_nl_tables *tables;
};

int fs_nl_mirror_open(struct fs_nl_mirror **out);
void fs_nl_mirror_close(struct fs_nl_mirror *mirror);

int fs_nl_mirror_link_set(struct fs_nl_mirror *mirror, const struct fs_nl_link *link);
/* The link's addresses and neighbours go with it. */
int fs_nl_mirror_link_del(struct fs_nl_mirror *mirror, uint32_t ifindex);
int fs_nl_mirror_addr_set(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr);
int fs_nl_mirror_addr_del(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr);
/* Tables other than main, local and default are ignored. */
int fs_nl_mirror_route_set(struct fs_nl_mirror *mirror, const struct fs_nl_route *route);
int fs_nl_mirror_route_del(struct fs_nl_mirror *mirror, const struct fs_nl_route *route);
/* Remove every next hop of this table, prefix and priority; the count removed. */
unsigned int fs_nl_mirror_route_clear(struct fs_nl_mirror *mirror,
				      const struct fs_nl_route *route);
/* How many next hops this table, prefix and priority have. */
unsigned int fs_nl_mirror_route_hops(const struct fs_nl_mirror *mirror,
				     const struct fs_nl_route *route);
int fs_nl_mirror_neigh_set(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *neigh);
int fs_nl_mirror_neigh_del(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *neigh);
/* Policy rules beyond the default ones exist: the tables do not decide alone. */
void fs_nl_mirror_rules_set(struct fs_nl_mirror *mirror, uint8_t family, bool custom);

const struct fs_nl_link *fs_nl_mirror_link(const struct fs_nl_mirror *mirror,
					   uint32_t ifindex);
/* Walks: @prev NULL for the first; NULL after the last. Links in order of
 * arrival, addresses in the order in which the kernel prefers them. */
const struct fs_nl_link *fs_nl_mirror_link_next(const struct fs_nl_mirror *mirror,
						const struct fs_nl_link *prev);
const struct fs_nl_addr *fs_nl_mirror_addr_next(const struct fs_nl_mirror *mirror,
						uint32_t ifindex,
						const struct fs_nl_addr *prev);
/* A unicast address of this host, or routed to it (127/8, AnyIP). */
bool fs_nl_mirror_is_local(const struct fs_nl_mirror *mirror, uint8_t family,
			   const uint8_t ip[16]);
const struct fs_nl_neigh *fs_nl_mirror_neigh(const struct fs_nl_mirror *mirror,
					     uint32_t ifindex, uint8_t family,
					     const uint8_t ip[16]);
bool fs_nl_mirror_rules(const struct fs_nl_mirror *mirror, uint8_t family);

/*
 * fs_nl_mirror_route - the route to @dst, as the default rules choose it.
 *
 * Longest prefix, then lowest priority, then first come; for IPv4 over the
 * local and main tables together (with local first), as the kernel does it
 * without policy rules; then the default table. Routes over links that are
 * not up are passed over, unless there is no other. Of a multipath route the
 * first next hop whose link runs is taken: flows are not spread. With @oif,
 * unicast routes over other links are passed over.
 *
 * The result's type may be any RTN_* but throw; NULL: no route.
 */
const struct fs_nl_route *fs_nl_mirror_route(const struct fs_nl_mirror *mirror,
					     uint8_t family, const uint8_t dst[16],
					     uint32_t oif);

/* Usable to send: has a link-layer address that NUD stands behind. */
static inline bool fs_nl_neigh_usable(const struct fs_nl_neigh *neigh)
{
	return neigh && neigh->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
					NUD_PERMANENT | NUD_NOARP);
}

/* Bytes of an address of @family. */
static inline unsigned int fs_nl_ip_len(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

/*
 * Taking a fresh copy: begin, set everything there is, then end with what
 * was copied completely. What was not set between the two is removed.
 */
enum fs_nl_sync {
	FS_NL_SYNC_LINK = 1 << 0,
	FS_NL_SYNC_ADDR = 1 << 1,
	FS_NL_SYNC_ROUTE4 = 1 << 2,
	FS_NL_SYNC_ROUTE6 = 1 << 3,
	FS_NL_SYNC_NEIGH = 1 << 4,
	FS_NL_SYNC_RULE = 1 << 5,
	FS_NL_SYNC_ALL = (1 << 6) - 1,
};

void fs_nl_mirror_sync_begin(struct fs_nl_mirror *mirror);
void fs_nl_mirror_sync_end(struct fs_nl_mirror *mirror, unsigned int what);

#endif
