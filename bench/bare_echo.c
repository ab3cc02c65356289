// SPDX-License-Identifier: BSD-2-Clause
/*
 * bare_echo - AF_XDP echo without a stack: the limit of the path.
 *
 *	bare_echo -i IFACE [--queue N] [--spin]
 *
 * Whatever the XDP program redirects (UDP port 7) goes back with addresses
 * and ports swapped, in the frame in which it came. Nothing is checked. A
 * frame is in one of the four rings or in our hands, so the fill ring gets
 * back what the completion ring returns and needs no account.
 */
#include <getopt.h>
#include <stdlib.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "bench/xdp_raw.h"
#include "bench/xsk_raw.h"

struct packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static void turn_round(struct packet *p)
{
	const struct packet was = *p;

	memcpy(p->eth.h_dest, was.eth.h_source, ETH_ALEN);
	memcpy(p->eth.h_source, was.eth.h_dest, ETH_ALEN);
	p->ip.saddr = was.ip.daddr;
	p->ip.daddr = was.ip.saddr;
	p->udp.source = was.udp.dest;
	p->udp.dest = was.udp.source;
}

static void refill(struct xsk_raw *x)
{
	uint32_t n = xsk_raw_ready(&x->completion);

	if (!n)
		return;
	while (n--)
		xsk_raw_give(x, *xsk_raw_addr(&x->completion, x->completion.mine++));
	xsk_raw_consumed(&x->completion);
	xsk_raw_produced(&x->fill);
}

static void serve(struct xsk_raw *x, bool spin)
{
	for (;;) {
		uint32_t n = xsk_raw_ready(&x->rx);

		if (!n) {
			if (!spin)
				xsk_raw_wait(x, -1);
			continue;
		}
		while (n--) {
			const struct xdp_desc desc = *xsk_raw_desc(&x->rx, x->rx.mine++);

			turn_round(xsk_raw_frame(x, desc.addr));
			xsk_raw_put(x, desc.addr, desc.len);
		}
		xsk_raw_consumed(&x->rx);
		xsk_raw_send(x);
		refill(x);
	}
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "queue", required_argument, NULL, 'q' },
		{ "spin", no_argument, NULL, 's' },
		{ 0 },
	};
	const char *ifname = NULL;
	struct bpf_object *object;
	unsigned int ifindex;
	uint32_t queue = 0;
	bool spin = false;
	struct xsk_raw x;
	int opt;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == 'i')
			ifname = optarg;
		else if (opt == 'q')
			queue = (uint32_t)atoi(optarg);
		else if (opt == 's')
			spin = true;
		else
			ifname = NULL, optind = argc + 1;
	}
	if (!ifname || optind != argc)
		errx(2, "usage: bare_echo -i IFACE [--queue N] [--spin]");
	ifindex = xdp_raw_ifindex(ifname);
	object = xdp_raw_open("bare_echo");
	xdp_raw_load(object);
	xsk_raw_open(&x, ifindex, queue);
	xdp_raw_put_socket(object, x.fd, queue);
	xdp_raw_attach(object, "bare_echo", ifindex);
	printf("bare_echo: port 7 on %s\n", ifname);
	fflush(stdout);
	serve(&x, spin);
}
