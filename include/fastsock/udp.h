/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udp.h - UDP endpoints of the stack door (RFC 768, RFC 8200 8.1, RFC 1122 4.1).
 *
 * An endpoint owns a local port. Opening it binds a kernel twin, which keeps
 * the port from others and takes what the fast path does not: fragments,
 * loopback, other interfaces. Then it adds steering rules on the stack's
 * interfaces. Datagrams from both sides arrive by the same fs_udp_recv().
 *
 * All calls on the stack's thread; none blocks.
 */
#ifndef FASTSOCK_UDP_H
#define FASTSOCK_UDP_H

#include <fastsock/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fs_udp;

enum fs_twin {
	FS_TWIN_REQUIRED = 0,	/* -EADDRINUSE if a kernel socket has the port */
	FS_TWIN_OPTIONAL = 1,	/* go on beside that socket: it gets what the fast path
				 * does not take, and everything once we are gone */
	FS_TWIN_NONE = 2,	/* the caller has that socket, bound, and what comes by it */
};

struct fs_udp_opts {
	size_t sz;
	struct fs_addr local;	/* port 0: the kernel chooses. AF_UNSPEC: any address
				 * of both families; AF_INET or AF_INET6 with a zero
				 * address: any of that family */
	struct fs_addr remote;	/* set: only datagrams from there, as connect() does */
	enum fs_twin twin;
	uint32_t queue_pkts;	/* received and not taken yet; 0: 1024 */
	void *user;		/* comes back in each event */
};

/*
 * fs_udp_open - bind a port, in the kernel and on the fast path.
 *
 * An answer that an operator has put on the port stays; what it does not
 * answer comes to this endpoint. Returns 0, or
 *   -EINVAL, -EAFNOSUPPORT   an address that is none
 *   -EADDRINUSE    another process steers this port, or FS_TWIN_REQUIRED
 *   -EADDRNOTAVAIL the address is not a local one
 *   -EACCES        a privileged port without CAP_NET_BIND_SERVICE
 *   -ENOSPC        the interface's rule table is full
 *   -EMFILE, -ENFILE, -ENOMEM
 */
FS_API int fs_udp_open(struct fs_udp **out, struct fs_stack *stack,
		       const struct fs_udp_opts *opts);

/*
 * fs_udp_close - remove the rules, release what was not received, close the
 * twin. Datagrams already given to fs_udp_send() still go out. No errors.
 */
FS_API void fs_udp_close(struct fs_udp *udp);

/*
 * fs_udp_local - the address the endpoint is bound to, with the port that
 * the kernel chose. No errors.
 */
FS_API struct fs_addr fs_udp_local(const struct fs_udp *udp);

/*
 * fs_udp_recv - take up to @n received datagrams, oldest first.
 *
 * Each entry of @bufs is lent to the caller until fs_buf_release() or
 * fs_udp_send(). A stack whose frames are all lent out stops receiving.
 * Returns how many, 0 when there are none. No errors.
 */
FS_API unsigned int fs_udp_recv(struct fs_udp *udp, struct fs_buf **bufs, unsigned int n);

/*
 * fs_udp_send - send @n datagrams, each to its @remote (unset: the
 * endpoint's), from its @local (unset: the endpoint's, else by the route).
 *
 * The buffers may come from fs_buf_alloc() or from a receive on any endpoint
 * or interface of the same stack. To answer a received datagram, send it as
 * it is: @remote and @local already point the right way.
 *
 * Returns how many were taken, from the front; those are the stack's now and
 * go out at the start of the next poll (fs_stack_flush() for at once). What
 * fails later (no neighbour answers, an ICMP error) is an FS_EV_ERROR. The
 * rest stay the caller's. When the first is refused:
 *   -EAGAIN        no room now: poll, then try again
 *   -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL
 *                  no route, or one that says unreachable, prohibit, blackhole
 *   -EMSGSIZE      larger than 65,507 bytes, or larger than the path takes and
 *                  there is no twin to fragment it
 *   -EDESTADDRREQ  no remote address
 *   -EADDRNOTAVAIL @local is not a local address
 *   -EAFNOSUPPORT  @remote and @local are of different families
 *   -ENETDOWN      the interface is down
 * or what sendmsg(2) says of a datagram that the twin has to send.
 */
FS_API int fs_udp_send(struct fs_udp *udp, struct fs_buf **bufs, unsigned int n);

#ifdef __cplusplus
}
#endif

#endif
