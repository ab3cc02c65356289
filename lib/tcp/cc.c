// SPDX-License-Identifier: BSD-2-Clause
/*
 * cc.c - what all congestion control algorithms share: when they are asked,
 * what an undo restores, how Reno grows.
 *
 * Rounds and windows of data are counted down in acknowledged bytes instead of
 * compared as sequence numbers: SND.NXT is reached when as many bytes have
 * been acknowledged as were in flight. The ACK that covers a window exactly
 * is its last one.
 */
#include "tcp/cc.h"

enum {
	INITIAL_SEGMENTS = 10,
	INITIAL_BYTES = 14600,
	ABC_LIMIT = 2,		/* L of RFC 3465 2.2 */
};

static const struct fs_tcp_cc_ops *const algorithms[] = {
	&fs_tcp_cc_cubic,
	&fs_tcp_cc_newreno,
	&fs_tcp_cc_dctcp,
};

const struct fs_tcp_cc_ops *fs_tcp_cc_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		if (!strcmp(algorithms[i]->name, name))
			return algorithms[i];
	}
	return NULL;
}

uint32_t fs_tcp_cc_initial_window(uint32_t smss)
{
	uint32_t floor = MAX(2 * smss, INITIAL_BYTES);

	return MIN(INITIAL_SEGMENTS * smss, floor);
}

void fs_tcp_cc_init(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ops *ops, uint32_t smss,
		    uint64_t now_ns)
{
	*cc = (struct fs_tcp_cc){
		.ops = ops,
		.smss = smss,
		.cwnd = fs_tcp_cc_initial_window(smss),
		.ssthresh = FS_TCP_SSTHRESH_NONE,
	};
	ops->init(cc, now_ns);
}

void fs_tcp_cc_set_smss(struct fs_tcp_cc *cc, uint32_t smss)
{
	cc->smss = smss;
	cc->cwnd = MAX(cc->cwnd, smss);
}

void fs_tcp_cc_syn_lost(struct fs_tcp_cc *cc)
{
	cc->cwnd = cc->smss;
}

bool fs_tcp_cc_limited(const struct fs_tcp_cc *cc, uint32_t max_in_flight)
{
	if (fs_tcp_cc_in_slow_start(cc))
		return cc->cwnd < 2ull * max_in_flight;
	return (uint64_t)max_in_flight + cc->smss > cc->cwnd;
}

bool fs_tcp_cc_ack(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	/* What covers the window exactly was sent before CWR: the echo is still the old one. */
	const bool within = cc->reduced_left && ack->acked <= cc->reduced_left;

	cc->reduced_left -= MIN(cc->reduced_left, ack->acked);
	cc->ops->on_ack(cc, ack);
	if (!ack->ece || within || cc->state == FS_TCP_CC_RECOVERY)
		return false;
	cc->undo_cwnd = 0; /* a mark is never spurious */
	cc->ops->on_ecn(cc, ack);
	cc->reduced_left = ack->flight;
	return true;
}

bool fs_tcp_cc_loss(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	if (cc->state == FS_TCP_CC_RECOVERY)
		return false;
	cc->state = FS_TCP_CC_RECOVERY;
	if (cc->reduced_left)
		return false;
	cc->undo_cwnd = cc->cwnd;
	cc->undo_ssthresh = cc->ssthresh;
	cc->ops->on_loss(cc, flight, now_ns);
	cc->reduced_left = flight;
	return true;
}

void fs_tcp_cc_rto(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns, bool again)
{
	if (!again || cc->state != FS_TCP_CC_LOSS) {
		/* PRR may be anywhere below its goal: that is what to go back to. */
		cc->undo_cwnd = cc->state == FS_TCP_CC_RECOVERY ? cc->ssthresh : cc->cwnd;
		cc->undo_ssthresh = cc->ssthresh;
		cc->ops->on_rto(cc, flight, now_ns);
	}
	cc->state = FS_TCP_CC_LOSS;
	cc->cwnd = cc->smss;
	cc->reduced_left = flight;
}

void fs_tcp_cc_exit(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	if (cc->state == FS_TCP_CC_RECOVERY) {
		cc->cwnd = cc->ssthresh;
		if (cc->ops->on_recovery_exit)
			cc->ops->on_recovery_exit(cc, flight, now_ns);
	}
	cc->state = FS_TCP_CC_OPEN;
}

bool fs_tcp_cc_undo(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	if (!cc->undo_cwnd)
		return false;
	cc->cwnd = MAX(cc->cwnd, cc->undo_cwnd);
	cc->ssthresh = cc->undo_ssthresh;
	cc->undo_cwnd = 0;
	cc->reduced_left = 0;
	cc->state = FS_TCP_CC_OPEN;
	if (cc->ops->on_undo)
		cc->ops->on_undo(cc, now_ns);
	return true;
}

void fs_tcp_cc_idle(struct fs_tcp_cc *cc, uint64_t idle_ns, uint64_t rto_ns, uint64_t now_ns)
{
	if (idle_ns <= rto_ns)
		return;
	cc->cwnd = MIN(cc->cwnd, fs_tcp_cc_initial_window(cc->smss));
	if (cc->ops->on_idle)
		cc->ops->on_idle(cc, now_ns);
}

void fs_tcp_cc_slow_start(struct fs_tcp_cc *cc, uint32_t acked, uint32_t segments)
{
	uint32_t limit = (cc->state == FS_TCP_CC_LOSS ? 1 : segments) * cc->smss;
	uint64_t cwnd = (uint64_t)cc->cwnd + MIN(acked, limit);

	fs_tcp_cc_set_cwnd(cc, MIN(cwnd, cc->ssthresh));
}

void fs_tcp_cc_reno_grow(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack,
			 uint32_t *counted)
{
	if (!fs_tcp_cc_may_grow(cc, ack))
		return;
	if (fs_tcp_cc_in_slow_start(cc)) {
		*counted = 0;
		fs_tcp_cc_slow_start(cc, ack->acked, ABC_LIMIT);
		return;
	}
	*counted += MIN(ack->acked, cc->cwnd);
	if (*counted < cc->cwnd)
		return;
	*counted -= cc->cwnd;
	fs_tcp_cc_set_cwnd(cc, (uint64_t)cc->cwnd + cc->smss);
}
