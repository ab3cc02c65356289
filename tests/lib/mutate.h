/* SPDX-License-Identifier: BSD-2-Clause */
/* mutate.h - valid frames to begin with, and ways to spoil them. */
#ifndef TESTS_LIB_MUTATE_H
#define TESTS_LIB_MUTATE_H

#include "base/random.h"

enum {
	MUTATE_LEN_MAX = 1700,
	MUTATE_SEEDS_MAX = 48,
};

struct mutate_frame {
	uint32_t len;
	uint8_t bytes[MUTATE_LEN_MAX];
};

/*
 * Frames from 10.0.0.2 / fd00::2 to 10.0.0.1 / fd00::1, UDP port 1000: plain,
 * tagged, with options, extension headers, fragments, ICMP errors about what
 * 10.0.0.1 sent, TCP segments with all their options, pings, kv requests, and
 * what is none of this. Returns how many.
 */
unsigned int mutate_seeds(struct mutate_frame seeds[MUTATE_SEEDS_MAX]);

/* One of the seeds, spoilt by up to four mutations, sometimes by none. */
void mutate(struct mutate_frame *out, const struct mutate_frame *seeds, unsigned int n,
	    struct fs_random *random);

#endif
