// SPDX-License-Identifier: BSD-2-Clause
/*
 * listen.c - listeners in both worlds, and accept() from either.
 *
 * The twin listens from the beginning. The listener of the stack joins it when
 * somebody waits for connections: the process that only opens the socket and
 * leaves the waiting to its children needs no stack.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/ip.h"
#include "sock/sock.h"
#include "sock/twin.h"
#include "tcp/conn.h"

enum {
	KERNEL_TURN = 16,	/* accepts, after which the kernel is asked first */
};

#define RETRY_NS	NSEC_PER_SEC

static enum fs_socket_reason reason_of(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return FS_SOCKET_port_taken;
	case -ENOSPC:
		return FS_SOCKET_rules_full;
	case -EADDRNOTAVAIL:
		return FS_SOCKET_route;
	case -EPERM:
	case -EACCES:
		return FS_SOCKET_no_privilege;
	default:
		return FS_SOCKET_no_memory;
	}
}

/* FS_SOCKET_fast: nothing speaks against it. */
static enum fs_socket_reason may_listen(const struct fs_sock *s, struct fs_addr *local)
{
	if (fs_sock_twin_local(s, local) || !local->port)
		return FS_SOCKET_option;
	if (!fs_sock_port_chosen(local->port))
		return FS_SOCKET_port;
	if (fs_ip_is_loopback(local->family, local->ip))
		return FS_SOCKET_loopback;
	if (!fs_engine_start())
		return fs_engine.failed;
	return FS_SOCKET_fast;
}

static enum fs_socket_reason open_listener(struct fs_sock *s, const struct fs_addr *local)
{
	const struct fs_tcp_listen_opts opts = {
		.sz = sizeof(opts), .local = *local, .twin = FS_TWIN_NONE,
		.backlog = (uint32_t)MAX(s->backlog, 0), .user = s,
	};
	int err;

	err = fs_tcp_listen(&s->listener, fs_engine.stack, &opts);
	if (err == -EADDRINUSE && fs_migrate_waits()) {
		fs_migrate_stop(true);	/* one of them has this address */
		err = fs_tcp_listen(&s->listener, fs_engine.stack, &opts);
	}
	if (err)
		return reason_of(err);
	fs_sock_twin_nonblock(s, true);
	return FS_SOCKET_fast;
}

/*
 * There is something to do for it that the kernel does not: to try again; to accept
 * from the queue that it shares; to block, where another process has the twin not.
 */
static bool has_more_than_twin(const struct fs_sock *s)
{
	return s->retry_ns != FS_NEVER || s->file.also >= 0 || (s->twin_nonblock && !s->nonblock);
}

void fs_sock_go_listen(struct fs_sock *s)
{
	enum fs_socket_reason reason;
	struct fs_addr local;

	if (s->listener || (s->tried && fs_engine_clock_ns() < s->retry_ns))
		return;
	s->tried = true;
	s->retry_ns = FS_NEVER;
	reason = may_listen(s, &local);
	if (reason == FS_SOCKET_fast)
		reason = open_listener(s, &local);
	/* It may get a queue later: another process is about to end. */
	if (reason == FS_SOCKET_no_queue || reason == FS_SOCKET_port_taken)
		s->retry_ns = fs_engine_clock_ns() + RETRY_NS;
	if (reason == FS_SOCKET_fast || has_more_than_twin(s))
		fs_reason_count(FS_SORT_LISTENER, reason);
	else
		fs_sock_give_up(s, reason);
}

void fs_sock_ready_to_wait(struct fs_sock *s)
{
	if (s->state == FS_SOCK_LISTENING)
		fs_sock_go_listen(s);
	else if (s->type == SOCK_DGRAM)
		fs_sock_go_udp(s);
}

int fs_listen(int fd, int backlog)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int err;

	if (!s)
		return FS_LIBC(listen, fd, backlog);
	if (s->type == SOCK_STREAM && s->state != FS_SOCK_NEW && s->state != FS_SOCK_LISTENING)
		err = -EINVAL;
	else
		err = FS_LIBC(listen, fd, backlog);
	if (!err) {
		s->state = FS_SOCK_LISTENING;
		s->backlog = backlog;
	}
	fs_sock_leave();
	return err;
}

/* --- accept --------------------------------------------------------------------------------------- */

bool fs_sock_listener_has(const struct fs_sock *s)
{
	if (!s->listener)
		return false;
	return s->defer ? fs_defer_has(s) : fs_tcp_listener_has(s->listener);
}

