/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock.h - a socket of the application that is, or may become, fast.
 *
 *	NEW ---- listen() ---> LISTENING       the twin listens; a listener of the stack
 *	 |                                     joins it when somebody waits for it
 *	 +------ connect() --> CONNECTING --> CONNECTED
 *	 |                          |             ^
 *	 |                          +--> FAILED   +---- accept()
 *	 +-- bind(), send: UDP -> DATAGRAM        an endpoint of the stack beside the twin
 *
 * NEW is all the kernel's: options, bind() and readiness are the twin's.
 * A socket that cannot be fast leaves the table of descriptors, and nothing
 * here ever sees it again.
 */
#ifndef FS_SOCK_SOCK_H
#define FS_SOCK_SOCK_H

#include <fastsock/tcp.h>
#include <fastsock/udp.h>

#include "sock/defer.h"
#include "sock/engine.h"
#include "sock/inherit.h"
#include "sock/libc.h"
#include "sock/migrate.h"
#include "sock/reason.h"

enum fs_sock_state {
	FS_SOCK_NEW,
	FS_SOCK_LISTENING,
	FS_SOCK_CONNECTING,
	FS_SOCK_CONNECTED,
	FS_SOCK_FAILED,		/* connect() did, or what became of it has been closed */
	FS_SOCK_DATAGRAM,
};

/* Options that the application has set, and the stack must know of. */
enum fs_sock_option {
	FS_SOCK_NODELAY = 1 << 0,
	FS_SOCK_KEEPALIVE = 1 << 1,
	FS_SOCK_LINGER = 1 << 2,
	FS_SOCK_SNDBUF = 1 << 3,
	FS_SOCK_RCVBUF = 1 << 4,
	FS_SOCK_USER_TIMEOUT = 1 << 5,
	FS_SOCK_CORK = 1 << 6,
	FS_SOCK_CC = 1 << 7,
	FS_SOCK_FASTOPEN = 1 << 8,
	FS_SOCK_TOS = 1 << 9,
	FS_SOCK_TTL = 1 << 10,
};

struct fs_sock {
	struct fs_file file;
	enum fs_sock_state state;
	int family;			/* AF_INET, AF_INET6: of the descriptor */
	int type;			/* SOCK_STREAM, SOCK_DGRAM */
	bool nonblock;			/* as the application sees it */
	bool twin_nonblock;		/* the twin is, so that accept() can ask it */
	bool tried;			/* to become fast; again at retry_ns */
	uint64_t retry_ns;
	bool touched;			/* some option was set */
	bool untold;			/* connect() has not said yet what came of it */
	bool shut_rd, shut_wr;		/* the latter of UDP: a connection knows it itself */
	bool zerocopy;			/* SO_ZEROCOPY */
	bool pktinfo;			/* IP_PKTINFO, IPV6_RECVPKTINFO: with each datagram */
	int error;			/* SO_ERROR: -errno, told once */
	int backlog;
	uint32_t options;		/* enum fs_sock_option */
	struct fs_inherit *given, *owed;	/* set here; the listener's, which the twin lacks */
	uint32_t rcvlowat;
	uint64_t rx_at_shut;		/* bytes that had come when shut_rd was set */
	uint32_t turns;			/* whose turn it is: the kernel's now and then */
	uint64_t rcvtimeo_ns, sndtimeo_ns;	/* FS_NEVER: none */
	struct fs_tcp *tcp;
	struct fs_tcp_listener *listener;
	struct fs_defer *defer;		/* of a listener: TCP_DEFER_ACCEPT, and whom it holds back */
	bool is_due;			/* of one that is held back; at the latest at due_ns */
	uint64_t due_ns;
	struct fs_sock *deferred_at, *defer_next, *defer_prev;
	struct fs_udp *udp;
	struct fs_addr peer;		/* of a connected UDP socket */
	uint32_t zc_next, zc_told;	/* MSG_ZEROCOPY sends: counted, and told of */
	struct fs_sock *next, **at;	/* of fs_socks */
};

/* All that have a descriptor, or had one that a call still waits in. */
extern struct fs_sock *fs_socks;

/* --- enter.c: from a descriptor to the socket, locked ---------------------------------------- */

/* The socket behind @fd with the lock held, or NULL without: it is the kernel's. */
struct fs_sock *fs_sock_enter(int fd);
/* What the call has waited in: it stays until the call is over. */
extern __thread struct fs_file *fs_sock_held __attribute__((tls_model("initial-exec")));
void fs_sock_let_go(void);

static inline void fs_sock_leave(void)
{
	if (unlikely(fs_sock_held))
		fs_sock_let_go();
	fs_engine_unlock();
}

