// SPDX-License-Identifier: BSD-2-Clause
/*
 * icmp.c - ICMP error messages. The embedded packet is usually truncated,
 * so its own lengths and checksums are not compared with what is here: only
 * addresses, protocol and the first eight bytes of the transport header count.
 * RFC 792 promises these eight, and less is refused, as the kernel does.
 */
#include <errno.h>
#include <sys/socket.h>

#include "wire/icmp.h"

enum {
	ICMP4_UNREACH = 3,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAM = 12,
	ICMP6_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAM = 4,
};

/* RFC 1122 3.2.2.1 and 4.1.3.3, as the kernel's icmp_err_convert table has it. */
static int error4(uint8_t type, uint8_t code)
{
	static const int unreach[] = {
		-ENETUNREACH, -EHOSTUNREACH, -ENOPROTOOPT, -ECONNREFUSED, -EMSGSIZE,
		-EOPNOTSUPP, -ENETUNREACH, -EHOSTDOWN, -ENONET, -ENETUNREACH,
		-EHOSTUNREACH, -ENETUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
		-EHOSTUNREACH, -EHOSTUNREACH,
	};

	if (type == ICMP4_UNREACH)
		return code < ARRAY_SIZE(unreach) ? unreach[code] : -EHOSTUNREACH;
	return type == ICMP4_PARAM ? -EPROTO : -EHOSTUNREACH;
}

/* RFC 4443 3, as the kernel's icmpv6_err_convert has it. */
static int error6(uint8_t type, uint8_t code)
{
	static const int unreach[] = {
		-ENETUNREACH, -EACCES, -EHOSTUNREACH, -EHOSTUNREACH, -ECONNREFUSED,
		-EACCES, -EACCES,
	};

	if (type == ICMP6_UNREACH)
		return code < ARRAY_SIZE(unreach) ? unreach[code] : -EPROTO;
	if (type == ICMP6_TOO_BIG)
		return -EMSGSIZE;
	return type == ICMP6_PARAM ? -EPROTO : -EHOSTUNREACH;
}

/* What RFC 792 makes every router send of the packet behind its IP header. */
enum { EMBEDDED_L4 = 8 };

static void embedded_l4(const uint8_t *p, struct fs_wire_icmp_error *out)
{
	out->local_port = get_be16(p);
	out->remote_port = get_be16(p + 2);
	if (out->proto == FS_IPPROTO_TCP)
		out->seq = (seq32){ get_be32(p + 4) };
}

static enum fs_wire_verdict embedded4(const uint8_t *p, uint32_t len,
				      struct fs_wire_icmp_error *out)
{
	uint32_t header_len;

	if (len < FS_IP4_LEN || p[0] >> 4 != 4)
		return FS_WIRE_SHORT;
	header_len = (p[0] & 0xfu) * 4;
	if (header_len < FS_IP4_LEN || len < header_len + EMBEDDED_L4)
		return FS_WIRE_SHORT;
	if (get_be16(p + 6) & 0x1fff)
		return FS_WIRE_FRAGMENT;
	memcpy(out->local, p + 12, 4);
	memcpy(out->remote, p + 16, 4);
	out->proto = p[9];
	embedded_l4(p + header_len, out);
	return FS_WIRE_OK;
}

static enum fs_wire_verdict embedded6(const uint8_t *p, uint32_t len,
				      struct fs_wire_icmp_error *out)
{
	/* Extension headers in a packet of ours: we send none. */
	if (len < FS_IP6_LEN + EMBEDDED_L4 || p[0] >> 4 != 6)
		return FS_WIRE_SHORT;
	memcpy(out->local, p + 8, 16);
	memcpy(out->remote, p + 24, 16);
	out->proto = p[6];
	embedded_l4(p + FS_IP6_LEN, out);
	return FS_WIRE_OK;
}

static enum fs_wire_verdict parse4(const uint8_t *p, uint32_t len,
				   struct fs_wire_icmp_error *out)
{
	if (p[0] != ICMP4_UNREACH && p[0] != ICMP4_TIME_EXCEEDED && p[0] != ICMP4_PARAM)
		return FS_WIRE_PROTO;
	out->error = error4(p[0], p[1]);
	if (p[0] == ICMP4_UNREACH && p[1] == 4)
		out->mtu = get_be16(p + 6);	/* RFC 1191 4 */
	return embedded4(p + FS_ICMP_LEN, len - FS_ICMP_LEN, out);
}

static enum fs_wire_verdict parse6(const uint8_t *p, uint32_t len,
				   struct fs_wire_icmp_error *out)
{
	if (p[0] < ICMP6_UNREACH || p[0] > ICMP6_PARAM)
		return FS_WIRE_PROTO;
	out->error = error6(p[0], p[1]);
	if (p[0] == ICMP6_TOO_BIG)
		out->mtu = get_be32(p + 4);
	return embedded6(p + FS_ICMP_LEN, len - FS_ICMP_LEN, out);
}

enum fs_wire_verdict fs_wire_icmp_parse(const uint8_t *frame, const struct fs_wire_frame *f,
					struct fs_wire_icmp_error *out)
{
	const uint8_t *p = frame + f->l4_off;
	bool four = f->family == AF_INET;
	uint64_t sum = four ? 0 : fs_wire_pseudo(f);
	enum fs_wire_verdict verdict;

	if (f->l4_len < FS_ICMP_LEN)
		return FS_WIRE_SHORT;
	if (fs_csum_fold(fs_csum_add(sum, p, f->l4_len)) != 0xffff)
		return FS_WIRE_IP_CSUM;
	memset(out, 0, sizeof(*out));
	out->family = f->family;
	verdict = four ? parse4(p, f->l4_len, out) : parse6(p, f->l4_len, out);
	if (verdict == FS_WIRE_OK && out->proto != FS_IPPROTO_UDP &&
	    out->proto != FS_IPPROTO_TCP)
		return FS_WIRE_PROTO;
	return verdict;
}
