// SPDX-License-Identifier: BSD-2-Clause
/*
 * mover - connections that talk both ways at once, and move to the kernel on the
 * way.
 *
 *	mover (-i IFACE | -k) (-l PORT | -c ADDR:PORT) [-n CONNS] [-b BYTES]
 *	      [-m WHEN] [-a MS] [-r MS] [-w MS] [-s SEED] [-6] [-o] [-q] [-x]
 *
 * -k speaks by the kernel, -i by a stack on IFACE. Each connection sends BYTES bytes, each of
 * which depends on its place and on the connection, then FIN, and wants as
 * many back. -m says when it moves: random (somewhere in the stream), time (after -a
 * milliseconds), close-wait, fin-wait, last-ack (when in that state), never.
 * -r and -w: the time before it reads and writes; "moved": not before it has moved.
 * -6 gives IPv6 sockets to IPv4 connections. -o closes as soon as everything is
 * queued, and at the end moves what has no handle. -q closes the stack when all have
 * moved. -x gives the privilege away before, and expects to be told.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <fastsock/tcp.h>

#include "stack/stack.h"
#include "tcp/move.h"
#include "tests/lib/mover.h"

enum { EVENTS = 64, CONNS_MAX = 4096, PATIENCE_S = 40 };

static const char *const when_names[MOVER_WHEN_COUNT] = {
	"never", "random", "time", "close-wait", "fin-wait", "last-ack",
};

static struct {
	const char *iface;
	struct fs_addr at;
	bool leaves;
	unsigned int conns;
} opts = { .conns = 1 };
static unsigned int opened;
static struct mover_conn conns[CONNS_MAX];
static struct fs_stack *stack;
static struct fs_tcp_listener *listener;
static int listen_fd = -1;

/* --- beginnings ---------------------------------------------------------------------------- */

static struct mover_conn *new_conn(struct fs_tcp *tcp, int fd)
{
	struct mover_conn *c = &conns[opened];

	if (opened == opts.conns)
		errx(1, "more connections than %u", opts.conns);
	opened++;
	*c = (struct mover_conn){ .tcp = tcp, .fd = fd, .open = true, .since_ms = mover_now_ms() };
	c->move_at = mover_opts.bytes ? (uint64_t)random() % (2 * mover_opts.bytes) : 0;
	return c;
}

static void connect_all(void)
{
	FS_OPTS(fs_tcp_connect_opts, tcp_opts, .remote = opts.at);
	struct sockaddr_storage sa;
	int len = fs_addr_to_sockaddr(&opts.at, &sa);

	for (unsigned int i = 0; i < opts.conns; i++) {
		struct mover_conn *c = new_conn(NULL, -1);

		tcp_opts.user = c;
		if (stack) {
			int ret = fs_tcp_connect(&c->tcp, stack, &tcp_opts);

			if (ret)
				mover_fail(c, "connect", -ret);
			continue;
		}
		c->fd = socket(opts.at.family, SOCK_STREAM, 0);
		if (connect(c->fd, (struct sockaddr *)&sa, (socklen_t)len))
			err(1, "connect");
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
		mover_connected(c);
		mover_watch(c);
	}
}

static void listen_there(void)
{
	FS_OPTS(fs_tcp_listen_opts, tcp_opts, .local = opts.at);
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(opts.at.port) };
	struct epoll_event event = { .events = EPOLLIN };
	const int on = 1;
	int ret;

	if (stack) {
		ret = fs_tcp_listen(&listener, stack, &tcp_opts);
		if (ret)
			errx(1, "listen: %s", strerror(-ret));
		return;
	}
	listen_fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listen_fd, (const struct sockaddr *)&any, sizeof(any)) ||
	    listen(listen_fd, 4096) || epoll_ctl(mover_opts.epfd, EPOLL_CTL_ADD, listen_fd, &event))
		err(1, "listen");
}

