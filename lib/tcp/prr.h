/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prr.h - Proportional Rate Reduction: how much each ACK of a fast recovery
 * lets go, so that ssthresh bytes are in flight at its end (RFC 9937, which
 * replaces RFC 6937).
 *
 *	in flight > ssthresh   of what was delivered, ssthresh / RecoverFS is sent
 *	in flight <= ssthresh  what was delivered (conservative, CRB), or one
 *	                       segment more if the ACK shows progress (SSRB)
 *
 * A recovery: enter; for each ACK  cwnd = in flight + fs_tcp_prr_ack();  for
 * each segment sent, new or again, fs_tcp_prr_sent(); at the end, where
 * fs_tcp_cc_exit() sets cwnd, nothing.
 */
#ifndef FS_TCP_PRR_H
#define FS_TCP_PRR_H

#include "base/types.h"

struct fs_tcp_prr {
	uint64_t delivered;	/* prr_delivered: bytes, in this recovery */
	uint64_t out;		/* prr_out: bytes sent in it */
	uint32_t recover_fs;	/* RecoverFS: bytes in flight when it began */
	uint32_t ssthresh;
};

/*
 * @recover_fs is SND.NXT - SND.UNA, less what was SACKed before, plus what the
 * ACK that starts the recovery acknowledges cumulatively (RFC 9937 6).
 */
void fs_tcp_prr_enter(struct fs_tcp_prr *prr, uint32_t ssthresh, uint32_t recover_fs);

/*
 * An ACK in recovery, that which starts it included. @delivered is the bytes
 * it newly acknowledged or SACKed; without SACK a duplicate ACK counts as one
 * segment, and what the next advance covers of that is taken off again.
 * @in_flight is the estimate after it ("pipe"); @safe says that it moved
 * SND.UNA and showed no further loss. Returns SndCnt, what may be sent now.
 * An ACK that delivered nothing changes nothing, cwnd neither: not to be called.
 */
uint32_t fs_tcp_prr_ack(struct fs_tcp_prr *prr, uint32_t delivered, uint32_t in_flight,
			uint32_t smss, bool safe);

static inline void fs_tcp_prr_sent(struct fs_tcp_prr *prr, uint32_t bytes)
{
	prr->out += bytes;
}

#endif
