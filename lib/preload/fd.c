// SPDX-License-Identifier: BSD-2-Clause
/* fd.c - libc's calls on descriptors as such: close, duplicate, control. */
#include <limits.h>
#include <stdarg.h>

#include "door.h"

enum {
	STDIO_FDS = 3,
};

FS_DOOR(int, close, int fd)
{
	return FS_PASS(close, fd);
}

FS_DOOR_ALIAS(__close, close);

FS_DOOR(int, close_range, unsigned int first, unsigned int last, int flags)
{
	return FS_PASS(close_range, first, last, flags);
}

FS_DOOR(void, closefrom, int first)
{
	if (fs_preload_bypassed())
		FS_NEXT(closefrom)(first);
	else
		fs_close_range(first < 0 ? 0 : (unsigned int)first, UINT_MAX, 0);
}

FS_DOOR(int, dup, int fd)
{
	return FS_PASS(dup, fd);
}

/*
 * stdin, stdout and stderr are read and written by libc inside, past this
 * door: who puts a connection there wants that, and gets a kernel socket.
 */
static void to_stdio(int fd, int to)
{
	if (to >= 0 && to < STDIO_FDS && fd != to && !fs_preload_bypassed())
		fs_handoff(fd);
}

FS_DOOR(int, dup2, int fd, int to)
{
	to_stdio(fd, to);
	return FS_PASS(dup2, fd, to);
}

FS_DOOR_ALIAS(__dup2, dup2);

FS_DOOR(int, dup3, int fd, int to, int flags)
{
	to_stdio(fd, to);
	return FS_PASS(dup3, fd, to, flags);
}

/* Both take a third argument or none; a word is passed on, whatever it was. */
FS_DOOR(int, fcntl, int fd, int cmd, ...)
{
	unsigned long arg;
	va_list args;

	va_start(args, cmd);
	arg = va_arg(args, unsigned long);
	va_end(args);
	return FS_PASS(fcntl, fd, cmd, arg);
}

FS_DOOR_ALIAS(fcntl64, fcntl);
FS_DOOR_ALIAS(__fcntl, fcntl);

FS_DOOR(int, ioctl, int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	return FS_PASS(ioctl, fd, request, arg);
}
