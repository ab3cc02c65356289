/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hystart.h - HyStart++ (RFC 9406): leave the first slow start when the delay
 * grows, before packets are lost.
 *
 *	              RTT of the round rose
 *	SLOW_START ---------------------------> CSS ---- 5 rounds ----> DONE
 *	     ^                                   |
 *	     +------- it fell again -------------+
 *
 * For the first slow start of a connection only (RFC 9406 4.3).
 */
#ifndef FS_TCP_HYSTART_H
#define FS_TCP_HYSTART_H

#include "base/types.h"

enum {
	FS_TCP_HYSTART_LIMIT = 8,	/* L: segments of growth for one ACK, not paced */
	FS_TCP_HYSTART_DIVISOR = 4,	/* CSS_GROWTH_DIVISOR */
};

enum fs_tcp_hystart_phase {
	FS_TCP_HYSTART_SLOW_START = 0,
	FS_TCP_HYSTART_CSS = 1,		/* conservative slow start: growth / DIVISOR */
	FS_TCP_HYSTART_DONE = 2,	/* ssthresh = cwnd */
};

struct fs_tcp_hystart {
	uint32_t round_left;	/* bytes to be acknowledged until windowEnd */
	uint32_t last_min_us;	/* lastRoundMinRTT; UINT32_MAX: infinite */
	uint32_t min_us;	/* currentRoundMinRTT */
	uint32_t base_us;	/* cssBaselineMinRtt */
	uint8_t samples;	/* rttSampleCount, as far as it matters */
	uint8_t css_rounds;
	uint8_t phase;
};

void fs_tcp_hystart_init(struct fs_tcp_hystart *h);

/*
 * An ACK for @acked bytes that leaves @flight outstanding, with an RTT sample
 * or 0. Returns how to grow for it.
 */
enum fs_tcp_hystart_phase fs_tcp_hystart_ack(struct fs_tcp_hystart *h, uint64_t rtt_ns,
					     uint32_t acked, uint32_t flight);

#endif
