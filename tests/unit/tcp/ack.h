/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ack.h - a path of fixed delay that acknowledges whole windows, for the tests
 * of congestion control: one ACK a segment, spread evenly over a round.
 */
#ifndef TESTS_UNIT_TCP_ACK_H
#define TESTS_UNIT_TCP_ACK_H

#include "tcp/cc.h"

struct path {
	struct fs_tcp_cc *cc;
	uint64_t now_ns;
	uint64_t rtt_ns;
	bool app_limited;
};

/* One ACK for @bytes that leaves @flight, now; true if ECE reduced the window. */
static inline bool path_ack(struct path *p, uint32_t bytes, uint32_t flight, bool ece)
{
	struct fs_tcp_cc_ack ack = {
		.now_ns = p->now_ns,
		.rtt_ns = p->rtt_ns,
		.srtt_ns = p->rtt_ns,
		.acked = bytes,
		.flight = flight,
		.app_limited = p->app_limited,
		.ece = ece,
	};

	return fs_tcp_cc_ack(p->cc, &ack);
}

/* One round: every segment of the window is acknowledged, and replaced. */
static inline void path_round(struct path *p)
{
	uint32_t segments = MAX(p->cc->cwnd / p->cc->smss, 1u);
	uint64_t began_ns = p->now_ns;

	for (uint32_t i = 1; i <= segments; i++) {
		p->now_ns = began_ns + p->rtt_ns * i / segments;
		path_ack(p, p->cc->smss, p->cc->cwnd - MIN(p->cc->smss, p->cc->cwnd), false);
	}
}

#endif
