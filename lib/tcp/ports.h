/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h - local ports of outgoing connections.
 *
 * A port is held by a kernel socket that is bound and nothing else, so that no
 * other socket gets it, and its segments are steered here. Both take
 * system calls and a descriptor; so one port serves many connections, to
 * different remotes, and outlives them:
 *
 *	take  --> usable port of an idle one, oldest first --+
 *	          of one that rests, oldest first          --+--> busy
 *	          of a busy one, in turn, a few tries      --+     |
 *	          new: socket(), bind(), claim             --+     | last put
 *	          any of all, when the kernel has none     --+     v
 *	run   <-- 60 s idle, or more than 1024 of them <-------- idle
 *
 * What decides whether a port is usable for a connection is the connection
 * table, which knows its flows; here it is a question to the caller.
 *
 * Kept for each local address: the rules of the fast path are for an
 * address and a port. Without a kernel (a simulated wire) a port is a number.
 */
#ifndef FS_TCP_PORTS_H
#define FS_TCP_PORTS_H

#include "net/host.h"

enum {
	/* What the kernel's net.ipv4.ip_local_port_range is by default. */
	FS_TCP_PORTS_FIRST = 32768,
	FS_TCP_PORTS_LAST = 60999,
	FS_TCP_PORTS_IDLE_MAX = 1024,
};

#define FS_TCP_PORTS_IDLE_NS	(60 * NSEC_PER_SEC)

struct fs_tcp_ports;

/*
 * May this connection have @port? Not called for a port that some other socket
 * of the kernel has; a listener of this stack without twin is the callee's to
 * refuse. It must not take or put ports itself.
 */
typedef bool fs_tcp_port_usable_fn(void *ctx, uint16_t port);

int fs_tcp_ports_open(struct fs_tcp_ports **out, struct fs_host *host);
/* Every port must be put back: asserts it. NULL is fine. */
void fs_tcp_ports_close(struct fs_tcp_ports *ports);

/*
 * fs_tcp_ports_take - a port of the local address @ip (unused bytes zero) for
 * one connection; @want 0: any.
 *
 * Makes no system call while ports are at hand. One that failed is not
 * repeated within a second: an exhausted range is slow to ask.
 * Returns the port, or
 *   -EADDRNOTAVAIL  @ip is not local, or no port is usable
 *   -EADDRINUSE     @want is somebody else's, or not usable
 *   -EACCES         @want is privileged
 *   -ENOSPC         the rule table is full
 *   -EMFILE, -ENFILE, -ENOMEM
 */
int fs_tcp_ports_take(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t want, fs_tcp_port_usable_fn *usable, void *ctx);

/* The same when the caller's socket @fd has the port @want: it is doubled, and stays his. */
int fs_tcp_ports_take_held(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
			   uint16_t want, int fd, fs_tcp_port_usable_fn *usable, void *ctx);

/* One for each take. Makes no system call: fs_tcp_ports_run() gives back. */
void fs_tcp_ports_put(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t port, uint64_t now_ns);

/*
 * Somebody who has @port took a connection of it elsewhere: no new ones, and
 * when the last has put it, it goes at once.
 */
void fs_tcp_ports_retire(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
			 uint16_t port);

/*
 * fs_tcp_ports_rest - a connection of the port is over but for its TIME-WAIT,
 * after which the port is usable again: in the order of these calls.
 */
void fs_tcp_ports_rest(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		       uint16_t port);

/*
 * fs_tcp_ports_run - give back what has been idle for too long, a few at a
 * time, as each costs system calls. Returns fs_tcp_ports_due().
 */
uint64_t fs_tcp_ports_run(struct fs_tcp_ports *ports, uint64_t now_ns);

/* When to run next; FS_NEVER. Ask again after a put: it may be sooner. */
uint64_t fs_tcp_ports_due(const struct fs_tcp_ports *ports);

#endif
