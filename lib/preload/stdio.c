// SPDX-License-Identifier: BSD-2-Clause
/*
 * stdio.c - streams on sockets.
 *
 * libc's streams call the kernel inside libc, past this door. fdopen() on an
 * IPv4 or IPv6 socket therefore makes a stream with functions of ours
 * (fopencookie), which keeps the descriptor's number for fileno(). dprintf() on
 * one prints to memory and writes that.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "door.h"

/* Could it be carried by the fast path? The twin knows. */
static bool is_inet(int fd)
{
	int domain = 0, before = errno;
	socklen_t len = sizeof(domain);
	bool is;

	if (fs_preload_bypassed())
		return false;
	is = !fs_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	     (domain == AF_INET || domain == AF_INET6);
	errno = before;
	return is;
}

static int fd_of(void *cookie)
{
	return (int)(intptr_t)cookie;
}

static ssize_t cookie_read(void *cookie, char *data, size_t len)
{
	return FS_ANSWER(fs_read(fd_of(cookie), data, len));
}

/* All, or until an error: what a stream understands. */
static ssize_t write_all(int fd, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = fs_write(fd, data + done, len - done);

		if (n < 0) {
			errno = (int)-n;
			break;
		}
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t cookie_write(void *cookie, const char *data, size_t len)
{
	return write_all(fd_of(cookie), data, len);
}

static int cookie_close(void *cookie)
{
	return (int)FS_ANSWER(fs_close(fd_of(cookie)));
}

FS_DOOR(FILE *, fdopen, int fd, const char *mode)
{
	static const cookie_io_functions_t functions = {
		.read = cookie_read,
		.write = cookie_write,
		.close = cookie_close,
	};
	FILE *stream;

	if (!is_inet(fd))
		return FS_NEXT(fdopen)(fd, mode);
	stream = fopencookie((void *)(intptr_t)fd, mode, functions);
	if (stream)
		stream->_fileno = fd;
	return stream;
}

static int print(int fd, const char *format, va_list args)
{
	char *text;
	int len = vasprintf(&text, format, args);

	if (len < 0)
		return -1;
	if (write_all(fd, text, (size_t)len) < len)
		len = -1;
	free(text);
	return len;
}

FS_DOOR(int, vdprintf, int fd, const char *format, va_list args)
{
	return is_inet(fd) ? print(fd, format, args) : FS_NEXT(vdprintf)(fd, format, args);
}

FS_DOOR(int, __vdprintf_chk, int fd, int flag, const char *format, va_list args)
{
	return is_inet(fd) ? print(fd, format, args) :
			     FS_NEXT(__vdprintf_chk)(fd, flag, format, args);
}

FS_DOOR(int, dprintf, int fd, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = door_vdprintf(fd, format, args);
	va_end(args);
	return len;
}

FS_DOOR(int, __dprintf_chk, int fd, int flag, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = door___vdprintf_chk(fd, flag, format, args);
	va_end(args);
	return len;
}
