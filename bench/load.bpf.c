// SPDX-License-Identifier: BSD-2-Clause
/*
 * load.bpf.c - the load generator's side: the replies that it waits for go to
 * its AF_XDP socket, everything else to the kernel.
 */
#include "bare_packet.bpf.h"

/* Network order; set before loading. */
const volatile __u32 server_addr;
const volatile __u16 server_port;
const volatile __u16 client_port;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

SEC("xdp")
int load_reply(struct xdp_md *ctx)
{
	struct bare_packet *p = bare_udp(ctx);

	if (!p || p->ip.saddr != server_addr || p->udp.source != server_port ||
	    p->udp.dest != client_port)
		return XDP_PASS;
	return (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
