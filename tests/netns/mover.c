// SPDX-License-Identifier: BSD-2-Clause
/*
 * mover - connections that talk both ways at once, and move to the kernel on the
 * way.
 *
 *	mover (-i IFACE | -k) (-l PORT | -c ADDR:PORT) [-n CONNS] [-b BYTES]
 *	      [-m WHEN] [-a MS] [-r MS] [-w MS] [-s SEED] [-6] [-o] [-x]
 *
 * -k speaks by the kernel, -i by a stack on IFACE. Each connection sends BYTES bytes, each of
 * which depends on its place and on the connection, then FIN, and wants as
 * many back. -m says when it moves: random (somewhere in the stream), time (after -a
 * milliseconds), close-wait, fin-wait, last-ack (when in that state), never.
 * -r and -w: the time before it reads and writes; "moved": not before it has moved.
 * -6 gives IPv6 sockets to IPv4 connections. -o closes as soon as everything is
 * queued, and at the end moves what has no handle. -x: it expects not to be allowed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <fastsock/tcp.h>

#include "stack/stack.h"
#include "tcp/move.h"

enum { EVENTS = 64, CHUNK = 32768, CONNS_MAX = 4096, ON_MOVE = -1, PATIENCE_S = 90 };

enum when { NEVER, RANDOM, TIME, CLOSE_WAITS, FIN_WAITS, LAST_ACKS, WHEN_COUNT };

static const char *const when_names[WHEN_COUNT] = {
	"never", "random", "time", "close-wait", "fin-wait", "last-ack",
};

struct conn {
	struct fs_tcp *tcp;	/* NULL: it is @fd */
	int fd;
	uint64_t key;
	uint64_t rx, tx, move_at;
	uint64_t since_ms;
	bool open, connected, eof, fin, moved;
};

static struct {
	const char *iface;
	struct fs_addr at;
	bool connects, six, orphans, forbidden;
	unsigned int conns;
	uint64_t bytes;
	enum when when;
	int after_ms, read_ms, write_ms;
} opts = { .conns = 1, .bytes = 1 << 20 };
static struct {
	unsigned int open, done, moved;
	uint64_t move_ns, move_ns_max;
} count;
static struct conn conns[CONNS_MAX];
static struct fs_stack *stack;
static struct fs_tcp_listener *listener;
static int epfd, listen_fd = -1;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/* --- what is said ------------------------------------------------------------------ */

/* @mine: what this side sends. */
static uint8_t byte_at(const struct conn *c, bool mine, uint64_t at)
{
	const uint64_t side = mine == opts.connects;
	uint64_t x = (at / 8 + 1) * 0x9e3779b97f4a7c15ull ^ (c->key * 2 + side) * 0xff51afd7ed558ccdull;

	return (uint8_t)(x >> (at % 8 * 8)) ^ (uint8_t)(x >> 29);
}

static void check(const struct conn *c, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != byte_at(c, false, c->rx + i))
			errx(1, "connection %llu: byte %llu is wrong, %s",
			     (unsigned long long)c->key, (unsigned long long)(c->rx + i),
			     c->moved ? "moved" : "not moved");
}

static void fail(const struct conn *c, const char *what, int error)
{
	errx(1, "connection %llu, %s: %s: %s, %llu read, %llu written",
	     (unsigned long long)c->key, c->moved ? "moved" : "not moved", what, strerror(error),
	     (unsigned long long)c->rx, (unsigned long long)c->tx);
}

/* --- both doors --------------------------------------------------------------------- */

static ssize_t conn_recv(struct conn *c, void *data, size_t len)
{
	ssize_t n;

	if (c->tcp)
		return fs_tcp_recv(c->tcp, data, len);
	n = recv(c->fd, data, len, 0);
	return n < 0 ? -errno : n;
}

