// SPDX-License-Identifier: BSD-2-Clause
/*
 * listen.c - passive opens: from a SYN to the accept queue.
 *
 *	SYN --> room in the backlog? --yes--> SYN-RCVD --ACK--> accept queue
 *	                  \
 *	                   no: SYN-ACK with a cookie, nothing kept (RFC 4987 3.6)
 *	                           --ACK of a cookie--> accept queue
 */
#include "base/ip.h"
#include "tcp/conn.h"
#include "tcp/kernel.h"

#define COOKIES_NS	(128 * NSEC_PER_SEC)	/* as long as one is good */

/* --- SYN ------------------------------------------------------------------------------ */

static bool full(const struct fs_tcp_listener *l)
{
	return l->half + l->waiting >= l->backlog;
}

static uint32_t path_mtu(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
			 uint32_t scope)
{
	return fs_net_dst_from(table->host->net, id->family, id->remote, id->local, scope,
			       table->host->now_ns)->mtu;
}

/* A connection in SYN-RCVD; NULL without memory. */
static struct fs_tcp *half_open(struct fs_tcp_listener *l, const struct fs_tcp_rx *rx,
				const struct fs_tcp_flow_id *id, seq32 irs, seq32 iss)
{
	struct fs_tcp *tcp = fs_tcp_conn_take(l->table, id, l->cc);

	if (!tcp)
		return NULL;
	tcp->listener = l;
	l->refs++;
	l->half++;
	tcp->flags |= FS_TCP_HALF;
	tcp->irs = irs;
	tcp->iss = iss;
	tcp->flow.rcv_nxt = fs_seq_add(irs, 1);
	tcp->rcv_acked = tcp->flow.rcv_nxt;
	tcp->rcv_adv = fs_seq_add(tcp->flow.rcv_nxt, MIN(tcp->rcvbuf, (uint32_t)UINT16_MAX));
	tcp->snd_una = iss;
	tcp->flow.snd_nxt = fs_seq_add(iss, 1);
	tcp->snd_end = tcp->flow.snd_nxt;
	tcp->recovery_end = tcp->snd_una;
	tcp->snd_wnd = rx->seg.window;
	tcp->way.port = rx->buf->port;
	tcp->flow.scope = fs_ip_needs_scope(id->family, id->remote) ? rx->buf->ifindex : 0;
	fs_tcp_conn_enter(tcp, FS_TCP_SYN_RCVD);
	return tcp;
}

static void send_cookie(struct fs_tcp_listener *l, const struct fs_tcp_rx *rx,
			const struct fs_tcp_flow_id *id)
{
	struct fs_tcp_table *table = l->table;
	const struct fs_wire_tcp_opts *o = &rx->seg.opts;
	const uint64_t now_ns = table->host->now_ns;
	const uint16_t peer_mss = o->has & FS_TCP_OPT_MSS ? o->mss :
		id->family == AF_INET ? FS_TCP_MSS_DEFAULT4 : FS_TCP_MSS_DEFAULT6;
	const struct fs_tcp_cookie cookie = {
		.mss = peer_mss,
		.wscale = o->wscale,
		.has_wscale = o->has & FS_TCP_OPT_WSCALE,
		.sack = o->has & FS_TCP_OPT_SACK_OK,
		.ts = o->has & FS_TCP_OPT_TS,
	};
	struct fs_wire_tcp seg = {
		.seq = fs_tcp_cookie_make(&table->secret, id, rx->seg.seq, peer_mss, now_ns),
		.ack = fs_seq_add(rx->seg.seq, 1),
		.flags = FS_TCP_F_SYN | FS_TCP_F_ACK,
		.window = MIN(FS_TCP_RCVBUF_FIRST, UINT16_MAX),
		.opts.has = FS_TCP_OPT_MSS,
	};

	seg.opts.mss = (uint16_t)(path_mtu(table, id, rx->buf->ifindex) -
				   fs_tcp_headers_len(id->family));
	if (cookie.ts) {
		seg.opts.has |= o->has & (FS_TCP_OPT_TS | FS_TCP_OPT_SACK_OK | FS_TCP_OPT_WSCALE);
		seg.opts.wscale = FS_TCP_WSCALE;
		seg.opts.ts_val.raw = fs_tcp_cookie_tsval(&table->secret, id, &cookie, now_ns);
		seg.opts.ts_ecr = o->ts_val;
	}
	l->cookies_until_ns = now_ns + COOKIES_NS;
	table->host->stats.tcp_cookies_sent++;
	fs_tcp_xmit_bare(table, id, &seg, rx->buf->ifindex);
}

