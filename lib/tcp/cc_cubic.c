// SPDX-License-Identifier: BSD-2-Clause
/*
 * cc_cubic.c - CUBIC, RFC 9438: the default. The window follows a curve of the
 * time since the last reduction, but is never below what Reno would have.
 *
 * An epoch is one stage of congestion avoidance. It begins with the first ACK
 * that grows the window after recovery or slow start; there W_max, K and W_est
 * are set. Time in which the application, not the window, held the sender back
 * does not count (4.2): the epoch's beginning moves along.
 *
 * HyStart++ runs before the first reduction, undo values exist after it: they
 * share their room. What 4.9 restores beyond cwnd and ssthresh is kept here.
 */
#include "tcp/cc.h"
#include "tcp/cubic.h"
#include "tcp/hystart.h"

enum {
	BETA_NUM = 7, BETA_DEN = 10,
	FAST_NUM = 17, FAST_DEN = 20,	/* (1 + beta) / 2: RFC 9438 4.7 */
	ALPHA_NUM = 9, ALPHA_DEN = 17,	/* 3 (1 - beta) / (1 + beta): 4.3 */
	ABC_LIMIT = 2,			/* L of slow starts after the first: RFC 3465 2.2 */
	EST_Q = 16,
};

/* What defines the curve, and what an undo puts back. */
struct curve {
	uint64_t epoch_ns;	/* FS_NEVER: the next growth begins one */
	uint32_t w_max;		/* 0: the window at the epoch's beginning */
	uint32_t cwnd_prior;
	uint32_t k_q20;
	uint32_t w_est;
};

struct cubic {
	struct curve curve;
	union {
		struct fs_tcp_hystart hystart;	/* while ssthresh is NONE */
		struct curve undo;
	};
	uint64_t last_ns;	/* the last ACK */
	uint32_t cwnd_q32;	/* what cwnd has beyond whole bytes */
	uint16_t w_est_q16;
};
static_assert(sizeof(struct cubic) <= FS_TCP_CC_PRIV_BYTES, "cubic outgrew the private area");

static struct cubic *priv(struct fs_tcp_cc *cc)
{
	return (struct cubic *)cc->priv;
}

static void cubic_init(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	struct cubic *c = priv(cc);

	*c = (struct cubic){ .curve = { .epoch_ns = FS_NEVER }, .last_ns = now_ns };
	fs_tcp_hystart_init(&c->hystart);
}

static void begin_epoch(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	struct cubic *c = priv(cc);
	struct curve *v = &c->curve;

	v->epoch_ns = now_ns;
	v->w_est = cc->cwnd;
	c->w_est_q16 = 0;
	c->cwnd_q32 = 0;
	/* After slow start, also after a timeout (4.8): the convex part. */
	if (v->w_max <= cc->cwnd)
		v->w_max = cc->cwnd;
	v->k_q20 = fs_tcp_cubic_k_q20(v->w_max - cc->cwnd, cc->smss);
}

/* RFC 9438 4.3, figure 4: alpha becomes 1 where Reno had its window before. */
static void grow_w_est(struct fs_tcp_cc *cc, uint32_t acked)
{
	struct cubic *c = priv(cc);
	uint64_t part = (uint64_t)acked * cc->smss, w_est;

	if (c->curve.w_est < c->curve.cwnd_prior)
		part = part * ALPHA_NUM / ALPHA_DEN;
	w_est = ((uint64_t)c->curve.w_est << EST_Q) + c->w_est_q16 + (part << EST_Q) / cc->cwnd;
	c->w_est_q16 = (uint16_t)w_est;
	w_est >>= EST_Q;
	c->curve.w_est = w_est < FS_TCP_CWND_MAX ? (uint32_t)w_est : FS_TCP_CWND_MAX;
}

/* RFC 9438 4.4 and 4.5: (target - cwnd) / cwnd for each byte acknowledged. */
static void grow_towards(struct fs_tcp_cc *cc, uint64_t target, uint32_t acked)
{
	struct cubic *c = priv(cc);
	uint64_t cwnd = cc->cwnd, gain_q32, sum_q32;

	target = MIN(target, cwnd + cwnd / 2);
	if (target <= cwnd)
		return;
	gain_q32 = ((target - cwnd) << 32) / cwnd;
	sum_q32 = c->cwnd_q32 + MIN(acked, cc->cwnd) * gain_q32;
	c->cwnd_q32 = (uint32_t)sum_q32;
	fs_tcp_cc_set_cwnd(cc, cwnd + (sum_q32 >> 32));
}

