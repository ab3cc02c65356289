// SPDX-License-Identifier: BSD-2-Clause
/*
 * xsk.c - the AF_XDP port's packet path: bursts between rings and buffers.
 *
 * Invariants: to_fill is what the fill ring lacks, less than a batch while the
 * pool has frames; a frame in FILL or TX with buf->port == port.index is the kernel's; in_flight counts
 * those in TX, so the completion ring (as large as the TX ring) never fills.
 * A descriptor that the kernel would refuse is never built: it would not be
 * completed either, and the frame would be lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "port/xsk_priv.h"

enum {
	MAINTAIN_BATCH = 64,
};

static struct xsk *to_xsk(const struct fs_port *port)
{
	return container_of(port, struct xsk, port);
}

/* Completions: the kernel no longer holds these frames. */
static void reclaim(struct xsk *x)
{
	struct xsk_ring *r = &x->completion;
	uint32_t n = ring_ready(r);

	if (!n)
		return;
	x->in_flight -= n;
	for (uint32_t i = 0; i < n; i++)
		fs_pool_put(fs_pool_at(x->port.pool, *ring_addr(r, r->ours + i)));
	r->ours += n;
	ring_consume(r);
}

static void xsk_reclaim(struct fs_port *port)
{
	reclaim(to_xsk(port));
}

/* Zero-copy drivers stall when they ran out of frames, until they are told. */
static void wake_rx(struct xsk *x)
{
	x->wakeups++;
	recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static void refill(struct xsk *x)
{
	struct fs_pool *pool = x->port.pool;
	struct xsk_ring *r = &x->fill;
	uint32_t n = MIN(x->to_fill, fs_pool_to_fill(pool));

	n = MIN(n, ring_room(r, n));
	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct fs_buf *buf = fs_pool_take(pool, FS_BUF_FILL);

		buf->port = x->port.index;
		*ring_addr(r, r->ours + i) = fs_pool_addr(pool, buf->area);
	}
	x->to_fill -= n;
	r->ours += n;
	ring_produce(r);
	if (ring_needs_wakeup(r))
		wake_rx(x);
}

/*
 * Frames come back from transmission and go out to be received into. Done
 * when there is nothing to receive, or a batch has piled up: each touches a
 * cache line that the kernel writes.
 */
static void maintain(struct xsk *x)
{
	if (x->in_flight)
		reclaim(x);
	if (x->to_fill)
		refill(x);
}

static unsigned int xsk_rx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct xsk *x = to_xsk(port);
	struct xsk_ring *r = &x->rx;
	uint32_t ready = ring_ready(r);

	if (!ready) {
		maintain(x);
		if (!x->busy_poll)
			return 0;
		wake_rx(x);
		ready = ring_ready(r);
	}
	n = MIN(n, ready);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = ring_desc(r, r->ours + i);
		struct fs_buf *buf = fs_pool_at(port->pool, desc->addr);

		fs_buf_move(buf, FS_BUF_FILL, FS_BUF_RX);
		buf->data = port->pool->area + desc->addr;
		buf->len = desc->len;
		buf->ifindex = port->ifindex;
		bufs[i] = buf;
	}
	if (!n)
		return 0;
	r->ours += n;
	ring_consume(r);
	x->to_fill += n;
	if (x->to_fill >= MAINTAIN_BATCH)
		maintain(x);
	return n;
}

static unsigned int xsk_tx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct xsk *x = to_xsk(port);
	struct xsk_ring *r = &x->tx;
	uint32_t room = ring_room(r, n);

	/* Completions never outnumber the completion ring. */
	if (x->in_flight + n > r->mask + 1)
		reclaim(x);
	room = MIN(room, r->mask + 1 - x->in_flight);
	n = MIN(n, room);
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc *desc = ring_desc(r, r->ours + i);
		struct fs_buf *buf = bufs[i];

		assert(buf->len && buf->data >= buf->area &&
		       buf->data + buf->len <= buf->area + buf->room);
		buf->port = port->index;
		desc->addr = fs_pool_addr(port->pool, buf->data);
		desc->len = buf->len;
		desc->options = 0;
	}
	if (n) {
		x->in_flight += n;
		r->ours += n;
		ring_produce(r);
	}
	return n;
}

