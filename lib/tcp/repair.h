/* SPDX-License-Identifier: BSD-2-Clause */
/* repair.h - a kernel socket becomes what a connection of ours is, by TCP_REPAIR. */
#ifndef FS_TCP_REPAIR_H
#define FS_TCP_REPAIR_H

#include "tcp/conn.h"

/*
 * fs_tcp_repair_prepare - make @fd, a TCP socket that was neither bound nor
 * connected, equal to @tcp: numbers, windows, options, queues.
 *
 * Until fs_tcp_repair_start() it neither hears nor says anything, and the
 * connection goes on as it is. On failure @fd is good for nothing but
 * close(), which says nothing to the peer.
 * Returns 0, or
 *   -EPERM          no CAP_NET_ADMIN in the network namespace, and no deputy
 *   -EPIPE, -ETIMEDOUT  a deputy that is gone, or does not answer
 *   -EAFNOSUPPORT   not a TCP socket, or not of the connection's family
 *   -EADDRINUSE, -EADDRNOTAVAIL  the kernel has this connection, or not the address
 *   -ENOBUFS        the kernel has no room for what is queued
 *   or what bind() and connect() give: -EACCES, -ENETUNREACH, ...
 */
int fs_tcp_repair_prepare(const struct fs_tcp *tcp, int fd);

/* What a deputy is asked to do, too: see struct fs_host. */
int fs_tcp_repair_do(int fd, const struct fs_host_ask *ask);

/* From here on the kernel speaks for the connection. -errno: a deputy that is gone; as prepare. */
int fs_tcp_repair_start(const struct fs_tcp *tcp, int fd);

#endif
