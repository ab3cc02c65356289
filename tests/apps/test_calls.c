// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_calls.c - every name of libc's that the preload library says it takes is
 * taken, and leads to the socket door's call; its error becomes errno.
 *
 * The program starts itself anew with the library's objects before it and
 * mock.c in the place of the door. Names without a case here fail.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SAID_BYTES = 4096,
	STATUS_OF_CHILD = 42,
};

/* A call with nothing in it: -1 and zeroes are enough for who looks at nothing. */
struct call {
	const char *name, *says;	/* what the door hears */
	long first;
	int in_child;			/* it does not return, or not alone */
	int by_libc;			/* the result is libc's own */
};

/* The door's own answer; one that does not come back, or not alone; libc's answer. */
#define DOOR(name, says, first)		{ name, says, first, 0, 0 }
#define CHILD(name, says, first)	{ name, says, first, 1, 0 }
#define LIBC(name, says, first)		{ name, says, first, 0, 1 }

static const struct call calls[] = {
	DOOR("socket", "fs_socket ", 0), LIBC("socketpair", "", -1),
	DOOR("bind", "fs_bind ", -1), DOOR("listen", "fs_listen ", -1),
	DOOR("accept", "fs_accept ", -1), DOOR("accept4", "fs_accept4 ", -1),
	DOOR("connect", "fs_connect ", -1), DOOR("__connect", "fs_connect ", -1),
	DOOR("shutdown", "fs_shutdown ", -1), DOOR("getsockname", "fs_getsockname ", -1),
	DOOR("getpeername", "fs_getpeername ", -1), DOOR("getsockopt", "fs_getsockopt ", -1),
	DOOR("setsockopt", "fs_setsockopt ", -1), DOOR("close", "fs_close ", -1),
	DOOR("__close", "fs_close ", -1), DOOR("close_range", "fs_close_range ", -1),
	LIBC("closefrom", "fs_close_range ", 1000), DOOR("dup", "fs_dup ", -1),
	DOOR("dup2", "fs_handoff fs_dup2 ", -1), DOOR("__dup2", "fs_handoff fs_dup2 ", -1),
	DOOR("dup3", "fs_handoff fs_dup3 ", -1), DOOR("fcntl", "fs_fcntl ", -1),
	DOOR("fcntl64", "fs_fcntl ", -1), DOOR("__fcntl", "fs_fcntl ", -1),
	DOOR("ioctl", "fs_ioctl ", -1), DOOR("read", "fs_read ", -1),
	DOOR("__read", "fs_read ", -1), DOOR("__read_chk", "fs_read ", -1),
	DOOR("readv", "fs_readv ", -1), DOOR("recv", "fs_recv ", -1),
	DOOR("__recv_chk", "fs_recv ", -1), DOOR("recvfrom", "fs_recvfrom ", -1),
	DOOR("__recvfrom_chk", "fs_recvfrom ", -1), DOOR("recvmsg", "fs_recvmsg ", -1),
	DOOR("recvmmsg", "fs_recvmmsg ", -1), DOOR("write", "fs_write ", -1),
	DOOR("__write", "fs_write ", -1), DOOR("writev", "fs_writev ", -1),
	DOOR("send", "fs_send ", -1), DOOR("__send", "fs_send ", -1),
	DOOR("sendto", "fs_sendto ", -1), DOOR("sendmsg", "fs_sendmsg ", -1),
	DOOR("sendmmsg", "fs_sendmmsg ", -1), DOOR("sendfile", "fs_sendfile ", -1),
	DOOR("sendfile64", "fs_sendfile ", -1), DOOR("splice", "fs_splice ", -1),
	DOOR("poll", "fs_poll ", 0), DOOR("__poll", "fs_poll ", 0),
	DOOR("__poll_chk", "fs_poll ", 0), DOOR("ppoll", "fs_ppoll ", 0),
	DOOR("__ppoll_chk", "fs_ppoll ", 0), DOOR("select", "fs_select ", 0),
	DOOR("__select", "fs_select ", 0), DOOR("pselect", "fs_pselect ", 0),
	DOOR("epoll_create", "fs_epoll_create ", 0),
	DOOR("epoll_create1", "fs_epoll_create1 ", 0), DOOR("epoll_ctl", "fs_epoll_ctl ", -1),
	DOOR("epoll_wait", "fs_epoll_wait ", -1), DOOR("epoll_pwait", "fs_epoll_pwait ", -1),
	DOOR("epoll_pwait2", "fs_epoll_pwait2 ", -1), LIBC("execve", "fs_sockets_exec ", 0),
	LIBC("execv", "fs_sockets_exec ", 0), LIBC("execveat", "fs_sockets_exec ", -1),
	LIBC("fexecve", "fs_sockets_exec ", -1), LIBC("execl", "fs_sockets_exec ", 0),
	LIBC("execle", "fs_sockets_exec ", 0), CHILD("daemon", "fs_sockets_exec ", 0),
	CHILD("_exit", "fs_sockets_stop ", STATUS_OF_CHILD),
	CHILD("_Exit", "fs_sockets_stop ", STATUS_OF_CHILD),
	CHILD("quick_exit", "fs_sockets_stop ", STATUS_OF_CHILD),
	CHILD("setuid", "fs_sockets_start ", 0), CHILD("setgid", "fs_sockets_start ", 0),
	CHILD("setreuid", "fs_sockets_start ", -1), CHILD("setregid", "fs_sockets_start ", -1),
	CHILD("setresuid", "fs_sockets_start ", -1), CHILD("setresgid", "fs_sockets_start ", -1),
	CHILD("seteuid", "fs_sockets_start ", 0), CHILD("setegid", "fs_sockets_start ", 0),
	CHILD("setgroups", "fs_sockets_start ", 0), LIBC("capset", "fs_sockets_start ", 0),
	LIBC("chroot", "fs_sockets_start ", 0), LIBC("unshare", "fs_sockets_start ", 0),
	LIBC("setns", "fs_sockets_start ", -1),
};

