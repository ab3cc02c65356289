/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reason.h - why a socket is not fast: counted, and logged the first time.
 */
#ifndef FS_SOCK_REASON_H
#define FS_SOCK_REASON_H

#include <fastsock/socket.h>

enum fs_socket_sort {
	FS_SORT_TCP,
	FS_SORT_LISTENER,
	FS_SORT_UDP,
	FS_SORT_COUNT
};

void fs_reason_count(enum fs_socket_sort sort, enum fs_socket_reason reason);
void fs_reason_rx(uint64_t bytes);
void fs_reason_tx(uint64_t bytes);
/* In a child of fork(), which counts for itself. */
void fs_reason_reset(void);

#endif
