// SPDX-License-Identifier: BSD-2-Clause
/*
 * diag.c - one question to sock_diag. Its answer is read to the end, found or not: what is left
 * of it would be the next one's.
 */
#include "nl/diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "nl/socket.h"

/* The kernel's numbers, include/net/tcp_states.h. Behind these are sockets that are only bound. */
enum { LISTEN = 10, STATES = 13 };

struct answer {
	uint32_t seq;
	uint16_t port;
	bool found, done;
};

/* The older request: it alone asks for both families in one walk. */
static int ask(int fd, const struct answer *to)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req req;
	} msg = {
		.nlh = {
			.nlmsg_len = sizeof(msg),
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = to->seq,
		},
		.req = {
			.idiag_states = ((1u << STATES) - 1) & ~(1u << LISTEN),
			.id.idiag_sport = htons(to->port),
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
	const size_t len = mnl_nlmsg_get_payload_len(nlh);
	struct answer *answer = ctx;
	int error = 0;

	if (nlh->nlmsg_seq != answer->seq)
		return 0;
	if (nlh->nlmsg_type == TCPDIAG_GETSOCK) {
		answer->found |= len >= sizeof(*msg) && !is_local(msg) &&
				 msg->id.idiag_sport == htons(answer->port);
		return 0;
	}
	if (nlh->nlmsg_type != NLMSG_DONE && nlh->nlmsg_type != NLMSG_ERROR)
		return 0;
	answer->done = true;
	if (len >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	return MIN(error, 0);	/* a kernel that does not tell of TCP, for one */
}

int fs_nl_diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

int fs_nl_diag_tcp(int fd, uint16_t port)
{
	_Alignas(struct nlmsghdr) char buf[FS_NL_BUF_SIZE];
	static uint32_t questions;
	struct answer answer = {
		.seq = __atomic_add_fetch(&questions, 1, __ATOMIC_RELAXED), .port = port,
	};
	ssize_t ret = ask(fd, &answer);

	while (ret >= 0 && !answer.done) {
		ret = fs_nl_socket_recv(fd, buf, sizeof(buf), 0, take, &answer);
		if (ret == -EINTR)
			ret = 0;
	}
	return ret < 0 ? (int)ret : answer.found;
}
