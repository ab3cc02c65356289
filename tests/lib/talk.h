/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * talk.h - connections between the two stacks of a test_net, each sending so
 * many bytes both ways, every byte checked by its place in the stream.
 *
 *	talk a->b   bytes 0 .. a_bytes, FIN when all are queued
 *	talk b->a   bytes 0 .. b_bytes, likewise
 *
 * a connects, b listens on port 7. The talk is over when both have read the
 * other's FIN; then both close.
 */
#ifndef TESTS_LIB_TALK_H
#define TESTS_LIB_TALK_H

#include <fastsock/tcp.h>

#include "tests/lib/fixture.h"

struct talk_end {
	struct fs_tcp *tcp;
	uint64_t to_send;
	uint64_t sent;
	uint64_t to_receive;
	uint64_t received;
	uint64_t salt;			/* makes its bytes its own */
	bool shut;
	bool eof;
	bool copying;			/* fs_tcp_send(), not fs_tcp_send_zc() */
	int error;
};

struct talk {
	struct talk_end a, b;
};

struct talk_opts {
	uint64_t a_bytes, b_bytes;
	uint64_t mixed_seed;		/* not 0: of each, anything up to these, small ones too */
	bool ipv6;
	bool copying;
	bool ecn;
	const char *cc;
	uint32_t backlog;
};

/* Open @n connections with these options; @talks is the caller's. */
void talk_open(struct test_net *net, struct talk *talks, unsigned int n,
	       const struct talk_opts *opts);
/* Only connect, when it is listening and nobody talks yet. */
void talk_connect(struct test_net *net, struct talk *talks, unsigned int n,
		  const struct talk_opts *opts);
/*
 * Run until all are over or @limit_ns have passed; returns how many are
 * over. A wrong byte aborts.
 */
unsigned int talk_run(struct test_net *net, uint64_t limit_ns);
/* Close what is left, and the listener. */
void talk_close(struct test_net *net);
bool talk_over(const struct talk *talk);

#endif
