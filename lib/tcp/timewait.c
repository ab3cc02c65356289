// SPDX-License-Identifier: BSD-2-Clause
/*
 * timewait.c - TIME-WAIT (RFC 9293 3.10.7.4, RFC 6191, RFC 1337): answers a
 * FIN that comes again, keeps old segments from a new connection, and gives
 * way to one that cannot be mistaken for the old.
 *
 * For some seconds the same entry stands for a connection that has moved to the
 * kernel: what was steered here before the program knew of it must be answered by
 * nobody, least of all with a reset.
 */
#include <errno.h>

#include "tcp/timewait.h"

enum {
	REUSE_AFTER_TICKS = 100,	/* RFC 6191 from our side: timestamps tell them apart */
};

static struct fs_tcp_timewait *to_timewait(const struct fs_tcp_flow *flow)
{
	return container_of((struct fs_tcp_flow *)flow, struct fs_tcp_timewait, flow);
}

void fs_tcp_timewait_drop(struct fs_tcp_table *table, struct fs_tcp_flow *flow)
{
	struct fs_tcp_timewait *tw = to_timewait(flow);

	fs_timer_cancel(table->wheel, &tw->timer);
	fs_tcp_flow_del(&table->flows, flow);
	if (tw->listener)
		fs_tcp_listener_put(tw->listener);
	else
		fs_tcp_ports_put(table->ports, flow->id.family, flow->id.local,
				 flow->id.local_port, table->host->now_ns);
	fs_slab_put(&table->timewaits, tw);
}

static void expired(struct fs_timer *timer, uint64_t now_ns)
{
	struct fs_tcp_timewait *tw = container_of(timer, struct fs_tcp_timewait, timer);

	(void)now_ns;
	fs_tcp_timewait_drop(tw->table, &tw->flow);
}

static void start(struct fs_tcp_timewait *tw)
{
	fs_timer_arm(tw->table->wheel, &tw->timer, tw->table->host->now_ns +
		     (tw->moved ? FS_TCP_MOVED_NS : FS_TCP_TIMEWAIT_NS));
}

/* The connection ends; its port, or the listener's steering, goes on being held by @tw. */
static void replace(struct fs_tcp *tcp, struct fs_tcp_timewait *tw, bool moved)
{
	struct fs_tcp_table *table = tcp->table;

	*tw = (struct fs_tcp_timewait){
		.flow = tcp->flow,
		.table = table,
		.listener = tcp->listener,
		.ts_recent = tcp->ts_recent,
		.ts_offset = tcp->ts_offset,
		.ts_age = tcp->ts_recent_age,
		.ts_ok = fs_tcp_has(tcp, FS_TCP_TS_OK),
		.moved = moved,
		.timer.fn = expired,
	};
	tcp->listener = NULL;
	tcp->flags &= ~(uint32_t)FS_TCP_ACTIVE;
	fs_tcp_conn_end(tcp, 0);
	tw->flow.state = FS_TCP_TIME_WAIT;
	fs_tcp_flow_add(&table->flows, &tw->flow);
	if (!tw->listener)
		fs_tcp_ports_rest(table->ports, tw->flow.id.family, tw->flow.id.local,
				  tw->flow.id.local_port);
	start(tw);
}

/* Too many already: the connection just ends, and its port is free at once. */
void fs_tcp_timewait_enter(struct fs_tcp *tcp)
{
	struct fs_tcp_table *table = tcp->table;
	struct fs_tcp_timewait *tw = fs_slab_take(&table->timewaits);

	if (fs_tcp_has(tcp, FS_TCP_ACK_NOW))
		fs_tcp_xmit_ack(tcp);
	if (!tw) {
		table->host->stats.tcp_timewait_full++;
		fs_tcp_conn_end(tcp, 0);
		return;
	}
	replace(tcp, tw, false);
}

void fs_tcp_timewait_moved(struct fs_tcp *tcp, struct fs_tcp_timewait *tw)
{
	replace(tcp, tw, true);
}

static void send_ack(struct fs_tcp_timewait *tw)
{
	struct fs_wire_tcp ack = {
		.flags = FS_TCP_F_ACK,
		.seq = tw->flow.snd_nxt,
		.ack = tw->flow.rcv_nxt,
	};

	if (tw->ts_ok) {
		ack.opts.has = FS_TCP_OPT_TS;
		ack.opts.ts_val.raw = fs_tcp_ts_clock(tw->table->host->now_ns) + tw->ts_offset;
		ack.opts.ts_ecr = tw->ts_recent;
	}
	fs_tcp_xmit_bare(tw->table, &tw->flow.id, &ack, tw->flow.scope);
}

/* RFC 6191 2 and RFC 9293 3.10.7.4: it is younger by its timestamp or its number. */
static bool is_new_connection(const struct fs_tcp_timewait *tw, const struct fs_wire_tcp *seg)
{
	if ((seg->flags & (FS_TCP_F_SYN | FS_TCP_F_ACK | FS_TCP_F_RST)) != FS_TCP_F_SYN)
		return false;
	if (tw->ts_ok && seg->opts.has & FS_TCP_OPT_TS) {
		if (fs_ts_after(seg->opts.ts_val, tw->ts_recent))
			return true;
		if (!fs_ts_eq(seg->opts.ts_val, tw->ts_recent))
			return false;
	}
	return fs_seq_after(seg->seq, tw->flow.rcv_nxt);
}

static bool is_listened_to(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id)
{
	const struct fs_tcp_listener *l = fs_tcp_listener_find(table, id->family, id->local,
							       id->local_port);

	return l && l->open;
}

bool fs_tcp_timewait_rx(struct fs_tcp_table *table, struct fs_tcp_flow *flow,
			struct fs_tcp_rx *rx, seq32 *iss)
{
	struct fs_tcp_timewait *tw = to_timewait(flow);

	if (is_new_connection(tw, &rx->seg) && is_listened_to(table, &flow->id)) {
		/* Beyond all that the old connection can have sent. */
		*iss = fs_seq_add(flow->snd_nxt, UINT16_MAX + 2u);
		fs_tcp_timewait_drop(table, flow);
		return false;
	}
	if (tw->moved) {
		table->host->stats.rx_drop_moved++;
		return true;
	}
	/* RFC 1337: a reset must not end it early. Bare ACKs say nothing new. */
	if (rx->seg.flags & FS_TCP_F_RST || !rx->len) {
		table->host->stats.rx_drop_state++;
		return true;
	}
	if (rx->seg.flags & FS_TCP_F_FIN &&
	    fs_seq_eq(fs_seq_add(rx->seg.seq, rx->len), flow->rcv_nxt))
		start(tw);
	send_ack(tw);
	return true;
}

bool fs_tcp_timewait_reusable(struct fs_tcp_table *table, const struct fs_tcp_flow *flow)
{
	const struct fs_tcp_timewait *tw = to_timewait(flow);

	return tw->ts_ok && !tw->moved &&
	       fs_tcp_ts_clock(table->host->now_ns) - tw->ts_age > REUSE_AFTER_TICKS;
}
