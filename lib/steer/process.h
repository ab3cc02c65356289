/* SPDX-License-Identifier: BSD-2-Clause */
/* process.h - other processes as /proc shows them, and a child of our own. */
#ifndef FS_STEER_PROCESS_H
#define FS_STEER_PROCESS_H

#include "base/types.h"

/* 0: not known. */
unsigned int fs_steer_process_parent(unsigned int pid);
/* When it started, in ticks since boot; 0: there is no such process. */
uint64_t fs_steer_process_start(unsigned int pid);

/*
 * Call @fn in a child of its own, which then ends: a thread of many may not
 * change its mount namespace, and a program should not find itself in another
 * network. Returns what @fn did, 0 to 255, or -errno.
 */
int fs_steer_process_child(int (*fn)(void *ctx), void *ctx);

#endif
