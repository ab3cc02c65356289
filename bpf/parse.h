/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * parse.h - from the frame's bytes to struct fs_packet and the rule's key.
 *
 * Every length is checked twice: against the IP packet, which may be shorter
 * than the frame (Ethernet pads), and against the frame. An IP packet that is
 * longer than its frame is malformed. Everything that is not understood ends
 * in a pass_* verdict; GO means that the key, but for its address, is set.
 *
 * Where a packet's fate may hang on more than its addresses and ports, it
 * passes, whatever rules say: whether a source route, a routing header or an
 * authentication is acceptable, and whether there is an interface for a VLAN,
 * only the kernel knows. It gives the kernel twin what it accepts. An ICMP
 * error that quotes such a packet passes as well: the twin sent it, a stack
 * sends neither options nor fragments.
 */
#ifndef FS_BPF_PARSE_H
#define FS_BPF_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "fs_reply.bpf.h"

enum {
	GO = 0,			/* no verdict yet */
	VLAN_TAGS_MAX = 2,
	VLAN_ID = 0x0fff,	/* of the tag; 0: a priority tag, the same interface */
};

enum packet_kind {
	KIND_WHOLE = 0,
	KIND_TCP_FRAGMENT,	/* the first one: it has the ports */
	KIND_ICMP_ERROR,	/* the key is of the embedded packet */
};

enum fragment {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

enum icmp_type {
	ICMP_T_UNREACHABLE = 3,
	ICMP_T_ECHO = 8,
	ICMP_T_TIME_EXCEEDED = 11,
	ICMP_T_PARAMETER = 12,
	ICMP6_T_ERROR_FIRST = 1,
	ICMP6_T_ERROR_LAST = 4,
	ICMP6_T_ECHO = 128,
	ICMP6_T_ECHO_REPLY = 129,
};

enum ip6_ext {
	EXT_HOP_BY_HOP = 0,
	EXT_ROUTING = 43,
	EXT_FRAGMENT = 44,
	EXT_AUTH = 51,
	EXT_DEST = 60,
	EXT_MOBILITY = 135,
	EXT_HIP = 139,
	EXT_SHIM6 = 140,
};

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 csum;
	__u8 rest[4];
};

/* struct ethhdr is packed, and would be read byte by byte. */
struct eth_header {
	__be16 dst[3];
	__be16 src[3];
	__be16 proto;
};

struct vlan_header {
	__be16 tci;
	__be16 proto;
};

struct fragment_header {
	__u8 next;
	__u8 rsvd;
	__be16 offset;		/* and, as its last bit, "more fragments" */
	__be32 id;
};

/* Where the parser stands, and what it has learnt on the way there. */
struct cursor {
	struct xdp_md *ctx;
	__u32 off;
	__u32 end;		/* of what may be read: the frame, then the IP packet */
	__u8 proto;
	__u8 fragment;
	__u8 loose;		/* an ICMP error quotes only the packet's beginning */
};

static __always_inline void *peek(const struct cursor *cursor, __u32 size)
{
	if (cursor->off + size > cursor->end || cursor->off + size > FS_HEADERS_MAX)
		return NULL;
	return fs_at(cursor->ctx, cursor->off, size);
}

static __always_inline int parse_eth(const struct fs_run *run, struct cursor *cursor, __be16 *proto)
{
	const struct eth_header *eth = peek(cursor, sizeof(*eth));
	const __be16 *mac = (const __be16 *)run->config->mac;

	if (!eth)
		return FS_STAT_pass_malformed;
	if (eth->dst[0] & bpf_htons(0x0100))
		return FS_STAT_pass_other_mac;
	if ((run->config->flags & FS_CONFIG_F_MAC) &&
	    (eth->dst[0] != mac[0] || eth->dst[1] != mac[1] || eth->dst[2] != mac[2]))
		return FS_STAT_pass_other_mac;
	*proto = eth->proto;
	cursor->off += sizeof(*eth);
	return GO;
}

static __always_inline int parse_vlan(struct cursor *cursor, __be16 *proto)
{
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_header *vlan;

		if (*proto != bpf_htons(ETH_P_8021Q) && *proto != bpf_htons(ETH_P_8021AD))
			break;
		vlan = peek(cursor, sizeof(*vlan));
		if (!vlan)
			return FS_STAT_pass_malformed;
		if (vlan->tci & bpf_htons(VLAN_ID))
			return FS_STAT_pass_vlan;
		*proto = vlan->proto;
		cursor->off += sizeof(*vlan);
	}
	return GO;
}

