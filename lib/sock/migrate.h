/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.h - connections that one process has, and another will accept.
 *
 * Processes that share a listening socket share its queue: what one has not
 * accepted when it closes its descriptor, another does. The stack's queue is one
 * process' alone, so what is in it then moves into the kernel, and waits in
 *
 *	the queue	a UNIX datagram socket, connected to itself: descriptors
 *			in flight. Made before the first fork(), shared as the
 *			listening socket is; over execve() found by its name,
 *			which has the cookie of the listening socket in it
 *
 * until somebody accepts from there, or nobody is left and it ends with them.
 * A handshake that is not over yet is waited for by a listener that takes no new
 * connections, and whose socket is gone.
 */
#ifndef FS_SOCK_MIGRATE_H
#define FS_SOCK_MIGRATE_H

#include "base/types.h"

struct fs_sock;

/* Before fork(): the listener gets a queue, if it has none. */
void fs_migrate_share(struct fs_sock *s);
/* A listener that came over execve(): the queue that did, too. */
void fs_migrate_find(struct fs_sock *s);
/* Before execve(): the queue is kept if the listener is. */
void fs_migrate_keep(struct fs_sock *s);

/* The listener is about to be closed: if it is shared, it goes on without the socket
 * until all that it has is in the queue. */
void fs_migrate_out(struct fs_sock *s);
/* The stack has been polled: is there anything to be moved? */
void fs_migrate_round(uint64_t now_ns);
/* Is a handshake being waited for? */
bool fs_migrate_waits(void);
/* No longer: the port is needed again, or in a child of fork() it is the parent's. */
void fs_migrate_stop(bool abort);

/* Accept from the queue: a descriptor, -EAGAIN: there is none, or -errno. */
int fs_migrate_take(struct fs_sock *s, int flags);

#endif
