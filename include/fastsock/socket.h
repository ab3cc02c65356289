/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.h - the socket door: the POSIX calls under fs_ names, on real
 * descriptors, for any thread, with the kernel behind them.
 *
 * Every descriptor is a kernel descriptor, here called the twin. A TCP or UDP
 * socket whose traffic goes by one of the configured interfaces is carried by
 * the process' stack; everything else stays its twin, and the reason is
 * counted (fs_sockets_report()). The stack is opened when the first socket
 * needs it. Descriptors of any other kind may be given to every call: it is
 * made on them as it is by libc.
 *
 * Each call has the semantics of its POSIX and Linux namesake and returns what
 * that returns, but -errno in place of -1; errno is not part of the contract.
 * Unless told otherwise a call may be made by any thread, blocks when its
 * namesake does, and keeps nothing that it is given. Signals interrupt
 * as they do in the kernel. What a namesake leaves to a signal, SIGPIPE, is
 * sent here as well, unless MSG_NOSIGNAL is given.
 */
#ifndef FASTSOCK_SOCKET_H
#define FASTSOCK_SOCKET_H

#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fastsock/fastsock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mmsghdr;

struct fs_sockets_opts {
	size_t sz;
	const char *ifaces;	/* names, separated by commas or blanks; NULL: FASTSOCK_IFACES */
	const char *ports;	/* only these local or remote ports are fast: "80,443,8000-8010";
				 * NULL: FASTSOCK_ONLY, and without it all */
	int64_t spin_us;	/* before sleeping; 0: FASTSOCK_SPIN, and without it none;
				 * -1: none, whatever FASTSOCK_SPIN says */
	uint32_t queues;	/* the first so many of each interface; 0: FASTSOCK_QUEUES, and
				 * without it all. One process has them at a time */
	uint32_t frames;	/* of the stack's pool; 0: FASTSOCK_FRAMES, else chosen */
	fs_log_fn *log;		/* NULL: silent, for a program may own its stderr; with
				 * FASTSOCK_LOG set, to anything, fs_log_stderr() */
	void *log_ctx;
};

/*
 * fs_sockets_setup - say which interfaces the socket door may use.
 *
 * Before the first other call of this header; without it the environment says
 * (FASTSOCK_IFACES and so on), and without that every socket is its twin.
 * Opens nothing yet. Returns 0, or
 *   -EINVAL   no sz, or a list that cannot be read
 *   -EBUSY    a socket is open already
 */
FS_API int fs_sockets_setup(const struct fs_sockets_opts *opts);

/* Why a socket, or a part of its traffic, stayed in the kernel. */
#define FS_SOCKET_REASONS(X)						\
	X(fast,		"carried by the fast path")			\
	X(no_iface,	"an interface that was named is not there")	\
	X(port,		"its port is not among those chosen")		\
	X(loopback,	"a loopback or local address")			\
	X(route,	"the route does not leave by an interface of the stack") \
	X(no_stack,	"the stack could not be opened")		\
	X(no_privilege, "the process may not open AF_XDP sockets")	\
	X(no_queue,	"no free queue: another process has them")	\
	X(port_taken,	"another process steers this port")		\
	X(rules_full,	"the interface's table of rules is full")	\
	X(no_memory,	"no memory, or no descriptor")			\
	X(option,	"an option that only the kernel can serve")	\
	X(multicast,	"multicast or broadcast, which the kernel serves") \
	X(by_kernel,	"accepted from the kernel: by loopback, another interface or process") \
	X(forked,	"moved into the kernel: shared by fork")	\
	X(executed,	"moved into the kernel: kept over execve")	\
	X(handed_off,	"moved into the kernel: fs_handoff()")		\
	X(passed,	"moved into the kernel: passed over a UNIX socket") \
	X(migrated,	"moved into the kernel: the listener was closed before it was accepted") \
	X(at_exit,	"moved into the kernel: the process ended")	\
	X(stuck,	"could not be moved into the kernel: left to the parent, or closed")

#define FS_SOCKET_REASON_ENUM(name, text) FS_SOCKET_##name,
enum fs_socket_reason {
	FS_SOCKET_REASONS(FS_SOCKET_REASON_ENUM)
	FS_SOCKET_REASON_COUNT
};

/* What there was of each kind since the process began; sizes as in sz. */
struct fs_sockets_stats {
	size_t sz;
	uint64_t tcp[FS_SOCKET_REASON_COUNT];	/* connections */
	uint64_t listeners[FS_SOCKET_REASON_COUNT];
	uint64_t udp[FS_SOCKET_REASON_COUNT];
	uint64_t rx_bytes;	/* by the fast path, of payload */
	uint64_t tx_bytes;
};

