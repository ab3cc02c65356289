// SPDX-License-Identifier: BSD-2-Clause
/*
 * xsk_setup.c - from socket(AF_XDP) to a bound socket with mapped rings, and
 * a sentence for everything that can refuse on the way.
 *
 * The plain uapi, because the ring operations are the packet path and libxdp
 * 1.3 cannot share one UMEM the way a stack over several interfaces needs.
 * Constants that Debian 12's headers lack stand in xsk_priv.h.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port/xsk_priv.h"

enum {
	BIND_RETRIES = 200,	/* a dying owner's queue is released asynchronously */
	BIND_PAUSE_MS = 10,
	SEND_BUFFER = 64 << 20,
};

static int fail_socket(const struct fs_xsk_opts *o, int err)
{
	if (err == -EPERM)
		return fs_base_fail(&o->log, err,
			"%s: opening an AF_XDP socket needs CAP_NET_RAW; run as root or with it",
			o->ifname);
	if (err == -EAFNOSUPPORT)
		return fs_base_fail(&o->log, -EOPNOTSUPP,
			"%s: this kernel has no AF_XDP (CONFIG_XDP_SOCKETS); use a kernel with it, "
			"6.1 or later", o->ifname);
	return fs_base_fail(&o->log, err, "%s: socket(AF_XDP) failed: %s", o->ifname,
			    strerror(-err));
}

static int register_umem(struct xsk *x, const struct fs_xsk_opts *o)
{
	struct xsk_umem_reg reg = {
		.addr = (uintptr_t)o->pool->area,
		.len = (uint64_t)o->pool->chunks * o->pool->chunk_size,
		.chunk_size = o->pool->chunk_size,
	};

	if (!setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
		return 0;
	if (errno == ENOBUFS)
		return fs_base_fail(&o->log, -ENOBUFS,
			"%s: %llu KiB of packet memory exceed RLIMIT_MEMLOCK; raise it "
			"(ulimit -l, LimitMEMLOCK=), grant CAP_IPC_LOCK or ask for fewer frames",
			o->ifname, (unsigned long long)reg.len >> 10);
	return fs_base_fail(&o->log, -errno, "%s: registering packet memory failed: %s",
			    o->ifname, strerror(errno));
}

static int map_ring(struct xsk *x, struct xsk_ring *r, const struct xdp_ring_offset *off,
		    uint32_t entries, size_t entry_size, uint64_t page)
{
	uint8_t *map;

	r->map_len = off->desc + entries * entry_size;
	map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd,
		   (off_t)page);
	if (map == MAP_FAILED)
		return -errno;
	/* A child of fork() would keep the queue bound, for as long as it lives. */
	madvise(map, r->map_len, MADV_DONTFORK);
	r->map = map;
	r->producer = (uint32_t *)(map + off->producer);
	r->consumer = (uint32_t *)(map + off->consumer);
	r->flags = (uint32_t *)(map + off->flags);
	r->desc = map + off->desc;
	r->mask = entries - 1;
	r->ours = 0;
	r->cached = 0;
	return 0;
}

static int create_rings(struct xsk *x, uint32_t entries)
{
	static const int options[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING,
	};
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(x->fd, SOL_XDP, options[i], &entries, sizeof(entries)))
			return -errno;
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		return -errno;
	err = map_ring(x, &x->fill, &off.fr, entries, sizeof(uint64_t),
		       XDP_UMEM_PGOFF_FILL_RING);
	if (!err)
		err = map_ring(x, &x->completion, &off.cr, entries, sizeof(uint64_t),
			       XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!err)
		err = map_ring(x, &x->rx, &off.rx, entries, sizeof(struct xdp_desc),
			       XDP_PGOFF_RX_RING);
	if (!err)
		err = map_ring(x, &x->tx, &off.tx, entries, sizeof(struct xdp_desc),
			       XDP_PGOFF_TX_RING);
	return err;
}

