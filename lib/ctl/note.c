// SPDX-License-Identifier: BSD-2-Clause
/*
 * note.c - why something is not fast. Silent non-acceleration is what users of
 * such stacks complain about first, so every cause that can be seen from here
 * is a sentence, with what to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>

#include "ctl/ctl.h"
#include "steer/iface.h"

struct notes {
	struct fs_ctl *ctl;
	fs_ctl_note_fn *fn;
	void *ctx;
	int end;		/* what the callback returned */
	bool answers;		/* a rule answers */
};

enum {
	ETHER_HEADER = 14,
	VLAN_TAGS = 8,
};

static void __attribute__((format(printf, 2, 3)))
note(struct notes *notes, const char *format, ...)
{
	char text[400];
	va_list args;

	if (notes->end)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	notes->end = notes->fn(notes->ctx, text);
}

static void note_program(struct notes *notes)
{
	const struct fs_steer_info *info = &notes->ctl->info;
	struct fs_steer_iface now;

	if (info->elsewhere) {
		note(notes, "it is attached in another network namespace (%s); ask there", info->where);
		return;
	}
	if (!info->ifindex) {
		note(notes, "the interface is gone, only pins are left: run `fastsock detach %s`",
		     info->ifname);
		return;
	}
	if (!info->prog_id) {
		note(notes, "the program was removed, so nothing is fast: run `fastsock attach %s` again",
		     info->ifname);
		return;
	}
	if (info->skb_mode)
		note(notes, "generic (skb) mode is slower than native: driver %s may not run XDP natively, "
		     "or it was asked for", info->driver);
	if (!info->pass_only && !info->user_answers)
		note(notes, "users' own answer programs cannot be loaded here: libxdp before 1.5.5 cannot chain "
		     "programs with tail calls, or xdp-loader attached the plain object; `fastsock attach "
		     "--alone` can");
	if (!fs_steer_iface_get(&now, info->ifname, &notes->ctl->log) && !info->pass_only &&
	    now.queues > info->queues)
		note(notes, "%u receive queues now, but %u when the program was attached: the others go to the "
		     "kernel; detach and attach again", now.queues, info->queues);
}

static int note_socket(void *ctx, const struct fs_ctl_socket *socket)
{
	struct notes *notes = ctx;
	/* In zero-copy the driver's refill found none: nothing was lost yet. */
	uint64_t no_frame = socket->zerocopy ? 0 : socket->rx_fill_empty;

	if (no_frame || socket->rx_ring_full)
		note(notes, "queue %u dropped packets: %" PRIu64 " for want of a free frame, %" PRIu64
		     " because the process receives too slowly; give its stack more frames or larger rings",
		     socket->queue, no_frame, socket->rx_ring_full);
	return notes->end;
}

/* What a stack's frames hold is settled when it starts. */
static void note_mtu(struct notes *notes, const struct fs_ctl_slot *slot)
{
	const uint32_t mtu = notes->ctl->info.mtu;

	if (!slot->alive || !slot->frame_max || mtu + ETHER_HEADER <= slot->frame_max)
		return;
	note(notes, "slot %u: the MTU is %u now, but process %u (%s) started with frames of %u bytes: longer "
	     "packets for it are lost; start it anew, or: ip link set %s mtu %u", slot->index, mtu, slot->pid,
	     slot->comm, slot->frame_max, notes->ctl->info.ifname,
	     slot->frame_max - ETHER_HEADER - VLAN_TAGS);
}

static int note_slot(void *ctx, const struct fs_ctl_slot *slot)
{
	struct notes *notes = ctx;
	uint32_t queues = notes->ctl->info.queues;

	if (!slot->alive)
		note(notes, "slot %u: process %u (%s) is gone, its packets go to the kernel; the next process "
		     "clears up, or `fastsock detach`", slot->index, slot->pid, slot->comm);
	else if (slot->queues < queues)
		note(notes, "slot %u: process %u (%s) serves %u of %u receive queues; what comes in on the others "
		     "goes to the kernel", slot->index, slot->pid, slot->comm, slot->queues, queues);
	if (slot->alive && slot->zerocopy < slot->queues)
		note(notes, "slot %u: each packet is copied to its socket%s: driver %s does not offer better%s",
		     slot->index, notes->ctl->info.skb_mode ? " in generic mode" : "",
		     notes->ctl->info.driver,
		     notes->ctl->info.skb_mode ? " there" : ", or it was opened so");
	note_mtu(notes, slot);
	return notes->end;
}

static int note_rule(void *ctx, const struct fs_ctl_rule *rule)
{
	struct notes *notes = ctx;
	char flow[FS_ADDR_STRLEN + 8];

	fs_ctl_rule_format(rule, flow, sizeof(flow));
	if (rule->action == FS_CTL_ANSWER)
		notes->answers = true;
	if (rule->action == FS_CTL_ANSWER && rule->answer[0] == '?')
		note(notes, "%s: its answer program is not loaded", flow);
	if (rule->action == FS_CTL_STEER && !rule->pid)
		note(notes, "%s is steered, but no living process takes it: its packets go to the kernel", flow);
	if (rule->pid && (rule->action == FS_CTL_PASS || rule->action == FS_CTL_DROP))
		note(notes, "%s: process %u would take it, but a rule says %s: fastsock rule del %s", flow,
		     rule->pid, rule->action == FS_CTL_PASS ? "pass" : "drop", flow);
	return notes->end;
}

static void note_counters(struct notes *notes)
{
	const bool veth = !strcmp(notes->ctl->info.driver, "veth");
	uint64_t stats[FS_STAT_COUNT];

	if (fs_steer_stats(notes->ctl->steer, stats))
		return;
	if (stats[FS_STAT_pass_no_socket])
		note(notes, "%" PRIu64 " packets were steered at a queue without a socket, and went to the kernel",
		     stats[FS_STAT_pass_no_socket]);
	if (stats[FS_STAT_csum_partial] && notes->ctl->info.skb_mode)
		note(notes, "%" PRIu64 " requests came with a partial checksum, which kv does not answer in "
		     "generic mode, nor a user's program that changes the length: on the sender's end run `ethtool -K DEV tx off`",
		     stats[FS_STAT_csum_partial]);
	else if (stats[FS_STAT_csum_partial])
		note(notes, "%" PRIu64 " requests came with a partial checksum, which costs a walk over each: on "
		     "the sender's end run `ethtool -K DEV tx off`", stats[FS_STAT_csum_partial]);
	if (veth && notes->answers && !notes->ctl->info.skb_mode)
		note(notes, "veth: answers by XDP reach the peer only if it has a native XDP program, too: "
		     "`fastsock attach --pass PEER` there");
}

int fs_ctl_note_each(struct fs_ctl *ctl, fs_ctl_note_fn *fn, void *ctx)
{
	struct notes notes = { .ctl = ctl, .fn = fn, .ctx = ctx };

	note_program(&notes);
	if (notes.end || fs_ctl_need_maps(ctl))
		return notes.end;
	fs_ctl_socket_each(ctl, note_socket, &notes);
	if (!notes.end)
		fs_ctl_slot_each(ctl, note_slot, &notes);
	if (!notes.end)
		fs_ctl_rule_each(ctl, note_rule, &notes);
	if (!notes.end)
		note_counters(&notes);
	return notes.end;
}
