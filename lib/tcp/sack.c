// SPDX-License-Identifier: BSD-2-Clause
/*
 * sack.c - what the peer has beyond SND.UNA (RFC 2018 5, RFC 2883 5): marks on
 * the segments of the send queue, and no structure beside it.
 */
#include "tcp/conn.h"

/* RFC 2883 4: the first block tells of bytes that arrived twice. */
static bool is_dsack(const struct fs_wire_tcp *seg)
{
	const struct fs_seq_range *first = &seg->opts.sacks[0], *second = first + 1;

	if (fs_seq_before_eq(first->to, seg->ack))
		return true;
	return seg->opts.n_sacks > 1 && fs_seq_after_eq(first->from, second->from) &&
	       fs_seq_before_eq(first->to, second->to);
}

static void mark(struct fs_tcp *tcp, struct fs_buf *buf, struct fs_tcp_acked *a)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf);
	const uint32_t span = fs_tcp_seg_span(seg);

	if (seg->flags & FS_TCP_SEG_LOST)
		tcp->lost_bytes -= span;
	if (seg->flags & FS_TCP_SEG_RETRANS)
		tcp->retrans_bytes -= span;
	seg->flags &= (uint16_t)~(FS_TCP_SEG_LOST | FS_TCP_SEG_RETRANS);
	seg->flags |= FS_TCP_SEG_SACKED;
	tcp->sacked_bytes += span;
	a->delivered += span;
	if (!(seg->flags & FS_TCP_SEG_EVER_RETRANS))
		a->cc_rtt_ns = MAX(fs_tcp_now(tcp) - seg->tx_ns, 1ull);
	fs_tcp_timed_remove(tcp, buf);
	fs_tcp_rack_delivered(tcp, seg);
	tcp->sack_hint = buf;
}

/* Blocks come again with each ACK, a little longer: where this one is new. */
static seq32 new_from(const struct fs_tcp *tcp, const struct fs_seq_range *block)
{
	for (int i = 0; i < FS_TCP_SACKS_MAX; i++) {
		const struct fs_seq_range *seen = &tcp->sacks_seen[i];

		if (fs_seq_before_eq(seen->from, block->from) &&
		    fs_seq_before(block->from, seen->to))
			return seen->to;
	}
	return block->from;
}

static struct fs_buf *first_to_mark(const struct fs_tcp *tcp, seq32 from)
{
	struct fs_buf *hint = tcp->sack_hint;

	return hint && fs_seq_before_eq(fs_tcp_seg(hint)->seq, from) ? hint : tcp->sendq;
}

/* Segments are marked whole: a block that ends within one says nothing of it. */
static void mark_block(struct fs_tcp *tcp, const struct fs_seq_range *block,
		       struct fs_tcp_acked *a)
{
	const seq32 from = new_from(tcp, block);

	if (!fs_seq_before(from, block->to))
		return;
	for (struct fs_buf *buf = first_to_mark(tcp, from); buf && buf != tcp->unsent;
	     buf = fs_tcp_seg(buf)->next) {
		const struct fs_tcp_seg *seg = fs_tcp_seg(buf);

		if (!fs_seq_before(seg->seq, block->to))
			break;
		if (seg->flags & FS_TCP_SEG_SACKED || fs_seq_before(seg->seq, block->from) ||
		    fs_seq_after(fs_tcp_seg_end(seg), block->to))
			continue;
		mark(tcp, buf, a);
	}
}

void fs_tcp_sack_rx(struct fs_tcp *tcp, const struct fs_wire_tcp *seg, struct fs_tcp_acked *a)
{
	unsigned int i = 0, first;

	if (is_dsack(seg)) {
		const struct fs_seq_range *d = &seg->opts.sacks[0];

		i = 1;
		/* It must be of what was sent: else it is made up (RFC 2883 4). */
		a->dsack = fs_seq_before_eq(d->to, tcp->flow.snd_nxt) &&
			fs_seq_after(d->from, fs_seq_sub(tcp->snd_una, tcp->max_snd_wnd + 1));
		a->dsack_to = d->to;
	}
	first = i;
	for (; i < seg->opts.n_sacks; i++) {
		const struct fs_seq_range *block = &seg->opts.sacks[i];

		if (fs_seq_after(block->to, tcp->snd_una) &&
		    fs_seq_before_eq(block->to, tcp->flow.snd_nxt))
			mark_block(tcp, block, a);
	}
	if (first == i)
		return;
	memset(tcp->sacks_seen, 0, sizeof(tcp->sacks_seen));
	memcpy(tcp->sacks_seen, &seg->opts.sacks[first], (i - first) * sizeof(tcp->sacks_seen[0]));
}
