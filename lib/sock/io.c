// SPDX-License-Identifier: BSD-2-Clause
/*
 * io.c - the many forms of receiving and sending, brought to one each.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>

#include "sock/sock.h"

/* Still the kernel's: not connected, or a listener, whose errors are right. */
static bool is_twins(const struct fs_sock *s)
{
	return s->state == FS_SOCK_NEW || s->state == FS_SOCK_LISTENING;
}

/* The socket with the lock held, or NULL without. */
static struct fs_sock *enter(int fd)
{
	struct fs_sock *s = fs_sock_enter(fd);

	if (!s)
		return NULL;
	if (s->type == SOCK_DGRAM && s->state == FS_SOCK_NEW)
		fs_sock_go_udp(s);
	else if (!is_twins(s))
		return s;
	if (fs_file_locked(fd) && !is_twins(s))
		return s;
	fs_sock_leave();
	return NULL;
}

/* It is being opened: 0 when that has an end. */
static int connected(struct fs_sock *s, int flags, uint64_t timeout_ns)
{
	if (s->nonblock || flags & MSG_DONTWAIT)
		return -EAGAIN;
	return fs_sock_wait(s, EPOLLOUT, timeout_ns);
}

/* What the kernel would say of a buffer that we would fall over. */
static int check(const struct msghdr *msg)
{
	size_t total = 0;

	if (!msg || (msg->msg_iovlen && !msg->msg_iov))
		return -EFAULT;
	if (msg->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		total += msg->msg_iov[i].iov_len;
		if (msg->msg_iov[i].iov_len > SSIZE_MAX || total > SSIZE_MAX)
			return -EINVAL;
		if (msg->msg_iov[i].iov_len && !msg->msg_iov[i].iov_base)
			return -EFAULT;
	}
	return 0;
}

static ssize_t receive(struct fs_sock *s, struct msghdr *msg, int flags)
{
	ssize_t n = check(msg);

	/* TCP's MSG_TRUNC leaves the buffer alone. */
	if (n && !(n == -EFAULT && msg && flags & MSG_TRUNC && s->type == SOCK_STREAM))
		return n;
	if (s->state == FS_SOCK_DATAGRAM)
		return fs_udp_sock_recv(s, msg, flags);
	if (flags & MSG_ERRQUEUE)
		return fs_sock_zerocopy_told(s, msg);
	if (!s->tcp)
		return fs_sock_take_error(s);
	if (s->state == FS_SOCK_CONNECTING) {
		n = connected(s, flags, s->rcvtimeo_ns);
		if (n)
			return n;
	}
	n = fs_tcp_sock_recv(s, msg->msg_iov, (int)msg->msg_iovlen, flags);
	if (n >= 0) {
		msg->msg_namelen = 0;
		msg->msg_controllen = 0;
		msg->msg_flags = 0;
	}
	return n;
}

static ssize_t transmit(struct fs_sock *s, const struct msghdr *msg, int flags)
{
	const int bad = check(msg);

	if (bad)
		return bad;
	if (s->state == FS_SOCK_DATAGRAM)
		return fs_udp_sock_send(s, msg, flags);
	if (!s->tcp)
		return s->error ? fs_sock_take_error(s) : -EPIPE;
	if (s->state == FS_SOCK_CONNECTING) {
		int err = connected(s, flags, s->sndtimeo_ns);

		if (err || !s->tcp)
			return err ? err : -EPIPE;
	}
	return fs_tcp_sock_send(s, msg->msg_iov, (int)msg->msg_iovlen, flags);
}

/* Leave; a broken pipe is a signal's business, too, and that may run anything. */
static ssize_t leave(ssize_t result, int flags)
{
	fs_sock_leave();
	if (result == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return result;
}

ssize_t fs_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct fs_sock *s = enter(fd);
	ssize_t n;

	if (!s)
		return FS_LIBC(recvmsg, fd, msg, flags);
	n = receive(s, msg, flags);
	fs_sock_leave();
	return n == -ERESTART ? FS_LIBC(recvmsg, fd, msg, flags) : n;
}

ssize_t fs_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *addr,
		    socklen_t *addr_len)
{
	struct fs_sock *s = enter(fd);
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = {
		.msg_name = addr, .msg_namelen = addr && addr_len ? *addr_len : 0,
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t n;

	if (!s)
		return FS_LIBC(recvfrom, fd, data, len, flags, addr, addr_len);
	n = receive(s, &msg, flags);
	fs_sock_leave();
	if (n == -ERESTART)
		return FS_LIBC(recvfrom, fd, data, len, flags, addr, addr_len);
	if (n >= 0 && addr_len)
		*addr_len = msg.msg_namelen;
	return n;
}

ssize_t fs_recv(int fd, void *data, size_t len, int flags)
{
	if (!fs_file_is_ours(fd))
		return FS_LIBC(recv, fd, data, len, flags);
	return fs_recvfrom(fd, data, len, flags, NULL, NULL);
}

static int bad_vector(const struct iovec *iov, int n)
{
	return n < 0 || n > IOV_MAX ? -EINVAL : n && !iov ? -EFAULT : 0;
}

/* read() of nothing is nothing, recv() of nothing waits: net/socket.c. */
static bool has_room(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if (iov[i].iov_len)
			return true;
	return false;
}

ssize_t fs_readv(int fd, const struct iovec *iov, int n)
{
	struct fs_sock *s = enter(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)MAX(n, 0) };
	ssize_t got;

	if (!s)
		return FS_LIBC(readv, fd, iov, n);
	got = bad_vector(iov, n);
	if (!got && has_room(iov, n))
		got = receive(s, &msg, 0);
	fs_sock_leave();
	return got == -ERESTART ? FS_LIBC(readv, fd, iov, n) : got;
}

