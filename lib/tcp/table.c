// SPDX-License-Identifier: BSD-2-Clause
/*
 * table.c - all connections of a stack: a segment's way to the one that takes
 * it, ICMP errors, and what happens between receiving and transmitting.
 */
#include <errno.h>
#include <stdlib.h>

#include "tcp/kernel.h"
#include "tcp/ooo.h"
#include "tcp/timewait.h"

enum {
	CONNS_MAX = 4 << 20,
};

/* Objects begin at a cache line. */
#define LINES(size)	(((size) + 63) / 64 * 64)

static void drop(struct fs_buf *buf, uint64_t *counter)
{
	(*counter)++;
	fs_pool_put(buf);
}

static void id_of(struct fs_tcp_flow_id *id, const struct fs_wire_frame *f,
		  const struct fs_wire_tcp *seg)
{
	memset(id, 0, sizeof(*id));
	id->family = f->family;
	id->local_port = seg->dst_port;
	id->remote_port = seg->src_port;
	memcpy(id->local, f->dst, f->addr_len);
	memcpy(id->remote, f->src, f->addr_len);
}

/* RFC 9293 3.10.7.1: nobody has this flow. */
static void stray(struct fs_tcp_table *table, const struct fs_tcp_rx *rx,
		  const struct fs_tcp_flow_id *id)
{
	struct fs_wire_tcp rst;

	table->host->stats.rx_drop_no_endpoint++;
	if (!fs_wire_tcp_reset(&rx->seg, &rst))
		return;
	if (!fs_tcp_xmit_bare(table, id, &rst, rx->buf->ifindex))
		table->host->stats.tx_tcp_rst++;
}

/* False: nobody wants it. */
static bool to_listener(struct fs_tcp_table *table, struct fs_tcp_rx *rx,
			const struct fs_tcp_flow_id *id, const seq32 *iss)
{
	struct fs_tcp_listener *listener = fs_tcp_listener_find(table, id->family, id->local,
								id->local_port);
	const uint8_t flags = rx->seg.flags & (FS_TCP_F_SYN | FS_TCP_F_ACK | FS_TCP_F_RST);

	if (!listener || !listener->open)
		return false;
	if (flags & FS_TCP_F_RST || !flags) {
		table->host->stats.rx_drop_state++;
		return true;
	}
	if (flags == FS_TCP_F_SYN) {
		fs_tcp_listener_syn(listener, rx, id, iss);
		return true;
	}
	return flags == FS_TCP_F_ACK && fs_tcp_listener_cookie(listener, rx, id);
}

static void demultiplex(struct fs_tcp_table *table, struct fs_tcp_rx *rx)
{
	struct fs_tcp_flow_id id;
	struct fs_tcp_flow *flow;
	seq32 iss, *reuse = NULL;

	id_of(&id, rx->frame, &rx->seg);
	flow = fs_tcp_flow_find(&table->flows, &id);
	if (flow && flow->state == FS_TCP_TIME_WAIT) {
		if (fs_tcp_timewait_rx(table, flow, rx, &iss)) {
			table->host->stats.rx_tcp++;
			return;
		}
		reuse = &iss;
		flow = NULL;
	}
	if (likely(flow)) {
		table->host->stats.rx_tcp++;
		fs_tcp_segment(container_of(flow, struct fs_tcp, flow), rx);
	} else if (to_listener(table, rx, &id, reuse)) {
		table->host->stats.rx_tcp++;
	} else {
		stray(table, rx, &id);
	}
}

void fs_tcp_rx(struct fs_tcp_table *table, struct fs_buf *buf, const struct fs_wire_frame *f,
	       bool partial_ok)
{
	struct fs_host *host = table->host;
	struct fs_tcp_rx rx = { .buf = buf, .frame = f, .ce = (f->tos & 3) == 3 };

	if (fs_wire_tcp_parse(buf->data, f, &rx.seg) != FS_WIRE_OK) {
		drop(buf, &host->stats.rx_drop_short);
		return;
	}
	buf->flags = 0;
	if (host->csum_mode != FS_CSUM_OFF &&
	    !fs_host_csum_ok(host, buf, fs_wire_tcp_csum(buf->data, f), partial_ok)) {
		drop(buf, &host->stats.rx_drop_csum);
		return;
	}
	rx.len = fs_wire_tcp_seg_len(&rx.seg);
	demultiplex(table, &rx);
	if (rx.buf)
		fs_pool_put(rx.buf);
}

/* RFC 5927 4.1: what it quotes must be outstanding. */
static bool plausible(const struct fs_tcp *tcp, const struct fs_wire_icmp_error *e)
{
	return fs_seq_after_eq(e->seq, tcp->snd_una) && fs_seq_before(e->seq, tcp->flow.snd_nxt);
}

/* RFC 9293 3.9.2.2: protocol or port unreachable, or a firewall said no (ICMPv6). */
static bool is_hard(int error)
{
	return error == -ECONNREFUSED || error == -ENOPROTOOPT || error == -EACCES;
}

