/* SPDX-License-Identifier: BSD-2-Clause */
/* reserve.h - a port of the kernel's, held by a socket that does nothing else. */
#ifndef FS_TCP_RESERVE_H
#define FS_TCP_RESERVE_H

#include "base/types.h"

/*
 * fs_tcp_reserve - bind a socket to a port of the local address @ip, so that
 * nobody else gets it. close() gives it back.
 *
 * *port 0: any of the kernel's choice, which is then in *port; with @near not
 * 0 one in its neighbourhood, which is quicker to find when many are taken.
 * Returns the descriptor, or
 *   -EADDRINUSE     *port is taken, or there is none near @near
 *   -EADDRNOTAVAIL  none of all is free, or @ip is not local
 *   -EACCES         *port is privileged
 *   -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS
 */
int fs_tcp_reserve(uint8_t family, const uint8_t ip[16], uint16_t *port, uint16_t near);

#endif
