/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - TCP of the stack door (RFC 9293): listeners and connections.
 *
 * A listener owns a local port, as a UDP endpoint does: a kernel twin keeps
 * the port from others, steering rules bring its segments. A connection is a
 * handle that the application holds until fs_tcp_close(). Both speak by the
 * events of fs_stack_poll(): ACCEPT, CONNECTED, READABLE, WRITABLE, ERROR.
 * What the twin accepts, because it came by loopback or by an interface without
 * a stack, is a handle like others: behind it the kernel speaks TCP, and data is
 * copied.
 *
 * There are two ways to move data, which can be mixed. Without copying,
 * received segments are lent in stream order (fs_tcp_recv_zc) and buffers are
 * given away to be sent (fs_tcp_send_zc), straight from and to the frames
 * of the wire. With one copy, fs_tcp_recv() and fs_tcp_send() take any memory.
 *
 * What is given to be sent goes out at the start of the next fs_stack_poll(),
 * or at fs_stack_flush(), together with what has to be acknowledged.
 *
 * All calls on the stack's thread; none blocks.
 */
#ifndef FASTSOCK_TCP_H
#define FASTSOCK_TCP_H

#include <fastsock/stack.h>
#include <fastsock/udp.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fs_tcp;
struct fs_tcp_listener;

/* The states of RFC 9293 3.3.2, figure 5. */
enum fs_tcp_state {
	FS_TCP_CLOSED = 0,
	FS_TCP_LISTEN = 1,
	FS_TCP_SYN_SENT = 2,
	FS_TCP_SYN_RCVD = 3,
	FS_TCP_ESTABLISHED = 4,
	FS_TCP_FIN_WAIT_1 = 5,
	FS_TCP_FIN_WAIT_2 = 6,
	FS_TCP_CLOSE_WAIT = 7,
	FS_TCP_CLOSING = 8,
	FS_TCP_LAST_ACK = 9,
	FS_TCP_TIME_WAIT = 10,
	FS_TCP_STATE_COUNT
};

struct fs_tcp_listen_opts {
	size_t sz;
	struct fs_addr local;	/* the port must be set; families as in fs_udp_opts */
	enum fs_twin twin;
	uint32_t backlog;	/* connections not accepted yet; 0: 4096. Beyond it SYNs
				 * are answered with cookies, RFC 4987 3.6 */
	uint32_t fastopen;	/* SYNs with data waiting at most, RFC 7413 5.1; 0: off */
	const char *cc;		/* congestion control: "cubic", "newreno", "dctcp"; NULL: cubic */
	void *user;		/* comes back in each event of the listener */
};

/*
 * fs_tcp_listen - bind a port, in the kernel and on the fast path, and listen.
 *
 * Returns 0, or
 *   -EINVAL        no port, an address that is none, no such congestion control
 *   -EAFNOSUPPORT  not IPv4 or IPv6
 *   -EADDRINUSE    another process steers this port, or FS_TWIN_REQUIRED
 *   -EADDRNOTAVAIL the address is not a local one
 *   -EACCES        a privileged port without CAP_NET_BIND_SERVICE
 *   -ENOSPC        the interface's rule table is full
 *   -EMFILE, -ENFILE, -ENOMEM
 */
FS_API int fs_tcp_listen(struct fs_tcp_listener **out, struct fs_stack *stack,
			 const struct fs_tcp_listen_opts *opts);

/*
 * fs_tcp_listener_close - stop listening. Connections that were not accepted
 * are reset; accepted ones stay, and so does the steering of the port until
 * the last of them is gone. No errors.
 */
FS_API void fs_tcp_listener_close(struct fs_tcp_listener *listener);

/* The address bound. No errors. */
FS_API struct fs_addr fs_tcp_listener_local(const struct fs_tcp_listener *listener);

/*
 * fs_tcp_accept - take up to @n established connections, oldest first.
 *
 * Each belongs to the caller until fs_tcp_close() or fs_tcp_abort(). Give it
 * a user pointer by fs_tcp_set_user() before the next poll. Data may
 * be there already; a READABLE event follows then.
 * Returns how many, 0 when there are none. No errors.
 */
FS_API unsigned int fs_tcp_accept(struct fs_tcp_listener *listener, struct fs_tcp **conns,
				  unsigned int n);

struct fs_tcp_connect_opts {
	size_t sz;
	struct fs_addr remote;
	struct fs_addr local;	/* unset: address by the route, port by the kernel */
	const char *cc;		/* as in fs_tcp_listen_opts */
	int fastopen;		/* 1: send the SYN with the first data, when a cookie of
				 * the remote is known (RFC 7413); ask for one otherwise */
	int ecn;		/* 1: ask for ECN (RFC 3168), as "dctcp" always does; a peer
				 * that asks gets it in any case */
	void *user;
};

