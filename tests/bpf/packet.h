/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - packets out of nothing, and packets judged byte by byte.
 *
 * Written without a look at what bpf/ does: its own checksums, over bytes in
 * network order.
 *
 *	struct packet p = packet(.payload_len = 5, .vlans = 1);
 *
 * Fields left out are a UDP datagram over IPv4 from 10.0.0.2:40000 to
 * 10.0.0.1:7777 (fd00::2, fd00::1), with all checksums right. Payload bytes
 * left out are a pattern.
 */
#ifndef FS_TESTS_BPF_PACKET_H
#define FS_TESTS_BPF_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum packet_csum {
	CSUM_RIGHT = 0,
	CSUM_PARTIAL,	/* the pseudo-header's sum, not complemented */
	CSUM_NONE,	/* 0 */
	CSUM_WRONG,
};

struct packet_spec {
	int ip6;
	uint8_t proto;			/* 0: UDP */
	const char *src, *dst;		/* in text */
	uint16_t sport, dport;		/* 0: the default; see zero_sport */
	int zero_sport;
	const void *payload;
	size_t payload_len;
	int vlans;			/* tags: of a priority, without an id */
	uint16_t vlan_id;		/* of the last of them */
	uint16_t ethertype;		/* in place of IP's */
	const uint8_t *dst_mac;
	uint8_t ttl, tos;
	size_t ip_options;		/* bytes of IPv4 options, a multiple of 4 */
	uint8_t exts[12];		/* IPv6 extension headers */
	size_t n_exts;
	uint16_t fragment;		/* IPv4: flags and offset as on the wire */
	uint8_t icmp_type, icmp_code;
	enum packet_csum csum;
	size_t trailer;			/* Ethernet padding */
	size_t udp_surplus;		/* IP payload behind the UDP length */
};

struct packet {
	uint8_t bytes[4096];
	size_t len;
	size_t l3, l4, payload;		/* offsets */
	size_t payload_len;
	int ip6;
	uint8_t proto;
};

struct packet packet_make(const struct packet_spec *spec);
#define packet(...) packet_make(&(struct packet_spec){ __VA_ARGS__ })

/* An ICMP error from 10.0.0.9 (fd00::9) that quotes @about's first @quote bytes of IP. */
struct packet packet_icmp_error(const struct packet *about, uint8_t type, size_t quote);

/* Where everything stands in @bytes, by the headers. 0, or -1: it does not parse. */
int packet_parse(struct packet *out, const uint8_t *bytes, size_t len);

/* NULL when the IPv4 header's and the UDP or ICMP checksum are right, else what is not. */
const char *packet_fault(const struct packet *p);

uint16_t packet_get16(const struct packet *p, size_t off);
void packet_put16(struct packet *p, size_t off, uint16_t value);
/* Change a byte and keep the UDP checksum right. */
void packet_refill(struct packet *p);

#endif
