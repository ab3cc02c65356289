/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - the stack door: one stack per thread, polled by its owner.
 *
 * A stack is opened on the queues of one or more interfaces. It mirrors the
 * kernel's addresses, routes and neighbours over rtnetlink, steers what its
 * endpoints ask for, and leaves everything else on the interface to the
 * kernel. It has no lock and no thread: every call on a stack, its endpoints
 * and its buffers is made by one thread at a time.
 */
#ifndef FASTSOCK_STACK_H
#define FASTSOCK_STACK_H

#include <fastsock/fastsock.h>
#include <fastsock/zc.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FS_STACK_IFACES_MAX 8

enum fs_attach {
	FS_ATTACH_AUTO = 0,	/* use the program that is there, else attach; detach what
				 * this stack attached when it closes */
	FS_ATTACH_NEVER = 1,	/* -ENOENT when no program is attached */
};

enum fs_xsk_mode {
	FS_XSK_AUTO = 0,	/* zero-copy if the driver can, else copy */
	FS_XSK_COPY = 1,
	FS_XSK_ZEROCOPY = 2,	/* fail with -EOPNOTSUPP if the driver cannot */
};

enum fs_csum_mode {
	FS_CSUM_AUTO = 0,	/* partial ones are accepted on virtual links only */
	FS_CSUM_VERIFY = 1,
	FS_CSUM_ACCEPT_PARTIAL = 2,
	FS_CSUM_OFF = 3,
};

struct fs_stack_opts {
	size_t sz;
	const char *ifname;	/* the interface, or NULL with ifnames set */
	const char *const *ifnames; /* several, NULL-terminated */
	uint32_t queue_first;	/* of each interface */
	uint32_t queue_count;	/* 0: all from queue_first on */
	uint32_t frames;	/* of the pool; 0: 8192 for each queue */
	uint32_t ring_size;	/* of each AF_XDP ring, a power of two; 0: 2048 */
	uint32_t spin_us;	/* how long to busy-poll before sleeping; 0: none */
	uint32_t busy_poll_us;	/* SO_BUSY_POLL with SO_PREFER_BUSY_POLL; 0: off */
	enum fs_xsk_mode xsk_mode;
	enum fs_csum_mode csum_mode;
	enum fs_attach attach;
	const char *capture;	/* write every frame of the fast path to this pcapng file */
	fs_log_fn *log;		/* NULL: fs_log_stderr() */
	void *log_ctx;
};

/*
 * fs_stack_open - bind AF_XDP sockets to the queues and load the mirror.
 *
 * The strings and @opts are not kept. Blocks for as long as set-up takes
 * (milliseconds; up to 2 s when a dying process still holds a queue).
 * On failure a sentence that names device, queue, cause and remedy goes to
 * the log callback, and nothing is left behind.
 *
 * Needs CAP_NET_RAW, and CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON to attach.
 * Returns 0, or
 *   -EINVAL       an option out of range, no interface named
 *   -ENODEV       no such interface or queue
 *   -EPERM        a capability is missing
 *   -ENOENT       no program attached, and FS_ATTACH_NEVER
 *   -EBUSY        a queue is bound by another process, or a foreign XDP
 *                 program is attached and cannot share the interface
 *   -EOPNOTSUPP   the kernel or the driver has no AF_XDP, or FS_XSK_ZEROCOPY
 *   -EMSGSIZE     the interface's MTU is larger than a frame
 *   -ENOSPC       all slots of the interface are taken
 *   -ENOMEM, -ENOBUFS  memory, or RLIMIT_MEMLOCK without CAP_IPC_LOCK
 *   -EIO          no random numbers
 * or what opening the capture file gives.
 */
FS_API int fs_stack_open(struct fs_stack **out, const struct fs_stack_opts *opts);

/*
 * fs_stack_close - close every endpoint, remove the stack's rules, give the
 * queues back to the kernel and free all memory.
 *
 * Endpoints and buffers of the stack are invalid afterwards. Sends what is
 * queued first, as far as it can without blocking. No errors.
 */