/*
 * fs_tcp_connect - begin to connect. FS_EV_CONNECTED or FS_EV_ERROR tells
 * the outcome; data may be queued before.
 *
 * Returns 0, or
 *   -EINVAL        no remote address or port, no such congestion control
 *   -EAFNOSUPPORT  families differ or are unknown
 *   -ENETUNREACH, -EHOSTUNREACH, -EACCES
 *                  no route, or one that says unreachable, prohibit, blackhole
 *   -EOPNOTSUPP    the route does not leave by an interface of this stack
 *   -EADDRINUSE    the local port is taken, or this very connection exists
 *   -EADDRNOTAVAIL @local is not local, or no free port
 *   -ENETDOWN      the interface is down
 *   -ENOSPC        the interface's rule table is full
 *   -EMFILE, -ENFILE, -ENOMEM
 */
FS_API int fs_tcp_connect(struct fs_tcp **out, struct fs_stack *stack,
			  const struct fs_tcp_connect_opts *opts);

/*
 * fs_tcp_recv_zc - take received bytes without copying them.
 *
 * Fills up to @n entries of @bufs, in stream order, none of them empty. Each is lent
 * to the caller until fs_buf_release(), or until it is given to
 * fs_tcp_send_zc() of any connection of the stack. A stack whose frames are
 * all lent out stops receiving.
 * Returns how many, 0 at the end of the stream (the peer's FIN), or
 *   -EAGAIN        nothing to read now
 *   -ENOTCONN      not connected yet
 *   -EINVAL        @n is 0
 *   -ECONNRESET    the peer reset the connection
 *   -ETIMEDOUT     the peer does not answer
 *   or another error of the connection, reported once
 */
FS_API int fs_tcp_recv_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n);

/*
 * fs_tcp_recv - copy received bytes to @data, at most @len of them.
 *
 * Returns how many (0 only at the end of the stream, or when @len is 0);
 * errors as fs_tcp_recv_zc().
 */
FS_API ssize_t fs_tcp_recv(struct fs_tcp *tcp, void *data, size_t len);

/*
 * fs_tcp_send_zc - send @n buffers, without copying them.
 *
 * They may come from fs_buf_alloc() or from a receive on any endpoint of the
 * stack. A buffer is best at most fs_tcp_mss() bytes long: what is larger is cut and copied.
 * They are the connection's until acknowledged.
 *
 * Returns how many were taken, from the front; the rest stay the caller's.
 * When the first is refused:
 *   -EAGAIN        the send buffer is full: FS_EV_WRITABLE will tell
 *   -EPIPE         fs_tcp_shutdown() was called, or the connection is gone
 *   -ECONNRESET, -ETIMEDOUT, ...  its error, reported once
 *   -EINVAL        a buffer without payload
 */
FS_API int fs_tcp_send_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n);

/*
 * fs_tcp_send - copy @len bytes into frames and send them.
 *
 * Returns how many bytes were taken, which may be fewer than @len; errors as
 * fs_tcp_send_zc().
 */
FS_API ssize_t fs_tcp_send(struct fs_tcp *tcp, const void *data, size_t len);

/* fs_tcp_send_space - bytes that a send would take now. No errors. */
FS_API size_t fs_tcp_send_space(const struct fs_tcp *tcp);

/* fs_tcp_mss - the most payload that one segment carries now. No errors. */
FS_API uint32_t fs_tcp_mss(const struct fs_tcp *tcp);

/*
 * fs_tcp_shutdown - no more data from us: FIN after what is queued. The peer
 * may go on sending. Returns 0, or -ENOTCONN.
 */
FS_API int fs_tcp_shutdown(struct fs_tcp *tcp);

/*
 * fs_tcp_close - give the connection up. The handle is invalid afterwards.
 *
 * What is queued is sent and the connection is closed in order, by the stack
 * itself; with unread data, or with a linger time of 0, it is reset (RFC 9293
 * 3.6.1, RFC 2525 2.17). NULL is fine. No errors.
 */
FS_API void fs_tcp_close(struct fs_tcp *tcp);

/* fs_tcp_abort - reset the connection; the handle is invalid afterwards. No errors. */
FS_API void fs_tcp_abort(struct fs_tcp *tcp);

