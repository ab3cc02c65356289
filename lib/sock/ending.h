/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ending.h - a process that a signal ends by default.
 *
 * The kernel would close its sockets in order; the stack's connections end with
 * its memory. So where SIGHUP, SIGINT or SIGTERM has no handler there is one of ours
 * while there is a stack: it calls the helper thread, which does what exit()
 * would have done and then lets the signal have its way.
 */
#ifndef FS_SOCK_ENDING_H
#define FS_SOCK_ENDING_H

#include <stdbool.h>

/* When the stack has been opened. */
void fs_ending_watch(void);
/* Has such a signal come? For the helper, which then calls fs_ending_end(). */
bool fs_ending_has_come(void);
/* Without the lock. Does not return, unless somebody else handles the signal by now. */
void fs_ending_end(void);

#endif
