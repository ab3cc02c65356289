// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * answer_each.bpf.c - an answer program that does as its request's first byte
 * says: every verdict, and replies of the length that the second byte takes off.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/fs_answer.bpf.h"

SEC("xdp")
int each(struct xdp_md *ctx)
{
	struct fs_packet *packet = fs_answer_packet();
	__u8 *say = fs_answer_payload(ctx, 0, 2);
	__u32 len;

	if (!packet || !say || packet->payload_len < 2)
		return fs_answer_miss(ctx);
	if (say[0] == 'p')
		return fs_answer_pass(ctx);
	if (say[0] == 'd')
		return fs_answer_drop(ctx);
	if (say[0] == 'i' && !fs_answer_is_intact(ctx))
		return fs_answer_drop(ctx);
	if (say[0] != 't' && say[0] != 'i')
		return fs_answer_miss(ctx);
	/* Taking off more than there is makes a reply too long. */
	len = (__u16)(packet->payload_len - say[1]);
	if (fs_answer_reply(ctx, len))
		return fs_answer_miss(ctx);
	if (fs_answer_csum(ctx, len))
		return fs_answer_drop(ctx);
	return fs_answer_tx(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
