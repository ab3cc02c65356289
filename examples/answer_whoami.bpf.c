// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * answer_whoami.bpf.c - an XDP answer program: tell a client who it is.
 *
 * A client behind address translation asks from which address and port the
 * world sees it. All numbers are in network byte order:
 *
 *	request	| "who?" | id | 20 bytes of room, or more |
 *	reply	| "you!" | id | family (4 or 6) | port | address (16 bytes) |
 *
 * The room makes the reply no longer than the request. "who?" and "you!" differ
 * so that two such servers cannot talk to each other.
 *
 *	clang -O2 -g -target bpf -mcpu=v3 -I/usr/include/$(gcc -print-multiarch) \
 *		-c answer_whoami.bpf.c -o answer_whoami.bpf.o
 *
 * (in the source tree, where `make` builds it, with -I../include besides)
 * and from a client, once the rule and the program are in place:
 *
 *	printf 'who?0001%020d' 0 | nc -u -w 1 HOST 3478 | xxd
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <fastsock/bpf/fs_answer.bpf.h>

#define WHO	bpf_htonl(0x77686f3f)	/* "who?" */
#define YOU	bpf_htonl(0x796f7521)	/* "you!" */

struct whoami {
	__be32 mark;
	__be32 id;
	__be16 family;
	__be16 port;
	__be32 addr[4];		/* IPv4 in the first */
};

/* Before the packet is turned round, the client is its source. */
static __always_inline int find_client(struct xdp_md *ctx, const struct fs_packet *packet,
				       struct whoami *you)
{
	struct udphdr *udp = fs_answer_l4(ctx, sizeof(*udp));
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (!udp)
		return -1;
	you->port = udp->source;
	if (packet->family == FS_AF_INET) {
		ip = fs_answer_l3(ctx, sizeof(*ip));
		if (!ip)
			return -1;
		you->family = bpf_htons(4);
		you->addr[0] = ip->saddr;
	} else {
		ip6 = fs_answer_l3(ctx, sizeof(*ip6));
		if (!ip6)
			return -1;
		you->family = bpf_htons(6);
		__builtin_memcpy(you->addr, &ip6->saddr, sizeof(you->addr));
	}
	return 0;
}

SEC("xdp")
int whoami(struct xdp_md *ctx)
{
	struct fs_packet *packet = fs_answer_packet();
	struct whoami you = { .mark = YOU };
	struct whoami *payload;

	if (!packet || packet->proto != IPPROTO_UDP || packet->payload_len < sizeof(you))
		return fs_answer_miss(ctx);
	payload = fs_answer_payload(ctx, 0, sizeof(*payload));
	if (!payload || payload->mark != WHO)
		return fs_answer_miss(ctx);
	if (!fs_answer_is_intact(ctx))
		return fs_answer_drop(ctx);
	you.id = payload->id;
	if (find_client(ctx, packet, &you) || fs_answer_reply(ctx, sizeof(you)))
		return fs_answer_miss(ctx);

	payload = fs_answer_payload(ctx, 0, sizeof(*payload));
	if (!payload)
		return fs_answer_drop(ctx);
	*payload = you;
	if (fs_answer_csum(ctx, sizeof(you)))
		return fs_answer_drop(ctx);
	return fs_answer_tx(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
