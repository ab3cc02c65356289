// SPDX-License-Identifier: BSD-2-Clause
/*
 * xmit.c - a segment becomes a frame: headers are written in front of the
 * payload, in the frame that holds it, and the frame is queued for its port.
 *
 * A frame of the send queue has two holders while it is on its way: the
 * connection and the port. Its headers are not touched before the port has
 * let go, for the NIC may be reading them. What is not in a frame is
 * copied into one, which is the port's alone.
 *
 * An unresolved neighbour costs no segment: the finished frame waits, only
 * its Ethernet header is missing (fs_tcp_wait_over).
 */
#include <errno.h>

#include "base/ip.h"
#include "tcp/conn.h"

enum {
	ECT_0 = 2,
};

/* Of a segment that is no connection's. */
static const struct fs_tcp_way any_way = { .port = UINT8_MAX, .ttl = FS_TCP_TTL_DEFAULT };

static const struct fs_dst *route(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
				  uint32_t scope)
{
	return fs_net_dst_from(table->host->net, id->family, id->remote, id->local, scope,
			       table->host->now_ns);
}

/* 0: frames can go there, at least after the neighbour has answered. */
static int usable(const struct fs_dst *dst)
{
	switch (dst->state) {
	case FS_DST_READY:
	case FS_DST_WAIT:
		return 0;
	case FS_DST_KERNEL:
		return -EOPNOTSUPP;
	default:
		return dst->error;
	}
}

static void put_headers(struct fs_buf *buf, const struct fs_tcp_flow_id *id,
			const struct fs_wire_tcp *seg, const struct fs_dst *dst,
			struct fs_tcp_way way)
{
	const uint16_t header_len = fs_wire_tcp_header_len(&seg->opts);
	const struct fs_wire_ip ip = {
		.src = id->local,
		.dst = id->remote,
		.l4_len = (uint16_t)(header_len + seg->payload_len),
		.proto = FS_IPPROTO_TCP,
		.tos = way.tos,
		.ttl = way.ttl,
	};
	uint8_t *p = buf->data - header_len;

	fs_wire_put_tcp(p, seg, fs_wire_ip_pseudo(&ip, id->family));
	p = fs_net_put_headers(p, &ip, dst);
	buf->len = (uint32_t)(buf->data - p) + seg->payload_len;
	buf->data = p;
}

/*
 * The frame goes, or waits for its neighbour: one holder of it is taken over.
 * On an error it is as it was.
 */
static int emit(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id, struct fs_buf *buf,
		const struct fs_wire_tcp *seg, const struct fs_dst *dst, struct fs_tcp_way way)
{
	struct fs_host *host = table->host;
	const int port = fs_host_port_for(host, dst->ifindex, way.port);
	uint8_t *data = buf->data;

	if (unlikely(port < 0))
		return -EOPNOTSUPP;
	if (unlikely(!fs_host_has_room(host, port)))
		return -EAGAIN;
	put_headers(buf, id, seg, dst, way);
	if (likely(dst->state == FS_DST_READY)) {
		fs_host_emit(host, port, buf);
	} else if (!fs_net_wait(host->net, dst, buf, host->now_ns)) {
		buf->l2_len = FS_ETH_LEN;
		buf->ifindex = dst->scope_ifindex;
	} else {
		buf->data = data;
		buf->len = seg->payload_len;
		return -EAGAIN;
	}
	host->stats.tx_tcp++;
	return 0;
}

ts32 fs_tcp_xmit_tsval(const struct fs_tcp *tcp)
{
	return (ts32){ fs_tcp_ts_clock(fs_tcp_now(tcp)) + tcp->ts_offset };
}

static void add_timestamps(const struct fs_tcp *tcp, struct fs_wire_tcp *seg)
{
	if (!fs_tcp_has(tcp, FS_TCP_TS_OK))
		return;
	seg->opts.has |= FS_TCP_OPT_TS;
	seg->opts.ts_val = fs_tcp_xmit_tsval(tcp);
	seg->opts.ts_ecr = tcp->ts_recent;
}

