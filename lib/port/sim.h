/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim.h - an in-memory wire in virtual time.
 *
 * The wire owns the links and the clock; ports come in pairs, one at each
 * end of a cable. Nothing happens by itself: a driver finds the next time
 * at which anything is due, moves the clock there and polls both ends:
 *
 *	now = MIN(fs_sim_next_ns(sim), earliest timer of the stacks);
 *	fs_sim_advance(sim, now);
 *	poll every stack (or port) once with this now
 *
 * The same seed and the same calls give the same bytes at the same times.
 */
#ifndef FS_PORT_SIM_H
#define FS_PORT_SIM_H

#include "port/port.h"

struct fs_sim;

/* One direction of a cable. All zero: no delay, no limit. */
struct fs_sim_link {
	uint64_t delay_ns;
	uint64_t jitter_ns;	/* 0 .. jitter_ns more; frames stay in order (fault.h reorders) */
	uint64_t rate_bps;	/* 0: no limit */
	uint32_t queue_pkts;	/* waiting for the rate, more are dropped at the tail; 0: 1000 */
	uint32_t mark_pkts;	/* while more wait, ECN-capable ones get a CE mark; 0: never */
	uint32_t mtu;		/* longer ones vanish, without a word; 0: no limit */
	bool down;		/* swallows everything */
};

struct fs_sim_pair_opts {
	struct fs_sim_link a_to_b;
	struct fs_sim_link b_to_a;
	uint32_t ring_size;	/* frames in fill, receive and transmit ring; 0: 512, at
				 * most half the pool */
	uint32_t ifindex[2];	/* of a and b; 0: the wire counts from 1 */
	uint8_t index[2];	/* of the ports in their stacks */
	bool partial_csum;	/* struct fs_port */
};

struct fs_sim_stats {		/* of the frames that a port sent */
	uint64_t pkts;		/* entered the wire */
	uint64_t bytes;
	uint64_t drop_queue;	/* at the tail of the queue */
	uint64_t drop_down;
	uint64_t drop_mtu;
	uint64_t ce;		/* marked */
	uint64_t delivered;	/* into the peer's receive ring */
	uint32_t in_flight;	/* in the queue or on the wire */
};

int fs_sim_open(struct fs_sim **out, uint64_t seed);
/* All ports must be closed: asserts it. What is on the wire is gone. NULL is fine. */
void fs_sim_close(struct fs_sim *sim);

/*
 * A cable between two new ports. The pools may be different ones: bytes are
 * copied from the sender's frame when it has left, and into the receiver's
 * fill frame when it arrives. NULL @opts: all defaults. -ENOMEM.
 */
int fs_sim_pair(struct fs_sim *sim, struct fs_pool *pool_a, struct fs_pool *pool_b,
		const struct fs_sim_pair_opts *opts, struct fs_port **a, struct fs_port **b);

/* Move the clock to @now_ns, never back, and let happen what is due. */
void fs_sim_advance(struct fs_sim *sim, uint64_t now_ns);

/* When the next frame arrives anywhere; FS_NEVER when the wire is empty. */
uint64_t fs_sim_next_ns(const struct fs_sim *sim);

/* The wire's clock, for fault and tap ports on it. Lives as long as the wire. */
const uint64_t *fs_sim_clock(const struct fs_sim *sim);

/* From now on @port sends over a different link; what is on the way stays. */
void fs_sim_relink(struct fs_port *port, const struct fs_sim_link *link);

void fs_sim_stats(const struct fs_port *port, struct fs_sim_stats *stats);

#endif
