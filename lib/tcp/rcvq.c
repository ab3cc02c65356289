// SPDX-License-Identifier: BSD-2-Clause
/*
 * rcvq.c - payload from a segment to the receive queue: cut to what is new
 * and inside the window, in order at once, out of order by way of ooo.c.
 *
 * Small pieces are joined to the frame before them while the application has
 * not taken it: a peer that sends single bytes must not hold a frame for each.
 */
#include "tcp/conn.h"

enum {
	JOIN_MAX = 512,
	UNREAD_SEGS = 4,	/* that a connection may have while memory is nearly gone */
};

static bool join(struct fs_tcp *tcp, const struct fs_buf *buf)
{
	struct fs_buf *tail = tcp->rxq_tail;

	if (!tail || (buf->len > JOIN_MAX && buf->kind == FS_BUF_FRAME) ||
	    (size_t)(tail->data - tail->area) + tail->len + buf->len > tail->room)
		return false;
	memcpy(tail->data + tail->len, buf->data, buf->len);
	tail->len += buf->len;
	return true;
}

void fs_tcp_rcvq_append(struct fs_tcp *tcp, struct fs_buf *buf)
{
	tcp->rx_bytes += buf->len;
	tcp->bytes_received += buf->len;
	fs_tcp_tell(tcp, FS_NEWS_READABLE);
	if (join(tcp, buf)) {
		fs_pool_put(buf);
		return;
	}
	buf->next = NULL;
	if (tcp->rxq_tail)
		tcp->rxq_tail->next = buf;
	else
		tcp->rxq = buf;
	tcp->rxq_tail = buf;
}

void fs_tcp_rcvq_flush(struct fs_tcp *tcp)
{
	struct fs_buf *next;

	for (struct fs_buf *buf = tcp->rxq; buf; buf = next) {
		next = buf->next;
		fs_pool_put(buf);
	}
	tcp->rxq = tcp->rxq_tail = NULL;
	tcp->rx_bytes = 0;
}

/* A FIN counts when all before it is here: remember where it stands. */
static void note_fin(struct fs_tcp *tcp, seq32 at)
{
	if (fs_tcp_has(tcp, FS_TCP_FIN_RCVD | FS_TCP_FIN_AHEAD) ||
	    fs_seq_after(at, tcp->rcv_adv) || fs_seq_before(at, tcp->flow.rcv_nxt))
		return;
	tcp->flags |= FS_TCP_FIN_AHEAD;
	tcp->fin_seq = at;
}

static void in_order(struct fs_tcp *tcp, struct fs_buf *buf)
{
	const uint32_t len = buf->len;

	tcp->flow.rcv_nxt = fs_seq_add(tcp->flow.rcv_nxt, len);
	fs_tcp_rcvq_append(tcp, buf);
	if (tcp->ooo) {
		/* Still a hole, or one has just been filled: RFC 9293 3.8.6.3. */
		fs_tcp_ooo_drain(tcp);
		fs_tcp_ack_now(tcp);
		return;
	}
	fs_tcp_window_acks(tcp, len);
}

static void take_payload(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const struct fs_wire_tcp *seg = &rx->seg;
	const seq32 end = fs_seq_add(seg->seq, seg->payload_len);
	seq32 from = fs_seq_max(seg->seq, tcp->flow.rcv_nxt), to = end;
	struct fs_buf *buf = rx->buf;

	if (fs_seq_after(to, tcp->rcv_adv))
		to = tcp->rcv_adv;
	if (fs_tcp_has(tcp, FS_TCP_FIN_AHEAD))
		to = fs_seq_min(to, tcp->fin_seq);
	if (seg->payload_len && fs_seq_before(seg->seq, tcp->flow.rcv_nxt))
		fs_tcp_ooo_duplicate(tcp, seg->seq, fs_seq_min(end, tcp->flow.rcv_nxt));
	if (!fs_seq_before(from, to)) {
		if (seg->payload_len) {
			tcp->table->host->stats.rx_drop_window++;
			fs_tcp_ack_now(tcp);
		}
		return;
	}
	if (unlikely(tcp->rx_bytes > UNREAD_SEGS * (uint32_t)tcp->rcv_mss &&
		     fs_tcp_starving(tcp->table))) {
		tcp->table->host->stats.rx_drop_pressure++;
		return;
	}
	buf->data += seg->payload_off + fs_seq_span(seg->seq, from);
	buf->len = fs_seq_span(from, to);
	buf->tos = rx->frame->tos;
	buf->ttl = rx->frame->ttl;
	rx->buf = NULL;
	buf = fs_pool_set_aside(buf);
	if (fs_seq_eq(from, tcp->flow.rcv_nxt)) {
		in_order(tcp, buf);
	} else {
		fs_tcp_ooo_insert(tcp, buf, from);
		fs_tcp_ack_now(tcp);
	}
}

void fs_tcp_rcvq_data(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const bool fin = rx->seg.flags & FS_TCP_F_FIN;

	if (fin) {
		note_fin(tcp, fs_seq_add(rx->seg.seq, rx->seg.payload_len));
		fs_tcp_ack_now(tcp);
	}
	take_payload(tcp, rx);
	/* Its number counts as a byte does, else its segment is never SACKed. */
	if (fin && fs_tcp_has(tcp, FS_TCP_FIN_AHEAD) &&
	    fs_seq_after(tcp->fin_seq, tcp->flow.rcv_nxt))
		fs_tcp_ooo_fin(tcp);
}
