// SPDX-License-Identifier: BSD-2-Clause
/*
 * desc.c - descriptors as such: made, doubled, closed, and their flags.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <time.h>
#include <unistd.h>

#include "sock/aside.h"
#include "sock/sock.h"
#include "sock/twin.h"
#include "tcp/conn.h"
#include "udp/udp_priv.h"

#define NAP_NS		(50 * NSEC_PER_USEC)
#define NAP_MAX_NS	(5 * NSEC_PER_MSEC)

static bool is_inet(int domain)
{
	return domain == AF_INET || domain == AF_INET6;
}

static bool is_carried(int type, int protocol)
{
	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (type == SOCK_STREAM)
		return !protocol || protocol == IPPROTO_TCP;
	return type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP);
}

int fs_socket(int domain, int type, int protocol)
{
	const int fd = FS_LIBC(socket, domain, type, protocol);

	if (fd < 0 || fs_inside || !fs_sock_configured())
		return fd;
	if (!is_inet(domain) || !is_carried(type, protocol)) {
		fs_file_mark(fd, FS_FILE_KERNEL);
		return fd;
	}
	fs_engine_lock();
	if (!fs_sock_new(fd, domain, type))
		fs_file_mark(fd, FS_FILE_KERNEL);
	fs_engine_unlock();
	return fd;
}

/* With the lock held: @fd is about to name something else, or nothing. */
static void forget(int fd)
{
	struct fs_file *file = fs_file_at(fd);

	if ((uintptr_t)file > (uintptr_t)FS_FILE_KERNEL)
		fs_file_remove(file, fd);
	else if (file)
		fs_file_mark(fd, NULL);
}

static bool is_unacknowledged(const struct fs_tcp *tcp)
{
	return tcp && (tcp->flow.state == FS_TCP_FIN_WAIT_1 || tcp->flow.state == FS_TCP_CLOSING ||
		       tcp->flow.state == FS_TCP_LAST_ACK);
}

static void wait_for_ack(const struct fs_sock *s, uint64_t end_ns)
{
	struct timespec nap = { .tv_nsec = NAP_NS };

	while (is_unacknowledged(s->tcp) && fs_engine_clock_ns() < end_ns) {
		fs_engine_unlock();
		nanosleep(&nap, NULL);
		nap.tv_nsec = MIN(2 * nap.tv_nsec, (long)NAP_MAX_NS);
		fs_engine_lock();
		fs_engine_poll();
	}
}

/* close() with SO_LINGER lasts until the peer has everything, or the time is over. */
static void linger(int fd)
{
	struct fs_file *file = fs_file_locked(fd);
	struct fs_sock *s;
	int seconds;

	if (!file || file->kind != FS_FILE_SOCK || file->n_fds > 1)
		return;
	s = container_of(file, struct fs_sock, file);
	if (s->state != FS_SOCK_CONNECTED || !(s->options & FS_SOCK_LINGER) || s->tcp->rx_bytes)
		return;
	seconds = fs_sock_twin_linger(fd);
	if (seconds <= 0)
		return;
	fs_file_get(file);
	fs_tcp_shutdown(s->tcp);
	fs_engine_flush();
	wait_for_ack(s, fs_engine_clock_ns() + (uint64_t)seconds * NSEC_PER_SEC);
	fs_file_put(file);
}

int fs_close(int fd)
{
	int err;

	if (!fs_file_is_ours(fd)) {
		if (!fs_inside && fs_files)
			fs_file_mark(fd, NULL);
		return FS_LIBC(close, fd);
	}
	fs_engine_lock();
	linger(fd);
	forget(fd);
	err = FS_LIBC(close, fd);
	fs_engine_unlock();
	return err;
}

/*
 * The range may hold descriptors of the stack itself, which a program that
 * tidies up does not know of: they stay. Below them the kernel closes, for it
 * knows what was opened past us; from there on, only what we know the program has.
 */
