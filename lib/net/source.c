// SPDX-License-Identifier: BSD-2-Clause
/*
 * source.c - which of our addresses a packet leaves from, when neither the
 * socket nor the route says so.
 *
 * IPv4 as the kernel does it: a primary address of the outgoing link, best
 * one in the next hop's subnet. IPv6 by RFC 6724 5, rules 1 to 8, over the
 * outgoing link, and over all links where that one has no address of enough
 * scope. Left out: home addresses (4), advertising routers (5.5), and
 * temporary addresses count as less (7), as in the kernel's default.
 */
#include <linux/if_addr.h>

#include "base/ip.h"
#include "net/state.h"

static bool in_subnet(const struct fs_nl_addr *addr, const uint8_t ip[16])
{
	uint32_t differs = get_be32(addr->ip) ^ get_be32(ip);

	return !addr->prefix_len || !(differs >> (32 - addr->prefix_len));
}

static const struct fs_nl_addr *pick4(const struct fs_nl_mirror *mirror, uint32_t ifindex,
				      uint8_t scope, const uint8_t *hop)
{
	const struct fs_nl_addr *addr = NULL, *first = NULL;

	while ((addr = fs_nl_mirror_addr_next(mirror, ifindex, addr))) {
		if (addr->family != AF_INET || addr->flags & IFA_F_SECONDARY ||
		    addr->scope > scope)
			continue;
		if (!hop || in_subnet(addr, hop))
			return addr;
		if (!first)
			first = addr;
	}
	return first;
}

static const struct fs_nl_addr *source4(const struct fs_nl_mirror *mirror,
					const struct fs_nl_route *route)
{
	const uint8_t *hop = route->has_gateway && route->gw_family != AF_INET6 ?
		route->gateway : NULL;
	uint8_t scope = MIN(route->scope, (uint8_t)RT_SCOPE_LINK);
	const struct fs_nl_addr *addr = pick4(mirror, route->oif, scope, hop);
	const struct fs_nl_link *link = NULL;

	while (!addr && (link = fs_nl_mirror_link_next(mirror, link)))
		addr = pick4(mirror, link->ifindex, RT_SCOPE_UNIVERSE, NULL);
	return addr;
}

/* RFC 6724 3.1, by the numbers of RFC 4291: link-local 2, site-local 5, global 14. */
static int scope6(const uint8_t ip[16])
{
	if (ip[0] == 0xff)
		return ip[1] & 15;
	if (fs_ip6_is_link_local(ip))
		return 2;
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0)
		return 5;
	return 14;
}

static unsigned int common_bits(const uint8_t a[16], const uint8_t b[16])
{
	for (unsigned int i = 0; i < 16; i++)
		if (a[i] != b[i])
			return i * 8 + (unsigned int)__builtin_clz(a[i] ^ b[i]) - 24;
	return 128;
}

/* The default policy table of RFC 6724 2.1, as far as it has members left. */
static int label6(const uint8_t ip[16])
{
	static const uint8_t zero[12];

	if ((ip[0] & 0xfe) == 0xfc)
		return 13;
	if (ip[0] == 0x20 && ip[1] == 0x02)
		return 2;
	if (ip[0] == 0x20 && ip[1] == 0x01 && !ip[2] && !ip[3])
		return 5;
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0)
		return 11;
	if (ip[0] == 0x3f && ip[1] == 0xfe)
		return 12;
	return memcmp(ip, zero, 12) ? 1 : 3;
}

/* Is @a the better source for @dst? Equal: no, so that the first stays. */
static bool better6(const struct fs_nl_addr *a, const struct fs_nl_addr *b,
		    const uint8_t dst[16], uint32_t oif)
{
	int scope_a = scope6(a->ip), scope_b = scope6(b->ip), scope = scope6(dst);
	bool old_a = a->flags & IFA_F_DEPRECATED, old_b = b->flags & IFA_F_DEPRECATED;
	bool label_a = label6(a->ip) == label6(dst), label_b = label6(b->ip) == label6(dst);
	bool temp_a = a->flags & IFA_F_TEMPORARY, temp_b = b->flags & IFA_F_TEMPORARY;

	if (scope_a != scope_b)						/* rule 2 */
		return scope_a < scope_b ? scope_a >= scope : scope_b < scope;
	if (old_a != old_b)						/* rule 3 */
		return old_b;
	if ((a->ifindex == oif) != (b->ifindex == oif))			/* rule 5 */
		return a->ifindex == oif;
	if (label_a != label_b)						/* rule 6 */
		return label_a;
	if (temp_a != temp_b)						/* rule 7 */
		return temp_b;
	return MIN(common_bits(a->ip, dst), a->prefix_len) >		/* rule 8 */
	       MIN(common_bits(b->ip, dst), b->prefix_len);
}

static const struct fs_nl_addr *pick6(const struct fs_nl_mirror *mirror, uint32_t ifindex,
				      const struct fs_nl_addr *best, const uint8_t dst[16],
				      uint32_t oif)
{
	const struct fs_nl_addr *addr = NULL;

	while ((addr = fs_nl_mirror_addr_next(mirror, ifindex, addr))) {
		bool tentative = addr->flags & IFA_F_TENTATIVE &&
			!(addr->flags & IFA_F_OPTIMISTIC);

		if (addr->family != AF_INET6 || tentative || addr->flags & IFA_F_DADFAILED)
			continue;
		if (ifindex != oif && scope6(addr->ip) <= 2)
			continue;	/* means nothing on another link */
		if (!best || better6(addr, best, dst, oif))
			best = addr;
	}
	return best;
}

static const struct fs_nl_addr *source6(const struct fs_nl_mirror *mirror,
					const struct fs_nl_route *route, const uint8_t dst[16])
{
	const struct fs_nl_addr *best = pick6(mirror, route->oif, NULL, dst, route->oif);
	const struct fs_nl_link *link = NULL;

	if ((best && scope6(best->ip) >= scope6(dst)) || scope6(dst) <= 2)
		return best;
	while ((link = fs_nl_mirror_link_next(mirror, link)))
		if (link->ifindex != route->oif)
			best = pick6(mirror, link->ifindex, best, dst, route->oif);
	return best;
}

bool fs_net_source(const struct fs_nl_mirror *mirror, const struct fs_nl_route *route,
		   uint8_t family, const uint8_t dst[16], uint8_t out[16])
{
	static const uint8_t none[16];
	const struct fs_nl_addr *addr;

	if (memcmp(route->prefsrc, none, fs_nl_ip_len(family))) {
		memcpy(out, route->prefsrc, 16);
		return true;
	}
	addr = family == AF_INET6 ? source6(mirror, route, dst) : source4(mirror, route);
	memcpy(out, addr ? addr->ip : none, 16);
	return addr;
}
