// SPDX-License-Identifier: BSD-2-Clause
/*
 * rtt.c - the estimator of RFC 6298 in nanoseconds, and the minimum that RACK
 * (RFC 8985 6.2) wants. Which ACKs give samples is the caller's to know.
 */
#include "tcp/rtt.h"

enum {
	ALPHA_SHARE = 8,	/* alpha = 1/8 */
	BETA_SHARE = 4,		/* beta = 1/4 */
	K = 4,
	BACKOFF_MAX = 31,	/* beyond any rto_max_ns */
};

void fs_tcp_min_rtt_init(struct fs_tcp_min_rtt *m, uint64_t window_ns, uint64_t now_ns)
{
	*m = (struct fs_tcp_min_rtt){
		.window_ns = window_ns,
		.half_began_ns = now_ns,
		.now_min_ns = FS_NEVER,
		.past_min_ns = FS_NEVER,
	};
}

/* What the two minima are at @now_ns: the running half may be over. */
static struct fs_tcp_min_rtt at(const struct fs_tcp_min_rtt *m, uint64_t now_ns)
{
	struct fs_tcp_min_rtt r = *m;
	uint64_t half_ns = m->window_ns / 2, since_ns = now_ns - m->half_began_ns;

	if (since_ns < half_ns)
		return r;
	r.past_min_ns = since_ns < 2 * half_ns ? r.now_min_ns : FS_NEVER;
	r.now_min_ns = FS_NEVER;
	r.half_began_ns = since_ns < 2 * half_ns ? m->half_began_ns + half_ns : now_ns;
	return r;
}

void fs_tcp_min_rtt_sample(struct fs_tcp_min_rtt *m, uint64_t rtt_ns, uint64_t now_ns)
{
	*m = at(m, now_ns);
	m->now_min_ns = MIN(m->now_min_ns, rtt_ns);
}

uint64_t fs_tcp_min_rtt_ns(const struct fs_tcp_min_rtt *m, uint64_t now_ns)
{
	struct fs_tcp_min_rtt r = at(m, now_ns);

	return MIN(r.now_min_ns, r.past_min_ns);
}

void fs_tcp_rtt_init(struct fs_tcp_rtt *r, uint64_t rto_min_ns, uint64_t rto_max_ns,
		     uint64_t granularity_ns, uint64_t now_ns)
{
	*r = (struct fs_tcp_rtt){
		.base_ns = FS_TCP_RTO_INITIAL_NS,
		.rto_min_ns = rto_min_ns,
		.rto_max_ns = rto_max_ns,
		.granularity_ns = granularity_ns,
	};
	fs_tcp_min_rtt_init(&r->min, FS_TCP_MIN_RTT_WINDOW_NS, now_ns);
}

/* @value moves towards @goal by 1/@share of the way. */
static uint64_t approach(uint64_t value, uint64_t goal, uint64_t share)
{
	return goal >= value ? value + (goal - value) / share : value - (value - goal) / share;
}

void fs_tcp_rtt_sample(struct fs_tcp_rtt *r, uint64_t rtt_ns, uint32_t per_round,
		       uint64_t now_ns)
{
	uint64_t off_ns;

	fs_tcp_min_rtt_sample(&r->min, rtt_ns, now_ns);
	if (!r->srtt_ns) {
		r->srtt_ns = MAX(rtt_ns, 1ull);
		r->rttvar_ns = rtt_ns / 2;
	} else {
		/* RTTVAR first: it uses the old SRTT (RFC 6298 2.3). */
		off_ns = rtt_ns > r->srtt_ns ? rtt_ns - r->srtt_ns : r->srtt_ns - rtt_ns;
		r->rttvar_ns = approach(r->rttvar_ns, off_ns, (uint64_t)BETA_SHARE * per_round);
		r->srtt_ns = approach(r->srtt_ns, rtt_ns, (uint64_t)ALPHA_SHARE * per_round);
		r->srtt_ns = MAX(r->srtt_ns, 1ull);
	}
	r->base_ns = r->srtt_ns + MAX(r->granularity_ns, K * r->rttvar_ns);
	r->backoff = 0;
}

uint32_t fs_tcp_rtt_per_round(uint32_t flight, uint32_t smss)
{
	uint64_t two = 2ull * smss;

	return flight <= two ? 1 : (uint32_t)((flight + two - 1) / two);
}

uint64_t fs_tcp_rtt_from_ts(uint32_t now_ts, uint32_t tsecr, uint64_t tick_ns)
{
	uint32_t ticks = now_ts - tsecr;

	if (ticks > INT32_MAX)
		return 0;
	return MAX(ticks, 1u) * tick_ns;
}

uint64_t fs_tcp_rto_ns(const struct fs_tcp_rtt *r)
{
	uint64_t rto_ns = MAX(r->base_ns, r->rto_min_ns);

	/* Doubling what is bounded below: 2.4 comes before 5.5. */
	if (rto_ns > r->rto_max_ns >> r->backoff)
		return r->rto_max_ns;
	return rto_ns << r->backoff;
}

void fs_tcp_rto_back_off(struct fs_tcp_rtt *r)
{
	if (r->backoff < BACKOFF_MAX)
		r->backoff++;
}

void fs_tcp_rto_reset(struct fs_tcp_rtt *r)
{
	r->backoff = 0;
}

void fs_tcp_rto_syn_lost(struct fs_tcp_rtt *r)
{
	r->backoff = 0;
	if (!r->srtt_ns)
		r->base_ns = FS_TCP_RTO_SYN_LOST_NS;
}
