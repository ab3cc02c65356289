/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h - struct fs_addr between here and the kernel, and text.
 *
 * IPv4 on a kernel socket of both families: there it is shown as
 * ::ffff:a.b.c.d (RFC 4291 2.5.5.2), here it is IPv4.
 */
#ifndef FS_BASE_ADDR_H
#define FS_BASE_ADDR_H

#include <fastsock/fastsock.h>

#include "base/ip.h"

static inline void fs_addr_unmap(struct fs_addr *addr)
{
	if (addr->family != AF_INET6 || !fs_ip6_is_mapped(addr->ip))
		return;
	memmove(addr->ip, addr->ip + 12, 4);
	memset(addr->ip + 4, 0, 12);
	addr->family = AF_INET;
	addr->scope = 0;
}

static inline void fs_addr_map(struct fs_addr *addr)
{
	if (addr->family != AF_INET)
		return;
	memcpy(addr->ip + 12, addr->ip, 4);
	memset(addr->ip, 0, 10);
	memset(addr->ip + 10, 0xff, 2);
	addr->family = AF_INET6;
}

/* A decimal number up to 65535 and nothing else. 0 or -EINVAL. */
int fs_addr_parse_port(uint16_t *port, const char *text);

#endif
