/* SPDX-License-Identifier: BSD-2-Clause */
/* xsk.h - the AF_XDP port: one socket on one queue of one interface. */
#ifndef FS_PORT_XSK_H
#define FS_PORT_XSK_H

#include <fastsock/stack.h>

#include "port/port.h"

struct fs_xsk_opts {
	const char *ifname;
	uint32_t ifindex;
	uint32_t queue;
	uint32_t ring_size;		/* entries of each ring, a power of two */
	uint32_t fill;			/* frames kept in the fill ring, at most ring_size */
	enum fs_xsk_mode mode;
	uint32_t busy_poll_us;
	bool patient;			/* who holds the queue is dying: wait for it */
	uint8_t index;			/* of the port in its stack */
	struct fs_pool *pool;
	const struct fs_port *umem;	/* the port that registered the pool; NULL: this one does */
	struct fs_logger log;
};

/* Errors as fs_stack_open() documents them; each is logged as a sentence. */
int fs_port_xsk_open(struct fs_port **out, const struct fs_xsk_opts *opts);

#endif