static __always_inline int parse_ip4(struct cursor *cursor)
{
	struct iphdr *ip = peek(cursor, sizeof(*ip));
	__u32 header, total;
	__be16 fragment;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return FS_STAT_pass_malformed;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (total < header || cursor->off + header > cursor->end)
		return FS_STAT_pass_malformed;
	if (!cursor->loose && cursor->off + total > cursor->end)
		return FS_STAT_pass_malformed;
	if (header > sizeof(*ip))
		return FS_STAT_pass_options;
	fragment = ip->frag_off & bpf_htons(0x3fff);
	if (fragment)
		cursor->fragment = fragment & bpf_htons(0x1fff) ? FRAGMENT_LATER : FRAGMENT_FIRST;
	cursor->proto = ip->protocol;
	if (!cursor->loose)
		cursor->end = cursor->off + total;
	cursor->off += sizeof(*ip);
	return GO;
}

static __always_inline int is_ext(__u8 proto)
{
	return proto == EXT_HOP_BY_HOP || proto == EXT_ROUTING || proto == EXT_AUTH ||
	       proto == EXT_DEST || proto == EXT_MOBILITY || proto == EXT_HIP ||
	       proto == EXT_SHIM6;
}

/* A whole packet in a fragment's header (RFC 6946) is an option like others. */
static __always_inline int parse_fragment(struct cursor *cursor)
{
	struct fragment_header *header = peek(cursor, sizeof(*header));

	if (!header)
		return FS_STAT_pass_malformed;
	if (header->offset & bpf_htons(0xfff8))
		cursor->fragment = FRAGMENT_LATER;
	else if (header->offset & bpf_htons(1))
		cursor->fragment = FRAGMENT_FIRST;
	else
		return FS_STAT_pass_options;
	cursor->proto = header->next;
	cursor->off += sizeof(*header);
	return GO;
}

static __always_inline int parse_ip6(struct cursor *cursor)
{
	struct ipv6hdr *ip6 = peek(cursor, sizeof(*ip6));
	__u32 total;

	if (!ip6 || ip6->version != 6)
		return FS_STAT_pass_malformed;
	total = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	if (!cursor->loose && cursor->off + total > cursor->end)
		return FS_STAT_pass_malformed;
	cursor->proto = ip6->nexthdr;
	if (!cursor->loose)
		cursor->end = cursor->off + total;
	cursor->off += sizeof(*ip6);
	if (cursor->proto == EXT_FRAGMENT)
		return parse_fragment(cursor);
	return is_ext(cursor->proto) ? FS_STAT_pass_options : GO;
}

static __always_inline int parse_udp(const struct fs_run *run, const struct cursor *cursor)
{
	struct udphdr *udp = peek(cursor, sizeof(*udp));
	struct fs_packet *packet = run->packet;
	__u32 len;

	if (!udp)
		return FS_STAT_pass_malformed;
	len = bpf_ntohs(udp->len);
	if (len < sizeof(*udp) || cursor->off + len > cursor->end)
		return FS_STAT_pass_malformed;
	if (!udp->check && packet->family == FS_AF_INET6)
		return FS_STAT_pass_malformed;
	packet->payload_off = (__u16)(cursor->off + sizeof(*udp));
	packet->payload_len = (__u16)(len - sizeof(*udp));
	packet->key.port = udp->dest;
	return GO;
}

static __always_inline int parse_tcp(const struct fs_run *run, const struct cursor *cursor)
{
	struct tcphdr *tcp = peek(cursor, sizeof(*tcp));
	struct fs_packet *packet = run->packet;
	__u32 header;

	if (!tcp || tcp->doff < 5)
		return FS_STAT_pass_malformed;
	header = tcp->doff * 4;
	if (cursor->off + header > cursor->end)
		return FS_STAT_pass_malformed;
	packet->payload_off = (__u16)(cursor->off + header);
	packet->payload_len = (__u16)(cursor->end - packet->payload_off);
	packet->key.port = tcp->dest;
	return GO;
}

/* Too short to hold the ports: nobody can say whose it is. */
static __always_inline int parse_tcp_fragment(const struct fs_run *run,
					      const struct cursor *cursor)
{
	__be16 *ports = peek(cursor, 2 * sizeof(*ports));

	if (!ports)
		return FS_STAT_pass_fragment;
	run->packet->kind = KIND_TCP_FRAGMENT;
	run->packet->key.port = ports[1];
	return GO;
}

/*
 * The packet that an error quotes was sent by us: its source is our end of
 * the flow, and the error comes to that same address.
 */
