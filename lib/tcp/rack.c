// SPDX-License-Identifier: BSD-2-Clause
/*
 * rack.c - which segments are lost, by the time they were sent (RFC 8985 6).
 *
 *	sent_first                                   sent_last
 *	   |  sent before the one delivered last  |  after it   |
 *	  [seg][seg][seg] ........ RACK.xmit_ns ...[seg][seg][seg]
 *	   lost once  RACK.rtt + reordering window  have passed
 *
 * The list holds what is in flight, in the order of the last transmission;
 * a segment leaves it when it is acknowledged, SACKed or deemed lost.
 */
#include "tcp/conn.h"

enum {
	REO_WND_MULT_MAX = 20,		/* bounds the window at about the RTT times five */
	REO_WND_PERSIST = 16,		/* RFC 8985 6.2 step 4 */
};

void fs_tcp_timed_append(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);

	seg->flags |= FS_TCP_SEG_TIMED;
	seg->later = NULL;
	seg->earlier = tcp->sent_last;
	if (tcp->sent_last)
		fs_tcp_seg(tcp->sent_last)->later = buf;
	else
		tcp->sent_first = buf;
	tcp->sent_last = buf;
}

static bool sent_after(uint64_t a_ns, seq32 a_end, uint64_t b_ns, seq32 b_end)
{
	return a_ns > b_ns || (a_ns == b_ns && fs_seq_after(a_end, b_end));
}

static bool goes_before(const struct fs_tcp_seg *seg, const struct fs_buf *other)
{
	const struct fs_tcp_seg *o = fs_tcp_seg((struct fs_buf *)other);

	return sent_after(o->tx_ns, fs_tcp_seg_end(o), seg->tx_ns, fs_tcp_seg_end(seg));
}

/*
 * Many are put back in stream order, which is nearly that of their times:
 * the search begins at the one before.
 */
void fs_tcp_timed_insert(struct fs_tcp *tcp, struct fs_buf *buf, struct fs_buf *hint)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	struct fs_buf *at = hint ? hint : tcp->sent_first;

	while (at && !goes_before(seg, at))
		at = fs_tcp_seg(at)->later;
	if (!at) {
		fs_tcp_timed_append(tcp, buf);
		return;
	}
	while (fs_tcp_seg(at)->earlier && goes_before(seg, fs_tcp_seg(at)->earlier))
		at = fs_tcp_seg(at)->earlier;
	seg->flags |= FS_TCP_SEG_TIMED;
	seg->later = at;
	seg->earlier = fs_tcp_seg(at)->earlier;
	if (seg->earlier)
		fs_tcp_seg(seg->earlier)->later = buf;
	else
		tcp->sent_first = buf;
	fs_tcp_seg(at)->earlier = buf;
}

void fs_tcp_timed_remove(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);

	if (!(seg->flags & FS_TCP_SEG_TIMED))
		return;
	seg->flags &= (uint16_t)~FS_TCP_SEG_TIMED;
	if (seg->earlier)
		fs_tcp_seg(seg->earlier)->later = seg->later;
	else
		tcp->sent_first = seg->later;
	if (seg->later)
		fs_tcp_seg(seg->later)->earlier = seg->earlier;
	else
		tcp->sent_last = seg->earlier;
}

void fs_tcp_mark_lost(struct fs_tcp *tcp, struct fs_buf *buf)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	const uint32_t span = fs_tcp_seg_span(seg);

	if (seg->flags & FS_TCP_SEG_SACKED)
		return;
	if (seg->flags & FS_TCP_SEG_RETRANS)
		tcp->retrans_bytes -= span;
	if (!(seg->flags & FS_TCP_SEG_LOST))
		tcp->lost_bytes += span;
	seg->flags &= (uint16_t)~FS_TCP_SEG_RETRANS;
	seg->flags |= FS_TCP_SEG_LOST;
	fs_tcp_timed_remove(tcp, buf);
	if (!tcp->lost_first || fs_seq_before(seg->seq, fs_tcp_seg(tcp->lost_first)->seq))
		tcp->lost_first = buf;
}

