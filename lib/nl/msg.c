// SPDX-License-Identifier: BSD-2-Clause
/*
 * msg.c - reads rtnetlink messages. Attributes come from the kernel, but
 * their lengths are checked all the same: a newer kernel may know better.
 */
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>

#include "nl/msg.h"

enum {
	LOWER_UP = 1 << 16,	/* IFF_LOWER_UP; its header and <net/if.h> exclude each other */
};

/* Copy an address attribute of the length that @family has. */
static bool take_ip(uint8_t out[16], const struct nlattr *attr, uint8_t family)
{
	if (!attr || mnl_attr_get_payload_len(attr) != fs_nl_ip_len(family))
		return false;
	memset(out, 0, 16);
	memcpy(out, mnl_attr_get_payload(attr), fs_nl_ip_len(family));
	return true;
}

static bool take_u32(uint32_t *out, const struct nlattr *attr)
{
	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(attr), sizeof(*out));
	return true;
}

static void take_text(char out[16], const struct nlattr *attr)
{
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	memset(out, 0, 16);
	if (len)
		memcpy(out, mnl_attr_get_payload(attr), MIN(len, (size_t)15));
}

static bool is_inet(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

struct attrs {
	const struct nlattr **tb;
	unsigned int max;
};

static int keep(const struct nlattr *attr, void *data)
{
	struct attrs *attrs = data;

	if (mnl_attr_get_type(attr) <= attrs->max)
		attrs->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* @tb has @max + 1 entries, all NULL. */
static void parse(const struct nlmsghdr *nlh, size_t header, const struct nlattr **tb,
		  unsigned int max)
{
	struct attrs attrs = { tb, max };

	mnl_attr_parse(nlh, (unsigned int)header, keep, &attrs);
}

static void parse_nested(const struct nlattr *nest, const struct nlattr **tb, unsigned int max)
{
	struct attrs attrs = { tb, max };

	if (nest)
		mnl_attr_parse_nested(nest, keep, &attrs);
}

static bool holds(const struct nlmsghdr *nlh, size_t header)
{
	return mnl_nlmsg_get_payload_len(nlh) >= header;
}

bool fs_nl_msg_link(const struct nlmsghdr *nlh, struct fs_nl_link *out)
{
	const struct nlattr *tb[IFLA_MAX + 1] = { 0 }, *info[IFLA_INFO_MAX + 1] = { 0 };
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	/* Bridges announce their ports under AF_BRIDGE, and their removal too. */
	if (!holds(nlh, sizeof(*ifi)) || ifi->ifi_family != AF_UNSPEC)
		return false;
	parse(nlh, sizeof(*ifi), tb, IFLA_MAX);
	parse_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	memset(out, 0, sizeof(*out));
	out->ifindex = (uint32_t)ifi->ifi_index;
	out->flags = ifi->ifi_flags;
	/* The carrier itself: IFF_RUNNING follows it up to a second later. */
	out->running = ifi->ifi_flags & LOWER_UP;
	take_u32(&out->mtu, tb[IFLA_MTU]);
	take_text(out->name, tb[IFLA_IFNAME]);
	take_text(out->kind, info[IFLA_INFO_KIND]);
	if (ifi->ifi_type == ARPHRD_ETHER && tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(out->mac))
		memcpy(out->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(out->mac));
	return true;
}

bool fs_nl_msg_addr(const struct nlmsghdr *nlh, struct fs_nl_addr *out)
{
	const struct nlattr *tb[IFA_MAX + 1] = { 0 };
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);

	if (!holds(nlh, sizeof(*ifa)) || !is_inet(ifa->ifa_family))
		return false;
	parse(nlh, sizeof(*ifa), tb, IFA_MAX);
	memset(out, 0, sizeof(*out));
	out->ifindex = ifa->ifa_index;
	out->family = ifa->ifa_family;
	out->prefix_len = ifa->ifa_prefixlen;
	out->scope = ifa->ifa_scope;
	if (!take_u32(&out->flags, tb[IFA_FLAGS]))
		out->flags = ifa->ifa_flags;
	/* With a peer, IFA_ADDRESS is the peer's. */
	return take_ip(out->ip, tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], out->family);
}

bool fs_nl_msg_neigh(const struct nlmsghdr *nlh, struct fs_nl_neigh *out)
{
	const struct nlattr *tb[NDA_MAX + 1] = { 0 };
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	if (!holds(nlh, sizeof(*ndm)) || !is_inet(ndm->ndm_family) ||
	    ndm->ndm_flags & NTF_PROXY)
		return false;
	parse(nlh, sizeof(*ndm), tb, NDA_MAX);
	memset(out, 0, sizeof(*out));
	out->ifindex = (uint32_t)ndm->ndm_ifindex;
	out->family = ndm->ndm_family;
	out->state = ndm->ndm_state;
	if (tb[NDA_LLADDR] && mnl_attr_get_payload_len(tb[NDA_LLADDR]) == sizeof(out->mac))
		memcpy(out->mac, mnl_attr_get_payload(tb[NDA_LLADDR]), sizeof(out->mac));
	return take_ip(out->ip, tb[NDA_DST], out->family);
}

/* --- routes --------------------------------------------------------------------- */

