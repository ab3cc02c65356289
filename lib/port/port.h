/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port.h - a wire that the stack receives from and transmits to.
 *
 * One port is one queue of one interface. The stack sees this vtable only;
 * behind it are xsk.c (AF_XDP), sim.c (an in-memory wire in virtual time) and
 * fault.c (loss, duplication, reordering, corruption in front of another
 * port). A call moves a batch, so the indirection is paid once per batch.
 */
#ifndef FS_PORT_PORT_H
#define FS_PORT_PORT_H

#include "base/types.h"
#include "mem/pool.h"

struct fs_port;

struct fs_port_stats {
	uint64_t rx_drop_ring;		/* receive ring full, frame too long */
	uint64_t rx_drop_no_frame;	/* fill ring empty */
	uint64_t tx_drop_invalid;	/* descriptors that the port refused */
	uint64_t wakeups;
};

struct fs_port_ops {
	const char *name;

	/*
	 * Take up to @n received frames. They come in state RX, with data and
	 * len covering the whole frame from the Ethernet header on, and
	 * rx ifindex and port set. Also returns transmitted frames to the pool
	 * and refills, at the latest when it has nothing to receive.
	 */
	unsigned int (*rx)(struct fs_port *port, struct fs_buf **bufs, unsigned int n);

	/*
	 * Queue frames (data and len: the whole frame) for transmission. The
	 * port takes over one holder of each and puts it when the frame has
	 * left; it does not touch the state. Returns how many were taken from
	 * the front; the rest did not fit now and stay the caller's.
	 */
	unsigned int (*tx)(struct fs_port *port, struct fs_buf **bufs, unsigned int n);

	/*
	 * Start transmission of what tx() queued. Does not block. Returns
	 * whether frames are left that want another kick a little later.
	 */
	bool (*kick)(struct fs_port *port);

	/*
	 * Give back frames that have left. rx() does that as well, but not each
	 * time. NULL: each is given back as it leaves.
	 */
	void (*reclaim)(struct fs_port *port);

	/* Pollable descriptor, or -1 for a port in virtual time. */
	int (*fd)(const struct fs_port *port);

	/* Earliest time something arrives by itself; FS_NEVER if unknown. */
	uint64_t (*next_ns)(const struct fs_port *port);

	void (*stats)(struct fs_port *port, struct fs_port_stats *stats);

	/* Gives every frame back to the pool and frees the port. */
	void (*close)(struct fs_port *port);
};

struct fs_port {
	const struct fs_port_ops *ops;
	struct fs_pool *pool;
	uint32_t ifindex;
	uint32_t queue;
	uint8_t index;		/* of the port in its stack; goes into each buffer */
	bool zerocopy;
	bool partial_csum;	/* virtual link: local senders leave checksums out */
};

#endif
