// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * fastsock.bpf.c - answer, steer, drop or pass each packet of an interface.
 *
 *	parse -> match a rule -> act
 *
 * Two objects are made of this file. fastsock-user.bpf.o (FS_USER_ANSWERS) has
 * the program array for users' answers and its tail call; fastsock.bpf.o has
 * neither, nor any bpf_xdp_adjust_*(): libxdp before 1.5.5 cannot chain a
 * program that "changes packet data", which a tail call counts as, on Linux
 * 6.12 and later.
 *
 * The section is plain "xdp", not "xdp.frags": AF_XDP without multi-buffer
 * drops longer packets anyway, the dispatcher loses frags as soon as one
 * program lacks them, and programs in the array would have to match. The price
 * is that the MTU must fit one buffer (about 3500 bytes).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>
#include "fs_abi.h"
#include "parse.h"
#include "rules.h"
#include "rate.h"
#include "echo.h"
#include "kv.h"
#include "user.h"

/* Before programs of the default priority (50); what we pass goes on to them. */
struct {
	__uint(priority, 40);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(fastsock);

static __always_inline int answer(const struct fs_run *run)
{
	__u8 which = run->packet->rule.answer;

	if (which == FS_ANSWER_ECHO && run->packet->proto == IPPROTO_UDP)
		return echo_udp(run);
	if (which == FS_ANSWER_ECHO && run->packet->proto != IPPROTO_TCP)
		return echo_icmp(run);
	if (which == FS_ANSWER_KV && run->packet->proto == IPPROTO_UDP)
		return kv(run);
	if (which >= FS_ANSWER_USER)
		return user(run, which - FS_ANSWER_USER);
	return fs_miss(run, FS_STAT_pass_no_answer);
}

/* About a flow of ours: path MTU discovery lives on it. */
static __always_inline int act_on_icmp_error(const struct fs_run *run)
{
	const struct fs_rule *rule = &run->packet->rule;

	if (rule->action == FS_ACTION_STEER ||
	    (rule->action == FS_ACTION_ANSWER && (rule->flags & FS_RULE_F_MISS_STEER)))
		return fs_steer(run, rule->slot, FS_STAT_steer_icmp);
	return fs_pass(run, FS_STAT_pass_rule);
}

static __always_inline int act(const struct fs_run *run)
{
	const struct fs_rule *rule = &run->packet->rule;

	fs_capture(run, FS_CAPTURE_IN);
	if (run->packet->kind == KIND_ICMP_ERROR)
		return act_on_icmp_error(run);
	/* The kernel, which does not know the connection, would reset it. */
	if (run->packet->kind == KIND_TCP_FRAGMENT)
		return fs_drop(run, FS_STAT_drop_tcp_frag);
	if (rule->action == FS_ACTION_STEER)
		return fs_steer(run, rule->slot, FS_STAT_steer);
	if (rule->action == FS_ACTION_ANSWER)
		return answer(run);
	if (rule->action == FS_ACTION_DROP)
		return fs_drop(run, FS_STAT_drop_rule);
	return fs_pass(run, FS_STAT_pass_rule);
}

SEC("xdp")
int fastsock(struct xdp_md *ctx)
{
	struct fs_run run;
	int verdict;

	if (fs_run_open(&run, ctx))
		return XDP_PASS;
	run.stats->rx_packets++;
	run.stats->rx_bytes += fs_frame_len(ctx);
	verdict = parse(&run);
	if (verdict == GO)
		verdict = match(&run);
	if (verdict != GO)
		return fs_pass(&run, verdict);
	return act(&run);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
