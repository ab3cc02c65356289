/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_stack.h - tcp_load on the stack door: received without a copy, sent
 * with one, since a request is built anew.
 */
#ifndef FS_BENCH_TCP_STACK_H
#define FS_BENCH_TCP_STACK_H

#include <fastsock/tcp.h>

#include "bench/tcp_client.h"

static struct {
	struct fs_stack *stack;
	struct fs_addr server;
	struct fs_tcp **conns;
	struct fs_buf *lent;
} tcp_stack;

static void tcp_stack_open(const struct tcp_opts *o)
{
	FS_OPTS(fs_stack_opts, opts, .ifname = o->ifname, .frames = 16384,
		.spin_us = o->spin ? TCP_SLEEP_US : 0);

	tcp_stack.server = o->server;
	tcp_stack.conns = calloc(o->slots, sizeof(*tcp_stack.conns));
	if (!tcp_stack.conns || fs_stack_open(&tcp_stack.stack, &opts))
		exit(1);	/* the library has said why */
}

/* The slot's number stands in the user pointer. */
static int tcp_stack_connect(unsigned int slot)
{
	FS_OPTS(fs_tcp_connect_opts, opts, .remote = tcp_stack.server,
		.user = (void *)(uintptr_t)slot);
	int error = fs_tcp_connect(&tcp_stack.conns[slot], tcp_stack.stack, &opts);

	if (!error)
		fs_tcp_set(tcp_stack.conns[slot], FS_TCP_NODELAY, 1);
	return error;
}

static ssize_t tcp_stack_send(unsigned int slot, const void *data, size_t len)
{
	return fs_tcp_send(tcp_stack.conns[slot], data, len);
}

static ssize_t tcp_stack_recv(unsigned int slot, const uint8_t **data)
{
	int n;

	if (tcp_stack.lent)
		fs_buf_release(&tcp_stack.lent, 1);
	tcp_stack.lent = NULL;
	n = fs_tcp_recv_zc(tcp_stack.conns[slot], &tcp_stack.lent, 1);
	if (n <= 0)
		return n;
	*data = tcp_stack.lent->data;
	return tcp_stack.lent->len;
}

static void tcp_stack_close(unsigned int slot)
{
	fs_tcp_close(tcp_stack.conns[slot]);
	tcp_stack.conns[slot] = NULL;
}

static int tcp_stack_poll(struct tcp_event events[TCP_EVENTS])
{
	struct fs_event ready[TCP_EVENTS];
	int n = fs_stack_poll(tcp_stack.stack, ready, TCP_EVENTS, TCP_SLEEP_US);

	if (n == -ENETDOWN)
		errx(1, "the interface is gone");
	for (int i = 0; i < n; i++)
		events[i] = (struct tcp_event){ (unsigned int)(uintptr_t)ready[i].user,
			ready[i].type == FS_EV_ERROR ? TCP_FAILED : TCP_MOVE };
	return n < 0 ? 0 : n;
}

static void tcp_stack_end(void)
{
	if (tcp_stack.lent)
		fs_buf_release(&tcp_stack.lent, 1);
	fs_stack_close(tcp_stack.stack);
}

static const struct tcp_client tcp_stack_client = {
	"af_xdp", tcp_stack_open, tcp_stack_connect, tcp_stack_send, tcp_stack_recv,
	tcp_stack_close, tcp_stack_poll, tcp_stack_end,
};

#endif