static ssize_t conn_send(struct conn *c, const void *data, size_t len)
{
	ssize_t n;

	if (c->tcp)
		return fs_tcp_send(c->tcp, data, len);
	n = send(c->fd, data, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void conn_shutdown(struct conn *c)
{
	int err = c->tcp ? fs_tcp_shutdown(c->tcp) : shutdown(c->fd, SHUT_WR) ? -errno : 0;

	if (err)
		fail(c, "shutdown", -err);
	c->fin = true;
}

static void conn_close(struct conn *c)
{
	if (c->tcp)
		fs_tcp_close(c->tcp);
	else
		close(c->fd);
	c->open = false;
	count.done++;
}

static bool is_time(const struct conn *c, int ms)
{
	return ms == ON_MOVE ? c->moved : now_ms() - c->since_ms >= (uint64_t)ms;
}

static void read_all(struct conn *c)
{
	uint8_t data[CHUNK];
	ssize_t n;

	while (!c->eof && is_time(c, opts.read_ms)) {
		n = conn_recv(c, data, sizeof(data));
		if (n == -EAGAIN)
			return;
		if (n < 0)
			fail(c, "recv", (int)-n);
		check(c, data, (size_t)n);
		c->rx += (uint64_t)n;
		c->eof = !n;
		if (c->eof ? c->rx != opts.bytes : c->rx > opts.bytes)
			errx(1, "connection %llu: %llu bytes%s", (unsigned long long)c->key,
			     (unsigned long long)c->rx, c->eof ? " are all" : "");
	}
}

static void write_all(struct conn *c)
{
	uint8_t data[CHUNK];

	while (!c->fin && is_time(c, opts.write_ms)) {
		size_t len = opts.bytes - c->tx < CHUNK ? (size_t)(opts.bytes - c->tx) : CHUNK;
		ssize_t n = 0;

		for (size_t i = 0; i < len; i++)
			data[i] = byte_at(c, true, c->tx + i);
		if (len)
			n = conn_send(c, data, len);
		if (n == -EAGAIN)
			return;
		if (n < 0)
			fail(c, "send", (int)-n);
		c->tx += (uint64_t)n;
		if (c->tx == opts.bytes)
			conn_shutdown(c);
	}
}

/* --- moving ------------------------------------------------------------------------------ */

static bool wants_to_move(const struct conn *c)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };

	if (!c->tcp || !c->connected || opts.when == NEVER)
		return false;
	fs_tcp_info(c->tcp, &info);
	if (info.state < FS_TCP_ESTABLISHED || info.state > FS_TCP_LAST_ACK)
		return false;
	if (opts.when == RANDOM)
		return c->rx + c->tx >= c->move_at;
	if (opts.when == TIME)
		return is_time(c, opts.after_ms);
	if (opts.when == CLOSE_WAITS)
		return info.state == FS_TCP_CLOSE_WAIT;
	if (opts.when == FIN_WAITS)
		return info.state == FS_TCP_FIN_WAIT_1 || info.state == FS_TCP_FIN_WAIT_2;
	return info.state == FS_TCP_LAST_ACK || info.state == FS_TCP_CLOSING;
}

static void watch(struct conn *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c,
	};

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &event))
		err(1, "epoll_ctl");
}

static void check_moved(const struct conn *c, const struct fs_addr *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr now;
	int on, info_len = sizeof(on);

	if (getsockname(c->fd, (struct sockaddr *)&sa, &len) ||
	    fs_addr_from_sockaddr(&now, (struct sockaddr *)&sa, len) || now.port != local->port)
		errx(1, "the moved socket has another end");
	len = (socklen_t)info_len;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) || !on)
		errx(1, "the moved socket has lost NODELAY");
}

static void move(struct conn *c)
{
	const struct fs_addr local = fs_tcp_local(c->tcp);
	const uint64_t before = now_ns();
	int fd = opts.six ? socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0) : -1;
	int got = fs_tcp_handoff(c->tcp, fd);
	uint64_t took;

	if (opts.forbidden) {
		if (got != -EPERM)
			errx(1, "handoff without privileges: %d", got);
		c->moved = true;	/* as far as it goes */
		opts.when = NEVER;
		return;
	}
	if (got < 0)
		fail(c, "handoff", -got);
	took = now_ns() - before;
	count.move_ns += took;
	count.move_ns_max = took > count.move_ns_max ? took : count.move_ns_max;
	count.moved++;
	c->tcp = NULL;
	c->fd = got;
	c->moved = true;
	check_moved(c, &local);
	watch(c);
}

