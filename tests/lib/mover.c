// SPDX-License-Identifier: BSD-2-Clause
/* mover.c - see mover.h. */
#include "mover.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 32768 };

struct mover_opts mover_opts;
struct mover_count mover_count;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

uint64_t mover_now_ms(void)
{
	return now_ns() / 1000000;
}

/* --- what is said ------------------------------------------------------------------ */

/* @mine: what this side sends, from @at on. */
static void say(const struct mover_conn *c, bool mine, uint64_t at, uint8_t *data, size_t len)
{
	const uint64_t side = mine == mover_opts.connects;
	const uint64_t salt = (c->key * 2 + side) * 0xff51afd7ed558ccdull;

	for (size_t i = 0; i < len; ) {
		const uint64_t x = ((at + i) / 8 + 1) * 0x9e3779b97f4a7c15ull ^ salt;
		const uint64_t word = x ^ x >> 29;
		const size_t first = (at + i) % 8, part = len - i < 8 - first ? len - i : 8 - first;

		memcpy(data + i, (const uint8_t *)&word + first, part);
		i += part;
	}
}

static void check(const struct mover_conn *c, const uint8_t *data, size_t len)
{
	uint8_t want[CHUNK];
	size_t i = 0;

	say(c, false, c->rx, want, len);
	if (!memcmp(data, want, len))
		return;
	while (data[i] == want[i])
		i++;
	errx(1, "connection %llu: byte %llu is wrong, %s", (unsigned long long)c->key,
	     (unsigned long long)(c->rx + i), c->moved ? "moved" : "not moved");
}

void mover_fail(const struct mover_conn *c, const char *what, int error)
{
	errx(1, "connection %llu, %s: %s: %s, %llu read, %llu written",
	     (unsigned long long)c->key, c->moved ? "moved" : "not moved", what, strerror(error),
	     (unsigned long long)c->rx, (unsigned long long)c->tx);
}

/* --- both doors --------------------------------------------------------------------- */

static ssize_t conn_recv(struct mover_conn *c, void *data, size_t len)
{
	ssize_t n;

	if (c->tcp)
		return fs_tcp_recv(c->tcp, data, len);
	n = recv(c->fd, data, len, 0);
	return n < 0 ? -errno : n;
}

static ssize_t conn_send(struct mover_conn *c, const void *data, size_t len)
{
	ssize_t n;

	if (c->tcp)
		return fs_tcp_send(c->tcp, data, len);
	n = send(c->fd, data, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void conn_shutdown(struct mover_conn *c)
{
	int err = c->tcp ? fs_tcp_shutdown(c->tcp) : shutdown(c->fd, SHUT_WR) ? -errno : 0;

	if (err)
		mover_fail(c, "shutdown", -err);
	c->fin = true;
}

static void conn_close(struct mover_conn *c)
{
	if (c->tcp)
		fs_tcp_close(c->tcp);
	else
		close(c->fd);
	c->open = false;
	mover_count.done++;
}

static bool is_time(const struct mover_conn *c, int ms)
{
	return ms == MOVER_ON_MOVE ? c->moved : mover_now_ms() - c->since_ms >= (uint64_t)ms;
}

static void read_all(struct mover_conn *c)
{
	uint8_t data[CHUNK];
	ssize_t n;

	while (!c->eof && is_time(c, mover_opts.read_ms)) {
		n = conn_recv(c, data, sizeof(data));
		if (n == -EAGAIN)
			return;
		if (n < 0)
			mover_fail(c, "recv", (int)-n);
		check(c, data, (size_t)n);
		c->rx += (uint64_t)n;
		c->eof = !n;
		if (c->eof ? c->rx != mover_opts.bytes : c->rx > mover_opts.bytes)
			errx(1, "connection %llu: %llu bytes%s", (unsigned long long)c->key,
			     (unsigned long long)c->rx, c->eof ? " are all" : "");
	}
}

static void write_all(struct mover_conn *c)
{
	uint8_t data[CHUNK];

	while (!c->fin && is_time(c, mover_opts.write_ms)) {
		size_t len = mover_opts.bytes - c->tx < CHUNK ? (size_t)(mover_opts.bytes - c->tx) : CHUNK;
		/* 1: to be told when there is more. */
		size_t space = c->tcp ? fs_tcp_send_space(c->tcp) + 1 : CHUNK;
		ssize_t n = 0;

		len = len < space ? len : space;
		say(c, true, c->tx, data, len);
		if (len)
			n = conn_send(c, data, len);
		if (n == -EAGAIN)
			return;
		if (n < 0)
			mover_fail(c, "send", (int)-n);
		c->tx += (uint64_t)n;
		if (c->tx == mover_opts.bytes)
			conn_shutdown(c);
	}
}

/* --- moving ------------------------------------------------------------------------------ */

static bool wants_to_move(const struct mover_conn *c)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };

	if (!c->tcp || !c->connected || c->moved || mover_opts.when == MOVER_NEVER)
		return false;
	fs_tcp_info(c->tcp, &info);
	if (info.state < FS_TCP_ESTABLISHED || info.state > FS_TCP_LAST_ACK)
		return false;
	if (mover_opts.when == MOVER_RANDOM)
		return c->rx + c->tx >= c->move_at;
	if (mover_opts.when == MOVER_TIME)
		return is_time(c, mover_opts.after_ms);
	if (mover_opts.when == MOVER_CLOSE_WAIT)
		return info.state == FS_TCP_CLOSE_WAIT;
	if (mover_opts.when == MOVER_FIN_WAIT)
		return info.state == FS_TCP_FIN_WAIT_1 || info.state == FS_TCP_FIN_WAIT_2;
	return info.state == FS_TCP_LAST_ACK || info.state == FS_TCP_CLOSING;
}

