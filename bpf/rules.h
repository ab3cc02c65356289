/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * rules.h - which rule, if any, a packet falls under.
 *
 * A rule for any address means any address of this host. Where the interface
 * forwards, the FIB says whether the destination is one; it cannot tell a
 * local address from one without a route, so a router that answers should
 * name its addresses. A directed broadcast is known by its link-layer
 * broadcast, which never comes this far.
 */
#ifndef FS_BPF_RULES_H
#define FS_BPF_RULES_H

#include "kernel.h"
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FS_RULES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fs_rule_key);
	__type(value, struct fs_rule);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);	/* written in place, in order */
	__type(key, __u32);
	__type(value, struct fs_hot);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} hot SEC(".maps");

/* For user space only: who owns which slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FS_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct fs_slot);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} slots SEC(".maps");

static __always_inline void key_set_addr(struct fs_rule_key *key, __be32 a, __be32 b, __be32 c,
					 __be32 d)
{
	__be32 *addr = (__be32 *)key->addr;

	addr[0] = a;
	addr[1] = b;
	addr[2] = c;
	addr[3] = d;
}

static __always_inline int is_martian4(__be32 addr)
{
	__u8 first = (__u8)(bpf_ntohl(addr) >> 24);

	return first == 0 || first == 127 || first >= 224;
}

/* Multicast, the unspecified address and loopback. */
static __always_inline int is_martian6(const __be32 *addr)
{
	if ((addr[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000))
		return 1;
	return !addr[0] && !addr[1] && !addr[2] && (!addr[3] || addr[3] == bpf_htonl(1));
}

static __always_inline int is_martian(const struct fs_run *run)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	__be32 *src, *dst;

	if (run->packet->family == FS_AF_INET) {
		ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
		return !ip || is_martian4(ip->saddr) || is_martian4(ip->daddr) ||
		       ip->saddr == ip->daddr;
	}
	ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
	if (!ip6)
		return 1;
	src = ip6->saddr.in6_u.u6_addr32;
	dst = ip6->daddr.in6_u.u6_addr32;
	return is_martian6(src) || is_martian6(dst) ||
	       (src[0] == dst[0] && src[1] == dst[1] && src[2] == dst[2] && src[3] == dst[3]);
}

/* Not forwarded is ours; so is everything when forwarding is off. */
static __always_inline int is_local(const struct fs_run *run)
{
	struct bpf_fib_lookup fib = {
		.family = run->packet->family,
		.l4_protocol = run->packet->proto,
		.ifindex = run->ctx->ingress_ifindex,
	};
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	long result;

	if (run->packet->family == FS_AF_INET) {
		ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
		if (!ip)
			return 0;
		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = ip->daddr;
	} else {
		ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
		if (!ip6)
			return 0;
		__builtin_memcpy(fib.ipv6_src, &ip6->saddr, 16);
		__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, 16);
	}
	result = bpf_fib_lookup(run->ctx, &fib, sizeof(fib), 0);
	return result == BPF_FIB_LKUP_RET_NOT_FWDED || result == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

static __always_inline const struct fs_rule *find_exact(const struct fs_run *run)
{
	struct fs_rule_key *key = &run->packet->key;
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	__be32 *dst;

	if (run->packet->family == FS_AF_INET) {
		ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
		if (!ip)
			return NULL;
		key_set_addr(key, ip->daddr, 0, 0, 0);
	} else {
		ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
		if (!ip6)
			return NULL;
		dst = ip6->daddr.in6_u.u6_addr32;
		key_set_addr(key, dst[0], dst[1], dst[2], dst[3]);
	}
	return bpf_map_lookup_elem(&rules, key);
}

/* Found among the hot ones, and copied into the packet. */
static __always_inline int find_hot(const struct fs_run *run)
{
	typedef __u32 __attribute__((may_alias)) word32;
	const __u32 wanted = *(word32 *)&run->packet->key;
	struct fs_hot *table;
	__u32 zero = 0;

	table = bpf_map_lookup_elem(&hot, &zero);
	if (!table)
		return 0;
	for (int i = 0; i < FS_HOT_RULES; i++) {
		const volatile __u32 *key = &table->entry[i].key;

		if (*key != wanted)
			continue;
		run->packet->rule = table->entry[i].rule;
		barrier();
		return *key == wanted;
	}
	return 0;
}

/* Copies the rule, which may change at any time, into the packet. */
static __always_inline int find_rule(const struct fs_run *run, int *any)
{
	struct fs_packet *packet = run->packet;
	const struct fs_rule *rule = NULL;

	if (run->config->flags & FS_CONFIG_F_EXACT)
		rule = find_exact(run);
	*any = !rule;
	if (!rule) {
		key_set_addr(&packet->key, 0, 0, 0, 0);
		if (!(run->config->flags & FS_CONFIG_F_EXACT) && find_hot(run))
			return 1;
		rule = bpf_map_lookup_elem(&rules, &packet->key);
	}
	if (!rule)
		return 0;
	packet->rule = *rule;
	return 1;
}

static __always_inline int match(const struct fs_run *run)
{
	struct fs_packet *packet = run->packet;
	int any;

	if (!find_rule(run, &any))
		return FS_STAT_pass_no_rule;
	if (packet->rule.action == FS_ACTION_PASS)
		return FS_STAT_pass_rule;
	if (is_martian(run))
		return FS_STAT_pass_martian;
	if (any && !(run->config->flags & FS_CONFIG_F_HOST) && !is_local(run))
		return FS_STAT_pass_forward;
	if ((packet->rule.flags & FS_RULE_F_KERNEL_FIRST) && kernel_has(run))
		return FS_STAT_pass_kernel;
	return GO;
}

#endif
