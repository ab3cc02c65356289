// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim.c - cables, their queues, and the ports at their ends.
 *
 *	 tx()      kick()                departs            arrives        rx()
 *	------> staged -> | queue, rate | ------> | delay | ------> rxq ------>
 *	        sender's frame ----------> copied to the wire -> a fill frame
 *
 * The packets of a cable are one list in order of departure, which is the
 * order of arrival too; @departing is the link to the first that still holds
 * its sender's frame. A packet without it travels as a copy, so that the
 * sender may reuse the frame, and each side may close before the other.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "port/sim.h"
#include "wire/frame.h"

enum {
	RING_SIZE = 512,
	QUEUE_PKTS = 1000,
	BYTES_MAX = 4096,	/* the largest chunk */
};

struct packet {
	struct packet *next;
	struct fs_buf *buf;	/* the sender's frame; NULL when it has left */
	uint64_t depart_ns;
	uint64_t arrive_ns;
	uint32_t len;
	bool mark;
	uint8_t bytes[BYTES_MAX];
};

struct cable {			/* one direction */
	struct fs_sim_link link;
	struct fs_sim_stats stats;
	struct sim_port *to;	/* NULL: closed */
	struct packet *head;
	struct packet **tail;
	struct packet **departing;
	uint32_t waiting;	/* packets from *departing on */
	uint64_t busy_until_ns;
	uint64_t last_arrive_ns;
};

struct sim_port {
	struct fs_port port;
	struct fs_sim *sim;
	struct cable *out;
	struct cable *in;
	uint32_t ring_size;
	uint32_t n_fill;
	uint32_t n_staged;
	uint32_t rx_head;
	uint32_t rx_count;
	struct fs_buf **fill;
	struct fs_buf **staged;
	struct fs_buf **rxq;	/* a ring */
	struct fs_port_stats stats;
};

struct pair {
	struct pair *next;
	struct cable cable[2];
};

struct fs_sim {
	uint64_t now_ns;
	struct fs_random random;
	struct pair *pairs;
	struct packet *spare;
	uint32_t ports;
	uint32_t ifindex;
};

static struct sim_port *to_sim(const struct fs_port *port)
{
	return container_of(port, struct sim_port, port);
}

/* --- the wire ------------------------------------------------------------ */

static struct packet *take_packet(struct fs_sim *sim)
{
	struct packet *packet = sim->spare;

	if (packet)
		sim->spare = packet->next;
	else
		packet = malloc(sizeof(*packet));
	return packet;
}

static void put_packet(struct fs_sim *sim, struct packet *packet)
{
	packet->next = sim->spare;
	sim->spare = packet;
}

static uint64_t send_time_ns(const struct fs_sim_link *link, uint32_t len)
{
	return link->rate_bps ? len * 8ull * NSEC_PER_SEC / link->rate_bps : 0;
}

static void depart(struct fs_sim *sim, struct cable *cable)
{
	struct packet *packet;

	while ((packet = *cable->departing) && packet->depart_ns <= sim->now_ns) {
		memcpy(packet->bytes, packet->buf->data, packet->len);
		cable->stats.ce += packet->mark && fs_wire_mark_ce(packet->bytes, packet->len);
		fs_pool_put(packet->buf);
		packet->buf = NULL;
		cable->waiting--;
		cable->departing = &packet->next;
	}
}

static void transmit(struct fs_sim *sim, struct cable *cable, struct fs_buf *buf)
{
	const struct fs_sim_link *link = &cable->link;
	uint32_t queue_pkts = link->queue_pkts ? link->queue_pkts : QUEUE_PKTS;
	struct packet *packet = NULL;

	if (link->down)
		cable->stats.drop_down++;
	else if (link->mtu && buf->len > FS_ETH_LEN + link->mtu)
		cable->stats.drop_mtu++;
	else if (cable->waiting >= queue_pkts || !(packet = take_packet(sim)))
		cable->stats.drop_queue++;
	if (!packet) {
		fs_pool_put(buf);
		return;
	}
	cable->busy_until_ns = MAX(cable->busy_until_ns, sim->now_ns) +
		send_time_ns(link, buf->len);
	packet->next = NULL;
	packet->buf = buf;
	packet->len = buf->len;
	packet->mark = link->mark_pkts && cable->waiting > link->mark_pkts;
	packet->depart_ns = cable->busy_until_ns;
	packet->arrive_ns = packet->depart_ns + link->delay_ns;
	if (link->jitter_ns)
		packet->arrive_ns += fs_random_below(&sim->random, link->jitter_ns + 1);
	packet->arrive_ns = MAX(packet->arrive_ns, cable->last_arrive_ns);
	cable->last_arrive_ns = packet->arrive_ns;
	*cable->tail = packet;
	cable->tail = &packet->next;
	cable->waiting++;
	cable->stats.in_flight++;
	cable->stats.pkts++;
	cable->stats.bytes += buf->len;
	depart(sim, cable);
}

