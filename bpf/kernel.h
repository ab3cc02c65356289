/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * kernel.h - connections that the kernel has of a port that is steered: those
 * that were there before somebody steered it, and those that a stack has moved
 * to the kernel.
 *
 * Asked only where the rule says that there may be some (FS_RULE_F_KERNEL_FIRST).
 * A listening socket is none: new connections are the stack's. What the kernel
 * is just accepting is one, and so is what it has in TIME-WAIT.
 */
#ifndef FS_BPF_KERNEL_H
#define FS_BPF_KERNEL_H

#include "parse.h"

/*
 * An IP header and its ports, seen from the wire. In a packet that comes in the
 * remote end is the first; in one that an ICMP error quotes it is the second.
 */
struct ends {
	__u32 ip;		/* offsets */
	__u32 ports;
	int quoted;
};

static __always_inline struct ends ends_of(const struct fs_packet *packet)
{
	struct ends ends = { packet->l3_off, packet->l4_off, packet->kind == KIND_ICMP_ERROR };

	if (ends.quoted) {
		ends.ip = packet->l4_off + sizeof(struct icmp_header);
		ends.ports = packet->payload_off;
	}
	return ends;
}

/* The remote end is the source, as the kernel looks for it. */
static __always_inline int tuple4(const struct fs_run *run, struct bpf_sock_tuple *tuple)
{
	struct ends ends = ends_of(run->packet);
	struct iphdr *ip = fs_at(run->ctx, ends.ip, sizeof(*ip));
	__be16 *ports = fs_at(run->ctx, ends.ports, 2 * sizeof(*ports));

	if (!ip || !ports)
		return -1;
	tuple->ipv4.saddr = ends.quoted ? ip->daddr : ip->saddr;
	tuple->ipv4.daddr = ends.quoted ? ip->saddr : ip->daddr;
	tuple->ipv4.sport = ends.quoted ? ports[1] : ports[0];
	tuple->ipv4.dport = ends.quoted ? ports[0] : ports[1];
	return 0;
}

static __always_inline int tuple6(const struct fs_run *run, struct bpf_sock_tuple *tuple)
{
	struct ends ends = ends_of(run->packet);
	struct ipv6hdr *ip6 = fs_at(run->ctx, ends.ip, sizeof(*ip6));
	__be16 *ports = fs_at(run->ctx, ends.ports, 2 * sizeof(*ports));

	if (!ip6 || !ports)
		return -1;
	for (int i = 0; i < 4; i++) {
		__be32 src = ip6->saddr.in6_u.u6_addr32[i], dst = ip6->daddr.in6_u.u6_addr32[i];

		tuple->ipv6.saddr[i] = ends.quoted ? dst : src;
		tuple->ipv6.daddr[i] = ends.quoted ? src : dst;
	}
	tuple->ipv6.sport = ends.quoted ? ports[1] : ports[0];
	tuple->ipv6.dport = ends.quoted ? ports[0] : ports[1];
	return 0;
}

/* A SYN without ACK: by RFC 9293 3.5 it begins a connection. */
static __always_inline int is_new(const struct fs_run *run)
{
	__u8 *tcp;

	if (run->packet->kind == KIND_ICMP_ERROR || run->packet->kind == KIND_TCP_FRAGMENT)
		return 0;
	tcp = fs_at(run->ctx, run->packet->l4_off, 14);
	return tcp && (tcp[13] & 0x12) == 0x02;
}

static __always_inline int kernel_has(const struct fs_run *run)
{
	int is_ip6 = run->packet->family == FS_AF_INET6;
	struct bpf_sock_tuple tuple;
	struct bpf_sock *sock;
	__u32 state;

	if (run->packet->key.proto != IPPROTO_TCP)
		return 0;
	if ((run->packet->rule.flags & FS_RULE_F_NO_NEW) && is_new(run))
		return 1;
	__builtin_memset(&tuple, 0, sizeof(tuple));
	if (is_ip6 ? tuple6(run, &tuple) : tuple4(run, &tuple))
		return 0;
	sock = bpf_skc_lookup_tcp(run->ctx, &tuple,
				  is_ip6 ? sizeof(tuple.ipv6) : sizeof(tuple.ipv4),
				  BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return 0;
	state = sock->state;
	bpf_sk_release(sock);
	return state != BPF_TCP_LISTEN;
}

#endif
