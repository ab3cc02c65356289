// SPDX-License-Identifier: BSD-2-Clause
/*
 * udp.c - a datagram socket of both worlds. The twin is bound as the
 * application bound it; the endpoint of the stack takes what is steered, and
 * whatever it cannot send, the twin does.
 */
#include <netinet/in.h>
#include <netinet/udp.h>

#include "base/addr.h"
#include "base/ip.h"
#include "sock/sock.h"
#include "sock/twin.h"
#include "udp/udp_priv.h"

enum {
	KERNEL_TURN = 16,
	HOPS = 64,		/* of what the fast path sends */
};

/*
 * Options whose effect the fast path would lack. Of sockets that share a port
 * only those without a peer share what comes.
 */
static bool wants_kernel(const struct fs_sock *s)
{
	static const struct {
		int level, name;
	} lacking[] = {
		{ SOL_SOCKET, SO_TIMESTAMP }, { SOL_SOCKET, SO_TIMESTAMPNS },
		{ IPPROTO_UDP, UDP_SEGMENT }, { IPPROTO_UDP, UDP_GRO },
		{ IPPROTO_IP, IP_RECVERR }, { IPPROTO_IPV6, IPV6_RECVERR },
		{ IPPROTO_IP, IP_RECVTOS }, { IPPROTO_IPV6, IPV6_RECVTCLASS },
		{ IPPROTO_IP, IP_RECVTTL }, { IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
		{ IPPROTO_IP, IP_TOS }, { IPPROTO_IPV6, IPV6_TCLASS },
	};
	const int fd = s->file.fd;

	if (fs_sock_twin_int(fd, IPPROTO_IP, IP_TTL, HOPS) != HOPS ||
	    fs_sock_twin_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS) != HOPS)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(lacking); i++)
		if (fs_sock_twin_has(fd, lacking[i].level, lacking[i].name))
			return true;
	return !s->peer.family && fs_sock_twin_has(fd, SOL_SOCKET, SO_REUSEPORT);
}

static void learn_options(struct fs_sock *s)
{
	const bool six = s->family == AF_INET6;

	s->pktinfo = fs_sock_twin_has(s->file.fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
				      six ? IPV6_RECVPKTINFO : IP_PKTINFO);
}

void fs_udp_sock_option_set(struct fs_sock *s)
{
	if (s->state != FS_SOCK_DATAGRAM)
		return;
	if (wants_kernel(s))
		fs_sock_give_up(s, FS_SOCKET_option);
	else
		learn_options(s);
}

/* What comes to such an address, the program passes. */
static bool is_for_many(const struct fs_addr *addr)
{
	static const uint8_t all[4] = { 255, 255, 255, 255 };

	if (addr->family != AF_INET)
		return addr->family == AF_INET6 && addr->ip[0] == 0xff;
	return addr->ip[0] >> 4 == 14 || !memcmp(addr->ip, all, sizeof(all));
}

static enum fs_socket_reason open_endpoint(struct fs_sock *s, const struct fs_addr *local)
{
	const struct fs_udp_opts opts = {
		.sz = sizeof(opts), .local = *local, .remote = s->peer, .twin = FS_TWIN_NONE,
		.user = s,
	};
	int err;

	if (!fs_engine_start())
		return fs_engine.failed;
	err = fs_udp_open(&s->udp, fs_engine.stack, &opts);
	if (!err)
		return FS_SOCKET_fast;
	return err == -EADDRINUSE ? FS_SOCKET_port_taken :
	       err == -ENOSPC ? FS_SOCKET_rules_full : FS_SOCKET_no_memory;
}

