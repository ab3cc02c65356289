/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.h - how a segment finds its connection.
 *
 *	bucket[hash & mask] -> flow -> flow -> NULL
 *	    |                   first cache line of a connection, or of what
 *	    |                   is left of one in TIME-WAIT
 *	old[hash & old_mask]    while growing: buckets from `moved` on are
 *	                        still here, a few move with each insertion
 *
 * The hash is keyed with a secret, so no stranger can aim at one bucket. The
 * table doubles when it is half full and never shrinks; no single insertion pays
 * for the whole move.
 */
#ifndef FS_TCP_FLOW_H
#define FS_TCP_FLOW_H

#include "base/hash.h"
#include "base/seq.h"
#include "tcp/secret.h"

/* The line that a segment touches first. */
struct fs_tcp_flow {
	struct fs_tcp_flow *chain;
	struct fs_tcp_flow_id id;	/* IPv4 in the first four bytes, the rest zero */
	uint8_t state;			/* enum fs_tcp_state */
	uint32_t hash;
	seq32 rcv_nxt;
	seq32 snd_nxt;
	uint32_t scope;			/* interface of a link-local remote, else 0 */
};

_Static_assert(sizeof(struct fs_tcp_flow) == 64, "a flow is one cache line");

struct fs_tcp_flows {
	struct fs_tcp_flow **bucket;
	struct fs_tcp_flow **old;	/* NULL: not growing */
	uint32_t mask;
	uint32_t old_mask;
	uint32_t moved;			/* old buckets below this are empty */
	uint32_t count;
	uint64_t seed;
};

int fs_tcp_flows_init(struct fs_tcp_flows *flows, uint64_t seed);
/* The table must be empty: asserts it. */
void fs_tcp_flows_fini(struct fs_tcp_flows *flows);

static inline uint32_t fs_tcp_flow_hash(uint64_t seed, const struct fs_tcp_flow_id *id)
{
	const uint64_t ports = (uint64_t)id->local_port << 16 | id->remote_port;
	uint64_t word[2];

	memcpy(word, id->local, sizeof(word));
	return (uint32_t)fs_hash_ip(fs_hash_word(seed, word[0] ^ word[1] << 1), id->remote,
				    ports << 8 | id->family);
}

static inline bool fs_tcp_flow_is(const struct fs_tcp_flow *flow, const struct fs_tcp_flow_id *id)
{
	return flow->id.remote_port == id->remote_port && flow->id.local_port == id->local_port &&
	       !memcmp(flow->id.remote, id->remote, 16) && !memcmp(flow->id.local, id->local, 16) &&
	       flow->id.family == id->family;
}

struct fs_tcp_flow *fs_tcp_flow_find(const struct fs_tcp_flows *flows,
				     const struct fs_tcp_flow_id *id);

/* The bucket of @hash: for who wants it in the cache before it is needed. */
struct fs_tcp_flow *const *fs_tcp_flow_bucket(const struct fs_tcp_flows *flows, uint32_t hash);

/* The flow's id and state are set; there is none of this id. */
void fs_tcp_flow_add(struct fs_tcp_flows *flows, struct fs_tcp_flow *flow);
void fs_tcp_flow_del(struct fs_tcp_flows *flows, struct fs_tcp_flow *flow);

/*
 * Any flow from *cursor on, which starts at 0; NULL when there is none left.
 * For teardown: flows may go meanwhile, but none may come.
 */
struct fs_tcp_flow *fs_tcp_flow_any(const struct fs_tcp_flows *flows, uint64_t *cursor);

#endif
