// SPDX-License-Identifier: BSD-2-Clause
/*
 * mirror.c - links, addresses and neighbours of the mirror; see tables.h for
 * the picture. Routes are in route.c.
 *
 * An event that repeats what is known changes nothing and moves no
 * generation: the kernel repeats itself a lot. A neighbour that goes from
 * one usable state to another with the same address does not alter a
 * decision either.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/hash.h"
#include "nl/tables.h"

static struct fs_nl_dev *find_dev(const struct fs_nl_tables *t, uint32_t ifindex)
{
	struct fs_nl_node *node = fs_nl_table_first(&t->devs, fs_hash_word(t->seed, ifindex));

	for (; node; node = fs_nl_table_next(node)) {
		struct fs_nl_dev *dev = container_of(node, struct fs_nl_dev, node);

		if (dev->link.ifindex == ifindex)
			return dev;
	}
	return NULL;
}

static struct fs_nl_dev *make_dev(struct fs_nl_tables *t, uint32_t ifindex)
{
	struct fs_nl_dev *dev = find_dev(t, ifindex);

	if (dev)
		return dev;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return NULL;
	dev->link.ifindex = ifindex;
	dev->prev = t->last_dev;
	if (t->last_dev)
		t->last_dev->next = dev;
	else
		t->first_dev = dev;
	t->last_dev = dev;
	fs_nl_table_insert(&t->devs, &dev->node, fs_hash_word(t->seed, ifindex));
	return dev;
}

static void drop_dev_if_empty(struct fs_nl_tables *t, struct fs_nl_dev *dev)
{
	if (dev->present || dev->first)
		return;
	*(dev->prev ? &dev->prev->next : &t->first_dev) = dev->next;
	*(dev->next ? &dev->next->prev : &t->last_dev) = dev->prev;
	fs_nl_table_remove(&t->devs, &dev->node);
	free(dev);
}

/* --- links --------------------------------------------------------------- */

static bool same_link(const struct fs_nl_link *a, const struct fs_nl_link *b)
{
	return a->mtu == b->mtu && a->flags == b->flags && a->running == b->running &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
	       !strncmp(a->name, b->name, sizeof(a->name)) &&
	       !strncmp(a->kind, b->kind, sizeof(a->kind));
}

int fs_nl_mirror_link_set(struct fs_nl_mirror *mirror, const struct fs_nl_link *link)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_dev *dev = make_dev(t, link->ifindex);

	if (!dev)
		return -ENOMEM;
	dev->stamp = t->stamp;
	if (dev->present && same_link(&dev->link, link))
		return 0;
	dev->link = *link;
	dev->present = true;
	fs_nl_changed(mirror);
	return 0;
}

static void drop_addr(struct fs_nl_mirror *mirror, struct fs_nl_addr_entry *entry)
{
	struct fs_nl_dev *dev = entry->dev;

	*(entry->prev ? &entry->prev->next : &dev->first) = entry->next;
	*(entry->next ? &entry->next->prev : &dev->last) = entry->prev;
	fs_nl_table_remove(&mirror->tables->addrs, &entry->node);
	free(entry);
	fs_nl_changed(mirror);
}

static bool neigh_on_link(struct fs_nl_node *node, void *ctx)
{
	struct fs_nl_neigh_entry *entry = container_of(node, struct fs_nl_neigh_entry, node);
	uint32_t *ifindex = ctx;

	if (entry->neigh.ifindex != *ifindex)
		return false;
	free(entry);
	return true;
}

static void drop_link(struct fs_nl_mirror *mirror, struct fs_nl_dev *dev)
{
	struct fs_nl_tables *t = mirror->tables;

	while (dev->first)
		drop_addr(mirror, dev->first);
	fs_nl_table_sweep(&t->neighs, neigh_on_link, &dev->link.ifindex);
	dev->present = false;
	drop_dev_if_empty(t, dev);
	fs_nl_changed(mirror);
}

int fs_nl_mirror_link_del(struct fs_nl_mirror *mirror, uint32_t ifindex)
{
	struct fs_nl_dev *dev = find_dev(mirror->tables, ifindex);

	if (!dev || !dev->present)
		return -ENOENT;
	drop_link(mirror, dev);
	return 0;
}

