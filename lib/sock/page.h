/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - the counters of a process, where others can read them.
 *
 * A memfd of a known name: whoever may look into /proc/PID/fd finds it there, and
 * nothing is left of it when the process has gone, however it went.
 */
#ifndef FS_SOCK_PAGE_H
#define FS_SOCK_PAGE_H

#include <fastsock/socket.h>

/* This process' counters. They stand in private memory until there is something to tell. */
struct fs_sockets_stats *fs_page_stats(void);
/* In a child of fork(): its own, from zero. */
void fs_page_forked(void);

#endif
