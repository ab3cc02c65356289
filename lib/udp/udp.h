/* SPDX-License-Identifier: BSD-2-Clause */
/* udp.h - UDP as the stack sees it: a table of endpoints with an input. */
#ifndef FS_UDP_UDP_H
#define FS_UDP_UDP_H

#include <fastsock/udp.h>

#include "net/host.h"
#include "wire/frame.h"
#include "wire/icmp.h"

struct fs_udp_table;

int fs_udp_table_open(struct fs_udp_table **out, struct fs_host *host);
/* Closes the endpoints that are still open. */
void fs_udp_table_close(struct fs_udp_table *table);

/*
 * One parsed UDP frame. Delivers it or drops it with its reason counted; the
 * buffer is taken over in both cases. @partial_ok: a virtual link, where a
 * local sender may have left the checksum to hardware that does not exist.
 */
void fs_udp_rx(struct fs_udp_table *table, struct fs_buf *buf,
	       const struct fs_wire_frame *frame, bool partial_ok);

/* An ICMP error about a datagram of ours. */
void fs_udp_icmp(struct fs_udp_table *table, const struct fs_wire_icmp_error *error);

/* A buffer that waited for its neighbour: send it now, or report @error. */
void fs_udp_wait_over(struct fs_udp_table *table, struct fs_buf *buf, int error);

/* fs_udp_open() without the public stack. */
int fs_udp_create(struct fs_udp **out, struct fs_udp_table *table,
		  const struct fs_udp_opts *opts);

#endif
