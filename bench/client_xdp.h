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
#include <sys/ioctl.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "bench/client.h"
#include "bench/xdp_raw.h"
#include "bench/xsk_raw.h"

enum {
	XDP_CLIENT_PORT = 20007,	/* below the kernel's ephemeral ports */
	XDP_NEIGHBOUR_TRIES = 50,
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

/* One's complement sum of native-order words; the length may be odd. */
static uint64_t xdp_sum(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

static uint16_t xdp_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static uint64_t xdp_udp_sum(const struct xdp_packet *p, size_t len)
{
	uint64_t sum = xdp_sum(0, &p->ip.saddr, 8);

	sum += htons(IPPROTO_UDP) + (uint64_t)p->udp.len;
	return xdp_sum(sum, &p->udp, len);
}

static void xdp_own_address(const char *ifname, struct xdp_packet *p)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &req))
		err(1, "hardware address of %s", ifname);
	memcpy(p->eth.h_source, req.ifr_hwaddr.sa_data, ETH_ALEN);
	if (ioctl(fd, SIOCGIFADDR, &req))
		err(1, "IPv4 address of %s", ifname);
	p->ip.saddr = ((struct sockaddr_in *)&req.ifr_addr)->sin_addr.s_addr;
	close(fd);
}

static bool xdp_parse_mac(const char *text, uint8_t *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
		      mac + 4, mac + 5) == ETH_ALEN;
}

static bool xdp_find_neighbour(const char *ip, uint8_t *mac)
{
	char line[256], at[64], text[64];
	FILE *f = fopen("/proc/self/net/arp", "r");
	unsigned int flags;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63s %*s %x %63s", at, &flags, text) == 3 && flags & 2 &&
			!strcmp(at, ip) && xdp_parse_mac(text, mac);
	if (f)
		fclose(f);
	return found;
}

/* The kernel resolves when it has something to send: to the discard port. */
static void xdp_neighbour(const struct sockaddr_in *server, uint8_t *mac)
{
	struct sockaddr_in discard = *server;
	char ip[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	discard.sin_port = htons(9);
	inet_ntop(AF_INET, &server->sin_addr, ip, sizeof(ip));
	for (int i = 0; i < XDP_NEIGHBOUR_TRIES; i++) {
		if (xdp_find_neighbour(ip, mac)) {
			close(fd);
			return;
		}
		sendto(fd, ip, 1, 0, (struct sockaddr *)&discard, sizeof(discard));
		usleep(20000);
	}
	errx(1, "%s does not answer ARP; give its address by --peer-mac", ip);
}

static void xdp_build(const struct client_opts *o, struct xdp_packet *p)
{
	const size_t udp_len = sizeof(p->udp) + o->request->len;

	memset(p, 0, sizeof(*p));
	p->eth.h_proto = htons(ETH_P_IP);
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.tot_len = htons((uint16_t)(sizeof(p->ip) + udp_len));
	p->ip.frag_off = htons(0x4000);
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	xdp_own_address(o->ifname, p);
	p->ip.daddr = o->server.sin_addr.s_addr;
	p->ip.check = (uint16_t)~xdp_fold(xdp_sum(0, &p->ip, sizeof(p->ip)));
	p->udp.source = htons(XDP_CLIENT_PORT);
	p->udp.dest = o->server.sin_port;
	p->udp.len = htons((uint16_t)udp_len);
	memcpy(p->payload, o->request->bytes, o->request->len);
	request_put_id(o->request, p->payload, 0);
	if (!o->peer_mac)
		xdp_neighbour(&o->server, p->eth.h_dest);
	else if (!xdp_parse_mac(o->peer_mac, p->eth.h_dest))
		errx(2, "%s is not a hardware address", o->peer_mac);
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
		uint16_t sum = xdp_fold(xdp.sum + id + (r->tail_off ? id : 0));

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
	    (p->udp.check && xdp_fold(xdp_udp_sum(p, udp_len)) != 0xffff))
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
