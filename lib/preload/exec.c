// SPDX-License-Identifier: BSD-2-Clause
/*
 * exec.c - another program in this process, or in a new one.
 *
 * execve() and its kin end this program's use of the stack: connections that
 * live on are the kernel's before. A spawned program gets copies of
 * descriptors while this one goes on: what posix_spawn() is told to
 * duplicate into the child is handed to the kernel when it is told.
 */
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

#include "door.h"

static void before_exec(void)
{
	if (fs_preload_bypassed())
		return;
	fs_preload_report();
	fs_sockets_exec();
}

FS_DOOR(int, execve, const char *path, char *const argv[], char *const envp[])
{
	before_exec();
	return FS_NEXT(execve)(path, argv, fs_preload_env(path, envp));
}

FS_DOOR(int, execv, const char *path, char *const argv[])
{
	return door_execve(path, argv, environ);
}

FS_DOOR(int, execvpe, const char *file, char *const argv[], char *const envp[])
{
	before_exec();
	return FS_NEXT(execvpe)(file, argv, envp);
}

FS_DOOR(int, execvp, const char *file, char *const argv[])
{
	return door_execvpe(file, argv, environ);
}

FS_DOOR(int, fexecve, int fd, char *const argv[], char *const envp[])
{
	before_exec();
	return FS_NEXT(fexecve)(fd, argv, envp);
}

FS_DOOR(int, execveat, int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	before_exec();
	return FS_NEXT(execveat)(dir, path, argv, envp, flags);
}

/* The arguments from @arg0 to NULL, counted; their array fits on the stack or not at all. */
static long count(va_list *args)
{
	long n = 1;

	while (va_arg(*args, char *)) {
		if (++n >= INT_MAX)
			return -1;
	}
	return n;
}

static void gather(char **argv, const char *arg0, long n, va_list *args)
{
	argv[0] = (char *)arg0;
	for (long i = 1; i <= n; i++)
		argv[i] = va_arg(*args, char *);
}

/* Makes argv of what stands behind arg0; afterwards, args stands behind its NULL. */
#define ARGV(arg0)							\
	va_list args;							\
	long n_;							\
	va_start(args, arg0);						\
	n_ = arg0 ? count(&args) : 0;					\
	va_end(args);							\
	if (n_ < 0) {							\
		errno = E2BIG;						\
		return -1;						\
	}								\
	char *argv[n_ + 1];						\
	va_start(args, arg0);						\
	gather(argv, arg0, n_, &args)

FS_DOOR(int, execl, const char *path, const char *arg0, ...)
{
	ARGV(arg0);
	va_end(args);
	return door_execve(path, argv, environ);
}

FS_DOOR(int, execlp, const char *file, const char *arg0, ...)
{
	ARGV(arg0);
	va_end(args);
	return door_execvpe(file, argv, environ);
}

FS_DOOR(int, execle, const char *path, const char *arg0, ...)
{
	char *const *envp;

	ARGV(arg0);
	envp = va_arg(args, char *const *);
	va_end(args);
	return door_execve(path, argv, envp);
}

FS_DOOR(int, posix_spawn_file_actions_adddup2, posix_spawn_file_actions_t *actions, int fd, int to)
{
	if (!fs_preload_bypassed())
		fs_handoff(fd);
	return FS_NEXT(posix_spawn_file_actions_adddup2)(actions, fd, to);
}

FS_DOOR(int, posix_spawn, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return FS_NEXT(posix_spawn)(pid, path, actions, attr, argv, fs_preload_env(path, envp));
}

FS_DOOR(int, posix_spawnp, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return FS_NEXT(posix_spawnp)(pid, file, actions, attr, argv, envp);
}
