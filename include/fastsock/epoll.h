/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.h - readiness over both worlds: fast sockets, and whatever else the
 * kernel knows how to wait for, in one call and one sleep.
 *
 * The calls of epoll(7), poll(2) and select(2) under fs_ names, with their
 * semantics, -errno in place of -1. An epoll set is a kernel epoll set; what
 * the process' stack has to tell is added to what the kernel says. Sets may be
 * nested, and shared by threads.
 */
#ifndef FASTSOCK_EPOLL_H
#define FASTSOCK_EPOLL_H

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <fastsock/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

FS_API int fs_epoll_create(int size);
FS_API int fs_epoll_create1(int flags);
FS_API int fs_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
FS_API int fs_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout_ms);
FS_API int fs_epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout_ms,
			  const sigset_t *mask);
FS_API int fs_epoll_pwait2(int epfd, struct epoll_event *events, int n,
			   const struct timespec *timeout, const sigset_t *mask);

FS_API int fs_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
FS_API int fs_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		    const sigset_t *mask);
FS_API int fs_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout);
FS_API int fs_pselect(int n, fd_set *in, fd_set *out, fd_set *except,
		      const struct timespec *timeout, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
