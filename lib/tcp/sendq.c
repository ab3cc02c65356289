// SPDX-License-Identifier: BSD-2-Clause
/*
 * sendq.c - the send queue: frames in stream order, each one segment, from
 * the application's hand until they are acknowledged (conn.h has the picture).
 *
 * Small pieces that were not sent yet are joined, so that a reply written in
 * parts leaves as one segment; a segment that the path no longer takes is cut
 * in two. Nothing else is copied, but for what waits on the heap while frames are
 * short: into a frame each time it is sent.
 */
#include <errno.h>

#include "tcp/conn.h"

enum {
	JOIN_MAX = 1024,	/* bytes; more is cheaper to send than to copy */
};

static void link_last(struct fs_tcp *tcp, struct fs_buf *buf)
{
	fs_tcp_seg(buf)->next = NULL;
	if (tcp->sendq_tail)
		fs_tcp_seg(tcp->sendq_tail)->next = buf;
	else
		tcp->sendq = buf;
	tcp->sendq_tail = buf;
	if (!tcp->unsent)
		tcp->unsent = buf;
}

static void make_seg(struct fs_buf *buf, seq32 seq, uint32_t len, uint16_t flags)
{
	*fs_tcp_seg(buf) = (struct fs_tcp_seg){
		.seq = seq,
		.len = (uint16_t)len,
		.payload_off = (uint16_t)(buf->data - buf->area),
		.flags = flags,
	};
}

/* Onto the last piece, if it was not sent, has room and is not ended by a FIN. */
static bool join(struct fs_tcp *tcp, const struct fs_buf *buf)
{
	struct fs_buf *tail = tcp->sendq_tail;
	struct fs_tcp_seg *seg;

	if (!tcp->unsent || buf->len > JOIN_MAX)
		return false;
	seg = fs_tcp_seg(tail);
	if (seg->flags || seg->len + buf->len > tcp->mss || tail->holders > 1 ||
	    seg->payload_off + seg->len + buf->len > tail->room)
		return false;
	memcpy(tail->area + seg->payload_off + seg->len, buf->data, buf->len);
	seg->len = (uint16_t)(seg->len + buf->len);
	return true;
}

void fs_tcp_sendq_append(struct fs_tcp *tcp, struct fs_buf *buf)
{
	const uint32_t len = buf->len;

	assert(buf->state == FS_BUF_LENT || buf->state == FS_BUF_STAGED);
	if (join(tcp, buf)) {
		fs_pool_put(buf);
	} else {
		buf->state = FS_BUF_UNACKED;
		make_seg(buf, tcp->snd_end, len, 0);
		link_last(tcp, buf);
	}
	tcp->snd_end = fs_seq_add(tcp->snd_end, len);
	fs_tcp_dirty(tcp);
}

int fs_tcp_sendq_fin(struct fs_tcp *tcp)
{
	struct fs_pool *pool = tcp->table->host->pool;
	struct fs_buf *buf;

	if (fs_tcp_has(tcp, FS_TCP_FIN_QUEUED))
		return 0;
	if (tcp->unsent) {
		fs_tcp_seg(tcp->sendq_tail)->flags |= FS_TCP_SEG_FIN;
	} else {
		buf = fs_pool_take_room(pool, FS_BUF_UNACKED);
		if (!buf)
			return -ENOBUFS;
		buf->data = buf->area + FS_POOL_HEADROOM;
		buf->len = 0;
		buf->flags = 0;
		make_seg(buf, tcp->snd_end, 0, FS_TCP_SEG_FIN);
		link_last(tcp, buf);
	}
	tcp->flags |= FS_TCP_FIN_QUEUED;
	tcp->snd_end = fs_seq_add(tcp->snd_end, 1);
	return 0;
}

