/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * house.h - a host of our own for tests of lib/net: a mirror filled by hand.
 *
 *	1 lo		127/8 local
 *	2 fs0		192.0.2.1/24, 2001:db8::1/64, fe80::1/64, MTU 1500
 *	3 fs1		203.0.113.1/24, MTU 9000; 198.51.100/24 by 203.0.113.9
 *	4 tun0		10.0.0.1/30, no Ethernet; 10/8 over it
 *	default		by 192.0.2.254 and by fe80::fe on fs0
 *
 * Probes are recorded, and no neighbour is known.
 */
#ifndef TESTS_UNIT_NET_HOUSE_H
#define TESTS_UNIT_NET_HOUSE_H

#include "net/net.h"

enum { LO = 1, FS0, FS1, TUN0 };

struct house {
	struct fs_nl_mirror *mirror;
	struct fs_net *net;
	uint64_t now_ns;
	unsigned int probes;
	uint32_t probe_ifindex;
	uint8_t probe_family;
	uint8_t probe_ip[16];
	unsigned int questions;		/* to the kernel, for a route */
	struct fs_nl_route_query question;	/* the last one */
	int answer_error;
	struct fs_nl_route answer;
};

extern struct house h;

void house_open(void);
void house_close(void);	/* proves that no buffer waits */

void house_link(uint32_t ifindex, uint32_t mtu, bool up);
void house_addr(uint32_t ifindex, const char *ip, uint8_t prefix_len, uint32_t flags);
/* @gateway NULL: on the link. */
void house_route(const char *dst, uint8_t prefix_len, uint32_t oif, const char *gateway);
void house_neigh(uint32_t ifindex, const char *ip, uint16_t state, uint8_t mac_last);
/* @text in an address array; static storage for each of the last four. */
const uint8_t *house_ip(const char *text);
const struct fs_dst *house_dst(const char *remote);

#endif
