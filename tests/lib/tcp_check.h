/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_check.h - what must be true of every connection between two calls:
 * the queues are lists, their sums are right, and something will happen.
 */
#ifndef TESTS_LIB_TCP_CHECK_H
#define TESTS_LIB_TCP_CHECK_H

#include "tcp/conn.h"

/* What the connections hold of the pool. */
struct tcp_frames {
	uint32_t rx;		/* received, not taken, and out of order */
	uint32_t unacked;
};

/* NULL, or a sentence about what is wrong. */
const char *tcp_check(const struct fs_tcp *tcp, struct tcp_frames *frames);

/* All of a table: those that have ended as well. */
const char *tcp_check_all(const struct fs_tcp_table *table, struct tcp_frames *frames);

/* The connection that was looked at last, for a debugger. */
extern const struct fs_tcp *tcp_check_last;

/* Nothing is left: no flow, no timer, no object. */
const char *tcp_check_empty(const struct fs_tcp_table *table);

#endif
