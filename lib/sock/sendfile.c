// SPDX-License-Identifier: BSD-2-Clause
/*
 * sendfile.c - sendfile() and splice() with a fast socket at one end: by way
 * of a buffer, since the kernel cannot reach into the stack.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "sock/sock.h"

enum {
	PIECE = 64 * 1024,
};

/* At most as much as the socket takes now, unless it would block for it. */
static size_t room(int out, size_t len)
{
	struct fs_sock *s = fs_sock_enter(out);
	size_t space = len;

	if (!s)
		return len;
	if (s->tcp)
		space = fs_tcp_send_space(s->tcp);
	if (space < PIECE / 4 && s->tcp) {
		fs_engine_poll();
		space = s->tcp ? fs_tcp_send_space(s->tcp) : 0;
	}
	fs_sock_leave();
	return MAX(MIN(len, space), 1u);
}

static ssize_t read_at(int in, void *data, size_t len, off_t *offset)
{
	ssize_t n = offset ? pread(in, data, len, *offset) : FS_LIBC(read, in, data, len);

	return n < 0 ? -errno : n;
}

/* What was read and not sent goes back, so that nothing is lost. */
static void unread(int in, size_t len, off_t *offset)
{
	if (!offset)
		lseek(in, -(off_t)len, SEEK_CUR);
}

static ssize_t send_file(int out, int in, off_t *offset, size_t len, uint8_t *data)
{
	size_t done = 0;

	while (done < len) {
		const size_t space = room(out, len - done);
		const ssize_t got = read_at(in, data, MIN(space, (size_t)PIECE), offset);
		ssize_t sent;

		if (got <= 0)
			return done ? (ssize_t)done : got;
		sent = fs_send(out, data, (size_t)got, done + (size_t)got < len ? MSG_MORE : 0);
		if (sent < got)
			unread(in, (size_t)(got - MAX(sent, 0)), offset);
		if (sent < 0)
			return done ? (ssize_t)done : sent;
		done += (size_t)sent;
		if (offset)
			*offset += sent;
		if (sent < got)
			break;
	}
	return (ssize_t)done;
}

/* From the heap: a thread's stack may be small, and its static part is everybody's. */
ssize_t fs_sendfile(int out, int in, off_t *offset, size_t len)
{
	uint8_t *data;
	ssize_t sent;

	if (!fs_file_is_ours(out))
		return FS_LIBC(sendfile, out, in, offset, len);
	data = malloc(PIECE);
	if (!data)
		return -ENOMEM;
	sent = send_file(out, in, offset, len, data);
	free(data);
	return sent;
}

static ssize_t splice_in(int in, int out, size_t len, unsigned int flags, uint8_t *data)
{
	const int peek = MSG_PEEK | (flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
	ssize_t n = fs_recv(in, data, MIN(len, (size_t)PIECE), peek);

	/* A pipe takes what it has room for; only that much is taken from the socket. */
	if (n > 0)
		n = FS_LIBC(write, out, data, (size_t)n);
	if (n > 0)
		n = fs_recv(in, data, (size_t)n, 0);
	return n;
}

static ssize_t wait_for_room(int out)
{
	struct fs_sock *s = fs_sock_enter(out);
	int err = 0;

	if (!s)
		return -EPIPE;
	err = fs_sock_wait(s, EPOLLOUT, FS_NEVER);
	fs_sock_leave();
	return err;
}

static ssize_t splice_out(int in, int out, size_t len, unsigned int flags, uint8_t *data)
{
	const size_t space = room(out, len);
	size_t done = 0;
	struct pollfd readable = { .fd = in, .events = POLLIN };
	ssize_t n;

	if (flags & SPLICE_F_NONBLOCK && !FS_LIBC(poll, &readable, 1, 0))
		return -EAGAIN;
	n = FS_LIBC(read, in, data, MIN(space, (size_t)PIECE));
	while (n > 0 && done < (size_t)n) {
		ssize_t sent = fs_send(out, data + done, (size_t)n - done,
				       flags & SPLICE_F_MORE ? MSG_MORE : 0);

		/* What left the pipe must go: it cannot be put back. */
		if (sent == -EAGAIN)
			sent = wait_for_room(out);
		if (sent < 0)
			return done ? (ssize_t)done : sent;
		done += (size_t)sent;
	}
	return n;
}

ssize_t fs_splice(int in, off_t *in_offset, int out, off_t *out_offset, size_t len,
		  unsigned int flags)
{
	const bool from = fs_file_is_ours(in), to = fs_file_is_ours(out);
	uint8_t *data;
	ssize_t n;

	if (!from && !to)
		return FS_LIBC(splice, in, in_offset, out, out_offset, len, flags);
	if (in_offset || out_offset)
		return -ESPIPE;
	if (!len)
		return 0;
	data = malloc(PIECE);
	if (!data)
		return -ENOMEM;
	n = from ? splice_in(in, out, len, flags, data) : splice_out(in, out, len, flags, data);
	free(data);
	return n;
}
