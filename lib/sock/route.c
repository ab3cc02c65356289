// SPDX-License-Identifier: BSD-2-Clause
/*
 * route.c - by which interface would the kernel send there? Asked before there
 * is a stack: most programs that connect, connect elsewhere, and need none.
 */
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "sock/sock.h"

struct question {
	struct nlmsghdr nlh;
	struct rtmsg rtm;
	uint8_t attrs[64];
};

static void put_attr(struct question *q, uint16_t type, const void *data, uint16_t len)
{
	struct rtattr *attr = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->nlh.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	q->nlh.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->nlh.nlmsg_len) + RTA_ALIGN(attr->rta_len));
}

enum {
	LOCAL = INT32_MAX,	/* in place of an interface */
	MANY = LOCAL - 1,
};

/* The interface of the answer; 0: none, or not understood. */
static uint32_t read_answer(const uint8_t *data, size_t len)
{
	const struct nlmsghdr *nlh = (const void *)data;
	const struct rtmsg *rtm = NLMSG_DATA(nlh);
	const struct rtattr *attr;
	int left;

	if (!NLMSG_OK(nlh, len) || nlh->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (rtm->rtm_type == RTN_MULTICAST || rtm->rtm_type == RTN_BROADCAST)
		return MANY;
	if (rtm->rtm_type != RTN_UNICAST)
		return rtm->rtm_type == RTN_LOCAL ? LOCAL : 0;
	attr = RTM_RTA(rtm);
	left = (int)RTM_PAYLOAD(nlh);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == RTA_OIF)
			return *(const uint32_t *)RTA_DATA(attr);
	return 0;
}

static uint32_t ask(const struct fs_addr *addr)
{
	const uint16_t len = addr->family == AF_INET ? 4 : 16;
	struct question q = {
		.nlh = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.rtm = { .rtm_family = addr->family, .rtm_dst_len = (uint8_t)(len * 8) },
	};
	uint8_t answer[4096] __attribute__((aligned(8)));
	int fd = FS_LIBC(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (fd < 0)
		return 0;
	put_attr(&q, RTA_DST, addr->ip, len);
	if (addr->scope)
		put_attr(&q, RTA_OIF, &addr->scope, sizeof(addr->scope));
	n = FS_LIBC(send, fd, &q, q.nlh.nlmsg_len, 0);
	if (n > 0)
		n = FS_LIBC(recv, fd, answer, sizeof(answer), 0);
	FS_LIBC(close, fd);
	return n > 0 ? read_answer(answer, (size_t)n) : 0;
}

enum fs_socket_reason fs_route_judge(const struct fs_addr *addr)
{
	const uint32_t ifindex = ask(addr);

	if (ifindex == LOCAL)
		return FS_SOCKET_loopback;
	if (ifindex == MANY)
		return FS_SOCKET_multicast;
	for (int i = 0; ifindex && fs_sock_config.ifaces[i]; i++)
		if (if_nametoindex(fs_sock_config.ifaces[i]) == ifindex)
			return FS_SOCKET_fast;
	return FS_SOCKET_route;
}
