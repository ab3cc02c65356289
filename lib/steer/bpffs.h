/* SPDX-License-Identifier: BSD-2-Clause */
/* bpffs.h - where the pins live, also for a process that does not see it. */
#ifndef FS_STEER_BPFFS_H
#define FS_STEER_BPFFS_H

#include "base/log.h"
#include "base/types.h"

enum {
	FS_STEER_PATH_MAX = 256,
};

/*
 * The directory that has a directory for each interface; it may not be there
 * yet. With @create a bpffs is mounted, and the directory made, when missing.
 * 0, or -ENOENT (without a sentence) when there is none, -errno with one when
 * it cannot be made.
 */
int fs_steer_bpffs_root(char root[FS_STEER_PATH_MAX], bool create, const struct fs_logger *log);

#endif
