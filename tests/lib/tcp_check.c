// SPDX-License-Identifier: BSD-2-Clause
#include "tests/lib/tcp_check.h"
#include "tcp/ooo.h"
#include "tcp/timewait.h"

const struct fs_tcp *tcp_check_last;

#define SO(condition, sentence)		\
	do {				\
		if (!(condition))	\
			return sentence; \
	} while (0)

struct sums {
	uint32_t sacked, lost, retrans, timed;
};

/* A segment in flight: which list, which sum. */
static const char *check_sent(const struct fs_tcp_seg *seg, struct sums *sums)
{
	const uint32_t span = fs_tcp_seg_span(seg);
	const bool sacked = seg->flags & FS_TCP_SEG_SACKED, lost = seg->flags & FS_TCP_SEG_LOST;
	const bool again = seg->flags & FS_TCP_SEG_RETRANS;
	const bool timed = seg->flags & FS_TCP_SEG_TIMED;

	SO(!(sacked && (lost || again)), "a segment is SACKed and lost");
	SO(timed == (!sacked && (!lost || again)), "what is in flight is not what is timed");
	sums->sacked += sacked ? span : 0;
	sums->lost += lost ? span : 0;
	sums->retrans += again ? span : 0;
	sums->timed += timed;
	return NULL;
}

static const char *check_timed(const struct fs_tcp *tcp, uint32_t expected)
{
	const struct fs_buf *before = NULL;
	uint32_t n = 0;

	for (struct fs_buf *buf = tcp->sent_first; buf; buf = fs_tcp_seg(buf)->later) {
		const struct fs_tcp_seg *seg = fs_tcp_seg(buf);

		SO(n++ < expected, "the list by transmission is too long");
		SO(seg->earlier == before, "the list by transmission is broken");
		SO(!before || fs_tcp_seg((struct fs_buf *)before)->tx_ns <= seg->tx_ns,
		   "the list by transmission is out of order");
		before = buf;
	}
	SO(tcp->sent_last == before, "the list by transmission has another end");
	SO(n == expected, "the list by transmission is too short");
	return NULL;
}

static const char *check_sums(const struct fs_tcp *tcp, const struct sums *sums)
{
	const uint32_t outstanding = fs_tcp_outstanding(tcp);

	if (fs_tcp_has(tcp, FS_TCP_SACK_OK))
		SO(tcp->sacked_bytes == sums->sacked, "sacked_bytes is wrong");
	SO(tcp->lost_bytes == sums->lost, "lost_bytes is wrong");
	SO(tcp->retrans_bytes == sums->retrans, "retrans_bytes is wrong");
	SO(tcp->sacked_bytes + tcp->lost_bytes <= outstanding + tcp->retrans_bytes,
	   "more is in flight than nothing");
	SO(tcp->sacked_bytes <= outstanding, "more is SACKed than outstanding");
	return check_timed(tcp, sums->timed);
}

static const char *check_sendq(const struct fs_tcp *tcp, struct tcp_frames *frames)
{
	const bool syn = fs_seq_eq(tcp->snd_una, tcp->iss);
	seq32 at = syn ? fs_seq_add(tcp->iss, 1) : tcp->snd_una;
	bool unsent = false, after_lost = !tcp->lost_first;
	struct sums sums = { 0 };
	const struct fs_buf *last = NULL;
	const char *wrong;

	for (struct fs_buf *buf = tcp->sendq; buf; buf = fs_tcp_seg(buf)->next) {
		const struct fs_tcp_seg *seg = fs_tcp_seg(buf);

		SO(buf->state == FS_BUF_UNACKED && buf->holders, "a frame of the send queue is not");
		SO(fs_seq_eq(seg->seq, at), "the send queue has a hole");
		SO(fs_tcp_seg_span(seg), "the send queue has an empty segment");
		SO(seg->payload_off + seg->len <= buf->room, "a segment leaves its frame");
		if (buf == tcp->unsent) {
			SO(fs_seq_eq(at, tcp->flow.snd_nxt), "unsent is not at SND.NXT");
			unsent = true;
		}
		after_lost |= buf == tcp->lost_first;
		if (unsent)
			SO(!(seg->flags & ~(FS_TCP_SEG_FIN | FS_TCP_SEG_CUT)), "unsent, and marked");
		else if ((wrong = check_sent(seg, &sums)))
			return wrong;
		if ((seg->flags & (FS_TCP_SEG_LOST | FS_TCP_SEG_RETRANS)) == FS_TCP_SEG_LOST)
			SO(after_lost && tcp->lost_first, "lost_first passes one over");
		at = fs_tcp_seg_end(seg);
		last = buf;
		frames->unacked++;
	}
	SO(unsent == !!tcp->unsent, "unsent is not in the send queue");
	SO(tcp->sendq_tail == last, "the send queue has another end");
	SO(fs_seq_eq(at, tcp->snd_end), "the send queue ends elsewhere");
	SO(unsent || syn || fs_seq_eq(at, tcp->flow.snd_nxt), "what was sent is not in the queue");
	return check_sums(tcp, &sums);
}

static const char *check_ooo(const struct fs_tcp *tcp, struct tcp_frames *frames)
{
	const struct fs_tcp_ooo *ooo = tcp->ooo;
	const struct fs_buf *last = NULL;
	uint32_t n = 0;

	if (!ooo)
		return NULL;
	SO(ooo->head || ooo->has_dsack || fs_tcp_has(tcp, FS_TCP_FIN_AHEAD), "nothing is out of order");
	for (struct fs_buf *buf = ooo->head; buf; buf = fs_tcp_seg(buf)->next) {
		const seq32 seq = fs_tcp_seg(buf)->seq;

		SO(buf->state == FS_BUF_RX, "a frame out of order is not");
		SO(fs_seq_after(seq, tcp->flow.rcv_nxt), "out of order, and in order");
		SO(!last || fs_seq_before_eq(fs_tcp_seg((struct fs_buf *)last)->seq, seq),
		   "frames out of order are");
		SO(fs_tcp_ranges_contains(&ooo->ranges, seq, fs_seq_add(seq, buf->len)),
		   "a frame out of order is in no range");
		n++;
		last = buf;
	}
	SO(ooo->tail == last && ooo->bufs == n, "the frames out of order are not counted");
	frames->rx += n;
	return NULL;
}

