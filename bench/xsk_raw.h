/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk_raw.h - one AF_XDP socket on one queue, on the plain uapi.
 *
 * It shares no code with the library on purpose: it is the limit that the
 * library is compared with, and does as little as the kernel lets one do.
 * Rings are drawn in Documentation/networking/af_xdp.rst. Each of ours has
 * `mine`, the index we move, and `theirs`, the kernel's as last seen; a
 * release store of mine pairs with the kernel's acquire load of it, and the
 * other way round.
 *
 * These are tools: what cannot be set up ends the program with a sentence.
 */
#ifndef FS_BENCH_XSK_RAW_H
#define FS_BENCH_XSK_RAW_H

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum {
	XSK_RAW_RING = 2048,			/* entries of each of the four rings */
	XSK_RAW_CHUNK = 2048,			/* bytes */
	XSK_RAW_CHUNKS = 2 * XSK_RAW_RING,
	XSK_RAW_TX_BUDGET = 9,			/* XDP_MAX_TX_SKB_BUDGET, Linux 6.18 */
	XSK_RAW_SEND_BUFFER = 16 << 20,
	XSK_RAW_BIND_TRIES = 200,
	XSK_RAW_BIND_PAUSE_US = 10000,
};

struct xsk_raw_ring {
	uint32_t *producer, *consumer;
	void *entries;
	uint32_t mine, theirs;
};

struct xsk_raw {
	int fd;
	uint8_t *area;
	struct xsk_raw_ring fill, completion, rx, tx;
};

static inline void *xsk_raw_frame(const struct xsk_raw *x, uint64_t addr)
{
	return x->area + addr;
}

static inline struct xdp_desc *xsk_raw_desc(const struct xsk_raw_ring *r, uint32_t i)
{
	return (struct xdp_desc *)r->entries + i % XSK_RAW_RING;
}

static inline uint64_t *xsk_raw_addr(const struct xsk_raw_ring *r, uint32_t i)
{
	return (uint64_t *)r->entries + i % XSK_RAW_RING;
}

/* Of a ring that we consume: how many entries from `mine` on are there. */
static inline uint32_t xsk_raw_ready(struct xsk_raw_ring *r)
{
	if (r->theirs == r->mine)
		r->theirs = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	return r->theirs - r->mine;
}

static inline void xsk_raw_consumed(struct xsk_raw_ring *r)
{
	__atomic_store_n(r->consumer, r->mine, __ATOMIC_RELEASE);
}

static inline void xsk_raw_produced(struct xsk_raw_ring *r)
{
	__atomic_store_n(r->producer, r->mine, __ATOMIC_RELEASE);
}

/* Of a ring that we produce: how many entries are free. */
static inline uint32_t xsk_raw_room(struct xsk_raw_ring *r)
{
	if (r->mine - r->theirs == XSK_RAW_RING)
		r->theirs = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return XSK_RAW_RING - (r->mine - r->theirs);
}

static inline void xsk_raw_give(struct xsk_raw *x, uint64_t addr)
{
	*xsk_raw_addr(&x->fill, x->fill.mine++) = addr;
}

static inline void xsk_raw_put(struct xsk_raw *x, uint64_t addr, uint32_t len)
{
	*xsk_raw_desc(&x->tx, x->tx.mine++) = (struct xdp_desc){ .addr = addr, .len = len };
}

/*
 * Make the kernel send what stands in the TX ring. In copy mode one call
 * sends some tens of descriptors and then says EAGAIN; EBUSY is a frame that
 * the device dropped. A bounded number of tries: the next round goes on.
 */
static inline void xsk_raw_send(struct xsk_raw *x)
{
	xsk_raw_produced(&x->tx);
	for (int i = 0; i < 64; i++) {
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			return;
		if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
			err(1, "sending on the AF_XDP socket");
		if (__atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) == x->tx.mine)
			return;
	}
}

static inline void xsk_raw_wait(const struct xsk_raw *x, int timeout_ms)
{
	struct pollfd p = { .fd = x->fd, .events = POLLIN };

	poll(&p, 1, timeout_ms);
}

static inline void xsk_raw_map(struct xsk_raw *x, struct xsk_raw_ring *r,
			       const struct xdp_ring_offset *off, size_t entry_size, off_t page)
{
	uint8_t *map = mmap(NULL, off->desc + XSK_RAW_RING * entry_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, x->fd, page);

	if (map == MAP_FAILED)
		err(1, "mapping an AF_XDP ring");
	r->producer = (uint32_t *)(map + off->producer);
	r->consumer = (uint32_t *)(map + off->consumer);
	r->entries = map + off->desc;
}

/* Bound in copy mode; the first XSK_RAW_RING chunks are in the fill ring. */
static inline void xsk_raw_open(struct xsk_raw *x, unsigned int ifindex, uint32_t queue)
{
	static const int rings[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING,
	};
	const size_t len = (size_t)XSK_RAW_CHUNKS * XSK_RAW_CHUNK;
	const uint32_t entries = XSK_RAW_RING, budget = XSK_RAW_RING;
	const int buffer = XSK_RAW_SEND_BUFFER;
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};
	struct xdp_umem_reg reg = { .len = len, .chunk_size = XSK_RAW_CHUNK };
	struct xdp_mmap_offsets off;
	socklen_t off_len = sizeof(off);
	int tries = XSK_RAW_BIND_TRIES;

	memset(x, 0, sizeof(*x));
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		err(1, "socket(AF_XDP)");
	x->area = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->area == MAP_FAILED)
		err(1, "packet memory");
	reg.addr = (uintptr_t)x->area;
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
		err(1, "registering packet memory");
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		if (setsockopt(x->fd, SOL_XDP, rings[i], &entries, sizeof(entries)))
			err(1, "AF_XDP ring");
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &off_len))
		err(1, "AF_XDP ring offsets");
	xsk_raw_map(x, &x->fill, &off.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	xsk_raw_map(x, &x->completion, &off.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
	xsk_raw_map(x, &x->rx, &off.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	xsk_raw_map(x, &x->tx, &off.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);

	/* Both are wishes: without them it is slower, not wrong. */
	setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(x->fd, SOL_XDP, XSK_RAW_TX_BUDGET, &budget, sizeof(budget));

	for (uint64_t i = 0; i < XSK_RAW_RING; i++)
		xsk_raw_give(x, i * XSK_RAW_CHUNK);
	xsk_raw_produced(&x->fill);
	/* A process that has ended gives its queue back a little later. */
	while (bind(x->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno != EBUSY || !tries--)
			err(1, "binding the AF_XDP socket to queue %u", queue);
		usleep(XSK_RAW_BIND_PAUSE_US);
	}
}

#endif