/* A bound socket. Not bound yet: it is not known where it will send. */
void fs_sock_go_udp(struct fs_sock *s)
{
	enum fs_socket_reason reason = FS_SOCKET_fast;
	struct fs_addr local;

	if (s->tried || fs_sock_twin_local(s, &local) || !local.port)
		return;
	s->tried = true;
	if (!fs_sock_port_chosen(local.port) &&
	    !(s->peer.family && fs_sock_port_chosen(s->peer.port)))
		reason = FS_SOCKET_port;
	else if (fs_ip_is_loopback(local.family, local.ip))
		reason = FS_SOCKET_loopback;
	else if (is_for_many(&local))
		reason = FS_SOCKET_multicast;
	else if (wants_kernel(s))
		reason = FS_SOCKET_option;
	if (reason == FS_SOCKET_fast)
		reason = open_endpoint(s, &local);
	if (reason != FS_SOCKET_fast) {
		fs_sock_give_up(s, reason);
		return;
	}
	s->state = FS_SOCK_DATAGRAM;
	learn_options(s);
	fs_reason_count(FS_SORT_UDP, FS_SOCKET_fast);
}

int fs_udp_sock_connect(struct fs_sock *s, const struct sockaddr *addr, socklen_t len)
{
	enum fs_socket_reason reason;
	struct fs_addr remote;
	int err;

	if (!addr || fs_sock_get_addr(addr, len, &remote) || !remote.port)
		remote = (struct fs_addr){ .family = AF_UNSPEC };
	/* What is already ours goes on with the new peer; the twin filters for itself. */
	err = FS_LIBC(connect, s->file.fd, addr, len);
	if (err)
		return err;
	s->peer = remote;
	if (s->udp) {
		s->udp->remote = remote;
		s->udp->connected = remote.family != AF_UNSPEC;
	} else if (remote.family != AF_UNSPEC) {
		reason = fs_route_judge(&remote);
		if (reason == FS_SOCKET_fast)
			fs_sock_go_udp(s);
		else
			fs_sock_give_up(s, reason);
	}
	return 0;
}

/* --- receive ------------------------------------------------------------------------------------------- */

static void put_pktinfo(struct fs_sock *s, struct msghdr *msg, const struct fs_buf *buf)
{
	struct cmsghdr *c = msg->msg_control;
	struct in6_pktinfo six = { .ipi6_ifindex = buf->ifindex };
	struct in_pktinfo four = { .ipi_ifindex = (int)buf->ifindex };
	struct fs_addr local = buf->local;
	const bool is_six = s->family == AF_INET6;
	const size_t size = is_six ? sizeof(six) : sizeof(four);

	if (!s->pktinfo) {
		msg->msg_controllen = 0;
		return;
	}
	if (!c || msg->msg_controllen < CMSG_SPACE(size)) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
		return;
	}
	if (is_six && local.family == AF_INET)
		fs_addr_map(&local);
	memcpy(&six.ipi6_addr, local.ip, 16);
	memcpy(&four.ipi_addr, local.ip, 4);
	memcpy(&four.ipi_spec_dst, local.ip, 4);
	c->cmsg_level = is_six ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = is_six ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), is_six ? (void *)&six : (void *)&four, size);
	msg->msg_controllen = CMSG_SPACE(size);
}

static ssize_t copy_out(struct fs_sock *s, struct msghdr *msg, const struct fs_buf *buf, int flags)
{
	size_t done = 0;

	for (size_t i = 0; i < msg->msg_iovlen && done < buf->len; i++) {
		const size_t part = MIN(msg->msg_iov[i].iov_len, buf->len - done);

		memcpy(msg->msg_iov[i].iov_base, buf->data + done, part);
		done += part;
	}
	msg->msg_flags = done < buf->len ? MSG_TRUNC : 0;
	if (msg->msg_name)
		fs_sock_put_addr(s, &buf->remote, msg->msg_name, &msg->msg_namelen);
	if (msg->msg_control)
		put_pktinfo(s, msg, buf);
	return (ssize_t)(flags & MSG_TRUNC ? buf->len : done);
}

