/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - the inside of the mirror, shared by mirror.c, neigh.c and route.c.
 *
 *	devs:     ifindex -> dev --> addr <-> addr <-> ...   (order of arrival)
 *	                      |
 *	                      +-> next dev in order of arrival
 *	addrs:    family, ip -> addr
 *	neighs:   ifindex, family, ip -> neigh
 *	prefixes: table, family, length, prefix -> prefix -> route -> route
 *	                                           (lowest priority first)
 *
 * A dev exists as long as it has a link or an address. stamp is the number
 * of the last sync that saw the entry.
 */
#ifndef FS_NL_TABLES_H
#define FS_NL_TABLES_H

#include "base/hash.h"
#include "nl/mirror.h"
#include "nl/table.h"

enum { FS_NL_LOCAL = 0, FS_NL_MAIN, FS_NL_DEFAULT, FS_NL_TABLE_COUNT };

struct fs_nl_dev {
	struct fs_nl_node node;
	struct fs_nl_link link;		/* link.ifindex is always set */
	bool present;			/* the rest of it too */
	uint32_t stamp;
	struct fs_nl_dev *next, *prev;
	struct fs_nl_addr_entry *first, *last;
};

struct fs_nl_addr_entry {
	struct fs_nl_node node;
	struct fs_nl_addr addr;
	uint32_t stamp;
	struct fs_nl_dev *dev;
	struct fs_nl_addr_entry *next, *prev;
};

struct fs_nl_neigh_entry {
	struct fs_nl_node node;
	struct fs_nl_neigh neigh;
	uint32_t stamp;
};

/* Which prefix lengths are in use, so that a lookup tries no other. */
struct fs_nl_lengths {
	uint32_t count[129];
	uint64_t used[3];
};

struct fs_nl_tables {
	uint64_t seed;
	uint32_t stamp;
	bool syncing;
	bool rules[2];			/* by family: IPv4, IPv6 */
	struct fs_nl_table devs, addrs, neighs, prefixes;
	struct fs_nl_dev *first_dev, *last_dev;
	struct fs_nl_lengths lengths[FS_NL_TABLE_COUNT][2];
};

/* In neigh.c: drop those of a link, and those not seen by sync @stamp. */
void fs_nl_neigh_drop_link(struct fs_nl_mirror *mirror, uint32_t ifindex);
void fs_nl_neigh_sweep(struct fs_nl_mirror *mirror, uint32_t stamp);
/* In route.c: drop the routes of @family not seen by sync @stamp. */
void fs_nl_route_sweep(struct fs_nl_mirror *mirror, uint8_t family, uint32_t stamp);
/* @ip of @family, with nothing behind an IPv4 address. */
static inline void fs_nl_clean_ip(uint8_t out[16], uint8_t family, const uint8_t ip[16])
{
	memset(out, 0, 16);
	memcpy(out, ip, fs_nl_ip_len(family));
}

static inline uint64_t fs_nl_hash_ip(const struct fs_nl_tables *t, uint8_t family,
				     uint32_t ifindex, const uint8_t clean[16])
{
	return fs_hash_ip(t->seed, clean, (uint64_t)ifindex << 8 | family);
}

static inline void fs_nl_changed(struct fs_nl_mirror *mirror)
{
	mirror->generation++;
	mirror->changes++;
}

#endif
