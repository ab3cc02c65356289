// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * pass.bpf.c - pass everything. A veth interface delivers what its peer sends
 * by XDP_TX only when it has a native XDP program itself: this one will do.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 90);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(fastsock_pass);

SEC("xdp")
int fastsock_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
