/* SPDX-License-Identifier: BSD-2-Clause */
/* priv.h - inside of struct fs_steer, for lib/steer only. */
#ifndef FS_STEER_PRIV_H
#define FS_STEER_PRIV_H

#include "steer/pins.h"
#include "steer/steer.h"

enum fs_steer_map {
	FS_STEER_CONFIG = 0,
	FS_STEER_RULES,
	FS_STEER_HOT,
	FS_STEER_SLOTS,
	FS_STEER_XSKS,
	FS_STEER_STATS,
	FS_STEER_RATES,
	FS_STEER_KV_SMALL,
	FS_STEER_KV_LARGE,
	FS_STEER_KV_HOT,
	FS_STEER_SCRATCH,
	FS_STEER_CAPTURES,
	FS_STEER_ANSWERS,	/* the only one that may be missing */
	FS_STEER_MAP_COUNT
};

struct fs_steer {
	struct fs_logger log;
	struct fs_steer_pins pins;
	struct fs_steer_info info;
	struct fs_config config;
	int map[FS_STEER_MAP_COUNT];	/* -1: not open */
	int root_fd;			/* to lock; open, since privileges may be dropped */
	bool held;			/* the lock is the caller's, for many rules */
};

/* All maps, with their layouts checked; a sentence on failure. */
int fs_steer_maps_open(struct fs_steer *steer);
void fs_steer_maps_close(struct fs_steer *steer);

/* Under the lock: rules of @slot become what they were without it. */
void fs_steer_rules_forget(struct fs_steer *steer, uint32_t slot);

/*
 * Under the lock: the table's entry of @key is about to change; and it has,
 * to @rule. Between the two the program asks the table itself.
 */
int fs_steer_hot_clear(struct fs_steer *steer, const struct fs_rule_key *key);
int fs_steer_hot_set(struct fs_steer *steer, const struct fs_rule_key *key,
		     const struct fs_rule *rule);

/* Does the owner of a slot live? */
bool fs_steer_slot_lives(const struct fs_slot *slot);

#endif
