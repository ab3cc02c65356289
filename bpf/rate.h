/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * rate.h - how many answers a source may have: a token bucket in time units.
 *
 * A bucket fills by a nanosecond each nanosecond up to the time that burst
 * answers cost; an answer costs 1e9 / rate. Two CPUs that serve one source
 * may write over each other's update: the limit is then too generous by some
 * packets, never too strict, and no packet pays for a lock.
 */
#ifndef FS_BPF_RATE_H
#define FS_BPF_RATE_H

#include "parse.h"

/* LRU: a flood of sources pushes out the oldest, and memory has a bound. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FS_RATES_DEFAULT);
	__type(key, struct fs_rate_key);
	__type(value, struct fs_rate);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} rates SEC(".maps");

static __always_inline int rate_key(const struct fs_run *run, struct fs_rate_key *key)
{
	__be32 *addr = (__be32 *)key->addr;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (run->packet->family == FS_AF_INET) {
		ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
		if (!ip)
			return -1;
		addr[0] = ip->saddr;
	} else {
		ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
		if (!ip6)
			return -1;
		addr[0] = ip6->saddr.in6_u.u6_addr32[0];
		addr[1] = ip6->saddr.in6_u.u6_addr32[1];
	}
	key->port = run->packet->key.port;
	key->proto = run->packet->proto;
	key->family = run->packet->family;
	return 0;
}

/* 1: the source has used up its answers. Otherwise this one is paid for. */
static __always_inline int over_rate(const struct fs_run *run)
{
	__u32 rate_pps = run->packet->rule.rate_pps;
	struct fs_rate_key key = {};
	struct fs_rate fresh, *rate;
	__u64 cost_ns, full_ns, now_ns, tokens_ns;

	if (!rate_pps)
		return 0;
	if (rate_key(run, &key))
		return 1;
	cost_ns = 1000000000u / rate_pps;
	full_ns = cost_ns * (run->packet->rule.burst_pkts ?: 1);
	now_ns = bpf_ktime_get_ns();
	rate = bpf_map_lookup_elem(&rates, &key);
	if (!rate) {
		fresh.last_ns = now_ns;
		fresh.tokens_ns = full_ns - cost_ns;
		bpf_map_update_elem(&rates, &key, &fresh, BPF_ANY);
		return 0;
	}
	tokens_ns = rate->tokens_ns;
	/* Another CPU may have been here a moment later. */
	if (now_ns > rate->last_ns)
		tokens_ns += now_ns - rate->last_ns;
	if (tokens_ns > full_ns)
		tokens_ns = full_ns;
	rate->last_ns = now_ns;
	rate->tokens_ns = tokens_ns < cost_ns ? tokens_ns : tokens_ns - cost_ns;
	return tokens_ns < cost_ns;
}

#endif
