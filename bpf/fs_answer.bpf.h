/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_answer.bpf.h - write an XDP answer program of your own.
 *
 * An answer program is entered by a tail call from the steering program
 * (fastsock-user.bpf.o) for packets whose rule says FS_ANSWER_USER + i, where i
 * is the program's index in the program array. By then the packet is parsed,
 * found to be for this host and under its rate limit; what was found stands in
 * struct fs_packet (fs_abi.h). The program looks, perhaps rewrites the packet in
 * place, and leaves through one of four verdicts, which count it:
 *
 *	fs_answer_tx(ctx)	the packet is now the reply: send it back
 *	fs_answer_miss(ctx)	not for me: to the rule's socket, or the kernel
 *	fs_answer_pass(ctx)	to the kernel, whatever the rule says
 *	fs_answer_drop(ctx)
 *
 * A miss or a pass must leave the packet as it came. A minimal program, for a
 * UDP service that returns the first eight bytes of each datagram that begins with
 * '?', with '!' in its place:
 *
 *	#include <linux/bpf.h>
 *	#include <bpf/bpf_helpers.h>
 *	#include <fastsock/bpf/fs_answer.bpf.h>
 *
 *	SEC("xdp")
 *	int first_eight(struct xdp_md *ctx)
 *	{
 *		struct fs_packet *packet = fs_answer_packet();
 *		char *text = fs_answer_payload(ctx, 0, 8);
 *
 *		if (!packet || packet->proto != IPPROTO_UDP || packet->payload_len < 8 ||
 *		    !text || text[0] != '?')
 *			return fs_answer_miss(ctx);
 *		if (!fs_answer_is_intact(ctx))
 *			return fs_answer_drop(ctx);
 *		if (fs_answer_reply(ctx, 8))
 *			return fs_answer_miss(ctx);
 *		text = fs_answer_payload(ctx, 0, 8);
 *		if (!text)
 *			return fs_answer_drop(ctx);
 *		text[0] = '!';
 *		if (fs_answer_csum(ctx, 8))
 *			return fs_answer_drop(ctx);
 *		return fs_answer_tx(ctx);
 *	}
 *
 *	char LICENSE[] SEC("license") = "Dual BSD/GPL";
 *
 * Build it with
 *
 *	clang -O2 -g -target bpf -mcpu=v3 -I/usr/include/$(gcc -print-multiarch) \
 *		-c first_eight.bpf.c -o first_eight.bpf.o
 *
 * (-Iinclude besides, in the source tree; without -mcpu=v3 the verifier may refuse
 * what older compilers make), try it on a frame with fs_ctl_answer_test(),
 * whose page fs_ctl(3) has an example, and let `fastsock` load it. A loader of your
 * own must
 *   - point the five maps of fs_verdict.bpf.h at the pinned ones of the interface
 *     (bpf_map__reuse_fd() or bpf_map__set_pin_path()),
 *   - call bpf_program__set_expected_attach_type(prog, 0), or the array, whose
 *     owner has 0, refuses the program with EINVAL,
 *   - put its descriptor into the pinned map "answers".
 *
 * Rules of the house:
 *   - A reply is never longer than its request: fs_answer_reply() refuses.
 *   - Never answer what could be a reply, or two hosts talk for ever. Give
 *     requests a mark that replies do not have. Nothing does that for you: only the
 *     program's own echo looks at the ports of other responders.
 *   - Do not use bpf_xdp_adjust_*(), nor write to the maps but through here.
 *   - The program shares the kernel's stack limit and per-CPU scratch with the
 *     steering program; scratch->block is yours until you return.
 *
 * The interface is stable: structs grow in their reserved fields only.
 */
#ifndef FS_ANSWER_BPF_H
#define FS_ANSWER_BPF_H

#include "fs_abi.h"
#include "fs_csum.bpf.h"
#include "fs_reply.bpf.h"
#include "fs_verdict.bpf.h"

/* What is known about the packet. NULL is for the verifier only. */
static __always_inline struct fs_packet *fs_answer_packet(void)
{
	__u32 zero = 0;
	struct fs_scratch *mine = bpf_map_lookup_elem(&scratch, &zero);

	return mine ? &mine->packet : NULL;
}

/*
 * Pointers into the frame: @size bytes (a constant) at @off (a constant, or
 * anything below 1024), or NULL when they are not all there. They say nothing
 * about the packet's lengths: compare with packet->payload_len.
 * Valid until the next helper that changes the frame.
 */
static __always_inline void *fs_answer_l3(struct xdp_md *ctx, __u32 size)
{
	struct fs_packet *packet = fs_answer_packet();

	return packet ? fs_at(ctx, packet->l3_off, size) : NULL;
}

