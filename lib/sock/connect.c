// SPDX-License-Identifier: BSD-2-Clause
/*
 * connect.c - active opens: by the stack if the route leaves by it, else by
 * the twin.
 */
#include <netinet/in.h>

#include "sock/sock.h"

/* What bind() gave the twin: nothing, an address, a port. */
static void bound_to(const struct fs_sock *s, struct fs_addr *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (FS_LIBC(getsockname, s->file.fd, (struct sockaddr *)&sa, &len) ||
	    fs_sock_get_addr((struct sockaddr *)&sa, len, local))
		*local = (struct fs_addr){ .family = AF_UNSPEC };
}

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

	bound_to(s, &opts.local);
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

static int progress(struct fs_sock *s)
{
	if (s->state == FS_SOCK_CONNECTING)
		fs_engine_poll();
	if (s->state == FS_SOCK_CONNECTED)
		return -EISCONN;
	if (s->state == FS_SOCK_CONNECTING)
		return -EALREADY;
	return s->error ? fs_sock_take_error(s) : -ECONNABORTED;
}

static int finish(struct fs_sock *s)
{
	int err;

	if (s->nonblock)
		return -EINPROGRESS;
	err = fs_sock_wait(s, EPOLLOUT, s->sndtimeo_ns);
	if (err == -EAGAIN)
		return -EINPROGRESS;
	if (err)
		return err;
	return s->state == FS_SOCK_CONNECTED ? 0 : fs_sock_take_error(s);
}

/* As after a refused connection, which Linux lets one repeat. */
static void begin_again(struct fs_sock *s)
{
	fs_tcp_close(s->tcp);
	s->tcp = NULL;
	s->state = FS_SOCK_NEW;
	fs_file_rewire(&s->file);
}

/* 1: by the kernel. */
static int connect_tcp(struct fs_sock *s, const struct fs_addr *remote)
{
	enum fs_socket_reason reason;
	int err;

	if (s->state == FS_SOCK_FAILED && !s->error)
		begin_again(s);
	if (s->state != FS_SOCK_NEW) {
		err = s->state == FS_SOCK_LISTENING ? 1 : progress(s);
		if (err == -EALREADY && !s->nonblock)
			err = finish(s);
		return err;
	}
	reason = may_connect(remote);
	if (reason == FS_SOCKET_fast) {
		err = open_fast(s, remote);
		if (!err) {
			fs_reason_count(FS_SORT_TCP, reason);
			return finish(s);
		}
		reason = reason_of(err);
	}
	fs_sock_give_up(s, reason);
	return 1;
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
	else if (!addr || fs_sock_get_addr(addr, len, &remote) || !remote.port)
		err = 1;	/* the kernel knows what to say */
	else
		err = connect_tcp(s, &remote);
	fs_sock_leave();
	return err == 1 ? FS_LIBC(connect, fd, addr, len) : err;
}
