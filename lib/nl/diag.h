/* SPDX-License-Identifier: BSD-2-Clause */
/* diag.h - what sockets the kernel has, over sock_diag. */
#ifndef FS_NL_DIAG_H
#define FS_NL_DIAG_H

#include "base/types.h"

/*
 * fs_nl_diag_tcp - has the kernel TCP connections, opened or being opened, whose
 * local port is @port?
 *
 * For AF_INET those of IPv6 sockets count as well. Loopback does not count, nor
 * TIME-WAIT. Needs no privilege. Walks all of the kernel's connections: a
 * millisecond, or some.
 * Returns 1 or 0, or -errno: the kernel does not say.
 */
int fs_nl_diag_tcp(uint8_t family, uint16_t port);

#endif