static __always_inline void *fs_answer_l4(struct xdp_md *ctx, __u32 size)
{
	struct fs_packet *packet = fs_answer_packet();

	return packet ? fs_at(ctx, packet->l4_off, size) : NULL;
}

static __always_inline void *fs_answer_payload(struct xdp_md *ctx, __u32 off, __u32 size)
{
	struct fs_packet *packet = fs_answer_packet();

	return packet ? fs_at(ctx, packet->payload_off + off, size) : NULL;
}

/*
 * Turn a UDP request round: MACs, addresses, ports, hop limit, and lengths for
 * a reply of @payload_len bytes, which start where the request's did. The
 * IPv4 header checksum is right afterwards, the UDP checksum is not. What is
 * cut off stays in the frame as Ethernet padding.
 *
 * Returns 0, or -1 with the packet untouched: not UDP, longer than the request,
 * or a length change while the kernel still is to complete the checksum (skb
 * mode).
 */
static __always_inline int fs_answer_reply(struct xdp_md *ctx, __u32 payload_len)
{
	struct fs_run run;

	if (fs_run_open(&run, ctx))
		return -1;
	if (run.packet->proto != IPPROTO_UDP || payload_len > run.packet->payload_len)
		return -1;
	if (run.packet->csum_partial && run.packet->skb_mode &&
	    payload_len != run.packet->payload_len)
		return -1;
	return fs_reply_udp(&run, payload_len) ? 0 : -1;
}

/*
 * Is the UDP request as its sender made it? 0 when its checksum is wrong, or
 * there is more payload than FS_BLOCK_MAX to sum up; no checksum (IPv4) and a
 * partial one count as right. Call it before fs_answer_reply().
 */
static __always_inline int fs_answer_is_intact(struct xdp_md *ctx)
{
	struct udphdr *udp;
	struct fs_run run;
	__u64 payload, sum;
	__u32 len;

	if (fs_run_open(&run, ctx))
		return 0;
	udp = fs_at(ctx, run.packet->l4_off, sizeof(*udp));
	if (!udp || !udp->check || run.packet->csum_partial)
		return udp != NULL;
	len = run.packet->payload_len;
	sum = fs_pseudo(&run, len + sizeof(*udp)) + udp->source + udp->dest + udp->len +
	      udp->check;
	if (len) {
		if (fs_block_read(ctx, run.scratch, run.packet->payload_off, len, &payload))
			return 0;
		sum += payload;
	}
	return fs_csum_fold(sum) == 0xffff;
}

/*
 * Compute the UDP checksum of a reply of @payload_len bytes from its bytes, up
 * to FS_BLOCK_MAX. Call it last. In skb mode a partial checksum is left for the
 * kernel to complete. To answer a request whose checksum might be wrong is to
 * vouch for it: where that matters, ask fs_answer_is_intact() first, or keep the
 * request's and use fs_csum_replace() for each 16-bit word that you change.
 *
 * Returns 0, or -1: too long.
 */
static __always_inline int fs_answer_csum(struct xdp_md *ctx, __u32 payload_len)
{
	struct udphdr *udp;
	struct fs_run run;
	__u64 payload, sum;

	if (fs_run_open(&run, ctx))
		return -1;
	if (run.packet->csum_partial && run.packet->skb_mode)
		return 0;
	sum = fs_pseudo(&run, payload_len + sizeof(*udp));
	if (payload_len) {
		if (fs_block_read(ctx, run.scratch, run.packet->payload_off, payload_len,
				  &payload))
			return -1;
		sum += payload;
	}
	udp = fs_at(ctx, run.packet->l4_off, sizeof(*udp));
	if (!udp)
		return -1;
	udp->check = fs_csum_udp(sum + udp->source + udp->dest + udp->len);
	return 0;
}

static __always_inline int fs_answer_tx(struct xdp_md *ctx)
{
	struct fs_run run;

	return fs_run_open(&run, ctx) ? XDP_PASS : fs_tx(&run, FS_STAT_tx_user);
}

static __always_inline int fs_answer_miss(struct xdp_md *ctx)
{
	struct fs_run run;

	return fs_run_open(&run, ctx) ? XDP_PASS : fs_miss(&run, FS_STAT_pass_miss);
}

static __always_inline int fs_answer_pass(struct xdp_md *ctx)
{
	struct fs_run run;

	return fs_run_open(&run, ctx) ? XDP_PASS : fs_pass(&run, FS_STAT_pass_miss);
}

static __always_inline int fs_answer_drop(struct xdp_md *ctx)
{
	struct fs_run run;

	return fs_run_open(&run, ctx) ? XDP_PASS : fs_drop(&run, FS_STAT_drop_user);
}

#endif
