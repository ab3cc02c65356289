// SPDX-License-Identifier: BSD-2-Clause
/*
 * bare_echo.bpf.c - UDP port 7 goes to the AF_XDP socket of its queue.
 */
#include "bare_packet.bpf.h"

enum { ECHO_PORT = 7 };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

SEC("xdp")
int bare_echo(struct xdp_md *ctx)
{
	struct bare_packet *p = bare_udp(ctx);

	if (!p || p->udp.dest != bpf_htons(ECHO_PORT))
		return XDP_PASS;
	return (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
