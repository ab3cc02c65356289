// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <check.h>
#include <net/if.h>
#include <stdlib.h>

#include "house.h"

struct house h;

static int probe(void *ctx, uint32_t ifindex, uint8_t family, const uint8_t ip[16])
{
	struct house *house = ctx;

	house->probes++;
	house->probe_ifindex = ifindex;
	house->probe_family = family;
	memcpy(house->probe_ip, ip, 16);
	return 0;
}

static int route_get(void *ctx, const struct fs_nl_route_query *query, struct fs_nl_route *out)
{
	struct house *house = ctx;

	house->question = *query;
	house->questions++;
	*out = house->answer;
	return house->answer_error;
}

static uint8_t family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

const uint8_t *house_ip(const char *text)
{
	static uint8_t ip[4][16];
	static unsigned int n;
	uint8_t *out = ip[n++ % 4];

	memset(out, 0, 16);
	ck_assert_int_eq(inet_pton(family_of(text), text, out), 1);
	return out;
}

void house_link(uint32_t ifindex, uint32_t mtu, bool up)
{
	struct fs_nl_link link = { .ifindex = ifindex, .mtu = mtu, .running = up,
				   .flags = up ? IFF_UP : 0 };

	if (ifindex == LO)
		link.flags |= IFF_LOOPBACK;
	else if (ifindex != TUN0)
		memcpy(link.mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)ifindex }, 6);
	ck_assert_int_eq(fs_nl_mirror_link_set(h.mirror, &link), 0);
}

void house_addr(uint32_t ifindex, const char *ip, uint8_t prefix_len, uint32_t flags)
{
	struct fs_nl_addr addr = { .ifindex = ifindex, .family = family_of(ip),
				   .prefix_len = prefix_len, .flags = flags };

	memcpy(addr.ip, house_ip(ip), 16);
	if (!strncmp(ip, "fe80", 4))
		addr.scope = RT_SCOPE_LINK;
	ck_assert_int_eq(fs_nl_mirror_addr_set(h.mirror, &addr), 0);
}

void house_route(const char *dst, uint8_t prefix_len, uint32_t oif, const char *gateway)
{
	struct fs_nl_route route = { .family = family_of(dst), .prefix_len = prefix_len,
				     .oif = oif, .has_gateway = gateway };

	memcpy(route.dst, house_ip(dst), 16);
	if (gateway) {
		route.gw_family = family_of(gateway);
		memcpy(route.gateway, house_ip(gateway), 16);
	}
	ck_assert_int_eq(fs_nl_mirror_route_set(h.mirror, &route), 0);
}

void house_neigh(uint32_t ifindex, const char *ip, uint16_t state, uint8_t mac_last)
{
	struct fs_nl_neigh neigh = { .ifindex = ifindex, .family = family_of(ip),
				     .state = state, .mac = { 2, 9, 9, 9, 9, mac_last } };

	memcpy(neigh.ip, house_ip(ip), 16);
	ck_assert_int_eq(fs_nl_mirror_neigh_set(h.mirror, &neigh), 0);
}

const struct fs_dst *house_dst(const char *remote)
{
	return fs_net_dst(h.net, family_of(remote), house_ip(remote), 0, h.now_ns);
}

void house_open(void)
{
	struct fs_net_ops ops = { .probe = probe, .route_get = route_get, .ctx = &h };
	struct fs_nl_route local = { .family = AF_INET, .prefix_len = 8, .type = RTN_LOCAL,
				     .table = RT_TABLE_LOCAL, .oif = LO, .dst = { 127 } };

	memset(&h, 0, sizeof(h));
	h.now_ns = 1000 * NSEC_PER_SEC;
	ck_assert_int_eq(fs_nl_mirror_open(&h.mirror), 0);
	ck_assert_int_eq(fs_net_open(&h.net, h.mirror, &ops, 42), 0);
	fs_nl_mirror_route_set(h.mirror, &local);
	house_link(LO, 65536, true);
	house_link(FS0, 1500, true);
	house_link(FS1, 9000, true);
	house_link(TUN0, 1400, true);
	house_addr(FS0, "192.0.2.1", 24, 0);
	house_addr(FS0, "2001:db8::1", 64, 0);
	house_addr(FS0, "fe80::1", 64, 0);
	house_addr(FS1, "203.0.113.1", 24, 0);
	house_addr(TUN0, "10.0.0.1", 30, 0);
	house_route("192.0.2.0", 24, FS0, NULL);
	house_route("2001:db8::", 64, FS0, NULL);
	house_route("fe80::", 64, FS0, NULL);
	house_route("203.0.113.0", 24, FS1, NULL);
	house_route("198.51.100.0", 24, FS1, "203.0.113.9");
	house_route("10.0.0.0", 8, TUN0, NULL);
	house_route("0.0.0.0", 0, FS0, "192.0.2.254");
	house_route("::", 0, FS0, "fe80::fe");
}

void house_close(void)
{
	ck_assert_uint_eq(fs_net_waiting(h.net), 0);
	ck_assert_uint_eq(fs_net_next_ns(h.net), FS_NEVER);
	fs_net_close(h.net);
	fs_nl_mirror_close(h.mirror);
}
