/* SPDX-License-Identifier: BSD-2-Clause */
/* packet.c - see packet.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "packet.h"

static const uint8_t mac_ours[6] = { 0x02, 0, 0, 0, 0, 1 };
static const uint8_t mac_theirs[6] = { 0x02, 0, 0, 0, 0, 2 };

uint16_t packet_get16(const struct packet *p, size_t off)
{
	return (uint16_t)(p->bytes[off] << 8 | p->bytes[off + 1]);
}

void packet_put16(struct packet *p, size_t off, uint16_t value)
{
	p->bytes[off] = (uint8_t)(value >> 8);
	p->bytes[off + 1] = (uint8_t)value;
}

static uint32_t sum_bytes(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t pseudo(const struct packet *p, size_t l4_len)
{
	size_t addr = p->ip6 ? 16 : 4;
	size_t src = p->l3 + (p->ip6 ? 8 : 12);

	return sum_bytes(p->bytes + src, 2 * addr, (uint32_t)l4_len + p->proto);
}

static size_t l4_len(const struct packet *p)
{
	if (p->proto == IPPROTO_UDP)
		return packet_get16(p, p->l4 + 4);
	if (p->ip6)
		return 40u + packet_get16(p, p->l3 + 4) - (p->l4 - p->l3);
	return packet_get16(p, p->l3 + 2) - (p->l4 - p->l3);
}

static uint32_t l4_seed(const struct packet *p)
{
	return p->proto == IPPROTO_ICMP ? 0 : pseudo(p, l4_len(p));
}

static size_t csum_at(const struct packet *p)
{
	if (p->proto == IPPROTO_UDP)
		return p->l4 + 6;
	return p->proto == IPPROTO_TCP ? p->l4 + 16 : p->l4 + 2;
}

static void fill_l4_csum(struct packet *p, enum packet_csum how)
{
	size_t at = csum_at(p);
	uint16_t csum;

	packet_put16(p, at, 0);
	csum = (uint16_t)~fold(sum_bytes(p->bytes + p->l4, l4_len(p), l4_seed(p)));
	if (p->proto == IPPROTO_UDP && !csum)
		csum = 0xffff;
	if (how == CSUM_PARTIAL)
		csum = fold(l4_seed(p));
	if (how == CSUM_WRONG)
		csum = csum == 0x5555 ? 0x5556 : (uint16_t)(csum ^ 0x0101);
	if (how != CSUM_NONE)
		packet_put16(p, at, csum);
}

void packet_refill(struct packet *p)
{
	fill_l4_csum(p, CSUM_RIGHT);
}

static void put_eth(struct packet *p, const struct packet_spec *spec)
{
	memcpy(p->bytes, spec->dst_mac ? spec->dst_mac : mac_ours, 6);
	memcpy(p->bytes + 6, mac_theirs, 6);
	p->len = 12;
	for (int i = 0; i < spec->vlans; i++) {
		packet_put16(p, p->len, i ? 0x8100 : spec->vlans > 1 ? 0x88a8 : 0x8100);
		packet_put16(p, p->len + 2,
			     (uint16_t)(0xb000 | (i + 1 == spec->vlans ? spec->vlan_id : 0)));
		p->len += 4;
	}
	packet_put16(p, p->len, spec->ethertype ? spec->ethertype : spec->ip6 ? 0x86dd : 0x0800);
	p->len += 2;
	p->l3 = p->len;
}

static void put_ip4(struct packet *p, const struct packet_spec *spec)
{
	uint8_t *ip = p->bytes + p->l3;

	ip[0] = (uint8_t)(0x45 + spec->ip_options / 4);
	ip[1] = spec->tos;
	packet_put16(p, p->l3 + 4, 0x1234);
	packet_put16(p, p->l3 + 6, spec->fragment);
	ip[8] = spec->ttl ? spec->ttl : 57;
	ip[9] = p->proto;
	inet_pton(AF_INET, spec->src ? spec->src : "10.0.0.2", ip + 12);
	inet_pton(AF_INET, spec->dst ? spec->dst : "10.0.0.1", ip + 16);
	memset(ip + 20, 1, spec->ip_options);
	p->len += 20 + spec->ip_options;
}

static void put_ext(struct packet *p, uint8_t type, uint8_t next, uint16_t fragment)
{
	uint8_t *ext = p->bytes + p->len;

	memset(ext, 0, 16);
	ext[0] = next;
	if (type == 44) {
		packet_put16(p, p->len + 2, fragment);
		p->len += 8;
	} else {
		/* 16 bytes: AH counts words less two, the others eights less one. */
		ext[1] = type == 51 ? 2 : 1;
		p->len += 16;
	}
}

static void put_ip6(struct packet *p, const struct packet_spec *spec)
{
	uint8_t *ip = p->bytes + p->l3;

	ip[0] = (uint8_t)(0x60 | spec->tos >> 4);
	ip[1] = (uint8_t)(spec->tos << 4 | 0x0a);
	packet_put16(p, p->l3 + 2, 0xbcde);
	ip[6] = spec->n_exts ? spec->exts[0] : p->proto;
	ip[7] = spec->ttl ? spec->ttl : 57;
	inet_pton(AF_INET6, spec->src ? spec->src : "fd00::2", ip + 8);
	inet_pton(AF_INET6, spec->dst ? spec->dst : "fd00::1", ip + 24);
	p->len += 40;
	for (size_t i = 0; i < spec->n_exts; i++)
		put_ext(p, spec->exts[i], i + 1 < spec->n_exts ? spec->exts[i + 1] : p->proto,
			spec->fragment);
}

