// SPDX-License-Identifier: BSD-2-Clause
/* ooo.c - see ooo.h for the picture. */
#include "tcp/conn.h"
#include "tcp/ooo.h"

enum {
	/* A frame for so many bytes of the buffer: small overlapping ones must not take all. */
	BYTES_PER_FRAME = 256,
};

static struct fs_tcp_ooo *get(struct fs_tcp *tcp)
{
	struct fs_tcp_ooo *ooo = tcp->ooo;

	if (ooo)
		return ooo;
	ooo = fs_slab_take(&tcp->table->ooos);
	if (!ooo)
		return NULL;
	ooo->head = ooo->tail = NULL;
	ooo->bufs = 0;
	ooo->has_dsack = false;
	fs_tcp_ranges_init(&ooo->ranges);
	tcp->ooo = ooo;
	return ooo;
}

static void put(struct fs_tcp *tcp)
{
	fs_slab_put(&tcp->table->ooos, tcp->ooo);
	tcp->ooo = NULL;
}

static void put_if_empty(struct fs_tcp *tcp)
{
	if (!tcp->ooo->head && !tcp->ooo->has_dsack && !fs_tcp_has(tcp, FS_TCP_FIN_AHEAD))
		put(tcp);
}

void fs_tcp_ooo_duplicate(struct fs_tcp *tcp, seq32 start, seq32 end)
{
	struct fs_tcp_ooo *ooo;

	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK))
		return;
	ooo = get(tcp);
	if (!ooo || ooo->has_dsack)
		return;
	ooo->has_dsack = true;
	ooo->dsack = (struct fs_tcp_range){ start, end };
}

void fs_tcp_ooo_fin(struct fs_tcp *tcp)
{
	struct fs_tcp_ooo *ooo = get(tcp);

	if (ooo)
		fs_tcp_ranges_insert(&ooo->ranges, tcp->fin_seq, fs_seq_add(tcp->fin_seq, 1));
}

static void link_sorted(struct fs_tcp_ooo *ooo, struct fs_buf *buf, seq32 seq)
{
	struct fs_buf **at = &ooo->head;

	if (ooo->tail && fs_seq_before_eq(fs_tcp_seg(ooo->tail)->seq, seq))
		at = &fs_tcp_seg(ooo->tail)->next;
	while (*at && fs_seq_before_eq(fs_tcp_seg(*at)->seq, seq))
		at = &fs_tcp_seg(*at)->next;
	*fs_tcp_seg(buf) = (struct fs_tcp_seg){ .next = *at, .seq = seq };
	*at = buf;
	if (!fs_tcp_seg(buf)->next)
		ooo->tail = buf;
	ooo->bufs++;
}

static void drop(struct fs_tcp *tcp, struct fs_buf *buf)
{
	tcp->table->host->stats.rx_drop_ooo++;
	fs_pool_put(buf);
}

void fs_tcp_ooo_insert(struct fs_tcp *tcp, struct fs_buf *buf, seq32 seq)
{
	const seq32 end = fs_seq_add(seq, buf->len);
	struct fs_tcp_ooo *ooo = get(tcp);
	struct fs_tcp_range dup;

	if (!ooo || fs_tcp_pressure(tcp->table) || ooo->bufs > tcp->rcvbuf / BYTES_PER_FRAME) {
		drop(tcp, buf);
		goto out;
	}
	if (fs_tcp_ranges_duplicate(&ooo->ranges, tcp->flow.rcv_nxt, seq, end, &dup))
		fs_tcp_ooo_duplicate(tcp, dup.start, dup.end);
	if (fs_tcp_ranges_insert(&ooo->ranges, seq, end) > 0)
		link_sorted(ooo, buf, seq);
	else
		drop(tcp, buf);
out:
	if (tcp->ooo)
		put_if_empty(tcp);
}

static struct fs_buf *unlink_first(struct fs_tcp_ooo *ooo)
{
	struct fs_buf *buf = ooo->head;

	ooo->head = fs_tcp_seg(buf)->next;
	if (!ooo->head)
		ooo->tail = NULL;
	ooo->bufs--;
	return buf;
}

void fs_tcp_ooo_drain(struct fs_tcp *tcp)
{
	struct fs_tcp_ooo *ooo = tcp->ooo;

	while (ooo->head && fs_seq_before_eq(fs_tcp_seg(ooo->head)->seq, tcp->flow.rcv_nxt)) {
		struct fs_buf *buf = unlink_first(ooo);
		const uint32_t known = fs_seq_span(fs_tcp_seg(buf)->seq, tcp->flow.rcv_nxt);

		if (known >= buf->len) {
			fs_pool_put(buf);
			continue;
		}
		buf->data += known;
		buf->len -= known;
		tcp->flow.rcv_nxt = fs_seq_add(tcp->flow.rcv_nxt, buf->len);
		fs_tcp_rcvq_append(tcp, buf);
	}
	fs_tcp_ranges_trim(&ooo->ranges, tcp->flow.rcv_nxt);
	put_if_empty(tcp);
}

void fs_tcp_ooo_flush(struct fs_tcp *tcp)
{
	if (!tcp->ooo)
		return;
	while (tcp->ooo->head)
		fs_pool_put(unlink_first(tcp->ooo));
	put(tcp);
}

void fs_tcp_ooo_sacks(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts)
{
	struct fs_tcp_ooo *ooo = tcp->ooo;
	struct fs_tcp_range blocks[FS_TCP_SACKS_MAX];

	if (fs_tcp_has(tcp, FS_TCP_SACK_OK)) {
		opts->n_sacks = (uint8_t)fs_tcp_ranges_blocks(&ooo->ranges,
			ooo->has_dsack ? &ooo->dsack : NULL, blocks,
			fs_tcp_has(tcp, FS_TCP_TS_OK) ? 3 : FS_TCP_SACKS_MAX);
		for (unsigned int i = 0; i < opts->n_sacks; i++)
			opts->sacks[i] = (struct fs_seq_range){ blocks[i].start, blocks[i].end };
	}
	ooo->has_dsack = false;
	put_if_empty(tcp);
}
