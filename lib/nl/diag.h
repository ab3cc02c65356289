/* SPDX-License-Identifier: BSD-2-Clause */
/* diag.h - what sockets the kernel has, over sock_diag. */
#ifndef FS_NL_DIAG_H
#define FS_NL_DIAG_H

#include "base/types.h"

/*
 * A socket for questions: a descriptor, or -errno. For all questions, since one that is opened by a
 * thread of the library has for a moment a number that the program expects for itself.
 */
int fs_nl_diag_open(void);

/*
 * fs_nl_diag_tcp - has the kernel TCP sockets with the local port @port that do
 * not just listen, and whose other end is not in this host?
 *
 * Needs no privilege. Walks the connections of all the machine: less than a millisecond, and one
 * more for some thousands of them.
 * Returns 1 or 0, or -errno: the kernel does not say.
 */
int fs_nl_diag_tcp(int fd, uint16_t port);

#endif
