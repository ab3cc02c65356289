/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin.h - what the kernel's socket of a descriptor says of itself. It was
 * bound and given its options as the application wished, and remembers both.
 */
#ifndef FS_SOCK_TWIN_H
#define FS_SOCK_TWIN_H

#include <fastsock/fastsock.h>

#include "base/types.h"

struct fs_sock;

/* An option that is a number; @otherwise: it has none of that name. */
int fs_sock_twin_int(int fd, int level, int name, int otherwise);
static inline bool fs_sock_twin_has(int fd, int level, int name)
{
	return fs_sock_twin_int(fd, level, name, 0);
}

/* SO_LINGER in seconds; -1: off. */
int fs_sock_twin_linger(int fd);

/* Its own address, as ours are. 0 or -errno. */
int fs_sock_twin_name(int fd, struct fs_addr *name);
/* The same as what it is to be reached by; AF_UNSPEC: any address of both families. */
int fs_sock_twin_local(const struct fs_sock *s, struct fs_addr *local);

/* The twin of a fast listener never blocks, whatever the application wants. */
void fs_sock_twin_nonblock(struct fs_sock *s, bool on);

#endif