static void to_accept_queue(struct fs_tcp *tcp)
{
	struct fs_tcp_listener *l = tcp->listener;

	tcp->flags |= FS_TCP_WAITS;
	tcp->accept_next = NULL;
	if (l->accept_tail)
		l->accept_tail->accept_next = tcp;
	else
		l->accept_head = tcp;
	l->accept_tail = tcp;
	l->waiting++;
	l->ready.news |= FS_NEWS_ACCEPT;
	fs_host_ready(l->table->host, &l->ready);
}

/* RFC 7413 4.2.2: a valid cookie lets the data of the SYN in before the handshake is done. */
static void take_fastopen(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	struct fs_tcp_listener *l = tcp->listener;
	const struct fs_wire_tcp_opts *o = &rx->seg.opts;
	uint8_t cookie[FS_TCP_FASTOPEN_COOKIE_LEN];

	if (!l->fastopen || !(o->has & FS_TCP_OPT_TFO))
		return;
	fs_tcp_fastopen_cookie(&tcp->table->secret, tcp->flow.id.family, tcp->flow.id.remote,
			       cookie);
	if (o->cookie_len != sizeof(cookie) || memcmp(o->cookie, cookie, sizeof(cookie))) {
		tcp->flags |= FS_TCP_FASTOPEN;	/* the SYN-ACK brings one */
		return;
	}
	if (l->fastopen_half >= l->fastopen || rx->seg.flags & FS_TCP_F_FIN)
		return;
	l->fastopen_half++;
	tcp->flags |= FS_TCP_FASTOPEN_DATA;
	fs_tcp_conn_established(tcp);
	rx->seg.seq = fs_seq_add(rx->seg.seq, 1);
	fs_tcp_rcvq_data(tcp, rx);
	to_accept_queue(tcp);
}

void fs_tcp_listener_fastopen(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts)
{
	opts->has |= FS_TCP_OPT_TFO;
	opts->cookie_len = FS_TCP_FASTOPEN_COOKIE_LEN;
	fs_tcp_fastopen_cookie(&tcp->table->secret, tcp->flow.id.family, tcp->flow.id.remote,
			       opts->cookie);
}

void fs_tcp_listener_syn(struct fs_tcp_listener *l, struct fs_tcp_rx *rx,
			 const struct fs_tcp_flow_id *id, const seq32 *reuse_iss)
{
	struct fs_tcp_table *table = l->table;
	struct fs_tcp *tcp = NULL;

	if (!full(l))
		tcp = half_open(l, rx, id, rx->seg.seq, reuse_iss ? *reuse_iss :
				fs_tcp_isn(&table->secret, id, table->host->now_ns));
	if (!tcp) {
		send_cookie(l, rx, id);
		return;
	}
	fs_tcp_syn_options(tcp, &rx->seg);
	if ((rx->seg.flags & (FS_TCP_F_ECE | FS_TCP_F_CWR)) == (FS_TCP_F_ECE | FS_TCP_F_CWR))
		tcp->flags |= FS_TCP_ECN_OK;
	fs_tcp_conn_set_mss(tcp, path_mtu(table, id, tcp->flow.scope));
	take_fastopen(tcp, rx);
	fs_tcp_xmit_syn(tcp);
	fs_tcp_timer_arm(tcp, FS_TCP_TIMER_RTO, table->host->now_ns + fs_tcp_rto_ns(&tcp->rtt));
}

/* --- ACK ------------------------------------------------------------------------------- */

