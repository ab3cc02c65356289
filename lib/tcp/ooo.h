/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ooo.h - what has come out of order. It exists only while something is
 * missing, or a duplicate is to be reported.
 *
 *	rcv_nxt   hole            hole
 *	   |     .....  [buf][buf]....[buf]     frames, sorted by sequence number
 *	                [=========)   [====)    ranges: what SACK says of them
 *
 * Frames may overlap; the receive queue takes from each what is new.
 */
#ifndef FS_TCP_OOO_H
#define FS_TCP_OOO_H

#include "tcp/ranges.h"

struct fs_tcp_ooo {
	struct fs_buf *head, *tail;
	uint32_t bufs;
	bool has_dsack;
	struct fs_tcp_range dsack;	/* RFC 2883: for the next ACK */
	struct fs_tcp_ranges ranges;
};

#endif
