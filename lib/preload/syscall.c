// SPDX-License-Identifier: BSD-2-Clause
/*
 * syscall.c - system calls made by number, and filters on them.
 *
 * libuv closes descriptors by syscall(SYS_close): what it would do to a socket
 * must come to the door all the same. A ring of io_uring works on sockets past
 * every door: there is none here, as on an older kernel, and programs do without.
 *
 * Once a process filters its system calls, every one that it would not make
 * itself may kill it. From then on all is the kernel's.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "door.h"

bool fs_preload_shut;

static void shut(void)
{
	if (fs_preload_bypassed())
		return;
	fs_sockets_exec();
	__atomic_store_n(&fs_preload_shut, true, __ATOMIC_RELEASE);
}

FS_DOOR(int, prctl, int option, ...)
{
	unsigned long arg[4];
	va_list args;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_SECCOMP)
		shut();
	return FS_NEXT(prctl)(option, arg[0], arg[1], arg[2], arg[3]);
}

/* Nothing is configured: nobody is kept from a ring. */
static bool is_fast_here(void)
{
	const char *ifaces = getenv("FASTSOCK_IFACES");

	return ifaces && *ifaces;
}

#define INT(n)	((int)arg[n])
#define PTR(n)	((void *)arg[n])

/* The door's answer; INT64_MIN: the kernel's call. */
static long on_descriptors(long number, const long *arg)
{
	switch (number) {
	case SYS_close:
		return fs_close(INT(0));
	case SYS_close_range:
		return fs_close_range((unsigned int)arg[0], (unsigned int)arg[1],
				      (unsigned int)arg[2]);
	case SYS_dup:
		return fs_dup(INT(0));
	case SYS_dup3:
		return fs_dup3(INT(0), INT(1), INT(2));
	case SYS_fcntl:
		return fs_fcntl(INT(0), INT(1), (unsigned long)arg[2]);
	case SYS_ioctl:
		return fs_ioctl(INT(0), (unsigned long)arg[1], PTR(2));
	case SYS_read:
		return fs_read(INT(0), PTR(1), (size_t)arg[2]);
	case SYS_readv:
		return fs_readv(INT(0), PTR(1), INT(2));
	case SYS_write:
		return fs_write(INT(0), PTR(1), (size_t)arg[2]);
	case SYS_writev:
		return fs_writev(INT(0), PTR(1), INT(2));
	case SYS_sendfile:
		return fs_sendfile(INT(0), INT(1), PTR(2), (size_t)arg[3]);
	case SYS_splice:
		return fs_splice(INT(0), PTR(1), INT(2), PTR(3), (size_t)arg[4],
				 (unsigned int)arg[5]);
	default:
		return INT64_MIN;
	}
}

static long on_sockets(long number, const long *arg)
{
	switch (number) {
	case SYS_socket:
		return fs_socket(INT(0), INT(1), INT(2));
	case SYS_bind:
		return fs_bind(INT(0), PTR(1), (socklen_t)arg[2]);
	case SYS_listen:
		return fs_listen(INT(0), INT(1));
	case SYS_accept:
		return fs_accept(INT(0), PTR(1), PTR(2));
	case SYS_accept4:
		return fs_accept4(INT(0), PTR(1), PTR(2), INT(3));
	case SYS_connect:
		return fs_connect(INT(0), PTR(1), (socklen_t)arg[2]);
	case SYS_shutdown:
		return fs_shutdown(INT(0), INT(1));
	case SYS_getsockname:
		return fs_getsockname(INT(0), PTR(1), PTR(2));
	case SYS_getpeername:
		return fs_getpeername(INT(0), PTR(1), PTR(2));
	case SYS_getsockopt:
		return fs_getsockopt(INT(0), INT(1), INT(2), PTR(3), PTR(4));
	case SYS_setsockopt:
		return fs_setsockopt(INT(0), INT(1), INT(2), PTR(3), (socklen_t)arg[4]);
	case SYS_recvfrom:
		return fs_recvfrom(INT(0), PTR(1), (size_t)arg[2], INT(3), PTR(4), PTR(5));
	case SYS_recvmsg:
		return fs_recvmsg(INT(0), PTR(1), INT(2));
	case SYS_recvmmsg:
		return fs_recvmmsg(INT(0), PTR(1), (unsigned int)arg[2], INT(3), PTR(4));
	case SYS_sendto:
		return fs_sendto(INT(0), PTR(1), (size_t)arg[2], INT(3), PTR(4),
				 (socklen_t)arg[5]);
	case SYS_sendmsg:
		return fs_sendmsg(INT(0), PTR(1), INT(2));
	case SYS_sendmmsg:
		return fs_sendmmsg(INT(0), PTR(1), (unsigned int)arg[2], INT(3));
	default:
		return INT64_MIN;
	}
}

static long on_sets_and_processes(long number, const long *arg)
{
	switch (number) {
	case SYS_epoll_create1:
		return fs_epoll_create1(INT(0));
	case SYS_epoll_ctl:
		return fs_epoll_ctl(INT(0), INT(1), INT(2), PTR(3));
	case SYS_epoll_pwait:
		return fs_epoll_pwait(INT(0), PTR(1), INT(2), INT(3), PTR(4));
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
		return fs_epoll_pwait2(INT(0), PTR(1), INT(2), PTR(3), PTR(4));
#endif
	case SYS_io_uring_setup:
		return is_fast_here() ? -ENOSYS : INT64_MIN;
	case SYS_seccomp:
		if (arg[0] == SECCOMP_SET_MODE_STRICT || arg[0] == SECCOMP_SET_MODE_FILTER)
			shut();
		return INT64_MIN;
	case SYS_exit_group:
		fs_sockets_stop();
		fs_preload_report();
		return INT64_MIN;
	case SYS_execve:
	case SYS_execveat:
		fs_preload_report();
		fs_sockets_exec();
		return INT64_MIN;
	default:
		return INT64_MIN;
	}
}

FS_DOOR(long, syscall, long number, ...)
{
	long arg[6], result = INT64_MIN;
	int before = errno;
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (!fs_preload_bypassed()) {
		result = on_descriptors(number, arg);
		if (result == INT64_MIN)
			result = on_sockets(number, arg);
		if (result == INT64_MIN)
			result = on_sets_and_processes(number, arg);
	}
	if (result != INT64_MIN)
		return fs_preload_answer(result, before);
	return FS_NEXT(syscall)(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
