// SPDX-License-Identifier: BSD-2-Clause
/*
 * input.c - what was received. A head that came whole is parsed where the wire
 * left it; pieces are put together in memory of the connection's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"

enum { STORE = HEAD_MAX + 65536 };	/* a head that is too long by less than a buffer */

static void release(struct conn *c)
{
	if (c->lent)
		fs_buf_release(&c->lent, 1);
	c->lent = NULL;
}

/* The rest of the lent buffer to the front of the store. */
int input_keep(struct conn *c)
{
	if (!c->len) {
		input_drop(c);
		return 0;
	}
	if (!c->store)
		c->store = malloc(STORE);
	if (!c->store)
		return -ENOMEM;
	memmove(c->store, c->data, c->len);
	c->data = c->store;
	release(c);
	return 0;
}

int input_more(struct conn *c)
{
	struct fs_buf *buf;
	int n = fs_tcp_recv_zc(c->tcp, &buf, 1);

	if (n <= 0)
		return n;
	if (!c->len) {
		release(c);
		c->lent = buf;
		c->data = (const char *)buf->data;
		c->len = buf->len;
		return n;
	}
	n = input_keep(c);
	if (!n && buf->len > STORE - c->len)
		n = -EMSGSIZE;
	if (!n) {
		memcpy(c->store + c->len, buf->data, buf->len);
		c->len += buf->len;
	}
	fs_buf_release(&buf, 1);
	return n ? n : 1;
}

void input_consume(struct conn *c, size_t len)
{
	c->data += len;
	c->len -= len;
	c->seen = 0;
}

void input_drop(struct conn *c)
{
	release(c);
	free(c->store);
	c->store = NULL;
	c->len = c->seen = 0;
}
