/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_reply.bpf.h - turn a request round into its reply, in place.
 *
 * The IPv4 header checksum is updated, not computed: a header that was damaged
 * on its way stays wrong in the reply, and the client's host sees it. The
 * identification and the don't-fragment bit stay: the reply may be fragmented
 * where the request might have been. ECN bits are cleared, because a
 * "congestion experienced" would tell its news to the wrong direction.
 */
#ifndef FS_REPLY_BPF_H
#define FS_REPLY_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/udp.h>
#include "fs_block.bpf.h"
#include "fs_csum.bpf.h"
#include "fs_verdict.bpf.h"

enum {
	FS_AF_INET = 2,
	FS_AF_INET6 = 10,
	FS_REPLY_TTL = 64,
	FS_HEADERS_MAX = 1024,	/* headers must end before; a power of two */
};

/*
 * @size bytes of the frame at @off, or NULL. The mask tells the verifier what
 * the parser has made sure of.
 */
static __always_inline void *fs_at(struct xdp_md *ctx, __u32 off, __u32 size)
{
	void *at = (void *)(long)ctx->data + (off & (FS_HEADERS_MAX - 1));

	return at + size > (void *)(long)ctx->data_end ? NULL : at;
}

static __always_inline void fs_swap16(__be16 *a, __be16 *b)
{
	__be16 was = *a;

	*a = *b;
	*b = was;
}

static __always_inline void fs_swap32(__be32 *a, __be32 *b)
{
	__be32 was = *a;

	*a = *b;
	*b = was;
}

static __always_inline int fs_reply_eth(const struct fs_run *run)
{
	__be16 *mac = fs_at(run->ctx, 0, sizeof(struct ethhdr));

	if (!mac)
		return -1;
	fs_swap16(mac, mac + 3);
	fs_swap16(mac + 1, mac + 4);
	fs_swap16(mac + 2, mac + 5);
	return 0;
}

static __always_inline int fs_reply_ip4(const struct fs_run *run, __u32 l4_len)
{
	struct iphdr *ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
	__u16 tos_word, ttl_word, tos_was, ttl_was, len_was;
	fs_word16 *words = (fs_word16 *)ip;

	if (!ip)
		return -1;
	tos_was = words[0];
	len_was = words[1];
	ttl_was = words[4];
	tos_word = tos_was & bpf_htons(0xfffc);
	ttl_word = (ttl_was & bpf_htons(0x00ff)) | bpf_htons(FS_REPLY_TTL << 8);
	words[0] = tos_word;
	words[1] = bpf_htons((__u16)(sizeof(*ip) + l4_len));
	words[4] = ttl_word;
	ip->check = (__u16)~fs_csum_fold((__u64)(__u16)~ip->check +
					 (__u16)~tos_was + tos_word +
					 (__u16)~len_was + words[1] +
					 (__u16)~ttl_was + ttl_word);
	fs_swap32(&ip->saddr, &ip->daddr);
	return 0;
}

static __always_inline int fs_reply_ip6(const struct fs_run *run, __u32 l4_len)
{
	struct ipv6hdr *ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
	__be32 *src, *dst;

	if (!ip6)
		return -1;
	src = ip6->saddr.in6_u.u6_addr32;
	dst = ip6->daddr.in6_u.u6_addr32;
	ip6->flow_lbl[0] &= 0xcf;
	ip6->payload_len = bpf_htons((__u16)l4_len);
	ip6->hop_limit = FS_REPLY_TTL;
	fs_swap32(&src[0], &dst[0]);
	fs_swap32(&src[1], &dst[1]);
	fs_swap32(&src[2], &dst[2]);
	fs_swap32(&src[3], &dst[3]);
	return 0;
}

/*
 * Swap MACs and addresses, set the hop limit and the IP length for @l4_len
 * bytes behind the IP header, which has no options: those packets pass.
 */
static __always_inline int fs_reply_ip(const struct fs_run *run, __u32 l4_len)
{
	if (fs_reply_eth(run))
		return -1;
	if (run->packet->family == FS_AF_INET)
		return fs_reply_ip4(run, l4_len);
	return fs_reply_ip6(run, l4_len);
}

/* The same with the UDP header: ports swapped, length set, checksum not. */
static __always_inline struct udphdr *fs_reply_udp(const struct fs_run *run, __u32 payload_len)
{
	__u32 len = payload_len + sizeof(struct udphdr);
	struct udphdr *udp;

	if (fs_reply_ip(run, len))
		return NULL;
	udp = fs_at(run->ctx, run->packet->l4_off, sizeof(*udp));
	if (!udp)
		return NULL;
	fs_swap16(&udp->source, &udp->dest);
	udp->len = bpf_htons((__u16)len);
	return udp;
}

/* The pseudo-header's sum; the same before and after addresses are swapped. */
static __always_inline __u64 fs_pseudo(const struct fs_run *run, __u32 l4_len)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (run->packet->family == FS_AF_INET) {
		ip = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip));
		return ip ? fs_csum_pseudo4(ip, l4_len) : 0;
	}
	ip6 = fs_at(run->ctx, run->packet->l3_off, sizeof(*ip6));
	return ip6 ? fs_csum_pseudo6(ip6, run->packet->proto, l4_len) : 0;
}

#endif
