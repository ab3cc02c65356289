// SPDX-License-Identifier: BSD-2-Clause
/*
 * rtnl.c - keeps the mirror equal to the kernel.
 *
 * Subscribed first, copied second: an event that came before the copy is
 * applied after it, which is harmless, for the last event about a key says
 * what the copy said.
 *
 * That does not hold where events are lost, or do not exist. So after an
 * overrun what is queued is thrown away before the copy. And the kernel
 * removes IPv4 routes (and prefsrc of IPv6 ones) without a word when a link
 * goes down or an address goes away, just after it has announced that: then
 * routes are copied anew, behind a request that needs the lock which the
 * kernel holds until such a change is complete.
 */
#include <errno.h>
#include <limits.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "nl/ask.h"
#include "nl/msg.h"
#include "nl/rtnl.h"
#include "nl/socket.h"

enum {
	DUMP_TRIES = 16,	/* of a dump that is interrupted by changes */
	READS_MAX = 512,	/* datagrams per fs_nl_process(), so that it returns */
	ROUTES = FS_NL_SYNC_ROUTE4 | FS_NL_SYNC_ROUTE6,
};

struct fs_nl {
	struct fs_nl_mirror *mirror;
	struct fs_logger log;
	int events, questions;
	uint32_t seq;
	unsigned int dirty;	/* enum fs_nl_sync: to be copied anew */
	bool settle;		/* ... once the kernel is through with its change */
	bool warned_rules, warned_overrun;
	struct {
		unsigned int custom, usual;
	} rules;		/* counted during a dump */
	uint8_t rules_family;
	struct fs_nl_route hops[FS_NL_HOPS_MAX];
	_Alignas(struct nlmsghdr) char buf[FS_NL_BUF_SIZE];
};

/* --- one message ----------------------------------------------------------------- */

static unsigned int routes_of(uint8_t family)
{
	return family == AF_INET6 ? FS_NL_SYNC_ROUTE6 : FS_NL_SYNC_ROUTE4;
}

static int on_link(struct fs_nl *nl, const struct nlmsghdr *nlh)
{
	const struct fs_nl_link *old;
	struct fs_nl_link link;

	if (!fs_nl_msg_link(nlh, &link))
		return 0;
	old = fs_nl_mirror_link(nl->mirror, link.ifindex);
	if (nlh->nlmsg_type == RTM_DELLINK) {
		nl->dirty |= ROUTES;
		nl->settle = true;
		fs_nl_mirror_link_del(nl->mirror, link.ifindex);
		return 0;
	}
	if (old && (old->flags ^ link.flags) & IFF_UP) {
		nl->dirty |= ROUTES;
		nl->settle = true;
	}
	return fs_nl_mirror_link_set(nl->mirror, &link);
}

static int on_addr(struct fs_nl *nl, const struct nlmsghdr *nlh)
{
	struct fs_nl_addr addr;

	if (!fs_nl_msg_addr(nlh, &addr))
		return 0;
	if (nlh->nlmsg_type == RTM_NEWADDR)
		return fs_nl_mirror_addr_set(nl->mirror, &addr);
	nl->dirty |= routes_of(addr.family);
	nl->settle = true;
	fs_nl_mirror_addr_del(nl->mirror, &addr);
	return 0;
}

static int on_neigh(struct fs_nl *nl, const struct nlmsghdr *nlh)
{
	struct fs_nl_neigh neigh;

	if (!fs_nl_msg_neigh(nlh, &neigh))
		return 0;
	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		return fs_nl_mirror_neigh_set(nl->mirror, &neigh);
	fs_nl_mirror_neigh_del(nl->mirror, &neigh);
	return 0;
}

static int set_hops(struct fs_nl *nl, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int ret = fs_nl_mirror_route_set(nl->mirror, &nl->hops[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * An event about a prefix that has one next hop, or none, says all there is.
 * With several it leaves open which of them it replaces or in which order
 * they stand: the copy knows.
 */
static int on_route_event(struct fs_nl *nl, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	unsigned int n = fs_nl_msg_route(nlh, nl->hops), had;
	bool replaces = nlh->nlmsg_flags & NLM_F_REPLACE || n > 1;

	if (!n) {	/* all of its next hops are dead, or it is not for us */
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*rtm) && !rtm->rtm_tos &&
		    (rtm->rtm_table == RT_TABLE_MAIN || rtm->rtm_table == RT_TABLE_DEFAULT) &&
		    !(rtm->rtm_flags & RTM_F_CLONED))
			nl->dirty |= routes_of(rtm->rtm_family);
		return 0;
	}
	had = fs_nl_mirror_route_hops(nl->mirror, nl->hops);
	if (nlh->nlmsg_type == RTM_DELROUTE) {
		for (unsigned int i = 0; i < n; i++)
			fs_nl_mirror_route_del(nl->mirror, &nl->hops[i]);
		/* IPv6 names the very hop; in IPv4 two can differ in what has no
		 * place in the mirror's key. */
		if (had > n && nl->hops->family == AF_INET)
			nl->dirty |= FS_NL_SYNC_ROUTE4;
		return 0;
	}
	if (replaces)
		fs_nl_mirror_route_clear(nl->mirror, nl->hops);
	if (replaces ? had > 1 : had && nl->hops->family == AF_INET)
		nl->dirty |= routes_of(nl->hops->family);
	return set_hops(nl, n);
}

static int on_event(const struct nlmsghdr *nlh, void *ctx)
{
	struct fs_nl *nl = ctx;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return on_link(nl, nlh);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return on_addr(nl, nlh);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return on_neigh(nl, nlh);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return on_route_event(nl, nlh);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		nl->dirty |= FS_NL_SYNC_RULE;
		return 0;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		nl->dirty |= ROUTES;
		nl->settle = true;
		return 0;
	case RTM_NEWNETCONF:	/* forwarding on or off, say */
		nl->mirror->settings++;
		return 0;
	default:
		return 0;
	}
}