/* What every segment of a synchronized connection says. */
static void fill(struct fs_tcp *tcp, struct fs_wire_tcp *seg, uint8_t flags, seq32 seq)
{
	seg->src_port = tcp->flow.id.local_port;
	seg->dst_port = tcp->flow.id.remote_port;
	seg->seq = seq;
	seg->ack = tcp->flow.rcv_nxt;
	seg->flags = flags | FS_TCP_F_ACK;
	seg->window = (uint16_t)(fs_tcp_window_tell(tcp) >> tcp->rcv_wscale);
	if (fs_tcp_has(tcp, FS_TCP_ECE_DUE))
		seg->flags |= FS_TCP_F_ECE;
	add_timestamps(tcp, seg);
}

/* The peer knows now all that we have received. */
static void acked(struct fs_tcp *tcp)
{
	tcp->flags &= ~(uint32_t)FS_TCP_ACK_NOW;
	tcp->rcv_acked = tcp->flow.rcv_nxt;
	fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_DELACK);
}

static void follow_path(struct fs_tcp *tcp, const struct fs_dst *dst)
{
	if (unlikely(dst->mtu != tcp->path_mss + fs_tcp_headers_len(tcp->flow.id.family))) {
		fs_tcp_conn_set_mss(tcp, dst->mtu);
		fs_tcp_cc_set_smss(&tcp->cc, tcp->mss);
	}
}

static struct fs_tcp_way data_way(struct fs_tcp *tcp, struct fs_wire_tcp *wire, bool again)
{
	struct fs_tcp_way way = tcp->way;

	if (!fs_tcp_has(tcp, FS_TCP_ECN_OK) || again)
		return way;	/* RFC 3168 6.1.5: never on a retransmission */
	if (fs_tcp_has(tcp, FS_TCP_CWR_DUE))
		wire->flags |= FS_TCP_F_CWR;
	tcp->flags &= ~(uint32_t)FS_TCP_CWR_DUE;
	way.tos |= ECT_0;
	return way;
}

/* Of what is not in a frame. NULL: there is no frame for it now, or no room on the way out. */
static struct fs_buf *copy_to_frame(struct fs_tcp *tcp, const struct fs_buf *buf,
				    const struct fs_tcp_seg *seg, const struct fs_dst *dst)
{
	struct fs_host *host = fs_tcp_host(tcp);
	const int port = fs_host_port_for(host, dst->ifindex, tcp->way.port);
	struct fs_buf *frame;

	if ((port >= 0 && !fs_host_has_room(host, port)) || !fs_pool_has_spare(host->pool))
		return NULL;
	frame = fs_pool_take(host->pool, FS_BUF_TX);
	if (!frame)
		return NULL;
	frame->data = frame->area + FS_POOL_HEADROOM;
	frame->flags = 0;
	memcpy(frame->data, buf->area + seg->payload_off, seg->len);
	return frame;
}

/* What goes out for it, held once more; or NULL. */
static struct fs_buf *frame_of(struct fs_tcp *tcp, struct fs_buf *buf, const struct fs_dst *dst)
{
	const struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	struct fs_buf *frame = buf;

	if (likely(buf->kind == FS_BUF_FRAME)) {
		buf->holders++;
		buf->data = buf->area + seg->payload_off;
	} else {
		frame = copy_to_frame(tcp, buf, seg, dst);
	}
	if (frame)
		frame->len = seg->len;
	return frame;
}

