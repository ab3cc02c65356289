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

struct question {
	uint16_t port;
	bool found;
};

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
	struct question *question = ctx;

	if (nlh->nlmsg_type == TCPDIAG_GETSOCK &&
	    mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg) &&
	    msg->id.idiag_sport == htons(question->port) && !is_local(msg))
		question->found = true;
	return 0;
}

int fs_nl_diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

/* The older request: it alone asks for both families in one walk. */
int fs_nl_diag_tcp(int fd, uint16_t port)
{
	struct question question = { .port = port };
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
			.idiag_states = ((1u << STATES) - 1) & ~(1u << LISTEN),
			.id.idiag_sport = htons(port),
		},
	};
	const int err = fs_nl_socket_ask(fd, &msg.nlh, take, &question);

	return err ? err : question.found;
}
