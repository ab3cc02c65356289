// SPDX-License-Identifier: BSD-2-Clause
/*
 * route.c - the mirror's routes: longest prefix by one hash probe for each
 * prefix length in use, longest first.
 *
 * A real table uses a handful of lengths (a full IPv4 feed about 20), and
 * only a miss of the destination cache comes here; a trie would save little
 * and cost a page of code.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "base/hash.h"
#include "nl/tables.h"

struct route_entry {
	struct fs_nl_route route;
	uint32_t stamp;
	struct route_entry *next;
};

struct prefix {
	struct fs_nl_node node;
	struct route_entry *first;	/* never NULL */
	uint8_t table, family, len;
	uint8_t dst[16];
};

static int table_index(uint32_t table)
{
	switch (table) {
	case RT_TABLE_LOCAL:	return FS_NL_LOCAL;
	case RT_TABLE_UNSPEC:
	case RT_TABLE_MAIN:	return FS_NL_MAIN;
	case RT_TABLE_DEFAULT:	return FS_NL_DEFAULT;
	default:		return -1;
	}
}

static void mask_ip(uint8_t out[16], const uint8_t ip[16], unsigned int len)
{
	unsigned int whole = len / 8;

	memset(out, 0, 16);
	memcpy(out, ip, whole);
	if (len % 8)
		out[whole] = ip[whole] & (uint8_t)(0xff00 >> len % 8);
}

static uint64_t hash_prefix(const struct fs_nl_tables *t, unsigned int table, uint8_t family,
			    unsigned int len, const uint8_t dst[16])
{
	return fs_hash_ip(t->seed, dst, table << 16 | (uint32_t)family << 8 | len);
}

static struct prefix *find_prefix(const struct fs_nl_tables *t, unsigned int table,
				  uint8_t family, unsigned int len, const uint8_t dst[16])
{
	struct fs_nl_node *node =
		fs_nl_table_first(&t->prefixes, hash_prefix(t, table, family, len, dst));

	for (; node; node = fs_nl_table_next(node)) {
		struct prefix *p = container_of(node, struct prefix, node);

		if (p->table == table && p->family == family && p->len == len &&
		    !memcmp(p->dst, dst, 16))
			return p;
	}
	return NULL;
}

static void count_length(struct fs_nl_tables *t, const struct prefix *p, int by)
{
	struct fs_nl_lengths *lengths = &t->lengths[p->table][p->family == AF_INET6];

	lengths->count[p->len] += (uint32_t)by;
	if (lengths->count[p->len])
		lengths->used[p->len / 64] |= 1ull << p->len % 64;
	else
		lengths->used[p->len / 64] &= ~(1ull << p->len % 64);
}

static struct prefix *make_prefix(struct fs_nl_tables *t, unsigned int table,
				  const struct fs_nl_route *route)
{
	struct prefix *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->table = (uint8_t)table;
	p->family = route->family;
	p->len = route->prefix_len;
	memcpy(p->dst, route->dst, 16);
	fs_nl_table_insert(&t->prefixes, &p->node,
			   hash_prefix(t, table, p->family, p->len, p->dst));
	count_length(t, p, 1);
	return p;
}

static void drop_prefix(struct fs_nl_tables *t, struct prefix *p)
{
	count_length(t, p, -1);
	fs_nl_table_remove(&t->prefixes, &p->node);
	free(p);
}

/* Defaults filled in, host bits and what does not count cleared. */
static struct fs_nl_route normal(const struct fs_nl_route *route)
{
	struct fs_nl_route r = *route;

	if (r.prefix_len > fs_nl_ip_len(r.family) * 8)
		r.prefix_len = (uint8_t)(fs_nl_ip_len(r.family) * 8);
	mask_ip(r.dst, route->dst, r.prefix_len);
	if (!r.table)
		r.table = RT_TABLE_MAIN;
	if (!r.type)
		r.type = RTN_UNICAST;
	if (!r.gw_family || !r.has_gateway)
		r.gw_family = r.family;
	mask_ip(r.gateway, route->gateway, r.has_gateway ? fs_nl_ip_len(r.gw_family) * 8 : 0);
	mask_ip(r.prefsrc, route->prefsrc, fs_nl_ip_len(r.family) * 8);
	return r;
}

static bool same_hop(const struct fs_nl_route *a, const struct fs_nl_route *b)
{
	return a->priority == b->priority && a->type == b->type && a->oif == b->oif &&
	       a->has_gateway == b->has_gateway && a->gw_family == b->gw_family &&
	       !memcmp(a->gateway, b->gateway, 16);
}

