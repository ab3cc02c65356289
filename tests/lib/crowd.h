/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.h - two applications at the two ends of a test_net that do whatever
 * the API allows, at random, over several connections at once.
 *
 * An honest crowd checks every byte by its place in the stream, never resets
 * what it opened, and must be told of no error. The other kind aborts, closes
 * with unread data, changes its mind, and takes all that comes.
 */
#ifndef TESTS_LIB_CROWD_H
#define TESTS_LIB_CROWD_H

#include <fastsock/tcp.h>

#include "base/random.h"
#include "tests/lib/fixture.h"

void crowd_open(struct test_net *net, uint64_t seed, bool honest);
/* Both applications look at their events. */
void crowd_events(void);
/* Somebody does something. */
void crowd_act(void);
/* From now on they only finish what they have begun. */
void crowd_finish(void);
/* Honest: all is sent, received, and both ends of all are shut. */
bool crowd_is_over(void);
/* Everything is closed; some are aborted, unless honest. */
void crowd_close(void);

/* Frames that the application of @host holds. */
uint32_t crowd_holds(const struct test_host *host);

/* NULL, or a sentence about what is wrong: bytes, errors. */
const char *crowd_wrong(void);

struct crowd_counts {
	uint64_t opened, accepted, strangers, sent, bytes, ended;
};
extern struct crowd_counts crowd_counts;

#endif
