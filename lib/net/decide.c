// SPDX-License-Identifier: BSD-2-Clause
/*
 * decide.c - from a remote address to an Ethernet header, or the reason why
 * there is none. Runs when the cache has no fresh answer.
 *
 *	class of the address -> local? -> route -> link -> neighbour
 *
 * Each step either settles the destination or hands on to the next.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>

#include "base/hash.h"
#include "base/ip.h"
#include "net/state.h"

static void to_kernel(struct fs_dst *dst, enum fs_dst_reason reason)
{
	dst->state = FS_DST_KERNEL;
	dst->reason = (uint8_t)reason;
}

static void unreachable(struct fs_dst *dst, enum fs_dst_state state, int error)
{
	dst->state = (uint8_t)state;
	dst->error = error;
}

/* What the address alone says. */
static enum fs_dst_reason class_of(uint8_t family, const uint8_t ip[16])
{
	static const uint8_t none[16];

	if (!memcmp(ip, none, fs_nl_ip_len(family)))
		return FS_DST_WHY_LOCAL;
	if (family == AF_INET6) {
		if (ip[0] == 0xff)
			return FS_DST_WHY_GROUP;
		return fs_ip6_is_mapped(ip) ? FS_DST_WHY_LOCAL : FS_DST_WHY_NONE;
	}
	if (ip[0] >= 224)
		return FS_DST_WHY_GROUP;
	if (ip[0] == 169 && ip[1] == 254)
		return FS_DST_WHY_LINK_LOCAL;
	return FS_DST_WHY_NONE;
}

/*
 * First or last address of an IPv4 subnet on @ifindex. The kernel's local
 * table lists those as well; a mirror filled by hand may not.
 */
static bool is_broadcast(const struct fs_nl_mirror *mirror, uint32_t ifindex,
			 const uint8_t ip[16])
{
	const struct fs_nl_addr *addr = NULL;

	while ((addr = fs_nl_mirror_addr_next(mirror, ifindex, addr))) {
		uint32_t host;

		if (addr->family != AF_INET || addr->prefix_len > 30 || !addr->prefix_len)
			continue;
		host = UINT32_MAX >> addr->prefix_len;
		if ((get_be32(ip) ^ get_be32(addr->ip)) & ~host)
			continue;
		if ((get_be32(ip) & host) == host || !(get_be32(ip) & host))
			return true;
	}
	return false;
}

static bool is_ours(const struct fs_net *net, uint32_t ifindex)
{
	for (uint32_t i = 0; i < net->n_ifaces; i++)
		if (net->iface[i] == ifindex)
			return true;
	return !net->n_ifaces;
}

static bool is_ethernet(const struct fs_nl_link *link)
{
	static const uint8_t none[6];

	return !(link->flags & IFF_LOOPBACK) && memcmp(link->mac, none, 6);
}

/* False: settled. */
static bool find_route(struct fs_net *net, struct fs_dst *dst, struct fs_nl_route *out)
{
	const struct fs_nl_route *route;
	int ret;

	if (dst->by_rules) {
		struct fs_nl_route_query query = { .family = dst->family,
						   .oif = dst->scope_ifindex };

		if (!net->ops.route_get) {
			to_kernel(dst, FS_DST_WHY_RULES);
			return false;
		}
		memcpy(query.dst, dst->remote, 16);
		if (dst->has_from)
			memcpy(query.src, dst->from, 16);
		ret = net->ops.route_get(net->ops.ctx, &query, out);
		if (ret < 0)
			unreachable(dst, FS_DST_UNREACH, ret);
		return ret >= 0;
	}
	route = fs_nl_mirror_route(net->mirror, dst->family, dst->remote, dst->scope_ifindex);
	if (!route) {
		unreachable(dst, FS_DST_UNREACH, -ENETUNREACH);
		return false;
	}
	*out = *route;
	return true;
}

