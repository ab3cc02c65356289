/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udp_priv.h - an endpoint, and the table that finds it.
 *
 * An endpoint of any address of both families stands in two chains, one for
 * each family.
 *
 *	bucket[family][hash(port, ip)] -> endpoint -> endpoint -> NULL
 *	endpoint.queue: a ring of received buffers, head taken, tail put
 */
#ifndef FS_UDP_UDP_PRIV_H
#define FS_UDP_UDP_PRIV_H

#include <fastsock/udp.h>

#include "net/host.h"
#include "udp/udp.h"
#include "wire/udp.h"

enum {
	FS_UDP_BUCKETS = 4096,
	FS_UDP_QUEUE_PKTS = 1024,
	FS_UDP_PAYLOAD_MAX = 65507,
};

struct fs_udp_link {
	struct fs_udp *next;
	bool linked;
};

struct fs_udp {
	struct fs_udp_table *table;
	struct fs_host *host;
	struct fs_addr local;
	struct fs_addr remote;
	bool connected;
	struct fs_udp_link link[2];	/* IPv4, IPv6 */
	struct fs_buf **queue;
	uint32_t queue_mask;
	uint32_t head;
	uint32_t tail;
	struct fs_ready ready;
	struct fs_watch twin;		/* fd -1: none */
};

/* What the last datagram was for: most often the next one's, too. */
struct fs_udp_memo {
	struct fs_udp *udp;	/* NULL: nothing remembered */
	uint8_t family;
	uint16_t port;
	uint8_t ip[16];
};

struct fs_udp_table {
	struct fs_host *host;
	uint32_t endpoints;
	struct fs_udp_memo memo;
	struct fs_udp *bucket[2][FS_UDP_BUCKETS];	/* chains of one family never meet */
};

static inline int fs_udp_link_index(uint8_t family)
{
	return family == AF_INET6;
}

struct fs_udp *fs_udp_look_up(struct fs_udp_table *table, uint8_t family, const uint8_t ip[16],
			      uint16_t port);

/* The endpoint for a datagram to @ip (unused bytes zero) and @port, or NULL. */
static inline struct fs_udp *fs_udp_find(struct fs_udp_table *table, uint8_t family,
					 const uint8_t ip[16], uint16_t port)
{
	const struct fs_udp_memo *memo = &table->memo;

	if (likely(memo->udp && memo->port == port && memo->family == family &&
		   !memcmp(memo->ip, ip, 16)))
		return memo->udp;
	return fs_udp_look_up(table, family, ip, port);
}

/* Is there a datagram to receive, and how long is it? */
static inline bool fs_udp_has(const struct fs_udp *udp)
{
	return udp->head != udp->tail;
}

static inline uint32_t fs_udp_next_len(const struct fs_udp *udp)
{
	return udp->queue[udp->head & udp->queue_mask]->len;
}

/* Queue a buffer (state RX, addresses set) for the application. */
bool fs_udp_deliver(struct fs_udp *udp, struct fs_buf *buf);

/* The kernel's half of the endpoint. open binds and fills in udp->local. */
int fs_udp_twin_open(struct fs_udp *udp, enum fs_twin need);
void fs_udp_twin_close(struct fs_udp *udp);
/* 0 or -errno; the buffer stays the caller's. */
int fs_udp_twin_send(struct fs_udp *udp, const struct fs_buf *buf);

#endif
