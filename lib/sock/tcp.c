// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp.c - a fast connection as a socket: receive, send, readiness.
 */
#include <netinet/in.h>

#include "sock/sock.h"
#include "tcp/conn.h"

/* Who is told that there is no room waits for the news that there is. */
static bool has_room(struct fs_tcp *tcp)
{
	if (fs_tcp_has(tcp, FS_TCP_WANT_SPACE))
		return false;
	if (fs_tcp_sendq_space(tcp))
		return true;
	fs_tcp_want_space(tcp);
	return false;
}

uint32_t fs_tcp_sock_ready(const struct fs_sock *s)
{
	struct fs_tcp *tcp = s->tcp;
	const bool ended = tcp->flow.state == FS_TCP_CLOSED;
	const bool fin = ended || fs_tcp_has(tcp, FS_TCP_FIN_RCVD) || s->shut_rd;
	const bool shut = ended || fs_tcp_has(tcp, FS_TCP_SHUT_WR);
	uint32_t events = 0;

	if (fin || tcp->rx_bytes >= MAX(s->rcvlowat, 1u))
		events |= EPOLLIN | EPOLLRDNORM;
	if (fin)
		events |= EPOLLRDHUP;
	if (fin && shut)
		events |= EPOLLHUP;
	if (shut || has_room(tcp))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (s->error || tcp->error || s->zc_next != s->zc_told)
		events |= EPOLLERR;
	return events;
}

/* --- receive ------------------------------------------------------------------------------------ */

/* What is there, left where it is. */
static size_t peek(const struct fs_tcp *tcp, size_t skip, const struct iovec *iov, int n)
{
	const struct fs_buf *buf = tcp->rxq;
	size_t at = skip, done = 0;

	for (int i = 0; i < n; i++) {
		size_t filled = 0;

		while (buf && filled < iov[i].iov_len) {
			const size_t part = MIN(iov[i].iov_len - filled, buf->len - at);

			memcpy((char *)iov[i].iov_base + filled, buf->data + at, part);
			filled += part;
			at += part;
			if (at == buf->len) {
				buf = buf->next;
				at = 0;
			}
		}
		done += filled;
	}
	return done;
}

/* MSG_TRUNC of TCP: the bytes are thrown away. */
static ssize_t discard(struct fs_tcp *tcp, size_t len)
{
	uint8_t waste[4096];
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = fs_tcp_recv(tcp, waste, MIN(len - done, sizeof(waste)));
		if (n > 0)
			done += (size_t)n;
	}
	return done ? (ssize_t)done : n;
}

