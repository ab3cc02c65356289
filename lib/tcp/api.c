// SPDX-License-Identifier: BSD-2-Clause
/*
 * api.c - the application's verbs on a connection: receive, send, shut down,
 * close (fastsock/tcp.h has the contracts).
 */
#include <errno.h>

#include "tcp/kernel.h"

/* The error is told once; afterwards the connection is just gone. */
static int take_error(struct fs_tcp *tcp, int otherwise)
{
	const int error = tcp->error;

	tcp->error = 0;
	return error ? error : otherwise;
}

/* --- receive ------------------------------------------------------------------------- */

/* Nothing is there: why? 0 is the end of the stream. */
static int nothing_to_read(struct fs_tcp *tcp)
{
	if (tcp->error)
		return take_error(tcp, 0);
	if (fs_tcp_has(tcp, FS_TCP_FIN_RCVD) || tcp->flow.state == FS_TCP_CLOSED)
		return 0;
	return tcp->flow.state <= FS_TCP_SYN_RCVD && !fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA) ?
		-ENOTCONN : -EAGAIN;
}

static struct fs_buf *pop_rx(struct fs_tcp *tcp)
{
	struct fs_buf *buf = tcp->rxq;

	tcp->rxq = buf->next;
	if (!tcp->rxq)
		tcp->rxq_tail = NULL;
	return buf;
}

static void lend(struct fs_buf *buf)
{
	fs_buf_move(buf, FS_BUF_RX, FS_BUF_LENT);
	buf->next = NULL;
	buf->remote = (struct fs_addr){ .family = AF_UNSPEC };
	buf->local = (struct fs_addr){ .family = AF_UNSPEC };
}

int fs_tcp_recv_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n)
{
	uint32_t bytes = 0;
	unsigned int i;

	if (!n)
		return -EINVAL;
	if (!tcp->rxq)
		return fs_tcp_is_kernel(tcp) ? fs_tcp_kernel_recv_zc(tcp, bufs, n) :
					       nothing_to_read(tcp);
	for (i = 0; i < n && tcp->rxq; i++) {
		bufs[i] = pop_rx(tcp);
		lend(bufs[i]);
		bytes += bufs[i]->len;
	}
	fs_tcp_window_taken(tcp, bytes);
	return (int)i;
}

ssize_t fs_tcp_recv(struct fs_tcp *tcp, void *data, size_t len)
{
	uint8_t *to = data;
	size_t left = len;

	if (!len)
		return 0;
	if (!tcp->rxq)
		return fs_tcp_is_kernel(tcp) ? fs_tcp_kernel_recv(tcp, data, len) :
					       nothing_to_read(tcp);
	while (left && tcp->rxq) {
		struct fs_buf *buf = tcp->rxq;
		const uint32_t part = (uint32_t)MIN(left, (size_t)buf->len);

		memcpy(to, buf->data, part);
		to += part;
		left -= part;
		buf->data += part;
		buf->len -= part;
		if (!buf->len)
			fs_pool_put(pop_rx(tcp));
	}
	fs_tcp_window_taken(tcp, (uint32_t)(len - left));
	return (ssize_t)(len - left);
}

/* --- send -------------------------------------------------------------------------------- */

static int may_send(struct fs_tcp *tcp)
{
	if (tcp->error)
		return take_error(tcp, 0);
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR) || tcp->flow.state == FS_TCP_CLOSED)
		return -EPIPE;
	return 0;
}

void fs_tcp_want_space(struct fs_tcp *tcp)
{
	tcp->flags |= FS_TCP_WANT_SPACE;
	/* With nothing on its way, no ACK will bring the news of space. */
	if (!tcp->sendq)
		fs_tcp_window_withhold(tcp);
}

static int no_space(struct fs_tcp *tcp)
{
	fs_tcp_want_space(tcp);
	tcp->table->host->stats.tx_full++;
	return -EAGAIN;
}

