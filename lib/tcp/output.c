// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c - what may be sent now, and in which order: what was lost, then
 * new data, then a bare ACK if nothing carried it.
 *
 * Three windows hold data back: the peer's, that of congestion control, and
 * the sender's own patience with small segments (RFC 9293 3.7.4, 3.8.6.2.1).
 * Each is asked by one function below.
 */
#include <errno.h>

#include "tcp/conn.h"

static bool may_send_data(const struct fs_tcp *tcp)
{
	switch (tcp->flow.state) {
	case FS_TCP_SYN_RCVD:
		return fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA);
	case FS_TCP_CLOSED:
	case FS_TCP_SYN_SENT:
		return false;
	default:
		return true;
	}
}

/* --- again --------------------------------------------------------------------------- */

int fs_tcp_output_again(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	int err = fs_tcp_xmit_data(tcp, buf);

	if (err == -EMSGSIZE && fs_tcp_sendq_split(tcp, buf, tcp->mss))
		err = fs_tcp_xmit_data(tcp, buf);
	if (err)
		return err;
	if (!(seg->flags & FS_TCP_SEG_RETRANS))
		tcp->retrans_bytes += fs_tcp_seg_span(seg);
	seg->flags |= FS_TCP_SEG_RETRANS | FS_TCP_SEG_EVER_RETRANS;
	fs_tcp_timed_remove(tcp, buf);
	fs_tcp_timed_append(tcp, buf);
	if (!tcp->retrans_ts)
		tcp->retrans_ts = fs_tcp_xmit_tsval(tcp).raw;
	tcp->undo_left++;
	tcp->retransmits++;
	tcp->table->host->stats.tx_tcp_again++;
	fs_tcp_prr_sent(&tcp->prr, seg->len);
	tcp->max_in_flight = MAX(tcp->max_in_flight, fs_tcp_in_flight(tcp));
	return 0;
}

static struct fs_buf *next_lost(struct fs_tcp *tcp)
{
	struct fs_buf *buf = tcp->lost_first;

	for (; buf && buf != tcp->unsent; buf = fs_tcp_seg(buf)->next) {
		const uint16_t flags = fs_tcp_seg(buf)->flags;

		if ((flags & (FS_TCP_SEG_LOST | FS_TCP_SEG_RETRANS)) == FS_TCP_SEG_LOST)
			break;
	}
	tcp->lost_first = buf == tcp->unsent ? NULL : buf;
	return tcp->lost_first;
}

static bool congested(const struct fs_tcp *tcp, uint32_t bytes)
{
	const uint32_t in_flight = fs_tcp_in_flight(tcp);

	return in_flight && in_flight + bytes > tcp->cc.cwnd;
}

static void send_lost(struct fs_tcp *tcp)
{
	struct fs_buf *buf;

	while (tcp->lost_bytes && (buf = next_lost(tcp))) {
		if (congested(tcp, MIN((uint32_t)fs_tcp_seg(buf)->len, (uint32_t)tcp->mss)))
			return;
		if (fs_tcp_output_again(tcp, buf)) {
			fs_tcp_dirty(tcp);	/* no room, or the last copy is still leaving */
			return;
		}
	}
}

/* --- new ----------------------------------------------------------------------------- */

/* How many bytes of it the peer's window takes. */
static uint32_t usable(const struct fs_tcp *tcp, const struct fs_tcp_seg *seg)
{
	const int32_t room = fs_seq_diff(fs_seq_add(tcp->snd_una, tcp->snd_wnd), seg->seq);

	return room > 0 ? (uint32_t)room : 0;
}

/* RFC 9293 3.8.6.2.1: a part is worth sending from half of the largest window on. */
static bool worth_cutting(const struct fs_tcp *tcp, uint32_t room)
{
	return room >= tcp->mss || (room && room >= tcp->max_snd_wnd / 2);
}

/*
 * Nagle as Minshall amended it: a small segment waits while a small one is
 * outstanding. With CORK it waits for more data, or the timer.
 */
static bool too_small(struct fs_tcp *tcp, const struct fs_buf *buf)
{
	const struct fs_tcp_seg *seg = fs_tcp_seg((struct fs_buf *)buf);

	if (seg->len >= tcp->mss || seg->flags & FS_TCP_SEG_FIN || seg->next)
		return false;
	if (fs_tcp_has(tcp, FS_TCP_PUSHED))
		return false;
	if (fs_tcp_has(tcp, FS_TCP_CORKED)) {
		if (!fs_tcp_timer_armed(tcp, FS_TCP_TIMER_CORK))
			fs_tcp_timer_arm(tcp, FS_TCP_TIMER_CORK,
					 fs_tcp_now(tcp) + FS_TCP_CORK_NS);
		return true;
	}
	return !fs_tcp_has(tcp, FS_TCP_NODELAY_ON) && fs_seq_after(tcp->snd_small, tcp->snd_una);
}