FS_API void fs_stack_close(struct fs_stack *stack);

enum fs_event_type {
	FS_EV_READABLE = 1,	/* the endpoint has data to receive */
	FS_EV_ERROR = 2,	/* @error is -errno: of an earlier send (ICMP, no neighbour), or
				 * what ended a connection */
	FS_EV_WRITABLE = 3,	/* a refused fs_tcp_send() would find room now */
	FS_EV_CONNECTED = 4,	/* fs_tcp_connect() has succeeded */
	FS_EV_ACCEPT = 5,	/* the listener has connections for fs_tcp_accept() */
};

struct fs_event {
	enum fs_event_type type;
	int error;
	void *endpoint;		/* struct fs_udp *, fs_tcp *, fs_tcp_listener * */
	void *user;		/* as given when the endpoint was opened */
};

/*
 * fs_stack_poll - run the stack: receive, timers, transmit, then sleep until
 * there is an event or @timeout_us have passed.
 *
 * -1 waits without limit, 0 never sleeps. With spin_us set, polls that long
 * before it sleeps; a signal ends a sleep, but not a spin. Up to @n events are written; READABLE is reported once
 * each time data comes to an endpoint, so receive until fs_udp_recv() returns 0.
 *
 * Returns the number of events (0: timeout), or
 *   -EINTR        a signal arrived while asleep, or fs_stack_wake() was called
 *   -ENETDOWN     an interface of the stack is gone for good
 */
FS_API int fs_stack_poll(struct fs_stack *stack, struct fs_event *events, int n,
			 int64_t timeout_us);

/*
 * fs_stack_wake - make fs_stack_poll() return -EINTR: now if it is asleep, else
 * the next time that it would sleep, and within 100 us while it spins.
 *
 * The one call that may be made on any thread and in a signal handler, as
 * long as the stack is open: what a handler sets is seen in time, where a
 * signal just before the sleep would be slept through. Several wakes before a
 * poll are one. NULL is fine. Does not block; no errors.
 */
FS_API void fs_stack_wake(struct fs_stack *stack);

/*
 * fs_stack_fd - a descriptor that polls readable when fs_stack_poll() has
 * something to do, for use in the application's own epoll set.
 *
 * Owned by the stack; do not read or close it. Before sleeping on it, ask
 * fs_stack_timeout_us() how long. No errors.
 */
FS_API int fs_stack_fd(const struct fs_stack *stack);
FS_API int64_t fs_stack_timeout_us(const struct fs_stack *stack);

/*
 * fs_stack_buf_room - the largest payload in bytes that fs_buf_alloc() puts
 * in a frame. Constant for the life of a stack. No errors.
 */
FS_API size_t fs_stack_buf_room(const struct fs_stack *stack);

/*
 * fs_stack_flush - hand everything queued for transmit to the kernel now,
 * and not at the end of the next fs_stack_poll().
 *
 * Does not block. No errors: what the ring has no room for stays queued.
 */
FS_API void fs_stack_flush(struct fs_stack *stack);

/*
 * The counters of a stack: a snapshot. Names are stable; until 1.0 a new field may come
 * between others.
 */
