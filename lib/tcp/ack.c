// SPDX-License-Identifier: BSD-2-Clause
/*
 * ack.c - an acknowledgment: the window it tells, the segments it frees, the
 * round trip it measures, and what congestion control makes of it.
 */
#include "tcp/conn.h"

/* RFC 9293 3.10.7.4: the window of the newest segment counts. True if it changed. */
static bool update_window(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	const uint32_t wnd = (uint32_t)seg->window << tcp->snd_wscale;
	bool changed;

	if (!fs_seq_before(tcp->snd_wl1, seg->seq) &&
	    !(fs_seq_eq(tcp->snd_wl1, seg->seq) && fs_seq_before_eq(tcp->snd_wl2, seg->ack)))
		return false;
	changed = wnd != tcp->snd_wnd;
	tcp->snd_wnd = wnd;
	tcp->snd_wl1 = seg->seq;
	tcp->snd_wl2 = seg->ack;
	tcp->max_snd_wnd = MAX(tcp->max_snd_wnd, wnd);
	return changed;
}

static void uncount(struct fs_tcp *tcp, const struct fs_tcp_seg *seg, uint32_t bytes)
{
	if (seg->flags & FS_TCP_SEG_SACKED)
		tcp->sacked_bytes -= bytes;
	if (seg->flags & FS_TCP_SEG_LOST)
		tcp->lost_bytes -= bytes;
	if (seg->flags & FS_TCP_SEG_RETRANS)
		tcp->retrans_bytes -= bytes;
}

/* Karn: never of what was sent twice. */
static void sample(const struct fs_tcp *tcp, const struct fs_tcp_seg *seg, struct fs_tcp_acked *a)
{
	if (seg->flags & FS_TCP_SEG_EVER_RETRANS)
		return;
	a->cc_rtt_ns = MAX(fs_tcp_now(tcp) - seg->tx_ns, 1ull);
	if (!a->rtt_ns)
		a->rtt_ns = a->cc_rtt_ns;
}

static void free_acked(struct fs_tcp *tcp, seq32 ack, struct fs_tcp_acked *a)
{
	while (tcp->sendq && tcp->sendq != tcp->unsent) {
		struct fs_tcp_seg *seg = fs_tcp_seg(tcp->sendq);
		const uint32_t span = fs_tcp_seg_span(seg);

		if (fs_seq_after(fs_tcp_seg_end(seg), ack)) {
			uint32_t part = fs_seq_before(seg->seq, ack) ?
				fs_seq_span(seg->seq, ack) : 0;

			if (part && !(seg->flags & FS_TCP_SEG_SACKED))
				a->delivered += part;
			uncount(tcp, seg, part);
			fs_tcp_sendq_trim(tcp, part);
			return;
		}
		uncount(tcp, seg, span);
		if (!(seg->flags & FS_TCP_SEG_SACKED)) {
			a->delivered += span;
			sample(tcp, seg, a);
			fs_tcp_rack_delivered(tcp, seg);
		}
		a->fin |= seg->flags & FS_TCP_SEG_FIN;
		fs_tcp_sendq_pop(tcp);
	}
}

static void sample_rtt(struct fs_tcp *tcp, const struct fs_wire_tcp *seg, struct fs_tcp_acked *a)
{
	uint32_t per_round = 1;

	/* Only retransmissions were acknowledged: the timestamp says which (RFC 7323 4.1). */
	if (!a->rtt_ns && fs_tcp_has(tcp, FS_TCP_TS_OK) && seg->opts.ts_ecr.raw)
		a->rtt_ns = fs_tcp_rtt_from_ts(fs_tcp_xmit_tsval(tcp).raw, seg->opts.ts_ecr.raw,
					       FS_TCP_TICK_NS);
	if (!a->rtt_ns)
		return;
	if (fs_tcp_has(tcp, FS_TCP_TS_OK))
		per_round = fs_tcp_rtt_per_round(a->prior_flight, tcp->mss);
	fs_tcp_rtt_sample(&tcp->rtt, a->rtt_ns, per_round, fs_tcp_now(tcp));
}