static int send_one(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	int err = fs_tcp_xmit_data(tcp, buf);

	if (err)
		return err;
	seg->flags &= FS_TCP_SEG_FIN;
	fs_tcp_timed_append(tcp, buf);
	tcp->unsent = seg->next;
	tcp->flow.snd_nxt = fs_tcp_seg_end(seg);
	if (seg->len && seg->len < tcp->mss)
		tcp->snd_small = tcp->flow.snd_nxt;
	fs_tcp_prr_sent(&tcp->prr, seg->len);
	tcp->max_in_flight = MAX(tcp->max_in_flight, fs_tcp_in_flight(tcp));
	return 0;
}

/* Cut so that it can go; false: it cannot. */
static bool fits(struct fs_tcp *tcp, struct fs_buf *buf)
{
	const struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	const uint32_t room = usable(tcp, seg);

	if (seg->flags & FS_TCP_SEG_CUT && seg->len < tcp->mss)
		fs_tcp_sendq_fill(tcp, buf, tcp->mss);
	if (seg->len > tcp->mss && !fs_tcp_sendq_split(tcp, buf, tcp->mss))
		return false;
	if (fs_tcp_seg_span(seg) <= room)
		return true;
	/* A FIN that does not fit is no reason to hold its data. */
	if (seg->len && room >= seg->len)
		return fs_tcp_sendq_split(tcp, buf, seg->len);
	if (!worth_cutting(tcp, room) || seg->len < 2)
		return false;
	return fs_tcp_sendq_split(tcp, buf, room);
}

static void after_idle(struct fs_tcp *tcp)
{
	if (!fs_tcp_outstanding(tcp))
		fs_tcp_cc_idle(&tcp->cc, fs_tcp_now(tcp) - tcp->last_tx_ns,
			       fs_tcp_rto_ns(&tcp->rtt), fs_tcp_now(tcp));
}

static void send_new(struct fs_tcp *tcp)
{
	struct fs_buf *buf;
	int err;

	if (!tcp->unsent)
		return;
	after_idle(tcp);
	while ((buf = tcp->unsent)) {
		if (!fits(tcp, buf) || congested(tcp, fs_tcp_seg(buf)->len) ||
		    too_small(tcp, buf))
			break;
		err = send_one(tcp, buf);
		if (err == -EMSGSIZE)
			continue;	/* the path has changed: cut anew */
		if (err) {
			if (err == -EAGAIN)
				fs_tcp_dirty(tcp);
			break;
		}
	}
	if (!tcp->unsent) {
		tcp->flags &= ~(uint32_t)FS_TCP_PUSHED;
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_CORK);
	}
}

bool fs_tcp_output_forced(struct fs_tcp *tcp)
{
	struct fs_buf *buf = tcp->unsent;
	uint32_t room;

	if (!buf || !may_send_data(tcp))
		return false;
	room = usable(tcp, fs_tcp_seg(buf));
	room = MIN(room, (uint32_t)tcp->mss);
	if (!room)
		return false;
	if (fs_tcp_seg(buf)->len > room && !fs_tcp_sendq_split(tcp, buf, room))
		return false;
	return !send_one(tcp, buf);
}

static void first_syn(struct fs_tcp *tcp)
{
	if (fs_tcp_timer_armed(tcp, FS_TCP_TIMER_RTO))
		return;
	fs_tcp_xmit_syn(tcp);
	fs_tcp_timer_arm(tcp, FS_TCP_TIMER_RTO, fs_tcp_now(tcp) + fs_tcp_rto_ns(&tcp->rtt));
}

/* Without room it goes later; without a route the peer will ask again. */
static void send_ack(struct fs_tcp *tcp)
{
	const int err = fs_tcp_xmit_ack(tcp);

	if (err == -EAGAIN || err == -ENOBUFS)
		fs_tcp_dirty(tcp);
	else
		tcp->flags &= ~(uint32_t)FS_TCP_ACK_NOW;
}

void fs_tcp_output(struct fs_tcp *tcp)
{
	const seq32 before = tcp->flow.snd_nxt;
	const uint32_t again = tcp->retransmits;

	if (tcp->flow.state == FS_TCP_SYN_SENT)
		first_syn(tcp);
	if (tcp->flow.state == FS_TCP_SYN_SENT || tcp->flow.state == FS_TCP_CLOSED)
		return;
	if (may_send_data(tcp)) {
		if (fs_tcp_has(tcp, FS_TCP_SHUT_WR) && !fs_tcp_has(tcp, FS_TCP_FIN_QUEUED) &&
		    tcp->flow.state != FS_TCP_SYN_RCVD && fs_tcp_sendq_fin(tcp))
			fs_tcp_dirty(tcp);	/* no frame for it now */
		if (tcp->lost_bytes)
			send_lost(tcp);
		send_new(tcp);
	}
	if (fs_tcp_has(tcp, FS_TCP_ACK_NOW))
		send_ack(tcp);
	if (!fs_seq_eq(before, tcp->flow.snd_nxt) || again != tcp->retransmits || tcp->unsent)
		fs_tcp_timers_sent(tcp);
}
