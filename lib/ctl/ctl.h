/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl.h - inside of struct fs_ctl, for lib/ctl only. */
#ifndef FS_CTL_CTL_H
#define FS_CTL_CTL_H

#include <fastsock/ctl.h>

#include "base/log.h"
#include "base/types.h"
#include "steer/steer.h"

struct fs_ctl {
	struct fs_logger log;
	struct fs_steer *steer;
	struct fs_steer_info info;
};

/* Some calls need the maps, which stale and pass-only interfaces lack. */
int fs_ctl_need_maps(const struct fs_ctl *ctl);

/* One loaded answer program. */
struct fs_ctl_loaded {
	char name[FS_CTL_NAME_MAX];
	uint32_t index;			/* FS_ANSWERS_MAX: pinned, but not in the array */
	uint32_t prog_id;
};

struct fs_ctl_loaded_list {
	unsigned int n;
	struct fs_ctl_loaded at[FS_ANSWERS_MAX];
};

/* What is pinned as answer_*. 0 or -errno. */
int fs_ctl_loaded_list(struct fs_ctl *ctl, struct fs_ctl_loaded_list *list);

/* The flow as one key, or two for both families; -EINVAL. */
int fs_ctl_rule_keys(const struct fs_ctl_rule *rule, struct fs_rule_key keys[2]);

/* The other way round. */
void fs_ctl_rule_of_key(struct fs_ctl_rule *rule, const struct fs_rule_key *key);

/* Is @name one that a file and a command line can hold? */
bool fs_ctl_is_name(const char *name);

#endif
