// SPDX-License-Identifier: BSD-2-Clause
/*
 * open.c - fs_stack_open(): from interface names to a running stack, in the
 * order mirror, programs and slots, memory, sockets, XSKMAP. Whatever fails,
 * fs_stack_close() on what there is so far leaves nothing behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "nl/diag.h"
#include "port/xsk.h"
#include "stack/world.h"

enum {
	FRAMES_PER_QUEUE = 8192,	/* a fill ring takes 2,048: the rest is for connections */
	RING_SIZE = 2048,
	RING_SIZE_MAX = 65536,
	CHUNK_SMALL = 2048,
	CHUNK_LARGE = 4096,
	VLAN_ROOM = 8,
};

static int net_probe(void *ctx, uint32_t ifindex, uint8_t family, const uint8_t ip[16])
{
	return fs_nl_neigh_probe(ctx, ifindex, family, ip);
}

static int net_route_get(void *ctx, const struct fs_nl_route_query *query,
			 struct fs_nl_route *out)
{
	return fs_nl_route_get(ctx, query, out);
}

static void on_netlink(struct fs_watch *watch)
{
	fs_nl_process(container_of(watch, struct fs_world, nl_watch)->nl);
}

static void on_wake(struct fs_watch *watch)
{
	eventfd_t count;

	eventfd_read(watch->fd, &count);
	container_of(watch, struct fs_world, wake)->woken = true;
}

static uint32_t count_queues(const struct fs_world *world)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < world->n_ifaces; i++)
		n += world->ifaces[i].queue_count;
	return n;
}

/* 82576 receives in units of 1 KiB and cuts what a 2 KiB chunk leaves it. */
static uint32_t choose_chunk(const struct fs_world *world)
{
	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		const struct fs_iface *iface = &world->ifaces[i];

		if (iface->mtu + 14 + VLAN_ROOM > CHUNK_SMALL - FS_POOL_XDP_HEADROOM ||
		    !strcmp(iface->info.driver, "igb"))
			return CHUNK_LARGE;
	}
	return CHUNK_SMALL;
}

static int open_pool(struct fs_world *world, const struct fs_stack_opts *opts)
{
	const struct fs_pool_opts pool = {
		.chunks = opts->frames ? opts->frames : FRAMES_PER_QUEUE * count_queues(world),
		.chunk_size = choose_chunk(world),
		.log = world->log,
	};

	return fs_pool_open(&world->pool, &pool);
}

/* Generic mode beside zero-copy binds, and then never transmits on some drivers. */
static enum fs_xsk_mode port_mode(const struct fs_iface *iface, enum fs_xsk_mode mode)
{
	return iface->info.skb_mode && mode == FS_XSK_AUTO ? FS_XSK_COPY : mode;
}

/* Put a tap in front of the port when the stack is recorded. */
static int record_port(struct fs_stack *stack, struct fs_port **port, const char *name)
{
	struct fs_pcap *pcap = stack->world->pcap;

	if (!pcap)
		return 0;
	return fs_port_tap_open(port, *port, pcap, name, &stack->host.now_ns);
}

/* Does a living process use the interface, besides us? Then a busy queue stays busy. */
static bool is_shared(const struct fs_iface *iface)
{
	const uint32_t count = fs_steer_slot_count(iface->steer);
	struct fs_slot slot;

	for (uint32_t i = 0; i < count; i++)
		if (i != iface->slot && fs_steer_slot_get(iface->steer, i, &slot) == 1)
			return true;
	return false;
}

static int open_port(struct fs_stack *stack, const struct fs_iface *iface, uint32_t queue,
		     const struct fs_stack_opts *opts, enum fs_xsk_mode mode)
{
	struct fs_world *world = stack->world;
	struct fs_host *host = &stack->host;
	const uint32_t ring_size = opts->ring_size ? opts->ring_size : RING_SIZE;
	const uint32_t share = world->pool->chunks / (2 * count_queues(world));
	const struct fs_xsk_opts xsk = {
		.ifname = iface->name,
		.ifindex = iface->ifindex,
		.queue = queue,
		.ring_size = ring_size,
		.fill = MIN(ring_size, MAX(share, 1u)),
		.mode = port_mode(iface, mode),
		.busy_poll_us = opts->busy_poll_us,
		.patient = !is_shared(iface),
		.index = (uint8_t)host->n_ports,
		.pool = world->pool,
		.umem = host->n_ports ? world->umem : NULL,
		.log = world->log,
	};
	struct fs_port *port;
	int err;

	if (host->n_ports == FS_HOST_PORTS_MAX)
		return fs_base_fail(&world->log, -EINVAL, "more than %d queues in one stack",
				    FS_HOST_PORTS_MAX);
	err = fs_port_xsk_open(&port, &xsk);
	if (err)
		return err;
	port->partial_csum = iface->virtual_link;
	if (!host->n_ports)
		world->umem = port;
	err = record_port(stack, &port, iface->name);
	if (!err)
		err = fs_stack_add_port(stack, port);
	if (err)
		port->ops->close(port);
	return err;
}