/* These want more than zeroes: by_hand() makes them. */
static const char *const others[] = {
	"execvp", "execvpe", "execlp", "initgroups", "posix_spawn", "posix_spawnp",
	"posix_spawn_file_actions_adddup2", "fdopen", "dprintf", "vdprintf", "__dprintf_chk",
	"__vdprintf_chk", "vfork", "__vfork", "syscall", "prctl", "fs_handoff", "kill", "raise",
};

static char *said;
static int passed, failed;

static void judge(const char *name, int good, const char *why)
{
	if (good)
		passed++;
	else
		failed++;
	if (!good)
		printf("not ok %s: %s (said \"%s\", %s)\n", name, why, said, strerror(errno));
}

typedef long any_fn(long a, long b, long c, long d, long e, long f, long g);

static any_fn *find(const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, name);
	any_fn *fn;
	Dl_info info;

	*said = '\0';
	if (!symbol || !dladdr(symbol, &info) || !strstr(info.dli_fname, "mock.so")) {
		judge(name, 0, "not taken by the preload library");
		return NULL;
	}
	memcpy(&fn, &symbol, sizeof(fn));
	return fn;
}

static void try_in_child(const struct call *call, any_fn *fn)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn(call->first, call->first, call->first, 0, 0, 0, 0);
		/* Past the library, which would tell of this _exit(), too. */
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	/* What daemon() leaves is ours by now, and says something as it ends. */
	while (wait(NULL) > 0)
		;
	judge(call->name, !strncmp(said, call->says, strlen(call->says)), "another call");
	if (call->first == STATUS_OF_CHILD)
		judge(call->name, WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OF_CHILD,
		      "another status");
}

static void try(const struct call *call)
{
	any_fn *fn = find(call->name);
	long result;

	if (!fn)
		return;
	if (call->in_child) {
		try_in_child(call, fn);
		return;
	}
	errno = 0;
	result = fn(call->first, 0, 0, 0, 0, 0, 0);
	if (!call->by_libc)
		judge(call->name, (int)result == -1 && errno == EXDEV, "the error got lost");
	judge(call->name, !strcmp(said, call->says), "another call");
}