void fs_tcp_ack_advance(struct fs_tcp *tcp, const struct fs_wire_tcp *seg, struct fs_tcp_acked *a)
{
	a->acked = fs_seq_span(tcp->snd_una, seg->ack);
	free_acked(tcp, seg->ack, a);
	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK)) {
		tcp->dupacks = 0;
		tcp->sacked_bytes = 0;
	}
	tcp->snd_una = seg->ack;
	tcp->bytes_acked += a->acked;
	tcp->retries = 0;
	tcp->stalled_ns = 0;
	if (fs_seq_before(tcp->snd_small, tcp->snd_una))
		tcp->snd_small = tcp->snd_una;
	sample_rtt(tcp, seg, a);
}

/* Marks of long ago must not come to lie ahead: numbers go round. */
static void stay_comparable(struct fs_tcp *tcp)
{
	if (tcp->cc.state == FS_TCP_CC_OPEN)
		tcp->recovery_end = tcp->snd_una;
	if (fs_seq_before(tcp->rack.dsack_round, tcp->snd_una))
		tcp->rack.dsack_round = tcp->snd_una;
}

static void control_congestion(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			       const struct fs_tcp_acked *a)
{
	const struct fs_tcp_cc_ack ack = {
		.now_ns = fs_tcp_now(tcp),
		.rtt_ns = a->cc_rtt_ns,
		.srtt_ns = tcp->rtt.srtt_ns,
		.acked = a->acked,
		.flight = fs_tcp_outstanding(tcp),
		.app_limited = !fs_tcp_cc_limited(&tcp->cc, tcp->max_in_flight),
		.ece = fs_tcp_has(tcp, FS_TCP_ECN_OK) && seg->flags & FS_TCP_F_ECE,
	};

	if (fs_tcp_cc_ack(&tcp->cc, &ack))
		tcp->flags |= FS_TCP_CWR_DUE;
	if (!fs_seq_before(tcp->snd_una, tcp->round_end)) {
		tcp->round_end = tcp->flow.snd_nxt;
		tcp->max_in_flight = fs_tcp_in_flight(tcp);
		stay_comparable(tcp);
	}
}

/* The send buffer grows with the window, so that the application can fill it. */
static void tell_space(struct fs_tcp *tcp)
{
	if (!fs_tcp_has(tcp, FS_TCP_SNDBUF_SET) && tcp->cc.cwnd > tcp->sndbuf / 2)
		fs_tcp_grow(tcp->table, &tcp->sndbuf, 2ull * tcp->cc.cwnd);
	if (!fs_tcp_has(tcp, FS_TCP_WANT_SPACE))
		return;
	if (fs_tcp_sendq_space(tcp) < (fs_tcp_pressure(tcp->table) ? tcp->mss : tcp->sndbuf / 4)) {
		fs_tcp_want_space(tcp);	/* this may have been the last ACK */
		return;
	}
	tcp->flags &= ~(uint32_t)FS_TCP_WANT_SPACE;
	fs_tcp_tell(tcp, FS_NEWS_WRITABLE);
}

bool fs_tcp_ack_rx(struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	const struct fs_wire_tcp *seg = &rx->seg;
	struct fs_tcp_acked a = {
		.prior_flight = fs_tcp_outstanding(tcp),
	};
	bool window_changed = false;

	if (fs_seq_after_eq(seg->ack, tcp->snd_una))
		window_changed = update_window(tcp, seg);
	if (!a.prior_flight) {
		/* Probes of a closed window are answered so; it may be open now. */
		if (!fs_tcp_has(tcp, FS_TCP_ORPHAN)) {
			tcp->retries = 0;
			tcp->stalled_ns = 0;
		}
		if (tcp->unsent)
			fs_tcp_dirty(tcp);
		return false;
	}
	a.dup = !rx->len && !window_changed && fs_seq_eq(seg->ack, tcp->snd_una);
	if (fs_seq_after(seg->ack, tcp->snd_una))
		fs_tcp_ack_advance(tcp, seg, &a);
	if (fs_tcp_has(tcp, FS_TCP_SACK_OK) && seg->opts.n_sacks)
		fs_tcp_sack_rx(tcp, seg, &a);
	control_congestion(tcp, seg, &a);
	fs_tcp_probe_acked(tcp, seg, &a);
	if (a.delivered || a.dup || a.dsack)
		fs_tcp_recovery_ack(tcp, seg, &a);
	if (a.acked) {
		fs_tcp_timers_acked(tcp);
		tell_space(tcp);
	}
	if (tcp->unsent || tcp->lost_bytes)
		fs_tcp_dirty(tcp);
	return a.fin;
}
