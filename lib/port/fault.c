// SPDX-License-Identifier: BSD-2-Clause
/*
 * fault.c - loss, duplication, reordering, corruption, truncation, CE marks.
 *
 * The same path in both directions:
 *
 *	frame -> lost? -> mangled? -> duplicated? -> held back? -> out -> there
 *
 * A frame on its way out may have a second holder (TCP keeps what it sent
 * until it is acknowledged), so only a frame that is ours alone is mangled
 * in place; otherwise a copy is, and the copy goes on. Frames are kept in
 * arrays and not by their links: those may be in use by that other holder.
 * Frames kept here carry this port's index, as the inner port would set it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "port/fault.h"
#include "wire/frame.h"

enum {
	HELD_MAX = 64,
	OUT_MAX = 256,		/* one frame in: itself, a copy and all held ones out */
	BURST = 64,
	REORDER_PKTS = 3,
	BURST_END_PPM = 250000,
};

#define REORDER_NS	(1 * NSEC_PER_MSEC)
#define RETRY_NS	(100 * NSEC_PER_USEC)

struct held {
	struct fs_buf *buf;
	uint64_t until_ns;
	uint32_t overtakers;	/* still to come */
};

struct lane {			/* one direction */
	struct fs_fault_odds odds;
	struct fs_fault_stats stats;
	struct fs_random random;
	bool in_burst;
	uint32_t n_held;
	uint32_t out_head;
	uint32_t out_count;
	struct held held[HELD_MAX];	/* in order of arrival */
	struct fs_buf *out[OUT_MAX];	/* a ring */
};

struct fault {
	struct fs_port port;
	struct fs_port *inner;
	const uint64_t *now_ns;
	bool kick_again;	/* the inner port asked for it */
	struct lane rx;
	struct lane tx;
};

static struct fault *to_fault(const struct fs_port *port)
{
	return container_of(port, struct fault, port);
}

static uint64_t clock_ns(const struct fault *f)
{
	return f->now_ns ? *f->now_ns : 0;
}

static bool has_room(const struct lane *l)
{
	return l->out_count + l->n_held + 2 <= OUT_MAX;
}

static void push(struct lane *l, struct fs_buf *buf)
{
	assert(l->out_count < OUT_MAX);
	l->out[(l->out_head + l->out_count++) % OUT_MAX] = buf;
}

static struct fs_buf *pop(struct lane *l)
{
	struct fs_buf *buf = l->out[l->out_head];

	l->out_head = (l->out_head + 1) % OUT_MAX;
	l->out_count--;
	return buf;
}

/* --- the faults ---------------------------------------------------------- */

static bool lose(struct lane *l)
{
	const struct fs_fault_odds *o = &l->odds;
	uint32_t end_ppm = o->burst_end_ppm ? o->burst_end_ppm : BURST_END_PPM;

	if (!l->in_burst)
		l->in_burst = fs_random_ppm(&l->random, o->burst_begin_ppm);
	else
		l->in_burst = !fs_random_ppm(&l->random, end_ppm);
	if (l->in_burst &&
	    (!o->burst_loss_ppm || fs_random_ppm(&l->random, o->burst_loss_ppm))) {
		l->stats.lost_burst++;
		return true;
	}
	if (!fs_random_ppm(&l->random, o->loss_ppm))
		return false;
	l->stats.lost++;
	return true;
}

/* A second frame with the same bytes, in the same direction. */
static struct fs_buf *copy_of(struct fault *f, struct lane *l, const struct fs_buf *buf)
{
	struct fs_buf *copy = fs_pool_take(f->port.pool, l == &f->rx ? FS_BUF_RX : FS_BUF_TX);

	if (!copy) {
		l->stats.no_frame++;
		return NULL;
	}
	copy->data = copy->area + (buf->data - buf->area);
	copy->len = buf->len;
	copy->flags = buf->flags;
	copy->ifindex = buf->ifindex;
	copy->rx_ns = buf->rx_ns;
	copy->port = f->port.index;
	memcpy(copy->data, buf->data, buf->len);
	return copy;
}

/* @buf, or its copy, so that only we see what is done to it; NULL: no frame. */
static struct fs_buf *own(struct fault *f, struct lane *l, struct fs_buf *buf)
{
	struct fs_buf *copy;