static void take_gateway(struct fs_nl_route *route, const struct nlattr *gateway,
			 const struct nlattr *via)
{
	const struct rtvia *v = via ? mnl_attr_get_payload(via) : NULL;
	size_t ip_len = via ? mnl_attr_get_payload_len(via) - sizeof(*v) : 0;

	if (take_ip(route->gateway, gateway, route->family)) {
		route->has_gateway = true;
		route->gw_family = route->family;
	} else if (v && mnl_attr_get_payload_len(via) > sizeof(*v) &&
		   is_inet((uint8_t)v->rtvia_family) &&
		   ip_len == fs_nl_ip_len((uint8_t)v->rtvia_family)) {
		memset(route->gateway, 0, 16);
		memcpy(route->gateway, v->rtvia_addr, ip_len);
		route->has_gateway = true;
		route->gw_family = (uint8_t)v->rtvia_family;
	}
}

static unsigned int take_hops(const struct nlattr *multipath, const struct fs_nl_route *base,
			      struct fs_nl_route out[FS_NL_HOPS_MAX])
{
	const uint8_t *at = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);
	unsigned int n = 0;

	while (left >= sizeof(struct rtnexthop) && n < FS_NL_HOPS_MAX) {
		const struct rtnexthop *hop = (const struct rtnexthop *)at;
		const struct nlattr *tb[RTA_MAX + 1] = { 0 };
		struct attrs attrs = { tb, RTA_MAX };
		size_t step = RTNH_ALIGN(hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			break;
		mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof(*hop), keep, &attrs);
		out[n] = *base;
		out[n].oif = (uint32_t)hop->rtnh_ifindex;
		out[n].kernel_only |= tb[RTA_ENCAP] != NULL;
		take_gateway(&out[n], tb[RTA_GATEWAY], tb[RTA_VIA]);
		if (!(hop->rtnh_flags & RTNH_F_DEAD))
			n++;
		left -= MIN(step, left);
		at += step;
	}
	return n;
}

/* No filter yet: 0 only for what is no route at all. */
static unsigned int read_route(const struct nlmsghdr *nlh,
			       struct fs_nl_route out[FS_NL_HOPS_MAX])
{
	const struct nlattr *tb[RTA_MAX + 1] = { 0 }, *metrics[RTAX_MAX + 1] = { 0 };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct fs_nl_route route = { 0 };

	if (!holds(nlh, sizeof(*rtm)) || !is_inet(rtm->rtm_family))
		return 0;
	parse(nlh, sizeof(*rtm), tb, RTA_MAX);
	parse_nested(tb[RTA_METRICS], metrics, RTAX_MAX);
	route.family = rtm->rtm_family;
	route.prefix_len = rtm->rtm_dst_len;
	route.type = rtm->rtm_type;
	route.scope = rtm->rtm_scope;
	route.table = rtm->rtm_table;
	take_u32(&route.table, tb[RTA_TABLE]);
	take_u32(&route.priority, tb[RTA_PRIORITY]);
	take_u32(&route.oif, tb[RTA_OIF]);
	take_u32(&route.mtu, metrics[RTAX_MTU]);
	take_ip(route.dst, tb[RTA_DST], route.family);
	take_ip(route.prefsrc, tb[RTA_PREFSRC], route.family);
	route.kernel_only = tb[RTA_ENCAP];
	if (tb[RTA_MULTIPATH])
		return take_hops(tb[RTA_MULTIPATH], &route, out);
	take_gateway(&route, tb[RTA_GATEWAY], tb[RTA_VIA]);
	out[0] = route;
	return 1;
}

unsigned int fs_nl_msg_route(const struct nlmsghdr *nlh,
			     struct fs_nl_route out[FS_NL_HOPS_MAX])
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	unsigned int n = read_route(nlh, out);

	if (!n || rtm->rtm_flags & RTM_F_CLONED || rtm->rtm_src_len || rtm->rtm_tos)
		return 0;
	if (out->table != RT_TABLE_MAIN && out->table != RT_TABLE_LOCAL &&
	    out->table != RT_TABLE_DEFAULT)
		return 0;
	return n;
}

bool fs_nl_msg_route_answer(const struct nlmsghdr *nlh, struct fs_nl_route *out)
{
	struct fs_nl_route hops[FS_NL_HOPS_MAX];

	if (nlh->nlmsg_type != RTM_NEWROUTE || !read_route(nlh, hops))
		return false;
	*out = hops[0];
	return true;
}

bool fs_nl_msg_rule_is_default(const struct nlmsghdr *nlh)
{
	static const struct { uint32_t priority, table; } usual[] = {
		{ 0, RT_TABLE_LOCAL }, { 32766, RT_TABLE_MAIN }, { 32767, RT_TABLE_DEFAULT },
	};
	const struct nlattr *tb[FRA_MAX + 1] = { 0 };
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);
	uint32_t priority = 0, table;

	if (!holds(nlh, sizeof(*rule)))
		return true;
	parse(nlh, sizeof(*rule), tb, FRA_MAX);
	table = rule->table;
	take_u32(&table, tb[FRA_TABLE]);
	take_u32(&priority, tb[FRA_PRIORITY]);
	if (rule->action != FR_ACT_TO_TBL || rule->src_len || rule->dst_len || rule->tos ||
	    rule->flags & FIB_RULE_INVERT || tb[FRA_FWMARK] || tb[FRA_IIFNAME] ||
	    tb[FRA_OIFNAME] || tb[FRA_L3MDEV])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (usual[i].priority == priority && usual[i].table == table)
			return true;
	return false;
}
