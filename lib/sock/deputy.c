// SPDX-License-Identifier: BSD-2-Clause
/*
 * deputy.c - a line of two ends: requests with a socket, and one to answer by.
 *
 * Children of the asking process have the line, too; so each request brings along where
 * its answer goes.
 *
 * The deputy is no child that wait() knows of while its parent lives, is in no one's process
 * group, and hears no signals. It has a copy of its parent's memory, of which it uses nothing. It came about by a system call of which libc knows nothing, perhaps
 * among other threads that held its locks: so it makes system calls only.
 */
#include "sock/deputy.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "sock/aside.h"
#include "sock/libc.h"
#include "tcp/repair.h"

enum {
	NOBODY = 65534,
	N_FDS = 2,		/* with each request: of whom it is, and for the answer */
};

#define PATIENCE_NS	(NSEC_PER_SEC - 1)
#define KEPT	(1u << CAP_NET_ADMIN | 1u << CAP_NET_BIND_SERVICE)

static struct {
	bool started;
	int fd;
	ino_t ino;
} deputy;

union fds {
	struct cmsghdr header;
	char space[CMSG_SPACE(N_FDS * sizeof(int))];
};

static struct msghdr message(struct iovec *iov, union fds *fds)
{
	return (struct msghdr){
		.msg_iov = iov, .msg_iovlen = 1,
		.msg_control = fds, .msg_controllen = sizeof(*fds),
	};
}

/* --- the deputy ------------------------------------------------------------------------ */

static int do_for(int fd, const struct fs_host_ask *ask)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	if (FS_LIBC(getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) ||
	    protocol != IPPROTO_TCP)
		return -EPERM;
	return fs_tcp_repair_do(fd, ask);
}

/* False: nobody can ask any more. */
static bool serve_one(int line)
{
	struct fs_host_ask ask;
	struct iovec iov = { .iov_base = &ask, .iov_len = sizeof(ask) };
	union fds got = { .header = { 0 } };
	struct msghdr msg = message(&iov, &got);
	const ssize_t n = FS_LIBC(recvmsg, line, &msg, MSG_CMSG_CLOEXEC);
	int fds[N_FDS], answer = -EINVAL;
	size_t n_fds;

	if (n <= 0)
		return n == -EINTR;
	if (msg.msg_controllen < CMSG_LEN(sizeof(int)) || got.header.cmsg_type != SCM_RIGHTS)
		return true;
	n_fds = (got.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(&got.header), MIN(n_fds, (size_t)N_FDS) * sizeof(int));
	if (n == sizeof(ask) && n_fds == N_FDS)
		answer = do_for(fds[0], &ask);
	for (size_t i = 0; i < n_fds; i++) {
		if (i)
			FS_LIBC(send, fds[i], &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
		FS_LIBC(close, fds[i]);
	}
	return true;
}

/* Where it may not change its user it is another's only by what it may. */
static bool keep_little(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	uint32_t kept;

	FS_LIBC(syscall, SYS_capget, &header, data);
	kept = data[0].permitted & KEPT;
	FS_LIBC(syscall, SYS_prctl, PR_SET_KEEPCAPS, 1ul);
	FS_LIBC(syscall, SYS_setgroups, 0, NULL);
	FS_LIBC(syscall, SYS_setresgid, NOBODY, NOBODY, NOBODY);
	FS_LIBC(syscall, SYS_setresuid, NOBODY, NOBODY, NOBODY);
	FS_LIBC(syscall, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul);
	FS_LIBC(syscall, SYS_prctl, PR_SET_DUMPABLE, 0ul);
	memset(data, 0, sizeof(data));
	data[0].effective = data[0].permitted = kept;
	return !FS_LIBC(syscall, SYS_capset, &header, data);
}

static _Noreturn void be_deputy(int line)
{
	FS_LIBC(syscall, SYS_setsid);
	FS_LIBC(syscall, SYS_prctl, PR_SET_NAME, "fastsock-deputy");
	if (line && FS_LIBC(syscall, SYS_dup3, line, 0, O_CLOEXEC) < 0)
		FS_LIBC(syscall, SYS_exit_group, 1);
	if (FS_LIBC(syscall, SYS_close_range, 1, ~0u, 0) || FS_LIBC(syscall, SYS_chdir, "/") ||
	    !keep_little())
		FS_LIBC(syscall, SYS_exit_group, 1);
	while (serve_one(0))
		;
	FS_LIBC(syscall, SYS_exit_group, 0);
	__builtin_unreachable();
}

/* --- who asks --------------------------------------------------------------------------- */

static bool may_repair(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	return !FS_LIBC(syscall, SYS_capget, &header, data) &&
		data[0].effective & 1u << CAP_NET_ADMIN;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* It hears no signal from its first instruction on: it has the program's handlers. */
static long fork_deputy(int line)
{
	const uint64_t all = ~0ull;
	uint64_t before;
	long pid;

	FS_LIBC(syscall, SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
	pid = FS_LIBC(syscall, SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (!pid)
		be_deputy(line);
	FS_LIBC(syscall, SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
	return pid;
}

void fs_deputy_start(void)
{
	int line[2];
	long pid;

	if (deputy.started || !may_repair() ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line))
		return;
	pid = fork_deputy(line[1]);
	FS_LIBC(close, line[1]);
	deputy.started = pid > 0;
	if (pid < 0) {
		FS_LIBC(close, line[0]);
		return;
	}
	deputy.fd = fs_aside(line[0]);
	deputy.ino = inode_of(deputy.fd);
}

static int send_ask(int fd, int answer_by, const struct fs_host_ask *ask)
{
	const int with[N_FDS] = { fd, answer_by };
	struct iovec iov = { .iov_base = (void *)ask, .iov_len = sizeof(*ask) };
	union fds fds = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(with)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	const struct msghdr msg = message(&iov, &fds);
	ssize_t n;

	memcpy(CMSG_DATA(&fds.header), with, sizeof(with));
	n = FS_LIBC(sendmsg, deputy.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? (int)n : 0;
}

static int wait_for(int answer_from)
{
	const uint64_t end_ns = fs_clock_ns() + PATIENCE_NS;
	struct pollfd p = { .fd = answer_from, .events = POLLIN };
	uint64_t now_ns;
	int answer, n = -EINTR;

	while (n == -EINTR && (now_ns = fs_clock_ns()) < end_ns) {
		const struct timespec left = { .tv_nsec = (long)(end_ns - now_ns) };

		n = FS_LIBC(ppoll, &p, 1, &left, NULL);
	}
	if (n <= 0)
		return -ETIMEDOUT;
	return FS_LIBC(recv, answer_from, &answer, sizeof(answer), MSG_DONTWAIT) ==
		sizeof(answer) ? answer : -EPERM;
}

/* A program that closes everything may have closed the line, and its number be another's. */
static bool is_there(void)
{
	return deputy.ino && inode_of(deputy.fd) == deputy.ino;
}

/* One that does not answer is asked no more: each time would be as long. */
int fs_deputy_ask(int fd, const struct fs_host_ask *ask)
{
	int ends[2], err;

	if (!is_there() ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -EPERM;
	err = send_ask(fd, ends[1], ask);
	FS_LIBC(close, ends[1]);
	if (!err)
		err = wait_for(ends[0]);
	FS_LIBC(close, ends[0]);
	if (err == -ETIMEDOUT) {
		FS_LIBC(close, deputy.fd);
		deputy.ino = 0;
	}
	return err;
}