static int open_ports(struct fs_stack *stack, const struct fs_stack_opts *opts,
		      enum fs_xsk_mode mode)
{
	struct fs_world *world = stack->world;

	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		const struct fs_iface *iface = &world->ifaces[i];

		for (uint32_t q = 0; q < iface->queue_count; q++) {
			int err = open_port(stack, iface, iface->queue_first + q, opts, mode);

			if (err)
				return err;
		}
	}
	return 0;
}

/* Last: from here on packets arrive. */
static int fill_xskmaps(struct fs_stack *stack)
{
	struct fs_world *world = stack->world;
	const uint32_t frame_max = world->pool->chunk_size - FS_POOL_XDP_HEADROOM;
	unsigned int p = 0;

	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		struct fs_iface *iface = &world->ifaces[i];

		for (uint32_t q = 0; q < iface->queue_count; q++, p++) {
			struct fs_port *port = stack->host.txq[p].port;
			struct epoll_event event = { .events = EPOLLIN };
			int fd = port->ops->fd(port), err;

			err = fs_steer_xsk_set(iface->steer, iface->slot, port->queue, fd,
					       frame_max);
			if (err)
				return err;
			if (epoll_ctl(world->epfd, EPOLL_CTL_ADD, fd, &event))
				return -errno;
		}
	}
	return 0;
}

static int open_epoll(struct fs_world *world)
{
	struct epoll_event event = { .events = EPOLLIN };

	world->epfd = epoll_create1(EPOLL_CLOEXEC);
	world->side = epoll_create1(EPOLL_CLOEXEC);
	if (world->epfd < 0 || world->side < 0)
		return -errno;
	if (epoll_ctl(world->epfd, EPOLL_CTL_ADD, world->side, &event))
		return -errno;
	world->wake.fn = on_wake;
	world->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (world->wake.fd < 0)
		return -errno;
	event.data.ptr = &world->wake;
	if (epoll_ctl(world->side, EPOLL_CTL_ADD, world->wake.fd, &event))
		return -errno;
	world->nl_watch = (struct fs_watch){ .fn = on_netlink, .fd = fs_nl_fd(world->nl) };
	event.data.ptr = &world->nl_watch;
	return epoll_ctl(world->side, EPOLL_CTL_ADD, world->nl_watch.fd, &event) ? -errno : 0;
}

static int open_ifaces(struct fs_world *world, const struct fs_stack_opts *opts)
{
	const char *one[] = { opts->ifname, NULL };
	const char *const *names = opts->ifname ? one : opts->ifnames;
	int err;

	for (unsigned int i = 0; names[i]; i++) {
		if (i == FS_STACK_IFACES_MAX)
			return fs_base_fail(&world->log, -EINVAL,
					    "more than %d interfaces in one stack",
					    FS_STACK_IFACES_MAX);
		err = fs_stack_iface_open(world, names[i], opts);
		if (err)
			return err;
	}
	return 0;
}

static int open_pcap(struct fs_world *world, const char *path)
{
	struct fs_pcap_opts opts = { 0 };
	int err;

	if (!path)
		return 0;
	opts.epoch_ns = fs_clock_epoch_ns();
	err = fs_pcap_open(&world->pcap, path, &opts);
	return err ? fs_base_fail(&world->log, err, "%s: cannot be written: %s", path,
				  strerror(-err)) : 0;
}

static void close_pcap(struct fs_world *world)
{
	int err = world->pcap ? fs_pcap_close(world->pcap) : 0;

	if (err)
		fs_base_log(&world->log, FS_LOG_ERROR, "the capture is not complete: %s",
			    strerror(-err));
}