int fs_tcp_xmit_data(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	struct fs_buf *frame;
	const bool again = fs_seq_before(seg->seq, tcp->flow.snd_nxt);
	struct fs_wire_tcp wire = { .payload_len = seg->len };
	const struct fs_dst *dst;
	uint8_t flags = seg->flags & FS_TCP_SEG_FIN ? FS_TCP_F_FIN : 0;
	struct fs_tcp_way way;
	int err;

	if (!fs_host_has_left(fs_tcp_host(tcp), buf))
		return -EAGAIN;
	dst = route(tcp->table, &tcp->flow.id, tcp->flow.scope);
	err = usable(dst);
	if (unlikely(err))
		return err;
	follow_path(tcp, dst);
	if (unlikely(seg->len > tcp->mss))
		return -EMSGSIZE;
	if (buf == tcp->sendq_tail || seg->len < tcp->mss)
		flags |= FS_TCP_F_PSH;
	frame = frame_of(tcp, buf, dst);
	if (unlikely(!frame))
		return -EAGAIN;
	fill(tcp, &wire, flags, seg->seq);
	way = data_way(tcp, &wire, again);
	err = emit(tcp->table, &tcp->flow.id, frame, &wire, dst, way);
	if (err) {
		fs_pool_put(frame);
		return err;
	}
	seg->tx_ns = fs_tcp_now(tcp);
	tcp->last_tx_ns = seg->tx_ns;
	/* SACK blocks are for a bare ACK beside it: here they would cost payload. */
	if (!tcp->ooo)
		acked(tcp);
	return 0;
}

static struct fs_buf *take_frame(struct fs_host *host)
{
	struct fs_buf *buf = fs_pool_take(host->pool, FS_BUF_TX);

	if (unlikely(!buf)) {
		host->stats.tx_drop_no_frame++;
		return NULL;
	}
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = 0;
	buf->flags = 0;
	return buf;
}

static int send_frame(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
		      struct fs_buf *buf, const struct fs_wire_tcp *wire, uint32_t scope,
		      struct fs_tcp_way way)
{
	const struct fs_dst *dst = route(table, id, scope);
	int err = usable(dst);

	if (!err)
		err = emit(table, id, buf, wire, dst, way);
	if (err)
		fs_pool_put(buf);
	return err;
}

/* Nobody keeps such a segment to send it again. */
static void count_drop(struct fs_stack_stats *stats, int err)
{
	if (err == -EAGAIN)
		stats->tx_drop_no_frame++;
	else if (err == -ENETDOWN)
		stats->tx_drop_link_down++;
	else
		stats->tx_drop_no_route++;
}

int fs_tcp_xmit_bare(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
		     struct fs_wire_tcp *seg, uint32_t scope)
{
	struct fs_buf *buf = take_frame(table->host);
	int err;

	if (!buf)
		return -ENOBUFS;
	seg->src_port = id->local_port;
	seg->dst_port = id->remote_port;
	if (!fs_ip_needs_scope(id->family, id->remote))
		scope = 0;
	err = send_frame(table, id, buf, seg, scope, any_way);
	if (unlikely(err))
		count_drop(&table->host->stats, err);
	return err;
}

int fs_tcp_xmit_probe(struct fs_tcp *tcp, seq32 seq)
{
	struct fs_buf *buf = take_frame(fs_tcp_host(tcp));
	struct fs_wire_tcp wire = { 0 };
	int err;

	if (!buf)
		return -ENOBUFS;
	fill(tcp, &wire, 0, seq);
	if (tcp->ooo)
		fs_tcp_ooo_sacks(tcp, &wire.opts);
	err = send_frame(tcp->table, &tcp->flow.id, buf, &wire, tcp->flow.scope, tcp->way);
	if (!err)
		acked(tcp);
	return err;
}

/*
 * A peer short of memory may have shrunk its window below what was sent. It
 * takes nothing beyond (RFC 9293 3.10.7.4), no ACK either: with both ends so, neither
 * would ever hear of the other's. Less than a unit of its scale is rounding.
 */
static seq32 acceptable_seq(const struct fs_tcp *tcp)
{
	const seq32 end = fs_seq_add(tcp->snd_una, tcp->snd_wnd);

	if (!fs_seq_after(tcp->flow.snd_nxt, end) ||
	    fs_seq_span(end, tcp->flow.snd_nxt) < 1u << tcp->snd_wscale)
		return tcp->flow.snd_nxt;
	return end;
}

