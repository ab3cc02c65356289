// SPDX-License-Identifier: BSD-2-Clause
/*
 * conn.c - the life of connections: begin, events, the clock, end.
 *
 * All connections stand in a ring by their last progress, which is a request
 * answered or bytes taken by the send: a head that trickles in is none.
 */
#include <errno.h>
#include <stdlib.h>

#include "conn.h"

struct conn_count conn_count;

static struct conn ring = { .prev = &ring, .next = &ring };
static struct conn *closed;
static time_t now;

static void unlink_conn(struct conn *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
}

static void link_last(struct conn *c)
{
	c->progress = now;
	c->prev = ring.prev;
	c->next = &ring;
	ring.prev->next = c;
	ring.prev = c;
}

void conn_progress(struct conn *c)
{
	if (c->progress == now)
		return;
	unlink_conn(c);
	link_last(c);
}

/* Later events of the round may still name it: it is freed after them. */
static void end(struct conn *c, int err)
{
	input_drop(c);
	output_drop(c);
	unlink_conn(c);
	if (err)
		fs_tcp_abort(c->tcp);
	else
		fs_tcp_close(c->tcp);
	conn_count.failed += err && err != -ETIMEDOUT;
	c->tcp = NULL;
	c->next = closed;
	closed = c;
}

static void go_on(struct conn *c)
{
	int err = serve(c, now);

	if (err == -EAGAIN)
		err = input_keep(c) ?: err;
	if (err != -EAGAIN)
		end(c, err);
}

/* The first request often comes with the connection. */
void conn_open(struct fs_tcp *tcp)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		fs_tcp_abort(tcp);
		return;
	}
	c->tcp = tcp;
	link_last(c);
	fs_tcp_set_user(tcp, c);
	fs_tcp_set(tcp, FS_TCP_NODELAY, 1);
	conn_count.accepted++;
	go_on(c);
}

void conn_event(const struct fs_event *event)
{
	struct conn *c = event->user;

	if (!c->tcp)
		return;
	if (event->type == FS_EV_ERROR)
		end(c, event->error);
	else
		go_on(c);
}

void conn_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = ts.tv_sec;
}

time_t conn_tick(time_t idle)
{
	for (struct conn *c; (c = closed); free(c))
		closed = c->next;
	while (ring.next != &ring && now - ring.next->progress > idle) {
		conn_count.timeouts++;
		end(ring.next, ring.next->out || ring.next->file ? -ETIMEDOUT : 0);
	}
	return ring.next == &ring ? -1 : ring.next->progress + idle + 1 - now;
}