static void avoid_congestion(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	struct curve *v = &priv(cc)->curve;
	uint64_t t_ns;

	if (v->epoch_ns == FS_NEVER)
		begin_epoch(cc, ack->now_ns);
	t_ns = ack->now_ns - v->epoch_ns;
	grow_w_est(cc, MIN(ack->acked, cc->cwnd));
	if (fs_tcp_cubic_window(v->w_max, v->k_q20, t_ns, cc->smss) < v->w_est)
		cc->cwnd = MAX(cc->cwnd, v->w_est);
	else
		grow_towards(cc,
			     fs_tcp_cubic_window(v->w_max, v->k_q20, t_ns + ack->srtt_ns, cc->smss),
			     ack->acked);
}

/* The first slow start: RFC 9406 4.2. */
static void hystart(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	enum fs_tcp_hystart_phase phase;
	uint32_t acked = MIN(ack->acked, FS_TCP_HYSTART_LIMIT * cc->smss);

	phase = fs_tcp_hystart_ack(&priv(cc)->hystart, ack->rtt_ns, ack->acked, ack->flight);
	if (phase == FS_TCP_HYSTART_DONE)
		cc->ssthresh = cc->cwnd;
	if (phase == FS_TCP_HYSTART_CSS)
		acked /= FS_TCP_HYSTART_DIVISOR;
	if (phase != FS_TCP_HYSTART_DONE && fs_tcp_cc_may_grow(cc, ack))
		fs_tcp_cc_slow_start(cc, acked, FS_TCP_HYSTART_LIMIT);
}

static void cubic_on_ack(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	struct cubic *c = priv(cc);
	uint64_t gap_ns = ack->now_ns - c->last_ns;

	c->last_ns = ack->now_ns;
	if (ack->app_limited && c->curve.epoch_ns != FS_NEVER)
		c->curve.epoch_ns += gap_ns;
	if (cc->ssthresh == FS_TCP_SSTHRESH_NONE) {
		hystart(cc, ack);
		return;
	}
	if (!fs_tcp_cc_may_grow(cc, ack))
		return;
	if (fs_tcp_cc_in_slow_start(cc))
		fs_tcp_cc_slow_start(cc, ack->acked, ABC_LIMIT);
	else
		avoid_congestion(cc, ack);
}

/* RFC 9438 4.6 and 4.7. */
static void cubic_on_loss(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	struct cubic *c = priv(cc);
	struct curve *v = &c->curve;

	(void)now_ns;
	c->undo = *v;
	v->cwnd_prior = cc->cwnd;
	/* Fast convergence: a flow that did not get back leaves room to others. */
	if (cc->cwnd < v->w_max)
		v->w_max = (uint32_t)((uint64_t)cc->cwnd * FAST_NUM / FAST_DEN);
	else
		v->w_max = cc->cwnd;
	v->epoch_ns = FS_NEVER;
	cc->ssthresh = fs_tcp_cc_share(cc, flight, BETA_NUM, BETA_DEN);
	cc->cwnd = cc->ssthresh;
}

/* RFC 9438 4.8: K = 0 and W_max = cwnd at the epoch's beginning. */
static void cubic_on_rto(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	cubic_on_loss(cc, flight, now_ns);
	priv(cc)->curve.w_max = 0;
}

static void cubic_on_ecn(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	cubic_on_loss(cc, ack->flight + ack->acked, ack->now_ns);
}

/* RFC 9438 4.9; an undone first reduction was in the first slow start. */
static void cubic_on_undo(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	struct cubic *c = priv(cc);

	(void)now_ns;
	c->curve = c->undo;
	c->cwnd_q32 = 0;
	c->w_est_q16 = 0;
	if (cc->ssthresh == FS_TCP_SSTHRESH_NONE)
		fs_tcp_hystart_init(&c->hystart);
}

/* The window may have to be found anew: what was measured is old. */
static void cubic_on_idle(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	struct cubic *c = priv(cc);

	c->last_ns = now_ns;
	c->curve.epoch_ns = FS_NEVER;
	if (cc->ssthresh == FS_TCP_SSTHRESH_NONE)
		fs_tcp_hystart_init(&c->hystart);
}

const struct fs_tcp_cc_ops fs_tcp_cc_cubic = {
	.name = FS_TCP_CC_NAME_DEFAULT,
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_rto = cubic_on_rto,
	.on_ecn = cubic_on_ecn,
	.on_undo = cubic_on_undo,
	.on_idle = cubic_on_idle,
};
