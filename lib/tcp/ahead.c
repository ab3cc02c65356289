// SPDX-License-Identifier: BSD-2-Clause
/*
 * ahead.c - with many connections each segment finds its own in memory, not in
 * a cache, and waits for one line after another. For a burst the waits can be
 * had at the same time.
 *
 * Only hints: what looks odd is left out, and nothing is decided here.
 */
#include "tcp/conn.h"

enum {
	FEW = 256,		/* so many connections are in the cache anyhow */
	LINE = 64,
	ETH_IP4_TCP = FS_ETH_LEN + FS_IP4_LEN + FS_TCP_LEN,
	ETH_IP6_TCP = FS_ETH_LEN + FS_IP6_LEN + FS_TCP_LEN,
};

static void ports_of(struct fs_tcp_flow_id *id, const uint8_t *tcp)
{
	id->remote_port = get_be16(tcp);
	id->local_port = get_be16(tcp + 2);
}

/* The usual frames only: no tag, no option, no extension header. */
static bool peek(struct fs_tcp_flow_id *id, const struct fs_buf *buf)
{
	const uint8_t *ip = buf->data + FS_ETH_LEN;
	uint16_t type;

	if (buf->len < ETH_IP4_TCP)
		return false;
	type = get_be16(buf->data + 12);
	*id = (struct fs_tcp_flow_id){ .family = AF_INET };
	if (type == FS_ETHERTYPE_IP4 && ip[0] == 0x45 && ip[9] == FS_IPPROTO_TCP) {
		memcpy(id->remote, ip + 12, 4);
		memcpy(id->local, ip + 16, 4);
		ports_of(id, ip + FS_IP4_LEN);
		return true;
	}
	if (type != FS_ETHERTYPE_IP6 || ip[6] != FS_IPPROTO_TCP || buf->len < ETH_IP6_TCP)
		return false;
	id->family = AF_INET6;
	memcpy(id->remote, ip + 8, 16);
	memcpy(id->local, ip + 24, 16);
	ports_of(id, ip + FS_IP6_LEN);
	return true;
}

static void fetch_rest(const struct fs_tcp_flow *flow)
{
	const char *at = (const char *)flow;

	for (size_t i = LINE; i < sizeof(struct fs_tcp); i += LINE)
		__builtin_prefetch(at + i, 1);
}

/* Buckets, then what stands first in each, then the connection or what is behind it. */
static void fetch(const struct fs_tcp_flows *flows, const uint32_t *hash, unsigned int n)
{
	const struct fs_tcp_flow *flow[FS_TCP_AHEAD_MAX];

	for (unsigned int i = 0; i < n; i++)
		__builtin_prefetch(fs_tcp_flow_bucket(flows, hash[i]));
	for (unsigned int i = 0; i < n; i++) {
		flow[i] = *fs_tcp_flow_bucket(flows, hash[i]);
		__builtin_prefetch(flow[i], 1);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (flow[i] && flow[i]->hash == hash[i])
			fetch_rest(flow[i]);
		else if (flow[i])
			__builtin_prefetch(flow[i]->chain, 1);
	}
}

void fs_tcp_ahead(const struct fs_tcp_table *table, struct fs_buf *const *bufs, unsigned int n)
{
	uint32_t hash[FS_TCP_AHEAD_MAX];
	struct fs_tcp_flow_id id;
	unsigned int found = 0;

	if (n < 2 || table->flows.count < FEW)
		return;
	for (unsigned int i = 0; i < n && i < FS_TCP_AHEAD_MAX; i++)
		if (peek(&id, bufs[i]))
			hash[found++] = fs_tcp_flow_hash(table->flows.seed, &id);
	fetch(&table->flows, hash, found);
}