/* What an AF_XDP socket does with a frame that comes in. */
static bool receive(struct sim_port *p, const struct packet *packet)
{
	struct fs_buf *buf;

	if (!p->n_fill) {
		p->stats.rx_drop_no_frame++;
		return false;
	}
	if (p->rx_count == p->ring_size ||
	    packet->len > p->port.pool->chunk_size - FS_POOL_XDP_HEADROOM) {
		p->stats.rx_drop_ring++;
		return false;
	}
	buf = p->fill[--p->n_fill];
	buf->data = buf->area + FS_POOL_XDP_HEADROOM;
	buf->len = packet->len;
	memcpy(buf->data, packet->bytes, packet->len);
	p->rxq[(p->rx_head + p->rx_count++) % p->ring_size] = buf;
	return true;
}

static void arrive(struct fs_sim *sim, struct cable *cable)
{
	struct packet *packet;

	while ((packet = cable->head) && !packet->buf && packet->arrive_ns <= sim->now_ns) {
		cable->head = packet->next;
		if (cable->departing == &packet->next)
			cable->departing = &cable->head;
		if (cable->tail == &packet->next)
			cable->tail = &cable->head;
		cable->stats.in_flight--;
		if (cable->to && receive(cable->to, packet))
			cable->stats.delivered++;
		put_packet(sim, packet);
	}
}

void fs_sim_advance(struct fs_sim *sim, uint64_t now_ns)
{
	assert(now_ns >= sim->now_ns && now_ns != FS_NEVER);
	sim->now_ns = now_ns;
	for (struct pair *pair = sim->pairs; pair; pair = pair->next) {
		for (int i = 0; i < 2; i++) {
			depart(sim, &pair->cable[i]);
			arrive(sim, &pair->cable[i]);
		}
	}
}

uint64_t fs_sim_next_ns(const struct fs_sim *sim)
{
	uint64_t next_ns = FS_NEVER;

	for (const struct pair *pair = sim->pairs; pair; pair = pair->next) {
		for (int i = 0; i < 2; i++) {
			const struct packet *head = pair->cable[i].head;

			if (head)
				next_ns = MIN(next_ns, head->arrive_ns);
		}
	}
	return next_ns;
}

const uint64_t *fs_sim_clock(const struct fs_sim *sim)
{
	return &sim->now_ns;
}

/* --- the ports ----------------------------------------------------------- */

static void refill(struct sim_port *p)
{
	while (p->n_fill < p->ring_size && fs_pool_to_fill(p->port.pool)) {
		struct fs_buf *buf = fs_pool_take(p->port.pool, FS_BUF_FILL);

		buf->port = p->port.index;
		p->fill[p->n_fill++] = buf;
	}
}

static unsigned int sim_rx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct sim_port *p = to_sim(port);

	n = MIN(n, p->rx_count);
	for (unsigned int i = 0; i < n; i++) {
		bufs[i] = p->rxq[p->rx_head];
		fs_buf_move(bufs[i], FS_BUF_FILL, FS_BUF_RX);
		bufs[i]->ifindex = port->ifindex;
		p->rx_head = (p->rx_head + 1) % p->ring_size;
	}
	p->rx_count -= n;
	refill(p);
	return n;
}

static unsigned int sim_tx(struct fs_port *port, struct fs_buf **bufs, unsigned int n)
{
	struct sim_port *p = to_sim(port);

	n = MIN(n, p->ring_size - p->n_staged);
	for (unsigned int i = 0; i < n; i++) {
		struct fs_buf *buf = bufs[i];

		assert(buf->pool == port->pool && buf->kind == FS_BUF_FRAME);
		assert(buf->len && buf->data >= buf->area &&
		       buf->data + buf->len <= buf->area + buf->room);
		buf->port = port->index;
		p->staged[p->n_staged++] = buf;
	}
	return n;
}

static bool sim_kick(struct fs_port *port)
{
	struct sim_port *p = to_sim(port);

	p->stats.wakeups += p->n_staged > 0;
	for (uint32_t i = 0; i < p->n_staged; i++)
		transmit(p->sim, p->out, p->staged[i]);
	p->n_staged = 0;
	return false;
}

static int sim_fd(const struct fs_port *port)
{
	(void)port;
	return -1;
}

/* A frame that leaves is news for a sender that has none to send with. */
static uint64_t sim_next_ns(const struct fs_port *port)
{
	const struct sim_port *p = to_sim(port);
	uint64_t next_ns = FS_NEVER;

	if (p->rx_count)
		return p->sim->now_ns;
	if (p->in->head)
		next_ns = p->in->head->arrive_ns;
	if (!port->pool->n_free && *p->out->departing)
		next_ns = MIN(next_ns, (*p->out->departing)->depart_ns);
	return next_ns;
}

static void sim_stats(struct fs_port *port, struct fs_port_stats *stats)
{
	*stats = to_sim(port)->stats;
}

