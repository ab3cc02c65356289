// SPDX-License-Identifier: BSD-2-Clause
/*
 * cc_newreno.c - NewReno: RFC 5681, RFC 6582, counting bytes (RFC 3465).
 *
 * Of RFC 6582 this has the reduction and the window after recovery. Partial
 * ACKs retransmit without leaving RECOVERY, which is the connection's doing;
 * the inflation of the window by duplicate ACKs is replaced by PRR, which
 * counts them as delivered bytes.
 */
#include "tcp/cc.h"

struct newreno {
	uint32_t counted; /* bytes acknowledged towards the next segment of growth */
};
static_assert(sizeof(struct newreno) <= FS_TCP_CC_PRIV_BYTES, "newreno outgrew the private area");

static struct newreno *priv(struct fs_tcp_cc *cc)
{
	return (struct newreno *)cc->priv;
}

static void newreno_init(struct fs_tcp_cc *cc, uint64_t now_ns)
{
	(void)now_ns;
	priv(cc)->counted = 0;
}

static void newreno_on_ack(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	fs_tcp_cc_reno_grow(cc, ack, &priv(cc)->counted);
}

static void newreno_on_rto(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	(void)now_ns;
	priv(cc)->counted = 0;
	cc->ssthresh = fs_tcp_cc_share(cc, flight, 1, 2);
}

static void newreno_on_loss(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	newreno_on_rto(cc, flight, now_ns);
	cc->cwnd = cc->ssthresh;
}

/* The ACK took its bytes out of the flight, but they were in it: RFC 3168 6.1.2. */
static void newreno_on_ecn(struct fs_tcp_cc *cc, const struct fs_tcp_cc_ack *ack)
{
	newreno_on_loss(cc, ack->flight + ack->acked, ack->now_ns);
}

/* RFC 6582 3.2 step 3, choice 1: no burst when little is left in flight. */
static void newreno_on_recovery_exit(struct fs_tcp_cc *cc, uint32_t flight, uint64_t now_ns)
{
	uint32_t gentle = MAX(flight, cc->smss) + cc->smss;

	(void)now_ns;
	cc->cwnd = MIN(cc->ssthresh, gentle);
}

const struct fs_tcp_cc_ops fs_tcp_cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_loss = newreno_on_loss,
	.on_rto = newreno_on_rto,
	.on_ecn = newreno_on_ecn,
	.on_recovery_exit = newreno_on_recovery_exit,
	.on_idle = newreno_init,
};
