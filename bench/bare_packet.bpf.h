/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare_packet.bpf.h - the least parsing that tells a UDP packet of one port:
 * IPv4 without options on untagged Ethernet. Everything else is not for us.
 */
#ifndef FS_BENCH_BARE_PACKET_BPF_H
#define FS_BENCH_BARE_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct bare_packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline struct bare_packet *bare_udp(struct xdp_md *ctx)
{
	struct bare_packet *p = (void *)(long)ctx->data;

	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return NULL;
	if (p->eth.h_proto != bpf_htons(ETH_P_IP) || *(__u8 *)&p->ip != 0x45 ||
	    p->ip.protocol != IPPROTO_UDP || p->ip.frag_off & bpf_htons(0x3fff))
		return NULL;
	return p;
}

#endif
