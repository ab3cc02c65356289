/* SPDX-License-Identifier: BSD-2-Clause */
/* timewait.h - what is left of a connection in TIME-WAIT: two cache lines. */
#ifndef FS_TCP_TIMEWAIT_H
#define FS_TCP_TIMEWAIT_H

#include "tcp/conn.h"

struct fs_tcp_timewait {
	struct fs_tcp_flow flow;
	struct fs_timer timer;
	struct fs_tcp_table *table;
	struct fs_tcp_listener *listener;	/* NULL: it holds a local port instead */
	ts32 ts_recent;
	uint32_t ts_offset;
	uint32_t ts_age;		/* timestamp clock when ts_recent was set */
	bool ts_ok;
	bool moved;			/* the kernel has it: nothing is answered */
};

_Static_assert(sizeof(struct fs_tcp_timewait) <= 128, "two cache lines");

#endif
