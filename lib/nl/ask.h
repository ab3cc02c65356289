/* SPDX-License-Identifier: BSD-2-Clause */
/* ask.h - the kernel's route for one destination, over a socket for questions. */
#ifndef FS_NL_ASK_H
#define FS_NL_ASK_H

#include "nl/mirror.h"

/* As fs_nl_route_get() of rtnl.h. @seq: of no other question under way. */
int fs_nl_ask_route(int fd, uint32_t seq, const struct fs_nl_route_query *query,
		    struct fs_nl_route *out);
/* The same where there is no mirror, on a socket that is opened for it. */
int fs_nl_route_ask(const struct fs_nl_route_query *query, struct fs_nl_route *out);

#endif
