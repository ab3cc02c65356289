// SPDX-License-Identifier: BSD-2-Clause
/*
 * tap.c - a port that records what passes it, both ways.
 *
 * Only frames that the inner port took are recorded. It may let go of them
 * at once, so the tap is one more holder while tx() runs.
 */
#include <errno.h>
#include <stdlib.h>

#include "port/pcap.h"

struct tap {
	struct fs_port port;
	struct fs_port *inner;
	struct fs_pcap *pcap;
	uint32_t iface;
	const uint64_t *now_ns;
};

static struct tap *to_tap(const struct fs_port *port)
{
	return container_of(port, struct tap, port);
}

static unsigned int tap_rx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct tap *t = to_tap(port);

	n = t->inner->ops->rx(t->inner, bufs, n);
	for (unsigned int i = 0; i < n; i++)
		fs_pcap_write(t->pcap, t->iface, *t->now_ns, bufs[i]->data, bufs[i]->len,
			      FS_PCAP_IN);
	return n;
}

static unsigned int tap_tx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct tap *t = to_tap(port);
	unsigned int taken, i;

	for (i = 0; i < n; i++)
		bufs[i]->holders++;
	taken = t->inner->ops->tx(t->inner, bufs, n);
	for (i = 0; i < n; i++) {
		if (i < taken)
			fs_pcap_write(t->pcap, t->iface, *t->now_ns, bufs[i]->data,
				      bufs[i]->len, FS_PCAP_OUT);
		fs_pool_put(bufs[i]);
	}
	return taken;
}

static bool tap_kick(struct fs_port *port)
{
	struct tap *t = to_tap(port);

	return t->inner->ops->kick(t->inner);
}

static void tap_reclaim(struct fs_port *port)
{
	struct tap *t = to_tap(port);

	if (t->inner->ops->reclaim)
		t->inner->ops->reclaim(t->inner);
}

static int tap_fd(const struct fs_port *port)
{
	const struct tap *t = to_tap(port);

	return t->inner->ops->fd(t->inner);
}

static uint64_t tap_next_ns(const struct fs_port *port)
{
	const struct tap *t = to_tap(port);

	return t->inner->ops->next_ns(t->inner);
}

static void tap_stats(struct fs_port *port, struct fs_port_stats *stats)
{
	struct tap *t = to_tap(port);

	t->inner->ops->stats(t->inner, stats);
}

static void tap_close(struct fs_port *port)
{
	struct tap *t = to_tap(port);

	t->inner->ops->close(t->inner);
	free(t);
}

static const struct fs_port_ops tap_ops = {
	.name = "tap",
	.rx = tap_rx,
	.tx = tap_tx,
	.kick = tap_kick,
	.reclaim = tap_reclaim,
	.fd = tap_fd,
	.next_ns = tap_next_ns,
	.stats = tap_stats,
	.close = tap_close,
};

int fs_port_tap_open(struct fs_port **out, struct fs_port *inner, struct fs_pcap *pcap,
		     const char *name, const uint64_t *now_ns)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->port = *inner;
	t->port.ops = &tap_ops;
	t->inner = inner;
	t->pcap = pcap;
	t->iface = fs_pcap_iface(pcap, name);
	t->now_ns = now_ns;
	*out = &t->port;
	return 0;
}