/* A piece of at most a segment, into @buf. */
static uint32_t fill_piece(struct fs_tcp *tcp, struct fs_buf *buf, const uint8_t *data, size_t len)
{
	const uint32_t part = (uint32_t)MIN(len, (size_t)tcp->mss);

	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = part;
	buf->flags = 0;
	buf->port = UINT8_MAX;
	memcpy(buf->data, data, part);
	fs_tcp_sendq_append(tcp, buf);
	return part;
}

/* Onto what was not sent yet, as far as there is room: no frame for each small write. */
static uint32_t top_up(struct fs_tcp *tcp, const uint8_t *data, size_t len)
{
	struct fs_buf *tail = tcp->sendq_tail;
	struct fs_tcp_seg *seg;
	uint32_t room, part;

	if (!tcp->unsent)
		return 0;
	seg = fs_tcp_seg(tail);
	room = tail->room - seg->payload_off - seg->len;
	if (seg->flags || tail->holders > 1 || seg->len >= tcp->mss)
		return 0;
	room = MIN(room, (uint32_t)(tcp->mss - seg->len));
	part = (uint32_t)MIN(len, (size_t)room);
	memcpy(tail->area + seg->payload_off + seg->len, data, part);
	seg->len = (uint16_t)(seg->len + part);
	tcp->snd_end = fs_seq_add(tcp->snd_end, part);
	fs_tcp_dirty(tcp);
	return part;
}

ssize_t fs_tcp_send(struct fs_tcp *tcp, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t space, sent = 0;
	int err;

	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_send(tcp, data, len);
	err = may_send(tcp);
	if (err || !len)
		return err;
	space = MIN(len, (size_t)fs_tcp_sendq_space(tcp));
	if (space)
		sent = top_up(tcp, from, space);
	while (sent < space) {
		struct fs_buf *buf = fs_pool_take_room(tcp->table->host->pool, FS_BUF_STAGED);

		if (!buf)
			break;
		sent += fill_piece(tcp, buf, from + sent, space - sent);
	}
	if (sent < len && !sent)
		return no_space(tcp);
	if (sent < len)
		fs_tcp_want_space(tcp);
	return (ssize_t)sent;
}

/* If it is one segment, and in a frame headers go in front of it; else cut and copied. */
static bool sends_as_it_is(const struct fs_tcp *tcp, const struct fs_buf *buf)
{
	const struct fs_pool *pool = tcp->table->host->pool;

	if (buf->len > tcp->mss || buf->pool != pool)
		return false;
	/* A large block is not kept for a few bytes of it. */
	return buf->kind == FS_BUF_HEAP ? buf->room <= FS_POOL_HEADROOM + pool->chunk_size :
					  buf->data - buf->area >= FS_HOST_HEADERS_MAX;
}

static void put_all(struct fs_buf *buf)
{
	struct fs_buf *next;

	for (; buf; buf = next) {
		next = buf->next;
		fs_pool_put(buf);
	}
}

/* So many, linked, or none. */
static struct fs_buf *take_pieces(struct fs_pool *pool, uint32_t n)
{
	struct fs_buf *first = NULL, *buf;

	while (n--) {
		buf = fs_pool_take_room(pool, FS_BUF_STAGED);
		if (!buf) {
			put_all(first);
			return NULL;
		}
		buf->next = first;
		first = buf;
	}
	return first;
}

/* All of it or nothing: half a buffer cannot be taken. */
static bool send_by_copy(struct fs_tcp *tcp, struct fs_buf *buf)
{
	const uint32_t pieces = (buf->len + tcp->mss - 1) / tcp->mss;
	struct fs_buf *piece = take_pieces(tcp->table->host->pool, pieces), *next;
	uint32_t sent = 0;

	if (!piece)
		return false;
	for (; piece; piece = next) {
		next = piece->next;
		sent += fill_piece(tcp, piece, buf->data + sent, buf->len - sent);
	}
	fs_pool_put(buf);
	return true;
}

