/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deputy.h - a process that may still do what this one has given away.
 *
 * To move a connection into the kernel takes CAP_NET_ADMIN, and CAP_NET_BIND_SERVICE at
 * a low port, which a worker gives up before it serves anybody. So it forks before
 * that: its deputy keeps these two and nothing else, and does for it what
 * struct fs_host_ask says, to sockets that it is sent. It cannot see what for: a worker that was
 * taken over can make up connections, and listen beside others (SECURITY.md). The deputy
 * ends when the last process that could ask it has.
 */
#ifndef FS_SOCK_DEPUTY_H
#define FS_SOCK_DEPUTY_H

#include "net/host.h"

/* Privileges may go now. Not twice; without them, nothing. */
void fs_deputy_start(void);

/* For struct fs_host: 0, or -errno; -EPERM without a deputy. Waits for its answer, a second at most. */
int fs_deputy_ask(int fd, const struct fs_host_ask *ask);

#endif
