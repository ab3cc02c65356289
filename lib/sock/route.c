// SPDX-License-Identifier: BSD-2-Clause
/*
 * route.c - by which interface would the kernel send there? Asked before there
 * is a stack: most programs that connect, connect elsewhere, and need none.
 */
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "nl/ask.h"
#include "sock/sock.h"
#include "stack/world.h"

static int ask(const struct fs_addr *addr, struct fs_nl_route *route)
{
	struct fs_nl_route_query query = { .family = addr->family, .oif = addr->scope };

	memcpy(query.dst, addr->ip, sizeof(query.dst));
	return fs_engine.stack ? fs_nl_route_get(fs_engine.stack->world->nl, &query, route) :
				 fs_nl_route_ask(&query, route);
}

static bool is_ours(uint32_t ifindex)
{
	const struct fs_world *world = fs_engine.stack ? fs_engine.stack->world : NULL;

	for (unsigned int i = 0; world && i < world->n_ifaces; i++)
		if (world->ifaces[i].ifindex == ifindex)
			return true;
	for (unsigned int i = 0; !world && fs_sock_config.ifaces[i]; i++)
		if (if_nametoindex(fs_sock_config.ifaces[i]) == ifindex)
			return true;
	return false;
}

enum fs_socket_reason fs_route_judge(const struct fs_addr *addr)
{
	struct fs_nl_route route;

	if (ask(addr, &route))
		return FS_SOCKET_route;
	if (route.type == RTN_LOCAL)
		return FS_SOCKET_loopback;
	if (route.type == RTN_MULTICAST || route.type == RTN_BROADCAST)
		return FS_SOCKET_multicast;
	return route.type == RTN_UNICAST && is_ours(route.oif) ? FS_SOCKET_fast : FS_SOCKET_route;
}
