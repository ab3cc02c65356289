// SPDX-License-Identifier: BSD-2-Clause
/*
 * name.c - the two ends of a socket, and the end of one direction.
 */
#include <netinet/in.h>

#include "sock/sock.h"
#include "tcp/conn.h"

int fs_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return FS_LIBC(bind, fd, addr, len);
}

int fs_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct fs_sock *s = fs_sock_enter(fd);
	struct fs_addr local;
	int err = 1;

	if (!s)
		return FS_LIBC(getsockname, fd, addr, len);
	if (s->tcp) {
		local = fs_tcp_local(s->tcp);
		fs_sock_put_addr(s, &local, addr, len);
		err = 0;
	}
	fs_sock_leave();
	return err == 1 ? FS_LIBC(getsockname, fd, addr, len) : err;
}

int fs_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct fs_sock *s = fs_sock_enter(fd);
	struct fs_addr remote;
	int err = 1;

	if (!s)
		return FS_LIBC(getpeername, fd, addr, len);
	if (s->tcp && s->state == FS_SOCK_CONNECTED && s->tcp->flow.state != FS_TCP_CLOSED) {
		remote = fs_tcp_remote(s->tcp);
		fs_sock_put_addr(s, &remote, addr, len);
		err = 0;
	} else if (s->tcp) {
		err = -ENOTCONN;
	}
	fs_sock_leave();
	return err == 1 ? FS_LIBC(getpeername, fd, addr, len) : err;
}

static int shutdown_tcp(struct fs_sock *s, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (s->state != FS_SOCK_CONNECTED || s->tcp->flow.state == FS_TCP_CLOSED)
		return -ENOTCONN;
	if (how != SHUT_WR)
		s->shut_rd = true;
	if (how != SHUT_RD) {
		fs_tcp_set(s->tcp, FS_TCP_CORK, 0);
		fs_tcp_shutdown(s->tcp);
		fs_engine_flush();
	}
	fs_file_news(&s->file);
	return 0;
}

int fs_shutdown(int fd, int how)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int err = 1;

	if (!s)
		return FS_LIBC(shutdown, fd, how);
	if (s->tcp) {
		err = shutdown_tcp(s, how);
	} else if (s->state == FS_SOCK_LISTENING && s->listener) {
		/* As in Linux: no longer a listener, and who waits is told. */
		fs_tcp_listener_close(s->listener);
		s->listener = NULL;
	}
	fs_sock_leave();
	return err == 1 ? FS_LIBC(shutdown, fd, how) : err;
}