void fs_tcp_icmp(struct fs_tcp_table *table, const struct fs_wire_icmp_error *e)
{
	struct fs_tcp_flow_id id = {
		.family = e->family, .local_port = e->local_port, .remote_port = e->remote_port,
	};
	struct fs_tcp_flow *flow;
	struct fs_tcp *tcp;

	memcpy(id.local, e->local, 16);
	memcpy(id.remote, e->remote, 16);
	flow = fs_tcp_flow_find(&table->flows, &id);
	if (!flow || flow->state == FS_TCP_TIME_WAIT)
		return;
	tcp = container_of(flow, struct fs_tcp, flow);
	if (!plausible(tcp, e))
		return;
	if (e->error == -EMSGSIZE) {
		fs_net_pmtu(table->host->net, e->family, e->remote, e->mtu, table->host->now_ns);
		fs_tcp_recovery_too_big(tcp);
		return;
	}
	/* Hard errors end what is being opened, others wait for a timeout (MUST-56). */
	if (flow->state == FS_TCP_SYN_SENT && is_hard(e->error))
		fs_tcp_conn_end(tcp, e->error);
	else
		tcp->soft_error = e->error;
}

/*
 * Nothing but an ACK is due, and the application is about to hear what it is
 * for: its answer can carry it. So it is with a request that came along with the
 * end of the handshake: the news was the connection, and those of the data are next.
 */
static bool awaits_answer(const struct fs_tcp *tcp)
{
	return tcp->ready.queued && tcp->ready.news & FS_NEWS_READABLE && tcp->rx_bytes &&
	       !tcp->unsent && !tcp->lost_bytes && !tcp->ooo && !fs_tcp_has(tcp, FS_TCP_SHUT_WR);
}

/* What has to wait for room is looked at again in the next round. */
void fs_tcp_flush(struct fs_tcp_table *table)
{
	struct fs_tcp *tcp = table->dirty, *next;

	table->dirty = NULL;
	table->dirty_tail = &table->dirty;
	for (; tcp; tcp = next) {
		next = tcp->dirty_next;
		tcp->flags &= ~(uint32_t)FS_TCP_DIRTY;
		if (awaits_answer(tcp))
			fs_tcp_dirty(tcp);
		else
			fs_tcp_output(tcp);
	}
}

uint64_t fs_tcp_run(struct fs_tcp_table *table)
{
	if (table->withheld && !fs_tcp_pressure(table))
		fs_tcp_window_pressure_over(table);
	return fs_tcp_ports_run(table->ports, table->host->now_ns);
}

int fs_tcp_table_open(struct fs_tcp_table **out, struct fs_host *host)
{
	struct fs_tcp_table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->host = host;
	table->wheel = &host->wheel;
	table->dirty_tail = &table->dirty;
	table->ended_tail = &table->ended;
	fs_tcp_secret_init(&table->secret, host->seed);
	fs_tcp_fastopen_init(&table->fastopen, host->seed);
	fs_slab_init(&table->conns, LINES(sizeof(struct fs_tcp)), CONNS_MAX);
	fs_slab_init(&table->timewaits, LINES(sizeof(struct fs_tcp_timewait)),
		     FS_TCP_TIMEWAITS_MAX);
	fs_slab_init(&table->ooos, LINES(sizeof(struct fs_tcp_ooo)), CONNS_MAX);
	err = fs_tcp_flows_init(&table->flows, host->seed);
	if (err)
		goto err_free;
	err = fs_tcp_ports_open(&table->ports, host);
	if (err)
		goto err_flows;
	*out = table;
	return 0;

err_flows:
	fs_tcp_flows_fini(&table->flows);
err_free:
	free(table);
	return err;
}

static void close_listeners(struct fs_tcp_table *table)
{
	for (int i = 0; i < FS_TCP_LISTEN_BUCKETS; i++) {
		while (table->listeners[0][i])
			fs_tcp_listener_free(table->listeners[0][i]);
		while (table->listeners[1][i])
			fs_tcp_listener_free(table->listeners[1][i]);
	}
}

bool fs_tcp_pending(const struct fs_tcp_table *table)
{
	return table->dirty;
}

/* In FIN-WAIT-2 the peer has everything, and a reset would spoil what it has not read yet. */
static void finish(struct fs_tcp *tcp)
{
	if (fs_tcp_has(tcp, FS_TCP_ORPHAN) && tcp->flow.state == FS_TCP_FIN_WAIT_2)
		fs_tcp_conn_end(tcp, 0);
	else
		fs_tcp_conn_abort(tcp);
}

bool fs_tcp_table_reset(struct fs_tcp_table *table, unsigned int n)
{
	struct fs_tcp_flow *flow;

	while (n-- && (flow = fs_tcp_flow_any(&table->flows, &table->reset_cursor))) {
		if (flow->state == FS_TCP_TIME_WAIT)
			fs_tcp_timewait_drop(table, flow);
		else
			finish(container_of(flow, struct fs_tcp, flow));
	}
	return table->flows.count;
}

void fs_tcp_table_close(struct fs_tcp_table *table)
{
	if (!table)
		return;
	while (fs_tcp_table_reset(table, UINT32_MAX))
		;
	while (table->ended)
		fs_tcp_conn_orphan(table->ended);
	fs_tcp_kernel_close_all(table);
	close_listeners(table);
	fs_tcp_ports_close(table->ports);
	fs_tcp_flows_fini(&table->flows);
	fs_slab_fini(&table->ooos);
	fs_slab_fini(&table->timewaits);
	fs_slab_fini(&table->conns);
	free(table);
}
