/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtt.h - the round-trip time and the timeout made of it: RFC 6298, with the
 * weights of RFC 7323 G when there are several samples in one round.
 *
 *	sample R --> SRTT, RTTVAR --> base = SRTT + max(G, 4 RTTVAR)
 *	         \                         |
 *	          --> min RTT              v
 *	              (RACK)    RTO = base * 2^backoff, within [min, max]
 *
 * Karn's rule is the caller's half here: a sample is never taken from an ACK
 * of bytes that were sent more than once, unless a timestamp says which copy
 * is meant (RFC 7323 4.1). The other half is that a backed-off RTO stays until
 * the next sample.
 */
#ifndef FS_TCP_RTT_H
#define FS_TCP_RTT_H

#include "base/types.h"

#define FS_TCP_RTO_INITIAL_NS	NSEC_PER_SEC		/* RFC 6298 2.1 */
#define FS_TCP_RTO_SYN_LOST_NS	(3 * NSEC_PER_SEC)	/* RFC 6298 5.7 */
/*
 * RFC 6298 2.4 asks for a second; 200 ms is what hosts use. Both bounds are
 * the connection's options.
 */
#define FS_TCP_RTO_MIN_NS	(200 * NSEC_PER_MSEC)
#define FS_TCP_RTO_MAX_NS	(120 * NSEC_PER_SEC)
#define FS_TCP_MIN_RTT_WINDOW_NS (300 * NSEC_PER_SEC)

/*
 * The smallest of the samples of the last window_ns, or of a half to a whole
 * of it: one minimum for the half that runs and one for the half before, where
 * keeping the three best samples with their times would be exact and longer.
 */
struct fs_tcp_min_rtt {
	uint64_t window_ns;
	uint64_t half_began_ns;
	uint64_t now_min_ns;	/* of the running half; FS_NEVER: no sample */
	uint64_t past_min_ns;	/* of the half before */
};

struct fs_tcp_rtt {
	uint64_t srtt_ns;	/* 0: no sample yet */
	uint64_t rttvar_ns;
	uint64_t base_ns;	/* the timeout without backoff and bounds */
	uint64_t rto_min_ns;
	uint64_t rto_max_ns;
	uint64_t granularity_ns;	/* G: of the clock that arms timers */
	struct fs_tcp_min_rtt min;
	uint8_t backoff;
};

void fs_tcp_min_rtt_init(struct fs_tcp_min_rtt *m, uint64_t window_ns, uint64_t now_ns);
void fs_tcp_min_rtt_sample(struct fs_tcp_min_rtt *m, uint64_t rtt_ns, uint64_t now_ns);
/* FS_NEVER when there is no sample in the window. */
uint64_t fs_tcp_min_rtt_ns(const struct fs_tcp_min_rtt *m, uint64_t now_ns);

void fs_tcp_rtt_init(struct fs_tcp_rtt *r, uint64_t rto_min_ns, uint64_t rto_max_ns,
		     uint64_t granularity_ns, uint64_t now_ns);

/*
 * A valid sample. @per_round is how many of them come in one round trip: 1
 * without timestamps, else fs_tcp_rtt_per_round().
 */
void fs_tcp_rtt_sample(struct fs_tcp_rtt *r, uint64_t rtt_ns, uint32_t per_round,
		       uint64_t now_ns);

/* RFC 7323 G: ExpectedSamples = ceil(FlightSize / (2 SMSS)), 1 at least. */
uint32_t fs_tcp_rtt_per_round(uint32_t flight, uint32_t smss);

/*
 * The sample in a TSecr, in ns: 0 if there is none, for the echo is of the
 * future. Less than a tick of the timestamp clock counts as one tick. Only of
 * an ACK that moves SND.UNA (RFC 7323 4.1).
 */
uint64_t fs_tcp_rtt_from_ts(uint32_t now_ts, uint32_t tsecr, uint64_t tick_ns);

/* RFC 6298 2: the timeout to arm now, backed off and within its bounds. */
uint64_t fs_tcp_rto_ns(const struct fs_tcp_rtt *r);

/* The timer fired: RFC 6298 5.5. */
void fs_tcp_rto_back_off(struct fs_tcp_rtt *r);

/* The timeout was spurious, so there was nothing to back off from (RFC 4015). */
void fs_tcp_rto_reset(struct fs_tcp_rtt *r);

/*
 * The handshake is done, but its timer had fired: data starts with 3 s until
 * a sample comes (RFC 6298 5.7).
 */
void fs_tcp_rto_syn_lost(struct fs_tcp_rtt *r);

#endif