static void close_world(struct fs_world *world)
{
	close_pcap(world);
	for (unsigned int i = world->n_ifaces; i-- > 0; )
		fs_stack_iface_close(&world->ifaces[i], &world->log);
	fs_pool_close(world->pool);
	fs_nl_close(world->nl);
	if (world->diag_fd >= 0)
		close(world->diag_fd);
	if (world->wake.fd >= 0)
		close(world->wake.fd);
	if (world->side >= 0)
		close(world->side);
	if (world->epfd >= 0)
		close(world->epfd);
	free(world);
}

static int open_world(struct fs_world **out, const struct fs_stack_opts *opts)
{
	struct fs_world *world = calloc(1, sizeof(*world));
	int err;

	if (!world)
		return -ENOMEM;
	world->log = (struct fs_logger){ .fn = opts->log, .ctx = opts->log_ctx };
	world->spin_ns = opts->spin_us * NSEC_PER_USEC;
	world->epfd = -1;
	world->side = -1;
	world->wake.fd = -1;
	world->diag_fd = fs_nl_diag_open();
	err = fs_nl_open(&world->nl, &world->log);
	if (!err)
		err = open_epoll(world);
	if (!err)
		err = open_ifaces(world, opts);
	if (!err)
		err = open_pool(world, opts);
	if (!err)
		err = open_pcap(world, opts->capture);
	if (err) {
		close_world(world);
		return err;
	}
	*out = world;
	return 0;
}

static int open_stack(struct fs_stack **out, struct fs_world *world,
		      const struct fs_stack_opts *opts, enum fs_xsk_mode mode)
{
	struct fs_stack_core core = {
		.pool = world->pool,
		.mirror = fs_nl_mirror_of(world->nl),
		.net_ops = { .probe = net_probe, .route_get = net_route_get, .ctx = world->nl },
		.host_ops = &fs_stack_world_ops,
		.log = world->log,
		.csum_mode = opts->csum_mode,
	};
	struct fs_stack *stack;
	int err;

	core.now_ns = fs_clock_ns();
	if (getrandom(&core.seed, sizeof(core.seed), 0) != sizeof(core.seed))
		return -EIO;
	err = fs_stack_create(&stack, &core);
	if (err)
		return err;
	stack->world = world;
	err = open_ports(stack, opts, mode);
	if (!err)
		err = fill_xskmaps(stack);
	if (err) {
		fs_stack_destroy(stack);
		return err;
	}
	*out = stack;
	return 0;
}

static int check_opts(const struct fs_stack_opts *opts)
{
	const struct fs_logger log = { .fn = opts->log, .ctx = opts->log_ctx };

	if (!opts->ifname && (!opts->ifnames || !opts->ifnames[0]))
		return fs_base_fail(&log, -EINVAL, "no interface named: set ifname or ifnames");
	if (opts->ring_size && (!is_pow2(opts->ring_size) || opts->ring_size > RING_SIZE_MAX))
		return fs_base_fail(&log, -EINVAL, "ring_size %u is not a power of two up to %d",
				    opts->ring_size, RING_SIZE_MAX);
	return 0;
}

int fs_stack_open(struct fs_stack **out, const struct fs_stack_opts *user)
{
	struct fs_stack_opts opts = { 0 };
	struct fs_world *world;
	int err;

	if (!user || !user->sz)
		return -EINVAL;
	memcpy(&opts, user, MIN(user->sz, sizeof(opts)));
	err = check_opts(&opts);
	if (err)
		return err;
	err = open_world(&world, &opts);
	if (err)
		return err;
	err = open_stack(out, world, &opts, opts.xsk_mode);
	/* One UMEM is in one mode: an interface without zero-copy decides for all. */
	if (err == -EOPNOTSUPP && opts.xsk_mode == FS_XSK_AUTO && world->n_ifaces > 1)
		err = open_stack(out, world, &opts, FS_XSK_COPY);
	if (err)
		close_world(world);
	return err;
}

void fs_stack_close(struct fs_stack *stack)
{
	struct fs_world *world;

	if (!stack)
		return;
	world = stack->world;
	fs_stack_destroy(stack);
	close_world(world);
}

void fs_stack_disown(struct fs_stack *stack)
{
	struct fs_world *world = stack->world;

	for (unsigned int i = 0; i < stack->host.n_ports; i++) {
		struct fs_port *port = stack->host.txq[i].port;

		close(port->ops->fd(port));
	}
	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		fs_steer_close(world->ifaces[i].steer);
		world->ifaces[i].steer = NULL;
	}
	close(world->diag_fd);
	close(fs_nl_fd(world->nl));
	close(world->wake.fd);
	close(world->side);
	close(world->epfd);
}
