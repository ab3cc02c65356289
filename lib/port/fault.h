/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - a port in front of another one that does what bad networks do.
 *
 * Works over any port, on what it receives and on what it sends, each with
 * odds of its own. Deterministic: the same seed and the same frames give the
 * same faults. Odds are in parts per million of the frames that pass.
 */
#ifndef FS_PORT_FAULT_H
#define FS_PORT_FAULT_H

#include "port/port.h"

struct fs_fault_odds {
	uint32_t loss_ppm;
	/* Bursts (Gilbert-Elliott): a frame begins one, a frame ends it. */
	uint32_t burst_begin_ppm;
	uint32_t burst_end_ppm;		/* mean length 1000000 / this; 0: 250000 */
	uint32_t burst_loss_ppm;	/* in a burst; 0: every frame */
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm;		/* held back, */
	uint32_t reorder_pkts;		/* until so many frames have overtaken; 0: 3 */
	uint64_t reorder_ns;		/* and no longer than this; 0: 1 ms */
	uint32_t corrupt_ppm;
	uint32_t corrupt_bits;		/* flipped in a corrupted frame; 0: 1 */
	uint32_t truncate_ppm;		/* to a random length; sent ones keep the Ethernet header */
	uint32_t ce_ppm;		/* of ECN-capable frames, marked (RFC 3168 5) */
};

struct fs_fault_opts {
	uint64_t seed;
	struct fs_fault_odds rx;
	struct fs_fault_odds tx;
	const uint64_t *now_ns;		/* the clock; needed for reordering */
};

struct fs_fault_stats {
	uint64_t pkts;			/* offered */
	uint64_t lost;
	uint64_t lost_burst;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t truncated;
	uint64_t ce;
	uint64_t no_frame;		/* faults that did not happen: the pool was empty */
};

/*
 * Takes over @inner, which closes with it. 0, -ENOMEM, or -EINVAL for
 * reordering without a clock; @inner stays the caller's then.
 */
int fs_port_fault_open(struct fs_port **out, struct fs_port *inner,
		       const struct fs_fault_opts *opts);

/* Other odds from the next frame on; what is held back stays so. */
void fs_port_fault_set(struct fs_port *port, const struct fs_fault_odds *rx,
		       const struct fs_fault_odds *tx);

/* NULL: not wanted. */
void fs_port_fault_stats(const struct fs_port *port, struct fs_fault_stats *rx,
			 struct fs_fault_stats *tx);

#endif