static ssize_t take_fast(struct fs_sock *s, struct msghdr *msg, int flags)
{
	struct fs_udp *udp = s->udp;
	struct fs_buf *buf;
	ssize_t n;

	if (flags & MSG_PEEK)
		return copy_out(s, msg, udp->queue[udp->head & udp->queue_mask], flags);
	fs_udp_recv(udp, &buf, 1);
	n = copy_out(s, msg, buf, flags);
	fs_reason_rx(buf->len);
	fs_pool_put(buf);
	return n;
}

static ssize_t take_either(struct fs_sock *s, struct msghdr *msg, int flags)
{
	const struct msghdr before = *msg;
	ssize_t n = -EAGAIN;

	if (s->error)
		return fs_sock_take_error(s);
	if (++s->turns % KERNEL_TURN == 0 || flags & MSG_ERRQUEUE)
		n = FS_LIBC(recvmsg, s->file.fd, msg, flags | MSG_DONTWAIT);
	if (n != -EAGAIN || flags & MSG_ERRQUEUE)
		return n;
	if (!fs_udp_has(s->udp))
		fs_engine_poll();
	if (s->udp && fs_udp_has(s->udp))
		return take_fast(s, msg, flags);
	*msg = before;
	return FS_LIBC(recvmsg, s->file.fd, msg, flags | MSG_DONTWAIT);
}

ssize_t fs_udp_sock_recv(struct fs_sock *s, struct msghdr *msg, int flags)
{
	ssize_t n;

	for (;;) {
		n = take_either(s, msg, flags);
		if (n == -EAGAIN && s->shut_rd && !s->nonblock && !(flags & MSG_DONTWAIT))
			return 0;
		if (n != -EAGAIN || s->nonblock || flags & (MSG_DONTWAIT | MSG_ERRQUEUE))
			return n;
		n = fs_sock_wait(s, EPOLLIN | EPOLLERR, s->rcvtimeo_ns);
		if (n)
			return n;
		if (!s->udp)
			return -ERESTART;	/* there is no stack any more */
	}
}

/* --- send -------------------------------------------------------------------------------------------------- */

static size_t total(const struct msghdr *msg)
{
	size_t len = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		len += msg->msg_iov[i].iov_len;
	return len;
}

static struct fs_buf *copy_in(const struct msghdr *msg, size_t len)
{
	struct fs_buf *buf = len <= fs_stack_buf_room(fs_engine.stack) ?
		fs_buf_alloc(fs_engine.stack, len) : NULL;
	uint8_t *to;

	if (!buf)
		return NULL;
	to = buf->data;
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		memcpy(to, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		to += msg->msg_iov[i].iov_len;
	}
	return buf;
}

/* 1: the twin does it: control messages, fragments, other routes, and the errors. */
static int send_fast(struct fs_sock *s, const struct msghdr *msg, int flags)
{
	const size_t len = total(msg);
	struct fs_addr to = s->peer;
	struct fs_buf *buf;
	int sent;

	if (s->shut_wr || msg->msg_controllen || flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CONFIRM))
		return 1;
	if (msg->msg_name && msg->msg_namelen &&
	    fs_sock_get_addr(msg->msg_name, msg->msg_namelen, &to))
		return 1;
	buf = to.port ? copy_in(msg, len) : NULL;
	if (!buf)
		return 1;
	buf->remote = to;
	sent = fs_udp_send(s->udp, &buf, 1);
	if (sent == 1) {
		fs_reason_tx(len);
		fs_engine_send();
		return 0;
	}
	fs_pool_put(buf);
	return 1;
}

ssize_t fs_udp_sock_send(struct fs_sock *s, const struct msghdr *msg, int flags)
{
	if (s->error)
		return fs_sock_take_error(s);
	if (!send_fast(s, msg, flags))
		return (ssize_t)total(msg);
	return FS_LIBC(sendmsg, s->file.fd, msg, flags | (s->nonblock ? MSG_DONTWAIT : 0));
}
