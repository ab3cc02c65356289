/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_xdp.h - the load generator on an AF_XDP socket.
 *
 * Each slot of the window has one send frame, built once; a request changes
 * the id and the checksum in it. The frame of a request that timed out may
 * still be in the TX ring when it is written again: it then carries the newer
 * id, twice, which counts as a duplicate, not as a wrong reply.
 */
#ifndef FS_BENCH_CLIENT_XDP_H
#define FS_BENCH_CLIENT_XDP_H

#include <stdio.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "bench/client.h"
#include "bench/neighbour.h"
#include "bench/xdp_raw.h"
#include "bench/xsk_raw.h"

enum {
	XDP_CLIENT_PORT = 20007,	/* below the kernel's ephemeral ports */
};

struct xdp_packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[];
} __attribute__((packed));

static struct {
	const struct request *request;
	struct xsk_raw xsk;
	unsigned int window;
	bool spin;
	uint64_t sum;		/* of everything that the UDP checksum covers, with id 0 */
	uint32_t received;
} xdp;

static uint64_t xdp_udp_sum(const struct xdp_packet *p, size_t len)
{
	uint64_t sum = sum_add(0, &p->ip.saddr, 8);

	sum += htons(IPPROTO_UDP) + (uint64_t)p->udp.len;
	return sum_add(sum, &p->udp, len);
}

static void xdp_build(const struct client_opts *o, struct xdp_packet *p)
{
	const size_t udp_len = sizeof(p->udp) + o->request->len;
	uint32_t source;

	memset(p, 0, sizeof(*p));
	p->eth.h_proto = htons(ETH_P_IP);
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.tot_len = htons((uint16_t)(sizeof(p->ip) + udp_len));
	p->ip.frag_off = htons(0x4000);
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	neighbour_own(o->ifname, p->eth.h_source, &source);
	p->ip.saddr = source;
	p->ip.daddr = o->server.sin_addr.s_addr;
	p->ip.check = (uint16_t)~sum_fold(sum_add(0, &p->ip, sizeof(p->ip)));
	p->udp.source = htons(XDP_CLIENT_PORT);
	p->udp.dest = o->server.sin_port;
	p->udp.len = htons((uint16_t)udp_len);
	memcpy(p->payload, o->request->bytes, o->request->len);
	request_put_id(o->request, p->payload, 0);
	neighbour_mac(&o->server, o->peer_mac, p->eth.h_dest);
}

static uint64_t xdp_slot_addr(uint32_t id)
{
	return (uint64_t)(XSK_RAW_RING + id % xdp.window) * XSK_RAW_CHUNK;
}

static void xdp_attach(const struct client_opts *o, const struct xdp_packet *p)
{
	const struct {
		__u32 server_addr;
		__u16 server_port, client_port;
	} want = { p->ip.daddr, p->udp.dest, p->udp.source };
	struct bpf_object *object = xdp_raw_open("load");
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "load.rodata");

	if (!rodata || bpf_map__set_initial_value(rodata, &want, sizeof(want)))
		err(1, "the constants of load.bpf.o");
	xdp_raw_load(object);
	xdp_raw_put_socket(object, xdp.xsk.fd, 0);
	xdp_raw_attach(object, "load_reply", xdp_raw_ifindex(o->ifname));
}

static void xdp_open(const struct client_opts *o)
{
	const size_t len = sizeof(struct xdp_packet) + o->request->len;
	struct xdp_packet *p;

	xdp.request = o->request;
	xdp.window = o->window;
	xdp.spin = o->spin;
	xsk_raw_open(&xdp.xsk, xdp_raw_ifindex(o->ifname), 0);
	p = xsk_raw_frame(&xdp.xsk, xdp_slot_addr(0));
	xdp_build(o, p);
	xdp.sum = xdp_udp_sum(p, len - offsetof(struct xdp_packet, udp));
	for (unsigned int i = 1; i < o->window; i++)
		memcpy(xsk_raw_frame(&xdp.xsk, xdp_slot_addr(i)), p, len);
	xdp_attach(o, p);
}

static void xdp_send(const uint32_t *ids, unsigned int n)
{
	const struct request *r = xdp.request;
	const uint32_t len = (uint32_t)(sizeof(struct xdp_packet) + r->len);
	struct xsk_raw *x = &xdp.xsk;

	for (unsigned int i = 0; i < n && xsk_raw_room(&x->tx); i++) {
		struct xdp_packet *p = xsk_raw_frame(x, xdp_slot_addr(ids[i]));
		uint64_t id = htonl(ids[i]);
		uint16_t sum = sum_fold(xdp.sum + id + (r->tail_off ? id : 0));

		request_put_id(r, p->payload, ids[i]);
		p->udp.check = sum == 0xffff ? 0xffff : (uint16_t)~sum;
		xsk_raw_put(x, xdp_slot_addr(ids[i]), len);
	}
	xsk_raw_send(x);
	x->completion.mine += xsk_raw_ready(&x->completion);
	xsk_raw_consumed(&x->completion);
}

static struct client_reply xdp_reply(const struct xdp_packet *p, size_t len)
{
	const size_t udp_len = ntohs(p->udp.len);

	if (len < sizeof(*p) + 1 || udp_len <= sizeof(p->udp) ||
	    len < offsetof(struct xdp_packet, udp) + udp_len ||
	    (p->udp.check && sum_fold(xdp_udp_sum(p, udp_len)) != 0xffff))
		return (struct client_reply){ p->payload, 0 };
	return (struct client_reply){ p->payload, udp_len - sizeof(p->udp) };
}

static unsigned int xdp_recv(struct client_reply *replies)
{
	struct xsk_raw *x = &xdp.xsk;
	uint32_t n = xsk_raw_ready(&x->rx);

	if (!n && !xdp.spin) {
		xsk_raw_wait(x, CLIENT_SLEEP_MS);
		n = xsk_raw_ready(&x->rx);
	}
	n = n < CLIENT_BATCH ? n : CLIENT_BATCH;
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = xsk_raw_desc(&x->rx, x->rx.mine + i);

		replies[i] = xdp_reply(xsk_raw_frame(x, desc->addr), desc->len);
	}
	xdp.received = n;
	return n;
}

static void xdp_done(void)
{
	struct xsk_raw *x = &xdp.xsk;

	if (!xdp.received)
		return;
	for (; xdp.received; xdp.received--)
		xsk_raw_give(x, xsk_raw_desc(&x->rx, x->rx.mine++)->addr);
	xsk_raw_consumed(&x->rx);
	xsk_raw_produced(&x->fill);
}

static const struct client_ops xdp_client = {
	"af_xdp", xdp_open, xdp_send, xdp_recv, xdp_done,
};

#endif
