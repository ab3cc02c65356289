// SPDX-License-Identifier: BSD-2-Clause
/*
 * rx.c - datagrams from the wire to the endpoint's queue, and from there,
 * lent, to the application. Every drop has its counter.
 */
#include <errno.h>
#include <netinet/in.h>

#include "base/ip.h"
#include "udp/udp_priv.h"

static void drop(struct fs_buf *buf, uint64_t *counter)
{
	(*counter)++;
	fs_pool_put(buf);
}

static void set_addr(struct fs_addr *addr, const struct fs_wire_frame *f, const uint8_t *ip,
		     uint16_t port, uint32_t ifindex)
{
	*addr = (struct fs_addr){ .family = f->family, .port = port };
	if (f->addr_len == 4) {
		memcpy(addr->ip, ip, 4);
		return;
	}
	memcpy(addr->ip, ip, 16);
	if (fs_ip6_is_link_local(ip))
		addr->scope = ifindex;
}

bool fs_udp_deliver(struct fs_udp *udp, struct fs_buf *buf)
{
	if (udp->tail - udp->head > udp->queue_mask)
		return false;
	udp->queue[udp->tail++ & udp->queue_mask] = buf;
	udp->ready.news |= FS_NEWS_READABLE;
	fs_host_ready(udp->host, &udp->ready);
	return true;
}

static bool from_peer(const struct fs_udp *udp, const struct fs_buf *buf)
{
	return !udp->connected || (udp->remote.port == buf->remote.port &&
				   udp->remote.family == buf->remote.family &&
				   !memcmp(udp->remote.ip, buf->remote.ip, 16));
}

void fs_udp_rx(struct fs_udp_table *table, struct fs_buf *buf, const struct fs_wire_frame *f,
	       bool partial_ok)
{
	struct fs_host *host = table->host;
	struct fs_wire_udp u;
	struct fs_udp *udp;

	if (fs_wire_udp_parse(buf->data, f, &u) != FS_WIRE_OK) {
		drop(buf, &host->stats.rx_drop_short);
		return;
	}
	buf->flags = 0;
	if (host->csum_mode != FS_CSUM_OFF &&
	    !fs_host_csum_ok(host, buf, fs_wire_udp_csum(buf->data, f, &u), partial_ok)) {
		drop(buf, &host->stats.rx_drop_csum);
		return;
	}
	set_addr(&buf->remote, f, f->src, u.src_port, buf->ifindex);
	set_addr(&buf->local, f, f->dst, u.dst_port, buf->ifindex);
	udp = fs_udp_find(table, f->family, buf->local.ip, u.dst_port);
	if (!udp || !from_peer(udp, buf)) {
		drop(buf, &host->stats.rx_drop_no_endpoint);
		return;
	}
	buf->data += u.payload_off;
	buf->len = u.payload_len;
	buf->tos = f->tos;
	buf->ttl = f->ttl;
	if ((f->tos & 3) == 3)
		buf->flags |= FS_BUF_ECN_CE;
	if (!fs_udp_deliver(udp, buf)) {
		drop(buf, &host->stats.rx_drop_queue_full);
		return;
	}
	host->stats.rx_udp++;
}

unsigned int fs_udp_recv(struct fs_udp *udp, struct fs_buf **bufs, unsigned int n)
{
	unsigned int ready = udp->tail - udp->head;

	n = MIN(n, ready);
	for (unsigned int i = 0; i < n; i++) {
		bufs[i] = udp->queue[udp->head++ & udp->queue_mask];
		fs_buf_move(bufs[i], FS_BUF_RX, FS_BUF_LENT);
	}
	return n;
}

void fs_udp_icmp(struct fs_udp_table *table, const struct fs_wire_icmp_error *e)
{
	struct fs_udp *udp = fs_udp_find(table, e->family, e->local, e->local_port);

	if (!udp)
		return;
	/* RFC 1122 4.1.3.3, and as the kernel does: only a connected socket hears of it. */
	if (!udp->connected || udp->remote.port != e->remote_port ||
	    memcmp(udp->remote.ip, e->remote, 16))
		return;
	udp->ready.error = e->error;
	fs_host_ready(udp->host, &udp->ready);
}
