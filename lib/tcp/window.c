// SPDX-License-Identifier: BSD-2-Clause
/*
 * window.c - what the peer may send, and when it hears of it.
 *
 *	rcv_acked    rcv_nxt                     rcv_adv
 *	    |  to be    |   told, may come any time  |  would fit
 *	    |  ACKed    |                            |  (not told yet)
 *
 * The right edge never moves back (RFC 9293 3.8.6). It moves on in steps
 * worth a segment (3.8.6.2.2), and not at all while memory is short.
 */
#include "tcp/conn.h"

enum {
	ROUND_NS_WITHOUT_RTT = 10 * 1000 * 1000,
};

static uint32_t told(const struct fs_tcp *tcp)
{
	return fs_seq_after(tcp->rcv_adv, tcp->flow.rcv_nxt) ?
		fs_seq_span(tcp->flow.rcv_nxt, tcp->rcv_adv) : 0;
}

static uint32_t space(const struct fs_tcp *tcp)
{
	const uint32_t free = tcp->rcvbuf > tcp->rx_bytes ? tcp->rcvbuf - tcp->rx_bytes : 0;

	return MIN(free, (uint32_t)UINT16_MAX << tcp->rcv_wscale);
}

uint32_t fs_tcp_window_now(const struct fs_tcp *tcp)
{
	const uint32_t before = told(tcp);
	const uint32_t step = MIN(tcp->rcvbuf / 2, (uint32_t)tcp->rcv_mss);

	uint32_t window = space(tcp);

	/* Memory is short: just enough to go on, for who has taken all it got. */
	if (unlikely(fs_tcp_pressure(tcp->table)))
		window = tcp->rx_bytes ? 0 : MIN(window, 4u * tcp->rcv_mss);
	return window < before + step ? before : window;
}

void fs_tcp_window_withhold(struct fs_tcp *tcp)
{
	struct fs_tcp_table *table = tcp->table;

	if (fs_tcp_has(tcp, FS_TCP_WITHHELD) || tcp->flow.state < FS_TCP_ESTABLISHED)
		return;
	tcp->flags |= FS_TCP_WITHHELD;
	tcp->withheld_at = &table->withheld;
	tcp->withheld_next = table->withheld;
	if (table->withheld)
		table->withheld->withheld_at = &tcp->withheld_next;
	table->withheld = tcp;
	table->host->stats.rx_pressure++;
}

void fs_tcp_window_not_withheld(struct fs_tcp *tcp)
{
	if (!fs_tcp_has(tcp, FS_TCP_WITHHELD))
		return;
	tcp->flags &= ~(uint32_t)FS_TCP_WITHHELD;
	*tcp->withheld_at = tcp->withheld_next;
	if (tcp->withheld_next)
		tcp->withheld_next->withheld_at = tcp->withheld_at;
}

/*
 * In units of the window scale. Rounded up, for the edge told before must not
 * move back; but down once the buffer holds less than was told, or a peer whose
 * segments are no multiple of the unit would gain a part of one with each ACK.
 */
static uint32_t in_units(const struct fs_tcp *tcp, uint32_t window)
{
	const uint32_t unit = 1u << tcp->rcv_wscale;

	if (window <= space(tcp))
		window += unit - 1;
	return MIN(window >> tcp->rcv_wscale, (uint32_t)UINT16_MAX);
}

uint32_t fs_tcp_window_tell(struct fs_tcp *tcp)
{
	const uint32_t field = in_units(tcp, fs_tcp_window_now(tcp));
	const seq32 edge = fs_seq_add(tcp->flow.rcv_nxt, field << tcp->rcv_wscale);

	if (unlikely(fs_tcp_pressure(tcp->table)))
		fs_tcp_window_withhold(tcp);
	tcp->rcv_adv = fs_seq_max(tcp->rcv_adv, edge);
	return field << tcp->rcv_wscale;
}

void fs_tcp_window_pressure_over(struct fs_tcp_table *table)
{
	struct fs_tcp *tcp;

	while ((tcp = table->withheld)) {
		fs_tcp_window_not_withheld(tcp);
		if (fs_tcp_window_now(tcp) > told(tcp))
			fs_tcp_ack_now(tcp);
		if (fs_tcp_has(tcp, FS_TCP_WANT_SPACE) && fs_tcp_sendq_space(tcp)) {
			tcp->flags &= ~(uint32_t)FS_TCP_WANT_SPACE;
			fs_tcp_tell(tcp, FS_NEWS_WRITABLE);
		}
	}
}

/*
 * The buffer follows what the application takes in a round trip: twice of
 * that, so that the sender's window can double.
 */
static void tune(struct fs_tcp *tcp, uint32_t bytes)
{
	const uint64_t now_ns = fs_tcp_now(tcp);
	const uint64_t round_ns = tcp->rtt.srtt_ns ? tcp->rtt.srtt_ns : ROUND_NS_WITHOUT_RTT;
	uint64_t want;

	tcp->rcv_copied += bytes;
	if (now_ns - tcp->rcv_round_ns < round_ns)
		return;
	want = 2ull * tcp->rcv_copied + 16ull * tcp->rcv_mss;
	tcp->rcv_copied = 0;
	tcp->rcv_round_ns = now_ns;
	if (!fs_tcp_has(tcp, FS_TCP_RCVBUF_SET))
		fs_tcp_grow(tcp->table, &tcp->rcvbuf, want);
}

void fs_tcp_window_taken(struct fs_tcp *tcp, uint32_t bytes)
{
	uint32_t gain;

	tcp->rx_bytes -= bytes;
	if (tcp->flow.state == FS_TCP_CLOSED)
		return;
	tune(tcp, bytes);
	gain = fs_tcp_window_now(tcp) - told(tcp);
	if (gain >= MIN(tcp->rcvbuf / 2, 2u * tcp->rcv_mss) &&
	    (gain >= tcp->rcvbuf / 4 || told(tcp) < 2u * tcp->rcv_mss))
		fs_tcp_ack_now(tcp);
}

void fs_tcp_window_acks(struct fs_tcp *tcp, uint32_t len)
{
	const uint32_t unacked = fs_seq_span(tcp->rcv_acked, tcp->flow.rcv_nxt);

	if (len > tcp->rcv_mss)
		tcp->rcv_mss = (uint16_t)MIN(len, UINT16_MAX);
	if (fs_tcp_has(tcp, FS_TCP_QUICKACK_ON) || unacked > tcp->rcv_mss) {
		fs_tcp_ack_now(tcp);
	} else if (tcp->quickacks) {
		tcp->quickacks--;
		fs_tcp_ack_now(tcp);
	} else if (!fs_tcp_timer_armed(tcp, FS_TCP_TIMER_DELACK)) {
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_DELACK, fs_tcp_now(tcp) + FS_TCP_DELACK_NS);
	}
}
