// SPDX-License-Identifier: BSD-2-Clause
/*
 * aside.c - numbers for the stack's descriptors, out of the program's way.
 */
#include "sock/aside.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "sock/libc.h"

enum {
	OURS = 256,		/* at most as many as this, or half of all */
};

/* Where ours begin. */
static int base(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur >= FS_ASIDE_MAX + OURS)
		return FS_ASIDE_MAX;
	return (int)(limit.rlim_cur - MIN(limit.rlim_cur / 2, (rlim_t)OURS));
}

void fs_aside_begin(struct fs_aside *aside)
{
	const int end = base();
	int fd = FS_LIBC(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(aside, 0, sizeof(*aside));
	while (fd >= 0 && fd < end) {
		aside->taken[fd / 64] |= 1ull << fd % 64;
		fd = FS_LIBC(fcntl, fd, F_DUPFD_CLOEXEC, 0);
	}
	if (fd >= 0)
		FS_LIBC(close, fd);
}

void fs_aside_end(const struct fs_aside *aside)
{
	for (int fd = 0; fd < FS_ASIDE_MAX; fd++)
		if (aside->taken[fd / 64] >> fd % 64 & 1)
			FS_LIBC(close, fd);
}

int fs_aside(int fd)
{
	const int end = base();
	int moved;

	if (fd < 0 || fd >= end)
		return fd;
	moved = FS_LIBC(fcntl, fd, F_DUPFD_CLOEXEC, end);
	if (moved < 0)
		return fd;
	FS_LIBC(close, fd);
	return moved;
}
