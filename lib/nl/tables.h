/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - the inside of the mirror, shared by mirror.c and route.c.
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

/* In route.c: drop the routes of @family (0: both) not seen by sync @stamp. */
void fs_nl_route_sweep(struct fs_nl_mirror *mirror, uint8_t family, uint32_t stamp);
/* In route.c: the local table alone. */
const struct fs_nl_route *fs_nl_route_local(const struct fs_nl_mirror *mirror,
					    uint8_t family, const uint8_t ip[16]);

static inline void fs_nl_changed(struct fs_nl_mirror *mirror)
{
	mirror->generation++;
	mirror->changes++;
}

#endif
