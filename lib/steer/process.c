// SPDX-License-Identifier: BSD-2-Clause
/* process.c - see process.h. */
#include "steer/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STAT_PARENT = 4,
	STAT_START = 22,
};

/* /proc/PID/stat: "PID (name) state ppid ..."; the name may hold anything. */
static uint64_t stat_field(unsigned int pid, int wanted)
{
	char path[40], text[512];
	const char *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

unsigned int fs_steer_process_parent(unsigned int pid)
{
	return (unsigned int)stat_field(pid, STAT_PARENT);
}

uint64_t fs_steer_process_start(unsigned int pid)
{
	return stat_field(pid, STAT_START);
}

int fs_steer_process_child(int (*fn)(void *ctx), void *ctx)
{
	const pid_t child = fork();
	int status;

	if (!child)
		_exit(fn(ctx));
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}