static void pump(struct conn *c)
{
	if (!c->open || !c->connected)
		return;
	if (wants_to_move(c))
		move(c);
	read_all(c);
	write_all(c);
	if (wants_to_move(c))
		move(c);
	if (!c->eof || !c->fin)
		return;
	if (c->tcp && opts.when == LAST_ACKS) {
		struct fs_tcp_info info = { .sz = sizeof(info) };

		fs_tcp_info(c->tcp, &info);
		if (info.state != FS_TCP_CLOSED && info.state != FS_TCP_TIME_WAIT)
			return;
	}
	conn_close(c);
}

/* --- beginnings ---------------------------------------------------------------------------- */

static struct conn *new_conn(struct fs_tcp *tcp, int fd)
{
	struct conn *c = &conns[count.open];

	if (count.open == opts.conns)
		errx(1, "more connections than %u", opts.conns);
	count.open++;
	*c = (struct conn){ .tcp = tcp, .fd = fd, .open = true, .since_ms = now_ms() };
	c->move_at = opts.bytes ? (uint64_t)random() % (2 * opts.bytes) : 0;
	return c;
}

/* The client's port names the connection. */
static void connected(struct conn *c)
{
	const int on = 1;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr addr;

	if (c->tcp) {
		addr = opts.connects ? fs_tcp_local(c->tcp) : fs_tcp_remote(c->tcp);
		fs_tcp_set(c->tcp, FS_TCP_NODELAY, 1);
	} else {
		if (opts.connects ? getsockname(c->fd, (struct sockaddr *)&sa, &len) :
				    getpeername(c->fd, (struct sockaddr *)&sa, &len))
			err(1, "name");
		fs_addr_from_sockaddr(&addr, (struct sockaddr *)&sa, len);
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	c->key = addr.port;
	c->connected = true;
}

static void connect_all(void)
{
	FS_OPTS(fs_tcp_connect_opts, tcp_opts, .remote = opts.at);
	struct sockaddr_storage sa;
	int len = fs_addr_to_sockaddr(&opts.at, &sa);

	for (unsigned int i = 0; i < opts.conns; i++) {
		struct conn *c = new_conn(NULL, -1);

		tcp_opts.user = c;
		if (stack) {
			int ret = fs_tcp_connect(&c->tcp, stack, &tcp_opts);

			if (ret)
				fail(c, "connect", -ret);
			continue;
		}
		c->fd = socket(opts.at.family, SOCK_STREAM, 0);
		if (connect(c->fd, (struct sockaddr *)&sa, (socklen_t)len))
			err(1, "connect");
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
		connected(c);
		watch(c);
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
	    listen(listen_fd, 4096) || epoll_ctl(epfd, EPOLL_CTL_ADD, listen_fd, &event))
		err(1, "listen");
}

static void accept_all(void)
{
	struct fs_tcp *tcp;
	struct conn *c;
	int fd;

	while (listener && fs_tcp_accept(listener, &tcp, 1)) {
		c = new_conn(tcp, -1);
		fs_tcp_set_user(tcp, c);
		connected(c);
		pump(c);
	}
	while (listen_fd >= 0 && (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		c = new_conn(NULL, fd);
		connected(c);
		watch(c);
	}
}

/* --- the loop ---------------------------------------------------------------------------- */

static void on_fast(const struct fs_event *event)
{
	struct conn *c = event->user;

	if (event->type == FS_EV_ACCEPT) {
		accept_all();
		return;
	}
	if (!c->open || !c->tcp)
		return;
	if (event->type == FS_EV_ERROR)
		fail(c, "connection", -event->error);
	if (!c->connected)
		connected(c);
	pump(c);
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

/* What depends on time, and closed ones that the last event was of. */
static void look_around(void)
{
	static uint64_t last_ms;

	if (now_ms() == last_ms)
		return;
	last_ms = now_ms();
	for (unsigned int i = 0; i < count.open; i++)
		if (conns[i].open)
			pump(&conns[i]);
}

static void loop(void)
{
	struct epoll_event events[EVENTS];

	while (count.done < opts.conns) {
		int n = epoll_wait(epfd, events, EVENTS, 1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				pump(events[i].data.ptr);
			else if (listen_fd >= 0)
				accept_all();
		}
		if (stack)
			poll_fast();
		look_around();
	}
}

/* What was closed must be sent to the end, by whomever. */
static void end_stack(void)
{
	struct fs_stack_stats stats = { .sz = sizeof(stats) };

	fs_tcp_listener_close(listener);
	if (opts.orphans && fs_tcp_move_all(stack->tcp, NULL, NULL))
		errx(1, "not all could be moved");
	for (uint64_t end = now_ms() + 300; !opts.orphans && now_ms() < end; )
		fs_stack_poll(stack, NULL, 0, 1000);
	fs_stack_stats(stack, &stats);
	printf("mover: %u moved by hand, %llu in all, %llu dropped late, %llu resets, "
	       "%llu ns each, %llu at most\n", count.moved, (unsigned long long)stats.tcp_moved,
	       (unsigned long long)stats.rx_drop_moved, (unsigned long long)stats.tx_tcp_rst,
	       (unsigned long long)(count.moved ? count.move_ns / count.moved : 0),
	       (unsigned long long)count.move_ns_max);
	fs_stack_close(stack);
}

static int time_of(const char *text)
{
	return !strcmp(text, "moved") ? ON_MOVE : atoi(text);
}

static void parse(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "i:kl:c:n:b:m:a:r:w:s:6ox")) != -1) {
		if (opt == 'i')
			opts.iface = optarg;
		else if (opt == 'l')
			opts.at.port = (uint16_t)atoi(optarg);
		else if (opt == 'c')
			opts.connects = !fs_addr_parse(&opts.at, optarg);
		else if (opt == 'n')
			opts.conns = (unsigned int)atoi(optarg);
		else if (opt == 'b')
			opts.bytes = strtoull(optarg, NULL, 10);
		else if (opt == 'm')
			for (int i = 0; i < WHEN_COUNT; i++)
				opts.when = strcmp(optarg, when_names[i]) ? opts.when : (enum when)i;
		else if (opt == 'a')
			opts.after_ms = atoi(optarg);
		else if (opt == 'r')
			opts.read_ms = time_of(optarg);
		else if (opt == 'w')
			opts.write_ms = time_of(optarg);
		else if (opt == 's')
			srandom((unsigned int)atoi(optarg));
		else if (opt == '6')
			opts.six = true;
		else if (opt == 'o')
			opts.orphans = true;
		else if (opt == 'x')
			opts.forbidden = true;
	}
	if (!opts.at.port || opts.conns > CONNS_MAX)
		errx(2, "usage: mover (-i IFACE | -k) (-l PORT | -c ADDR:PORT) ...");
}

int main(int argc, char **argv)
{
	FS_OPTS(fs_stack_opts, stack_opts, .frames = 65536);
	struct epoll_event event = { .events = EPOLLIN };

	parse(argc, argv);
	alarm(PATIENCE_S);
	signal(SIGPIPE, SIG_IGN);
	epfd = epoll_create1(0);
	stack_opts.ifname = opts.iface;
	if (opts.iface && fs_stack_open(&stack, &stack_opts))
		return 1;
	if (stack && epoll_ctl(epfd, EPOLL_CTL_ADD, fs_stack_fd(stack), &event))
		err(1, "epoll_ctl");
	if (opts.connects)
		connect_all();
	else
		listen_there();
	printf("mover: port %u\n", opts.at.port);
	fflush(stdout);
	loop();
	if (stack)
		end_stack();
	printf("mover: %u connections, all is well\n", count.done);
	return 0;
}
