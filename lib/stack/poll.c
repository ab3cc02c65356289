// SPDX-License-Identifier: BSD-2-Clause
/*
 * poll.c - the stack's rounds against the real clock: spin, then sleep in
 * one kernel call for everything (AF_XDP sockets, twins, netlink, time).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "stack/world.h"

enum {
	SIDE_PERIOD_NS = 100 * 1000,
	SPIN_ROUNDS = 16,	/* between two looks at the clock, which cost as much */
	EVENTS = 16,
};

/* False when one is gone. */
static bool look_at_ifaces(const struct fs_stack *stack)
{
	struct fs_world *world = stack->world;

	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		struct fs_iface *iface = &world->ifaces[i];
		const struct fs_nl_link *link = fs_nl_mirror_link(stack->mirror, iface->ifindex);

		if (!link)
			return false;
		fs_stack_iface_mtu(world, iface, link->mtu);
	}
	return true;
}

/* The program knows MAC and forwarding, too: by them it tells what is ours. */
static void tell_program(struct fs_stack *stack)
{
	struct fs_world *world = stack->world;

	world->settings = stack->mirror->settings;
	for (unsigned int i = 0; i < world->n_ifaces; i++)
		if (fs_nl_mirror_link(stack->mirror, world->ifaces[i].ifindex))
			fs_steer_refresh(world->ifaces[i].steer);
}

bool fs_stack_look_aside(struct fs_stack *stack)
{
	struct epoll_event events[EVENTS];
	uint64_t before = stack->mirror->generation;
	int n = epoll_wait(stack->world->side, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct fs_watch *watch = events[i].data.ptr;

		watch->got = events[i].events;
		watch->fn(watch);
	}
	if (unlikely(stack->mirror->settings != stack->world->settings))
		tell_program(stack);
	return stack->mirror->generation == before || look_at_ifaces(stack);
}

static int sleep_until(struct fs_stack *stack, uint64_t now_ns, uint64_t until_ns)
{
	struct epoll_event events[EVENTS];
	struct timespec timeout, *limit = NULL;
	int n;

	if (until_ns != FS_NEVER) {
		uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;

		timeout.tv_sec = (time_t)(ns / NSEC_PER_SEC);
		timeout.tv_nsec = (long)(ns % NSEC_PER_SEC);
		limit = &timeout;
	}
	stack->host.stats.sleeps++;
	if (stack->world->pcap)
		fs_pcap_flush(stack->world->pcap);
	n = epoll_pwait2(stack->world->epfd, events, EVENTS, limit, NULL);
	if (n < 0)
		return -errno;
	return fs_stack_look_aside(stack) ? 0 : -ENETDOWN;
}

static int look_aside_at_times(struct fs_stack *stack, uint64_t now_ns)
{
	struct fs_world *world = stack->world;

	if (now_ns - world->side_checked_ns < SIDE_PERIOD_NS)
		return 0;
	world->side_checked_ns = now_ns;
	return fs_stack_look_aside(stack) ? 0 : -ENETDOWN;
}

/* One round, or several with a clock that stands still. */
static int rounds(struct fs_stack *stack, struct fs_event *events, int n, bool spins,
		  uint64_t now_ns)
{
	int got;

	fs_stack_run(stack, now_ns);
	got = fs_stack_events(stack, events, n);
	for (int i = 1; spins && i < SPIN_ROUNDS && !got; i++)
		if (fs_stack_run_again(stack))
			got = fs_stack_events(stack, events, n);
	return got;
}

int fs_stack_poll(struct fs_stack *stack, struct fs_event *events, int n, int64_t timeout_us)
{
	const uint64_t spin_ns = stack->world->spin_ns;
	uint64_t start_ns, end_ns, now_ns;

	/* Before anything else: what the application sent is being waited for. */
	start_ns = now_ns = fs_clock_ns();
	stack->host.now_ns = now_ns;
	fs_stack_transmit(stack);
	end_ns = timeout_us < 0 ? FS_NEVER : start_ns + (uint64_t)timeout_us * NSEC_PER_USEC;
	for (;;) {
		const bool spins = now_ns - start_ns < spin_ns;
		int got, err;

		got = rounds(stack, events, n, spins, now_ns);
		if (got)
			return got;
		if (spins || now_ns >= end_ns) {
			err = look_aside_at_times(stack, now_ns);
		} else {
			uint64_t next_ns = fs_stack_next_ns(stack);

			err = sleep_until(stack, now_ns, MIN(next_ns, end_ns));
		}
		if (err)
			return err;
		if (unlikely(stack->world->woken)) {
			stack->world->woken = false;
			return -EINTR;
		}
		if (now_ns >= end_ns)
			return fs_stack_events(stack, events, n);
		now_ns = fs_clock_ns();
	}
}

void fs_stack_wake(struct fs_stack *stack)
{
	const int saved = errno;

	if (stack)
		eventfd_write(stack->world->wake.fd, 1);
	errno = saved;	/* it may be a signal handler's */
}

void fs_stack_flush(struct fs_stack *stack)
{
	stack->host.now_ns = fs_clock_ns();
	fs_stack_transmit(stack);
}

int fs_stack_fd(const struct fs_stack *stack)
{
	return stack->world->epfd;
}

int64_t fs_stack_timeout_us(const struct fs_stack *stack)
{
	const struct fs_host *host = &stack->host;
	uint64_t next_ns = fs_stack_next_ns(stack);
	uint64_t now_ns;

	if (host->ready_head || fs_tcp_pending(stack->tcp))
		return 0;
	for (unsigned int i = 0; i < host->n_ports; i++)
		if (host->txq[i].head || host->txq[i].kick)
			return 0;
	if (next_ns == FS_NEVER)
		return -1;
	now_ns = fs_clock_ns();
	return next_ns <= now_ns ? 0 : (int64_t)((next_ns - now_ns) / NSEC_PER_USEC + 1);
}

int fs_stack_queue_info(const struct fs_stack *stack, unsigned int index,
			struct fs_queue_info *info)
{
	struct fs_queue_info out = { .sz = info->sz };
	const struct fs_port *port;

	if (!info->sz)
		return -EINVAL;
	if (index >= stack->host.n_ports)
		return -ENOENT;
	port = stack->host.txq[index].port;
	out.ifindex = port->ifindex;
	out.queue = port->queue;
	out.zerocopy = port->zerocopy;
	out.hugepages = stack->host.pool->hugepages;
	for (unsigned int i = 0; i < stack->world->n_ifaces; i++) {
		const struct fs_iface *iface = &stack->world->ifaces[i];

		if (iface->ifindex != port->ifindex)
			continue;
		memcpy(out.ifname, iface->name, sizeof(out.ifname));
		out.skb_mode = iface->info.skb_mode;
		out.mtu = iface->mtu;
	}
	memcpy(info, &out, MIN(info->sz, sizeof(out)));
	return 0;
}
