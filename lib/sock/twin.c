// SPDX-License-Identifier: BSD-2-Clause
/*
 * twin.c - see twin.h. Each question is a system call: none is for the way of
 * a packet.
 */
#include "sock/twin.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "base/ip.h"
#include "sock/sock.h"

int fs_sock_twin_int(int fd, int level, int name, int otherwise)
{
	int value = otherwise;
	socklen_t len = sizeof(value);

	return FS_LIBC(getsockopt, fd, level, name, &value, &len) ? otherwise : value;
}

int fs_sock_twin_linger(int fd)
{
	struct linger linger = { 0 };
	socklen_t len = sizeof(linger);

	FS_LIBC(getsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	return linger.l_onoff ? linger.l_linger : -1;
}

int fs_sock_twin_name(int fd, struct fs_addr *name)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int err = FS_LIBC(getsockname, fd, (struct sockaddr *)&sa, &len);

	return err ? err : fs_sock_get_addr((struct sockaddr *)&sa, len, name);
}

int fs_sock_twin_local(const struct fs_sock *s, struct fs_addr *local)
{
	const int fd = s->file.fd;
	int err = fs_sock_twin_name(fd, local);

	if (!err && s->family == AF_INET6 && local->family == AF_INET6 &&
	    fs_ip_is_any(local->ip) && !fs_sock_twin_has(fd, IPPROTO_IPV6, IPV6_V6ONLY))
		local->family = AF_UNSPEC;
	return err;
}

void fs_sock_twin_nonblock(struct fs_sock *s, bool on)
{
	const int flags = FS_LIBC(fcntl, s->file.fd, F_GETFL);

	FS_LIBC(fcntl, s->file.fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
	s->twin_nonblock = on;
}
