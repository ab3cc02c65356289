// SPDX-License-Identifier: BSD-2-Clause
/* socket.c - libc's calls on sockets alone, and what _FORTIFY_SOURCE makes of them. */
#include "door.h"

FS_DOOR(int, socket, int domain, int type, int protocol)
{
	return FS_PASS(socket, domain, type, protocol);
}

/* UNIX sockets are the kernel's; known here so that the list is whole. */
FS_DOOR(int, socketpair, int domain, int type, int protocol, int fds[2])
{
	return FS_NEXT(socketpair)(domain, type, protocol, fds);
}

FS_DOOR(int, bind, int fd, const struct sockaddr *addr, socklen_t len)
{
	return FS_PASS(bind, fd, addr, len);
}

FS_DOOR(int, listen, int fd, int backlog)
{
	return FS_PASS(listen, fd, backlog);
}

FS_DOOR(int, accept, int fd, struct sockaddr *addr, socklen_t *len)
{
	return FS_PASS(accept, fd, addr, len);
}

FS_DOOR(int, accept4, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return FS_PASS(accept4, fd, addr, len, flags);
}

FS_DOOR(int, connect, int fd, const struct sockaddr *addr, socklen_t len)
{
	return FS_PASS(connect, fd, addr, len);
}

FS_DOOR_ALIAS(__connect, connect);

FS_DOOR(int, shutdown, int fd, int how)
{
	return FS_PASS(shutdown, fd, how);
}

FS_DOOR(int, getsockname, int fd, struct sockaddr *addr, socklen_t *len)
{
	return FS_PASS(getsockname, fd, addr, len);
}

FS_DOOR(int, getpeername, int fd, struct sockaddr *addr, socklen_t *len)
{
	return FS_PASS(getpeername, fd, addr, len);
}

FS_DOOR(int, getsockopt, int fd, int level, int name, void *value, socklen_t *len)
{
	return FS_PASS(getsockopt, fd, level, name, value, len);
}

FS_DOOR(int, setsockopt, int fd, int level, int name, const void *value, socklen_t len)
{
	return FS_PASS(setsockopt, fd, level, name, value, len);
}

FS_DOOR(ssize_t, recv, int fd, void *data, size_t len, int flags)
{
	return FS_PASS(recv, fd, data, len, flags);
}

FS_DOOR(ssize_t, recvfrom, int fd, void *data, size_t len, int flags, struct sockaddr *addr,
	socklen_t *addr_len)
{
	return FS_PASS(recvfrom, fd, data, len, flags, addr, addr_len);
}

FS_DOOR(ssize_t, recvmsg, int fd, struct msghdr *msg, int flags)
{
	return FS_PASS(recvmsg, fd, msg, flags);
}

FS_DOOR(int, recvmmsg, int fd, struct mmsghdr *msgs, unsigned int n, int flags,
	struct timespec *timeout)
{
	return FS_PASS(recvmmsg, fd, msgs, n, flags, timeout);
}

FS_DOOR(ssize_t, send, int fd, const void *data, size_t len, int flags)
{
	return FS_PASS(send, fd, data, len, flags);
}

FS_DOOR_ALIAS(__send, send);

FS_DOOR(ssize_t, sendto, int fd, const void *data, size_t len, int flags,
	const struct sockaddr *addr, socklen_t addr_len)
{
	return FS_PASS(sendto, fd, data, len, flags, addr, addr_len);
}

FS_DOOR(ssize_t, sendmsg, int fd, const struct msghdr *msg, int flags)
{
	return FS_PASS(sendmsg, fd, msg, flags);
}

FS_DOOR(int, sendmmsg, int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	return FS_PASS(sendmmsg, fd, msgs, n, flags);
}

FS_DOOR(ssize_t, __recv_chk, int fd, void *data, size_t len, size_t size, int flags)
{
	if (len > size)
		fs_preload_chk_fail();
	return FS_PASS(recv, fd, data, len, flags);
}

FS_DOOR(ssize_t, __recvfrom_chk, int fd, void *data, size_t len, size_t size, int flags,
	struct sockaddr *addr, socklen_t *addr_len)
{
	if (len > size)
		fs_preload_chk_fail();
	return FS_PASS(recvfrom, fd, data, len, flags, addr, addr_len);
}
