// SPDX-License-Identifier: BSD-2-Clause
/*
 * connect.c - active opens: by the stack if the route leaves by it, else by
 * the twin.
 */
#include <netinet/in.h>

#include "sock/sock.h"
#include "sock/twin.h"

static enum fs_socket_reason may_connect(const struct fs_addr *remote)
{
	enum fs_socket_reason reason;

	if (!fs_sock_port_chosen(remote->port))
		return FS_SOCKET_port;
	reason = fs_route_judge(remote);
	if (reason != FS_SOCKET_fast)
		return reason;
	return fs_engine_start() ? FS_SOCKET_fast : fs_engine.failed;
}

static enum fs_socket_reason reason_of(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return FS_SOCKET_route;
	case -ENOSPC:
		return FS_SOCKET_rules_full;
	case -EADDRINUSE:
		return FS_SOCKET_port_taken;
	default:
		return FS_SOCKET_no_memory;
	}
}

/* The stack's connection, in SYN-SENT. */
static int open_fast(struct fs_sock *s, const struct fs_addr *remote)
{
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts), .remote = *remote, .user = s,
	};
	int held_fd = -1, err;

	/* What bind() gave the twin: nothing, an address, a port. */
	if (fs_sock_twin_name(s->file.fd, &opts.local))
		opts.local = (struct fs_addr){ .family = AF_UNSPEC };
	if (opts.local.port)
		held_fd = s->file.fd;
	else if (opts.local.family != remote->family)
		opts.local.family = AF_UNSPEC;
	err = fs_tcp_connect_open(&s->tcp, fs_engine.stack->tcp, &opts, held_fd);
	if (err)
		return err;
	s->state = FS_SOCK_CONNECTING;
	fs_file_rewire(&s->file);
	fs_sock_apply_options(s);
	fs_engine_flush();
	return 0;
}

void fs_sock_disconnect(struct fs_sock *s)
{
	fs_tcp_abort(s->tcp);
	if (s->tcp)
		fs_engine_flush();
	s->tcp = NULL;
	s->state = FS_SOCK_NEW;
	s->shut_rd = false;
	s->error = 0;
	fs_file_rewire(&s->file);
	fs_file_news(&s->file);
}

/* What became of it is told once, and a failure leaves a new socket: af_inet.c. */
static int outcome(struct fs_sock *s)
{
	int err = 0;

	if (s->state == FS_SOCK_CONNECTED) {
		s->untold = false;
		return 0;
	}
	if (s->state == FS_SOCK_FAILED) {
		err = s->error ? fs_sock_take_error(s) : -ECONNABORTED;
		fs_sock_disconnect(s);
	}
	return err;
}

/* @err: what there is to say while it goes on. */
static int finish(struct fs_sock *s, int err)
{
	int woken;

	if (s->state == FS_SOCK_CONNECTING && !s->nonblock) {
		woken = fs_sock_wait(s, EPOLLOUT, s->sndtimeo_ns);
		if (woken && woken != -EAGAIN)
			return woken;
	}
	return s->state == FS_SOCK_CONNECTING ? err : outcome(s);
}

static int go_on(struct fs_sock *s)
{
	if (s->state == FS_SOCK_CONNECTING)
		fs_engine_poll();
	if (s->state == FS_SOCK_CONNECTED && !s->untold)
		return -EISCONN;
	return finish(s, -EALREADY);
}

/* 1: by the kernel. */
static int connect_tcp(struct fs_sock *s, const struct fs_addr *remote)
{
	enum fs_socket_reason reason;
	int err;

	if (s->state == FS_SOCK_LISTENING)
		return 1;
	if (s->state != FS_SOCK_NEW)
		return go_on(s);
	reason = may_connect(remote);
	if (reason == FS_SOCKET_fast) {
		err = open_fast(s, remote);
		if (!err) {
			fs_reason_count(FS_SORT_TCP, reason);
			s->untold = true;
			return finish(s, -EINPROGRESS);
		}
		reason = reason_of(err);
	}
	fs_sock_give_up(s, reason);
	return 1;
}

/* connect() to AF_UNSPEC. 1: the kernel has a part in it. */
static int dissolve(struct fs_sock *s)
{
	fs_sock_unlisten(s);
	if (s->state == FS_SOCK_LISTENING)
		s->state = FS_SOCK_NEW;
	if (s->state == FS_SOCK_NEW)
		return 1;
	fs_sock_disconnect(s);
	return 0;
}

int fs_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct fs_sock *s = fs_sock_enter(fd);
	struct fs_addr remote;
	int err = 1;

	if (!s)
		return FS_LIBC(connect, fd, addr, len);
	if (s->type == SOCK_DGRAM)
		err = fs_udp_sock_connect(s, addr, len);
	else if (addr && len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		err = dissolve(s);
	else if (!addr || fs_sock_get_addr(addr, len, &remote) || !remote.port)
		err = 1;	/* the kernel knows what to say */
	else
		err = connect_tcp(s, &remote);
	fs_sock_leave();
	return err == 1 ? FS_LIBC(connect, fd, addr, len) : err;
}
