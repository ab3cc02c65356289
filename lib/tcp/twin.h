/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin.h - the kernel half of a listener: it keeps the port, shows in ss, and
 * accepts what comes by loopback, by other interfaces, or passes the program.
 */
#ifndef FS_TCP_TWIN_H
#define FS_TCP_TWIN_H

#include <fastsock/udp.h>

#include "net/host.h"

/*
 * fs_tcp_twin_open - bind a kernel socket to @local, listen, and watch it.
 *
 * @watch->fn is the caller's, set before; it runs when there are connections
 * to accept. AF_UNSPEC listens on any address of both families. *bound is
 * @local with its port. Without a kernel (a simulated wire), and with
 * FS_TWIN_OPTIONAL when the port is taken, there is no twin: watch->fd is -1.
 * Returns 0, or
 *   -EINVAL         no port, and none to choose one
 *   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EMFILE, -ENFILE, -ENOMEM
 */
int fs_tcp_twin_open(struct fs_watch *watch, struct fs_host *host, const struct fs_addr *local,
		     enum fs_twin need, int backlog, struct fs_addr *bound);

/* Resets what was not accepted. Nothing to do when watch->fd is -1. */
void fs_tcp_twin_close(struct fs_watch *watch, struct fs_host *host);

/*
 * fs_tcp_twin_accept - the next connection's descriptor, non-blocking, with its
 * two ends; IPv4 ones that came by a socket of both families are IPv4 here.
 * Or -EAGAIN: none. Connections that were reset while they waited are skipped.
 * -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS: it waits in the kernel.
 */
int fs_tcp_twin_accept(const struct fs_watch *watch, struct fs_addr *local,
		       struct fs_addr *remote);

#endif
