// SPDX-License-Identifier: BSD-2-Clause
/* wait.c - libc's calls that wait for descriptors. */
#include "door.h"

FS_DOOR(int, poll, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return FS_PASS(poll, fds, n, timeout_ms);
}

FS_DOOR_ALIAS(__poll, poll);

FS_DOOR(int, ppoll, struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	const sigset_t *mask)
{
	return FS_PASS(ppoll, fds, n, timeout, mask);
}

FS_DOOR(int, __poll_chk, struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		fs_preload_chk_fail();
	return FS_PASS(poll, fds, n, timeout_ms);
}

FS_DOOR(int, __ppoll_chk, struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		fs_preload_chk_fail();
	return FS_PASS(ppoll, fds, n, timeout, mask);
}

FS_DOOR(int, select, int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	return FS_PASS(select, n, in, out, except, timeout);
}

FS_DOOR_ALIAS(__select, select);

FS_DOOR(int, pselect, int n, fd_set *in, fd_set *out, fd_set *except,
	const struct timespec *timeout, const sigset_t *mask)
{
	return FS_PASS(pselect, n, in, out, except, timeout, mask);
}

FS_DOOR(int, epoll_create, int size)
{
	return FS_PASS(epoll_create, size);
}

FS_DOOR(int, epoll_create1, int flags)
{
	return FS_PASS(epoll_create1, flags);
}

FS_DOOR(int, epoll_ctl, int epfd, int op, int fd, struct epoll_event *event)
{
	return FS_PASS(epoll_ctl, epfd, op, fd, event);
}

FS_DOOR(int, epoll_wait, int epfd, struct epoll_event *events, int n, int timeout_ms)
{
	return FS_PASS(epoll_wait, epfd, events, n, timeout_ms);
}

FS_DOOR(int, epoll_pwait, int epfd, struct epoll_event *events, int n, int timeout_ms,
	const sigset_t *mask)
{
	return FS_PASS(epoll_pwait, epfd, events, n, timeout_ms, mask);
}

FS_DOOR(int, epoll_pwait2, int epfd, struct epoll_event *events, int n,
	const struct timespec *timeout, const sigset_t *mask)
{
	return FS_PASS(epoll_pwait2, epfd, events, n, timeout, mask);
}
