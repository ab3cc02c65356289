// SPDX-License-Identifier: BSD-2-Clause
/*
 * exit.c - the ways out of a process: exit() by the destructor, which runs
 * after the program's own handlers, and those that run nothing.
 *
 * FASTSOCK_WHY=1 asks for a report on stderr, another value for one in the
 * file of that name.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "door.h"

void fs_preload_report(void)
{
	int fd = STDERR_FILENO;

	if (!fs_preload_why)
		return;
	if (strcmp(fs_preload_why, "1") != 0)
		fd = open(fs_preload_why, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
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