/* What the route's type and link say. False: settled. */
static bool take_route(struct fs_net *net, struct fs_dst *dst, const struct fs_nl_route *route,
		       const struct fs_nl_link *link)
{
	switch (route->type) {
	case RTN_UNICAST:
		break;
	case RTN_LOCAL:
		to_kernel(dst, FS_DST_WHY_LOCAL);
		return false;
	case RTN_UNREACHABLE:
		unreachable(dst, FS_DST_UNREACH, -EHOSTUNREACH);
		return false;
	case RTN_PROHIBIT:
		unreachable(dst, FS_DST_UNREACH, -EACCES);
		return false;
	case RTN_BLACKHOLE:
		unreachable(dst, FS_DST_UNREACH, -EINVAL);
		return false;
	default:
		to_kernel(dst, FS_DST_WHY_GROUP);
		return false;
	}
	if (route->kernel_only)
		to_kernel(dst, FS_DST_WHY_ENCAP);
	else if (!is_ours(net, route->oif))
		to_kernel(dst, FS_DST_WHY_OTHER_IFACE);
	else if (!link || !(link->flags & IFF_UP))
		unreachable(dst, FS_DST_LINK_DOWN, -ENETDOWN);
	else if (!is_ethernet(link))
		to_kernel(dst, FS_DST_WHY_NOT_ETHERNET);
	else if (!link->running)
		unreachable(dst, FS_DST_LINK_DOWN, -ENETDOWN);
	else if (dst->family == AF_INET && !route->has_gateway &&
		 is_broadcast(net->mirror, route->oif, dst->remote))
		to_kernel(dst, FS_DST_WHY_GROUP);
	else
		return true;
	return false;
}

/*
 * The kernel does not see our traffic. Left alone, a STALE entry is never
 * verified and in the end collected; one probe makes NUD go on.
 */
static void nudge(struct fs_net *net, const struct fs_dst *dst, uint64_t now_ns)
{
	uint64_t hash = fs_hash_ip(net->seed, dst->next_hop,
				   (uint64_t)dst->ifindex << 8 | dst->hop_family);
	struct fs_net_nudge *last = &net->nudge[hash % FS_NET_NUDGES];

	if (last->hash == hash && now_ns < last->until_ns)
		return;
	last->hash = hash;
	last->until_ns = now_ns + FS_NET_NUDGE_NS;
	fs_net_probe(net, dst->ifindex, dst->hop_family, dst->next_hop);
}

static void find_neigh(struct fs_net *net, struct fs_dst *dst, const struct fs_nl_link *link,
		       uint64_t now_ns)
{
	const struct fs_nl_neigh *neigh = fs_nl_mirror_neigh(net->mirror, dst->ifindex,
							     dst->hop_family, dst->next_hop);

	memcpy(dst->eth + 6, link->mac, 6);
	put_be16(dst->eth + 12, dst->family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP);
	if (fs_nl_neigh_usable(neigh)) {
		memcpy(dst->eth, neigh->mac, 6);
		dst->state = FS_DST_READY;
		if (neigh->state & NUD_STALE)
			nudge(net, dst, now_ns);
	} else if (link->flags & IFF_NOARP) {
		to_kernel(dst, FS_DST_WHY_NOT_ETHERNET);
	} else {
		dst->state = FS_DST_WAIT;
	}
}

static void fill(struct fs_net *net, struct fs_dst *dst, const struct fs_nl_route *route,
		 const struct fs_nl_link *link, uint64_t now_ns)
{
	uint32_t mtu = route->mtu && route->mtu < link->mtu ? route->mtu : link->mtu;

	dst->ifindex = route->oif;
	dst->mtu = fs_net_pmtu_clamp(net, dst->family, dst->remote, mtu, now_ns);
	dst->hop_family = route->has_gateway && route->gw_family ? route->gw_family : dst->family;
	memcpy(dst->next_hop, route->has_gateway ? route->gateway : dst->remote, 16);
	fs_net_source(net->mirror, route, dst->family, dst->remote, dst->src);
	find_neigh(net, dst, link, now_ns);
}

void fs_net_decide(struct fs_net *net, struct fs_dst *dst, uint64_t now_ns)
{
	struct fs_dst fresh = { .family = dst->family, .scope_ifindex = dst->scope_ifindex,
				.has_from = dst->has_from };
	const struct fs_nl_link *link;
	struct fs_nl_route route = { 0 };
	enum fs_dst_reason class;

	memcpy(fresh.remote, dst->remote, 16);
	memcpy(fresh.from, dst->from, 16);
	fresh.generation = net->mirror->generation;
	if (fresh.family != AF_INET && fresh.family != AF_INET6) {
		unreachable(&fresh, FS_DST_UNREACH, -EAFNOSUPPORT);
		goto out;
	}
	class = class_of(fresh.family, fresh.remote);
	if (!class && fs_nl_mirror_is_local(net->mirror, fresh.family, fresh.remote))
		class = FS_DST_WHY_LOCAL;
	if (class) {
		to_kernel(&fresh, class);
		goto out;
	}
	fresh.by_rules = fs_nl_mirror_rules(net->mirror, fresh.family);
	if (!find_route(net, &fresh, &route))
		goto out;
	link = fs_nl_mirror_link(net->mirror, route.oif);
	if (take_route(net, &fresh, &route, link))
		fill(net, &fresh, &route, link, now_ns);
out:
	*dst = fresh;
}