#define FS_STACK_COUNTERS(X)						\
	X(rx_pkts, "frames received from AF_XDP")			\
	X(rx_bytes, "their bytes")					\
	X(tx_pkts, "frames handed to AF_XDP")				\
	X(tx_bytes, "their bytes")					\
	X(rx_udp, "datagrams delivered to endpoints")			\
	X(rx_kernel, "datagrams delivered by the kernel twin")		\
	X(tx_udp, "datagrams sent on the fast path")			\
	X(tx_kernel, "datagrams sent by the kernel twin")		\
	X(rx_tcp, "TCP segments received")				\
	X(tx_tcp, "TCP segments sent")					\
	X(tx_tcp_again, "of these, retransmissions")			\
	X(tx_tcp_rst, "resets sent")					\
	X(rx_csum_partial, "accepted with a partial checksum")		\
	X(rx_icmp, "ICMP errors about our flows")			\
	X(rx_drop_short, "shorter than its headers say")		\
	X(rx_drop_proto, "not something that this stack speaks")	\
	X(rx_drop_ip_csum, "IPv4 header checksum")			\
	X(rx_drop_csum, "UDP, TCP or ICMP checksum")				\
	X(rx_drop_fragment, "a fragment; those are the kernel's")	\
	X(rx_drop_addr, "not a local unicast address")			\
	X(rx_drop_no_endpoint, "nobody has this port open")		\
	X(rx_drop_queue_full, "the application does not receive")	\
	X(rx_drop_ring, "AF_XDP: receive ring full or frame too long")	\
	X(rx_drop_no_frame, "AF_XDP: no frame in the fill ring")	\
	X(tx_drop_no_route, "no route to the destination")		\
	X(tx_drop_no_neigh, "the neighbour did not answer")		\
	X(tx_drop_link_down, "the interface went down")			\
	X(tx_drop_invalid, "AF_XDP: descriptor refused by the kernel")	\
	X(rx_drop_state, "TCP: nothing to do with it in this state")	\
	X(rx_drop_window, "TCP: old, or beyond the window")		\
	X(rx_drop_ooo, "TCP: out of order, and no room to keep it")	\
	X(rx_drop_pressure, "TCP: no memory for more unread data; it comes again") \
	X(rx_drop_moved, "TCP: the connection has just moved to the kernel") \
	X(rx_pressure, "TCP: windows held back as memory is short")	\
	X(tcp_aside, "TCP: pieces that wait on the heap as frames are short") \
	X(tx_drop_no_frame, "TCP: no frame or no room for a bare segment")		\
	X(tcp_challenge, "challenge ACKs sent (RFC 5961)")		\
	X(tcp_cookies_sent, "SYNs answered with a cookie")		\
	X(tcp_cookies_good, "connections that came of one")		\
	X(tcp_kernel, "connections that came by the kernel twin")	\
	X(tcp_moved, "connections moved to the kernel")			\
	X(tcp_accept_full, "handshakes ended while nobody accepts")	\
	X(tcp_timewait_full, "TIME-WAIT cut short: too many")		\
	X(tx_full, "sends refused with -EAGAIN")			\
	X(tx_again_neigh, "of them, for too many waiting for a neighbour") \
	X(wakeups, "system calls to start transmission")		\
	X(sleeps, "times asleep in the kernel")

#define FS_STACK_COUNTER_FIELD(name, text) uint64_t name;

struct fs_stack_stats {
	size_t sz;
	FS_STACK_COUNTERS(FS_STACK_COUNTER_FIELD)
	/* Where the frames are now; they add up to frames_total. */
	uint64_t frames_total;
	uint64_t frames_free;
	uint64_t frames_fill;
	uint64_t frames_rx;
	uint64_t frames_lent;
	uint64_t frames_tx;
	uint64_t frames_unacked;
};

/*
 * fs_stack_stats - copy the counters; set @stats->sz first.
 *
 * Call on the stack's thread. Makes one system call for each queue.
 * Returns 0, or -EINVAL when sz is 0.
 */
FS_API int fs_stack_stats(struct fs_stack *stack, struct fs_stack_stats *stats);

struct fs_queue_info {
	size_t sz;
	char ifname[16];
	uint32_t ifindex;
	uint32_t queue;
	int zerocopy;		/* 1: XDP_ZEROCOPY, 0: copy mode */
	int skb_mode;		/* 1: the program runs in generic mode */
	int hugepages;		/* 1: the pool is on huge pages */
	uint32_t mtu;
};

/*
 * fs_stack_queue_info - describe the @index-th queue of the stack, counted
 * over all its interfaces.
 *
 * Returns 0, or -ENOENT past the last, -EINVAL when sz is 0.
 */
FS_API int fs_stack_queue_info(const struct fs_stack *stack, unsigned int index,
			       struct fs_queue_info *info);

#ifdef __cplusplus
}
#endif

#endif
