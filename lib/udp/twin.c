// SPDX-License-Identifier: BSD-2-Clause
/*
 * twin.c - the kernel socket behind an endpoint.
 *
 * It reserves the port, receives what the fast path passes (fragments, which
 * the kernel reassembles, loopback, other interfaces), and sends what the
 * fast path cannot. On a simulated wire there is none.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/addr.h"
#include "udp/udp_priv.h"

enum {
	SCRATCH_LEN = 65536,
	RX_BATCH = 16,
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
		   2 * CMSG_SPACE(sizeof(int))];
};

static uint8_t socket_family(const struct fs_udp *udp)
{
	return udp->local.family == AF_INET ? AF_INET : AF_INET6;
}

static void read_pktinfo(struct fs_buf *buf, struct msghdr *msg, uint16_t port)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			buf->local.family = AF_INET;
			memcpy(buf->local.ip, &((const struct in_pktinfo *)data)->ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			buf->local.family = AF_INET6;
			memcpy(buf->local.ip, &((const struct in6_pktinfo *)data)->ipi6_addr, 16);
		}
	}
	fs_addr_unmap(&buf->local);
	buf->local.port = port;
}

static struct fs_buf *copy_in(struct fs_host *host, size_t len)
{
	struct fs_pool *pool = host->pool;
	struct fs_buf *buf = NULL;

	if (len <= pool->chunk_size - FS_POOL_HEADROOM)
		buf = fs_pool_take(pool, FS_BUF_STAGED);
	if (buf) {
		buf->data = buf->area + FS_POOL_HEADROOM;
		buf->len = (uint32_t)len;
	} else {
		buf = fs_pool_take_heap(pool, len);
	}
	if (!buf)
		return NULL;
	memcpy(buf->data, host->scratch, len);
	buf->state = FS_BUF_RX;
	buf->flags = FS_BUF_KERNEL;
	buf->tos = 0;
	buf->ttl = 0;
	buf->port = UINT8_MAX;
	buf->ifindex = 0;
	memset(&buf->local, 0, sizeof(buf->local));
	return buf;
}

/* One datagram; false when there is none. */
static bool receive_one(struct fs_udp *udp)
{
	struct fs_host *host = udp->host;
	struct sockaddr_storage from;
	union control control;
	struct iovec iov = { .iov_base = host->scratch, .iov_len = SCRATCH_LEN };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(udp->twin.fd, &msg, MSG_DONTWAIT);
	struct fs_buf *buf;

	if (len < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	buf = copy_in(host, (size_t)len);
	if (!buf) {
		host->stats.rx_drop_no_frame++;
		return true;
	}
	fs_addr_from_sockaddr(&buf->remote, (struct sockaddr *)&from, msg.msg_namelen);
	fs_addr_unmap(&buf->remote);
	read_pktinfo(buf, &msg, udp->local.port);
	if (fs_udp_deliver(udp, buf)) {
		host->stats.rx_kernel++;
	} else {
		host->stats.rx_drop_queue_full++;
		fs_pool_put(buf);
	}
	return true;
}

static void on_readable(struct fs_watch *watch)
{
	struct fs_udp *udp = container_of(watch, struct fs_udp, twin);

	for (int i = 0; i < RX_BATCH && receive_one(udp); i++)
		;
}

static void set_options(int fd, uint8_t family, bool any_family)
{
	const int on = 1, off = 0;

	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (family != AF_INET6)
		return;
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any_family ? &off : &on, sizeof(on));
}

static int bind_twin(struct fs_udp *udp, int fd)
{
	struct fs_addr local = udp->local;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int err;

	local.family = socket_family(udp);
	err = fs_addr_to_sockaddr(&local, &sa);
	if (err < 0)
		return err;
	if (bind(fd, (struct sockaddr *)&sa, (socklen_t)err))
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return -errno;
	fs_addr_from_sockaddr(&local, (struct sockaddr *)&sa, len);
	udp->local.port = local.port;
	return 0;
}

static int connect_twin(struct fs_udp *udp, int fd)
{
	struct fs_addr remote = udp->remote;
	struct sockaddr_storage sa;
	int len;

	if (!udp->connected)
		return 0;
	if (socket_family(udp) == AF_INET6)
		fs_addr_map(&remote);
	len = fs_addr_to_sockaddr(&remote, &sa);
	return connect(fd, (struct sockaddr *)&sa, (socklen_t)len) ? -errno : 0;
}

int fs_udp_twin_open(struct fs_udp *udp, enum fs_twin need)
{
	int fd, err;

	if (!udp->host->ops || need == FS_TWIN_NONE)
		return udp->local.port ? 0 : -EINVAL;
	fd = socket(socket_family(udp), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	set_options(fd, socket_family(udp), udp->local.family == AF_UNSPEC);
	err = bind_twin(udp, fd);
	if (!err)
		err = connect_twin(udp, fd);
	if (!err) {
		udp->twin = (struct fs_watch){ .fn = on_readable, .fd = fd };
		err = udp->host->ops->watch(udp->host, &udp->twin);
	}
	if (!err)
		return 0;
	close(fd);
	udp->twin.fd = -1;
	if (err != -EADDRINUSE || need != FS_TWIN_OPTIONAL)
		return err;
	fs_base_log(&udp->host->log, FS_LOG_INFO,
		    "UDP port %u belongs to a kernel socket, which gets fragments and loopback",
		    udp->local.port);
	return 0;
}

void fs_udp_twin_close(struct fs_udp *udp)
{
	if (udp->twin.fd < 0)
		return;
	udp->host->ops->unwatch(udp->host, &udp->twin);
	close(udp->twin.fd);
	udp->twin.fd = -1;
}

static void add_pktinfo(struct msghdr *msg, const struct fs_addr *local)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (local->family == AF_INET) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, local->ip, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = local->scope };

		memcpy(&info.ipi6_addr, local->ip, 16);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

int fs_udp_twin_send(struct fs_udp *udp, const struct fs_buf *buf)
{
	struct fs_addr remote = buf->remote;
	struct sockaddr_storage sa;
	union control control = { 0 };
	struct iovec iov = { .iov_base = buf->data, .iov_len = buf->len };
	struct msghdr msg = {
		.msg_name = &sa,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (udp->twin.fd < 0)
		return -EMSGSIZE;
	if (socket_family(udp) == AF_INET6)
		fs_addr_map(&remote);
	msg.msg_namelen = (socklen_t)fs_addr_to_sockaddr(&remote, &sa);
	/* A dual-stack socket takes IPv6 control data only, mapped for IPv4. */
	if (socket_family(udp) == AF_INET6 && buf->local.family == AF_INET) {
		struct fs_addr local = buf->local;

		fs_addr_map(&local);
		add_pktinfo(&msg, &local);
	} else {
		add_pktinfo(&msg, &buf->local);
	}
	if (sendmsg(udp->twin.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ENOBUFS ? -EAGAIN : -errno;
}