static uint64_t min_rtt(const struct fs_tcp *tcp)
{
	return fs_tcp_min_rtt_ns(&tcp->rtt.min, fs_tcp_now(tcp));
}

void fs_tcp_rack_delivered(struct fs_tcp *tcp, const struct fs_tcp_seg *seg)
{
	struct fs_tcp_rack *rack = &tcp->rack;
	const seq32 end = fs_tcp_seg_end(seg);
	const uint64_t rtt_ns = fs_tcp_now(tcp) - seg->tx_ns;

	if (fs_seq_after(end, rack->fack))
		rack->fack = end;
	else if (fs_seq_before(end, rack->fack) && !(seg->flags & FS_TCP_SEG_EVER_RETRANS))
		tcp->flags |= FS_TCP_REORDER_SEEN;
	/* Which of its transmissions arrived? Too soon for the last one. */
	if (seg->flags & FS_TCP_SEG_EVER_RETRANS && rtt_ns < min_rtt(tcp) &&
	    min_rtt(tcp) != FS_NEVER)
		return;
	rack->rtt_ns = rtt_ns;
	if (sent_after(seg->tx_ns, end, rack->xmit_ns, rack->end_seq)) {
		rack->xmit_ns = seg->tx_ns;
		rack->end_seq = end;
	}
}

/* RFC 8985 6.2 step 4. */
static uint64_t reordering_window(const struct fs_tcp *tcp)
{
	const uint64_t rtt_ns = min_rtt(tcp);

	if (!fs_tcp_has(tcp, FS_TCP_REORDER_SEEN) &&
	    (tcp->cc.state != FS_TCP_CC_OPEN ||
	     tcp->sacked_bytes >= FS_TCP_DUPTHRESH * (uint32_t)tcp->mss))
		return 0;
	if (rtt_ns == FS_NEVER)
		return 0;
	return MIN(tcp->rack.reo_wnd_mult * rtt_ns / 4, tcp->rtt.srtt_ns);
}

uint32_t fs_tcp_rack_detect(struct fs_tcp *tcp)
{
	const struct fs_tcp_rack *rack = &tcp->rack;
	const uint64_t now_ns = fs_tcp_now(tcp), window_ns = reordering_window(tcp);
	const uint32_t before = tcp->lost_bytes - tcp->retrans_bytes;
	uint64_t wait_until_ns = 0;
	struct fs_buf *buf, *later;

	for (buf = tcp->sent_first; buf; buf = later) {
		const struct fs_tcp_seg *seg = fs_tcp_seg(buf);
		const uint64_t lost_ns = seg->tx_ns + rack->rtt_ns + window_ns;

		later = seg->later;
		if (!sent_after(rack->xmit_ns, rack->end_seq, seg->tx_ns, fs_tcp_seg_end(seg)))
			break;
		if (lost_ns <= now_ns)
			fs_tcp_mark_lost(tcp, buf);
		else
			wait_until_ns = MAX(wait_until_ns, lost_ns);
	}
	if (wait_until_ns)
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_REORDER, wait_until_ns);
	else
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_REORDER);
	return tcp->lost_bytes - tcp->retrans_bytes - before;
}

/* Once for each round trip. */
void fs_tcp_rack_dsack(struct fs_tcp *tcp)
{
	struct fs_tcp_rack *rack = &tcp->rack;

	rack->reo_wnd_persist = REO_WND_PERSIST;
	if (fs_seq_before(tcp->snd_una, rack->dsack_round))
		return;
	rack->dsack_round = tcp->flow.snd_nxt;
	if (rack->reo_wnd_mult < REO_WND_MULT_MAX)
		rack->reo_wnd_mult++;
}

void fs_tcp_rack_recovered(struct fs_tcp *tcp)
{
	if (tcp->rack.reo_wnd_persist && !--tcp->rack.reo_wnd_persist)
		tcp->rack.reo_wnd_mult = 1;
}
