// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel_io.c - data of a connection that the kernel has.
 *
 * It stays in the kernel until it is asked for, and is copied then, into frames
 * or what the caller gives. What the kernel does not take now stays the caller's,
 * but for the rest of one buffer: half of one cannot be given back.
 */
#include "tcp/kernel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	BATCH = 16,
};

static uint32_t queue(const struct fs_tcp_kernel *k, unsigned long which)
{
	int bytes = 0;

	return ioctl(k->watch.fd, which, &bytes) ? 0 : (uint32_t)MAX(bytes, 0);
}

uint32_t fs_tcp_kernel_outq(const struct fs_tcp_kernel *k)
{
	return queue(k, SIOCOUTQ);
}

uint32_t fs_tcp_kernel_inq(const struct fs_tcp_kernel *k)
{
	return queue(k, SIOCINQ);
}

/* --- receive -------------------------------------------------------------------------------- */

/* What ended the connection, once. */
static int tell_error(struct fs_tcp *tcp, int otherwise)
{
	const int error = tcp->error;

	tcp->error = 0;
	return error ? error : otherwise;
}

/* @got: 0 or -errno, of a call for data. */
static int nothing_to_read(struct fs_tcp *tcp, ssize_t got)
{
	got = tell_error(tcp, (int)got);
	if (!got)
		tcp->kernel->ended = true;
	return (int)got;
}

ssize_t fs_tcp_kernel_recv(struct fs_tcp *tcp, void *data, size_t len)
{
	ssize_t got = recv(tcp->kernel->watch.fd, data, len, MSG_DONTWAIT);

	return got > 0 ? got : nothing_to_read(tcp, got < 0 ? -errno : 0);
}

static struct fs_buf *take_buf(struct fs_pool *pool)
{
	struct fs_buf *buf = fs_pool_take_room(pool, FS_BUF_STAGED);

	if (!buf)
		return NULL;
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = fs_tcp_frame_room(pool);
	return buf;
}

static void lend(struct fs_buf *buf, uint32_t len)
{
	fs_buf_move(buf, FS_BUF_STAGED, FS_BUF_LENT);
	buf->len = len;
	buf->flags = FS_BUF_KERNEL;
	buf->tos = 0;
	buf->ttl = 0;
	buf->port = UINT8_MAX;
	buf->ifindex = 0;
	buf->next = NULL;
	buf->remote = (struct fs_addr){ .family = AF_UNSPEC };
	buf->local = (struct fs_addr){ .family = AF_UNSPEC };
}

int fs_tcp_kernel_recv_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n)
{
	struct iovec iov[BATCH];
	unsigned int room = 0, used = 0;
	ssize_t got, err;

	if (!n)
		return 0;
	for (; room < MIN(n, (unsigned int)BATCH); room++) {
		struct fs_buf *buf = take_buf(fs_tcp_host(tcp)->pool);

		if (!buf)
			break;
		bufs[room] = buf;
		iov[room] = (struct iovec){ .iov_base = buf->data, .iov_len = buf->len };
	}
	if (!room) {
		fs_tcp_tell(tcp, FS_NEWS_READABLE);	/* no edge tells of memory */
		return -EAGAIN;
	}
	got = readv(tcp->kernel->watch.fd, iov, (int)room);
	err = got < 0 ? -errno : 0;
	for (unsigned int i = 0; i < room; i++) {
		const uint32_t part = (uint32_t)MIN(MAX(got, 0), (ssize_t)iov[i].iov_len);

		if (part)
			lend(bufs[used++], part);
		else
			fs_pool_put(bufs[i]);
		got -= part;
	}
	return used ? (int)used : nothing_to_read(tcp, err);
}

/* --- send ------------------------------------------------------------------------------------- */

static int no_space(struct fs_tcp *tcp)
{
	tcp->flags |= FS_TCP_WANT_SPACE;
	fs_tcp_host(tcp)->stats.tx_full++;
	return -EAGAIN;
}

void fs_tcp_kernel_drop_unsent(struct fs_tcp_kernel *k)
{
	if (k->unsent)
		fs_pool_put(k->unsent);
	k->unsent = NULL;
}

