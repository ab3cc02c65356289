/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - the composition root, without the world: ports, protocols and
 * time as an argument.
 *
 * run() is one round: transmit what is queued, receive a burst from each
 * port, timers, transmit again. The public door (poll.c) feeds it the clock
 * and sleeps in between; a test feeds it virtual time.
 */
#ifndef FS_STACK_STACK_H
#define FS_STACK_STACK_H

#include "net/host.h"
#include "nl/mirror.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

enum {
	FS_STACK_BURST = 64,
};

struct fs_world;

struct fs_stack {
	struct fs_host host;
	struct fs_nl_mirror *mirror;
	struct fs_udp_table *udp;
	struct fs_tcp_table *tcp;
	uint64_t tcp_due_ns;		/* when it has something to do besides its timers */
	uint64_t mirror_seen;		/* generation that the waiters were looked at */
	bool kick_again;		/* a port could not send all it has */
	struct fs_world *world;		/* AF_XDP, netlink, steering; NULL in virtual time */
};

struct fs_stack_core {
	struct fs_pool *pool;		/* the caller's, outlives the stack */
	struct fs_nl_mirror *mirror;	/* likewise */
	struct fs_net_ops net_ops;
	const struct fs_host_ops *host_ops;
	struct fs_logger log;
	enum fs_csum_mode csum_mode;
	uint64_t seed;
	uint64_t now_ns;		/* of the clock that run() is called with */
};

int fs_stack_create(struct fs_stack **out, const struct fs_stack_core *core);
/* Closes endpoints and ports; every frame is back in the pool. */
void fs_stack_destroy(struct fs_stack *stack);

/*
 * The stack takes the port over, unless it has no room for its interface
 * (-ENOSPC). The port's index must be the number of ports so far.
 */
int fs_stack_add_port(struct fs_stack *stack, struct fs_port *port);

void fs_stack_run(struct fs_stack *stack, uint64_t now_ns);
/*
 * The clock has not moved since: what was due has been done, and only what comes
 * can make a difference. False: nothing came, and there is no news.
 */
bool fs_stack_run_again(struct fs_stack *stack);
int fs_stack_events(struct fs_stack *stack, struct fs_event *events, int n);
/* When run() has something to do by itself; FS_NEVER if not. */
uint64_t fs_stack_next_ns(const struct fs_stack *stack);

/* Let connections send what they have, and hand all that is queued to the ports. */
void fs_stack_transmit(struct fs_stack *stack);
/* One received frame, in state RX. */
void fs_stack_rx(struct fs_stack *stack, const struct fs_port *port, struct fs_buf *buf);

#endif
