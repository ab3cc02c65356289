// SPDX-License-Identifier: BSD-2-Clause
/*
 * zerocopy.c - MSG_ZEROCOPY of sockets (networking/msg_zerocopy.rst): the
 * bytes have been copied when send() returns, and the notification says so.
 */
#include <time.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include "sock/sock.h"

ssize_t fs_sock_zerocopy_told(struct fs_sock *s, struct msghdr *msg)
{
	const bool six = s->family == AF_INET6;
	struct sock_extended_err told = {
		.ee_origin = SO_EE_ORIGIN_ZEROCOPY,
		.ee_code = SO_EE_CODE_ZEROCOPY_COPIED,
		.ee_info = s->zc_told,
		.ee_data = s->zc_next - 1,
	};
	struct cmsghdr *c;

	if (s->zc_next == s->zc_told)
		return -EAGAIN;
	msg->msg_namelen = 0;
	msg->msg_flags = MSG_ERRQUEUE;
	if (!msg->msg_control || msg->msg_controllen < CMSG_SPACE(sizeof(told))) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
	} else {
		c = msg->msg_control;
		c->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
		c->cmsg_type = six ? IPV6_RECVERR : IP_RECVERR;
		c->cmsg_len = CMSG_LEN(sizeof(told));
		memcpy(CMSG_DATA(c), &told, sizeof(told));
		msg->msg_controllen = CMSG_SPACE(sizeof(told));
	}
	s->zc_told = s->zc_next;
	return 0;
}
