/* SPDX-License-Identifier: BSD-2-Clause */
/* move.h - connections leave for the kernel; fs_tcp_handoff() is the public part. */
#ifndef FS_TCP_MOVE_H
#define FS_TCP_MOVE_H

#include "tcp/conn.h"

/* The connection with this user pointer is the descriptor @fd now; or -errno. */
typedef void fs_tcp_moved_fn(void *ctx, void *user, int fd);

/*
 * fs_tcp_move_all - move every connection of the table, with handle or without.
 *
 * Those that were closed and still send go on in the kernel, closed. Of each
 * other one @fn is told, which owns the descriptor and must not touch other
 * connections; @fn NULL leaves them. Those that nobody accepted stay.
 * Returns how many could not be moved, but for closed ones whose peer has
 * everything; or -ENOMEM: none was.
 */
int fs_tcp_move_all(struct fs_tcp_table *table, fs_tcp_moved_fn *fn, void *ctx);

#endif
