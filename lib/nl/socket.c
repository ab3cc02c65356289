// SPDX-License-Identifier: BSD-2-Clause
/*
 * socket.c - see socket.h. The kernel handles a request inside send(), so
 * its answer, or its error, lies in the socket when send() returns: nothing
 * here waits for longer than the kernel works.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl/socket.h"

enum { EVENT_BUF_BYTES = 8 << 20 };

static int open_socket(int flags)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
	int on = 1, error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		error = -errno;
		close(fd);
		return error;
	}
	/* Errors need not repeat the request. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

int fs_nl_socket_events(void)
{
	static const struct { int group; bool optional; } groups[] = {
		{ RTNLGRP_LINK, false }, { RTNLGRP_NEIGH, false },
		{ RTNLGRP_IPV4_IFADDR, false }, { RTNLGRP_IPV6_IFADDR, false },
		{ RTNLGRP_IPV4_ROUTE, false }, { RTNLGRP_IPV6_ROUTE, false },
		{ RTNLGRP_IPV4_RULE, false }, { RTNLGRP_IPV6_RULE, false },
		{ RTNLGRP_NEXTHOP, true },
		{ RTNLGRP_IPV4_NETCONF, true }, { RTNLGRP_IPV6_NETCONF, true },
	};
	int fd = open_socket(SOCK_NONBLOCK), bytes = EVENT_BUF_BYTES, error;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i].group,
				sizeof(groups[i].group)) || groups[i].optional)
			continue;
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int fs_nl_socket_questions(void)
{
	int fd = open_socket(0), on = 1;

	/* Linux 4.20; without it the kernel is only more generous with dumps. */
	if (fd >= 0)
		setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return fd;
}

ssize_t fs_nl_socket_recv(int fd, void *buf, size_t size, int flags, fs_nl_msg_fn *fn, void *ctx)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, buf, size, flags | MSG_TRUNC,
			       (struct sockaddr *)&from, &from_len);
	int left = (int)len;

	if (len < 0)
		return -errno;
	if (from.nl_pid)	/* another process, not the kernel */
		return 0;
	if ((size_t)len > size)
		return -ENOBUFS;
	for (const struct nlmsghdr *nlh = buf; mnl_nlmsg_ok(nlh, left);
	     nlh = mnl_nlmsg_next(nlh, &left)) {
		int ret = fn ? fn(nlh, ctx) : 0;

		if (ret < 0)
			return ret;
	}
	return len;
}

struct nlmsghdr *fs_nl_socket_begin(void *buf, uint32_t seq, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = seq;
	return nlh;
}

static int send_request(int fd, struct nlmsghdr *nlh)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t len;

	do {
		len = sendto(fd, nlh, nlh->nlmsg_len, 0, (const struct sockaddr *)&kernel,
			     sizeof(kernel));
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

struct answer {
	const struct nlmsghdr *request;
	fs_nl_msg_fn *fn;
	void *ctx;
	bool done;
	bool interrupted;
	int error;	/* the kernel's */
};

static int error_of(const struct nlmsghdr *nlh)
{
	int error = -EBADMSG;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	return error;
}

static int take_answer(const struct nlmsghdr *nlh, void *ctx)
{
	struct answer *answer = ctx;

	/* The late error of an earlier request is nobody's. */
	if (nlh->nlmsg_seq != answer->request->nlmsg_seq || answer->done)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		answer->done = true;
		/* DONE carries the error of a dump; an old kernel's carries none. */
		answer->error = nlh->nlmsg_type == NLMSG_ERROR ||
			mnl_nlmsg_get_payload_len(nlh) >= sizeof(int) ? error_of(nlh) : 0;
		return 0;
	}
	if (nlh->nlmsg_type == NLMSG_OVERRUN)
		return -ENOBUFS;
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	if (!(answer->request->nlmsg_flags & NLM_F_DUMP))
		answer->done = true;
	return answer->fn ? answer->fn(nlh, answer->ctx) : 0;
}

static void drain(int fd, void *buf, size_t size)
{
	ssize_t ret;

	do {
		ret = fs_nl_socket_recv(fd, buf, size, MSG_DONTWAIT, NULL, NULL);
	} while (ret >= 0 || ret == -ENOBUFS || ret == -EINTR);
}

static int ask(int fd, struct nlmsghdr *nlh, struct answer *answer, void *buf, size_t size)
{
	ssize_t len;
	int ret = send_request(fd, nlh);

	if (ret < 0)
		return ret;
	while (!answer->done) {
		len = fs_nl_socket_recv(fd, buf, size, 0, take_answer, answer);
		if (len == -EINTR)
			continue;
		if (len < 0) {	/* a dump may still be going on */
			drain(fd, buf, size);
			return (int)len;
		}
	}
	if (answer->error)
		return answer->error;
	return answer->interrupted ? -EINTR : 0;
}

/* Who asks for a route may be a thread with little stack. */
int fs_nl_socket_ask(int fd, struct nlmsghdr *nlh, fs_nl_msg_fn *fn, void *ctx)
{
	struct answer answer = { .request = nlh, .fn = fn, .ctx = ctx };
	_Alignas(struct nlmsghdr) char small[FS_NL_ANSWER_SIZE];
	void *large;
	int ret;

	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		return ask(fd, nlh, &answer, small, sizeof(small));
	large = malloc(FS_NL_BUF_SIZE);
	if (!large)
		return -ENOMEM;
	ret = ask(fd, nlh, &answer, large, FS_NL_BUF_SIZE);
	free(large);
	return ret;
}

int fs_nl_socket_tell(int fd, struct nlmsghdr *nlh)
{
	struct answer answer = { .request = nlh };
	_Alignas(struct nlmsghdr) char buf[FS_NL_ANSWER_SIZE];
	ssize_t len;
	int ret = send_request(fd, nlh);

	if (ret < 0)
		return ret;
	do {
		len = fs_nl_socket_recv(fd, buf, sizeof(buf), MSG_DONTWAIT, take_answer, &answer);
	} while (len >= 0 || len == -EINTR);
	return answer.error;
}
