/* SPDX-License-Identifier: BSD-2-Clause */
/* kvhot.h - the copies of small entries that XDP finds first (struct fs_kv_hot). */
#ifndef FS_CTL_KVHOT_H
#define FS_CTL_KVHOT_H

#include "base/types.h"
#include "bpf/fs_abi.h"

/* The map's memory. Returns NULL with errno set when it cannot be had. */
struct fs_kv_hot *fs_ctl_kvhot_map(int fd);
void fs_ctl_kvhot_unmap(struct fs_kv_hot *hot);

/* Take the copy of the entry with @hash away, if there is one. @gen is fresh. */
void fs_ctl_kvhot_clear(struct fs_kv_hot *hot, uint64_t hash, uint64_t gen);

/*
 * Copy the entry with @hash to one of its two places; whose copy was there is
 * in kv_small still. Without effect while others write to both places.
 */
void fs_ctl_kvhot_fill(struct fs_kv_hot *hot, uint64_t hash, const struct fs_kv_small *small);

#endif
