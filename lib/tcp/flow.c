// SPDX-License-Identifier: BSD-2-Clause
/* flow.c - see flow.h for the picture. */
#include <errno.h>

#include "mem/pages.h"
#include "tcp/flow.h"

enum {
	BUCKETS_FIRST = 1024,
	BUCKETS_MAX = 1 << 26,
	MOVE_BUCKETS = 8,	/* with each insertion, until the old table is empty */
};

static struct fs_tcp_flow **map_buckets(uint32_t n)
{
	return fs_pages_map(n * sizeof(struct fs_tcp_flow *));
}

static void unmap_buckets(struct fs_tcp_flow **bucket, uint32_t mask)
{
	fs_pages_unmap(bucket, (mask + 1ull) * sizeof(*bucket));
}

int fs_tcp_flows_init(struct fs_tcp_flows *flows, uint64_t seed)
{
	*flows = (struct fs_tcp_flows){ .mask = BUCKETS_FIRST - 1, .seed = seed };
	flows->bucket = map_buckets(BUCKETS_FIRST);
	return flows->bucket ? 0 : -ENOMEM;
}

void fs_tcp_flows_fini(struct fs_tcp_flows *flows)
{
	assert(!flows->count);
	unmap_buckets(flows->bucket, flows->mask);
	unmap_buckets(flows->old, flows->old_mask);
}

static struct fs_tcp_flow **bucket_of(const struct fs_tcp_flows *flows, uint32_t hash)
{
	if (unlikely(flows->old) && (hash & flows->old_mask) >= flows->moved)
		return &flows->old[hash & flows->old_mask];
	return &flows->bucket[hash & flows->mask];
}

struct fs_tcp_flow *const *fs_tcp_flow_bucket(const struct fs_tcp_flows *flows, uint32_t hash)
{
	return bucket_of(flows, hash);
}

struct fs_tcp_flow *fs_tcp_flow_find(const struct fs_tcp_flows *flows,
				     const struct fs_tcp_flow_id *id)
{
	const uint32_t hash = fs_tcp_flow_hash(flows->seed, id);
	struct fs_tcp_flow *flow = *bucket_of(flows, hash);

	while (flow && (flow->hash != hash || !fs_tcp_flow_is(flow, id)))
		flow = flow->chain;
	return flow;
}

static void push(struct fs_tcp_flow **bucket, struct fs_tcp_flow *flow)
{
	flow->chain = *bucket;
	*bucket = flow;
}

static void move_some(struct fs_tcp_flows *flows)
{
	for (int i = 0; i < MOVE_BUCKETS && flows->moved <= flows->old_mask; i++) {
		struct fs_tcp_flow *flow = flows->old[flows->moved], *next;

		for (; flow; flow = next) {
			next = flow->chain;
			push(&flows->bucket[flow->hash & flows->mask], flow);
		}
		flows->old[flows->moved++] = NULL;
	}
	if (flows->moved <= flows->old_mask)
		return;
	unmap_buckets(flows->old, flows->old_mask);
	flows->old = NULL;
}

/* Without memory for it the table stays as it is: chains grow longer, no more. */
static void grow(struct fs_tcp_flows *flows)
{
	const uint32_t buckets = (flows->mask + 1) * 2;
	struct fs_tcp_flow **bucket;

	if (flows->old || buckets > BUCKETS_MAX)
		return;
	bucket = map_buckets(buckets);
	if (!bucket)
		return;
	flows->old = flows->bucket;
	flows->old_mask = flows->mask;
	flows->moved = 0;
	flows->bucket = bucket;
	flows->mask = buckets - 1;
}

void fs_tcp_flow_add(struct fs_tcp_flows *flows, struct fs_tcp_flow *flow)
{
	if (flows->count > flows->mask / 2)
		grow(flows);
	if (flows->old)
		move_some(flows);
	flow->hash = fs_tcp_flow_hash(flows->seed, &flow->id);
	push(bucket_of(flows, flow->hash), flow);
	flows->count++;
}

void fs_tcp_flow_del(struct fs_tcp_flows *flows, struct fs_tcp_flow *flow)
{
	struct fs_tcp_flow **at = bucket_of(flows, flow->hash);

	while (*at != flow)
		at = &(*at)->chain;
	*at = flow->chain;
	flows->count--;
}

struct fs_tcp_flow *fs_tcp_flow_any(const struct fs_tcp_flows *flows, uint64_t *cursor)
{
	const uint64_t buckets = flows->mask + 1ull;
	const uint64_t all = buckets + (flows->old ? flows->old_mask + 1ull : 0);

	for (; flows->count && *cursor < all; ++*cursor) {
		struct fs_tcp_flow *flow = *cursor < buckets ?
			flows->bucket[*cursor] : flows->old[*cursor - buckets];

		if (flow)
			return flow;
	}
	return NULL;
}
