// SPDX-License-Identifier: BSD-2-Clause
/*
 * aside.c - numbers for the stack's descriptors, out of the program's way.
 */
#include "sock/aside.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>

#include "sock/libc.h"

enum {
	OURS = 256,		/* at most as many as this, or half of all */
};

static int lowest = INT_MAX;

int fs_aside_base(void)
{
	return __atomic_load_n(&lowest, __ATOMIC_RELAXED);
}

/* One of ours may have this number. */
static void reach(int fd)
{
	int before = fs_aside_base();

	while (fd < before && !__atomic_compare_exchange_n(&lowest, &before, fd, false,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Where ours begin as things are: the program may change its limit. */
static int begin(void)
{
	struct rlimit limit;
	int fd = FS_ASIDE_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		fd = 0;
	else if (limit.rlim_cur < FS_ASIDE_MAX + OURS)
		fd = (int)(limit.rlim_cur - MIN(limit.rlim_cur / 2, (rlim_t)OURS));
	reach(fd);
	return fd;
}

void fs_aside_begin(struct fs_aside *aside)
{
	const int end = begin();
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
	const int end = begin();
	int moved;

	if (fd < 0 || fd >= end)
		return fd;
	moved = FS_LIBC(fcntl, fd, F_DUPFD_CLOEXEC, end);
	if (moved < 0) {
		reach(fd);
		return fd;
	}
	FS_LIBC(close, fd);
	return moved;
}
