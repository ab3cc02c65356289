/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - one received frame, checked once at the door.
 *
 * fs_wire_parse() walks Ethernet, VLAN tags, IPv4 or IPv6 with options and
 * extension headers, up to the transport header. On FS_WIRE_OK every offset
 * below lies inside the frame and the lengths agree with the headers, so the
 * accessors of udp.h, tcp.h and icmp.h cannot fail. Pure: no clock, no state.
 *
 *	0        l3_off          l4_off                 l4_off + l4_len   len
 *	| eth (vlan) | ip (options) | transport header + payload | padding |
 */
#ifndef FS_WIRE_FRAME_H
#define FS_WIRE_FRAME_H

#include <sys/socket.h>

#include "base/csum.h"
#include "base/types.h"

enum fs_wire_verdict {
	FS_WIRE_OK = 0,
	FS_WIRE_SHORT,		/* truncated, or lengths that contradict each other */
	FS_WIRE_PROTO,		/* not IP, not a version or header we speak */
	FS_WIRE_IP_CSUM,
	FS_WIRE_FRAGMENT,
	FS_WIRE_VERDICT_COUNT
};

/* Of a transport header; bad or partial is for the receiver to judge. */
enum fs_csum_verdict {
	FS_CSUM_GOOD = 0,
	FS_CSUM_BAD,
	FS_CSUM_PARTIAL,	/* the field holds the pseudo-header sum only */
};

enum {
	FS_ETH_LEN = 14,
	FS_ETH_ADDR_LEN = 6,
	FS_VLAN_LEN = 4,
	FS_VLAN_MAX = 2,
	FS_IP4_LEN = 20,
	FS_IP6_LEN = 40,
	FS_UDP_LEN = 8,
	FS_TCP_LEN = 20,	/* without options */
	FS_ICMP_LEN = 8,
	FS_IP6_EXT_MAX = 8,	/* extension headers walked before giving up */
};

enum fs_ethertype {
	FS_ETHERTYPE_IP4 = 0x0800,
	FS_ETHERTYPE_VLAN = 0x8100,
	FS_ETHERTYPE_IP6 = 0x86dd,
	FS_ETHERTYPE_QINQ = 0x88a8,
};

enum fs_ipproto {
	FS_IPPROTO_HOPOPTS = 0,
	FS_IPPROTO_ICMP = 1,
	FS_IPPROTO_TCP = 6,
	FS_IPPROTO_UDP = 17,
	FS_IPPROTO_ROUTING = 43,
	FS_IPPROTO_FRAGMENT = 44,
	FS_IPPROTO_AH = 51,
	FS_IPPROTO_ICMP6 = 58,
	FS_IPPROTO_DSTOPTS = 60,
};

struct fs_wire_frame {
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t l4_len;	/* transport header and payload, without padding */
	uint8_t family;		/* AF_INET or AF_INET6 */
	uint8_t proto;		/* enum fs_ipproto */
	uint8_t tos;
	uint8_t ttl;
	uint8_t addr_len;	/* 4 or 16 */
	const uint8_t *src;	/* in the frame */
	const uint8_t *dst;
};

enum fs_wire_verdict fs_wire_parse(const uint8_t *frame, uint32_t len,
				   struct fs_wire_frame *out);

/* The same from the IP header on, without Ethernet; l3_off is 0. */
enum fs_wire_verdict fs_wire_parse_ip(const uint8_t *packet, uint32_t len, uint8_t family,
				      struct fs_wire_frame *out);

/* The pseudo-header sum of a parsed frame; the length is that of its transport. */
static inline uint64_t fs_wire_pseudo_of(const struct fs_wire_frame *f, uint16_t l4_len)
{
	return f->addr_len == 4 ?
		fs_csum_pseudo4(f->src, f->dst, f->proto, l4_len) :
		fs_csum_pseudo6(f->src, f->dst, f->proto, l4_len);
}

static inline uint64_t fs_wire_pseudo(const struct fs_wire_frame *f)
{
	return fs_wire_pseudo_of(f, f->l4_len);
}

/*
 * Builders: each writes its header at @p, which has room. The IPv4 one
 * computes the header checksum (RFC 791), id 0 with DF (RFC 6864).
 */
struct fs_wire_ip {
	const uint8_t *src;
	const uint8_t *dst;
	uint16_t l4_len;
	uint8_t proto;
	uint8_t tos;
	uint8_t ttl;
};

/* What the transport's checksum begins with. */
static inline uint64_t fs_wire_ip_pseudo(const struct fs_wire_ip *ip, uint8_t family)
{
	return family == AF_INET ?
		fs_csum_pseudo4(ip->src, ip->dst, ip->proto, ip->l4_len) :
		fs_csum_pseudo6(ip->src, ip->dst, ip->proto, ip->l4_len);
}

void fs_wire_put_ip4(uint8_t *p, const struct fs_wire_ip *ip);
void fs_wire_put_ip6(uint8_t *p, const struct fs_wire_ip *ip);

/*
 * What a congested router does (RFC 3168 5): ECT(0) or ECT(1) becomes CE, and
 * the IPv4 checksum follows. False: it is not ECN-capable, or was marked.
 */
bool fs_wire_mark_ce(uint8_t *frame, uint32_t len);

#endif