void mover_watch(struct mover_conn *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c,
	};

	if (epoll_ctl(mover_opts.epfd, EPOLL_CTL_ADD, c->fd, &event))
		err(1, "epoll_ctl");
}

static void check_moved(const struct mover_conn *c, const struct fs_addr *local)
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

/* Not to be allowed: the connection goes on as if nothing had been. */
static void move_in_vain(struct mover_conn *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	int ret;

	if (syscall(SYS_capget, &head, caps))
		err(1, "capget");
	caps[0].effective &= ~(1u << CAP_NET_ADMIN);
	if (syscall(SYS_capset, &head, caps))
		err(1, "capset");
	ret = fs_tcp_handoff(c->tcp, -1);
	if (ret != -EPERM)
		errx(1, "handoff without the privilege: %d", ret);
	c->moved = true;	/* as far as it goes */
}

static void move(struct mover_conn *c)
{
	const struct fs_addr local = fs_tcp_local(c->tcp);
	const uint64_t before = now_ns();
	int fd = mover_opts.six ? socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0) : -1;
	int got = fs_tcp_handoff(c->tcp, fd);
	uint64_t took;

	if (got < 0)
		mover_fail(c, "handoff", -got);
	took = now_ns() - before;
	mover_count.move_ns += took;
	mover_count.move_ns_max = took > mover_count.move_ns_max ? took : mover_count.move_ns_max;
	mover_count.moved++;
	c->tcp = NULL;
	c->fd = got;
	c->moved = true;
	check_moved(c, &local);
	mover_watch(c);
}

void mover_pump(struct mover_conn *c)
{
	if (!c->open || !c->connected)
		return;
	if (wants_to_move(c))
		mover_opts.forbidden ? move_in_vain(c) : move(c);
	read_all(c);
	write_all(c);
	if (wants_to_move(c))
		mover_opts.forbidden ? move_in_vain(c) : move(c);
	if (!c->eof || !c->fin)
		return;
	if (c->tcp && mover_opts.when == MOVER_LAST_ACK) {
		struct fs_tcp_info info = { .sz = sizeof(info) };

		fs_tcp_info(c->tcp, &info);
		if (info.state != FS_TCP_CLOSED && info.state != FS_TCP_TIME_WAIT)
			return;
	}
	conn_close(c);
}

/* The client's port names the connection. */
void mover_connected(struct mover_conn *c)
{
	const int on = 1;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr addr;

	if (c->tcp) {
		addr = mover_opts.connects ? fs_tcp_local(c->tcp) : fs_tcp_remote(c->tcp);
		fs_tcp_set(c->tcp, FS_TCP_NODELAY, 1);
	} else {
		if (mover_opts.connects ? getsockname(c->fd, (struct sockaddr *)&sa, &len) :
				    getpeername(c->fd, (struct sockaddr *)&sa, &len))
			err(1, "name");
		fs_addr_from_sockaddr(&addr, (struct sockaddr *)&sa, len);
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* BBR takes minutes to recover from a loss of everything. */
		setsockopt(c->fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	}
	c->key = addr.port;
	c->connected = true;
}

void mover_complain(const struct mover_conn *c)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti);

	if (c->tcp)
		fs_tcp_info(c->tcp, &info);
	else
		getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
	fprintf(stderr, "mover: %llu hangs, %s: %llu read, %llu written, state %u/%u, "
		"%u/%u unacknowledged, window %u/%u, %u retransmissions\n",
		(unsigned long long)c->key,
		c->moved ? "moved" : c->tcp ? "here" : "the kernel's",
		(unsigned long long)c->rx, (unsigned long long)c->tx, info.state, ti.tcpi_state,
		info.unacked, ti.tcpi_unacked, info.snd_wnd, ti.tcpi_snd_wnd,
		ti.tcpi_total_retrans);
}
