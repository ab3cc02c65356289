// SPDX-License-Identifier: BSD-2-Clause
/*
 * connect.c - active opens: where to, from which port, the SYN with or without
 * data, and what comes back in SYN-SENT (RFC 9293 3.10.7.3).
 */
#include <errno.h>

#include "base/ip.h"
#include "tcp/conn.h"

static int check_opts(const struct fs_tcp_connect_opts *opts, const struct fs_tcp_cc_ops **cc)
{
	const struct fs_addr *remote = &opts->remote, *local = &opts->local;

	if (!opts->sz)
		return -EINVAL;
	if (remote->family != AF_INET && remote->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (local->family != AF_UNSPEC && local->family != remote->family)
		return -EAFNOSUPPORT;
	if (!remote->port || fs_ip_is_any(remote->ip))
		return -EINVAL;
	*cc = fs_tcp_cc_find(opts->cc ? opts->cc : FS_TCP_CC_NAME_DEFAULT);
	return *cc ? 0 : -EINVAL;
}

/* The path, and with it our address. */
static int choose_path(struct fs_tcp_table *table, const struct fs_tcp_connect_opts *opts,
		       struct fs_tcp_flow_id *id, uint32_t *mtu)
{
	struct fs_host *host = table->host;
	const struct fs_dst *dst = fs_net_dst_from(host->net, opts->remote.family,
						   opts->remote.ip, opts->local.ip,
						   opts->remote.scope, host->now_ns);

	if (dst->state == FS_DST_KERNEL)
		return -EOPNOTSUPP;
	if (dst->state != FS_DST_READY && dst->state != FS_DST_WAIT)
		return dst->error;
	*mtu = dst->mtu;
	*id = (struct fs_tcp_flow_id){
		.family = opts->remote.family, .remote_port = opts->remote.port,
	};
	memcpy(id->remote, opts->remote.ip, 16);
	memcpy(id->local, fs_ip_is_any(opts->local.ip) ? dst->src : opts->local.ip, 16);
	return fs_host_is_local(host, id->family, id->local) ? 0 : -EADDRNOTAVAIL;
}

struct wish {
	struct fs_tcp_table *table;
	struct fs_tcp_flow_id id;
};

static bool usable(void *ctx, uint16_t port)
{
	struct wish *wish = ctx;
	struct fs_tcp_flow *flow;

	wish->id.local_port = port;
	if (fs_tcp_listener_find(wish->table, wish->id.family, wish->id.local, port))
		return false;
	flow = fs_tcp_flow_find(&wish->table->flows, &wish->id);
	return !flow || (flow->state == FS_TCP_TIME_WAIT &&
			 fs_tcp_timewait_reusable(wish->table, flow));
}

static struct fs_tcp *open_conn(struct fs_tcp_table *table, const struct fs_tcp_connect_opts *opts,
				const struct fs_tcp_flow_id *id, const struct fs_tcp_cc_ops *cc,
				uint32_t mtu)
{
	struct fs_tcp_flow *old = fs_tcp_flow_find(&table->flows, id);
	struct fs_tcp *tcp = fs_tcp_conn_take(table, id, cc);

	if (!tcp)
		return NULL;
	tcp->iss = fs_tcp_isn(&table->secret, id, table->host->now_ns);
	if (old) {
		tcp->iss = fs_seq_add(old->snd_nxt, UINT16_MAX + 2u);
		fs_tcp_timewait_drop(table, old);
	}
	tcp->flags |= FS_TCP_HELD | FS_TCP_ACTIVE;
	if (opts->fastopen)
		tcp->flags |= FS_TCP_FASTOPEN;
	if (opts->ecn || cc->needs_ecn)
		tcp->flags |= FS_TCP_ECN_OK;	/* asked for: the SYN-ACK decides */
	tcp->ready.user = opts->user;
	tcp->flow.scope = opts->remote.scope;
	tcp->way.port = UINT8_MAX;
	tcp->peer_mss = UINT16_MAX;	/* until the SYN-ACK says */
	tcp->snd_una = tcp->iss;
	tcp->flow.snd_nxt = fs_seq_add(tcp->iss, 1);
	tcp->syn_end = tcp->flow.snd_nxt;
	tcp->snd_end = tcp->flow.snd_nxt;
	tcp->recovery_end = tcp->snd_una;
	fs_tcp_conn_set_mss(tcp, mtu);
	fs_tcp_conn_enter(tcp, FS_TCP_SYN_SENT);
	fs_tcp_dirty(tcp);	/* the SYN goes with the next flush: data may be there by then */
	return tcp;
}

static int take_port(struct wish *wish, uint16_t want, int held_fd)
{
	struct fs_tcp_ports *ports = wish->table->ports;

	if (held_fd >= 0)
		return fs_tcp_ports_take_held(ports, wish->id.family, wish->id.local, want, held_fd,
					      usable, wish);
	return fs_tcp_ports_take(ports, wish->id.family, wish->id.local, want, usable, wish);
}

int fs_tcp_connect_open(struct fs_tcp **out, struct fs_tcp_table *table,
			const struct fs_tcp_connect_opts *opts, int held_fd)
{
	struct wish wish = { .table = table };
	const struct fs_tcp_cc_ops *cc;
	struct fs_tcp *tcp;
	uint32_t mtu = 0;
	int err = check_opts(opts, &cc);

	if (!err)
		err = choose_path(table, opts, &wish.id, &mtu);
	if (err)
		return err;
	err = take_port(&wish, opts->local.port, held_fd);
	if (err < 0)
		return err;
	wish.id.local_port = (uint16_t)err;
	tcp = open_conn(table, opts, &wish.id, cc, mtu);
	if (!tcp) {
		fs_tcp_ports_put(table->ports, wish.id.family, wish.id.local,
				 wish.id.local_port, table->host->now_ns);
		return -ENOMEM;
	}
	*out = tcp;
	return 0;
}

/* --- fast open: RFC 7413 4.2.1 ------------------------------------------------------------ */

static uint16_t default_mss(uint8_t family)
{
	return family == AF_INET ? FS_TCP_MSS_DEFAULT4 : FS_TCP_MSS_DEFAULT6;
}

bool fs_tcp_connect_fastopen(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts)
{
	const struct fs_addr remote = fs_tcp_remote(tcp);
	struct fs_tcp_fastopen_hint hint;

	/* Once more without: the path may not like the option (4.1.3.1). */
	if (tcp->retries ||
	    !fs_tcp_fastopen_find(&tcp->table->fastopen, &remote, fs_tcp_now(tcp), &hint))
		return false;
	opts->has |= FS_TCP_OPT_TFO;
	opts->cookie_len = hint.cookie_len;
	memcpy(opts->cookie, hint.cookie, hint.cookie_len);
	tcp->peer_mss = hint.mss ? MAX(hint.mss, (uint16_t)FS_TCP_MSS_MIN) :
		default_mss(tcp->flow.id.family);
	return hint.cookie_len;
}

void fs_tcp_connect_fastopen_lost(struct fs_tcp *tcp)
{
	const struct fs_addr remote = fs_tcp_remote(tcp);

	fs_tcp_fastopen_failed(&tcp->table->fastopen, &remote, fs_tcp_now(tcp));
}

/* The SYN-ACK says how much of the SYN's data has been taken, and brings a cookie. */
static void fastopen_answered(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	const struct fs_addr remote = fs_tcp_remote(tcp);
	uint32_t taken = fs_seq_span(fs_seq_add(tcp->iss, 1), seg->ack);

	if (!tcp->retries)
		fs_tcp_fastopen_learn(&tcp->table->fastopen, &remote, seg->opts.cookie,
				      seg->opts.cookie_len, tcp->peer_mss);
	if (!taken || !tcp->sendq)
		return;
	tcp->flags |= FS_TCP_FASTOPEN_DATA;
	if (taken < fs_tcp_seg(tcp->sendq)->len)
		fs_tcp_sendq_trim(tcp, taken);
	else
		fs_tcp_sendq_pop(tcp);
	tcp->snd_una = tcp->flow.snd_nxt = seg->ack;
}

/* --- SYN-SENT -------------------------------------------------------------------------------- */

/* What the SYN has carried counts as sent, and nothing else that is queued. */
static bool acceptable(const struct fs_tcp *tcp, seq32 ack)
{
	return fs_seq_after(ack, tcp->iss) && fs_seq_before_eq(ack, tcp->syn_end);
}

static void take_syn(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	const uint8_t ecn = seg->flags & (FS_TCP_F_ECE | FS_TCP_F_CWR);
	const bool asked = fs_tcp_has(tcp, FS_TCP_ECN_OK);

	tcp->flags &= ~(uint32_t)FS_TCP_ECN_OK;
	tcp->irs = seg->seq;
	tcp->flow.rcv_nxt = fs_seq_add(seg->seq, 1);
	tcp->rcv_acked = tcp->flow.rcv_nxt;
	/* The window of our SYN counts from here. */
	tcp->rcv_adv = fs_seq_add(tcp->flow.rcv_nxt, MIN(tcp->rcvbuf, (uint32_t)UINT16_MAX));
	tcp->peer_mss = default_mss(tcp->flow.id.family);
	fs_tcp_syn_options(tcp, seg);
	tcp->flow.state = FS_TCP_SYN_RCVD;
	fs_tcp_conn_set_mss(tcp, tcp->path_mss + fs_tcp_headers_len(tcp->flow.id.family));
	if (seg->flags & FS_TCP_F_ACK ? asked && ecn == FS_TCP_F_ECE :
	    ecn == (FS_TCP_F_ECE | FS_TCP_F_CWR))
		tcp->flags |= FS_TCP_ECN_OK;
}

/* RFC 9293 figure 8: both have sent a SYN. */
static void simultaneous(struct fs_tcp *tcp)
{
	fs_tcp_xmit_syn(tcp);
	fs_tcp_timer_arm(tcp, FS_TCP_TIMER_RTO, fs_tcp_now(tcp) + fs_tcp_rto_ns(&tcp->rtt));
}

static void established(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	if (fs_tcp_has(tcp, FS_TCP_FASTOPEN))
		fastopen_answered(tcp, &rx->seg);
	if (!fs_tcp_fsm_connected(tcp, &rx->seg))
		return;
	fs_tcp_ack_now(tcp);
	if (rx->len == 1)
		return;
	/* Data or FIN beside the SYN. */
	rx->seg.seq = fs_seq_add(rx->seg.seq, 1);
	rx->len--;
	fs_tcp_rcvq_data(tcp, rx);
	fs_tcp_fsm_advanced(tcp);
}

/*
 * RFC 9293 3.5.1, figure 9: the peer still has a connection of these ports, and our
 * reset has ended it. Not to wait a second, the SYN follows, once, as with Linux.
 */
static void syn_behind_reset(struct fs_tcp *tcp)
{
	if (tcp->retries)
		return;
	tcp->retries = 1;	/* Karn: no RTT of it */
	fs_tcp_xmit_syn(tcp);
}

void fs_tcp_connect_rx(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const struct fs_wire_tcp *seg = &rx->seg;
	const bool has_ack = seg->flags & FS_TCP_F_ACK;
	struct fs_wire_tcp rst;

	if (has_ack && !acceptable(tcp, seg->ack)) {
		tcp->table->host->stats.rx_drop_state++;
		if (fs_wire_tcp_reset(seg, &rst))
			fs_tcp_xmit_bare(tcp->table, &tcp->flow.id, &rst, tcp->flow.scope);
		if (!(seg->flags & (FS_TCP_F_SYN | FS_TCP_F_RST)))
			syn_behind_reset(tcp);
		return;
	}
	if (seg->flags & FS_TCP_F_RST) {
		if (has_ack)	/* RFC 5961 3.2: a blind one does not know it */
			fs_tcp_conn_end(tcp, -ECONNREFUSED);
		else
			tcp->table->host->stats.rx_drop_state++;
		return;
	}
	if (!(seg->flags & FS_TCP_F_SYN)) {
		tcp->table->host->stats.rx_drop_state++;
		return;
	}
	take_syn(tcp, seg);
	if (has_ack)
		established(tcp, rx);
	else
		simultaneous(tcp);
}
