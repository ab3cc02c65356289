/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_client.h - the two ways in which tcp_load opens connections: kernel
 * sockets (tcp_kernel.h) and the stack door (tcp_stack.h).
 */
#ifndef FS_BENCH_TCP_CLIENT_H
#define FS_BENCH_TCP_CLIENT_H

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include <fastsock/fastsock.h>

enum {
	TCP_EVENTS = 64,
	TCP_SLEEP_US = 20000,	/* at most, in a poll() that sleeps */
};

enum tcp_event_type {
	TCP_MOVE = 1,		/* it is connected, or can read or write: try both */
	TCP_FAILED = 2,
};

struct tcp_event {
	unsigned int slot;
	enum tcp_event_type type;
};

struct tcp_opts {
	const char *ifname;	/* the stack door's interface */
	struct fs_addr server;
	unsigned int slots;
	bool spin;
};

/* All but open() return -errno; -EAGAIN: an event will tell. */
struct tcp_client {
	const char *name;
	void (*open)(const struct tcp_opts *opts);
	int (*connect)(unsigned int slot);
	ssize_t (*send)(unsigned int slot, const void *data, size_t len);
	/* *data is good until the next recv() of any slot. 0: the end. */
	ssize_t (*recv)(unsigned int slot, const uint8_t **data);
	void (*close)(unsigned int slot);
	int (*poll)(struct tcp_event events[TCP_EVENTS]);
	void (*end)(void);
};

#endif
