/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc.h - congestion control: how much may be in flight. Algorithms are files
 * behind a vtable; time is an argument, nothing is allocated.
 *
 * All windows are in bytes. The connection tells what happened, once for each
 * ACK segment or timer; the layer in cc.c keeps what all algorithms share:
 * one reduction for each window of data whatever signals it (RFC 3168 6.1.2,
 * RFC 8257 3.5), the values to undo, the restart after idling.
 *
 *	          loss                        exit: recovery point passed
 *	OPEN ------------> RECOVERY ----------------------+
 *	 ^ ^--- ECE: reduces, stays       | timeout       |
 *	 |                                v               |
 *	 |  timeout ---------------> LOSS: slow start     |
 *	 +----------------------------+-- exit, undo -----+
 *
 * In RECOVERY the algorithm has chosen ssthresh, and cwnd is the connection's
 * to write after each ACK: lib/tcp/prr.h tells what. Without that, cwnd stays
 * at ssthresh.
 */
#ifndef FS_TCP_CC_H
#define FS_TCP_CC_H

#include "base/types.h"

#define FS_TCP_CC_PRIV_BYTES	64
#define FS_TCP_CC_NAME_DEFAULT	"cubic"
#define FS_TCP_SSTHRESH_NONE	UINT32_MAX	/* nothing was ever lost */
#define FS_TCP_CWND_MAX		(1u << 30)	/* the largest window: RFC 7323 2.3 */

enum fs_tcp_cc_state {
	FS_TCP_CC_OPEN = 0,
	FS_TCP_CC_RECOVERY = 1,
	FS_TCP_CC_LOSS = 2,
};

/* What one ACK segment says. */
struct fs_tcp_cc_ack {
	uint64_t now_ns;
	uint64_t rtt_ns;	/* the sample it gave, 0: none */
	uint64_t srtt_ns;	/* 0: unknown */
	uint32_t acked;		/* bytes by which SND.UNA moved */
	uint32_t flight;	/* SND.NXT - SND.UNA after it moved */
	bool app_limited;	/* the window was not used: see fs_tcp_cc_limited() */
	bool ece;		/* ECN-Echo, on a connection that negotiated it */
};

struct fs_tcp_cc {
	const struct fs_tcp_cc_ops *ops;
	uint32_t smss;
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t undo_cwnd;	/* before the last reduction, 0: nothing to undo */
	uint32_t undo_ssthresh;
	uint32_t reduced_left;	/* bytes to be acknowledged before it may shrink again */
	enum fs_tcp_cc_state state;
	_Alignas(8) unsigned char priv[FS_TCP_CC_PRIV_BYTES];
};

/* By name: "cubic", "newreno", "dctcp"; NULL if there is none such. */
const struct fs_tcp_cc_ops *fs_tcp_cc_find(const char *name);

/* RFC 6928 2: ten segments, but not more than 14600 bytes if that is two. */
uint32_t fs_tcp_cc_initial_window(uint32_t smss);

/* Also for a connection that changes its algorithm: it then starts anew. */
void fs_tcp_cc_init(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ops *ops, uint32_t smss,
		    uint64_t now_ns);

/* The path MTU changed. The window stays, but is one segment at least. */
void fs_tcp_cc_set_smss(struct fs_tcp_cc *cc, uint32_t smss);

/* The SYN or SYN-ACK was lost: one segment (RFC 5681 3.1). */
void fs_tcp_cc_syn_lost(struct fs_tcp_cc *cc);

/*
 * Whether the window held the sender back, given the most bytes that were in
 * flight in the last round. In slow start it may grow to twice of what was
 * used, so that it can double in every round.
 */
bool fs_tcp_cc_limited(const struct fs_tcp_cc *cc, uint32_t max_in_flight);

/*
 * An ACK in any state. True if its ECN-Echo reduced the window: the next new
 * segment then carries CWR (RFC 3168 6.1.2).
 */
bool fs_tcp_cc_ack(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack);

/*
 * Loss was detected, fast recovery begins; @flight is SND.NXT - SND.UNA
 * without what limited transmit sent (RFC 5681 3.2). True if that reduced the
 * window, which it does not a second time for the same window of data.
 */
