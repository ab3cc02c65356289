/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip.h - what the bytes of an IP address say by themselves. An IPv4 address
 * stands in the first four of its 16 bytes, and the rest are zero.
 */
#ifndef FS_BASE_IP_H
#define FS_BASE_IP_H

#include <sys/socket.h>

#include "base/types.h"

/* 0.0.0.0 and ::, which stand for any address. */
static inline bool fs_ip_is_any(const uint8_t ip[16])
{
	static const uint8_t any[16];

	return !memcmp(ip, any, sizeof(any));
}

static inline bool fs_ip_is_loopback(uint8_t family, const uint8_t *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	return family == AF_INET ? ip[0] == 127 :
	       family == AF_INET6 && !memcmp(ip, one, sizeof(one));
}

/* fe80::/10, RFC 4291 2.5.6. */
static inline bool fs_ip6_is_link_local(const uint8_t ip[16])
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* Does the address name nobody without an interface? */
static inline bool fs_ip_needs_scope(uint8_t family, const uint8_t *ip)
{
	return family == AF_INET6 && fs_ip6_is_link_local(ip);
}

/* ::ffff:a.b.c.d, RFC 4291 2.5.5.2. */
static inline bool fs_ip6_is_mapped(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(ip, prefix, sizeof(prefix));
}

#endif
