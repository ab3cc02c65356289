/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports_held.h - the ports held, by address: inside of ports.c.
 *
 *	bucket[hash(ip)] -> address -> address -> NULL
 *	address.page[port / 256][port % 256] -> held
 *	address.idle, .busy: its held ports in turn, the next candidate first
 *	address.resting: busy ones whose last connection is over, the longest first
 *	ports.idle: those of all addresses, in the order of their last put
 *
 * A held port is idle or busy; idle_at is linked only while it is idle. Those
 * that rest are asked without turning them round: the first ripen first, and one
 * that was moved behind the others would not be asked again before they all were.
 */
#ifndef FS_TCP_PORTS_HELD_H
#define FS_TCP_PORTS_HELD_H

#include "tcp/link.h"
#include "tcp/ports.h"

enum {
	FS_TCP_PORTS_BUCKETS = 64,
	FS_TCP_PORTS_PAGE = 256,
};

struct held {
	struct fs_tcp_link at;		/* of its address: idle, resting or busy */
	struct fs_tcp_link idle_at;
	struct address *address;
	uint64_t idle_since_ns;
	uint32_t users;		/* 0: idle */
	int fd;			/* -1 on a simulated wire */
	uint16_t port;
	bool retired;		/* not for new connections */
};

struct address {
	struct address *next;
	struct fs_tcp_link idle;
	struct fs_tcp_link resting;
	struct fs_tcp_link busy;
	uint32_t n_idle;
	uint32_t n_busy;	/* those that rest, too */
	uint64_t retry_ns;	/* before it, reserving gives retry_err */
	int retry_err;
	uint8_t family;
	uint8_t ip[16];
	struct held **page[65536 / FS_TCP_PORTS_PAGE];
};

struct fs_tcp_ports {
	struct fs_host *host;
	struct fs_tcp_link idle;
	uint32_t n_idle;
	uint64_t paced_ns;	/* no release before it */
	uint16_t next;		/* number to try, on a simulated wire */
	bool complained;
	struct address *bucket[FS_TCP_PORTS_BUCKETS];
};

#endif
