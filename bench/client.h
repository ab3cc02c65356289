/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - the two ways in which the load generator reaches the wire:
 * a kernel socket (client_kernel.h) and an AF_XDP socket (client_xdp.h).
 */
#ifndef FS_BENCH_CLIENT_H
#define FS_BENCH_CLIENT_H

#include <netinet/in.h>

#include "bench/request.h"

enum {
	CLIENT_WINDOW_MAX = 1024,
	CLIENT_BATCH = 64,	/* replies of one recv() */
	CLIENT_SLEEP_MS = 20,	/* at most, in a recv() that sleeps */
};

struct client_opts {
	const char *ifname;	/* AF_XDP: own interface, queue 0 */
	const char *peer_mac;	/* AF_XDP: NULL asks the kernel's neighbour table */
	struct sockaddr_in server;
	unsigned int window;
	bool spin;
	struct request *request;
};

struct client_reply {
	const uint8_t *bytes;
	size_t len;		/* 0: a packet whose headers or checksum are wrong */
};

struct client_ops {
	const char *name;
	void (*open)(const struct client_opts *opts);
	/* Send the requests with these ids. What cannot go is lost. */
	void (*send)(const uint32_t *ids, unsigned int n);
	/* Up to CLIENT_BATCH replies. Without spin it sleeps for the first. */
	unsigned int (*recv)(struct client_reply *replies);
	/* The replies of the last recv() are not looked at any more. */
	void (*done)(void);
};

#endif