bool fs_tcp_cc_loss(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns);

/*
 * The retransmission timer fired; @again if it did so before for the same
 * segment: ssthresh then stays (RFC 5681 3.1).
 */
void fs_tcp_cc_rto(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns, bool again);

/* SND.UNA passed the recovery point of the loss or of the timeout. */
void fs_tcp_cc_exit(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns);

/*
 * The last loss or timeout was none: the segment had only been late (seen by
 * D-SACK, timestamps or F-RTO). False if there is nothing to undo.
 */
bool fs_tcp_cc_undo(struct fs_tcp_cc *cc, uint64_t now_ns);

/* About to send after @idle_ns without sending: the restart window, RFC 5681 4.1. */
void fs_tcp_cc_idle(struct fs_tcp_cc *cc, uint64_t idle_ns, uint64_t rto_ns, uint64_t now_ns);

/*
 * The rest is for algorithms. A callback may be NULL where it says so. The
 * layer sets state, undo values and reduced_left itself.
 */
struct fs_tcp_cc_ops {
	const char *name;
	/*
	 * Needs ECN, and the receiver to echo CE segment by segment as in RFC
	 * 8257 3.2. The connection negotiates and does that.
	 */
	bool needs_ecn;
	void (*init)(struct fs_tcp_cc *cc, uint64_t now_ns);
	/* Any ACK, in any state; grow only if fs_tcp_cc_may_grow(). */
	void (*on_ack)(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack);
	/* Set ssthresh and cwnd. */
	void (*on_loss)(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns);
	/* Set ssthresh, once for each loss; cwnd becomes one segment afterwards. */
	void (*on_rto)(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns);
	/* At most once for each window of data. Set ssthresh and cwnd. */
	void (*on_ecn)(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack);
	/* Fast recovery ends; NULL: cwnd = ssthresh. */
	void (*on_recovery_exit)(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns);
	/* cwnd and ssthresh have been restored; NULL: that is all. */
	void (*on_undo)(struct fs_tcp_cc *cc, uint64_t now_ns);
	/* cwnd was cut to the restart window; NULL: that is all. */
	void (*on_idle)(struct fs_tcp_cc *cc, uint64_t now_ns);
};

extern const struct fs_tcp_cc_ops fs_tcp_cc_newreno;
extern const struct fs_tcp_cc_ops fs_tcp_cc_cubic;
extern const struct fs_tcp_cc_ops fs_tcp_cc_dctcp;

static inline bool fs_tcp_cc_in_slow_start(const struct fs_tcp_cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

/* An ACK with ECN-Echo never grows the window: RFC 3168 6.1.2. */
static inline bool fs_tcp_cc_may_grow(const struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	return ack->acked && cc->state != FS_TCP_CC_RECOVERY && !ack->app_limited && !ack->ece;
}

static inline void fs_tcp_cc_set_cwnd(struct fs_tcp_cc *cc, uint64_t cwnd)
{
	cc->cwnd = cwnd < FS_TCP_CWND_MAX ? (uint32_t)cwnd : FS_TCP_CWND_MAX;
}

/* max(num / den of what was in flight, 2 SMSS): RFC 5681 3.1, equation 4. */
static inline uint32_t fs_tcp_cc_share(const struct fs_tcp_cc *cc, uint32_t flight, uint32_t num,
				       uint32_t den)
{
	uint64_t share = (uint64_t)MIN(flight, cc->cwnd) * num / den;

	return (uint32_t)MAX(share, 2ull * cc->smss);
}

/*
 * Slow start by bytes (RFC 3465 2.2): at most @segments for one ACK, one in
 * the slow start that follows a timeout (2.3); stops at ssthresh.
 */
void fs_tcp_cc_slow_start(struct fs_tcp_cc *cc, uint32_t acked, uint32_t segments);

/*
 * Slow start, and then one segment for each window acknowledged (RFC 3465
 * 2.1). @counted is the algorithm's: bytes towards the next segment.
 */
void fs_tcp_cc_reno_grow(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack,
			 uint32_t *counted);

#endif