int fs_tcp_xmit_ack(struct fs_tcp *tcp)
{
	return fs_tcp_xmit_probe(tcp, acceptable_seq(tcp));
}

void fs_tcp_xmit_rst(struct fs_tcp *tcp)
{
	struct fs_wire_tcp wire = {
		.flags = FS_TCP_F_RST | FS_TCP_F_ACK,
		.seq = tcp->flow.snd_nxt,
		.ack = tcp->flow.rcv_nxt,
	};

	add_timestamps(tcp, &wire);
	if (!fs_tcp_xmit_bare(tcp->table, &tcp->flow.id, &wire, tcp->flow.scope))
		fs_tcp_host(tcp)->stats.tx_tcp_rst++;
}

static void syn_options(struct fs_tcp *tcp, struct fs_wire_tcp *wire, bool answers)
{
	struct fs_wire_tcp_opts *o = &wire->opts;

	o->has = FS_TCP_OPT_MSS;
	o->mss = (uint16_t)MIN((uint32_t)tcp->path_mss,
			       fs_tcp_frame_room(fs_tcp_host(tcp)->pool));
	if (!answers) {
		o->has |= FS_TCP_OPT_WSCALE | FS_TCP_OPT_SACK_OK | FS_TCP_OPT_TS;
	} else {
		if (tcp->rcv_wscale || tcp->snd_wscale)
			o->has |= FS_TCP_OPT_WSCALE;
		if (fs_tcp_has(tcp, FS_TCP_SACK_OK))
			o->has |= FS_TCP_OPT_SACK_OK;
		if (fs_tcp_has(tcp, FS_TCP_TS_OK))
			o->has |= FS_TCP_OPT_TS;
	}
	o->wscale = tcp->rcv_wscale;
	if (o->has & FS_TCP_OPT_TS) {
		o->ts_val = fs_tcp_xmit_tsval(tcp);
		o->ts_ecr = answers ? tcp->ts_recent : (ts32){ 0 };
	}
}

/* RFC 3168 6.1.1; not again when it was lost, perhaps because of these bits (6.1.1.1). */
static uint8_t syn_ecn(const struct fs_tcp *tcp, bool answers)
{
	if (answers)
		return fs_tcp_has(tcp, FS_TCP_ECN_OK) ? FS_TCP_F_ECE : 0;
	if (fs_tcp_has(tcp, FS_TCP_ECN_OK) && !tcp->retries)
		return FS_TCP_F_ECE | FS_TCP_F_CWR;
	return 0;
}

/* The payload of the first segment rides along: RFC 7413 4.2.1. */
static void add_fastopen(struct fs_tcp *tcp, struct fs_buf *buf, struct fs_wire_tcp *wire)
{
	const struct fs_tcp_seg *seg;

	if (!fs_tcp_has(tcp, FS_TCP_ACTIVE)) {
		fs_tcp_listener_fastopen(tcp, &wire->opts);
		return;
	}
	if (!fs_tcp_connect_fastopen(tcp, &wire->opts) || !tcp->sendq)
		return;
	seg = fs_tcp_seg(tcp->sendq);
	wire->payload_len = (uint16_t)MIN((uint32_t)seg->len,
		MIN((uint32_t)tcp->path_mss, (uint32_t)tcp->peer_mss) -
		fs_wire_tcp_opts_len(&wire->opts));
	memcpy(buf->data, tcp->sendq->area + seg->payload_off, wire->payload_len);
	buf->len = wire->payload_len;
	tcp->syn_end = fs_seq_max(tcp->syn_end,
				  fs_seq_add(tcp->iss, 1u + wire->payload_len));
}