static int fail_bind(const struct fs_xsk_opts *o, int err)
{
	switch (err) {
	case -EBUSY:
		return fs_base_fail(&o->log, err,
			"%s: queue %u is bound by another AF_XDP socket: `ss --xdp -p` tells whose, or "
			"`fastsock status %s`; stop it or choose another queue", o->ifname, o->queue,
			o->ifname);
	case -EOPNOTSUPP:
		return fs_base_fail(&o->log, err,
			"%s: the driver has no zero-copy AF_XDP for queue %u; allow copy mode "
			"(FS_XSK_AUTO)", o->ifname, o->queue);
	case -EINVAL:
		return fs_base_fail(&o->log, -ENODEV,
			"%s: queue %u cannot be bound: is it below the number of queues that "
			"`ethtool -l %s` shows?", o->ifname, o->queue, o->ifname);
	case -ENODEV:
		return fs_base_fail(&o->log, err, "%s: the interface is gone", o->ifname);
	default:
		return fs_base_fail(&o->log, err, "%s: binding queue %u failed: %s", o->ifname,
				    o->queue, strerror(-err));
	}
}

static int bind_once(struct xsk *x, const struct fs_xsk_opts *o, uint16_t flags)
{
	const struct xsk *owner = o->umem ? container_of(o->umem, struct xsk, port) : NULL;
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = owner ? XDP_SHARED_UMEM : flags,
		.sxdp_ifindex = o->ifindex,
		.sxdp_queue_id = o->queue,
		.sxdp_shared_umem_fd = owner ? (uint32_t)owner->fd : 0,
	};

	return bind(x->fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
}

static int bind_queue(struct xsk *x, const struct fs_xsk_opts *o)
{
	static const uint16_t mode_flags[] = {
		[FS_XSK_AUTO] = 0,
		[FS_XSK_COPY] = XDP_COPY,
		[FS_XSK_ZEROCOPY] = XDP_ZEROCOPY,
	};
	const struct timespec pause = { .tv_nsec = BIND_PAUSE_MS * (long)NSEC_PER_MSEC };
	const uint16_t flags = mode_flags[o->mode] | XDP_USE_NEED_WAKEUP;
	int err = bind_once(x, o, flags);

	for (int i = 0; err == -EBUSY && o->patient && i < BIND_RETRIES; i++) {
		nanosleep(&pause, NULL);
		err = bind_once(x, o, flags);
	}
	return err ? fail_bind(o, err) : 0;
}

/* Wishes: each makes it better, none is needed, old kernels refuse some. */
static void set_wishes(struct xsk *x, const struct fs_xsk_opts *o)
{
	const int buffer = SEND_BUFFER, budget = 64, prefer = 1;
	const uint32_t burst = o->ring_size;
	int usecs = (int)o->busy_poll_us;

	if (setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)))
		setsockopt(x->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(x->fd, SOL_XDP, XSK_MAX_TX_SKB_BUDGET, &burst, sizeof(burst));
	if (!usecs)
		return;
	if (setsockopt(x->fd, SOL_SOCKET, XSK_SO_PREFER_BUSY_POLL, &prefer, sizeof(prefer)) ||
	    setsockopt(x->fd, SOL_SOCKET, SO_BUSY_POLL, &usecs, sizeof(usecs)) ||
	    setsockopt(x->fd, SOL_SOCKET, XSK_SO_BUSY_POLL_BUDGET, &budget, sizeof(budget)))
		fs_base_log(&o->log, FS_LOG_WARN,
			    "%s: busy polling is off: %s (it needs CAP_NET_ADMIN and kernel 5.11)",
			    o->ifname, strerror(errno));
	else
		x->busy_poll = true;
}

static void read_mode(struct xsk *x)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	if (!getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &options, &len))
		x->port.zerocopy = options.flags & XDP_OPTIONS_ZEROCOPY;
}

int fs_port_xsk_setup(struct xsk *x, const struct fs_xsk_opts *o)
{
	int err;

	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return fail_socket(o, -errno);
	err = o->umem ? 0 : register_umem(x, o);
	if (err)
		return err;
	err = create_rings(x, o->ring_size);
	if (err)
		return fs_base_fail(&o->log, err,
				    "%s: no AF_XDP rings of %u entries: %s; ask for smaller ones",
				    o->ifname, o->ring_size, strerror(-err));
	set_wishes(x, o);
	err = bind_queue(x, o);
	if (err)
		return err;
	read_mode(x);
	return 0;
}

void fs_port_xsk_teardown(struct xsk *x)
{
	struct xsk_ring *rings[] = { &x->fill, &x->completion, &x->rx, &x->tx };

	if (x->fd >= 0)
		close(x->fd);
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		if (rings[i]->map)
			munmap(rings[i]->map, rings[i]->map_len);
}