bool fs_tcp_sendq_split(struct fs_tcp *tcp, struct fs_buf *buf, uint32_t len)
{
	struct fs_buf *rest = fs_pool_take_room(tcp->table->host->pool, FS_BUF_UNACKED);
	struct fs_tcp_seg *seg = fs_tcp_seg(buf), *tail;

	if (!rest)
		return false;
	rest->data = rest->area + FS_POOL_HEADROOM;
	rest->flags = 0;
	rest->port = UINT8_MAX;
	memcpy(rest->data, buf->area + seg->payload_off + len, seg->len - len);
	make_seg(rest, fs_seq_add(seg->seq, len), seg->len - len,
		 seg->flags | FS_TCP_SEG_CUT);
	tail = fs_tcp_seg(rest);
	tail->tx_ns = seg->tx_ns;
	tail->next = seg->next;
	seg->next = rest;
	seg->len = (uint16_t)len;
	seg->flags &= (uint16_t)~FS_TCP_SEG_FIN;
	if (tcp->sendq_tail == buf)
		tcp->sendq_tail = rest;
	/* Behind its first half in the list by transmission: the same time, the later bytes. */
	if (tail->flags & FS_TCP_SEG_TIMED) {
		tail->earlier = buf;
		tail->later = seg->later;
		if (seg->later)
			fs_tcp_seg(seg->later)->earlier = rest;
		else
			tcp->sent_last = rest;
		seg->later = rest;
	}
	return true;
}

static void drop_next(struct fs_tcp *tcp, struct fs_tcp_seg *seg)
{
	struct fs_buf *next = seg->next;

	seg->next = fs_tcp_seg(next)->next;
	seg->flags |= fs_tcp_seg(next)->flags & FS_TCP_SEG_FIN;
	if (tcp->sendq_tail == next)
		tcp->sendq_tail = container_of((struct fs_addr *)seg, struct fs_buf, remote);
	fs_pool_put(next);
}

void fs_tcp_sendq_fill(struct fs_tcp *tcp, struct fs_buf *buf, uint32_t len)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(buf), *next;
	uint8_t *end = buf->area + seg->payload_off + seg->len;

	len = MIN(len, buf->room - seg->payload_off);
	while (seg->next && seg->len < len && buf->holders == 1) {
		struct fs_buf *from = seg->next;
		uint32_t part;

		next = fs_tcp_seg(from);
		part = MIN(len - seg->len, (uint32_t)next->len);
		if (from->holders > 1)
			return;
		memcpy(end, from->area + next->payload_off, part);
		end += part;
		seg->len = (uint16_t)(seg->len + part);
		next->seq = fs_seq_add(next->seq, part);
		next->payload_off = (uint16_t)(next->payload_off + part);
		next->len = (uint16_t)(next->len - part);
		next->flags |= FS_TCP_SEG_CUT;
		if (!next->len)
			drop_next(tcp, seg);
	}
}

/* The port may still hold the frame: it is the wire's alone then. */
static void let_go(struct fs_buf *buf)
{
	buf->state = FS_BUF_TX;
	fs_pool_put(buf);
}

void fs_tcp_sendq_pop(struct fs_tcp *tcp)
{
	struct fs_buf *buf = tcp->sendq;
	struct fs_buf *next = fs_tcp_seg(buf)->next;

	fs_tcp_timed_remove(tcp, buf);
	if (tcp->sack_hint == buf)
		tcp->sack_hint = NULL;
	if (tcp->lost_first == buf)
		tcp->lost_first = next == tcp->unsent ? NULL : next;
	if (tcp->unsent == buf)
		tcp->unsent = next;
	tcp->sendq = next;
	if (!next)
		tcp->sendq_tail = NULL;
	let_go(buf);
}

void fs_tcp_sendq_trim(struct fs_tcp *tcp, uint32_t bytes)
{
	struct fs_tcp_seg *seg = fs_tcp_seg(tcp->sendq);

	seg->seq = fs_seq_add(seg->seq, bytes);
	seg->payload_off = (uint16_t)(seg->payload_off + bytes);
	seg->len = (uint16_t)(seg->len - bytes);
}

void fs_tcp_sendq_flush(struct fs_tcp *tcp)
{
	struct fs_buf *next;

	for (struct fs_buf *buf = tcp->sendq; buf; buf = next) {
		next = fs_tcp_seg(buf)->next;
		let_go(buf);
	}
	tcp->sendq = tcp->unsent = tcp->sendq_tail = NULL;
	tcp->sent_first = tcp->sent_last = tcp->lost_first = tcp->sack_hint = NULL;
	tcp->sacked_bytes = tcp->lost_bytes = tcp->retrans_bytes = 0;
}

uint32_t fs_tcp_sendq_space(const struct fs_tcp *tcp)
{
	const uint32_t queued = fs_seq_span(tcp->snd_una, tcp->snd_end);

	uint32_t most = tcp->sndbuf;

	/* Memory is short: just enough to go on. */
	if (unlikely(fs_tcp_pressure(tcp->table)))
		most = MIN(most, 4u * tcp->mss);
	return queued < most ? most - queued : 0;
}