	if (buf->holders == 1)
		return buf;
	copy = copy_of(f, l, buf);
	if (copy)
		fs_pool_put(buf);
	return copy;
}

static void flip_bits(struct lane *l, struct fs_buf *buf)
{
	uint32_t bits = l->odds.corrupt_bits ? l->odds.corrupt_bits : 1;

	for (uint32_t i = 0; i < bits; i++) {
		uint64_t bit = fs_random_below(&l->random, buf->len * 8ull);

		buf->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	l->stats.corrupted++;
}

/* To @min_len bytes or more. */
static void truncate_frame(struct lane *l, struct fs_buf *buf, uint32_t min_len)
{
	if (buf->len <= min_len)
		return;
	buf->len = min_len + (uint32_t)fs_random_below(&l->random, buf->len - min_len);
	l->stats.truncated++;
}

static struct fs_buf *mangle(struct fault *f, struct lane *l, struct fs_buf *buf)
{
	bool corrupt = fs_random_ppm(&l->random, l->odds.corrupt_ppm);
	bool truncate = fs_random_ppm(&l->random, l->odds.truncate_ppm);
	bool ce = fs_random_ppm(&l->random, l->odds.ce_ppm);
	struct fs_buf *mine;

	if (!corrupt && !truncate && !ce)
		return buf;
	mine = own(f, l, buf);
	if (!mine)
		return buf;
	l->stats.ce += ce && fs_wire_mark_ce(mine->data, mine->len);
	if (corrupt)
		flip_bits(l, mine);
	/* The kernel refuses to send less than an Ethernet header. */
	if (truncate)
		truncate_frame(l, mine, l == &f->tx ? FS_ETH_LEN : 1);
	return mine;
}

static bool hold_back(struct fault *f, struct lane *l, struct fs_buf *buf)
{
	const struct fs_fault_odds *o = &l->odds;

	if (!fs_random_ppm(&l->random, o->reorder_ppm) || l->n_held == HELD_MAX)
		return false;
	buf->port = f->port.index;
	l->held[l->n_held++] = (struct held){
		.buf = buf,
		.until_ns = clock_ns(f) + (o->reorder_ns ? o->reorder_ns : REORDER_NS),
		.overtakers = o->reorder_pkts ? o->reorder_pkts : REORDER_PKTS,
	};
	l->stats.reordered++;
	return true;
}

/* Let go of the held frames that are due; @passed frames overtook them. */
static void release(struct fault *f, struct lane *l, uint32_t passed)
{
	uint64_t now_ns = clock_ns(f);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n_held; i++) {
		struct held h = l->held[i];

		h.overtakers -= MIN(h.overtakers, passed);
		if (h.overtakers && h.until_ns > now_ns)
			l->held[kept++] = h;
		else
			push(l, h.buf);
	}
	l->n_held = kept;
}

static void pass(struct fault *f, struct lane *l, struct fs_buf *buf)
{
	struct fs_buf *copy = NULL;

	l->stats.pkts++;
	if (lose(l)) {
		fs_pool_put(buf);
		return;
	}
	buf = mangle(f, l, buf);
	if (fs_random_ppm(&l->random, l->odds.duplicate_ppm))
		copy = copy_of(f, l, buf);
	if (copy) {
		l->stats.duplicated++;
		push(l, copy);
	}
	if (!hold_back(f, l, buf)) {
		push(l, buf);
		release(f, l, 1);
	}
}

/* --- the port ------------------------------------------------------------ */

/* What may leave, into the inner port. True: something went. */
static bool drain(struct fault *f)
{
	struct lane *l = &f->tx;
	bool went = false;

	while (l->out_count) {
		uint32_t run = MIN(l->out_count, OUT_MAX - l->out_head);
		uint32_t n = f->inner->ops->tx(f->inner, l->out + l->out_head, run);

		l->out_head = (l->out_head + n) % OUT_MAX;
		l->out_count -= n;
		went |= n > 0;
		if (n < run)
			break;
	}
	return went;
}

