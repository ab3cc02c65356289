/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc.h - the C library's own calls, by whatever name they are hidden.
 *
 * In a process that runs under the preload library, `recv` is ours. The
 * socket door must get past itself to the kernel, so it asks the linker for
 * the next definition of each name. FS_LIBC() makes the call and turns -1 and
 * errno into -errno.
 */
#ifndef FS_SOCK_LIBC_H
#define FS_SOCK_LIBC_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/types.h"

#define FS_LIBC_CALLS(X)							\
	X(int, socket, (int, int, int))					\
	X(int, bind, (int, const struct sockaddr *, socklen_t))		\
	X(int, listen, (int, int))						\
	X(int, accept4, (int, struct sockaddr *, socklen_t *, int))		\
	X(int, connect, (int, const struct sockaddr *, socklen_t))		\
	X(int, shutdown, (int, int))						\
	X(int, getsockname, (int, struct sockaddr *, socklen_t *))		\
	X(int, getpeername, (int, struct sockaddr *, socklen_t *))		\
	X(int, getsockopt, (int, int, int, void *, socklen_t *))		\
	X(int, setsockopt, (int, int, int, const void *, socklen_t))		\
	X(int, close, (int))							\
	X(int, close_range, (unsigned int, unsigned int, int))		\
	X(int, dup, (int))							\
	X(int, dup2, (int, int))						\
	X(int, dup3, (int, int, int))						\
	X(int, fcntl, (int, int, ...))						\
	X(int, ioctl, (int, unsigned long, ...))				\
	X(ssize_t, read, (int, void *, size_t))				\
	X(ssize_t, readv, (int, const struct iovec *, int))			\
	X(ssize_t, recv, (int, void *, size_t, int))				\
	X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *)) \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))			\
	X(int, recvmmsg, (int, struct mmsghdr *, unsigned int, int, struct timespec *)) \
	X(ssize_t, write, (int, const void *, size_t))			\
	X(ssize_t, writev, (int, const struct iovec *, int))			\
	X(ssize_t, send, (int, const void *, size_t, int))			\
	X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t)) \
	X(ssize_t, sendmsg, (int, const struct msghdr *, int))		\
	X(int, sendmmsg, (int, struct mmsghdr *, unsigned int, int))		\
	X(ssize_t, sendfile, (int, int, off_t *, size_t))			\
	X(ssize_t, splice, (int, off_t *, int, off_t *, size_t, unsigned int)) \
	X(int, epoll_create1, (int))						\
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))		\
	X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *)) \
	X(int, epoll_pwait2, (int, struct epoll_event *, int, const struct timespec *, \
			      const sigset_t *))				\
	X(long, syscall, (long, ...))						\
	X(int, poll, (struct pollfd *, nfds_t, int))				\
	X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)) \
	X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *)) \
	X(int, pselect, (int, fd_set *, fd_set *, fd_set *, const struct timespec *, \
			 const sigset_t *))

#define FS_LIBC_FIELD(ret, name, args) ret (*name) args;
struct fs_libc {
	FS_LIBC_CALLS(FS_LIBC_FIELD)
	bool resolved;
};

extern struct fs_libc fs_libc_calls;
void fs_libc_resolve(void);

static inline const struct fs_libc *fs_libc(void)
{
	if (unlikely(!fs_libc_calls.resolved))
		fs_libc_resolve();
	return &fs_libc_calls;
}

/* The call's result, or -errno. */
#define FS_LIBC(name, ...)						\
	__extension__ ({						\
		__auto_type fs_result = fs_libc()->name(__VA_ARGS__);	\
		fs_result < 0 ? -errno : fs_result;			\
	})

#endif