/* One without a descriptor, for now; and with one. */
struct fs_sock *fs_sock_alloc(int family, int type);
int fs_sock_attach(struct fs_sock *s, int fd);
struct fs_sock *fs_sock_new(int fd, int family, int type);
/* Look at a descriptor that nobody told us of: inherited over execve(). */
void fs_sock_adopt(int fd);
/* From now on it is the kernel's alone. */
void fs_sock_give_up(struct fs_sock *s, enum fs_socket_reason reason);
void fs_sock_event(struct fs_sock *s, const struct fs_event *event);
/* The error of the socket, once; 0: none. */
int fs_sock_take_error(struct fs_sock *s);

/* connect.c: the connection is no more; a new socket. */
void fs_sock_disconnect(struct fs_sock *s);

/* --- wait.c -------------------------------------------------------------------------------------- */

struct fs_wait {
	uint64_t deadline_ns;		/* FS_NEVER; 0: do not wait */
	const sigset_t *mask;
	struct epoll_event *events;	/* what the kernel says */
	int n;
	/* Sleeps in the kernel; as epoll_pwait2(2), of which it is one by default. */
	int (*sleep)(struct fs_wait *wait, struct fs_set *set, const struct timespec *timeout);
	uint64_t spin_until_ns;		/* 0: not begun */
	bool over;			/* the time is */
};

/*
 * Once: spin, then sleep, until the set has news, the kernel has or time is
 * over. Returns how many events the kernel gave, or -errno. Unlocks while it sleeps.
 */
int fs_set_wait(struct fs_set *set, struct fs_wait *wait);

/*
 * Until @events hold for the socket. 0, -EAGAIN: @timeout_ns is over, -EINTR,
 * -EBADF: it was closed, -ERESTART: it has become the kernel's. The socket
 * is there until fs_sock_leave(), whatever happens to its descriptors.
 */
int fs_sock_wait(struct fs_sock *s, uint32_t events, uint64_t timeout_ns);

/* --- listen.c, connect.c, udp.c: becoming fast ---------------------------------------------------- */

/* A listener of the stack beside the twin, if it may be. */
void fs_sock_go_listen(struct fs_sock *s);
/* And its end. */
void fs_sock_unlisten(struct fs_sock *s);
/* Is there a connection of the stack's to be accepted? */
bool fs_sock_listener_has(const struct fs_sock *s);
/* An endpoint of the stack beside the twin, if it may be. */
void fs_sock_go_udp(struct fs_sock *s);
/* Whoever waits for it needs it to be what it can be. */
void fs_sock_ready_to_wait(struct fs_sock *s);
/* FS_SOCKET_fast: the route to @addr leaves by one of our interfaces. */
enum fs_socket_reason fs_route_judge(const struct fs_addr *addr);

/* --- what the calls are, for a fast socket ---------------------------------------------------------- */

ssize_t fs_tcp_sock_recv(struct fs_sock *s, const struct iovec *iov, int n, int flags);
ssize_t fs_tcp_sock_send(struct fs_sock *s, const struct iovec *iov, int n, int flags);
/* MSG_ERRQUEUE: what was sent with MSG_ZEROCOPY has been taken. */
ssize_t fs_sock_zerocopy_told(struct fs_sock *s, struct msghdr *msg);
/* 1: the twin's connect() is all there is to do. */
int fs_udp_sock_connect(struct fs_sock *s, const struct sockaddr *addr, socklen_t len);
/* An option was set on the twin: remember it, or leave the socket to the kernel. */
void fs_udp_sock_option_set(struct fs_sock *s);
ssize_t fs_udp_sock_recv(struct fs_sock *s, struct msghdr *msg, int flags);
ssize_t fs_udp_sock_send(struct fs_sock *s, const struct msghdr *msg, int flags);
uint32_t fs_tcp_sock_ready(const struct fs_sock *s);

/* options.c: what was set on the twin so far, told to the connection. */
void fs_sock_apply_options(struct fs_sock *s);
/* What was set, where it has an effect. */
void fs_sock_option_set(struct fs_sock *s, int level, int name, const void *value, socklen_t len);
/* Those of a listener that somebody else has opened. */
void fs_sock_adopt_options(struct fs_sock *s);
/* To the kernel's socket @fd, which takes its place. */
void fs_sock_copy_options(struct fs_sock *s, int fd);
/* An accepted socket has what its listener has. */
void fs_sock_inherit_options(struct fs_sock *s, const struct fs_sock *listener);

/* handoff.c: 0 or -errno; on success the socket is the kernel's, and @s gone. */
int fs_sock_move(struct fs_sock *s, enum fs_socket_reason reason);

/* The descriptor is about to be passed to another process. */
void fs_sock_pass(int fd);
/* Connections that were closed and still send: to the kernel, too. */
void fs_sock_move_orphans(void);

/* enter.c: between what the socket's family is and ours. */
socklen_t fs_sock_put_addr(const struct fs_sock *s, const struct fs_addr *addr,
			   struct sockaddr *out, socklen_t *len);
int fs_sock_get_addr(const struct sockaddr *sa, socklen_t len, struct fs_addr *out);

#endif
