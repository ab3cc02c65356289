/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.h - flows that send as much as they are let, from a to b, for a time:
 * what the network and congestion control make of them.
 */
#ifndef TESTS_LIB_BULK_H
#define TESTS_LIB_BULK_H

#include <fastsock/tcp.h>

#include "tests/lib/fixture.h"

enum {
	BULK_FLOWS_MAX = 16,
};

struct bulk_opts {
	const char *cc;
	unsigned int flows;	/* 0: 1 */
	uint64_t stagger_ns;	/* from the start of one flow to that of the next */
	int buffer;		/* bytes to receive, and twice that to send; 0: auto-tuning */
	bool ecn;
};

struct bulk {
	struct fs_tcp *from[BULK_FLOWS_MAX], *to[BULK_FLOWS_MAX];
	uint64_t received[BULK_FLOWS_MAX];
	struct fs_tcp_listener *listener;
	struct bulk_opts opts;
	unsigned int opened;
	uint64_t next_open_ns;
};

void bulk_open(struct bulk *bulk, struct test_net *net, const struct bulk_opts *opts);
/* Goes on for so long. */
void bulk_run(struct bulk *bulk, struct test_net *net, uint64_t span_ns);
/* Bytes received by all. */
uint64_t bulk_total(const struct bulk *bulk);
/* Resets them, so that the end takes no time. */
void bulk_close(struct bulk *bulk, struct test_net *net);

#endif