ssize_t fs_read(int fd, void *data, size_t len)
{
	const struct iovec iov = { .iov_base = data, .iov_len = len };

	if (!fs_file_is_ours(fd))
		return FS_LIBC(read, fd, data, len);
	return fs_readv(fd, &iov, 1);
}

static uint64_t deadline_of(const struct timespec *timeout)
{
	if (!timeout)
		return FS_NEVER;
	return fs_engine_clock_ns() + (uint64_t)timeout->tv_sec * NSEC_PER_SEC +
		(uint64_t)timeout->tv_nsec;
}

int fs_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
		struct timespec *timeout)
{
	const uint64_t deadline_ns = deadline_of(timeout);
	unsigned int i;
	ssize_t got = 0;

	if (!fs_file_is_ours(fd))
		return FS_LIBC(recvmmsg, fd, msgs, n, flags, timeout);
	for (i = 0; i < n; i++) {
		got = fs_recvmsg(fd, &msgs[i].msg_hdr, flags & ~MSG_WAITFORONE);
		if (got < 0)
			break;
		msgs[i].msg_len = (unsigned int)got;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline_ns != FS_NEVER && fs_engine_clock_ns() >= deadline_ns) {
			i++;
			break;
		}
	}
	return i ? (int)i : (int)got;
}

/* A connection that another process is about to get must be the kernel's. */
static void move_passed(const struct msghdr *msg)
{
	struct msghdr copy = *msg;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		const int *fds = (const int *)(const void *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
			fs_sock_pass(fds[i]);
	}
}

/* MSG_FASTOPEN opens a connection by the way: the kernel's, with all that belongs to it. */
static void stay_in_kernel(int fd)
{
	struct fs_sock *s = fs_sock_enter(fd);

	if (!s)
		return;
	if (s->type == SOCK_STREAM && s->state == FS_SOCK_NEW)
		fs_sock_give_up(s, FS_SOCKET_option);
	fs_sock_leave();
}

ssize_t fs_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct fs_sock *s = enter(fd);
	ssize_t sent;

	if (!s) {
		if (unlikely(flags & MSG_FASTOPEN))
			stay_in_kernel(fd);
		if (fs_engine_is_open() && msg && msg->msg_controllen)
			move_passed(msg);
		return FS_LIBC(sendmsg, fd, msg, flags);
	}
	sent = leave(transmit(s, msg, flags), flags);
	return sent == -ERESTART ? FS_LIBC(sendmsg, fd, msg, flags) : sent;
}

ssize_t fs_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *addr,
		  socklen_t addr_len)
{
	struct fs_sock *s = enter(fd);
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {
		.msg_name = (void *)addr, .msg_namelen = addr_len, .msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t sent;

	if (!s && unlikely(flags & MSG_FASTOPEN))
		stay_in_kernel(fd);
	if (!s)
		return FS_LIBC(sendto, fd, data, len, flags, addr, addr_len);
	sent = leave(transmit(s, &msg, flags), flags);
	return sent == -ERESTART ? FS_LIBC(sendto, fd, data, len, flags, addr, addr_len) : sent;
}

ssize_t fs_send(int fd, const void *data, size_t len, int flags)
{
	if (!fs_file_is_ours(fd))
		return FS_LIBC(send, fd, data, len, flags);
	return fs_sendto(fd, data, len, flags, NULL, 0);
}

ssize_t fs_writev(int fd, const struct iovec *iov, int n)
{
	struct fs_sock *s = enter(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)MAX(n, 0) };
	ssize_t sent;

	if (!s)
		return FS_LIBC(writev, fd, iov, n);
	sent = bad_vector(iov, n);
	sent = leave(sent ? sent : transmit(s, &msg, 0), 0);
	return sent == -ERESTART ? FS_LIBC(writev, fd, iov, n) : sent;
}

ssize_t fs_write(int fd, const void *data, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = len };

	if (!fs_file_is_ours(fd))
		return FS_LIBC(write, fd, data, len);
	return fs_writev(fd, &iov, 1);
}

int fs_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	unsigned int i;
	ssize_t sent = 0;

	if (!fs_file_is_ours(fd) && !fs_engine_is_open())
		return FS_LIBC(sendmmsg, fd, msgs, n, flags);
	for (i = 0; i < n; i++) {
		sent = fs_sendmsg(fd, &msgs[i].msg_hdr, flags);
		if (sent < 0)
			break;
		msgs[i].msg_len = (unsigned int)sent;
	}
	return i ? (int)i : (int)sent;
}