/* --- copies ------------------------------------------------------------------------ */

static int on_dumped(const struct nlmsghdr *nlh, void *ctx)
{
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);
	struct fs_nl *nl = ctx;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		return on_link(nl, nlh);
	case RTM_NEWADDR:
		return on_addr(nl, nlh);
	case RTM_NEWNEIGH:
		return on_neigh(nl, nlh);
	case RTM_NEWROUTE:
		return set_hops(nl, fs_nl_msg_route(nlh, nl->hops));
	case RTM_NEWRULE:
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rule) ||
		    rule->family != nl->rules_family)
			return 0;
		if (fs_nl_msg_rule_is_default(nlh))
			nl->rules.usual++;
		else
			nl->rules.custom++;
		return 0;
	default:
		return 0;
	}
}

/* What strict checking wants: the right header, zero but for the family. */
static size_t header_of(uint16_t type)
{
	switch (type) {
	case RTM_GETLINK:	return sizeof(struct ifinfomsg);
	case RTM_GETADDR:	return sizeof(struct ifaddrmsg);
	case RTM_GETNEIGH:	return sizeof(struct ndmsg);
	case RTM_GETRULE:	return sizeof(struct fib_rule_hdr);
	default:		return sizeof(struct rtmsg);
	}
}

static int dump_once(struct fs_nl *nl, uint16_t type, uint8_t family)
{
	char buf[256];
	struct nlmsghdr *nlh = fs_nl_socket_begin(buf, ++nl->seq, type, NLM_F_DUMP);
	uint8_t *header = mnl_nlmsg_put_extra_header(nlh, header_of(type));

	header[0] = family;
	if (type == RTM_GETLINK)
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return fs_nl_socket_ask(nl->questions, nlh, on_dumped, nl);
}

static int dump(struct fs_nl *nl, uint16_t type, uint8_t family, unsigned int what)
{
	int ret = -EINTR;

	for (int try = 0; ret == -EINTR && try < DUMP_TRIES; try++) {
		memset(&nl->rules, 0, sizeof(nl->rules));
		nl->rules_family = family;
		fs_nl_mirror_sync_begin(nl->mirror);
		ret = dump_once(nl, type, family);
		/* A kernel without this family or kind has none of it. */
		if (ret == -EOPNOTSUPP || ret == -EAFNOSUPPORT)
			ret = 0;
		fs_nl_mirror_sync_end(nl->mirror, ret ? 0 : what);
	}
	return ret;
}

static int dump_rules(struct fs_nl *nl, uint8_t family)
{
	/* IPv6 has no rule for the default table. */
	unsigned int usual = family == AF_INET6 ? 2 : 3;
	int ret = dump(nl, RTM_GETRULE, family, 0);
	bool custom;

	if (ret)
		return ret;
	custom = nl->rules.custom || (nl->rules.usual && nl->rules.usual != usual);
	fs_nl_mirror_rules_set(nl->mirror, family, custom);
	if (custom && !nl->warned_rules) {
		nl->warned_rules = true;
		fs_base_log(&nl->log, FS_LOG_INFO, "there are policy rules (ip rule): the "
			    "kernel is asked for the route of each new destination");
	}
	return 0;
}

