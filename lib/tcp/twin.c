// SPDX-License-Identifier: BSD-2-Clause
/*
 * twin.c - a listening kernel socket beside a listener of the fast path.
 *
 * The segments of the stack's interfaces are steered past it. What it
 * accepts nevertheless is handed on as a descriptor; what becomes of it is not
 * known here.
 */
#include "tcp/twin.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

static uint8_t socket_family(const struct fs_addr *local)
{
	return local->family == AF_INET ? AF_INET : AF_INET6;
}

static int bind_and_listen(int fd, const struct fs_addr *local, int backlog,
			   struct fs_addr *bound)
{
	const int on = 1, v6only = local->family == AF_INET6;
	struct fs_addr addr = *local;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int err;

	addr.family = socket_family(local);
	err = fs_addr_to_sockaddr(&addr, &sa);
	if (err < 0)
		return err;
	/* A server must be able to start again beside its TIME-WAITs (RFC 9293 3.6.1). */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr.family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, (struct sockaddr *)&sa, (socklen_t)err) || listen(fd, backlog))
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return -errno;
	err = fs_addr_from_sockaddr(&addr, (struct sockaddr *)&sa, len);
	*bound = *local;
	bound->port = addr.port;
	return err;
}

static int open_socket(struct fs_watch *watch, struct fs_host *host, const struct fs_addr *local,
		       int backlog, struct fs_addr *bound)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(socket_family(local), type, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = bind_and_listen(fd, local, backlog, bound);
	if (!err) {
		watch->fd = fd;
		err = host->ops->watch(host, watch);
	}
	if (!err)
		return 0;
	watch->fd = -1;
	close(fd);
	return err;
}

int fs_tcp_twin_open(struct fs_watch *watch, struct fs_host *host, const struct fs_addr *local,
		     enum fs_twin need, int backlog, struct fs_addr *bound)
{
	int err = -EADDRINUSE;

	watch->fd = -1;
	if (host->ops && need != FS_TWIN_NONE) {
		err = open_socket(watch, host, local, backlog, bound);
		if (err != -EADDRINUSE || need != FS_TWIN_OPTIONAL)
			return err;
		fs_base_log(&host->log, FS_LOG_INFO,
			    "TCP port %u belongs to a kernel socket, which gets loopback and other "
			    "interfaces", local->port);
	}
	if (!local->port)
		return -EINVAL;
	*bound = *local;
	return 0;
}

void fs_tcp_twin_close(struct fs_watch *watch, struct fs_host *host)
{
	if (watch->fd < 0)
		return;
	host->ops->unwatch(host, watch);
	close(watch->fd);
	watch->fd = -1;
}

/* accept(2): what went wrong on the way of one connection is reported here; on to the next. */
static bool is_passing(int err)
{
	switch (err) {
	case EINTR:
	case ECONNABORTED:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static int read_addr(struct fs_addr *out, const struct sockaddr_storage *sa, socklen_t len)
{
	int err = fs_addr_from_sockaddr(out, (const struct sockaddr *)sa, len);

	fs_addr_unmap(out);
	return err;
}

int fs_tcp_twin_accept(const struct fs_watch *watch, struct fs_addr *local,
		       struct fs_addr *remote)
{
	struct sockaddr_storage from, to;
	socklen_t from_len, to_len = sizeof(to);
	int fd;

	do {
		from_len = sizeof(from);
		fd = accept4(watch->fd, (struct sockaddr *)&from, &from_len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && is_passing(errno));
	if (fd < 0)
		return -errno;
	if (!getsockname(fd, (struct sockaddr *)&to, &to_len) &&
	    !read_addr(local, &to, to_len) && !read_addr(remote, &from, from_len))
		return fd;
	close(fd);
	return -EAGAIN;
}
