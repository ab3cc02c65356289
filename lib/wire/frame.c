// SPDX-License-Identifier: BSD-2-Clause
/*
 * frame.c - from bytes to a checked frame, and IP headers back to bytes.
 *
 * Every length on the wire is hostile: each step compares it with what is
 * left of the frame before it looks at the next byte. Trailing bytes beyond
 * the IP length are Ethernet padding and are ignored.
 */
#include <sys/socket.h>

#include "wire/frame.h"

static enum fs_wire_verdict parse_ip4(const uint8_t *p, uint32_t len, struct fs_wire_frame *out)
{
	uint32_t header_len, total_len;
	uint16_t frag;

	if (len < FS_IP4_LEN)
		return FS_WIRE_SHORT;
	if (p[0] >> 4 != 4)
		return FS_WIRE_PROTO;
	header_len = (p[0] & 0xfu) * 4;
	total_len = get_be16(p + 2);
	if (header_len < FS_IP4_LEN || total_len < header_len || total_len > len)
		return FS_WIRE_SHORT;
	if (fs_csum_fold(header_len == FS_IP4_LEN ? fs_csum_add20(p) :
			 fs_csum_add(0, p, header_len)) != 0xffff)
		return FS_WIRE_IP_CSUM;
	frag = get_be16(p + 6);
	if (frag & 0x3fff)	/* MF, or an offset */
		return FS_WIRE_FRAGMENT;
	out->family = AF_INET;
	out->proto = p[9];
	out->tos = p[1];
	out->ttl = p[8];
	out->addr_len = 4;
	out->src = p + 12;
	out->dst = p + 16;
	out->l4_off = (uint16_t)header_len;
	out->l4_len = (uint16_t)(total_len - header_len);
	return FS_WIRE_OK;
}

/* Length of the extension header at @p (at least 8 bytes are there); 0: not one. */
static uint32_t ext_len(uint8_t proto, const uint8_t *p)
{
	switch (proto) {
	case FS_IPPROTO_HOPOPTS:
	case FS_IPPROTO_ROUTING:
	case FS_IPPROTO_DSTOPTS:
		return (p[1] + 1u) * 8;
	case FS_IPPROTO_AH:
		return (p[1] + 2u) * 4;
	default:
		return 0;
	}
}

static bool is_ext(uint8_t proto)
{
	return proto == FS_IPPROTO_HOPOPTS || proto == FS_IPPROTO_ROUTING ||
	       proto == FS_IPPROTO_DSTOPTS || proto == FS_IPPROTO_AH;
}

/* RFC 8200 4: walk the chain; @end bounds it. */
static enum fs_wire_verdict walk_ext(const uint8_t *p, uint32_t end, struct fs_wire_frame *out)
{
	uint32_t off = FS_IP6_LEN;
	uint8_t proto = p[6];

	for (int i = 0; is_ext(proto); i++) {
		uint32_t len;

		if (i == FS_IP6_EXT_MAX)
			return FS_WIRE_PROTO;
		if (end - off < 8)
			return FS_WIRE_SHORT;
		len = ext_len(proto, p + off);
		if (len > end - off)
			return FS_WIRE_SHORT;
		proto = p[off];
		off += len;
	}
	if (proto == FS_IPPROTO_FRAGMENT)
		return FS_WIRE_FRAGMENT;
	out->proto = proto;
	out->l4_off = (uint16_t)off;
	out->l4_len = (uint16_t)(end - off);
	return FS_WIRE_OK;
}

static enum fs_wire_verdict parse_ip6(const uint8_t *p, uint32_t len, struct fs_wire_frame *out)
{
	uint32_t end;

	if (len < FS_IP6_LEN)
		return FS_WIRE_SHORT;
	if (p[0] >> 4 != 6)
		return FS_WIRE_PROTO;
	end = FS_IP6_LEN + get_be16(p + 4);
	if (end > len || end > UINT16_MAX)
		return FS_WIRE_SHORT;
	out->family = AF_INET6;
	out->tos = (uint8_t)((p[0] << 4 & 0xf0) | p[1] >> 4);
	out->ttl = p[7];
	out->addr_len = 16;
	out->src = p + 8;
	out->dst = p + 24;
	return walk_ext(p, end, out);
}

enum fs_wire_verdict fs_wire_parse_ip(const uint8_t *packet, uint32_t len, uint8_t family,
				      struct fs_wire_frame *out)
{
	out->l3_off = 0;
	return family == AF_INET ? parse_ip4(packet, len, out) : parse_ip6(packet, len, out);
}

enum fs_wire_verdict fs_wire_parse(const uint8_t *frame, uint32_t len, struct fs_wire_frame *out)
{
	uint32_t off = FS_ETH_LEN;
	enum fs_wire_verdict verdict;
	uint16_t type;

	if (len < FS_ETH_LEN)
		return FS_WIRE_SHORT;
	type = get_be16(frame + 12);
	for (int i = 0; type == FS_ETHERTYPE_VLAN || type == FS_ETHERTYPE_QINQ; i++) {
		if (i == FS_VLAN_MAX)
			return FS_WIRE_PROTO;
		if (len - off < FS_VLAN_LEN)
			return FS_WIRE_SHORT;
		type = get_be16(frame + off + 2);
		off += FS_VLAN_LEN;
	}
	if (type != FS_ETHERTYPE_IP4 && type != FS_ETHERTYPE_IP6)
		return FS_WIRE_PROTO;
	verdict = likely(type == FS_ETHERTYPE_IP4) ? parse_ip4(frame + off, len - off, out) :
						     parse_ip6(frame + off, len - off, out);
	if (verdict != FS_WIRE_OK)
		return verdict;
	out->l3_off = (uint16_t)off;
	out->l4_off = (uint16_t)(out->l4_off + off);
	return FS_WIRE_OK;
}

void fs_wire_put_ip4(uint8_t *p, const struct fs_wire_ip *ip)
{
	uint16_t csum;

	p[0] = 0x45;
	p[1] = ip->tos;
	put_be16(p + 2, (uint16_t)(FS_IP4_LEN + ip->l4_len));
	put_be32(p + 4, 0x00004000);	/* id 0, DF */
	p[8] = ip->ttl;
	p[9] = ip->proto;
	memset(p + 10, 0, 2);
	memcpy(p + 12, ip->src, 4);
	memcpy(p + 16, ip->dst, 4);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add20(p));
	memcpy(p + 10, &csum, 2);
}

void fs_wire_put_ip6(uint8_t *p, const struct fs_wire_ip *ip)
{
	put_be32(p, 6u << 28 | (uint32_t)ip->tos << 20);
	put_be16(p + 4, ip->l4_len);
	p[6] = ip->proto;
	p[7] = ip->ttl;
	memcpy(p + 8, ip->src, 16);
	memcpy(p + 24, ip->dst, 16);
}

bool fs_wire_mark_ce(uint8_t *frame, uint32_t len)
{
	struct fs_wire_frame f;
	uint16_t csum;
	uint8_t *ip;

	if (fs_wire_parse(frame, len, &f) != FS_WIRE_OK || !(f.tos & 3) || (f.tos & 3) == 3)
		return false;
	ip = frame + f.l3_off;
	if (f.addr_len == 16) {
		ip[1] |= 0x30;
		return true;
	}
	ip[1] |= 3;
	memset(ip + 10, 0, 2);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(0, ip, (ip[0] & 0xfu) * 4));
	memcpy(ip + 10, &csum, 2);
	return true;
}