/* Returns when no change that has begun is still under way; see the top. */
static void wait_for_kernel(struct fs_nl *nl)
{
	char buf[256];
	struct nlmsghdr *nlh = fs_nl_socket_begin(buf, ++nl->seq, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = 1;	/* lo; what it says does not matter */
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	fs_nl_socket_ask(nl->questions, nlh, NULL, NULL);
}

/* Copy what is dirty; what fails stays dirty. */
static int copy(struct fs_nl *nl)
{
	static const struct {
		unsigned int what;
		uint16_t type;
		uint8_t family;
	} kinds[] = {
		{ FS_NL_SYNC_LINK, RTM_GETLINK, AF_UNSPEC },
		{ FS_NL_SYNC_ADDR, RTM_GETADDR, AF_UNSPEC },
		{ FS_NL_SYNC_ROUTE4, RTM_GETROUTE, AF_INET },
		{ FS_NL_SYNC_ROUTE6, RTM_GETROUTE, AF_INET6 },
		{ FS_NL_SYNC_NEIGH, RTM_GETNEIGH, AF_UNSPEC },
	};
	int ret, error = 0;

	if (nl->settle)
		wait_for_kernel(nl);
	nl->settle = false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!(nl->dirty & kinds[i].what))
			continue;
		nl->dirty &= ~kinds[i].what;
		ret = dump(nl, kinds[i].type, kinds[i].family, kinds[i].what);
		if (ret) {
			nl->dirty |= kinds[i].what;
			error = ret;
		}
	}
	if (nl->dirty & FS_NL_SYNC_RULE) {
		ret = dump_rules(nl, AF_INET);
		if (!ret)
			ret = dump_rules(nl, AF_INET6);
		if (!ret)
			nl->dirty &= ~(unsigned int)FS_NL_SYNC_RULE;
		else
			error = ret;
	}
	return error;
}

/* --- life ---------------------------------------------------------------------------- */

int fs_nl_open(struct fs_nl **out, const struct fs_logger *log)
{
	struct fs_nl *nl = calloc(1, sizeof(*nl));
	int ret;

	if (!nl)
		return -ENOMEM;
	if (log)
		nl->log = *log;
	nl->questions = -1;
	nl->events = fs_nl_socket_events();
	ret = nl->events;
	if (ret >= 0)
		ret = nl->questions = fs_nl_socket_questions();
	if (ret >= 0)
		ret = fs_nl_mirror_open(&nl->mirror);
	if (ret < 0) {
		fs_base_fail(&nl->log, ret, "cannot open rtnetlink sockets (%s): the kernel's "
			     "addresses and routes cannot be followed", strerror(-ret));
		goto err;
	}
	nl->dirty = FS_NL_SYNC_ALL;
	ret = copy(nl);
	if (ret < 0) {
		fs_base_fail(&nl->log, ret, "cannot copy the kernel's links, addresses, routes "
			     "and neighbours over rtnetlink (%s)", strerror(-ret));
		goto err;
	}
	*out = nl;
	return 0;
err:
	fs_nl_close(nl);
	return ret;
}

void fs_nl_close(struct fs_nl *nl)
{
	if (!nl)
		return;
	if (nl->events >= 0)
		close(nl->events);
	if (nl->questions >= 0)
		close(nl->questions);
	fs_nl_mirror_close(nl->mirror);
	free(nl);
}

struct fs_nl_mirror *fs_nl_mirror_of(struct fs_nl *nl)
{
	return nl->mirror;
}

int fs_nl_fd(const struct fs_nl *nl)
{
	return nl->events;
}

static void overrun(struct fs_nl *nl)
{
	ssize_t ret;

	do {	/* the kernel queues nothing more until this is empty */
		ret = fs_nl_socket_recv(nl->events, nl->buf, sizeof(nl->buf), MSG_DONTWAIT,
					NULL, NULL);
	} while (ret >= 0 || ret == -ENOBUFS || ret == -EINTR);
	nl->dirty = FS_NL_SYNC_ALL;
	if (!nl->warned_overrun)
		fs_base_log(&nl->log, FS_LOG_INFO, "rtnetlink events came faster than they were "
			    "read: tables are copied anew");
	nl->warned_overrun = true;
}

int fs_nl_process(struct fs_nl *nl)
{
	uint64_t before = nl->mirror->changes;
	ssize_t ret = 0;

	for (int i = 0; i < READS_MAX && (ret >= 0 || ret == -EINTR); i++)
		ret = fs_nl_socket_recv(nl->events, nl->buf, sizeof(nl->buf), MSG_DONTWAIT,
					on_event, nl);
	if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
		overrun(nl);
	if (nl->dirty) {
		int error = copy(nl);

		if (error)
			return error;
	}
	return (int)MIN(nl->mirror->changes - before, (uint64_t)INT_MAX);
}

/* --- questions ------------------------------------------------------------------------ */

int fs_nl_neigh_probe(struct fs_nl *nl, uint32_t ifindex, uint8_t family,
		      const uint8_t ip[16])
{
	char buf[256];
	struct nlmsghdr *nlh = fs_nl_socket_begin(buf, ++nl->seq, RTM_NEWNEIGH, NLM_F_CREATE);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = family;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, fs_nl_ip_len(family), ip);
	return fs_nl_socket_tell(nl->questions, nlh);
}

int fs_nl_route_get(struct fs_nl *nl, const struct fs_nl_route_query *query,
		    struct fs_nl_route *out)
{
	return fs_nl_ask_route(nl->questions, ++nl->seq, query, out);
}