static void put_l4(struct packet *p, const struct packet_spec *spec)
{
	uint8_t *l4 = p->bytes + p->l4;

	if (p->proto == IPPROTO_UDP || p->proto == IPPROTO_TCP) {
		packet_put16(p, p->l4, spec->zero_sport ? 0 : spec->sport ? spec->sport : 40000);
		packet_put16(p, p->l4 + 2, spec->dport ? spec->dport : 7777);
	}
	if (p->proto == IPPROTO_UDP)
		packet_put16(p, p->l4 + 4, (uint16_t)(8 + spec->payload_len));
	if (p->proto == IPPROTO_TCP) {
		packet_put16(p, p->l4 + 12, 0x5010);
		p->len += 12;
	}
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		l4[0] = spec->icmp_type;
		l4[1] = spec->icmp_code;
		packet_put16(p, p->l4 + 4, 0x4711);
		packet_put16(p, p->l4 + 6, 3);
	}
	p->len += 8;
}

static void put_ip_lengths(struct packet *p)
{
	size_t header = p->ip6 ? 40 : (p->bytes[p->l3] & 15) * 4u;

	if (p->ip6) {
		packet_put16(p, p->l3 + 4, (uint16_t)(p->len - p->l3 - 40));
		return;
	}
	packet_put16(p, p->l3 + 2, (uint16_t)(p->len - p->l3));
	packet_put16(p, p->l3 + 10, (uint16_t)~fold(sum_bytes(p->bytes + p->l3, header, 0)));
}

struct packet packet_make(const struct packet_spec *spec)
{
	struct packet p = { .ip6 = spec->ip6, .payload_len = spec->payload_len };

	p.proto = spec->proto ? spec->proto : IPPROTO_UDP;
	put_eth(&p, spec);
	if (p.ip6)
		put_ip6(&p, spec);
	else
		put_ip4(&p, spec);
	p.l4 = p.len;
	put_l4(&p, spec);
	p.payload = p.len;
	for (size_t i = 0; i < spec->payload_len; i++)
		p.bytes[p.payload + i] = (uint8_t)(i * 7 + 1);
	if (spec->payload)
		memcpy(p.bytes + p.payload, spec->payload, spec->payload_len);
	p.len += spec->payload_len;
	memset(p.bytes + p.len, 0x5a, spec->udp_surplus);
	p.len += spec->udp_surplus;
	put_ip_lengths(&p);
	fill_l4_csum(&p, spec->csum);
	memset(p.bytes + p.len, 0xee, spec->trailer);
	p.len += spec->trailer;
	return p;
}

struct packet packet_icmp_error(const struct packet *about, uint8_t type, size_t quote)
{
	char ours[INET6_ADDRSTRLEN];
	struct packet_spec spec = {
		.ip6 = about->ip6,
		.proto = about->ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.icmp_type = type,
		.src = about->ip6 ? "fd00::9" : "10.0.0.9",
		.payload = about->bytes + about->l3,
		.payload_len = quote,
	};

	/* To the quoted source, which is our address. */
	inet_ntop(about->ip6 ? AF_INET6 : AF_INET,
		  about->bytes + about->l3 + (about->ip6 ? 8 : 12), ours, sizeof(ours));
	spec.dst = ours;
	return packet_make(&spec);
}

static int parse_ip(struct packet *p)
{
	const uint8_t *ip = p->bytes + p->l3;

	if (p->ip6) {
		p->proto = ip[6];
		p->l4 = p->l3 + 40;
		return p->l4 + packet_get16(p, p->l3 + 4) <= p->len ? 0 : -1;
	}
	p->proto = ip[9];
	p->l4 = p->l3 + (ip[0] & 15) * 4u;
	return p->l3 + packet_get16(p, p->l3 + 2) <= p->len ? 0 : -1;
}

int packet_parse(struct packet *p, const uint8_t *bytes, size_t len)
{
	uint16_t ethertype;

	if (len < 34 || len > sizeof(p->bytes))
		return -1;
	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, bytes, len);
	p->len = len;
	p->l3 = 14;
	while ((ethertype = packet_get16(p, p->l3 - 2)) == 0x8100 || ethertype == 0x88a8)
		p->l3 += 4;
	if (ethertype != 0x0800 && ethertype != 0x86dd)
		return -1;
	p->ip6 = ethertype == 0x86dd;
	if (parse_ip(p))
		return -1;
	p->payload = p->l4 + 8;
	p->payload_len = l4_len(p) - 8;
	return p->payload + p->payload_len <= len ? 0 : -1;
}

const char *packet_fault(const struct packet *p)
{
	size_t header = (p->bytes[p->l3] & 15) * 4u;

	if (!p->ip6 && fold(sum_bytes(p->bytes + p->l3, header, 0)) != 0xffff)
		return "IPv4 header checksum";
	if (p->proto == IPPROTO_UDP && !packet_get16(p, p->l4 + 6))
		return p->ip6 ? "no UDP checksum over IPv6" : NULL;
	if (fold(sum_bytes(p->bytes + p->l4, l4_len(p), l4_seed(p))) != 0xffff)
		return "UDP or ICMP checksum";
	return NULL;
}
