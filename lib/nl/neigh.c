// SPDX-License-Identifier: BSD-2-Clause
/*
 * neigh.c - neighbours of the mirror; see tables.h for the picture.
 *
 * A neighbour that goes from one usable state to another with the same
 * link-layer address alters no decision, and neither does one that goes from
 * one useless state to another: the generation stays.
 */
#include <errno.h>
#include <stdlib.h>

#include "nl/tables.h"

static struct fs_nl_neigh_entry *find(const struct fs_nl_tables *t, uint32_t ifindex,
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

static void note_change(struct fs_nl_mirror *mirror, const struct fs_nl_neigh *old,
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

	fs_nl_clean_ip(clean.ip, neigh->family, neigh->ip);
	hash = fs_nl_hash_ip(t, clean.family, clean.ifindex, clean.ip);
	entry = find(t, clean.ifindex, clean.family, clean.ip, hash);
	note_change(mirror, entry ? &entry->neigh : NULL, &clean);
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

	fs_nl_clean_ip(clean, neigh->family, neigh->ip);
	entry = find(t, neigh->ifindex, neigh->family, clean,
			   fs_nl_hash_ip(t, neigh->family, neigh->ifindex, clean));
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

	fs_nl_clean_ip(clean, family, ip);
	entry = find(t, ifindex, family, clean, fs_nl_hash_ip(t, family, ifindex, clean));
	return entry ? &entry->neigh : NULL;
}

static bool on_link(struct fs_nl_node *node, void *ctx)
{
	struct fs_nl_neigh_entry *entry = container_of(node, struct fs_nl_neigh_entry, node);
	uint32_t *ifindex = ctx;

	if (entry->neigh.ifindex != *ifindex)
		return false;
	free(entry);
	return true;
}

void fs_nl_neigh_drop_link(struct fs_nl_mirror *mirror, uint32_t ifindex)
{
	fs_nl_table_sweep(&mirror->tables->neighs, on_link, &ifindex);
}

struct sweep {
	struct fs_nl_mirror *mirror;
	uint32_t stamp;
};

static bool unseen(struct fs_nl_node *node, void *ctx)
{
	struct fs_nl_neigh_entry *entry = container_of(node, struct fs_nl_neigh_entry, node);
	const struct sweep *sweep = ctx;

	if (entry->stamp == sweep->stamp)
		return false;
	fs_nl_changed(sweep->mirror);
	free(entry);
	return true;
}

void fs_nl_neigh_sweep(struct fs_nl_mirror *mirror, uint32_t stamp)
{
	struct sweep sweep = { mirror, stamp };

	fs_nl_table_sweep(&mirror->tables->neighs, unseen, &sweep);
}
