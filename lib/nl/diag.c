// SPDX-License-Identifier: BSD-2-Clause
/*
 * diag.c - one question to sock_diag: the first hit is enough.
 */
#include "nl/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ip.h"
#include "nl/socket.h"

/* The kernel's number, include/net/tcp_states.h. */
enum { LISTEN = 10 };

enum { FOUND = 1, DONE = 2 };

/* The older request: it alone asks for both families in one walk. */
static int ask(int fd, uint16_t port)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req req;
	} msg = {
		.nlh = {
			.nlmsg_len = sizeof(msg),
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = {
			.idiag_states = ~(1u << LISTEN),
			.id.idiag_sport = htons(port),
		},
	};

	return send(fd, &msg, sizeof(msg), 0) < 0 ? -errno : 0;
}

/* A connection within this host never comes by the wire. */
static bool is_local(const struct inet_diag_msg *msg)
{
	const uint8_t *dst = (const uint8_t *)msg->id.idiag_dst;
	const size_t len = msg->idiag_family == AF_INET ? 4 : 16;

	if (!memcmp(dst, msg->id.idiag_src, len))
		return true;
	if (fs_ip_is_loopback(msg->idiag_family, dst))
		return true;
	return msg->idiag_family == AF_INET6 && fs_ip6_is_mapped(dst) &&
	       fs_ip_is_loopback(AF_INET, dst + 12);
}

static int take(const struct nlmsghdr *nlh, void *ctx)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	int *state = ctx;

	if (nlh->nlmsg_type == NLMSG_DONE) {
		*state |= DONE;
	} else if (nlh->nlmsg_type == NLMSG_ERROR) {
		/* A kernel without sock_diag for TCP. */
		return -EOPNOTSUPP;
	} else if (nlh->nlmsg_type == TCPDIAG_GETSOCK &&
		   mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg) && !is_local(msg)) {
		*state |= FOUND;
	}
	return 0;
}

int fs_nl_diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

/* The kernel's walk ends with its socket; the number stays. */
static void end_walk(int fd)
{
	const int fresh = fs_nl_diag_open();

	if (fresh < 0)
		return;
	dup3(fresh, fd, O_CLOEXEC);
	close(fresh);
}

int fs_nl_diag_tcp(int fd, uint16_t port)
{
	_Alignas(struct nlmsghdr) char buf[FS_NL_BUF_SIZE];
	ssize_t ret = ask(fd, port);
	int state = 0;

	while (ret >= 0 && !state) {
		ret = fs_nl_socket_recv(fd, buf, sizeof(buf), 0, take, &state);
		if (ret == -EINTR)
			ret = 0;
	}
	if (!(state & DONE))
		end_walk(fd);
	return ret < 0 ? (int)ret : !!(state & FOUND);
}