/* fs_sockets_stats - copy the counters; set @stats->sz first. 0, or -EINVAL: sz is 0. */
FS_API int fs_sockets_stats(struct fs_sockets_stats *stats);

/*
 * fs_sockets_stats_of - the same of another process, as it stands now.
 * Returns 0, or -EINVAL: sz is 0; -ESRCH: no such process; -ENOENT: it has no
 * counters, or those of another version of the library; -EACCES: it is another user's.
 */
FS_API int fs_sockets_stats_of(int pid, struct fs_sockets_stats *stats);

/* fs_socket_reason_name, _text - of the enum; NULL beyond it. */
FS_API const char *fs_socket_reason_name(unsigned int reason);
FS_API const char *fs_socket_reason_text(unsigned int reason);

/*
 * fs_sockets_report - write what fs_sockets_stats() knows to @fd, as text: one
 * line for each kind and reason that occurred. Returns 0 or -errno of write().
 */
FS_API int fs_sockets_report(int fd);

/*
 * fs_handoff - move a connection into the kernel, by TCP_REPAIR: from now on
 * the descriptor is an ordinary kernel socket. No byte is lost. Needs
 * CAP_NET_ADMIN.
 *
 * Returns 0 (also when it is one already), or
 *   -EBADF        no descriptor
 *   -ENOTSOCK     not a socket
 *   -EPERM        a capability is missing
 *   -EOPNOTSUPP   it is being opened, or its state cannot be moved
 * or what socket(2) gives. On failure it stays where it was.
 */
FS_API int fs_handoff(int fd);

/*
 * fs_sockets_exec - get ready for execve(): connections move into the kernel
 * and the stack is closed; connections that cannot be moved are closed. For who
 * calls execve() past this door. Should that fail, the other sockets go on. No errors.
 */
FS_API void fs_sockets_exec(void);

/*
 * fs_sockets_spawn - get ready for posix_spawn() or vfork(): connections that the
 * new program would inherit, as they lack close-on-exec, move into the kernel. The stack
 * stays. No errors: what cannot be moved stays where it is.
 */
FS_API void fs_sockets_spawn(void);

/*
 * fs_sockets_start - open the stack now, if a socket of the process will need
 * it: before privileges are dropped. With a stack and CAP_NET_ADMIN it leaves a process
 * behind, the deputy, which moves connections into the kernel when this one no longer
 * may, and ends with it and its children. No errors: what fails is a reason.
 */
FS_API void fs_sockets_start(void);

/*
 * fs_sockets_stop - what happens at exit: data on its way is given to the kernel,
 * and what sockets are left are the kernel's from then on.
 */
FS_API void fs_sockets_stop(void);

FS_API int fs_socket(int domain, int type, int protocol);
FS_API int fs_bind(int fd, const struct sockaddr *addr, socklen_t len);
FS_API int fs_listen(int fd, int backlog);
FS_API int fs_accept(int fd, struct sockaddr *addr, socklen_t *len);
FS_API int fs_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
FS_API int fs_connect(int fd, const struct sockaddr *addr, socklen_t len);
FS_API int fs_shutdown(int fd, int how);
FS_API int fs_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
FS_API int fs_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
FS_API int fs_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
FS_API int fs_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

FS_API int fs_close(int fd);
FS_API int fs_close_range(unsigned int first, unsigned int last, unsigned int flags);
FS_API int fs_dup(int fd);
FS_API int fs_dup2(int fd, int to);
FS_API int fs_dup3(int fd, int to, int flags);
FS_API int fs_fcntl(int fd, int cmd, unsigned long arg);
FS_API int fs_ioctl(int fd, unsigned long request, void *arg);

FS_API ssize_t fs_read(int fd, void *data, size_t len);
FS_API ssize_t fs_readv(int fd, const struct iovec *iov, int n);
FS_API ssize_t fs_recv(int fd, void *data, size_t len, int flags);
FS_API ssize_t fs_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *addr,
			   socklen_t *addr_len);
FS_API ssize_t fs_recvmsg(int fd, struct msghdr *msg, int flags);
FS_API int fs_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
		       struct timespec *timeout);
FS_API ssize_t fs_write(int fd, const void *data, size_t len);
FS_API ssize_t fs_writev(int fd, const struct iovec *iov, int n);
FS_API ssize_t fs_send(int fd, const void *data, size_t len, int flags);
FS_API ssize_t fs_sendto(int fd, const void *data, size_t len, int flags,
			 const struct sockaddr *addr, socklen_t addr_len);
FS_API ssize_t fs_sendmsg(int fd, const struct msghdr *msg, int flags);
FS_API int fs_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags);
FS_API ssize_t fs_sendfile(int out, int in, off_t *offset, size_t len);
FS_API ssize_t fs_splice(int in, off_t *in_offset, int out, off_t *out_offset, size_t len,
			 unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif
