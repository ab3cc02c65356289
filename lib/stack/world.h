/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - what connects a stack to a running kernel: AF_XDP sockets,
 * rtnetlink, the steering program, and one epoll set to sleep on.
 *
 *	epfd --+-- AF_XDP socket of each queue
 *	       +-- side --+-- rtnetlink
 *	                  +-- twin of each endpoint
 *
 * The side set is looked at now and then while spinning; the AF_XDP sockets
 * are not, since their rings say all there is to know without a system call.
 */
#ifndef FS_STACK_WORLD_H
#define FS_STACK_WORLD_H

#include "nl/rtnl.h"
#include "port/pcap.h"
#include "stack/stack.h"
#include "steer/steer.h"

struct fs_iface {
	char name[16];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t slot;
	uint32_t queue_first;
	uint32_t queue_count;
	bool has_slot;
	bool attached_here;
	bool virtual_link;	/* senders on this host leave checksums out */
	struct fs_steer_info info;
	struct fs_steer *steer;
	const struct fs_config *config;	/* mapped; NULL: cannot be */
	int capture_fd;
};

struct fs_world {
	struct fs_nl *nl;
	struct fs_pool *pool;
	const struct fs_port *umem;	/* the socket that registered the pool */
	struct fs_pcap *pcap;		/* NULL: nothing is recorded */
	struct fs_watch nl_watch;
	struct fs_watch wake;		/* an eventfd */
	bool woken;
	int epfd;
	int side;
	int diag_fd;			/* to ask what sockets the kernel has; -errno: not here */
	bool claims_locked;		/* or each claim takes the lock; see iface.c */
	uint64_t spin_ns;
	uint64_t side_checked_ns;
	uint64_t settings;		/* of the mirror, as the program knows them */
	unsigned int n_ifaces;
	struct fs_iface ifaces[FS_STACK_IFACES_MAX];
	struct fs_logger log;
};

/*
 * In a child of fork(): the stack is the parent's. Closes the descriptors of which
 * a copy would keep queues bound, or locked what the parent locked; what else there
 * was is left alone, and lost.
 */
void fs_stack_disown(struct fs_stack *stack);

/* The side of the world that spinning would miss. Returns false when an
 * interface of the stack is gone. */
bool fs_stack_look_aside(struct fs_stack *stack);

/* The recorder's half of an interface, and frames that were handed to a port. */
void fs_stack_capture_open(struct fs_iface *iface);
void fs_stack_capture_close(struct fs_iface *iface);
void fs_stack_capture_sent(struct fs_host *host, const struct fs_port *port,
			   struct fs_buf *const *bufs, unsigned int n);

extern const struct fs_host_ops fs_stack_world_ops;

/* Interfaces: find, attach or use, take a slot; and give all that back. */
int fs_stack_iface_open(struct fs_world *world, const char *ifname,
			const struct fs_stack_opts *opts);
/* The link's MTU is @mtu: tell when the pool's frames have become too short for it. */
void fs_stack_iface_mtu(const struct fs_world *world, struct fs_iface *iface, uint32_t mtu);
void fs_stack_iface_close(struct fs_iface *iface, const struct fs_logger *log);

#endif
