/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_verdict.bpf.h - the maps that every fastsock program shares, and the
 * ways to leave one.
 *
 * Each packet leaves through exactly one of these functions, so that the
 * verdict counters add up to rx_packets. Counters are per CPU and XDP does not
 * nest, so plain additions will do.
 */
#ifndef FS_VERDICT_BPF_H
#define FS_VERDICT_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "fs_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);	/* a stack reads its flags as it goes */
	__type(key, __u32);
	__type(value, struct fs_config);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fs_stats);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fs_scratch);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, FS_XSKS_MAX);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} xsks SEC(".maps");

/* Costs memory only while somebody reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} captures SEC(".maps");

/* One packet's run through the program. */
struct fs_run {
	struct xdp_md *ctx;
	const struct fs_config *config;
	struct fs_stats *stats;
	struct fs_scratch *scratch;
	struct fs_packet *packet;	/* inside scratch */
};

/* Returns 0, or -1 which cannot happen but for the verifier. */
static __always_inline int fs_run_open(struct fs_run *run, struct xdp_md *ctx)
{
	__u32 zero = 0;

	run->ctx = ctx;
	run->config = bpf_map_lookup_elem(&config, &zero);
	run->stats = bpf_map_lookup_elem(&stats, &zero);
	run->scratch = bpf_map_lookup_elem(&scratch, &zero);
	if (!run->config || !run->stats || !run->scratch)
		return -1;
	run->packet = &run->scratch->packet;
	return 0;
}

static __always_inline __u32 fs_frame_len(struct xdp_md *ctx)
{
	return (__u32)((void *)(long)ctx->data_end - (void *)(long)ctx->data);
}

static __always_inline void fs_count(const struct fs_run *run, enum fs_stat stat)
{
	if (stat < FS_STAT_COUNT)
		((__u64 *)run->stats)[stat]++;
}

static __always_inline int fs_pass(const struct fs_run *run, enum fs_stat verdict)
{
	fs_count(run, verdict);
	return XDP_PASS;
}

static __always_inline int fs_drop(const struct fs_run *run, enum fs_stat verdict)
{
	fs_count(run, verdict);
	return XDP_DROP;
}

/* Record the frame as it is now, when somebody wants to know. */
static __always_inline void fs_capture(const struct fs_run *run, enum fs_capture_dir dir)
{
	struct fs_capture what = { .dir = dir };

	if (!(run->config->flags & FS_CONFIG_F_CAPTURE))
		return;
	what.time_ns = bpf_ktime_get_ns();
	what.len = fs_frame_len(run->ctx);
	what.queue = run->ctx->rx_queue_index;
	bpf_perf_event_output(run->ctx, &captures,
			      BPF_F_CURRENT_CPU | (__u64)(what.len & 0xfff) << 32,
			      &what, sizeof(what));
}

static __always_inline int fs_tx(const struct fs_run *run, enum fs_stat verdict)
{
	fs_capture(run, FS_CAPTURE_OUT);
	fs_count(run, verdict);
	run->stats->tx_bytes += fs_frame_len(run->ctx);
	return XDP_TX;
}

/*
 * An empty entry gives the packet back to the kernel: so a process that died
 * loses its traffic to its kernel twin. A socket of another queue would make
 * the kernel drop, hence one entry for each queue.
 */
static __always_inline int fs_steer(const struct fs_run *run, __u32 slot, enum fs_stat verdict)
{
	__u32 queues = run->config->queues;
	__u32 queue = run->ctx->rx_queue_index;

	if (queue >= queues)
		return fs_pass(run, FS_STAT_pass_no_socket);
	if (bpf_redirect_map(&xsks, slot * queues + queue, XDP_PASS) != XDP_REDIRECT)
		return fs_pass(run, FS_STAT_pass_no_socket);
	fs_count(run, verdict);
	return XDP_REDIRECT;
}

/* The answer leaves it to others: to the rule's slot, or to the kernel. */
static __always_inline int fs_miss(const struct fs_run *run, enum fs_stat verdict)
{
	if (run->packet->rule.flags & FS_RULE_F_MISS_STEER)
		return fs_steer(run, run->packet->rule.slot, FS_STAT_steer);
	return fs_pass(run, verdict);
}

#endif
