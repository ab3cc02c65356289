// SPDX-License-Identifier: BSD-2-Clause
/*
 * conn.c - the life of a connection: taken from the slab, entered into the
 * flow table, agreed upon, ended, and given back when neither the protocol
 * nor the application holds it.
 *
 *	take -> enter -> established -> orphan (application lets go)
 *	           \           \            \
 *	            +-----------+------------+--> end (CLOSED) --> free
 *
 * A connection that ended stays, empty, until the application has closed it.
 */
#include "tcp/conn.h"

static void init_options(struct fs_tcp *tcp)
{
	tcp->linger_s = -1;
	tcp->keep_interval_s = 75;
	tcp->keep_count = 9;
	tcp->way.ttl = FS_TCP_TTL_DEFAULT;
	tcp->sndbuf = FS_TCP_SNDBUF_FIRST;
	tcp->rcvbuf = FS_TCP_RCVBUF_FIRST;
}

struct fs_tcp *fs_tcp_conn_take(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
				const struct fs_tcp_cc_ops *cc)
{
	const uint64_t now_ns = table->host->now_ns;
	struct fs_tcp *tcp = fs_slab_take(&table->conns);

	if (!tcp)
		return NULL;
	memset(tcp, 0, sizeof(*tcp));
	tcp->flow.id = *id;
	tcp->table = table;
	tcp->ts_offset = fs_tcp_ts_offset(&table->secret, id);
	tcp->quickacks = FS_TCP_QUICKACKS;
	tcp->rcv_mss = FS_TCP_MSS_DEFAULT4;
	tcp->peer_mss = id->family == AF_INET ? FS_TCP_MSS_DEFAULT4 : FS_TCP_MSS_DEFAULT6;
	tcp->rcv_wscale = FS_TCP_WSCALE;
	tcp->last_rx_ns = now_ns;
	tcp->last_tx_ns = now_ns;
	tcp->cc.ops = cc;
	init_options(tcp);
	fs_tcp_timers_init(tcp);
	fs_tcp_rtt_init(&tcp->rtt, FS_TCP_RTO_MIN_NS, FS_TCP_RTO_MAX_NS, FS_TIMER_TICK_NS, now_ns);
	tcp->rack.reo_wnd_mult = 1;
	tcp->ready.endpoint = tcp;
	return tcp;
}

void fs_tcp_conn_enter(struct fs_tcp *tcp, enum fs_tcp_state state)
{
	tcp->flow.state = (uint8_t)state;
	fs_tcp_flow_add(&tcp->table->flows, &tcp->flow);
}

void fs_tcp_conn_set_mss(struct fs_tcp *tcp, uint32_t path_mtu)
{
	const uint32_t headers = fs_tcp_headers_len(tcp->flow.id.family);
	const uint32_t room = fs_tcp_frame_room(tcp->table->host->pool);
	uint32_t mss = path_mtu > headers ? path_mtu - headers : 0;

	tcp->path_mss = (uint16_t)MIN(mss, UINT16_MAX);
	mss = MIN(mss, tcp->peer_mss);
	mss = MAX(mss, FS_TCP_MSS_MIN);
	/* In SYN-SENT, too: most peers will agree to timestamps. */
	if (fs_tcp_has(tcp, FS_TCP_TS_OK) || tcp->flow.state <= FS_TCP_SYN_SENT)
		mss -= 12;
	mss = MIN(mss, room);
	if (fs_tcp_has(tcp, FS_TCP_MSS_CLAMPED))
		mss = MIN(mss, (uint32_t)fs_tcp_mss_base(tcp));
	tcp->mss = (uint16_t)mss;
}

void fs_tcp_syn_options(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	const struct fs_wire_tcp_opts *o = &seg->opts;

	if (o->has & FS_TCP_OPT_MSS)
		tcp->peer_mss = MAX(o->mss, (uint16_t)FS_TCP_MSS_MIN);
	if (o->has & FS_TCP_OPT_WSCALE)
		tcp->snd_wscale = o->wscale;
	else
		tcp->rcv_wscale = 0;
	if (o->has & FS_TCP_OPT_SACK_OK)
		tcp->flags |= FS_TCP_SACK_OK;
	if (o->has & FS_TCP_OPT_TS) {
		tcp->flags |= FS_TCP_TS_OK;
		tcp->ts_recent = o->ts_val;
		tcp->ts_recent_age = fs_tcp_ts_clock(fs_tcp_now(tcp));
	}
}