int fs_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	const unsigned int aside = (unsigned int)fs_aside_base();
	int err = 0;

	if (first > last)
		return -EINVAL;
	if (!fs_files || fs_inside || flags)
		return FS_LIBC(close_range, first, last, (int)flags);
	fs_engine_lock();
	for (unsigned int fd = first; fd <= last && fd < (unsigned int)fs_files_known_end(); fd++) {
		if (!fs_file_at((int)fd))
			continue;
		forget((int)fd);
		if (fd >= aside)
			FS_LIBC(close, (int)fd);
	}
	if (first < aside)
		err = FS_LIBC(close_range, first, MIN(last, aside - 1), 0);
	fs_engine_unlock();
	return err;
}

/* @to is what a call made of @fd. */
static int doubled(int fd, int to)
{
	struct fs_file *file;

	if (to < 0 || !fs_files || fs_inside || fd == to)
		return to;
	fs_engine_lock();
	forget(to);
	file = fs_file_at(fd);
	if ((uintptr_t)file > (uintptr_t)FS_FILE_KERNEL)
		fs_file_add(file, to);
	else
		fs_file_mark(to, file);
	fs_engine_unlock();
	return to;
}

int fs_dup(int fd)
{
	return doubled(fd, FS_LIBC(dup, fd));
}

int fs_dup2(int fd, int to)
{
	return doubled(fd, FS_LIBC(dup2, fd, to));
}

int fs_dup3(int fd, int to, int flags)
{
	return doubled(fd, FS_LIBC(dup3, fd, to, flags));
}

/* --- flags ---------------------------------------------------------------------------------------- */

/* What the application sees is its own; the twin of a fast listener never blocks. */
static int fcntl_sock(struct fs_sock *s, int fd, int cmd, unsigned long arg)
{
	int flags;

	if (cmd == F_GETFL) {
		flags = FS_LIBC(fcntl, fd, cmd);
		if (flags >= 0 && !s->nonblock)
			flags &= ~O_NONBLOCK;
		return flags;
	}
	if (cmd != F_SETFL)
		return FS_LIBC(fcntl, fd, cmd, arg);
	s->nonblock = arg & O_NONBLOCK;
	if (s->twin_nonblock)
		arg |= O_NONBLOCK;
	return FS_LIBC(fcntl, fd, cmd, arg);
}

int fs_fcntl(int fd, int cmd, unsigned long arg)
{
	struct fs_sock *s;
	int result;

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return doubled(fd, FS_LIBC(fcntl, fd, cmd, arg));
	s = fs_sock_enter(fd);
	if (!s)
		return FS_LIBC(fcntl, fd, cmd, arg);
	result = fcntl_sock(s, fd, cmd, arg);
	fs_sock_leave();
	return result;
}

static int ioctl_tcp(struct fs_sock *s, unsigned long request, int *arg)
{
	const struct fs_tcp *tcp = s->tcp;

	if (!arg)
		return 1;
	switch (request) {
	case FIONREAD:
		*arg = (int)tcp->rx_bytes;
		return 0;
	case SIOCOUTQ:
		*arg = (int)fs_seq_span(tcp->snd_una, tcp->snd_end);
		return 0;
	case SIOCOUTQNSD:
		*arg = (int)fs_seq_span(tcp->flow.snd_nxt, tcp->snd_end);
		return 0;
	case SIOCATMARK:
		*arg = 0;
		return 0;
	default:
		return 1;
	}
}

static int ioctl_udp(struct fs_sock *s, unsigned long request, int *arg)
{
	if (request != FIONREAD || !arg || !s->udp || !fs_udp_has(s->udp))
		return 1;
	*arg = (int)fs_udp_next_len(s->udp);
	return 0;
}

int fs_ioctl(int fd, unsigned long request, void *arg)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int result = 1;

	if (!s)
		return FS_LIBC(ioctl, fd, request, arg);
	if (request == FIONBIO && arg) {
		s->nonblock = *(const int *)arg;
		result = s->twin_nonblock ? 0 : 1;
	} else if (s->tcp) {
		result = ioctl_tcp(s, request, arg);
	} else if (s->type == SOCK_DGRAM) {
		result = ioctl_udp(s, request, arg);
	}
	fs_sock_leave();
	return result == 1 ? FS_LIBC(ioctl, fd, request, arg) : result;
}
