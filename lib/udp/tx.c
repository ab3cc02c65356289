// SPDX-License-Identifier: BSD-2-Clause
/*
 * tx.c - datagrams from the application to a port's queue.
 *
 * The headers are written in front of the payload, in the frame that holds
 * it: nothing is copied. What the fast path cannot send (larger than the
 * path's MTU, loopback, an interface that is not ours) goes by the twin.
 *
 *	area          data before           data after send
 *	| headroom ... | payload |    ->    | eth | ip | udp | payload |
 */
#include <errno.h>
#include <netinet/in.h>

#include "base/ip.h"
#include "udp/udp_priv.h"

enum {
	HOP_LIMIT = 64,
};

static uint32_t headers_len(uint8_t family)
{
	return FS_ETH_LEN + (family == AF_INET ? FS_IP4_LEN : FS_IP6_LEN) + FS_UDP_LEN;
}

/* Write UDP, IP and Ethernet headers in front of the payload. */
static void put_headers(struct fs_buf *buf, const struct fs_dst *dst)
{
	const uint16_t l4_len = (uint16_t)(FS_UDP_LEN + buf->len);
	const struct fs_wire_ip ip = {
		.src = buf->local.ip,
		.dst = buf->remote.ip,
		.l4_len = l4_len,
		.proto = FS_IPPROTO_UDP,
		.ttl = HOP_LIMIT,
	};
	uint8_t *p = buf->data - FS_UDP_LEN;

	fs_wire_put_udp(p, buf->local.port, buf->remote.port, l4_len,
			fs_wire_ip_pseudo(&ip, buf->remote.family));
	p = fs_net_put_headers(p, &ip, dst);
	buf->len += (uint32_t)(buf->data - p);
	buf->data = p;
}

/* Fill in what the application left open. */
static int complete_addrs(struct fs_udp *udp, struct fs_buf *buf)
{
	if (buf->remote.family == AF_UNSPEC) {
		if (!udp->connected)
			return -EDESTADDRREQ;
		buf->remote = udp->remote;
	}
	if (!buf->remote.port || fs_ip_is_any(buf->remote.ip))
		return -EDESTADDRREQ;
	if (udp->local.family != AF_UNSPEC && udp->local.family != buf->remote.family)
		return -EAFNOSUPPORT;
	/* The address of a received buffer may belong to another endpoint; the
	 * port is always ours. */
	if (buf->local.family == AF_UNSPEC)
		buf->local = udp->local;
	else if (buf->local.family != buf->remote.family)
		return -EAFNOSUPPORT;
	buf->local.family = buf->remote.family;
	buf->local.port = udp->local.port;
	return 0;
}

static int complete_source(struct fs_host *host, struct fs_buf *buf, const struct fs_dst *dst)
{
	if (fs_ip_is_any(buf->local.ip)) {
		memcpy(buf->local.ip, dst->src, 16);
		return 0;
	}
	return fs_host_is_local(host, buf->local.family, buf->local.ip) ?
		0 : -EADDRNOTAVAIL;
}

static int send_by_twin(struct fs_udp *udp, struct fs_buf *buf)
{
	int err = fs_udp_twin_send(udp, buf);

	if (err)
		return err;
	udp->host->stats.tx_kernel++;
	fs_pool_put(buf);
	return 0;
}

static int send_fast(struct fs_udp *udp, struct fs_buf *buf, const struct fs_dst *dst)
{
	struct fs_host *host = udp->host;
	int port = fs_host_port_for(host, dst->ifindex, buf->port);

	if (port < 0 || buf->kind == FS_BUF_HEAP ||
	    buf->len + headers_len(buf->remote.family) - FS_ETH_LEN > dst->mtu ||
	    buf->data - buf->area < (ptrdiff_t)headers_len(buf->remote.family))
		return send_by_twin(udp, buf);
	if (unlikely(!fs_host_has_room(host, port)))
		return -EAGAIN;
	put_headers(buf, dst);
	buf->state = FS_BUF_TX;
	host->stats.tx_udp++;
	fs_host_emit(host, port, buf);
	return 0;
}

