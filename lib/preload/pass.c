// SPDX-License-Identifier: BSD-2-Clause
/*
 * pass.c - a connection that a child of vfork() keeps for its program.
 *
 * The child has its parent's memory, but descriptors of its own. It moves the
 * connection into the kernel as its parent would, which gives the child's
 * descriptor another socket; the parent's gets it when the parent goes on:
 *
 *	parent	vfork() -> a pair of UNIX sockets, if there are fast connections
 *	child	dup2(7, 0) -> fs_handoff(7), and 7 through the pair
 *	parent	first call afterwards: what the pair has, in the place of its own 7
 *
 * Connections without close-on-exec have been moved before the vfork().
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "door.h"

static __thread int pair[2] __attribute__((tls_model("initial-exec")));

static bool has_connections(void)
{
	struct fs_sockets_stats stats = { .sz = sizeof(stats) };

	return !fs_sockets_stats(&stats) && stats.tcp[FS_SOCKET_fast];
}

void fs_preload_pass_begin(void)
{
	pair[0] = pair[1] = -1;
	if (!has_connections())
		return;
	fs_sockets_spawn();
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		pair[0] = pair[1] = -1;
}

/* A twin of ours is an IPv4 or IPv6 socket without a peer; all else is what it seems. */
static bool may_be_fast(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(int);
	int domain;

	if (pair[1] < 0 || fd == pair[0] || fd == pair[1])
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    (domain != AF_INET && domain != AF_INET6))
		return false;
	len = sizeof(addr);
	return getpeername(fd, (struct sockaddr *)&addr, &len) < 0;
}

void fs_preload_pass(int fd)
{
	int before = errno;
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = &fd, .iov_len = sizeof(fd) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	/* getsockopt() and sendmsg() are libc's here: the door is bypassed. */
	if (may_be_fast(fd) && !fs_handoff(fd) && !may_be_fast(fd)) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		sendmsg(pair[1], &msg, MSG_NOSIGNAL);
	}
	errno = before;
}

static bool take_one(void)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	int fd, fresh, flags;
	struct iovec iov = { .iov_base = &fd, .iov_len = sizeof(fd) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;

	if (fs_recvmsg(pair[0], &msg, MSG_CMSG_CLOEXEC) != sizeof(fd))
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return true;
	memcpy(&fresh, CMSG_DATA(c), sizeof(fresh));
	flags = fs_fcntl(fd, F_GETFD, 0);
	fs_dup3(fresh, fd, flags > 0 && flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	fs_close(fresh);
	return true;
}

void fs_preload_pass_end(void)
{
	int before = errno;

	if (pair[0] >= 0) {
		while (take_one())
			;
		fs_close(pair[0]);
		fs_close(pair[1]);
		pair[0] = pair[1] = -1;
	}
	errno = before;
}
