/* SPDX-License-Identifier: BSD-2-Clause */
/* entry.h - a published key-value entry in the layout of bpf/fs_abi.h. */
#ifndef FS_CTL_ENTRY_H
#define FS_CTL_ENTRY_H

#include "base/types.h"
#include "bpf/fs_abi.h"

/* Either layout, found through pointers. */
struct fs_ctl_entry {
	struct fs_kv_head *head;
	uint64_t *gen_end;
	uint8_t *key, *value;
	size_t key_max, value_max;
};

struct fs_ctl_entry fs_ctl_entry_small(struct fs_kv_small *small);
struct fs_ctl_entry fs_ctl_entry_large(struct fs_kv_large *large);

/* Does an entry of these lengths fit into the small layout? */
bool fs_ctl_entry_is_small(size_t key_len, size_t value_len);

/* Fill all of it. Lengths must fit. */
void fs_ctl_entry_fill(const struct fs_ctl_entry *entry, uint64_t gen, const void *key,
		       size_t key_len, const void *value, size_t value_len);

/* Was it read in one piece, with lengths that can be? */
bool fs_ctl_entry_is_whole(const struct fs_ctl_entry *entry);
bool fs_ctl_entry_has_key(const struct fs_ctl_entry *entry, const void *key, size_t key_len);

/* The hash under which the program looks a key up. */
uint64_t fs_ctl_entry_hash(uint64_t seed, const void *key, size_t key_len);

#endif