/*
 * fs_tcp_handoff - move the connection to the kernel, as it is.
 *
 * @fd is -1, or a TCP socket that was neither bound nor connected, of the
 * connection's family or, for IPv4, of both. On success it, or a new one (close-on-exec,
 * non-blocking), is the connection and the caller's: what was not
 * read can be read there, what was not acknowledged or not sent the kernel
 * sends, the windows and options are the same, and so are the two ends. The handle is invalid
 * then, and the peer notices nothing. If it has shut down its side, the socket gives
 * the rest and then the end; it shows as established nevertheless. ECN and what was learnt
 * of the path start anew.
 *
 * Segments that come meanwhile are lost, and the peer sends them again. Does not
 * block. Needs CAP_NET_ADMIN in the network namespace, but for a connection that came by
 * the kernel twin: that is the kernel's already, and @fd becomes a duplicate.
 *
 * Returns the descriptor; or the connection stays as it was and a socket that was given
 * is good for close() only:
 *   -EOPNOTSUPP    not established yet, or closed
 *   -EPERM         no CAP_NET_ADMIN
 *   -EAFNOSUPPORT  @fd is no TCP socket, or of another family
 *   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -ENETUNREACH, -EHOSTUNREACH
 *                  as bind() and connect() have it
 *   -EAGAIN        (by the kernel twin) what was not sent finds no room now
 *   -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS
 */
FS_API int fs_tcp_handoff(struct fs_tcp *tcp, int fd);

/* fs_tcp_set_user, fs_tcp_user - what comes back in each event. No errors. */
FS_API void fs_tcp_set_user(struct fs_tcp *tcp, void *user);
FS_API void *fs_tcp_user(const struct fs_tcp *tcp);

/* fs_tcp_local, fs_tcp_remote - the two ends. No errors. */
FS_API struct fs_addr fs_tcp_local(const struct fs_tcp *tcp);
FS_API struct fs_addr fs_tcp_remote(const struct fs_tcp *tcp);

enum fs_tcp_option {
	FS_TCP_NODELAY = 1,	/* 1: no Nagle (RFC 9293 3.7.4); 0 by default */
	FS_TCP_CORK = 2,	/* 1: only full segments, for at most 200 ms */
	FS_TCP_QUICKACK = 3,	/* 1: acknowledge at once from now on */
	FS_TCP_KEEPALIVE = 4,	/* seconds of silence before probing; 0 (default): off */
	FS_TCP_KEEPINTVL = 5,	/* seconds between probes; 75 */
	FS_TCP_KEEPCNT = 6,	/* probes without an answer that end it; 9 */
	FS_TCP_USER_TIMEOUT = 7,	/* ms that sent data may stay unacknowledged
				 * (RFC 5482); 0 (default): about 15 minutes */
	FS_TCP_LINGER = 8,	/* -1 (default): fs_tcp_close() closes in order; 0: it resets;
				 * otherwise in order, and a reset after so many seconds */
	FS_TCP_SNDBUF = 9,	/* bytes queued at most; set: no auto-tuning */
	FS_TCP_RCVBUF = 10,	/* bytes received and not taken; set: no auto-tuning */
	FS_TCP_TOS = 11,	/* type of service or traffic class, 0 to 255, of what is sent
				 * from then on; its ECN bits are not taken (RFC 3168); 0 */
	FS_TCP_TTL = 12,	/* time to live or hop limit, 1 to 255, likewise; 64 */
	FS_TCP_OPTION_COUNT
};

/*
 * fs_tcp_set, fs_tcp_get - options of a connection.
 *
 * set: 0, or -EINVAL (value out of range), -ENOPROTOOPT (no such option).
 * get: the value, or -ENOPROTOOPT; ask for FS_TCP_LINGER by fs_tcp_info().
 */
FS_API int fs_tcp_set(struct fs_tcp *tcp, enum fs_tcp_option opt, int value);
FS_API int fs_tcp_get(const struct fs_tcp *tcp, enum fs_tcp_option opt);

/* fs_tcp_set_cc - change the congestion control. 0, or -ENOENT: none such. */
FS_API int fs_tcp_set_cc(struct fs_tcp *tcp, const char *name);

struct fs_tcp_info {
	size_t sz;
	enum fs_tcp_state state;
	int linger;
	char cc[16];
	uint32_t mss;		/* of what we send */
	uint32_t srtt_us;
	uint32_t rttvar_us;
	uint32_t rto_us;
	uint32_t min_rtt_us;
	uint32_t cwnd;		/* bytes */
	uint32_t ssthresh;
	uint32_t snd_wnd;	/* of the peer, bytes */
	uint32_t rcv_wnd;	/* ours, bytes */
	uint32_t unacked;	/* bytes in flight */
	uint32_t queued;	/* bytes not sent yet */
	uint32_t readable;	/* bytes received and not taken */
	uint64_t bytes_acked;
	uint64_t bytes_received;
	uint64_t retransmits;	/* segments */
	uint64_t timeouts;
	uint8_t wscale_snd;
	uint8_t wscale_rcv;
	uint8_t timestamps;
	uint8_t sack;
	uint8_t ecn;
	uint8_t fastopen;	/* the SYN's data was accepted */
};

/*
 * fs_tcp_info - what the connection knows; set @info->sz first.
 * Returns 0, or -EINVAL when sz is 0.
 */
FS_API int fs_tcp_info(const struct fs_tcp *tcp, struct fs_tcp_info *info);

#ifdef __cplusplus
}
#endif

#endif
