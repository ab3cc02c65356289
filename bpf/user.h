/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * user.h - hand a packet to a user's answer program (fs_answer.bpf.h).
 *
 * The program finds struct fs_packet in the per-CPU scratch map, and counts
 * its own verdict. Without FS_USER_ANSWERS there is no such program.
 */
#ifndef FS_BPF_USER_H
#define FS_BPF_USER_H

#include "parse.h"
#include "rate.h"

#ifdef FS_USER_ANSWERS

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, FS_ANSWERS_MAX);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} answers SEC(".maps");

/* ICMP over IPv4 has no pseudo-header, and TCP's checksum stands elsewhere. */
static __always_inline int is_partial(const struct fs_run *run)
{
	__u32 at = run->packet->proto == IPPROTO_TCP ? 16 :
		   run->packet->proto == IPPROTO_UDP ? 6 : 2;
	__u32 len = run->packet->l4_len;
	__u16 *csum;

	if (run->packet->proto == IPPROTO_ICMP)
		return 0;
	if (run->packet->proto == IPPROTO_UDP)
		len = run->packet->payload_len + sizeof(struct udphdr);
	csum = fs_at(run->ctx, run->packet->l4_off + at, sizeof(*csum));
	return csum && *csum == fs_csum_fold(fs_pseudo(run, len));
}

static __always_inline int user(const struct fs_run *run, __u32 index)
{
	struct fs_packet *packet = run->packet;

	if (over_rate(run))
		return fs_drop(run, FS_STAT_drop_rate);
	packet->skb_mode = !!(run->config->flags & FS_CONFIG_F_SKB_MODE);
	packet->csum_partial = (__u8)is_partial(run);
	if (packet->csum_partial)
		run->stats->csum_partial++;
	bpf_tail_call(run->ctx, &answers, index);
	return fs_miss(run, FS_STAT_pass_no_answer);
}

#else

static __always_inline int user(const struct fs_run *run, __u32 index)
{
	(void)index;
	return fs_miss(run, FS_STAT_pass_no_answer);
}

#endif
#endif
