// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/lib/hand.h"
#include "tests/lib/must.h"

enum {
	RING = 64,
};

struct hand {
	struct fs_port port;
	hand_sent_fn *sent;
	void *ctx;
	bool keep, lazy;
	unsigned int n_kept, n_rx;
	struct fs_buf *kept[RING];
	struct fs_buf *rxq[RING];
	struct fs_port_stats stats;
};

static struct hand *to_hand(const struct fs_port *port)
{
	return container_of(port, struct hand, port);
}

static void let_go(struct hand *h)
{
	while (h->n_kept)
		fs_pool_put(h->kept[--h->n_kept]);
}

static unsigned int hand_rx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct hand *h = to_hand(port);

	if (!h->keep && !(h->lazy && h->n_rx))
		let_go(h);
	n = MIN(n, h->n_rx);
	for (unsigned int i = 0; i < n; i++) {
		bufs[i] = h->rxq[i];
		fs_buf_move(bufs[i], FS_BUF_FILL, FS_BUF_RX);
	}
	h->n_rx -= n;
	memmove(h->rxq, h->rxq + n, h->n_rx * sizeof(*h->rxq));
	return n;
}

static unsigned int hand_tx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct hand *h = to_hand(port);

	n = MIN(n, RING - h->n_kept);
	for (unsigned int i = 0; i < n; i++) {
		struct fs_buf *buf = bufs[i];

		must(buf->len && buf->data >= buf->area &&
		     buf->data + buf->len <= buf->area + buf->room);
		buf->port = port->index;
		h->sent(h->ctx, buf->data, buf->len);
		h->kept[h->n_kept++] = buf;
	}
	return n;
}

static bool hand_kick(struct fs_port *port)
{
	(void)port;
	return false;
}

static void hand_reclaim(struct fs_port *port)
{
	if (!to_hand(port)->keep)
		let_go(to_hand(port));
}

static int hand_fd(const struct fs_port *port)
{
	(void)port;
	return -1;
}

static uint64_t hand_next_ns(const struct fs_port *port)
{
	return to_hand(port)->n_rx ? 0 : FS_NEVER;
}

static void hand_stats(struct fs_port *port, struct fs_port_stats *stats)
{
	*stats = to_hand(port)->stats;
}

static void hand_close(struct fs_port *port)
{
	struct hand *h = to_hand(port);

	let_go(h);
	while (h->n_rx)
		fs_pool_put(h->rxq[--h->n_rx]);
	free(h);
}

static const struct fs_port_ops hand_ops = {
	.name = "hand",
	.rx = hand_rx,
	.tx = hand_tx,
	.kick = hand_kick,
	.reclaim = hand_reclaim,
	.fd = hand_fd,
	.next_ns = hand_next_ns,
	.stats = hand_stats,
	.close = hand_close,
};

struct fs_port *hand_open(struct fs_pool *pool, uint32_t ifindex, hand_sent_fn *sent, void *ctx)
{
	struct hand *h = calloc(1, sizeof(*h));

	must(h);
	h->port = (struct fs_port){ .ops = &hand_ops, .pool = pool, .ifindex = ifindex };
	h->sent = sent;
	h->ctx = ctx;
	return &h->port;
}

bool hand_put(struct fs_port *port, const uint8_t *frame, uint32_t len)
{
	struct hand *h = to_hand(port);
	struct fs_buf *buf = NULL;

	must(len <= port->pool->chunk_size - FS_POOL_XDP_HEADROOM);
	if (h->n_rx < RING)
		buf = fs_pool_take(port->pool, FS_BUF_FILL);
	if (!buf) {
		h->stats.rx_drop_no_frame++;
		return false;
	}
	buf->data = buf->area + FS_POOL_XDP_HEADROOM;
	buf->len = len;
	buf->port = port->index;
	buf->ifindex = port->ifindex;
	memcpy(buf->data, frame, len);
	h->rxq[h->n_rx++] = buf;
	return true;
}

void hand_keep(struct fs_port *port, bool keep)
{
	to_hand(port)->keep = keep;
}

void hand_be_lazy(struct fs_port *port)
{
	to_hand(port)->lazy = true;
}
