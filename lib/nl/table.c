// SPDX-License-Identifier: BSD-2-Clause
/*
 * table.c - see table.h. Load stays between 1/8 and 1; the table never gets
 * smaller than its first size.
 */
#include <errno.h>
#include <stdlib.h>

#include "nl/table.h"

enum { FIRST_SIZE = 64 };

int fs_nl_table_init(struct fs_nl_table *table)
{
	table->bucket = calloc(FIRST_SIZE, sizeof(struct fs_nl_node *));
	table->mask = FIRST_SIZE - 1;
	table->count = 0;
	return table->bucket ? 0 : -ENOMEM;
}

void fs_nl_table_fini(struct fs_nl_table *table)
{
	free(table->bucket);
	table->bucket = NULL;
}

static void resize(struct fs_nl_table *table, uint32_t size)
{
	struct fs_nl_node **bucket = calloc(size, sizeof(struct fs_nl_node *));

	if (!bucket)
		return;
	for (uint32_t i = 0; i <= table->mask; i++) {
		struct fs_nl_node *node = table->bucket[i];

		while (node) {
			struct fs_nl_node *next = node->next;

			node->next = bucket[node->hash & (size - 1)];
			bucket[node->hash & (size - 1)] = node;
			node = next;
		}
	}
	free(table->bucket);
	table->bucket = bucket;
	table->mask = size - 1;
}

static void shrink(struct fs_nl_table *table)
{
	if (table->mask >= FIRST_SIZE && table->count < (table->mask + 1) / 8)
		resize(table, MAX((uint32_t)FIRST_SIZE, round_up_pow2(table->count * 2)));
}

void fs_nl_table_insert(struct fs_nl_table *table, struct fs_nl_node *node, uint64_t hash)
{
	struct fs_nl_node **head;

	if (table->count > table->mask && table->mask < UINT32_MAX / 4)
		resize(table, (table->mask + 1) * 2);
	head = &table->bucket[hash & table->mask];
	node->hash = hash;
	node->next = *head;
	*head = node;
	table->count++;
}

void fs_nl_table_remove(struct fs_nl_table *table, struct fs_nl_node *node)
{
	struct fs_nl_node **link = &table->bucket[node->hash & table->mask];

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	table->count--;
	shrink(table);
}

void fs_nl_table_sweep(struct fs_nl_table *table,
		       bool (*gone)(struct fs_nl_node *node, void *ctx), void *ctx)
{
	for (uint32_t i = 0; i <= table->mask; i++) {
		struct fs_nl_node **link = &table->bucket[i];

		while (*link) {
			struct fs_nl_node *node = *link, *next = node->next;

			if (gone(node, ctx)) {
				*link = next;
				table->count--;
			} else {
				link = &node->next;
			}
		}
	}
	shrink(table);
}
