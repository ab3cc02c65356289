/* SPDX-License-Identifier: BSD-2-Clause */
/* tcp.h - TCP as the stack sees it: a table of connections with an input. */
#ifndef FS_TCP_TCP_H
#define FS_TCP_TCP_H

#include <fastsock/tcp.h>

#include "net/host.h"
#include "wire/frame.h"
#include "wire/icmp.h"

struct fs_tcp_table;

int fs_tcp_listener_open(struct fs_tcp_listener **out, struct fs_tcp_table *table,
			 const struct fs_tcp_listen_opts *opts);
/* @held_fd: the caller's socket, which has the local port; -1: none. */
int fs_tcp_connect_open(struct fs_tcp **out, struct fs_tcp_table *table,
			const struct fs_tcp_connect_opts *opts, int held_fd);

int fs_tcp_table_open(struct fs_tcp_table **out, struct fs_host *host);
/* Resets what is open, and gives everything back. */
void fs_tcp_table_close(struct fs_tcp_table *table);

/* More connections than these would not stay in the nearest cache until their turn. */
enum {
	FS_TCP_AHEAD_MAX = 8,
};

/*
 * Frames are about to be taken one by one: have the connections that the first of them
 * are for on their way to the cache. Changes nothing.
 */
void fs_tcp_ahead(const struct fs_tcp_table *table, struct fs_buf *const *bufs, unsigned int n);

/*
 * One parsed TCP frame. Delivers it or drops it with its reason counted; the
 * buffer is taken over in both cases. @partial_ok as in udp.h.
 */
void fs_tcp_rx(struct fs_tcp_table *table, struct fs_buf *buf,
	       const struct fs_wire_frame *frame, bool partial_ok);

/* An ICMP error about a segment of ours. */
void fs_tcp_icmp(struct fs_tcp_table *table, const struct fs_wire_icmp_error *error);

/* A frame that waited for its neighbour: send it now, or report @error. */
void fs_tcp_wait_over(struct fs_tcp_table *table, struct fs_buf *buf, int error);

/* Send what connections have to say: data, and the ACKs of what came in. */
void fs_tcp_flush(struct fs_tcp_table *table);

/* Something waits for the next flush: an ACK held back, or output without room. */
bool fs_tcp_pending(const struct fs_tcp_table *table);

/* Reset up to @n connections, for the end. False: there are none left. */
bool fs_tcp_table_reset(struct fs_tcp_table *table, unsigned int n);

/* Timers that are not a connection's. Returns when to come again. */
uint64_t fs_tcp_run(struct fs_tcp_table *table);

#endif
