/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - an intrusive chained hash table that grows and shrinks.
 *
 *	bucket[hash & mask] -> node -> node -> NULL
 *
 * The caller hashes and compares. Inserting cannot fail: without memory to
 * grow, the chains get longer.
 */
#ifndef FS_NL_TABLE_H
#define FS_NL_TABLE_H

#include "base/types.h"

struct fs_nl_node {
	struct fs_nl_node *next;
	uint64_t hash;
};

struct fs_nl_table {
	struct fs_nl_node **bucket;
	uint32_t mask;
	uint32_t count;
};

int fs_nl_table_init(struct fs_nl_table *table);
/* The nodes are the caller's. */
void fs_nl_table_fini(struct fs_nl_table *table);
void fs_nl_table_insert(struct fs_nl_table *table, struct fs_nl_node *node, uint64_t hash);
void fs_nl_table_remove(struct fs_nl_table *table, struct fs_nl_node *node);

/*
 * Visit every node; @gone returns true for one to take out, which it may
 * free. It must not change the table otherwise.
 */
void fs_nl_table_sweep(struct fs_nl_table *table,
		       bool (*gone)(struct fs_nl_node *node, void *ctx), void *ctx);

static inline struct fs_nl_node *fs_nl_table_match(struct fs_nl_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

/* The nodes with this hash: first, then next until NULL. */
static inline struct fs_nl_node *fs_nl_table_first(const struct fs_nl_table *table,
						   uint64_t hash)
{
	return fs_nl_table_match(table->bucket[hash & table->mask], hash);
}

static inline struct fs_nl_node *fs_nl_table_next(const struct fs_nl_node *node)
{
	return fs_nl_table_match(node->next, node->hash);
}

#endif
