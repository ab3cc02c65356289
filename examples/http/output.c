// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c - what is to be sent.
 *
 * The responses of a round gather in @scratch, so that pipelined ones share
 * segments. It serves one connection at a time: what the send refuses moves to
 * the connection's own memory before the next one's turn. Nothing here holds
 * frames: many connections that wait cannot empty the pool.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"

enum {
	SCRATCH = 65536,
	RESPONSE_MAX = SMALL_FILE + 4 * PATH_BYTES + 1024,
};

static char scratch[SCRATCH];
static size_t filled;

void output_add(const char *data, size_t len)
{
	memcpy(scratch + filled, data, len);
	filled += len;
}

/* As much as is taken, until it is refused. How much, or an error. */
static ssize_t send_some(struct conn *c, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = fs_tcp_send(c->tcp, data + done, len - done);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return n;
		done += (size_t)n;
	}
	if (done)
		conn_progress(c);
	return (ssize_t)done;
}

int output_flush(struct conn *c)
{
	const char *from = c->out_len ? c->out : scratch;
	size_t len = c->out_len ? c->out_len : filled, left;
	ssize_t n = len ? send_some(c, from, len) : 0;

	if (n < 0)
		return (int)n;
	left = len - (size_t)n;
	if (left && !c->out && !(c->out = malloc(left)))
		return -ENOMEM;
	if (left)
		memmove(c->out, from + n, left);
	c->out_len = left;
	filled = 0;
	if (left)
		return -EAGAIN;
	free(c->out);
	c->out = NULL;
	return 0;
}

int output_room(struct conn *c)
{
	return c->out_len || SCRATCH - filled < RESPONSE_MAX ? output_flush(c) : 0;
}

int output_body(struct conn *c)
{
	int err = output_flush(c);

	while (!err && c->offset < c->file->size) {
		const off_t left = c->file->size - c->offset;
		const size_t space = fs_tcp_send_space(c->tcp);
		size_t len = space < 1 ? 1 : space < SCRATCH ? space : SCRATCH;
		ssize_t n = pread(c->file->fd, scratch, left < (off_t)len ? (size_t)left : len,
				  c->offset);

		if (n <= 0)
			return -EIO;	/* shorter than promised: only a reset tells */
		len = (size_t)n;
		n = send_some(c, scratch, len);
		if (n < 0)
			return (int)n;
		c->offset += n;
		err = (size_t)n < len ? -EAGAIN : 0;
	}
	if (!err) {
		file_put(c->file);
		c->file = NULL;
	}
	return err;
}

void output_drop(struct conn *c)
{
	file_put(c->file);
	free(c->out);
	c->file = NULL;
	c->out = NULL;
	c->out_len = filled = 0;
}
