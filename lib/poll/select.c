// SPDX-License-Identifier: BSD-2-Clause
/*
 * select.c - select() by way of poll(), when a descriptor in it may be fast.
 */
#include <fastsock/epoll.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "sock/sock.h"

/* As in fs/select.c. */
#define IN	(POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define OUT	(POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define EXCEPT	POLLPRI

static bool has(const fd_set *set, int fd)
{
	return set && FD_ISSET(fd, set);
}

static short wanted(int fd, const fd_set *in, const fd_set *out, const fd_set *except)
{
	return (short)((has(in, fd) ? POLLIN | POLLRDNORM | POLLRDBAND : 0) |
		       (has(out, fd) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0) |
		       (has(except, fd) ? EXCEPT : 0));
}

static bool any_ours(int n, const fd_set *in, const fd_set *out, const fd_set *except)
{
	for (int fd = 0; fs_sock_configured() && fd < n; fd++)
		if (wanted(fd, in, out, except) &&
		    (fs_file_is_ours(fd) || (has(in, fd) && fs_file_is_unknown(fd))))
			return true;
	return false;
}

/* Bits that hold stay, the others go. */
static int narrow(fd_set *set, int fd, bool holds)
{
	if (!has(set, fd))
		return 0;
	if (!holds)
		FD_CLR(fd, set);
	return holds;
}

static int answer(const struct pollfd *fds, nfds_t n, fd_set *in, fd_set *out, fd_set *except)
{
	int count = 0;

	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	for (nfds_t i = 0; i < n; i++) {
		const short got = fds[i].revents;

		count += narrow(in, fds[i].fd, got & IN);
		count += narrow(out, fds[i].fd, got & OUT);
		count += narrow(except, fds[i].fd, got & EXCEPT);
	}
	return count;
}

static int select_by_poll(int n, fd_set *in, fd_set *out, fd_set *except,
			  const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd fds[FD_SETSIZE];
	nfds_t count = 0;
	int got;

	for (int fd = 0; fd < n; fd++) {
		const short events = wanted(fd, in, out, except);

		if (events)
			fds[count++] = (struct pollfd){ .fd = fd, .events = events };
	}
	got = fs_ppoll(fds, count, timeout, mask);
	return got < 0 ? got : answer(fds, count, in, out, except);
}

int fs_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
	       const sigset_t *mask)
{
	if (n < 0 || n > FD_SETSIZE || !any_ours(n, in, out, except))
		return FS_LIBC(pselect, n, in, out, except, timeout, mask);
	return select_by_poll(n, in, out, except, timeout, mask);
}

/* Linux tells how much time was left. */
static void tell_left(struct timeval *timeout, uint64_t end_ns)
{
	const uint64_t now_ns = fs_engine_clock_ns();
	const uint64_t left_ns = end_ns > now_ns ? end_ns - now_ns : 0;

	timeout->tv_sec = (time_t)(left_ns / NSEC_PER_SEC);
	timeout->tv_usec = (suseconds_t)(left_ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

int fs_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	struct timespec t;
	uint64_t end_ns;
	int got;

	if (n < 0 || n > FD_SETSIZE || !any_ours(n, in, out, except))
		return FS_LIBC(select, n, in, out, except, timeout);
	if (!timeout)
		return select_by_poll(n, in, out, except, NULL, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return -EINVAL;
	t.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	t.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	end_ns = fs_engine_clock_ns() + (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	got = select_by_poll(n, in, out, except, &t, NULL);
	tell_left(timeout, end_ns);
	return got;
}
