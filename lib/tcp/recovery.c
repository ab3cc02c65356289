// SPDX-License-Identifier: BSD-2-Clause
/*
 * recovery.c - what follows from losses: recovery begins and ends, the window
 * follows (RFC 9937), a loss that was none is undone (RFC 3522, 3708), and a
 * tail loss probe is judged (RFC 8985 7.4). Without SACK: RFC 6582.
 */
#include <errno.h>

#include "tcp/conn.h"

static bool in_recovery(const struct fs_tcp *tcp)
{
	return tcp->cc.state != FS_TCP_CC_OPEN;
}

static void begin(struct fs_tcp *tcp)
{
	tcp->recovery_end = tcp->flow.snd_nxt;
	tcp->retrans_ts = 0;
	tcp->undo_left = 0;
	tcp->undo_from = tcp->snd_una;
}

void fs_tcp_recovery_enter(struct fs_tcp *tcp, uint32_t newly_acked)
{
	const uint32_t flight = fs_tcp_outstanding(tcp);

	begin(tcp);
	if (fs_tcp_cc_loss(&tcp->cc, flight, fs_tcp_now(tcp)))
		tcp->flags |= FS_TCP_CWR_DUE;
	fs_tcp_prr_enter(&tcp->prr, tcp->cc.ssthresh,
			 MAX(flight - tcp->sacked_bytes + newly_acked, (uint32_t)tcp->mss));
	fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_PROBE);
	fs_tcp_dirty(tcp);
}

static void leave(struct fs_tcp *tcp)
{
	tcp->dupacks = 0;
	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK))
		tcp->sacked_bytes = 0;
	fs_tcp_rack_recovered(tcp);
	fs_tcp_cc_exit(&tcp->cc, fs_tcp_in_flight(tcp), fs_tcp_now(tcp));
}

/* What was deemed lost is on its way after all, since it was sent. */
static void unmark(struct fs_tcp *tcp)
{
	struct fs_buf *last = NULL;

	for (struct fs_buf *buf = tcp->sendq; buf && buf != tcp->unsent;
	     buf = fs_tcp_seg(buf)->next) {
		struct fs_tcp_seg *seg = fs_tcp_seg(buf);

		if (!(seg->flags & FS_TCP_SEG_LOST))
			continue;
		seg->flags &= (uint16_t)~FS_TCP_SEG_LOST;
		if (!(seg->flags & FS_TCP_SEG_TIMED))
			fs_tcp_timed_insert(tcp, buf, last);
		last = buf;
	}
	tcp->lost_bytes = 0;
	tcp->lost_first = NULL;
}

static void undo(struct fs_tcp *tcp)
{
	tcp->retrans_ts = 0;
	tcp->undo_left = 0;
	if (!fs_tcp_cc_undo(&tcp->cc, fs_tcp_now(tcp)))
		return;
	unmark(tcp);
	fs_tcp_rto_reset(&tcp->rtt);
	tcp->dupacks = 0;
	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK))
		tcp->sacked_bytes = 0;
	tcp->flags &= ~(uint32_t)FS_TCP_CWR_DUE;
}

/* RFC 3522: the echo is older than our first retransmission. */
static bool original_arrived(const struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			     const struct fs_tcp_acked *a)
{
	return a->acked && fs_tcp_has(tcp, FS_TCP_TS_OK) && tcp->retrans_ts &&
	       seg->opts.ts_ecr.raw &&
	       fs_ts_before(seg->opts.ts_ecr, (ts32){ tcp->retrans_ts });
}

/* RFC 3708 3: every retransmission has come twice. What is older was doubled on its way. */
static bool all_spurious(struct fs_tcp *tcp, const struct fs_tcp_acked *a)
{
	return a->dsack && fs_seq_after(a->dsack_to, tcp->undo_from) &&
		tcp->undo_left && !--tcp->undo_left;
}

/*
 * RFC 6582: without SACK, duplicate ACKs are counted. Each stands for a
 * segment that has left the network; the third says that the oldest is lost.
 */
static uint32_t count_dupacks(struct fs_tcp *tcp, struct fs_tcp_acked *a)
{
	const uint32_t before = tcp->lost_bytes;
	uint32_t most;

	if (!tcp->sendq || tcp->sendq == tcp->unsent)
		return 0;
	if (a->acked) {
		/* A partial ACK; after a timeout all are marked already. */
		if (tcp->cc.state == FS_TCP_CC_RECOVERY &&
		    fs_seq_before(tcp->snd_una, tcp->recovery_end))
			fs_tcp_mark_lost(tcp, tcp->sendq);
	} else if (a->dup) {
		if (tcp->dupacks < UINT8_MAX)
			tcp->dupacks++;
		most = fs_tcp_outstanding(tcp) - tcp->lost_bytes;
		tcp->sacked_bytes = MIN((uint32_t)tcp->dupacks * tcp->mss,
					most > tcp->mss ? most - tcp->mss : 0);
		a->delivered += tcp->mss;
		if (tcp->dupacks == FS_TCP_DUPTHRESH && !in_recovery(tcp) &&
		    fs_seq_after_eq(tcp->snd_una, tcp->recovery_end))
			fs_tcp_mark_lost(tcp, tcp->sendq);
	}
	return tcp->lost_bytes - before;
}

