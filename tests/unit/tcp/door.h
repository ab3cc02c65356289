/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * door.h - a stack without a wire, in front of the kernel's loopback: what a
 * listener's twin accepts, and a kernel client beside it.
 *
 *	client (kernel) --- lo --- (kernel) twin --> struct fs_tcp
 */
#ifndef TESTS_UNIT_TCP_DOOR_H
#define TESTS_UNIT_TCP_DOOR_H

#include <fastsock/tcp.h>

#include "stack/stack.h"

struct door {
	struct fs_pool *pool;
	struct fs_nl_mirror *mirror;
	struct fs_stack *stack;
	struct fs_tcp_listener *listener;
	uint16_t port;
	int epfd;
	int fds;
	uint64_t now_ns;
	char log[256];			/* the last sentence */
	/* A connection: our end, and the client's. */
	struct fs_tcp *tcp;
	int client;
};

extern struct door d;

/* A listener on 127.0.0.1, or with AF_UNSPEC on any address. */
void door_open(uint8_t family);
/* Proves that frames, descriptors and connections are all given back. */
void door_close(void);

/* A client's descriptor, non-blocking, connected (or being) to @to. */
int door_client(const char *to);
/* d.client, and its accepted d.tcp. */
void door_connect(void);
/* What comes within @ms: the first event, or one of type 0. */
struct fs_event door_wait(int ms);
/* The next event must be this one. */
struct fs_event door_expect(enum fs_event_type type);
void door_expect_nothing(void);
/* Time passes for the stack. */
void door_pass(uint64_t ns);

/* Bytes of a stream, each known by its place in it. */
void door_fill(uint8_t *bytes, size_t len, uint64_t at);
void door_check(const uint8_t *bytes, size_t len, uint64_t at);
/* All that the client can read now; checked. 0: nothing or the end, -errno. */
ssize_t door_client_read(uint64_t at);

#endif
