/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * item.h - the items of all sets, and the number that stands for each in the kernel's half.
 *
 * Beside it in the kernel's set is the application's data, which may be anything: pointers,
 * descriptors with whatever was in the upper half. The number has random bits, which are
 * not there by chance, and is no address.
 *
 *	0 1 | 39 random bits | place, 23 bits: an item, or behind them a mark
 */
#ifndef FS_SOCK_ITEM_H
#define FS_SOCK_ITEM_H

#include "sock/set.h"

/* The caller's to fill; NULL: no memory. */
struct fs_item *fs_item_take(void);
void fs_item_put(struct fs_item *item);

uint64_t fs_item_data(const struct fs_item *item);
/* Is @data one of ours? Then *item is whose, perhaps free by now, or NULL for a mark. */
bool fs_item_of(uint64_t data, struct fs_item **item);

#endif