void fs_sock_unlisten(struct fs_sock *s)
{
	if (!s->listener)
		return;
	fs_defer_drop(s, true);
	fs_tcp_listener_close(s->listener);
	s->listener = NULL;
	fs_engine_flush();
}

/* The connection, which gets the descriptor; NULL: none, or no memory. */
static struct fs_sock *next_conn(struct fs_sock *s)
{
	struct fs_sock *conn;

	if (s->defer)
		return fs_defer_take(s, false);
	conn = fs_sock_alloc(s->family, SOCK_STREAM);
	if (!conn || !fs_tcp_accept(s->listener, &conn->tcp, 1)) {
		free(conn);
		return NULL;
	}
	conn->state = FS_SOCK_CONNECTED;
	fs_tcp_set_user(conn->tcp, conn);
	return conn;
}

static int accept_fast(struct fs_sock *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct fs_addr remote;
	struct fs_sock *conn;
	int fd = FS_LIBC(socket, s->family, SOCK_STREAM | flags, 0);

	if (fd < 0)
		return fd;
	conn = (unsigned int)fd < FS_FILES_MAX ? next_conn(s) : NULL;
	if (!conn) {
		FS_LIBC(close, fd);
		return -ENOMEM;
	}
	conn->nonblock = flags & SOCK_NONBLOCK;
	fs_sock_attach(conn, fd);
	fs_sock_inherit_options(conn, s);
	remote = fs_tcp_remote(conn->tcp);
	fs_sock_put_addr(s, &remote, addr, len);
	fs_reason_count(FS_SORT_TCP, FS_SOCKET_fast);
	return fd;
}

/* From the queue that is shared, in which they have waited longer, or from the twin's. */
static int accept_kernel(struct fs_sock *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	int fd = fs_migrate_take(s, flags);

	if (fd >= 0 && addr && len)
		FS_LIBC(getpeername, fd, addr, len);
	if (fd == -EAGAIN)
		fd = FS_LIBC(accept4, s->file.fd, addr, len, flags);
	if (fd < 0)
		return fd;
	fs_file_mark(fd, FS_FILE_KERNEL);
	fs_reason_count(FS_SORT_TCP, FS_SOCKET_by_kernel);
	return fd;
}

static int accept_either(struct fs_sock *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	const socklen_t room = len ? *len : 0;
	int fd = -EAGAIN;

	if (++s->turns % KERNEL_TURN == 0)
		fd = accept_kernel(s, addr, len, flags);
	if (fd == -EAGAIN && !fs_sock_listener_has(s))
		fs_engine_poll();
	if (fd == -EAGAIN && fs_sock_listener_has(s))
		fd = accept_fast(s, addr, len, flags);
	if (fd != -EAGAIN)
		return fd;
	if (len)
		*len = room;
	return accept_kernel(s, addr, len, flags);
}

/*
 * Without a listener beside it. The twin may be another process', too, which has
 * told it not to block: then we do. -ERESTART: it blocks by itself, without our lock.
 */
static int accept_twin(struct fs_sock *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (s->file.also >= 0 && !s->twin_nonblock)
		fs_sock_twin_nonblock(s, true);
	if (!(FS_LIBC(fcntl, s->file.fd, F_GETFL) & O_NONBLOCK))
		return -ERESTART;
	return accept_kernel(s, addr, len, flags);
}

static int accept_by_libc(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	const int got = FS_LIBC(accept4, fd, addr, len, flags);

	if (got >= 0)
		fs_file_mark(got, FS_FILE_KERNEL);
	return got;
}

int fs_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct fs_sock *s;
	int err;

	if (fs_sock_configured() && fs_file_is_unknown(fd))
		fs_sock_adopt(fd);
	s = fs_sock_enter(fd);
	if (s && s->state == FS_SOCK_LISTENING)
		fs_sock_go_listen(s);
	if (!s || !fs_file_locked(fd) || s->state != FS_SOCK_LISTENING) {
		if (s)
			fs_sock_leave();
		return accept_by_libc(fd, addr, len, flags);
	}
	do {
		err = s->listener ? accept_either(s, addr, len, flags) :
				    accept_twin(s, addr, len, flags);
	} while (err == -EAGAIN && !s->nonblock &&
		 !(err = fs_sock_wait(s, EPOLLIN | EPOLLEXCLUSIVE, s->rcvtimeo_ns)));
	fs_sock_leave();
	return err == -ERESTART ? accept_by_libc(fd, addr, len, flags) : err;
}

int fs_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return fs_accept4(fd, addr, len, 0);
}
