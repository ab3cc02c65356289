// SPDX-License-Identifier: BSD-2-Clause
/* ask.c - one destination's route, from the kernel: its rules, path MTU and source. */
#include "nl/ask.h"

#include <errno.h>
#include <unistd.h>

#include "nl/msg.h"
#include "nl/socket.h"

struct route_answer {
	struct fs_nl_route *out;
	bool found;
};

static int on_route_answer(const struct nlmsghdr *nlh, void *ctx)
{
	struct route_answer *answer = ctx;

	answer->found = fs_nl_msg_route_answer(nlh, answer->out);
	return 0;
}

int fs_nl_ask_route(int fd, uint32_t seq, const struct fs_nl_route_query *query,
		    struct fs_nl_route *out)
{
	static const uint8_t none[16];
	unsigned int ip_len = fs_nl_ip_len(query->family);
	struct route_answer answer = { .out = out };
	char buf[256];
	struct nlmsghdr *nlh = fs_nl_socket_begin(buf, seq, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int ret;

	rtm->rtm_family = query->family;
	rtm->rtm_tos = query->tos;
	rtm->rtm_dst_len = (uint8_t)(ip_len * 8);
	mnl_attr_put(nlh, RTA_DST, ip_len, query->dst);
	if (memcmp(query->src, none, ip_len)) {
		rtm->rtm_src_len = (uint8_t)(ip_len * 8);
		mnl_attr_put(nlh, RTA_SRC, ip_len, query->src);
	}
	if (query->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, query->oif);
	if (query->mark)
		mnl_attr_put_u32(nlh, RTA_MARK, query->mark);
	ret = fs_nl_socket_ask(fd, nlh, on_route_answer, &answer);
	if (ret)
		return ret;
	return answer.found ? 0 : -ENETUNREACH;
}

int fs_nl_route_ask(const struct fs_nl_route_query *query, struct fs_nl_route *out)
{
	int fd = fs_nl_socket_questions(), ret;

	if (fd < 0)
		return fd;
	ret = fs_nl_ask_route(fd, 1, query, out);
	close(fd);
	return ret;
}