static const char *check_rcvq(const struct fs_tcp *tcp, struct tcp_frames *frames)
{
	const struct fs_buf *last = NULL;
	uint32_t bytes = 0;

	for (struct fs_buf *buf = tcp->rxq; buf; buf = buf->next) {
		SO(buf->state == FS_BUF_RX && buf->len, "a received frame is none");
		SO(buf->data >= buf->area && buf->data + buf->len <= buf->area + buf->room,
		   "a received frame leaves its room");
		bytes += buf->len;
		last = buf;
		frames->rx++;
	}
	SO(tcp->rxq_tail == last, "the receive queue has another end");
	SO(tcp->rx_bytes == bytes, "rx_bytes is wrong");
	return check_ooo(tcp, frames);
}

/* Whoever waits for something has a timer, or his turn next. */
static const char *check_waiting(const struct fs_tcp *tcp)
{
	for (int i = 0; i < FS_TCP_TIMER_COUNT; i++)
		SO(tcp->due_ns[i] == FS_NEVER || (fs_timer_armed(&tcp->timer) &&
		   tcp->timer.expires_ns <= MAX(tcp->due_ns[i], fs_tcp_now(tcp)) +
						FS_TIMER_TICK_NS),
		   "an event is due and no timer runs");
	if (fs_tcp_has(tcp, FS_TCP_DIRTY))
		return NULL;
	SO(!fs_tcp_outstanding(tcp) || fs_tcp_timer_armed(tcp, FS_TCP_TIMER_RTO),
	   "data is outstanding and no RTO runs");
	SO(!tcp->unsent || fs_tcp_timer_armed(tcp, FS_TCP_TIMER_RTO) ||
	   fs_tcp_timer_armed(tcp, FS_TCP_TIMER_PERSIST) ||
	   fs_tcp_timer_armed(tcp, FS_TCP_TIMER_CORK),
	   "data waits and no timer runs");
	SO(!fs_tcp_has(tcp, FS_TCP_SHUT_WR) || fs_tcp_has(tcp, FS_TCP_FIN_QUEUED) ||
	   tcp->flow.state <= FS_TCP_SYN_RCVD, "the FIN has been forgotten");
	return NULL;
}

const char *tcp_check(const struct fs_tcp *tcp, struct tcp_frames *frames)
{
	const char *wrong = check_rcvq(tcp, frames);

	if (wrong)
		return wrong;
	if (tcp->flow.state == FS_TCP_CLOSED) {
		SO(!tcp->sendq && !tcp->ooo, "a closed connection has something to do");
		SO(!fs_timer_armed(&tcp->timer), "a closed connection has a timer");
		return NULL;
	}
	SO(fs_seq_before_eq(tcp->snd_una, tcp->flow.snd_nxt), "SND.UNA is beyond SND.NXT");
	SO(fs_seq_before_eq(tcp->flow.snd_nxt, tcp->snd_end), "SND.NXT is beyond the end");
	SO(tcp->flow.state == FS_TCP_SYN_SENT ||
	   fs_seq_span(tcp->flow.rcv_nxt, fs_seq_max(tcp->rcv_adv, tcp->flow.rcv_nxt)) <=
	   FS_TCP_BUF_MAX + (1u << tcp->rcv_wscale), "the window is larger than any buffer");
	SO(tcp->mss, "there is no MSS");
	wrong = check_sendq(tcp, frames);
	return wrong ? wrong : check_waiting(tcp);
}

const char *tcp_check_all(const struct fs_tcp_table *table, struct tcp_frames *frames)
{
	const struct fs_tcp_flow *flow;
	const char *wrong;
	uint64_t cursor = 0;
	uint32_t n = 0;

	*frames = (struct tcp_frames){ 0 };
	tcp_check_last = NULL;
	for (; (flow = fs_tcp_flow_any(&table->flows, &cursor)); cursor++) {
		for (; flow; flow = flow->chain) {
			n++;
			if (flow->state == FS_TCP_TIME_WAIT)
				continue;
			tcp_check_last = container_of(flow, struct fs_tcp, flow);
			wrong = tcp_check(tcp_check_last, frames);
			if (wrong)
				return wrong;
		}
	}
	SO(n == table->flows.count, "the flows are not counted");
	for (const struct fs_tcp *tcp = table->ended; tcp; tcp = tcp->dirty_next) {
		SO(tcp->flow.state == FS_TCP_CLOSED, "an ended connection has not ended");
		wrong = tcp_check(tcp, frames);
		if (wrong)
			return wrong;
		n++;
	}
	SO(table->conns.used + table->timewaits.used == n, "a connection is nowhere");
	return NULL;
}

const char *tcp_check_empty(const struct fs_tcp_table *table)
{
	SO(!table->flows.count, "a flow is left");
	SO(!table->conns.used, "a connection is left");
	SO(!table->timewaits.used, "a TIME-WAIT entry is left");
	SO(!table->ooos.used, "something out of order is left");
	SO(!table->dirty && !table->withheld && !table->ended, "a list is not empty");
	SO(fs_timer_wheel_empty(table->wheel), "a timer is left");
	return NULL;
}
