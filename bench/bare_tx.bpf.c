// SPDX-License-Identifier: BSD-2-Clause
/*
 * bare_tx.bpf.c - the limit of an answer in XDP: swap the addresses of UDP
 * port 7 and transmit, nothing else. No checksum changes by a swap.
 *
 * bare_pass is what veth wants on the other end: without a native program
 * there, XDP_TX has no place to put its packets.
 */
#include "bare_packet.bpf.h"

enum { ECHO_PORT = 7 };

SEC("xdp")
int bare_tx(struct xdp_md *ctx)
{
	struct bare_packet *p = bare_udp(ctx);
	__u8 mac[ETH_ALEN];
	__u32 addr;
	__u16 port;

	if (!p || p->udp.dest != bpf_htons(ECHO_PORT))
		return XDP_PASS;
	__builtin_memcpy(mac, p->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(p->eth.h_dest, p->eth.h_source, ETH_ALEN);
	__builtin_memcpy(p->eth.h_source, mac, ETH_ALEN);
	addr = p->ip.daddr;
	p->ip.daddr = p->ip.saddr;
	p->ip.saddr = addr;
	port = p->udp.dest;
	p->udp.dest = p->udp.source;
	p->udp.source = port;
	return XDP_TX;
}

SEC("xdp")
int bare_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
