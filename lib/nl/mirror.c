// SPDX-License-Identifier: BSD-2-Clause
/*
 * mirror.c - links and addresses of the mirror, and its life; see tables.h for
 * the picture. Neighbours are in neigh.c, routes in route.c.
 *
 * An event that repeats what is known changes nothing and moves no
 * generation: the kernel repeats itself a lot.
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
	mirror->settings++;
	fs_nl_changed(mirror);
	return 0;
}

/*
 * The kernel's order decides between equal source addresses. IPv4: behind
 * those of wider number, newest last; IPv6: by scope, newest first. A copy
 * comes in that order.
 */
static struct fs_nl_addr_entry *successor(const struct fs_nl_dev *dev,
					  const struct fs_nl_addr *addr)
{
	struct fs_nl_addr_entry *next = NULL;

	if (addr->family == AF_INET6) {
		for (next = dev->first; next; next = next->next)
			if (next->addr.family == AF_INET6 && next->addr.scope >= addr->scope)
				return next;
		return NULL;
	}
	for (struct fs_nl_addr_entry *e = dev->last; e; e = e->prev) {
		if (e->addr.family == AF_INET && e->addr.scope >= addr->scope)
			break;
		next = e;
	}
	return next;
}

static void link_addr(struct fs_nl_addr_entry *entry, bool in_order)
{
	struct fs_nl_dev *dev = entry->dev;

	entry->next = in_order ? NULL : successor(dev, &entry->addr);
	entry->prev = entry->next ? entry->next->prev : dev->last;
	*(entry->prev ? &entry->prev->next : &dev->first) = entry;
	*(entry->next ? &entry->next->prev : &dev->last) = entry;
}

static void unlink_addr(struct fs_nl_addr_entry *entry)
{
	*(entry->prev ? &entry->prev->next : &entry->dev->first) = entry->next;
	*(entry->next ? &entry->next->prev : &entry->dev->last) = entry->prev;
}

static void drop_addr(struct fs_nl_mirror *mirror, struct fs_nl_addr_entry *entry)
{
	unlink_addr(entry);
	fs_nl_table_remove(&mirror->tables->addrs, &entry->node);
	free(entry);
	fs_nl_changed(mirror);
}

static void drop_link(struct fs_nl_mirror *mirror, struct fs_nl_dev *dev)
{
	struct fs_nl_tables *t = mirror->tables;

	while (dev->first)
		drop_addr(mirror, dev->first);
	fs_nl_neigh_drop_link(mirror, dev->link.ifindex);
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
	entry->addr = *addr;
	link_addr(entry, t->syncing);
	fs_nl_table_insert(&t->addrs, &entry->node, hash);
	return entry;
}

static bool same_addr(const struct fs_nl_addr *a, const struct fs_nl_addr *b)
{
	return a->prefix_len == b->prefix_len && a->scope == b->scope && a->flags == b->flags;
}

int fs_nl_mirror_addr_set(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_addr clean = *addr;
	struct fs_nl_addr_entry *entry;
	uint64_t hash;

	fs_nl_clean_ip(clean.ip, addr->family, addr->ip);
	hash = fs_nl_hash_ip(t, clean.family, 0, clean.ip);
	entry = find_addr(t, &clean, hash);
	if (entry && t->syncing) {
		unlink_addr(entry);
		link_addr(entry, true);
	}
	if (!entry) {
		entry = make_addr(t, &clean, hash);
		if (!entry)
			return -ENOMEM;
		fs_nl_changed(mirror);
	} else if (!same_addr(&entry->addr, &clean)) {
		entry->addr = clean;
		fs_nl_changed(mirror);
	}
	entry->stamp = t->stamp;
	return 0;
}

int fs_nl_mirror_addr_del(struct fs_nl_mirror *mirror, const struct fs_nl_addr *addr)
{
	struct fs_nl_tables *t = mirror->tables;
	struct fs_nl_addr clean = *addr;
	struct fs_nl_addr_entry *entry;
	struct fs_nl_dev *dev;

	fs_nl_clean_ip(clean.ip, addr->family, addr->ip);
	entry = find_addr(t, &clean, fs_nl_hash_ip(t, clean.family, 0, clean.ip));
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

	fs_nl_clean_ip(clean, family, ip);
	node = fs_nl_table_first(&t->addrs, fs_nl_hash_ip(t, family, 0, clean));
	for (; node; node = fs_nl_table_next(node)) {
		const struct fs_nl_addr *addr =
			&container_of(node, struct fs_nl_addr_entry, node)->addr;

		if (addr->family == family && !memcmp(addr->ip, clean, 16))
			return true;
	}
	route = fs_nl_mirror_route(mirror, family, clean, 0);
	return route && route->type == RTN_LOCAL;
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
	mirror->settings++;
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
		fs_nl_neigh_sweep(mirror, t->stamp);
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
