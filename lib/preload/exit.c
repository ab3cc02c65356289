// SPDX-License-Identifier: BSD-2-Clause
/*
 * exit.c - the ways out of a process: exit() by the destructor, which runs
 * after the program's own handlers, and those that run nothing.
 *
 * FASTSOCK_WHY=1 asks for a report on stderr, another value for one in the
 * file of that name. Whoever may not write there by then says so, and tells it
 * on stderr all the same.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "door.h"

static bool has_something_to_tell(void)
{
	struct fs_sockets_stats stats = { .sz = sizeof(stats) };
	uint64_t all;

	if (fs_sockets_stats(&stats))
		return false;
	all = stats.rx_bytes | stats.tx_bytes;
	for (unsigned int r = 0; r < FS_SOCKET_REASON_COUNT; r++)
		all |= stats.tcp[r] | stats.listeners[r] | stats.udp[r];
	return all;
}

static int open_report(void)
{
	int fd;

	if (!strcmp(fs_preload_why, "1"))
		return STDERR_FILENO;
	fd = open(fs_preload_why, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		return fd;
	dprintf(STDERR_FILENO, "fastsock[%d]: %s cannot be written: %s; so the report is here:\n",
		(int)getpid(), fs_preload_why, strerror(errno));
	return STDERR_FILENO;
}

void fs_preload_report(void)
{
	int fd;

	if (!fs_preload_why || !has_something_to_tell())
		return;
	fd = open_report();
	fs_sockets_report(fd);
	if (fd != STDERR_FILENO)
		fs_close(fd);
}

static void end(void)
{
	if (fs_preload_bypassed())
		return;
	fs_sockets_stop();
	fs_preload_report();
}

__attribute__((destructor)) static void at_exit(void)
{
	end();
}

FS_DOOR(void, _exit, int status)
{
	end();
	FS_NEXT(_exit)(status);
}

FS_DOOR_ALIAS(_Exit, _exit);

FS_DOOR(void, quick_exit, int status)
{
	end();
	FS_NEXT(quick_exit)(status);
}

/* --- by a signal that the process sends itself, as Python's end after Ctrl-C ------------------- */

static bool is_the_end(int number)
{
	struct sigaction there;
	sigset_t blocked;

	if (number != SIGHUP && number != SIGINT && number != SIGTERM && number != SIGQUIT)
		return number == SIGKILL;
	return !sigaction(number, NULL, &there) && there.sa_handler == SIG_DFL &&
	       !pthread_sigmask(SIG_BLOCK, NULL, &blocked) && !sigismember(&blocked, number);
}

FS_DOOR(int, kill, pid_t pid, int number)
{
	if (pid == getpid() && is_the_end(number))
		end();
	return FS_NEXT(kill)(pid, number);
}

FS_DOOR(int, raise, int number)
{
	if (is_the_end(number))
		end();
	return FS_NEXT(raise)(number);
}
