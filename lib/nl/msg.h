/* SPDX-License-Identifier: BSD-2-Clause */
/* msg.h - rtnetlink messages as values of mirror.h. */
#ifndef FS_NL_MSG_H
#define FS_NL_MSG_H

#include <libmnl/libmnl.h>

#include "nl/mirror.h"

/* Each returns false for a message that is not for the mirror. */
bool fs_nl_msg_link(const struct nlmsghdr *nlh, struct fs_nl_link *out);
bool fs_nl_msg_addr(const struct nlmsghdr *nlh, struct fs_nl_addr *out);
bool fs_nl_msg_neigh(const struct nlmsghdr *nlh, struct fs_nl_neigh *out);

enum { FS_NL_HOPS_MAX = 64 };

/*
 * A route as one value per next hop: their number, 0 for a route that is not
 * for the mirror (another table; by source or TOS). Dead next hops are left
 * out, and those past FS_NL_HOPS_MAX.
 */
unsigned int fs_nl_msg_route(const struct nlmsghdr *nlh,
			     struct fs_nl_route out[FS_NL_HOPS_MAX]);

/* The answer to RTM_GETROUTE for one destination, whatever its table. */
bool fs_nl_msg_route_answer(const struct nlmsghdr *nlh, struct fs_nl_route *out);

/* The rule is one of those every namespace starts with. */
bool fs_nl_msg_rule_is_default(const struct nlmsghdr *nlh);

#endif