/* SYN in SYN-SENT, SYN-ACK in SYN-RCVD; windows are not scaled here (RFC 7323 2.2). */
int fs_tcp_xmit_syn(struct fs_tcp *tcp)
{
	const bool answers = tcp->flow.state == FS_TCP_SYN_RCVD;
	struct fs_buf *buf = take_frame(fs_tcp_host(tcp));
	struct fs_wire_tcp wire = {
		.src_port = tcp->flow.id.local_port,
		.dst_port = tcp->flow.id.remote_port,
		.seq = tcp->iss,
		.flags = FS_TCP_F_SYN,
	};

	if (!buf)
		return -ENOBUFS;
	tcp->last_tx_ns = fs_tcp_now(tcp);
	wire.window = (uint16_t)MIN(fs_tcp_window_now(tcp), UINT16_MAX);
	if (answers) {
		wire.flags |= FS_TCP_F_ACK;
		wire.ack = tcp->flow.rcv_nxt;
		tcp->rcv_adv = fs_seq_add(tcp->flow.rcv_nxt, wire.window);
		tcp->rcv_acked = tcp->flow.rcv_nxt;
	}
	wire.flags |= syn_ecn(tcp, answers);
	syn_options(tcp, &wire, answers);
	if (fs_tcp_has(tcp, FS_TCP_FASTOPEN))
		add_fastopen(tcp, buf, &wire);
	acked(tcp);
	return send_frame(tcp->table, &tcp->flow.id, buf, &wire, tcp->flow.scope, tcp->way);
}

static int find_hop(struct fs_tcp_table *table, struct fs_buf *buf, int *port)
{
	struct fs_host *host = table->host;
	const uint8_t *l3 = buf->data + FS_ETH_LEN;
	const bool four = l3[0] >> 4 == 4;
	uint8_t local[16] = { 0 }, remote[16] = { 0 };
	const struct fs_dst *dst;

	memcpy(local, l3 + (four ? 12 : 8), four ? 4 : 16);
	memcpy(remote, l3 + (four ? 16 : 24), four ? 4 : 16);
	dst = fs_net_dst_from(host->net, four ? AF_INET : AF_INET6, remote, local,
			      buf->ifindex, host->now_ns);
	if (dst->state != FS_DST_READY)
		return -EHOSTUNREACH;
	*port = fs_host_port_for(host, dst->ifindex, 0);
	memcpy(buf->data, dst->eth, FS_ETH_LEN);
	return *port < 0 ? -EHOSTUNREACH : 0;
}

/* The kernel has asked for the neighbour long enough: a connection ends before it began. */
static void unreachable(struct fs_tcp_table *table, const struct fs_buf *buf, int error)
{
	const uint8_t *l3 = buf->data + FS_ETH_LEN;
	struct fs_tcp_flow_id id = { .family = l3[0] >> 4 == 4 ? AF_INET : AF_INET6 };
	struct fs_wire_frame f;
	struct fs_wire_tcp seg;
	struct fs_tcp_flow *flow;

	if (fs_wire_parse_ip(l3, buf->len - FS_ETH_LEN, id.family, &f) != FS_WIRE_OK ||
	    fs_wire_tcp_parse(l3, &f, &seg) != FS_WIRE_OK)
		return;
	memcpy(id.local, f.src, f.addr_len);
	memcpy(id.remote, f.dst, f.addr_len);
	id.local_port = seg.src_port;
	id.remote_port = seg.dst_port;
	flow = fs_tcp_flow_find(&table->flows, &id);
	if (!flow || flow->state == FS_TCP_TIME_WAIT)
		return;
	if (flow->state == FS_TCP_SYN_SENT)
		fs_tcp_conn_end(container_of(flow, struct fs_tcp, flow), error);
	else
		container_of(flow, struct fs_tcp, flow)->soft_error = error;
}

void fs_tcp_wait_over(struct fs_tcp_table *table, struct fs_buf *buf, int error)
{
	int port = 0;

	buf->l2_len = 0;
	if (!error)
		error = find_hop(table, buf, &port);
	if (!error) {
		fs_host_emit(table->host, port, buf);
		return;
	}
	table->host->stats.tx_drop_no_neigh++;
	unreachable(table, buf, error);
	fs_pool_put(buf);
}
