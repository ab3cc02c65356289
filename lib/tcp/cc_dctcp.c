// SPDX-License-Identifier: BSD-2-Clause
/*
 * cc_dctcp.c - Data Center TCP, the sender's side: RFC 8257 3.3 to 3.5.
 *
 * alpha estimates which part of the bytes met congestion, and a window with
 * marks shrinks by alpha / 2 instead of by half. Loss is answered as by Reno,
 * growth is Reno's. The receiver's side, which echoes every change of CE (RFC
 * 8257 3.2), is the connection's: ops->needs_ecn asks for it.
 */
#include "tcp/cc.h"

enum {
	ALPHA_BITS = 20,	/* fine enough for alpha to sink close to 0 */
	ALPHA_ONE = 1 << ALPHA_BITS,
	G_SHIFT = 4,		/* g = 1/16: RFC 8257 4.2 */
};

struct dctcp {
	uint32_t alpha;
	uint32_t counted;	/* as in NewReno */
	uint32_t window_left;	/* bytes until DCTCP.WindowEnd */
	uint32_t acked;		/* DCTCP.BytesAcked in this observation window */
	uint32_t marked;	/* DCTCP.BytesMarked */
};
static_assert(sizeof(struct dctcp) <= FS_TCP_CC_PRIV_BYTES, "dctcp outgrew the private area");

static struct dctcp *priv(struct fs_tcp_cc *cc)
{
	return (struct dctcp *)cc->priv;
}

static void dctcp_init(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	(void)now_ns;
	*priv(cc) = (struct dctcp){ .alpha = ALPHA_ONE };
}

/* RFC 8257 3.3 steps 3 to 8. */
static void observe(struct dctcp *d, const struct fs_tcp_cc_ack *ack)
{
	uint32_t part;

	d->acked += ack->acked;
	d->marked += ack->ece ? ack->acked : 0;
	if (ack->acked < d->window_left) {
		d->window_left -= ack->acked;
		return;
	}
	if (d->acked) {
		part = (uint32_t)(((uint64_t)d->marked << ALPHA_BITS) / d->acked);
		d->alpha = d->alpha - (d->alpha >> G_SHIFT) + (part >> G_SHIFT);
		d->alpha = MIN(d->alpha, (uint32_t)ALPHA_ONE);
	}
	d->window_left = ack->flight;
	d->acked = 0;
	d->marked = 0;
}

static void dctcp_on_ack(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	observe(priv(cc), ack);
	fs_tcp_cc_reno_grow(cc, ack, &priv(cc)->counted);
}

/* RFC 8257 3.3 step 9, with the floor of RFC 5681 3.1. */
static void dctcp_on_ecn(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	uint32_t cut = (uint32_t)((uint64_t)cc->cwnd * priv(cc)->alpha >> (ALPHA_BITS + 1));
	uint32_t cwnd = cc->cwnd - cut;

	(void)ack;
	cc->cwnd = MAX(cwnd, 2 * cc->smss);
	cc->ssthresh = cc->cwnd;
	priv(cc)->counted = 0;
}

/* RFC 8257 3.5: loss is a conventional TCP's. */
static void dctcp_on_rto(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	(void)now_ns;
	priv(cc)->counted = 0;
	cc->ssthresh = fs_tcp_cc_share(cc, flight, 1, 2);
}

static void dctcp_on_loss(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	dctcp_on_rto(cc, flight, now_ns);
	cc->cwnd = cc->ssthresh;
}

static void dctcp_on_idle(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	(void)now_ns;
	priv(cc)->counted = 0;
}

const struct fs_tcp_cc_ops fs_tcp_cc_dctcp = {
	.name = "dctcp",
	.needs_ecn = true,
	.init = dctcp_init,
	.on_ack = dctcp_on_ack,
	.on_loss = dctcp_on_loss,
	.on_rto = dctcp_on_rto,
	.on_ecn = dctcp_on_ecn,
	.on_idle = dctcp_on_idle,
};