static int takes(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, name))
			return 1;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(others[i], name))
			return 1;
	return 0;
}

/* The list that the linker has, and the one of this file, are the same. */
static void compare_with_map(const char *path)
{
	FILE *map = fopen(path, "r");
	char line[256], name[128], end;
	size_t n = 0;

	if (!map) {
		judge(path, 0, "cannot be read");
		return;
	}
	while (fgets(line, sizeof(line), map)) {
		if (sscanf(line, "\t%127[a-zA-Z0-9_]%c", name, &end) != 2 || end != ';')
			continue;
		n++;
		judge(name, takes(name), "no test");
	}
	fclose(map);
	*said = '\0';
	judge(path, n == sizeof(calls) / sizeof(calls[0]) + sizeof(others) / sizeof(others[0]),
	      "another number of names");
}

static void others_are_taken(void)
{
	char *none[] = { NULL };
	any_fn *fn;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		find(others[i]);
	if ((fn = find("execvp"))) {
		fn((long)"/nonexistent", (long)none, 0, 0, 0, 0, 0);
		judge("execvp", !strcmp(said, "fs_sockets_exec "), "another call");
	}
	if ((fn = find("execvpe"))) {
		fn((long)"/nonexistent", (long)none, (long)none, 0, 0, 0, 0);
		judge("execvpe", !strcmp(said, "fs_sockets_exec "), "another call");
	}
	if ((fn = find("execlp"))) {
		fn((long)"/nonexistent", (long)"a", (long)"b", 0, 0, 0, 0);
		judge("execlp", !strcmp(said, "fs_sockets_exec "), "another call");
	}
	if ((fn = find("initgroups"))) {
		fn((long)"root", 0, 0, 0, 0, 0, 0);
		judge("initgroups", !strcmp(said, "fs_sockets_start "), "another call");
	}
	if ((fn = find("posix_spawn"))) {
		fn(0, (long)"/nonexistent", 0, 0, (long)none, (long)none, 0);
		judge("posix_spawn", !strcmp(said, "fs_sockets_spawn "), "another call");
	}
	if ((fn = find("posix_spawnp"))) {
		fn(0, (long)"/nonexistent", 0, 0, (long)none, (long)none, 0);
		judge("posix_spawnp", !strcmp(said, "fs_sockets_spawn "), "another call");
	}
	if ((fn = find("posix_spawn_file_actions_adddup2"))) {
		long actions[64] = { 0 };

		fn((long)actions, 7, 8, 0, 0, 0, 0);
		judge("posix_spawn_file_actions_adddup2", !strcmp(said, "fs_handoff "), "another call");
	}
}

static void calls_by_number_are_ours(void)
{
	static const struct {
		long number;
		const char *says;
	} numbers[] = {
		{ SYS_close, "fs_close " }, { SYS_close_range, "fs_close_range " },
		{ SYS_dup, "fs_dup " }, { SYS_dup3, "fs_dup3 " }, { SYS_fcntl, "fs_fcntl " },
		{ SYS_ioctl, "fs_ioctl " }, { SYS_read, "fs_read " }, { SYS_readv, "fs_readv " },
		{ SYS_write, "fs_write " }, { SYS_writev, "fs_writev " },
		{ SYS_sendfile, "fs_sendfile " }, { SYS_splice, "fs_splice " },
		{ SYS_socket, "fs_socket " }, { SYS_bind, "fs_bind " }, { SYS_listen, "fs_listen " },
		{ SYS_accept, "fs_accept " }, { SYS_accept4, "fs_accept4 " },
		{ SYS_connect, "fs_connect " }, { SYS_shutdown, "fs_shutdown " },
		{ SYS_getsockname, "fs_getsockname " }, { SYS_getpeername, "fs_getpeername " },
		{ SYS_setsockopt, "fs_setsockopt " }, { SYS_getsockopt, "fs_getsockopt " },
		{ SYS_recvfrom, "fs_recvfrom " }, { SYS_recvmsg, "fs_recvmsg " },
		{ SYS_recvmmsg, "fs_recvmmsg " }, { SYS_sendto, "fs_sendto " },
		{ SYS_sendmsg, "fs_sendmsg " }, { SYS_sendmmsg, "fs_sendmmsg " },
		{ SYS_epoll_create1, "fs_epoll_create1 " }, { SYS_epoll_ctl, "fs_epoll_ctl " },
		{ SYS_epoll_pwait, "fs_epoll_pwait " }, { SYS_epoll_pwait2, "fs_epoll_pwait2 " },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		*said = '\0';
		errno = 0;
		judge(numbers[i].says, syscall(numbers[i].number, -1L, 0L, 0L, 0L, 0L, 0L) == -1 &&
		      errno == EXDEV, "the error got lost");
		judge(numbers[i].says, !strcmp(said, numbers[i].says), "another call by number");
	}
	*said = '\0';
	judge("syscall", syscall(SYS_getpid) == getpid() && !*said, "another call");
	setenv("FASTSOCK_IFACES", "none", 1);
	errno = 0;
	judge("syscall", syscall(SYS_io_uring_setup, 0, NULL) == -1 && errno == ENOSYS, "a ring");
	unsetenv("FASTSOCK_IFACES");
}

