// SPDX-License-Identifier: BSD-2-Clause
/*
 * reserve.c - bound, neither connected nor listening, without SO_REUSEADDR:
 * such a socket excludes every other from its port, those that connect() without
 * bind() as well. What would arrive for it, the kernel answers with a reset.
 */
#include "tcp/reserve.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fastsock/fastsock.h>

#include "base/ip.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51	/* Linux 6.3 */
#endif

enum {
	NEAR = 256,
};

/*
 * Asked for any port, the kernel goes through half the range first: some
 * milliseconds, when those are taken. A window is quick to search. It does not
 * leave the kernel's range: an end that lies outside is moved to the range's.
 * Older kernels refuse, and search it all: slow, but right.
 */
static void narrow(int fd, uint16_t near)
{
	uint32_t first = near > NEAR ? (uint32_t)near - NEAR : 1;
	uint32_t last = MIN((uint32_t)near + NEAR, 65535u);
	uint32_t range = last << 16 | first;

	setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range));
}

static int bind_to(int fd, struct fs_addr *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	const int on = 1;
	int err = fs_addr_to_sockaddr(local, &sa);

	if (err < 0)
		return err;
	if (local->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, (socklen_t)err) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len))
		return -errno;
	return fs_addr_from_sockaddr(local, (struct sockaddr *)&sa, len);
}

int fs_tcp_reserve(uint8_t family, const uint8_t ip[16], uint16_t *port, uint16_t near)
{
	struct fs_addr local = { .family = family, .port = *port };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	memcpy(local.ip, ip, sizeof(local.ip));
	/* Its interface is not known here, and it may be on several: all addresses. */
	if (fs_ip_needs_scope(family, ip))
		memset(local.ip, 0, sizeof(local.ip));
	if (!*port && near)
		narrow(fd, near);
	err = bind_to(fd, &local);
	if (!err) {
		*port = local.port;
		return fd;
	}
	close(fd);
	return err == -EADDRINUSE && !*port && !near ? -EADDRNOTAVAIL : err;
}