const struct fs_nl_link *fs_nl_mirror_link(const struct fs_nl_mirror *mirror,
					   uint32_t ifindex)
{
	struct fs_nl_dev *dev = find_dev(mirror->tables, ifindex);

	return dev && dev->present ? &dev->link : NULL;
}

const struct fs_nl_link *fs_nl_mirror_link_next(const struct fs_nl_mirror *mirror,
						const struct fs_nl_link *prev)
{
	const struct fs_nl_dev *dev = prev ?
		container_of(prev, struct fs_nl_dev, link)->next : mirror->tables->first_dev;

	while (dev && !dev->present)
		dev = dev->next;
	return dev ? &dev->link : NULL;
}

/* --- addresses ------------------------------------------------------------- */

/* @ip of @family, with nothing behind an IPv4 address. */
static void clean_ip(uint8_t out[16], uint8_t family, const uint8_t ip[16])
{
	memset(out, 0, 16);
	memcpy(out, ip, fs_nl_ip_len(family));
}

static uint64_t hash_ip(const struct fs_nl_tables *t, uint8_t family, uint32_t ifindex,
			const uint8_t clean[16])
{
	return fs_hash_ip(t->seed, clean, (uint64_t)ifindex << 8 | family);
}

static struct fs_nl_addr_entry *find_addr(const struct fs_nl_tables *t,
					  const struct fs_nl_addr *addr, uint64_t hash)
{
	struct fs_nl_node *node = fs_nl_table_first(&t->addrs, hash);

	for (; node; node = fs_nl_table_next(node)) {
		struct fs_nl_addr_entry *entry =
			container_of(node, struct fs_nl_addr_entry, node);

		if (entry->addr.ifindex == addr->ifindex &&
		    entry->addr.family == addr->family &&
		    !memcmp(entry->addr.ip, addr->ip, 16) &&
		    (addr->family == AF_INET6 ||
		     entry->addr.prefix_len == addr->prefix_len))
			return entry;
	}
	return NULL;
}

static struct fs_nl_addr_entry *make_addr(struct fs_nl_tables *t,
					  const struct fs_nl_addr *addr, uint64_t hash)
{
	struct fs_nl_dev *dev = make_dev(t, addr->ifindex);
	struct fs_nl_addr_entry *entry = dev ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry) {
		if (dev)
			drop_dev_if_empty(t, dev);
		return NULL;
	}
	entry->dev = dev;
	entry->prev = dev->last;
	*(dev->last ? &dev->last->next : &dev->first) = entry;
	dev->last = entry;
	fs_nl_table_insert(&t->addrs, &entry->node, hash);
	return entry;
}

int fs_nl_mirror_addr_set(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_addr clean = *addr;
	struct fs_nl_addr_entry *entry;
	uint64_t hash;

	clean_ip(clean.ip, addr->family, addr->ip);
	hash = hash_ip(t, clean.family, 0, clean.ip);
	entry = find_addr(t, &clean, hash);
	if (entry && entry->addr.prefix_len == clean.prefix_len &&
	    entry->addr.scope == clean.scope && entry->addr.flags == clean.flags) {
		entry->stamp = t->stamp;
		return 0;
	}
	if (!entry)
		entry = make_addr(t, &clean, hash);
	if (!entry)
		return -ENOMEM;
	entry->addr = clean;
	entry->stamp = t->stamp;
	fs_nl_changed(mirror);
	return 0;
}

int fs_nl_mirror_addr_del(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_addr clean = *addr;
	struct fs_nl_addr_entry *entry;
	struct fs_nl_dev *dev;

	clean_ip(clean.ip, addr->family, addr->ip);
	entry = find_addr(t, &clean, hash_ip(t, clean.family, 0, clean.ip));
	if (!entry)
		return -ENOENT;
	dev = entry->dev;
	drop_addr(mirror, entry);
	drop_dev_if_empty(t, dev);
	return 0;
}