void fs_tcp_conn_established(struct fs_tcp *tcp)
{
	tcp->retries = 0;
	tcp->stalled_ns = 0;
	tcp->snd_small = tcp->snd_una;
	tcp->rack.fack = tcp->snd_una;
	tcp->rack.end_seq = tcp->snd_una;
	tcp->rack.dsack_round = tcp->snd_una;
	tcp->round_end = tcp->snd_una;
	tcp->probe_end = tcp->snd_una;
	tcp->max_snd_wnd = MAX(tcp->max_snd_wnd, tcp->snd_wnd);
	tcp->rcv_round_ns = fs_tcp_now(tcp);
	fs_tcp_cc_init(&tcp->cc, tcp->cc.ops, tcp->mss, fs_tcp_now(tcp));
	if (fs_tcp_has(tcp, FS_TCP_SYN_LOST)) {
		fs_tcp_cc_syn_lost(&tcp->cc);
		if (!tcp->rtt.srtt_ns)
			fs_tcp_rto_syn_lost(&tcp->rtt);
	}
	fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_RTO);
	fs_tcp_timers_keepalive(tcp);
}

static void leave_lists(struct fs_tcp *tcp)
{
	struct fs_tcp_table *table = tcp->table;
	struct fs_tcp **at;

	fs_tcp_window_not_withheld(tcp);
	if (tcp->flags & FS_TCP_DIRTY) {
		for (at = &table->dirty; *at != tcp; at = &(*at)->dirty_next)
			;
		*at = tcp->dirty_next;
		if (!tcp->dirty_next)
			table->dirty_tail = at;
	}
	tcp->flags &= ~(uint32_t)FS_TCP_DIRTY;
}

/* Ended ones are closed by the application in about the order they ended. */
static void leave_ended(struct fs_tcp *tcp)
{
	struct fs_tcp **at = &tcp->table->ended;

	while (*at != tcp)
		at = &(*at)->dirty_next;
	*at = tcp->dirty_next;
	if (!tcp->dirty_next)
		tcp->table->ended_tail = at;
}

static void give_back(struct fs_tcp *tcp, uint32_t buffer, uint32_t first, uint32_t is_set)
{
	if (!fs_tcp_has(tcp, is_set))
		tcp->table->grown_bytes -= buffer - first;
}

static void free_conn(struct fs_tcp *tcp)
{
	give_back(tcp, tcp->rcvbuf, FS_TCP_RCVBUF_FIRST, FS_TCP_RCVBUF_SET);
	give_back(tcp, tcp->sndbuf, FS_TCP_SNDBUF_FIRST, FS_TCP_SNDBUF_SET);
	fs_host_unready(fs_tcp_host(tcp), &tcp->ready);
	fs_tcp_rcvq_flush(tcp);
	fs_slab_put(&tcp->table->conns, tcp);
}

static void release_port(struct fs_tcp *tcp)
{
	struct fs_tcp_table *table = tcp->table;
	const struct fs_tcp_flow_id *id = &tcp->flow.id;

	if (fs_tcp_has(tcp, FS_TCP_ACTIVE))
		fs_tcp_ports_put(table->ports, id->family, id->local, id->local_port,
				 table->host->now_ns);
	tcp->flags &= ~(uint32_t)FS_TCP_ACTIVE;
	if (tcp->listener)
		fs_tcp_listener_forget(tcp);
}

void fs_tcp_conn_end(struct fs_tcp *tcp, int error)
{
	if (tcp->flow.state == FS_TCP_CLOSED)
		return;
	fs_tcp_flow_del(&tcp->table->flows, &tcp->flow);
	tcp->flow.state = FS_TCP_CLOSED;
	fs_tcp_timers_stop(tcp);
	fs_tcp_sendq_flush(tcp);
	fs_tcp_ooo_flush(tcp);
	leave_lists(tcp);
	release_port(tcp);
	if (!fs_tcp_has(tcp, FS_TCP_HELD)) {
		free_conn(tcp);
		return;
	}
	tcp->dirty_next = NULL;
	*tcp->table->ended_tail = tcp;
	tcp->table->ended_tail = &tcp->dirty_next;
	if (!error)
		return;
	tcp->error = error;
	tcp->ready.error = error;
	fs_tcp_tell(tcp, 0);
}

void fs_tcp_conn_orphan(struct fs_tcp *tcp)
{
	tcp->flags |= FS_TCP_ORPHAN;
	tcp->flags &= ~(uint32_t)FS_TCP_HELD;
	fs_host_unready(fs_tcp_host(tcp), &tcp->ready);
	if (tcp->flow.state == FS_TCP_CLOSED) {
		leave_ended(tcp);
		free_conn(tcp);
	}
}

void fs_tcp_conn_abort(struct fs_tcp *tcp)
{
	if (tcp->flow.state == FS_TCP_CLOSED) {
		fs_tcp_conn_orphan(tcp);
		return;
	}
	if (tcp->flow.state != FS_TCP_SYN_SENT)
		fs_tcp_xmit_rst(tcp);
	fs_tcp_conn_orphan(tcp);
	fs_tcp_conn_end(tcp, 0);
}
