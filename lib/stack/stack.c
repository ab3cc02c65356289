// SPDX-License-Identifier: BSD-2-Clause
/*
 * stack.c - one round of the stack, and its life without the world.
 *
 *	        +------------------- run(now) --------------------+
 *	txq ->  transmit -> ports rx -> fs_stack_rx -> waiters -> transmit
 *	        +------------------- events() --------------------+
 *
 * No clock, no lock, no system call of its own: the ports make those.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack.h"

enum {
	KICK_RETRY_NS = 50 * 1000,
	SCRATCH_LEN = 65536,
	RESETS_AT_ONCE = 256,
};

/* Move frames from the queue into the port's ring, as far as it has room. */
static void drain_txq(struct fs_host *host, struct fs_txq *q)
{
	struct fs_buf *burst[FS_STACK_BURST];
	unsigned int n, sent;

	while (q->head) {
		struct fs_buf *buf = q->head;
		uint64_t bytes = 0;

		for (n = 0; buf && n < FS_STACK_BURST; n++, buf = buf->next)
			burst[n] = buf;
		sent = q->port->ops->tx(q->port, burst, n);
		for (unsigned int i = 0; i < sent; i++)
			bytes += burst[i]->len;
		if (host->ops && sent)
			host->ops->sent(host, q->port, burst, sent);
		host->stats.tx_pkts += sent;
		host->stats.tx_bytes += bytes;
		q->pkts -= sent;
		q->kick |= sent > 0;
		q->head = sent == n ? buf : burst[sent];
		if (sent < n)
			break;
	}
	if (!q->head)
		q->tail = NULL;
}

static void drain_ports(struct fs_stack *stack)
{
	struct fs_host *host = &stack->host;

	stack->kick_again = false;
	for (unsigned int i = 0; i < host->n_ports; i++) {
		struct fs_txq *q = &host->txq[i];

		if (!q->head && !q->kick)
			continue;
		drain_txq(host, q);
		if (q->kick)
			q->kick = q->port->ops->kick(q->port);
		stack->kick_again |= q->kick || q->head;
	}
}

void fs_stack_transmit(struct fs_stack *stack)
{
	fs_tcp_flush(stack->tcp);
	drain_ports(stack);
}

static unsigned int receive(struct fs_stack *stack)
{
	struct fs_buf *burst[FS_STACK_BURST];
	struct fs_host *host = &stack->host;
	unsigned int all = 0;

	for (unsigned int i = 0; i < host->n_ports; i++) {
		struct fs_port *port = host->txq[i].port;
		unsigned int n = port->ops->rx(port, burst, FS_STACK_BURST);

		if (!n)
			continue;
		all += n;
		host->stats.rx_pkts += n;
		for (unsigned int k = 0; k < n; k++) {
			if (k % FS_TCP_AHEAD_MAX == 0)
				fs_tcp_ahead(stack->tcp, burst + k, n - k);
			host->stats.rx_bytes += burst[k]->len;
			fs_stack_rx(stack, port, burst[k]);
		}
	}
	return all;
}

/* Packets whose neighbour has answered, or has not for too long. */
static void wake_waiters(struct fs_stack *stack, uint64_t now_ns)
{
	uint64_t generation = stack->mirror->generation;
	struct fs_buf *buf;
	int error;

	if (generation == stack->mirror_seen && now_ns < fs_net_next_ns(stack->host.net))
		return;
	stack->mirror_seen = generation;
	while ((buf = fs_net_wait_pop(stack->host.net, now_ns, &error)))
		if (buf->l2_len)
			fs_tcp_wait_over(stack->tcp, buf, error);
		else
			fs_udp_wait_over(stack->udp, buf, error);
}

/*
 * Connections whose segments the application is about to hear of wait for
 * its answer: data and ACK then leave in one segment, at the start of the next
 * round. Without news for it, there is nothing to wait for.
 */
static void answer(struct fs_stack *stack)
{
	if (stack->host.ready_head)
		drain_ports(stack);
	else
		fs_stack_transmit(stack);
}

/* What a round does when it has received. */
static void finish(struct fs_stack *stack)
{
	const uint64_t now_ns = stack->host.now_ns;

	wake_waiters(stack, now_ns);
	fs_timer_wheel_run(&stack->host.wheel, now_ns);
	stack->tcp_due_ns = fs_tcp_run(stack->tcp);
	answer(stack);
}

void fs_stack_run(struct fs_stack *stack, uint64_t now_ns)
{
	stack->host.now_ns = now_ns;
	fs_stack_transmit(stack);
	receive(stack);
	finish(stack);
}

bool fs_stack_run_again(struct fs_stack *stack)
{
	if (unlikely(stack->kick_again || fs_tcp_pending(stack->tcp) ||
		     stack->tcp_due_ns <= stack->host.now_ns)) {
		fs_stack_run(stack, stack->host.now_ns);
		return true;
	}
	if (!receive(stack))
		return false;
	finish(stack);
	return true;
}

uint64_t fs_stack_next_ns(const struct fs_stack *stack)
{
	const struct fs_host *host = &stack->host;
	uint64_t next = MIN(fs_net_next_ns(host->net), stack->tcp_due_ns);
	const uint64_t timer = fs_timer_wheel_next_ns(&host->wheel);

	next = MIN(next, timer);
	for (unsigned int i = 0; i < host->n_ports; i++) {
		const struct fs_port *port = host->txq[i].port;
		uint64_t at = port->ops->next_ns(port);

		next = MIN(next, at);
	}
	if (stack->kick_again || fs_tcp_pending(stack->tcp))
		next = MIN(next, host->now_ns + KICK_RETRY_NS);
	return next;
}