/* One go: as much as there is. */
static ssize_t take(struct fs_sock *s, const struct iovec *iov, int n, size_t skip, int flags)
{
	size_t done = 0;

	if (flags & MSG_PEEK && s->tcp->rxq)
		return (ssize_t)peek(s->tcp, 0, iov, n);
	for (int i = 0; i < n; i++) {
		char *to = iov[i].iov_base;
		size_t len = iov[i].iov_len;
		ssize_t got;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		to += skip;
		len -= skip;
		skip = 0;
		got = flags & MSG_TRUNC ? discard(s->tcp, len) : fs_tcp_recv(s->tcp, to, len);
		if (got <= 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
		if ((size_t)got < len)
			break;
	}
	return (ssize_t)done;
}

static size_t total(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

static ssize_t receive(struct fs_sock *s, const struct iovec *iov, int n, size_t skip, int flags)
{
	ssize_t got;

	if (s->shut_rd && !s->tcp->rxq)
		return 0;
	got = take(s, iov, n, skip, flags);
	if (got == -EAGAIN) {
		fs_engine_poll();
		if (s->tcp)
			got = take(s, iov, n, skip, flags);
	}
	if (got < 0 && got != -EAGAIN)
		s->error = 0;	/* told */
	if (got > 0 && !(flags & MSG_PEEK))
		fs_reason_rx((uint64_t)got);
	return got;
}

static int wait_for_data(struct fs_sock *s, size_t wanted)
{
	const uint32_t before = s->rcvlowat;
	int err;

	s->rcvlowat = (uint32_t)MIN(wanted, (size_t)s->tcp->rcvbuf / 2);
	err = fs_sock_wait(s, EPOLLIN, s->rcvtimeo_ns);
	s->rcvlowat = before;
	return err;
}

static bool patient(const struct fs_sock *s, int flags)
{
	return !s->nonblock && !(flags & MSG_DONTWAIT);
}

ssize_t fs_tcp_sock_recv(struct fs_sock *s, const struct iovec *iov, int n, int flags)
{
	const size_t wanted = total(iov, n);
	size_t done = 0;
	ssize_t got;

	if (flags & (MSG_OOB | MSG_ERRQUEUE))
		return flags & MSG_OOB ? -EINVAL : -EAGAIN;
	if (!wanted)
		return 0;
	for (;;) {
		got = receive(s, iov, n, done, flags);
		if (got > 0 && flags & MSG_PEEK && flags & MSG_WAITALL && (size_t)got < wanted &&
		    patient(s, flags) && !(fs_tcp_sock_ready(s) & EPOLLRDHUP))
			got = -EAGAIN;
		else if (got > 0)
			done += (size_t)got;
		if (got == -EAGAIN && patient(s, flags) && (!done || flags & MSG_WAITALL)) {
			int err = wait_for_data(s, flags & MSG_WAITALL ? wanted - done : 1);

			if (!err && s->tcp)
				continue;
			got = err ? err : 0;
		}
		if (got <= 0 || !(flags & MSG_WAITALL) || flags & MSG_PEEK || done >= wanted)
			return done ? (ssize_t)done : got;
	}
}

/* --- send ------------------------------------------------------------------------------------------ */

/* From @skip on, as much as there is room for. */
static ssize_t give(struct fs_sock *s, const struct iovec *iov, int n, size_t skip)
{
	size_t done = 0;

	for (int i = 0; i < n; i++) {
		size_t len = iov[i].iov_len;
		ssize_t sent;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		sent = fs_tcp_send(s->tcp, (const char *)iov[i].iov_base + skip, len);
		skip = 0;
		if (sent < 0)
			return done ? (ssize_t)done : sent;
		done += (size_t)sent;
		if ((size_t)sent < len)
			break;
	}
	return (ssize_t)done;
}

/* MSG_MORE is a cork for this send: the next one without it pulls it. */
static void set_more(struct fs_sock *s, int flags)
{
	const bool more = flags & MSG_MORE || s->options & FS_SOCK_CORK;

	if (more != fs_tcp_has(s->tcp, FS_TCP_CORKED))
		fs_tcp_set(s->tcp, FS_TCP_CORK, more);
}

/* With the stack waiting for room, it must run. */
static ssize_t send_some(struct fs_sock *s, const struct iovec *iov, int n, size_t skip)
{
	ssize_t sent = give(s, iov, n, skip);

	if (sent != -EAGAIN)
		return sent;
	fs_engine_poll();
	return s->tcp ? give(s, iov, n, skip) : -EPIPE;
}

static ssize_t send_all(struct fs_sock *s, const struct iovec *iov, int n, int flags)
{
	const size_t wanted = total(iov, n);
	size_t done = 0;
	ssize_t sent;

	do {
		sent = send_some(s, iov, n, done);
		if (sent > 0) {
			done += (size_t)sent;
			fs_reason_tx((uint64_t)sent);
			fs_engine_send();
		}
		if (done < wanted && (sent >= 0 || sent == -EAGAIN) && patient(s, flags)) {
			sent = fs_sock_wait(s, EPOLLOUT, s->sndtimeo_ns);
			if (!sent && !s->tcp)
				sent = -EPIPE;
		} else if (sent >= 0) {
			break;
		}
	} while (sent >= 0 && done < wanted);
	return done ? (ssize_t)done : sent;
}

ssize_t fs_tcp_sock_send(struct fs_sock *s, const struct iovec *iov, int n, int flags)
{
	ssize_t sent;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->error)
		return fs_sock_take_error(s);
	set_more(s, flags);
	sent = send_all(s, iov, n, flags);
	if (sent > 0 && flags & MSG_ZEROCOPY && s->zerocopy)
		s->zc_next++;
	if (sent < 0 && sent != -EAGAIN)
		s->error = 0;
	return sent;
}