/*
 * EAGAIN: the kernel's budget for one call is used up, go on as long as that
 * moves something. EBUSY, ENOBUFS: the driver is full, the frames stay in
 * the ring or were completed; the next poll tries again.
 */
static bool xsk_kick(struct fs_port *port)
{
	struct xsk *x = to_xsk(port);
	struct xsk_ring *r = &x->tx;
	uint32_t before, after;

	if (!ring_needs_wakeup(r))
		return false;
	after = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	do {
		before = after;
		if (before == r->ours)
			return false;
		x->wakeups++;
		if (!sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0))
			return false;
		if (errno != EAGAIN && errno != EBUSY && errno != EINTR)
			return errno == ENOBUFS;
		after = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	} while (after != before);
	return true;
}

static int xsk_fd(const struct fs_port *port)
{
	return to_xsk(port)->fd;
}

static uint64_t xsk_next_ns(const struct fs_port *port)
{
	(void)port;
	return FS_NEVER;
}

static void xsk_stats(struct fs_port *port, struct fs_port_stats *stats)
{
	struct xsk *x = to_xsk(port);
	struct xdp_statistics s = { 0 };
	socklen_t len = sizeof(s);

	getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &s, &len);
	/*
	 * In copy mode an empty fill ring drops the packet, which rx_dropped
	 * counts, too. In zero-copy it is the driver's refill that found none:
	 * nothing was lost yet, and what is lost the NIC counts.
	 */
	stats->rx_drop_no_frame = port->zerocopy ? 0 : s.rx_fill_ring_empty_descs;
	stats->rx_drop_ring = s.rx_ring_full +
		(s.rx_dropped > stats->rx_drop_no_frame ?
		 s.rx_dropped - stats->rx_drop_no_frame : 0);
	stats->tx_drop_invalid = s.tx_invalid_descs;
	stats->wakeups = x->wakeups;
}

/* The kernel lets go of everything it holds when the socket is closed. */
static void give_back(struct xsk *x)
{
	struct fs_pool *pool = x->port.pool;

	for (uint32_t i = 0; i < pool->chunks; i++) {
		struct fs_buf *buf = &pool->bufs[i];

		if (buf->port != x->port.index)
			continue;
		if (buf->state == FS_BUF_FILL || buf->state == FS_BUF_TX ||
		    (buf->state == FS_BUF_UNACKED && buf->holders > 1))
			fs_pool_put(buf);
	}
}

static void xsk_close(struct fs_port *port)
{
	struct xsk *x = to_xsk(port);

	reclaim(x);
	fs_port_xsk_teardown(x);
	give_back(x);
	free(x);
}

static const struct fs_port_ops xsk_ops = {
	.name = "af_xdp",
	.rx = xsk_rx,
	.tx = xsk_tx,
	.kick = xsk_kick,
	.reclaim = xsk_reclaim,
	.fd = xsk_fd,
	.next_ns = xsk_next_ns,
	.stats = xsk_stats,
	.close = xsk_close,
};

int fs_port_xsk_open(struct fs_port **out, const struct fs_xsk_opts *opts)
{
	struct xsk *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->port = (struct fs_port){
		.ops = &xsk_ops,
		.pool = opts->pool,
		.ifindex = opts->ifindex,
		.queue = opts->queue,
		.index = opts->index,
	};
	err = fs_port_xsk_setup(x, opts);
	if (err) {
		fs_port_xsk_teardown(x);
		free(x);
		return err;
	}
	x->to_fill = opts->fill;
	refill(x);
	*out = &x->port;
	return 0;
}
