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

/* Eight bytes as a summand: their sum would need its carry. */
static __always_inline __u64 fs_csum_word(__u64 word)
{
	return (word & 0xffffffff) + (word >> 32);
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

#endif