int fs_tcp_send_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n)
{
	unsigned int i;
	int err;

	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_send_zc(tcp, bufs, n);
	err = may_send(tcp);
	for (i = 0; !err && i < n; i++) {
		assert(bufs[i]->state == FS_BUF_LENT || bufs[i]->state == FS_BUF_STAGED);
		if (!bufs[i]->len)
			err = -EINVAL;
		else if (!fs_tcp_sendq_space(tcp))
			err = no_space(tcp);
		else if (sends_as_it_is(tcp, bufs[i]))
			fs_tcp_sendq_append(tcp, fs_pool_set_aside(bufs[i]));
		else if (!send_by_copy(tcp, bufs[i]))
			err = no_space(tcp);
		if (err)
			break;
	}
	return i ? (int)i : err;
}

size_t fs_tcp_send_space(const struct fs_tcp *tcp)
{
	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_send_space(tcp);
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR) || tcp->flow.state == FS_TCP_CLOSED)
		return 0;
	return fs_tcp_sendq_space(tcp);
}

uint32_t fs_tcp_mss(const struct fs_tcp *tcp)
{
	return tcp->mss;
}

/* --- the end --------------------------------------------------------------------------------- */

int fs_tcp_shutdown(struct fs_tcp *tcp)
{
	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_shutdown(tcp);
	if (tcp->flow.state == FS_TCP_CLOSED)
		return -ENOTCONN;
	if (!fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		fs_tcp_fsm_shutdown(tcp);
	return 0;
}

void fs_tcp_abort(struct fs_tcp *tcp)
{
	if (!tcp)
		return;
	if (unlikely(fs_tcp_is_kernel(tcp)))
		fs_tcp_kernel_abort(tcp);
	else
		fs_tcp_conn_abort(tcp);
}

/* FIN-WAIT-2 starts its own time if it comes later: fsm.c. */
static void limit_linger(struct fs_tcp *tcp)
{
	if (tcp->linger_s > 0)
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_LINGER,
				 fs_tcp_now(tcp) + (uint32_t)tcp->linger_s * NSEC_PER_SEC);
	else if (tcp->flow.state == FS_TCP_FIN_WAIT_2)
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_LINGER,
				 fs_tcp_now(tcp) + FS_TCP_FIN_WAIT_2_NS);
}

void fs_tcp_close(struct fs_tcp *tcp)
{
	if (!tcp)
		return;
	if (unlikely(fs_tcp_is_kernel(tcp))) {
		fs_tcp_kernel_close(tcp);
		return;
	}
	if (tcp->flow.state == FS_TCP_CLOSED) {
		fs_tcp_conn_orphan(tcp);
		return;
	}
	if (tcp->rx_bytes || !tcp->linger_s || tcp->flow.state == FS_TCP_SYN_SENT) {
		fs_tcp_conn_abort(tcp);
		return;
	}
	if (!fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		fs_tcp_fsm_shutdown(tcp);
	limit_linger(tcp);
	fs_tcp_conn_orphan(tcp);
}

void fs_tcp_set_user(struct fs_tcp *tcp, void *user)
{
	tcp->ready.user = user;
}

void *fs_tcp_user(const struct fs_tcp *tcp)
{
	return tcp->ready.user;
}

static struct fs_addr addr_of(const struct fs_tcp *tcp, const uint8_t ip[16], uint16_t port)
{
	struct fs_addr addr = { .family = tcp->flow.id.family, .port = port };

	memcpy(addr.ip, ip, 16);
	addr.scope = tcp->flow.scope;
	return addr;
}

struct fs_addr fs_tcp_local(const struct fs_tcp *tcp)
{
	return addr_of(tcp, tcp->flow.id.local, tcp->flow.id.local_port);
}

struct fs_addr fs_tcp_remote(const struct fs_tcp *tcp)
{
	return addr_of(tcp, tcp->flow.id.remote, tcp->flow.id.remote_port);
}