static unsigned int fault_rx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct fault *f = to_fault(port);
	struct lane *l = &f->rx;
	struct fs_buf *burst[BURST];
	unsigned int got, i;

	release(f, &f->tx, 0);
	if (drain(f) || f->kick_again)
		f->kick_again = f->inner->ops->kick(f->inner);
	release(f, l, 0);
	/* At least once, also for what the inner rx() does besides. */
	do {
		uint32_t room = (OUT_MAX - l->out_count - l->n_held) / 3;

		got = f->inner->ops->rx(f->inner, burst, MIN(room, MIN(n, BURST)));
		for (i = 0; i < got; i++)
			pass(f, l, burst[i]);
	} while (got && l->out_count < n);
	for (i = 0; i < n && l->out_count; i++)
		bufs[i] = pop(l);
	return i;
}

static unsigned int fault_tx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct fault *f = to_fault(port);
	unsigned int i;

	release(f, &f->tx, 0);
	for (i = 0; i < n; i++) {
		if (!has_room(&f->tx))
			drain(f);
		if (!has_room(&f->tx))
			break;
		bufs[i]->port = port->index;
		pass(f, &f->tx, bufs[i]);
	}
	drain(f);
	return i;
}

static bool fault_kick(struct fs_port *port)
{
	struct fault *f = to_fault(port);

	release(f, &f->tx, 0);
	drain(f);
	f->kick_again = f->inner->ops->kick(f->inner);
	return f->kick_again || f->tx.out_count;
}

static void fault_reclaim(struct fs_port *port)
{
	struct fault *f = to_fault(port);

	if (f->inner->ops->reclaim)
		f->inner->ops->reclaim(f->inner);
}

static int fault_fd(const struct fs_port *port)
{
	const struct fault *f = to_fault(port);

	return f->inner->ops->fd(f->inner);
}

static uint64_t fault_next_ns(const struct fs_port *port)
{
	const struct fault *f = to_fault(port);
	uint64_t next_ns = f->inner->ops->next_ns(f->inner);

	if (f->rx.out_count)
		return clock_ns(f);
	if (f->tx.out_count || f->kick_again)	/* the inner port was full */
		next_ns = MIN(next_ns, clock_ns(f) + RETRY_NS);
	for (uint32_t i = 0; i < f->rx.n_held; i++)
		next_ns = MIN(next_ns, f->rx.held[i].until_ns);
	for (uint32_t i = 0; i < f->tx.n_held; i++)
		next_ns = MIN(next_ns, f->tx.held[i].until_ns);
	return next_ns;
}

static void fault_port_stats(struct fs_port *port, struct fs_port_stats *stats)
{
	struct fault *f = to_fault(port);

	f->inner->ops->stats(f->inner, stats);
}

static void give_back(struct lane *l)
{
	while (l->n_held)
		fs_pool_put(l->held[--l->n_held].buf);
	while (l->out_count)
		fs_pool_put(pop(l));
}

static void fault_close(struct fs_port *port)
{
	struct fault *f = to_fault(port);

	give_back(&f->rx);
	give_back(&f->tx);
	f->inner->ops->close(f->inner);
	free(f);
}

static const struct fs_port_ops fault_ops = {
	.name = "fault",
	.rx = fault_rx,
	.tx = fault_tx,
	.kick = fault_kick,
	.reclaim = fault_reclaim,
	.fd = fault_fd,
	.next_ns = fault_next_ns,
	.stats = fault_port_stats,
	.close = fault_close,
};

void fs_port_fault_set(struct fs_port *port, const struct fs_fault_odds *rx,
		       const struct fs_fault_odds *tx)
{
	struct fault *f = to_fault(port);

	assert(port->ops == &fault_ops);
	f->rx.odds = *rx;
	f->tx.odds = *tx;
}

void fs_port_fault_stats(const struct fs_port *port, struct fs_fault_stats *rx,
			 struct fs_fault_stats *tx)
{
	const struct fault *f = to_fault(port);

	assert(port->ops == &fault_ops);
	if (rx)
		*rx = f->rx.stats;
	if (tx)
		*tx = f->tx.stats;
}

int fs_port_fault_open(struct fs_port **out, struct fs_port *inner,
		       const struct fs_fault_opts *opts)
{
	struct fault *f;

	if (!opts->now_ns && (opts->rx.reorder_ppm || opts->tx.reorder_ppm))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->port = *inner;
	f->port.ops = &fault_ops;
	f->inner = inner;
	f->now_ns = opts->now_ns;
	f->rx.odds = opts->rx;
	f->tx.odds = opts->tx;
	f->rx.random.state = opts->seed;
	f->tx.random.state = ~opts->seed;
	*out = &f->port;
	return 0;
}