const struct fs_nl_addr *fs_nl_mirror_addr_next(const struct fs_nl_mirror *mirror,
						uint32_t ifindex,
						const struct fs_nl_addr *prev)
{
	const struct fs_nl_addr_entry *entry;
	const struct fs_nl_dev *dev;

	if (prev) {
		entry = container_of(prev, struct fs_nl_addr_entry, addr)->next;
	} else {
		dev = find_dev(mirror->tables, ifindex);
		entry = dev ? dev->first : NULL;
	}
	return entry ? &entry->addr : NULL;
}

bool fs_nl_mirror_is_local(const struct fs_nl_mirror *mirror, uint8_t family,
			   const uint8_t ip[16])
{
	const struct fs_nl_tables *t = mirror->tables;
	const struct fs_nl_route *route;
	struct fs_nl_node *node;
	uint8_t clean[16];

	clean_ip(clean, family, ip);
	node = fs_nl_table_first(&t->addrs, hash_ip(t, family, 0, clean));
	for (; node; node = fs_nl_table_next(node)) {
		const struct fs_nl_addr *addr =
			&container_of(node, struct fs_nl_addr_entry, node)->addr;

		if (addr->family == family && !memcmp(addr->ip, clean, 16))
			return true;
	}
	route = fs_nl_route_local(mirror, family, clean);
	return route && route->type == RTN_LOCAL;
}

/* --- neighbours ------------------------------------------------------------ */

static struct fs_nl_neigh_entry *find_neigh(const struct fs_nl_tables *t, uint32_t ifindex,
					    uint8_t family, const uint8_t clean[16],
					    uint64_t hash)
{
	struct fs_nl_node *node = fs_nl_table_first(&t->neighs, hash);

	for (; node; node = fs_nl_table_next(node)) {
		struct fs_nl_neigh_entry *entry =
			container_of(node, struct fs_nl_neigh_entry, node);

		if (entry->neigh.ifindex == ifindex && entry->neigh.family == family &&
		    !memcmp(entry->neigh.ip, clean, 16))
			return entry;
	}
	return NULL;
}

static void note_neigh_change(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *old,
			      const struct fs_nl_neigh *new)
{
	bool was = fs_nl_neigh_usable(old), is = fs_nl_neigh_usable(new);
	bool moved = !old || memcmp(old->mac, new->mac, sizeof(new->mac));

	if (was != is || (is && moved))
		mirror->generation++;
	if (moved || old->state != new->state)
		mirror->changes++;
}

int fs_nl_mirror_neigh_set(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *neigh)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_neigh clean = *neigh;
	struct fs_nl_neigh_entry *entry;
	uint64_t hash;

	clean_ip(clean.ip, neigh->family, neigh->ip);
	hash = hash_ip(t, clean.family, clean.ifindex, clean.ip);
	entry = find_neigh(t, clean.ifindex, clean.family, clean.ip, hash);
	note_neigh_change(mirror, entry ? &entry->neigh : NULL, &clean);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		fs_nl_table_insert(&t->neighs, &entry->node, hash);
	}
	entry->neigh = clean;
	entry->stamp = t->stamp;
	return 0;
}

int fs_nl_mirror_neigh_del(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *neigh)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_neigh_entry *entry;
	uint8_t clean[16];

	clean_ip(clean, neigh->family, neigh->ip);
	entry = find_neigh(t, neigh->ifindex, neigh->family, clean,
			   hash_ip(t, neigh->family, neigh->ifindex, clean));
	if (!entry)
		return -ENOENT;
	if (fs_nl_neigh_usable(&entry->neigh))
		mirror->generation++;
	mirror->changes++;
	fs_nl_table_remove(&t->neighs, &entry->node);
	free(entry);
	return 0;
}

const struct fs_nl_neigh *fs_nl_mirror_neigh(const struct fs_nl_mirror *mirror,
					     uint32_t ifindex, uint8_t family,
					     const uint8_t ip[16])
{
	const struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_neigh_entry *entry;
	uint8_t clean[16];

	clean_ip(clean, family, ip);
	entry = find_neigh(t, ifindex, family, clean, hash_ip(t, family, ifindex, clean));
	return entry ? &entry->neigh : NULL;
}