static void accept_all(void)
{
	struct fs_tcp *tcp;
	struct mover_conn *c;
	int fd;

	while (listener && fs_tcp_accept(listener, &tcp, 1)) {
		c = new_conn(tcp, -1);
		fs_tcp_set_user(tcp, c);
		mover_connected(c);
		mover_pump(c);
	}
	while (listen_fd >= 0 && (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		c = new_conn(NULL, fd);
		mover_connected(c);
		mover_watch(c);
	}
}

/* --- the loop ---------------------------------------------------------------------------- */

static void on_fast(const struct fs_event *event)
{
	struct mover_conn *c = event->user;

	if (event->type == FS_EV_ACCEPT) {
		accept_all();
		return;
	}
	if (!c->open || !c->tcp)
		return;
	if (event->type == FS_EV_ERROR)
		mover_fail(c, "connection", -event->error);
	if (!c->connected)
		mover_connected(c);
	mover_pump(c);
}

static void poll_fast(void)
{
	struct fs_event events[EVENTS];
	int n = fs_stack_poll(stack, events, EVENTS, 0);

	if (n < 0 && n != -EINTR)
		errx(1, "poll: %s", strerror(-n));
	for (int i = 0; i < n; i++)
		on_fast(&events[i]);
	fs_stack_flush(stack);
}

/* What depends on time, or on a state that no event tells. */
static void look_around(void)
{
	static uint64_t last_ms;

	if (mover_now_ms() == last_ms || (mover_opts.when <= MOVER_RANDOM && !mover_opts.read_ms && !mover_opts.write_ms))
		return;
	last_ms = mover_now_ms();
	for (unsigned int i = 0; i < opened; i++)
		if (conns[i].open)
			mover_pump(&conns[i]);
}

/* What was closed must be sent to the end, by whomever. */
static void end_stack(void)
{
	struct fs_stack_stats stats = { .sz = sizeof(stats) };

	fs_tcp_listener_close(listener);
	if (mover_opts.orphans && fs_tcp_move_all(stack->tcp, NULL, NULL))
		errx(1, "not all could be moved");
	for (uint64_t end = mover_now_ms() + 300; !mover_opts.orphans && !opts.leaves && mover_now_ms() < end; )
		fs_stack_poll(stack, NULL, 0, 1000);
	fs_stack_stats(stack, &stats);
	printf("mover: %u moved by hand, %llu in all, %llu dropped late, %llu resets, "
	       "%llu ns each, %llu at most\n", mover_count.moved, (unsigned long long)stats.tcp_moved,
	       (unsigned long long)stats.rx_drop_moved, (unsigned long long)stats.tx_tcp_rst,
	       (unsigned long long)(mover_count.moved ? mover_count.move_ns / mover_count.moved : 0),
	       (unsigned long long)mover_count.move_ns_max);
	fs_stack_close(stack);
	stack = NULL;
	listener = NULL;
}

static void loop(void)
{
	const uint64_t end = mover_now_ms() + PATIENCE_S * 1000;
	struct epoll_event events[EVENTS];

	while (mover_count.done < opts.conns) {
		int n = epoll_wait(mover_opts.epfd, events, EVENTS, 1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				mover_pump(events[i].data.ptr);
			else if (listen_fd >= 0)
				accept_all();
		}
		if (stack)
			poll_fast();
		look_around();
		if (stack && opts.leaves && mover_count.moved == opts.conns)
			end_stack();
		if (mover_now_ms() > end) {
			for (unsigned int i = 0; i < opened; i++)
				if (conns[i].open)
					mover_complain(&conns[i]);
			errx(1, "%u of %u are done", mover_count.done, opts.conns);
		}
	}
}

static int time_of(const char *text)
{
	return !strcmp(text, "moved") ? MOVER_ON_MOVE : atoi(text);
}

static void parse(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "i:kl:c:n:b:m:a:r:w:s:6oqx")) != -1) {
		if (opt == 'i')
			opts.iface = optarg;
		else if (opt == 'l')
			opts.at.port = (uint16_t)atoi(optarg);
		else if (opt == 'c')
			mover_opts.connects = !fs_addr_parse(&opts.at, optarg);
		else if (opt == 'n')
			opts.conns = (unsigned int)atoi(optarg);
		else if (opt == 'b')
			mover_opts.bytes = strtoull(optarg, NULL, 10);
		else if (opt == 'm')
			for (int i = 0; i < MOVER_WHEN_COUNT; i++)
				mover_opts.when = strcmp(optarg, when_names[i]) ? mover_opts.when : (enum mover_when)i;
		else if (opt == 'a')
			mover_opts.after_ms = atoi(optarg);
		else if (opt == 'r')
			mover_opts.read_ms = time_of(optarg);
		else if (opt == 'w')
			mover_opts.write_ms = time_of(optarg);
		else if (opt == 's')
			srandom((unsigned int)atoi(optarg));
		else if (opt == '6')
			mover_opts.six = true;
		else if (opt == 'o')
			mover_opts.orphans = true;
		else if (opt == 'q')
			opts.leaves = true;
		else if (opt == 'x')
			mover_opts.forbidden = true;
	}
	if (!opts.at.port || opts.conns > CONNS_MAX)
		errx(2, "usage: mover (-i IFACE | -k) (-l PORT | -c ADDR:PORT) ...");
}

int main(int argc, char **argv)
{
	FS_OPTS(fs_stack_opts, stack_opts, .frames = 65536);
	struct epoll_event event = { .events = EPOLLIN };

	mover_opts.bytes = 1 << 20;
	parse(argc, argv);
	alarm(PATIENCE_S + 10);
	signal(SIGPIPE, SIG_IGN);
	mover_opts.epfd = epoll_create1(0);
	stack_opts.ifname = opts.iface;
	if (opts.iface && fs_stack_open(&stack, &stack_opts))
		return 1;
	if (stack && epoll_ctl(mover_opts.epfd, EPOLL_CTL_ADD, fs_stack_fd(stack), &event))
		err(1, "epoll_ctl");
	if (mover_opts.connects)
		connect_all();
	else
		listen_there();
	printf("mover: port %u\n", opts.at.port);
	fflush(stdout);
	loop();
	if (stack)
		end_stack();
	printf("mover: %u connections, all is well\n", mover_count.done);
	return 0;
}