bool fs_tcp_listener_cookie(struct fs_tcp_listener *l, struct fs_tcp_rx *rx,
			    const struct fs_tcp_flow_id *id)
{
	struct fs_tcp_table *table = l->table;
	const struct fs_wire_tcp_opts *o = &rx->seg.opts;
	const seq32 irs = fs_seq_sub(rx->seg.seq, 1), iss = fs_seq_sub(rx->seg.ack, 1);
	struct fs_tcp_cookie cookie;
	struct fs_tcp *tcp;

	if (l->cookies_until_ns < table->host->now_ns ||
	    !fs_tcp_cookie_check(&table->secret, id, irs, iss,
				 o->has & FS_TCP_OPT_TS ? &o->ts_ecr : NULL,
				 table->host->now_ns, &cookie))
		return false;
	/* Its SYN-ACK will not come again, but the data will: there may be room then. */
	tcp = l->waiting < l->backlog ? half_open(l, rx, id, irs, iss) : NULL;
	if (!tcp) {
		table->host->stats.tcp_accept_full++;
		return true;
	}
	table->host->stats.tcp_cookies_good++;
	tcp->peer_mss = MAX(cookie.mss, (uint16_t)FS_TCP_MSS_MIN);
	tcp->snd_wscale = cookie.wscale;
	if (!cookie.has_wscale)
		tcp->rcv_wscale = 0;
	if (cookie.sack)
		tcp->flags |= FS_TCP_SACK_OK;
	if (cookie.ts) {
		tcp->flags |= FS_TCP_TS_OK;
		tcp->ts_recent = o->ts_val;
		tcp->ts_recent_age = fs_tcp_ts_clock(table->host->now_ns);
	}
	fs_tcp_conn_set_mss(tcp, path_mtu(table, id, tcp->flow.scope));
	tcp->retries = 1;	/* no RTT sample in this handshake */
	fs_tcp_segment(tcp, rx);
	return true;
}

static void no_longer_half(struct fs_tcp *tcp)
{
	if (!fs_tcp_has(tcp, FS_TCP_HALF))
		return;
	tcp->flags &= ~(uint32_t)FS_TCP_HALF;
	tcp->listener->half--;
	if (fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA))
		tcp->listener->fastopen_half--;
}

bool fs_tcp_listener_established(struct fs_tcp *tcp)
{
	struct fs_tcp_listener *l = tcp->listener;

	if (fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA)) {
		no_longer_half(tcp);	/* accepted, or waiting for it, since its SYN */
		return true;
	}
	if (l->waiting >= l->backlog) {
		l->table->host->stats.tcp_accept_full++;
		return false;
	}
	no_longer_half(tcp);
	to_accept_queue(tcp);
	return true;
}

/* --- the application's end ------------------------------------------------------------------ */

static struct fs_tcp *pop(struct fs_tcp_listener *l)
{
	struct fs_tcp *tcp = l->accept_head;

	l->accept_head = tcp->accept_next;
	if (!l->accept_head)
		l->accept_tail = NULL;
	l->waiting--;
	tcp->accept_next = NULL;
	tcp->flags &= ~(uint32_t)FS_TCP_WAITS;
	return tcp;
}

unsigned int fs_tcp_accept(struct fs_tcp_listener *l, struct fs_tcp **conns, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && l->accept_head; i++) {
		struct fs_tcp *tcp = pop(l);

		tcp->flags |= FS_TCP_HELD;
		tcp->ready.news &= (uint8_t)~FS_NEWS_CONNECTED;
		if (tcp->ready.news)
			fs_tcp_tell(tcp, 0);
		conns[i] = tcp;
	}
	while (i < n && l->kernel_waits && (conns[i] = fs_tcp_kernel_accept(l)))
		i++;
	return i;
}

static void leave_accept_queue(struct fs_tcp *tcp)
{
	struct fs_tcp_listener *l = tcp->listener;
	struct fs_tcp **at = &l->accept_head, *before = NULL;

	for (; *at != tcp; at = &(*at)->accept_next)
		before = *at;
	*at = tcp->accept_next;
	if (l->accept_tail == tcp)
		l->accept_tail = before;
	l->waiting--;
	tcp->flags &= ~(uint32_t)FS_TCP_WAITS;
}

void fs_tcp_listener_forget(struct fs_tcp *tcp)
{
	struct fs_tcp_listener *l = tcp->listener;

	if (fs_tcp_has(tcp, FS_TCP_WAITS))
		leave_accept_queue(tcp);
	no_longer_half(tcp);
	tcp->listener = NULL;
	fs_tcp_listener_put(l);
}
