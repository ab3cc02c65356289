// SPDX-License-Identifier: BSD-2-Clause
/* stats.c - snapshots: the stack's counters, the ports', where the frames are. */
#include <errno.h>

#include "stack/stack.h"

static void add_ports(const struct fs_stack *stack, struct fs_stack_stats *stats)
{
	for (unsigned int i = 0; i < stack->host.n_ports; i++) {
		struct fs_port *port = stack->host.txq[i].port;
		struct fs_port_stats s = { 0 };

		port->ops->stats(port, &s);
		stats->rx_drop_ring += s.rx_drop_ring;
		stats->rx_drop_no_frame += s.rx_drop_no_frame;
		stats->tx_drop_invalid += s.tx_drop_invalid;
		stats->wakeups += s.wakeups;
	}
}

static void add_frames(const struct fs_pool *pool, struct fs_stack_stats *stats)
{
	uint32_t count[FS_BUF_STATE_COUNT];

	fs_pool_census(pool, count);
	stats->tcp_aside = pool->asides;
	stats->frames_total = pool->chunks;
	stats->frames_free = count[FS_BUF_FREE];
	stats->frames_fill = count[FS_BUF_FILL];
	stats->frames_rx = count[FS_BUF_RX];
	stats->frames_lent = count[FS_BUF_LENT] + count[FS_BUF_STAGED];
	stats->frames_tx = count[FS_BUF_TX];
	stats->frames_unacked = count[FS_BUF_UNACKED];
}

int fs_stack_stats(struct fs_stack *stack, struct fs_stack_stats *stats)
{
	struct fs_stack_stats snapshot = stack->host.stats;
	size_t sz = stats->sz;

	if (!sz)
		return -EINVAL;
	add_ports(stack, &snapshot);
	add_frames(stack->host.pool, &snapshot);
	snapshot.sz = sz;
	memcpy(stats, &snapshot, MIN(sz, sizeof(snapshot)));
	return 0;
}
