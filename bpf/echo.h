/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * echo.h - UDP echo (RFC 862) and ICMP echo, answered in place.
 *
 * Swapping addresses and ports leaves the checksum as it was, right or wrong:
 * a payload that was damaged on the way here is known as damaged by the client.
 * So nothing needs to be verified, and nothing walks over the payload. An IPv4
 * request without a checksum (0, RFC 768) gets a reply without one.
 *
 * A partial checksum (fs_csum.bpf.h) is completed here in native mode, where
 * nobody else would; in skb mode the kernel remembers to complete it. A full
 * one that happens to look partial is computed to what it was before.
 */
#ifndef FS_BPF_ECHO_H
#define FS_BPF_ECHO_H

#include "parse.h"
#include "rate.h"

/* Services that answer anything they get: each would talk to us for ever. */
static __always_inline int is_loop(__be16 from, __be16 to)
{
	return from == to || from == bpf_htons(7) || from == bpf_htons(13) ||
	       from == bpf_htons(17) || from == bpf_htons(19) || from == bpf_htons(37);
}

enum csum_state {
	CSUM_FULL = 0,		/* or none at all */
	CSUM_COMPLETE,		/* partial, to be completed here */
	CSUM_LEAVE,		/* partial, and the kernel will complete it */
	CSUM_TOO_LONG,		/* partial, and more than we walk over */
};

/* For CSUM_COMPLETE, @sum is of the pseudo-header and the payload. */
static __always_inline enum csum_state csum_state(const struct fs_run *run, __u16 csum,
						  __u32 l4_len, __u64 *sum)
{
	struct fs_packet *packet = run->packet;
	__u64 pseudo = fs_pseudo(run, l4_len), payload;

	if (csum != fs_csum_fold(pseudo))
		return CSUM_FULL;
	run->stats->csum_partial++;
	if (run->config->flags & FS_CONFIG_F_SKB_MODE)
		return CSUM_LEAVE;
	*sum = pseudo;
	if (!packet->payload_len)
		return CSUM_COMPLETE;
	if (fs_block_read(run->ctx, run->scratch, packet->payload_off, packet->payload_len,
			  &payload))
		return CSUM_TOO_LONG;
	*sum += payload;
	return CSUM_COMPLETE;
}

static __always_inline int echo_udp(const struct fs_run *run)
{
	struct fs_packet *packet = run->packet;
	struct udphdr *udp = fs_at(run->ctx, packet->l4_off, sizeof(*udp));
	enum csum_state state = CSUM_FULL;
	__u64 sum = 0;

	/* A source port of 0 asks for no reply (RFC 768). */
	if (!udp || !udp->source)
		return fs_miss(run, FS_STAT_pass_miss);
	if (is_loop(udp->source, udp->dest))
		return fs_drop(run, FS_STAT_drop_loop);
	if (over_rate(run))
		return fs_drop(run, FS_STAT_drop_rate);
	if (udp->check)
		state = csum_state(run, udp->check, bpf_ntohs(udp->len), &sum);
	if (state == CSUM_TOO_LONG || fs_reply_ip(run, packet->l4_len))
		return fs_miss(run, FS_STAT_pass_miss);
	udp = fs_at(run->ctx, packet->l4_off, sizeof(*udp));
	if (!udp)
		return fs_pass(run, FS_STAT_pass_malformed);
	fs_swap16(&udp->source, &udp->dest);
	if (state == CSUM_COMPLETE)
		udp->check = fs_csum_udp(sum + udp->source + udp->dest + udp->len);
	return fs_tx(run, FS_STAT_tx_echo);
}

/*
 * Linux computes ICMP checksums in full, but nothing says that it must for
 * ICMPv6. A field that looks partial cannot be updated, only completed.
 */
static __always_inline int echo_icmp(const struct fs_run *run)
{
	struct fs_packet *packet = run->packet;
	int is_ip6 = packet->family == FS_AF_INET6;
	struct icmp_header *icmp = fs_at(run->ctx, packet->l4_off, sizeof(*icmp));
	enum csum_state state = CSUM_FULL;
	__u16 was, now;
	fs_word16 *words;
	__u64 sum = 0;

	if (!icmp)
		return fs_miss(run, FS_STAT_pass_miss);
	if (over_rate(run))
		return fs_drop(run, FS_STAT_drop_rate);
	if (is_ip6)
		state = csum_state(run, icmp->csum, packet->l4_len, &sum);
	if (state == CSUM_TOO_LONG || state == CSUM_LEAVE || fs_reply_ip(run, packet->l4_len))
		return fs_miss(run, FS_STAT_pass_miss);
	icmp = fs_at(run->ctx, packet->l4_off, sizeof(*icmp));
	if (!icmp)
		return fs_pass(run, FS_STAT_pass_malformed);
	words = (fs_word16 *)icmp;
	was = words[0];
	now = (was & bpf_htons(0x00ff)) | (is_ip6 ? bpf_htons(ICMP6_T_ECHO_REPLY << 8) : 0);
	words[0] = now;
	if (state == CSUM_COMPLETE)
		icmp->csum = (__u16)~fs_csum_fold(sum + now + words[2] + words[3]);
	else
		icmp->csum = fs_csum_replace(icmp->csum, was, now);
	return fs_tx(run, FS_STAT_tx_icmp_echo);
}

#endif