static __always_inline int parse_quote(const struct fs_run *run, struct cursor *cursor)
{
	struct fs_packet *packet = run->packet;
	int is_ip6 = packet->family == FS_AF_INET6;
	__u32 *ours = fs_at(run->ctx, packet->l3_off + (is_ip6 ? 24 : 16), is_ip6 ? 16 : 4);
	__be16 *ports;
	__u32 *quoted;
	int verdict;

	cursor->off += sizeof(struct icmp_header);
	cursor->loose = 1;
	quoted = peek(cursor, is_ip6 ? 24 : 16);
	if (!ours || !quoted)
		return FS_STAT_pass_malformed;
	quoted += is_ip6 ? 2 : 3;
	if (ours[0] != quoted[0])
		return FS_STAT_pass_no_rule;
	if (is_ip6 && (ours[1] != quoted[1] || ours[2] != quoted[2] || ours[3] != quoted[3]))
		return FS_STAT_pass_no_rule;
	verdict = is_ip6 ? parse_ip6(cursor) : parse_ip4(cursor);
	if (verdict != GO)
		return verdict;
	if (cursor->fragment)
		return FS_STAT_pass_fragment;
	if (cursor->proto != IPPROTO_UDP && cursor->proto != IPPROTO_TCP)
		return FS_STAT_pass_proto;
	ports = peek(cursor, 2 * sizeof(*ports));
	if (!ports)
		return FS_STAT_pass_malformed;
	packet->kind = KIND_ICMP_ERROR;
	packet->payload_off = (__u16)cursor->off;	/* of what it quotes */
	packet->key.proto = cursor->proto;
	packet->key.port = ports[0];
	return GO;
}

static __always_inline int is_icmp_error(__u8 family, __u8 type)
{
	if (family == FS_AF_INET6)
		return type >= ICMP6_T_ERROR_FIRST && type <= ICMP6_T_ERROR_LAST;
	return type == ICMP_T_UNREACHABLE || type == ICMP_T_TIME_EXCEEDED ||
	       type == ICMP_T_PARAMETER;
}

static __always_inline int parse_icmp(const struct fs_run *run, struct cursor *cursor)
{
	struct icmp_header *icmp = peek(cursor, sizeof(*icmp));
	struct fs_packet *packet = run->packet;
	__u8 echo = packet->family == FS_AF_INET6 ? ICMP6_T_ECHO : ICMP_T_ECHO;

	if (!icmp)
		return FS_STAT_pass_malformed;
	if (icmp->type == echo) {
		packet->payload_off = (__u16)(cursor->off + sizeof(*icmp));
		packet->payload_len = (__u16)(packet->l4_len - sizeof(*icmp));
		packet->key.port = 0;
		return GO;
	}
	if (is_icmp_error(packet->family, icmp->type))
		return parse_quote(run, cursor);
	return FS_STAT_pass_proto;
}

static __always_inline int parse_l4(const struct fs_run *run, struct cursor *cursor)
{
	struct fs_packet *packet = run->packet;

	if (cursor->fragment) {
		if (cursor->fragment == FRAGMENT_LATER || cursor->proto != IPPROTO_TCP)
			return FS_STAT_pass_fragment;
		return parse_tcp_fragment(run, cursor);
	}
	if (cursor->proto == IPPROTO_UDP)
		return parse_udp(run, cursor);
	if (cursor->proto == IPPROTO_TCP)
		return parse_tcp(run, cursor);
	if (cursor->proto == (packet->family == FS_AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return parse_icmp(run, cursor);
	return FS_STAT_pass_proto;
}

static __always_inline int parse(const struct fs_run *run)
{
	struct cursor cursor = {
		.ctx = run->ctx,
		.end = fs_frame_len(run->ctx),
	};
	struct fs_packet *packet = run->packet;
	__be16 proto = 0;
	int verdict;

	verdict = parse_eth(run, &cursor, &proto);
	if (verdict == GO)
		verdict = parse_vlan(&cursor, &proto);
	if (verdict != GO)
		return verdict;
	packet->l3_off = (__u16)cursor.off;
	if (proto == bpf_htons(ETH_P_IP)) {
		packet->family = FS_AF_INET;
		verdict = parse_ip4(&cursor);
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		packet->family = FS_AF_INET6;
		verdict = parse_ip6(&cursor);
	} else {
		return FS_STAT_pass_not_ip;
	}
	if (verdict != GO)
		return verdict;
	packet->l4_off = (__u16)cursor.off;
	packet->l4_len = (__u16)(cursor.end - cursor.off);
	packet->proto = cursor.proto;
	packet->kind = KIND_WHOLE;
	packet->key.family = packet->family;
	packet->key.proto = cursor.proto;
	return parse_l4(run, &cursor);
}

#endif
