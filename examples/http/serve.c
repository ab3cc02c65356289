// SPDX-License-Identifier: BSD-2-Clause
/*
 * serve.c - requests are answered one after another, as far as input and send
 * space go; then the connection waits for an event.
 */
#include <errno.h>

#include "conn.h"

/* Before a request: the last one's body, and empty lines (RFC 9112 2.2). */
static void skip(struct conn *c)
{
	size_t n = c->skip < c->len ? (size_t)c->skip : c->len;

	c->skip -= n;
	if (n)
		input_consume(c, n);
	while (c->len && !c->seen && (*c->data == '\r' || *c->data == '\n'))
		input_consume(c, 1);
}

/* One request. 1: answered, 0: it is not complete, or an error of the output. */
static int answer(struct conn *c, time_t now)
{
	struct request r = { 0 };
	struct file *file = NULL;
	size_t head;
	int status;

	skip(c);
	head = c->skip || !c->len ? 0 : http_head_len(c->data, c->len, c->seen);
	if (!head && c->len <= HEAD_MAX) {
		c->seen = c->len;
		return 0;
	}
	status = output_room(c);
	if (status)
		return status;
	status = head && head <= HEAD_MAX ? http_parse(&r, c->data, head) : 431;
	if (status == 200) {
		status = file_get(&file, r.path, now);
		input_consume(c, head);
		c->skip = r.body;
		c->last = !r.keep_alive;
	} else {
		c->last = true;		/* where the next one would begin is not known */
		conn_count.refused++;
	}
	response(c, &r, status, file);
	conn_count.requests++;
	conn_progress(c);
	return 1;
}

/*
 * After the last response. With input still coming, a close would be a reset, which
 * could overtake the response (RFC 9112 9.6): only our FIN then, and wait for theirs.
 */
static int finish(struct conn *c)
{
	struct fs_buf *buf;
	int n;

	if (!c->draining) {
		if (c->eof || (!c->len && !c->skip))
			return 0;
		fs_tcp_shutdown(c->tcp);
		c->draining = true;
	}
	input_drop(c);
	while ((n = fs_tcp_recv_zc(c->tcp, &buf, 1)) > 0)
		fs_buf_release(&buf, 1);
	return n;
}

int serve(struct conn *c, time_t now)
{
	for (;;) {
		int n = c->file ? output_body(c) : 0;

		if (!n && !c->last)
			n = answer(c, now);
		else if (!n)
			return output_flush(c) ?: finish(c);
		if (n > 0)
			continue;
		if (n < 0)
			return n;
		n = c->eof ? 0 : input_more(c);
		if (n == -EAGAIN)
			return output_flush(c) ?: n;
		if (n < 0)
			return n;
		c->eof = c->last = !n;
	}
}
