// SPDX-License-Identifier: BSD-2-Clause
/*
 * hystart.c - rounds, their smallest RTT, and what its rise means: RFC 9406
 * 4.2 step by step. Rounds are counted down in bytes, as everywhere in cc.
 */
#include "tcp/hystart.h"

enum {
	MIN_RTT_THRESH_US = 4000,
	MAX_RTT_THRESH_US = 16000,
	MIN_RTT_DIVISOR = 8,
	N_RTT_SAMPLE = 8,
	CSS_ROUNDS = 5,
};

#define INFINITE_US UINT32_MAX

void fs_tcp_hystart_init(struct fs_tcp_hystart *h)
{
	*h = (struct fs_tcp_hystart){
		.last_min_us = INFINITE_US,
		.min_us = INFINITE_US,
		.base_us = INFINITE_US,
	};
}

static void begin_round(struct fs_tcp_hystart *h, uint32_t flight)
{
	h->round_left = flight;
	h->last_min_us = h->min_us;
	h->min_us = INFINITE_US;
	h->samples = 0;
	if (h->phase == FS_TCP_HYSTART_CSS && ++h->css_rounds >= CSS_ROUNDS)
		h->phase = FS_TCP_HYSTART_DONE;
}

static void take_sample(struct fs_tcp_hystart *h, uint64_t rtt_ns)
{
	uint64_t rtt_us = MIN(rtt_ns / NSEC_PER_USEC, INFINITE_US - 1);

	h->min_us = MIN(h->min_us, (uint32_t)rtt_us);
	if (h->samples < N_RTT_SAMPLE)
		h->samples++;
}

static bool delay_rose(const struct fs_tcp_hystart *h)
{
	uint32_t thresh_us = h->last_min_us / MIN_RTT_DIVISOR;

	if (h->last_min_us == INFINITE_US)
		return false;
	thresh_us = MIN(thresh_us, (uint32_t)MAX_RTT_THRESH_US);
	thresh_us = MAX(thresh_us, (uint32_t)MIN_RTT_THRESH_US);
	return h->min_us >= (uint64_t)h->last_min_us + thresh_us;
}

enum fs_tcp_hystart_phase fs_tcp_hystart_ack(struct fs_tcp_hystart *h, uint64_t rtt_ns,
					     uint32_t acked, uint32_t flight)
{
	if (acked && acked >= h->round_left)
		begin_round(h, flight);
	else
		h->round_left -= MIN(acked, h->round_left);
	if (rtt_ns)
		take_sample(h, rtt_ns);
	if (h->samples >= N_RTT_SAMPLE) {
		if (h->phase == FS_TCP_HYSTART_SLOW_START && delay_rose(h)) {
			h->phase = FS_TCP_HYSTART_CSS;
			h->base_us = h->min_us;
			h->css_rounds = 0;
		} else if (h->phase == FS_TCP_HYSTART_CSS && h->min_us < h->base_us) {
			h->phase = FS_TCP_HYSTART_SLOW_START;
			h->base_us = INFINITE_US;
		}
	}
	return (enum fs_tcp_hystart_phase)h->phase;
}