static bool same_rest(const struct fs_nl_route *a, const struct fs_nl_route *b)
{
	return a->scope == b->scope && a->mtu == b->mtu && a->kernel_only == b->kernel_only &&
	       !memcmp(a->prefsrc, b->prefsrc, 16);
}

/* Behind all routes of the same or lower priority number. */
static void link_route(struct prefix *p, struct route_entry *entry)
{
	struct route_entry **link = &p->first;

	while (*link && (*link)->route.priority <= entry->route.priority)
		link = &(*link)->next;
	entry->next = *link;
	*link = entry;
}

static struct route_entry **find_hop(struct prefix *p, const struct fs_nl_route *route)
{
	struct route_entry **link = &p->first;

	while (*link && !same_hop(&(*link)->route, route))
		link = &(*link)->next;
	return link;
}

static int add_hop(struct fs_nl_mirror *mirror, unsigned int table,
		   const struct fs_nl_route *route)
{
	struct fs_nl_tables *t = mirror->tables;
	struct prefix *p = find_prefix(t, table, route->family, route->prefix_len, route->dst);
	struct route_entry *entry = calloc(1, sizeof(*entry));

	if (entry && !p)
		p = make_prefix(t, table, route);
	if (!entry || !p) {
		free(entry);
		return -ENOMEM;
	}
	entry->route = *route;
	entry->stamp = t->stamp;
	link_route(p, entry);
	fs_nl_changed(mirror);
	return 0;
}

int fs_nl_mirror_route_set(struct fs_nl_mirror *mirror, const struct fs_nl_route *route)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_route r = normal(route);
	int table = table_index(r.table);
	struct route_entry **link, *entry;
	struct prefix *p;

	if (table < 0)
		return 0;
	p = find_prefix(t, (unsigned int)table, r.family, r.prefix_len, r.dst);
	link = p ? find_hop(p, &r) : NULL;
	if (!link || !*link)
		return add_hop(mirror, (unsigned int)table, &r);
	entry = *link;
	entry->stamp = t->stamp;
	if (t->syncing) {	/* the copy comes in the kernel's order */
		*link = entry->next;
		link_route(p, entry);
	}
	if (same_rest(&entry->route, &r))
		return 0;
	entry->route = r;
	fs_nl_changed(mirror);
	return 0;
}

static void drop_hop(struct fs_nl_mirror *mirror, struct route_entry **link)
{
	struct route_entry *entry = *link;

	*link = entry->next;
	free(entry);
	fs_nl_changed(mirror);
}

int fs_nl_mirror_route_del(struct fs_nl_mirror *mirror, const struct fs_nl_route *route)
{
	struct fs_nl_route r = normal(route);
	int table = table_index(r.table);
	struct route_entry **link;
	struct prefix *p;

	if (table < 0)
		return 0;
	p = find_prefix(mirror->tables, (unsigned int)table, r.family, r.prefix_len, r.dst);
	link = p ? find_hop(p, &r) : NULL;
	if (!link || !*link)
		return -ENOENT;
	drop_hop(mirror, link);
	if (!p->first)
		drop_prefix(mirror->tables, p);
	return 0;
}

unsigned int fs_nl_mirror_route_clear(struct fs_nl_mirror *mirror,
				      const struct fs_nl_route *route)
{
	struct fs_nl_route r = normal(route);
	int table = table_index(r.table);
	struct route_entry **link;
	unsigned int n = 0;
	struct prefix *p;

	if (table < 0)
		return 0;
	p = find_prefix(mirror->tables, (unsigned int)table, r.family, r.prefix_len, r.dst);
	if (!p)
		return 0;
	for (link = &p->first; *link;) {
		if ((*link)->route.priority == r.priority) {
			drop_hop(mirror, link);
			n++;
		} else {
			link = &(*link)->next;
		}
	}
	if (!p->first)
		drop_prefix(mirror->tables, p);
	return n;
}

unsigned int fs_nl_mirror_route_hops(const struct fs_nl_mirror *mirror,
				     const struct fs_nl_route *route)
{
	struct fs_nl_route r = normal(route);
	int table = table_index(r.table);
	const struct prefix *p = table < 0 ? NULL :
		find_prefix(mirror->tables, (unsigned int)table, r.family, r.prefix_len, r.dst);
	unsigned int n = 0;

	for (const struct route_entry *e = p ? p->first : NULL; e; e = e->next)
		n += e->route.priority == r.priority;
	return n;
}