/* One of the endpoint's news. True if it was the last. */
static bool put_event(struct fs_event *event, struct fs_ready *ready)
{
	static const enum fs_event_type type[] = {
		[FS_NEWS_CONNECTED] = FS_EV_CONNECTED,
		[FS_NEWS_ACCEPT] = FS_EV_ACCEPT,
		[FS_NEWS_READABLE] = FS_EV_READABLE,
		[FS_NEWS_WRITABLE] = FS_EV_WRITABLE,
	};
	const uint8_t news = ready->news & (uint8_t)-ready->news;	/* the first */

	event->endpoint = ready->endpoint;
	event->user = ready->user;
	event->error = 0;
	if (news) {
		event->type = type[news];
		ready->news &= (uint8_t)~news;
	} else {
		event->type = FS_EV_ERROR;
		event->error = ready->error;
		ready->error = 0;
	}
	return !ready->news && !ready->error;
}

/*
 * One event for each endpoint: the application may close it while it looks
 * at this batch, and must not meet it again behind that.
 */
int fs_stack_events(struct fs_stack *stack, struct fs_event *events, int n)
{
	struct fs_host *host = &stack->host;
	struct fs_ready **last = host->ready_tail, *ready;
	int count = 0;

	while (count < n && (ready = host->ready_head)) {
		const bool is_last = &ready->next == last;
		const bool done = put_event(&events[count++], ready);

		host->ready_head = ready->next;
		if (!host->ready_head)
			host->ready_tail = &host->ready_head;
		ready->queued = false;
		if (!done)
			fs_host_ready(host, ready);
		if (is_last)
			break;
	}
	return count;
}

int fs_stack_create(struct fs_stack **out, const struct fs_stack_core *core)
{
	struct fs_stack *stack = calloc(1, sizeof(*stack));
	int err = -ENOMEM;

	if (!stack)
		return -ENOMEM;
	stack->mirror = core->mirror;
	stack->host.ops = core->host_ops;
	stack->host.pool = core->pool;
	stack->host.mirror = core->mirror;
	stack->host.log = core->log;
	stack->host.seed = core->seed;
	stack->host.now_ns = core->now_ns;
	fs_timer_wheel_init(&stack->host.wheel, core->now_ns);
	stack->tcp_due_ns = FS_NEVER;
	stack->host.csum_mode = core->csum_mode;
	stack->host.txq_limit = FS_STACK_BURST * 16;
	stack->host.ready_tail = &stack->host.ready_head;
	stack->host.scratch = malloc(SCRATCH_LEN);
	if (!stack->host.scratch)
		goto err_free;
	err = fs_net_open(&stack->host.net, core->mirror, &core->net_ops, (uint32_t)core->seed);
	if (err)
		goto err_scratch;
	err = fs_udp_table_open(&stack->udp, &stack->host);
	if (err)
		goto err_net;
	err = fs_tcp_table_open(&stack->tcp, &stack->host);
	if (err)
		goto err_udp;
	*out = stack;
	return 0;

err_udp:
	fs_udp_table_close(stack->udp);
err_net:
	fs_net_close(stack->host.net);
err_scratch:
	free(stack->host.scratch);
err_free:
	free(stack);
	return err;
}

int fs_stack_add_port(struct fs_stack *stack, struct fs_port *port)
{
	struct fs_host *host = &stack->host;

	assert(port->index == host->n_ports && host->n_ports < FS_HOST_PORTS_MAX);
	if (fs_host_port_for(host, port->ifindex, 0) < 0) {
		int err = fs_net_iface_add(host->net, port->ifindex);

		if (err)
			return err;
	}
	host->txq[host->n_ports++].port = port;
	return 0;
}

/* All queues first: a queued frame may still carry the index of another port. */
static void close_ports(struct fs_host *host)
{
	for (unsigned int i = 0; i < host->n_ports; i++) {
		struct fs_buf *next;

		for (struct fs_buf *buf = host->txq[i].head; buf; buf = next) {
			next = buf->next;
			fs_pool_put(buf);
		}
	}
	for (unsigned int i = host->n_ports; i-- > 0; )
		host->txq[i].port->ops->close(host->txq[i].port);
}

/* What the application was lent and never gave back. */
static void recall_lent(struct fs_pool *pool)
{
	for (uint32_t i = 0; i < pool->chunks; i++) {
		struct fs_buf *buf = &pool->bufs[i];

		if (buf->state == FS_BUF_LENT || buf->state == FS_BUF_STAGED)
			fs_pool_put(buf);
	}
	while (pool->heap)
		fs_pool_put(pool->heap);
}

/* A few at a time: the frames of their resets must leave, and come back. */
static void reset_connections(struct fs_stack *stack)
{
	struct fs_buf *burst[FS_STACK_BURST];
	struct fs_host *host = &stack->host;

	while (fs_tcp_table_reset(stack->tcp, RESETS_AT_ONCE)) {
		drain_ports(stack);
		for (unsigned int i = 0; i < host->n_ports; i++) {
			struct fs_port *port = host->txq[i].port;
			unsigned int n = port->ops->rx(port, burst, FS_STACK_BURST);

			while (n)
				fs_pool_put(burst[--n]);
		}
	}
}

void fs_stack_destroy(struct fs_stack *stack)
{
	if (!stack)
		return;
	fs_udp_table_close(stack->udp);
	reset_connections(stack);
	fs_tcp_table_close(stack->tcp);
	assert(fs_timer_wheel_empty(&stack->host.wheel));
	drain_ports(stack);
	fs_net_close(stack->host.net);
	close_ports(&stack->host);
	recall_lent(stack->host.pool);
	free(stack->host.scratch);
	free(stack);
}
