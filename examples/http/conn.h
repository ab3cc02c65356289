/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.h - one connection, as input.c, output.c and conn.c share it.
 */
#ifndef EXAMPLES_HTTP_CONN_H
#define EXAMPLES_HTTP_CONN_H

#include "http.h"

struct conn {
	struct fs_tcp *tcp;		/* NULL: closed in this round */
	struct conn *prev, *next;	/* by the time of the last progress */
	time_t progress;
	/* input: received and not consumed */
	struct fs_buf *lent;		/* where @data is, else in @store */
	char *store;
	const char *data;
	size_t len, seen;		/* @seen: looked at before */
	uint64_t skip;			/* of a request's body */
	bool eof;			/* the peer's FIN came */
	/* output */
	char *out;			/* refused by the send: goes first */
	size_t out_len;
	struct file *file;		/* the body being sent, from @offset on */
	off_t offset;
	bool last;			/* no request after this one */
	bool draining;			/* our FIN is queued */
};

/* Receive more behind @data. 1, 0: the peer's FIN, or -errno. */
int input_more(struct conn *c);
/* Before going to wait: frames are not kept. 0 or -ENOMEM. */
int input_keep(struct conn *c);
void input_consume(struct conn *c, size_t len);
void input_drop(struct conn *c);

/* Each: 0, -EAGAIN (WRITABLE will tell) or another error. */
int output_flush(struct conn *c);
int output_room(struct conn *c);	/* for one response: before it is built */
int output_body(struct conn *c);
void output_add(const char *data, size_t len);
void output_drop(struct conn *c);

/* response - build one. Takes over @file, which is there with status 200. */
void response(struct conn *c, const struct request *r, int status, struct file *file);

/* serve - go on as far as it goes. 0: over, -EAGAIN: an event will tell, or an error. */
int serve(struct conn *c, time_t now);

/* conn_progress - a request was answered, or the send took bytes. */
void conn_progress(struct conn *c);

#endif
