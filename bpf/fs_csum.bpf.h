/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_csum.bpf.h - internet checksums for XDP programs.
 *
 * A "sum" is a running one's complement sum in a __u64, over 16-bit or 32-bit
 * words as they stand in memory: byte order cancels out (RFC 1071). A
 * "checksum" is what stands in a header: the folded sum, complemented.
 *
 * A partial checksum is a field that holds the folded sum of the
 * pseudo-header, not complemented: a sender on the same machine left the rest
 * to hardware that a virtual link does not have.
 */
#ifndef FS_CSUM_BPF_H
#define FS_CSUM_BPF_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "fs_abi.h"

/* Bytes read or written as words, whatever their declared type. */
typedef __u16 __attribute__((may_alias)) fs_word16;
typedef __u32 __attribute__((may_alias)) fs_word32;
typedef __u64 __attribute__((may_alias)) fs_word64;

static __always_inline __u16 fs_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* A checksum after one 16-bit word under it changed: RFC 1624, equation 3. */
static __always_inline __u16 fs_csum_replace(__u16 csum, __u16 from, __u16 to)
{
	return (__u16)~fs_csum_fold((__u64)(__u16)~csum + (__u16)~from + to);
}

/* What UDP writes: a computed 0 is sent as 0xffff, as 0 means "none". */
static __always_inline __u16 fs_csum_udp(__u64 sum)
{
	__u16 csum = (__u16)~fs_csum_fold(sum);

	return csum ? csum : 0xffff;
}

static __always_inline __u64 fs_csum_pseudo4(const struct iphdr *ip, __u32 l4_len)
{
	return (__u64)ip->saddr + ip->daddr + bpf_htons(ip->protocol) + bpf_htons((__u16)l4_len);
}

/* @proto is the upper layer's: ip6->nexthdr may name an extension header. */
static __always_inline __u64 fs_csum_pseudo6(const struct ipv6hdr *ip6, __u8 proto, __u32 l4_len)
{
	const __be32 *src = ip6->saddr.in6_u.u6_addr32;
	const __be32 *dst = ip6->daddr.in6_u.u6_addr32;

	return (__u64)src[0] + src[1] + src[2] + src[3] + dst[0] + dst[1] + dst[2] + dst[3] +
	       bpf_htons(proto) + bpf_htons((__u16)l4_len);
}

/*
 * 1 <= @len <= @max, in two comparisons of one register. A compiler makes one
 * of them, from which the verifier learns nothing about @len.
 */
#define fs_is_length(len, max)						\
({									\
	int fs_is_length_ = 0;						\
	barrier_var(len);						\
	if ((len) <= (max)) {						\
		barrier_var(len);					\
		fs_is_length_ = (len) != 0;				\
	}								\
	fs_is_length_;							\
})

/*
 * Copy @len bytes of the frame from @off on into scratch->block, zero-padded
 * to a word. Returns 0, or -1 when the frame is shorter or the block is.
 */
static __always_inline int fs_block_load(struct xdp_md *ctx, struct fs_scratch *scratch,
					 __u32 off, __u32 len)
{
	if (!fs_is_length(len, FS_BLOCK_MAX))
		return -1;
	*(__u32 *)(scratch->block + (len & ~3u)) = 0;
	return bpf_xdp_load_bytes(ctx, off, scratch->block, len) ? -1 : 0;
}

/*
 * The sum of the first @len bytes of scratch->block, which
 * fs_block_load() has padded. In pieces of 512, because bpf_csum_diff()
 * takes no more before Linux 6.12.
 */
static __always_inline __u32 fs_block_sum(struct fs_scratch *scratch, __u32 len)
{
	__u32 sum = 0;

	for (int i = 0; i < FS_BLOCK_MAX / 512; i++) {
		__u32 piece;

		if (len <= i * 512u)
			break;
		piece = len - i * 512u;
		if (piece > 512)
			piece = 512;
		piece = (piece + 3) & 0x3fc;
		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(scratch->block + i * 512), piece,
					   sum);
	}
	return sum;
}

#endif