/* The last test: there is no way back. */
static void filter_shuts_the_door(void)
{
	*said = '\0';
	prctl(PR_SET_SECCOMP, -1L, NULL, 0L, 0L);	/* refused */
	judge("prctl", !strcmp(said, "fs_sockets_exec "), "another call");
	*said = '\0';
	errno = 0;
	judge("prctl", close(-1) == -1 && errno == EBADF && !*said, "the door is open");
}

static void streams_are_ours(void)
{
	FILE *stream = fdopen(0, "r+");
	char line[8];

	*said = '\0';
	errno = 0;
	judge("fdopen", stream && fileno(stream) == 0, "no stream, or another descriptor");
	if (!stream)
		return;
	judge("fgets", !fgets(line, sizeof(line), stream) && errno == EXDEV, "no error");
	judge("fgets", !strcmp(said, "fs_read "), "another call");
	*said = '\0';
	clearerr(stream);
	judge("fprintf", fprintf(stream, "x") == 1 && fflush(stream) == EOF, "no error");
	judge("fprintf", !strcmp(said, "fs_write "), "another call");
	*said = '\0';
	fclose(stream);
	judge("fclose", strstr(said, "fs_close ") != NULL, "another call");
	*said = '\0';
	judge("dprintf", dprintf(0, "%d", 1) < 0 && !strcmp(said, "fs_write "), "another call");
}

/* In a child of vfork() the door does not exist; afterwards it does again. */
static void child_of_vfork_is_past_the_door(void)
{
	static volatile long result;
	int status = 0;
	pid_t pid;

	*said = '\0';
	pid = vfork();
	if (!pid) {
		result = close(-1) == -1 && errno == EBADF;
		_exit(STATUS_OF_CHILD);
	}
	waitpid(pid, &status, 0);
	judge("vfork", pid > 0 && WEXITSTATUS(status) == STATUS_OF_CHILD, "another status");
	judge("vfork", result && !strcmp(said, "fs_sockets_spawn "), "the child came to the door");
	errno = 0;
	judge("vfork", close(-1) == -1 && errno == EXDEV, "the parent is past the door");
}

int main(int argc, char **argv)
{
	char **mock_said = dlsym(RTLD_DEFAULT, "mock_said");
	char path[4096];

	if (!mock_said) {
		const char *b = getenv("B") ? getenv("B") : "build";

		if (argc > 1)
			return 2;
		snprintf(path, sizeof(path), "%s/tests/apps/mock.so", b);
		setenv("LD_PRELOAD", realpath(path, NULL), 1);
		execl(argv[0], argv[0], "preloaded", NULL);
		return 2;
	}
	said = mmap(NULL, SAID_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*mock_said = said;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	compare_with_map("lib/preload/preload.map");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		try(&calls[i]);
	others_are_taken();
	child_of_vfork_is_past_the_door();
	streams_are_ours();
	calls_by_number_are_ours();
	filter_shuts_the_door();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
