// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_echo - a TCP echo server (RFC 862) on the stack door.
 *
 *	tcp_echo -i IFACE [-i IFACE]... [-p PORT] [--spin]
 *
 * Received buffers go back as they are, without a copy. What a connection does
 * not take now waits beside it, and nothing more is received from that peer until
 * it went: a peer that does not read stops itself and nobody else. A peer that
 * has said FIN gets the rest of its echo, then ours.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/tcp.h>

enum { BATCH = 8, EVENTS = 64 };

struct conn {
	struct fs_tcp *tcp;	/* NULL: closed in this round */
	struct conn *next;	/* of those closed in this round */
	unsigned int first, end;	/* received and not sent yet */
	struct fs_buf *bufs[BATCH];
};

static struct {
	unsigned long long accepted, closed, failed, bytes, refusals;
} count;
static struct conn *closed;
static struct fs_stack *stack;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	fs_stack_wake(stack);
}

/* As far as it goes. -EAGAIN: an event will tell; otherwise it is over. */
static int echo(struct conn *conn)
{
	for (int n;;) {
		while (conn->first < conn->end) {
			n = fs_tcp_send_zc(conn->tcp, conn->bufs + conn->first,
					   conn->end - conn->first);
			if (n < 0) {
				count.refusals += n == -EAGAIN;
				return n;
			}
			conn->first += (unsigned int)n;
		}
		n = fs_tcp_recv_zc(conn->tcp, conn->bufs, BATCH);
		if (n <= 0)
			return n;
		conn->first = 0;
		conn->end = (unsigned int)n;
		while (n--)
			count.bytes += conn->bufs[n]->len;
	}
}

/* Until it is over. Later events of the round may still name it: it is freed after them. */
static void go_on(struct conn *conn, int err)
{
	err = err ?: echo(conn);
	if (err == -EAGAIN)
		return;
	fs_buf_release(conn->bufs + conn->first, conn->end - conn->first);
	fs_tcp_close(conn->tcp);
	conn->tcp = NULL;
	conn->next = closed;
	closed = conn;
	count.closed++;
	count.failed += err != 0;
}

static void take_up(struct fs_tcp_listener *listener)
{
	struct fs_tcp *tcp;

	while (fs_tcp_accept(listener, &tcp, 1)) {
		struct conn *conn = calloc(1, sizeof(*conn));

		if (!conn) {
			fs_tcp_abort(tcp);
			continue;
		}
		conn->tcp = tcp;
		fs_tcp_set_user(tcp, conn);
		fs_tcp_set(tcp, FS_TCP_NODELAY, 1);
		count.accepted++;
		go_on(conn, 0);	/* the first request often comes along */
	}
}

static void handle(const struct fs_event *event)
{
	struct conn *conn = event->user;

	if (event->type == FS_EV_ACCEPT)
		take_up(event->endpoint);
	else if (conn->tcp)
		go_on(conn, event->type == FS_EV_ERROR ? event->error : 0);
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = { { "spin", no_argument, NULL, 's' }, { 0 } };
	const char *ifnames[FS_STACK_IFACES_MAX + 1] = { 0 };
	FS_OPTS(fs_stack_opts, stack_opts, .ifnames = ifnames);
	FS_OPTS(fs_tcp_listen_opts, opts, .local.port = 7, .twin = FS_TWIN_OPTIONAL);
	struct fs_tcp_listener *listener;
	struct fs_event events[EVENTS];
	int opt, n = 0, err;

	while ((opt = getopt_long(argc, argv, "i:p:", longopts, NULL)) != -1)
		if (opt == 'i' && n < FS_STACK_IFACES_MAX)
			ifnames[n++] = optarg;
		else if (opt == 'p')
			opts.local.port = (uint16_t)atoi(optarg);
		else if (opt == 's')
			stack_opts.spin_us = UINT32_MAX;
	if (!n || !opts.local.port || optind != argc)
		return fprintf(stderr, "usage: tcp_echo -i IFACE... [-p PORT] [--spin]\n"), 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (fs_stack_open(&stack, &stack_opts))
		return 1;	/* the library has said why */
	err = fs_tcp_listen(&listener, stack, &opts);
	if (!err)
		printf("tcp_echo: port %u on %s\n", opts.local.port, ifnames[0]), fflush(stdout);
	while (!err && !stop) {
		n = fs_stack_poll(stack, events, EVENTS, -1);
		for (int i = 0; i < n; i++)
			handle(&events[i]);
		for (struct conn *conn; (conn = closed); free(conn))
			closed = conn->next;
		err = n == -ENETDOWN ? n : 0;
	}
	if (err)
		fprintf(stderr, "tcp_echo: port %u: %s\n", opts.local.port, strerror(-err));
	printf("tcp_echo: %llu accepted, %llu closed, %llu failed, %llu bytes, %llu refusals\n",
	       count.accepted, count.closed, count.failed, count.bytes, count.refusals);
	fs_stack_close(stack);
	return err != 0;
}