/* Until the neighbour answers the buffer is TX, without headers. */
static int wait_for_neighbour(struct fs_udp *udp, struct fs_buf *buf, const struct fs_dst *dst)
{
	struct fs_host *host = udp->host;

	if (buf->kind == FS_BUF_HEAP || fs_host_port_for(host, dst->ifindex, buf->port) < 0)
		return send_by_twin(udp, buf);
	if (fs_net_wait(host->net, dst, buf, host->now_ns)) {
		host->stats.tx_again_neigh++;
		return -EAGAIN;
	}
	buf->state = FS_BUF_TX;
	return 0;
}

static int send_or_wait(struct fs_udp *udp, struct fs_buf *buf, const struct fs_dst *dst)
{
	return dst->state == FS_DST_READY ? send_fast(udp, buf, dst) :
					    wait_for_neighbour(udp, buf, dst);
}

/* TCP lends what is on the heap while frames are short; it goes as from a frame. */
static int send_in_frame(struct fs_udp *udp, struct fs_buf *buf, const struct fs_dst *dst)
{
	struct fs_buf *frame = fs_pool_take(udp->host->pool, FS_BUF_STAGED);
	int err;

	if (!frame)
		return -EAGAIN;
	frame->data = frame->area + FS_POOL_HEADROOM;
	frame->len = buf->len;
	frame->flags = 0;
	frame->port = buf->port;
	frame->remote = buf->remote;
	frame->local = buf->local;
	memcpy(frame->data, buf->data, buf->len);
	err = send_or_wait(udp, frame, dst);
	fs_pool_put(err ? frame : buf);
	return err;
}

static bool fits_in_frame(const struct fs_buf *buf)
{
	return buf->kind == FS_BUF_HEAP && buf->len <= buf->pool->chunk_size - FS_POOL_HEADROOM;
}

static int send_one(struct fs_udp *udp, struct fs_buf *buf)
{
	struct fs_host *host = udp->host;
	const struct fs_dst *dst;
	int err;

	if (buf->len > FS_UDP_PAYLOAD_MAX)
		return -EMSGSIZE;
	err = complete_addrs(udp, buf);
	if (err)
		return err;
	dst = fs_net_dst_from(host->net, buf->remote.family, buf->remote.ip, buf->local.ip,
			      buf->remote.scope, host->now_ns);
	err = complete_source(host, buf, dst);
	if (err)
		return err;
	switch (dst->state) {
	case FS_DST_READY:
	case FS_DST_WAIT:
		return unlikely(fits_in_frame(buf)) ? send_in_frame(udp, buf, dst) :
						      send_or_wait(udp, buf, dst);
	case FS_DST_KERNEL:
		return send_by_twin(udp, buf);
	case FS_DST_LINK_DOWN:
		host->stats.tx_drop_link_down++;
		return dst->error;
	default:
		host->stats.tx_drop_no_route++;
		return dst->error;
	}
}

int fs_udp_send(struct fs_udp *udp, struct fs_buf **bufs, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n; i++) {
		assert(bufs[i]->state == FS_BUF_LENT || bufs[i]->state == FS_BUF_STAGED);
		err = send_one(udp, bufs[i]);
		if (err)
			break;
	}
	if (err == -EAGAIN)
		udp->host->stats.tx_full++;
	return i ? (int)i : err;
}

static void give_up(struct fs_udp_table *table, struct fs_buf *buf, int error)
{
	struct fs_udp *udp = fs_udp_find(table, buf->local.family, buf->local.ip,
					 buf->local.port);

	table->host->stats.tx_drop_no_neigh++;
	if (udp) {
		udp->ready.error = error;
		fs_host_ready(udp->host, &udp->ready);
	}
	fs_pool_put(buf);
}

void fs_udp_wait_over(struct fs_udp_table *table, struct fs_buf *buf, int error)
{
	struct fs_host *host = table->host;
	const struct fs_dst *dst;
	int port;

	if (error) {
		give_up(table, buf, error);
		return;
	}
	dst = fs_net_dst_from(host->net, buf->remote.family, buf->remote.ip, buf->local.ip,
			      buf->remote.scope, host->now_ns);
	port = dst->state == FS_DST_READY ?
		fs_host_port_for(host, dst->ifindex, buf->port) : -1;
	if (port < 0) {
		give_up(table, buf, -EHOSTUNREACH);
		return;
	}
	put_headers(buf, dst);
	host->stats.tx_udp++;
	fs_host_emit(host, port, buf);
}
