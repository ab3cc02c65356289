/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h - two stacks on one simulated wire, in virtual time.
 *
 *	a  10.0.0.1 fd00::1  02:..:0a  ---- wire ----  02:..:0b  10.0.0.2 fd00::2  b
 *
 * Each has a pool, a mirror that says what a kernel would, and one port,
 * perhaps behind a port of faults and a recording one. Nothing happens until
 * the net is run. With FASTSOCK_CAPTURE=FILE in the environment each net
 * records itself there.
 */
#ifndef TESTS_LIB_FIXTURE_H
#define TESTS_LIB_FIXTURE_H

#include <fastsock/udp.h>

#include "port/fault.h"
#include "port/pcap.h"
#include "port/sim.h"
#include "stack/stack.h"
#include "tests/lib/hand.h"

struct test_host {
	struct fs_pool *pool;
	struct fs_nl_mirror *mirror;
	struct fs_stack *stack;		/* NULL: a bare port */
	struct fs_port *wire;		/* the end of the cable, for its statistics */
	struct fs_port *fault;		/* NULL: none */
	uint32_t ifindex;
	uint8_t mac[6];
	struct fs_addr ip4;		/* port 0 */
	struct fs_addr ip6;
	unsigned int probes;		/* neighbours that the stack asked for */
};

struct test_net_opts {
	uint64_t seed;			/* 0: 1 */
	uint32_t frames;		/* of each pool; 0: 1024 */
	struct fs_sim_pair_opts wire;
	struct fs_fault_odds a_to_b;	/* any set: ports of faults on both sides */
	struct fs_fault_odds b_to_a;
	enum fs_csum_mode csum_mode;
	bool no_neigh;			/* the neighbours are unknown: test_net_resolve() */
	hand_sent_fn *sent;		/* no wire: ports of hand.h, the host is the context */
	bool b_is_bare;			/* b is a port without a stack: the test reads and
					 * writes its frames, after each step */
};

struct test_net {
	struct fs_sim *sim;
	struct fs_pcap *pcap;
	uint64_t now_ns;
	struct test_host a;
	struct test_host b;
	int fds;
};

/* Aborts when anything fails. NULL @opts: defaults. */
void test_net_open(struct test_net *net, const struct test_net_opts *opts);
/* Proves that every frame is free and every descriptor closed. */
void test_net_close(struct test_net *net);

/*
 * Run both stacks now, then move to the next time at which something is due
 * and run both again. False: nothing is due before @until_ns.
 */
bool test_net_step(struct test_net *net, uint64_t until_ns);
/* Until nothing is due, or @span_ns have passed; the clock ends there then. */
void test_net_run(struct test_net *net, uint64_t span_ns);

/* Each learns the other's MAC address, or that it is not there. */
void test_net_resolve(struct test_net *net, uint16_t nud_state);

/* The interface's MTU, as the kernel would tell it. */
void test_set_mtu(struct test_host *host, uint32_t mtu);

/* An endpoint on @local (any address: family and zero); @remote may be NULL. */
struct fs_udp *test_udp(struct test_host *host, struct fs_addr local,
			const struct fs_addr *remote);
struct fs_addr test_with_port(struct fs_addr addr, uint16_t port);

/* One datagram; what fs_udp_send() returned, the buffer released if not taken. */
int test_send(struct test_host *host, struct fs_udp *udp, const struct fs_addr *to,
	      const void *data, size_t len);

#endif
