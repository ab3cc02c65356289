// SPDX-License-Identifier: BSD-2-Clause
/*
 * flood - forged SYNs by AF_XDP, each from another address.
 *
 *	flood -i IFACE --to ADDR:PORT [--rate N] [--seconds S] [--peer-mac MAC]
 *
 * Sources are drawn from 198.18.0.0/15, which RFC 2544 sets aside for such things; the
 * server needs a route to them, or its answers go nowhere. Options are those of a
 * Linux client. --rate 0, the default, is as fast as it goes. It only sends: kernel
 * sockets may use the interface meanwhile. The result is one JSON object.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "bench/neighbour.h"
#include "bench/xsk_raw.h"

enum {
	OPTIONS = 20,
	BURST = 64,
	CHUNKS_USED = 1024,	/* sent in turn: what is written is no longer in the ring */
	NETWORK = 198 << 24 | 18 << 16,
	HOSTS = 1 << 17,
};

struct packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t options[OPTIONS];
} __attribute__((packed));

/* MSS, SACK, timestamps, window scale. */
static const uint8_t linux_options[OPTIONS] = {
	2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
};

static struct xsk_raw xsk;
static struct packet template;
static uint64_t ip_sum, tcp_sum;	/* without source, port and number */
static uint64_t chance;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void build(const struct sockaddr_in *server, const char *ifname, const char *peer_mac)
{
	struct packet *p = &template;
	uint32_t source;

	neighbour_own(ifname, p->eth.h_source, &source);
	neighbour_mac(server, peer_mac, p->eth.h_dest);
	p->eth.h_proto = htons(ETH_P_IP);
	p->ip = (struct iphdr){
		.version = 4, .ihl = 5, .tot_len = htons(sizeof(*p) - sizeof(p->eth)),
		.frag_off = htons(0x4000), .ttl = 64, .protocol = IPPROTO_TCP,
		.daddr = server->sin_addr.s_addr,
	};
	p->tcp = (struct tcphdr){
		.dest = server->sin_port, .doff = (sizeof(p->tcp) + OPTIONS) / 4, .syn = 1,
		.window = htons(64240),
	};
	memcpy(p->options, linux_options, OPTIONS);
	ip_sum = sum_add(0, &p->ip, sizeof(p->ip));
	tcp_sum = sum_add(0, &p->tcp, sizeof(p->tcp) + OPTIONS);
	tcp_sum = sum_add(tcp_sum, &p->ip.daddr, sizeof(p->ip.daddr));
	tcp_sum += htons(IPPROTO_TCP) + (uint64_t)htons(sizeof(p->tcp) + OPTIONS);
	for (uint64_t i = 0; i < CHUNKS_USED; i++)
		memcpy(xsk_raw_frame(&xsk, (XSK_RAW_RING + i) * XSK_RAW_CHUNK), p, sizeof(*p));
}

static void forge(struct packet *p)
{
	const uint64_t number = draw();

	p->ip.saddr = htonl(NETWORK | (uint32_t)(number % HOSTS));
	p->ip.check = (uint16_t)~sum_fold(ip_sum + p->ip.saddr);
	p->tcp.source = htons((uint16_t)(1024 + (number >> 17) % 64512));
	p->tcp.seq = (uint32_t)(number >> 32);
	p->tcp.check = (uint16_t)~sum_fold(tcp_sum + p->ip.saddr + p->tcp.source + p->tcp.seq);
}

static unsigned int send_burst(uint64_t sent, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && xsk_raw_room(&xsk.tx); i++) {
		const uint64_t addr = (XSK_RAW_RING + (sent + i) % CHUNKS_USED) * XSK_RAW_CHUNK;

		forge(xsk_raw_frame(&xsk, addr));
		xsk_raw_put(&xsk, addr, sizeof(struct packet));
	}
	xsk_raw_send(&xsk);
	xsk.completion.mine += xsk_raw_ready(&xsk.completion);
	xsk_raw_consumed(&xsk.completion);
	return i;
}

static void run(double rate, double seconds)
{
	const double begin = now_s();
	uint64_t sent = 0;
	double at;

	while ((at = now_s() - begin) < seconds) {
		const double due = rate > 0 ? at * rate - (double)sent : BURST;

		if (due >= 1)
			sent += send_burst(sent, due < BURST ? (unsigned int)due : BURST);
		else
			usleep(100);
	}
	printf("{\"sent\": %llu, \"seconds\": %.3f, \"rate\": %.0f}\n", (unsigned long long)sent,
	       at, (double)sent / at);
}

static bool parse_server(struct sockaddr_in *server, const char *text)
{
	char ip[INET_ADDRSTRLEN];
	unsigned int port;

	*server = (struct sockaddr_in){ .sin_family = AF_INET };
	if (sscanf(text, "%15[0-9.]:%u", ip, &port) != 2 || !port || port > UINT16_MAX)
		return false;
	server->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, ip, &server->sin_addr) == 1;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "to", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "peer-mac", required_argument, NULL, 'p' },
		{ 0 },
	};
	const char *ifname = NULL, *peer_mac = NULL;
	struct sockaddr_in server = { 0 };
	double rate = 0, seconds = 1;
	unsigned int ifindex;
	int opt;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == 'i')
			ifname = optarg;
		else if (opt == 't' && !parse_server(&server, optarg))
			errx(2, "%s is not ADDR:PORT", optarg);
		else if (opt == 'r')
			rate = atof(optarg);
		else if (opt == 's')
			seconds = atof(optarg);
		else if (opt == 'p')
			peer_mac = optarg;
	}
	if (!ifname || !server.sin_port || optind != argc || seconds <= 0)
		errx(2, "usage: flood -i IFACE --to ADDR:PORT [--rate N] [--seconds S] "
			"[--peer-mac MAC]");
	chance = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	ifindex = if_nametoindex(ifname);
	if (!ifindex)
		err(1, "interface %s", ifname);
	xsk_raw_open(&xsk, ifindex, 0);
	build(&server, ifname, peer_mac);
	fprintf(stderr, "flood: begins\n");
	run(rate, seconds);
	return 0;
}