/* --- rules ------------------------------------------------------------------ */

void fs_nl_mirror_rules_set(struct fs_nl_mirror *mirror, uint8_t family, bool custom)
{
	bool *rules = &mirror->tables->rules[family == AF_INET6];

	if (*rules == custom)
		return;
	*rules = custom;
	fs_nl_changed(mirror);
}

bool fs_nl_mirror_rules(const struct fs_nl_mirror *mirror, uint8_t family)
{
	return mirror->tables->rules[family == AF_INET6];
}

/* --- a fresh copy ------------------------------------------------------------ */

void fs_nl_mirror_sync_begin(struct fs_nl_mirror *mirror)
{
	mirror->tables->stamp++;
	mirror->tables->syncing = true;
}

static bool neigh_unseen(struct fs_nl_node *node, void *ctx)
{
	struct fs_nl_neigh_entry *entry = container_of(node, struct fs_nl_neigh_entry, node);
	struct fs_nl_mirror *mirror = ctx;

	if (entry->stamp == mirror->tables->stamp)
		return false;
	fs_nl_changed(mirror);
	free(entry);
	return true;
}

static void sweep_addrs(struct fs_nl_mirror *mirror, struct fs_nl_dev *dev)
{
	struct fs_nl_addr_entry *entry, *next;

	for (entry = dev->first; entry; entry = next) {
		next = entry->next;
		if (entry->stamp != mirror->tables->stamp)
			drop_addr(mirror, entry);
	}
}

void fs_nl_mirror_sync_end(struct fs_nl_mirror *mirror, unsigned int what)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_dev *dev, *next;

	t->syncing = false;
	for (dev = t->first_dev; dev; dev = next) {
		next = dev->next;
		if (what & FS_NL_SYNC_ADDR)
			sweep_addrs(mirror, dev);
		if (what & FS_NL_SYNC_LINK && dev->present && dev->stamp != t->stamp)
			drop_link(mirror, dev);
		else
			drop_dev_if_empty(t, dev);
	}
	if (what & FS_NL_SYNC_NEIGH)
		fs_nl_table_sweep(&t->neighs, neigh_unseen, mirror);
	if (what & FS_NL_SYNC_ROUTE4)
		fs_nl_route_sweep(mirror, AF_INET, t->stamp);
	if (what & FS_NL_SYNC_ROUTE6)
		fs_nl_route_sweep(mirror, AF_INET6, t->stamp);
	/* The order of equal routes may be another now. */
	mirror->generation++;
}

int fs_nl_mirror_open(struct fs_nl_mirror **out)
{
	struct fs_nl_mirror *mirror = calloc(1, sizeof(*mirror));
	struct fs_nl_tables *t = calloc(1, sizeof(*t));

	if (!mirror || !t || fs_nl_table_init(&t->devs) || fs_nl_table_init(&t->addrs) ||
	    fs_nl_table_init(&t->neighs) || fs_nl_table_init(&t->prefixes)) {
		if (mirror)
			mirror->tables = t;
		else
			free(t);
		fs_nl_mirror_close(mirror);
		return -ENOMEM;
	}
	/* The seed decides how long chains are, never what a query answers. */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)mirror;
	mirror->generation = 1;
	mirror->tables = t;
	*out = mirror;
	return 0;
}

void fs_nl_mirror_close(struct fs_nl_mirror *mirror)
{
	struct fs_nl_tables *t;

	if (!mirror)
		return;
	t = mirror->tables;
	if (t && t->devs.bucket && t->addrs.bucket && t->neighs.bucket && t->prefixes.bucket) {
		fs_nl_mirror_sync_begin(mirror);
		fs_nl_mirror_sync_end(mirror, FS_NL_SYNC_ALL);
	}
	if (t) {
		fs_nl_table_fini(&t->devs);
		fs_nl_table_fini(&t->addrs);
		fs_nl_table_fini(&t->neighs);
		fs_nl_table_fini(&t->prefixes);
	}
	free(t);
	free(mirror);
}
