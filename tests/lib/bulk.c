// SPDX-License-Identifier: BSD-2-Clause
#include "tcp/conn.h"
#include "tests/lib/bulk.h"
#include "tests/lib/must.h"

enum {
	PORT = 9,
	BATCH = 32,
};

static void push(struct test_net *net, struct fs_tcp *tcp)
{
	struct fs_buf *buf;

	/* One more than there is space for asks to be told. */
	while ((buf = fs_buf_alloc(net->a.stack, fs_tcp_mss(tcp)))) {
		memset(buf->data, 0, buf->len);
		if (fs_tcp_send_zc(tcp, &buf, 1) == 1)
			continue;
		fs_buf_release(&buf, 1);
		return;
	}
}

static void pull(struct bulk *bulk, unsigned int flow)
{
	struct fs_buf *bufs[BATCH];
	int n;

	while ((n = fs_tcp_recv_zc(bulk->to[flow], bufs, BATCH)) > 0) {
		for (int i = 0; i < n; i++)
			bulk->received[flow] += bufs[i]->len;
		fs_buf_release(bufs, (size_t)n);
	}
}

static void set_buffer(const struct bulk *bulk, struct fs_tcp *tcp)
{
	if (!bulk->opts.buffer)
		return;
	must(!fs_tcp_set(tcp, FS_TCP_SNDBUF, 2 * bulk->opts.buffer));
	must(!fs_tcp_set(tcp, FS_TCP_RCVBUF, bulk->opts.buffer));
}

static void open_next(struct bulk *bulk, struct test_net *net)
{
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts), .remote = test_with_port(net->b.ip4, PORT),
		.cc = bulk->opts.cc, .ecn = bulk->opts.ecn, .user = (void *)(uintptr_t)bulk->opened,
	};

	must(!fs_tcp_connect(&bulk->from[bulk->opened], net->a.stack, &opts));
	set_buffer(bulk, bulk->from[bulk->opened++]);
	bulk->next_open_ns = net->now_ns + bulk->opts.stagger_ns;
}

static void take_in(struct bulk *bulk)
{
	struct fs_tcp *tcp;

	while (fs_tcp_accept(bulk->listener, &tcp, 1)) {
		unsigned int i = 0;

		while (fs_tcp_local(bulk->from[i]).port != fs_tcp_remote(tcp).port)
			must(++i < bulk->opened);
		bulk->to[i] = tcp;
		fs_tcp_set_user(tcp, (void *)(uintptr_t)i);
		set_buffer(bulk, tcp);
	}
}

static void pump(struct bulk *bulk, struct test_net *net)
{
	struct fs_event events[BATCH];
	int n;

	while ((n = fs_stack_events(net->b.stack, events, BATCH)))
		for (int i = 0; i < n; i++)
			if (events[i].type == FS_EV_ACCEPT)
				take_in(bulk);
			else
				pull(bulk, (unsigned int)(uintptr_t)events[i].user);
	while ((n = fs_stack_events(net->a.stack, events, BATCH)))
		for (int i = 0; i < n; i++)
			push(net, events[i].endpoint);
}

void bulk_open(struct bulk *bulk, struct test_net *net, const struct bulk_opts *opts)
{
	struct fs_tcp_listen_opts listen = {
		.sz = sizeof(listen), .local.port = PORT, .cc = opts->cc,
	};

	*bulk = (struct bulk){ .opts = *opts };
	bulk->opts.flows = MAX(opts->flows, 1u);
	must(bulk->opts.flows <= BULK_FLOWS_MAX);
	must(!fs_tcp_listen(&bulk->listener, net->b.stack, &listen));
}

void bulk_run(struct bulk *bulk, struct test_net *net, uint64_t span_ns)
{
	const uint64_t until_ns = net->now_ns + span_ns;

	do {
		while (bulk->opened < bulk->opts.flows && net->now_ns >= bulk->next_open_ns)
			open_next(bulk, net);
		pump(bulk, net);
	} while (test_net_step(net, until_ns));
}

uint64_t bulk_total(const struct bulk *bulk)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < bulk->opts.flows; i++)
		total += bulk->received[i];
	return total;
}

void bulk_close(struct bulk *bulk, struct test_net *net)
{
	for (unsigned int i = 0; i < bulk->opened; i++) {
		fs_tcp_abort(bulk->from[i]);
		fs_tcp_abort(bulk->to[i]);
	}
	fs_tcp_listener_close(bulk->listener);
	test_net_run(net, NSEC_PER_SEC);
}