int fs_tcp_kernel_flush(struct fs_tcp_kernel *k)
{
	struct fs_buf *buf;

	while ((buf = k->unsent)) {
		ssize_t sent = send(k->watch.fd, buf->data, buf->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int err = sent < 0 ? -errno : 0;

		if (err == -EAGAIN)
			return err;
		if (err) {
			fs_tcp_kernel_drop_unsent(k);
			return err;
		}
		buf->data += sent;
		buf->len -= (uint32_t)sent;
		if (!buf->len)
			fs_tcp_kernel_drop_unsent(k);
	}
	if (fs_tcp_has(k->tcp, FS_TCP_SHUT_WR))
		shutdown(k->watch.fd, SHUT_WR);
	return 0;
}

/* sendmsg(), behind what is left of the last buffer. Bytes, or -errno. */
static ssize_t push(struct fs_tcp *tcp, const struct iovec *iov, size_t n)
{
	const struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	struct fs_tcp_kernel *k = tcp->kernel;
	ssize_t sent;
	int err;

	if (tcp->error)
		return tell_error(tcp, 0);
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		return -EPIPE;
	err = fs_tcp_kernel_flush(k);
	if (err)
		return err == -EAGAIN ? no_space(tcp) : err;
	sent = sendmsg(k->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		return sent;
	return errno == EAGAIN ? no_space(tcp) : -errno;
}

ssize_t fs_tcp_kernel_send(struct fs_tcp *tcp, const void *data, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	ssize_t sent = push(tcp, &iov, 1);

	if (sent >= 0 && (size_t)sent < len)
		tcp->flags |= FS_TCP_WANT_SPACE;
	return sent;
}

/* The first @sent bytes are gone. How many buffers are no longer the caller's. */
static unsigned int take_over(struct fs_tcp *tcp, struct fs_buf **bufs, size_t sent)
{
	unsigned int i = 0;

	for (; sent && sent >= bufs[i]->len; i++) {
		sent -= bufs[i]->len;
		fs_pool_put(bufs[i]);
	}
	if (!sent)
		return i;
	bufs[i]->data += sent;
	bufs[i]->len -= (uint32_t)sent;
	bufs[i]->state = FS_BUF_UNACKED;
	tcp->kernel->unsent = bufs[i];
	return i + 1;
}

int fs_tcp_kernel_send_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n)
{
	struct iovec iov[BATCH];
	unsigned int taken = 0, i;
	ssize_t sent, bytes;

	if (!n)
		return 0;
	do {
		for (i = 0, bytes = 0; i < BATCH && taken + i < n && bufs[taken + i]->len; i++) {
			struct fs_buf *buf = bufs[taken + i];

			assert(buf->state == FS_BUF_LENT || buf->state == FS_BUF_STAGED);
			iov[i] = (struct iovec){ .iov_base = buf->data, .iov_len = buf->len };
			bytes += buf->len;
		}
		sent = i ? push(tcp, iov, i) : -EINVAL;
		if (sent > 0)
			taken += take_over(tcp, bufs + taken, (size_t)sent);
	} while (sent == bytes && taken < n);
	if (sent >= 0 && sent < bytes)
		tcp->flags |= FS_TCP_WANT_SPACE;
	return taken ? (int)taken : (int)sent;
}

size_t fs_tcp_kernel_send_space(const struct fs_tcp *tcp)
{
	const uint32_t queued = fs_tcp_kernel_outq(tcp->kernel);
	int room;

	if (tcp->error || fs_tcp_has(tcp, FS_TCP_SHUT_WR | FS_TCP_WANT_SPACE) || tcp->kernel->unsent)
		return 0;
	/* The kernel counts otherwise and grows its buffer: it is a guess, but never 0. */
	room = fs_tcp_kernel_get(tcp, FS_TCP_SNDBUF);
	return room > 0 && (uint32_t)room > queued ? (uint32_t)room - queued : 1;
}

int fs_tcp_kernel_shutdown(struct fs_tcp *tcp)
{
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		return 0;
	if (!tcp->kernel->unsent && shutdown(tcp->kernel->watch.fd, SHUT_WR))
		return -errno;
	tcp->flags |= FS_TCP_SHUT_WR;
	return 0;
}