static void reduce_proportionally(struct fs_tcp *tcp, const struct fs_tcp_acked *a)
{
	const uint32_t in_flight = fs_tcp_in_flight(tcp);
	uint32_t quota;

	if (!a->delivered)
		return;
	quota = fs_tcp_prr_ack(&tcp->prr, a->delivered, in_flight, tcp->mss,
			       a->acked && !a->lost);
	/* The first retransmission goes at once, whatever the sum says. */
	if (!tcp->prr.out)
		quota = MAX(quota, (uint32_t)tcp->mss);
	fs_tcp_cc_set_cwnd(&tcp->cc, (uint64_t)in_flight + quota);
}

void fs_tcp_recovery_ack(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			 struct fs_tcp_acked *a)
{
	if (a->dsack)
		fs_tcp_rack_dsack(tcp);
	if (original_arrived(tcp, seg, a) || all_spurious(tcp, a))
		undo(tcp);
	if (in_recovery(tcp) && fs_seq_after_eq(tcp->snd_una, tcp->recovery_end))
		leave(tcp);
	if (fs_tcp_has(tcp, FS_TCP_SACK_OK))
		a->lost = fs_tcp_rack_detect(tcp);
	else
		a->lost = count_dupacks(tcp, a);
	if (a->lost && !in_recovery(tcp))
		fs_tcp_recovery_enter(tcp, a->delivered);
	if (tcp->cc.state == FS_TCP_CC_RECOVERY)
		reduce_proportionally(tcp, a);
}

void fs_tcp_recovery_lost(struct fs_tcp *tcp)
{
	if (!fs_tcp_rack_detect(tcp))
		return;
	if (!in_recovery(tcp)) {
		fs_tcp_recovery_enter(tcp, 0);
		fs_tcp_cc_set_cwnd(&tcp->cc, (uint64_t)fs_tcp_in_flight(tcp) + tcp->mss);
	}
	fs_tcp_dirty(tcp);
}

/* RFC 2018 8: the peer may have thrown away what it had SACKed. */
static void forget_sacks(struct fs_tcp *tcp)
{
	for (struct fs_buf *buf = tcp->sendq; buf && buf != tcp->unsent;
	     buf = fs_tcp_seg(buf)->next)
		fs_tcp_seg(buf)->flags &= (uint16_t)~FS_TCP_SEG_SACKED;
	tcp->sacked_bytes = 0;
	tcp->sack_hint = NULL;
	memset(tcp->sacks_seen, 0, sizeof(tcp->sacks_seen));
}

void fs_tcp_recovery_timeout(struct fs_tcp *tcp)
{
	const bool again = tcp->cc.state == FS_TCP_CC_LOSS && tcp->retries > 1;

	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK) ||
	    (tcp->sendq && fs_tcp_seg(tcp->sendq)->flags & FS_TCP_SEG_SACKED))
		forget_sacks(tcp);
	tcp->flags |= FS_TCP_CWR_DUE;
	fs_tcp_cc_rto(&tcp->cc, fs_tcp_outstanding(tcp), fs_tcp_now(tcp), again);
	if (!again)
		begin(tcp);
	tcp->dupacks = 0;
	for (struct fs_buf *buf = tcp->sendq; buf && buf != tcp->unsent;
	     buf = fs_tcp_seg(buf)->next)
		fs_tcp_mark_lost(tcp, buf);
	tcp->flags &= ~(uint32_t)FS_TCP_PROBE_OUT;
	fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_REORDER);
	fs_tcp_dirty(tcp);
}

void fs_tcp_recovery_too_big(struct fs_tcp *tcp)
{
	const struct fs_dst *dst = fs_net_dst_from(tcp->table->host->net, tcp->flow.id.family,
						   tcp->flow.id.remote, tcp->flow.id.local,
						   tcp->flow.scope, fs_tcp_now(tcp));

	if (dst->state != FS_DST_READY && dst->state != FS_DST_WAIT)
		return;
	fs_tcp_conn_set_mss(tcp, dst->mtu);
	if (tcp->flow.state == FS_TCP_SYN_SENT || tcp->flow.state == FS_TCP_SYN_RCVD)
		return;
	fs_tcp_cc_set_smss(&tcp->cc, tcp->mss);
	for (struct fs_buf *buf = tcp->sendq; buf && buf != tcp->unsent;
	     buf = fs_tcp_seg(buf)->next)
		if (fs_tcp_seg(buf)->len > tcp->mss)
			fs_tcp_mark_lost(tcp, buf);
	fs_tcp_dirty(tcp);
}

/* RFC 8985 7.4.2: a probe that repaired a loss is a sign of congestion. */
void fs_tcp_probe_acked(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			const struct fs_tcp_acked *a)
{
	if (!fs_tcp_has(tcp, FS_TCP_PROBE_OUT) || fs_seq_before(seg->ack, tcp->probe_end))
		return;
	if (!fs_tcp_has(tcp, FS_TCP_PROBE_RETRANS) || a->dsack) {
		tcp->flags &= ~(uint32_t)FS_TCP_PROBE_OUT;
		return;
	}
	if (fs_seq_after(seg->ack, tcp->probe_end)) {
		tcp->flags &= ~(uint32_t)FS_TCP_PROBE_OUT;
		if (!in_recovery(tcp)) {
			tcp->flags |= FS_TCP_CWR_DUE;
			fs_tcp_cc_loss(&tcp->cc, a->prior_flight, fs_tcp_now(tcp));
			fs_tcp_cc_exit(&tcp->cc, fs_tcp_in_flight(tcp), fs_tcp_now(tcp));
		}
		return;
	}
	/* Both copies have arrived: the ACK of the second is a duplicate without SACK. */
	if (a->dup && !seg->opts.n_sacks)
		tcp->flags &= ~(uint32_t)FS_TCP_PROBE_OUT;
}