struct sweep {
	struct fs_nl_mirror *mirror;
	uint8_t family;
	uint32_t stamp;
};

static bool prefix_unseen(struct fs_nl_node *node, void *ctx)
{
	struct prefix *p = container_of(node, struct prefix, node);
	struct route_entry **link = &p->first;
	const struct sweep *sweep = ctx;

	if (p->family != sweep->family)
		return false;
	while (*link) {
		if ((*link)->stamp != sweep->stamp)
			drop_hop(sweep->mirror, link);
		else
			link = &(*link)->next;
	}
	if (p->first)
		return false;
	count_length(sweep->mirror->tables, p, -1);
	free(p);
	return true;
}

void fs_nl_route_sweep(struct fs_nl_mirror *mirror, uint8_t family, uint32_t stamp)
{
	struct sweep sweep = { mirror, family, stamp };

	fs_nl_table_sweep(&mirror->tables->prefixes, prefix_unseen, &sweep);
}

/* --- lookup ------------------------------------------------------------------ */

struct lookup {
	const struct fs_nl_mirror *mirror;
	const uint8_t *dst;
	uint32_t oif;
	uint8_t family;
	const struct fs_nl_route *down;	/* the first one passed over because its link is */
};

/*
 * The route of one prefix: lowest priority whose link is up; among equals
 * one whose link runs.
 */
static const struct fs_nl_route *choose(struct lookup *l, const struct prefix *p)
{
	const struct fs_nl_route *best = NULL;

	for (const struct route_entry *e = p->first; e; e = e->next) {
		const struct fs_nl_route *r = &e->route;
		const struct fs_nl_link *link;

		if (best && best->priority != r->priority)
			break;
		if (r->type != RTN_UNICAST)
			return best ? best : r;
		if (l->oif && r->oif != l->oif)
			continue;
		link = fs_nl_mirror_link(l->mirror, r->oif);
		if (!link || !(link->flags & IFF_UP)) {
			if (!l->down)
				l->down = r;
			continue;
		}
		if (link->running)
			return r;
		if (!best)
			best = r;
	}
	return best;
}

/* The longest length <= @len that is in use, or -1. */
static int next_length(const uint64_t used[3], int len)
{
	for (int word = len / 64; len >= 0 && word >= 0; word--) {
		uint64_t bits = used[word];

		if (word == len / 64 && len % 64 != 63)
			bits &= (1ull << (len % 64 + 1)) - 1;
		if (bits)
			return word * 64 + 63 - __builtin_clzll(bits);
	}
	return -1;
}

/* Longest prefix over tables @from up to @to taken together, @from preferred. */
static const struct fs_nl_route *longest(struct lookup *l, unsigned int from, unsigned int to)
{
	const struct fs_nl_tables *t = l->mirror->tables;
	int len = (int)fs_nl_ip_len(l->family) * 8;
	uint64_t used[3] = { 0 };
	uint8_t dst[16];

	for (unsigned int table = from; table <= to; table++)
		for (int i = 0; i < 3; i++)
			used[i] |= t->lengths[table][l->family == AF_INET6].used[i];
	for (len = next_length(used, len); len >= 0; len = next_length(used, len - 1)) {
		mask_ip(dst, l->dst, (unsigned int)len);
		for (unsigned int table = from; table <= to; table++) {
			const struct prefix *p = find_prefix(t, table, l->family,
							     (unsigned int)len, dst);
			const struct fs_nl_route *route = p ? choose(l, p) : NULL;

			if (route)
				return route->type == RTN_THROW ? NULL : route;
		}
	}
	return NULL;
}

const struct fs_nl_route *fs_nl_mirror_route(const struct fs_nl_mirror *mirror,
					     uint8_t family, const uint8_t dst[16],
					     uint32_t oif)
{
	struct lookup l = { .mirror = mirror, .dst = dst, .oif = oif, .family = family };
	const struct fs_nl_route *route;

	if (family == AF_INET) {
		route = longest(&l, FS_NL_LOCAL, FS_NL_MAIN);
	} else {
		route = longest(&l, FS_NL_LOCAL, FS_NL_LOCAL);
		if (!route)
			route = longest(&l, FS_NL_MAIN, FS_NL_MAIN);
	}
	if (!route)
		route = longest(&l, FS_NL_DEFAULT, FS_NL_DEFAULT);
	return route ? route : l.down;
}