/* Frames that have not left never will. */
static void unplug(struct sim_port *p)
{
	struct cable *out = p->out;
	struct packet *packet;

	while ((packet = *out->departing)) {
		*out->departing = packet->next;
		fs_pool_put(packet->buf);
		put_packet(p->sim, packet);
		out->stats.in_flight--;
	}
	out->waiting = 0;
	out->tail = out->departing;
	p->in->to = NULL;
}

static void free_port(struct sim_port *p)
{
	free(p->fill);
	free(p->staged);
	free(p->rxq);
	free(p);
}

static void sim_close(struct fs_port *port)
{
	struct sim_port *p = to_sim(port);

	unplug(p);
	for (uint32_t i = 0; i < p->n_staged; i++)
		fs_pool_put(p->staged[i]);
	for (; p->rx_count; p->rx_count--) {
		fs_pool_put(p->rxq[p->rx_head]);
		p->rx_head = (p->rx_head + 1) % p->ring_size;
	}
	while (p->n_fill)
		fs_pool_put(p->fill[--p->n_fill]);
	p->sim->ports--;
	free_port(p);
}

static const struct fs_port_ops sim_ops = {
	.name = "sim",
	.rx = sim_rx,
	.tx = sim_tx,
	.kick = sim_kick,
	.fd = sim_fd,
	.next_ns = sim_next_ns,
	.stats = sim_stats,
	.close = sim_close,
};

void fs_sim_relink(struct fs_port *port, const struct fs_sim_link *link)
{
	assert(port->ops == &sim_ops);
	to_sim(port)->out->link = *link;
}

void fs_sim_stats(const struct fs_port *port, struct fs_sim_stats *stats)
{
	assert(port->ops == &sim_ops);
	*stats = to_sim(port)->out->stats;
}

/* --- set-up -------------------------------------------------------------- */

static struct sim_port *make_port(struct fs_sim *sim, struct fs_pool *pool,
				  const struct fs_sim_pair_opts *opts, int side)
{
	struct sim_port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->sim = sim;
	p->ring_size = opts->ring_size ? opts->ring_size :
		MAX(1u, MIN(RING_SIZE, pool->chunks / 2));
	p->fill = calloc(p->ring_size, sizeof(*p->fill));
	p->staged = calloc(p->ring_size, sizeof(*p->staged));
	p->rxq = calloc(p->ring_size, sizeof(*p->rxq));
	if (!p->fill || !p->staged || !p->rxq) {
		free_port(p);
		return NULL;
	}
	p->port = (struct fs_port){
		.ops = &sim_ops,
		.pool = pool,
		.ifindex = opts->ifindex[side],
		.index = opts->index[side],
		.partial_csum = opts->partial_csum,
	};
	if (!p->port.ifindex)
		p->port.ifindex = ++sim->ifindex;
	return p;
}

static void plug(struct sim_port *p, struct cable *out, struct cable *in,
		 const struct fs_sim_link *link)
{
	p->out = out;
	p->in = in;
	in->to = p;
	out->link = *link;
	out->tail = &out->head;
	out->departing = &out->head;
	p->sim->ports++;
	refill(p);
}

int fs_sim_pair(struct fs_sim *sim, struct fs_pool *pool_a, struct fs_pool *pool_b,
		const struct fs_sim_pair_opts *opts, struct fs_port **a, struct fs_port **b)
{
	static const struct fs_sim_pair_opts defaults;
	struct pair *pair = calloc(1, sizeof(*pair));
	struct sim_port *pa, *pb;

	if (!opts)
		opts = &defaults;
	pa = make_port(sim, pool_a, opts, 0);
	pb = make_port(sim, pool_b, opts, 1);
	if (!pair || !pa || !pb) {
		if (pa)
			free_port(pa);
		if (pb)
			free_port(pb);
		free(pair);
		return -ENOMEM;
	}
	plug(pa, &pair->cable[0], &pair->cable[1], &opts->a_to_b);
	plug(pb, &pair->cable[1], &pair->cable[0], &opts->b_to_a);
	pair->next = sim->pairs;
	sim->pairs = pair;
	*a = &pa->port;
	*b = &pb->port;
	return 0;
}

int fs_sim_open(struct fs_sim **out, uint64_t seed)
{
	struct fs_sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return -ENOMEM;
	sim->random.state = seed;
	*out = sim;
	return 0;
}

static void free_packets(struct packet *packet)
{
	while (packet) {
		struct packet *next = packet->next;

		free(packet);
		packet = next;
	}
}

void fs_sim_close(struct fs_sim *sim)
{
	if (!sim)
		return;
	assert(!sim->ports);
	while (sim->pairs) {
		struct pair *pair = sim->pairs;

		sim->pairs = pair->next;
		free_packets(pair->cable[0].head);
		free_packets(pair->cable[1].head);
		free(pair);
	}
	free_packets(sim->spare);
	free(sim);
}
