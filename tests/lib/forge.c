// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <sys/socket.h>

#include "tests/lib/forge.h"
#include "tests/lib/must.h"

static uint32_t below(struct fs_random *random, uint32_t n)
{
	return (uint32_t)fs_random_below(random, n);
}

bool forge_take(struct forge *f, const struct forge_frame *frame)
{
	struct fs_wire_frame w;

	if (fs_wire_parse(frame->bytes, frame->len, &w) != FS_WIRE_OK ||
	    w.proto != FS_IPPROTO_TCP || w.l3_off != FS_ETH_LEN ||
	    fs_wire_tcp_parse(frame->bytes, &w, &f->tcp) != FS_WIRE_OK)
		return false;
	memcpy(f->eth, frame->bytes, sizeof(f->eth));
	f->family = w.family;
	f->tos = w.tos;
	memcpy(f->src, w.src, w.addr_len);
	memcpy(f->dst, w.dst, w.addr_len);
	memcpy(f->payload, frame->bytes + f->tcp.payload_off, f->tcp.payload_len);
	return true;
}

void forge_put(const struct forge *f, struct forge_frame *frame)
{
	const bool four = f->family == AF_INET;
	const uint16_t header_len = fs_wire_tcp_header_len(&f->tcp.opts);
	const uint32_t l4_off = FS_ETH_LEN + (four ? FS_IP4_LEN : FS_IP6_LEN);
	struct fs_wire_tcp tcp = f->tcp;
	struct fs_wire_ip ip = { .src = f->src, .dst = f->dst, .proto = FS_IPPROTO_TCP,
				 .tos = f->tos, .ttl = 64 };
	uint8_t *l4 = frame->bytes + l4_off;

	tcp.payload_len = (uint16_t)MIN((uint32_t)tcp.payload_len,
					FORGE_FRAME_MAX - l4_off - header_len);
	ip.l4_len = (uint16_t)(header_len + tcp.payload_len);
	memcpy(frame->bytes, f->eth, sizeof(f->eth));
	put_be16(frame->bytes + 12, four ? FS_ETHERTYPE_IP4 : FS_ETHERTYPE_IP6);
	if (four)
		fs_wire_put_ip4(frame->bytes + FS_ETH_LEN, &ip);
	else
		fs_wire_put_ip6(frame->bytes + FS_ETH_LEN, &ip);
	memcpy(l4 + header_len, f->payload, tcp.payload_len);
	fs_wire_put_tcp(l4, &tcp, four ?
			fs_csum_pseudo4(f->src, f->dst, FS_IPPROTO_TCP, ip.l4_len) :
			fs_csum_pseudo6(f->src, f->dst, FS_IPPROTO_TCP, ip.l4_len));
	frame->len = (uint16_t)(l4_off + ip.l4_len);
}

void forge_print(const char *who, const struct forge_frame *frame)
{
	static const char names[] = "FSRPAUEC";
	struct forge f;

	if (!forge_take(&f, frame)) {
		printf("%s no TCP\n", who);
		return;
	}
	printf("%s %u > %u ", who, f.tcp.src_port, f.tcp.dst_port);
	for (int i = 0; i < 8; i++)
		if (f.tcp.flags & 1 << i)
			putchar(names[i]);
	printf(" seq %u ack %u len %u win %u", f.tcp.seq.raw, f.tcp.ack.raw, f.tcp.payload_len,
	       f.tcp.window);
	if (f.tcp.opts.has & FS_TCP_OPT_TS)
		printf(" ts %u %u", f.tcp.opts.ts_val.raw, f.tcp.opts.ts_ecr.raw);
	for (int i = 0; i < f.tcp.opts.n_sacks; i++)
		printf(" sack %u-%u", f.tcp.opts.sacks[i].from.raw, f.tcp.opts.sacks[i].to.raw);
	putchar('\n');
}

/* The transport checksum, right again after its bytes were changed. */
static void repair(struct forge_frame *frame)
{
	struct fs_wire_frame w;
	uint16_t csum;
	uint8_t *l4;

	if (fs_wire_parse(frame->bytes, frame->len, &w) != FS_WIRE_OK || w.l4_len < FS_TCP_LEN)
		return;
	l4 = frame->bytes + w.l4_off;
	memset(l4 + 16, 0, 2);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(fs_wire_pseudo(&w), l4, w.l4_len));
	memcpy(l4 + 16, &csum, 2);
}

/* --- hostile ------------------------------------------------------------------ */

static uint32_t odd_distance(struct fs_random *random)
{
	static const uint32_t far[] = {
		1, 2, 100, 1448, 1460, 0x7fff, 0xffff, 0x10000, 0x100000, 0x3fffffff,
		0x7fffffff, 0x80000000, 0x80000001,
	};
	uint32_t n = below(random, 4) ? far[below(random, ARRAY_SIZE(far))] :
		(uint32_t)fs_random_next(random);

	return below(random, 2) ? n : 0u - n;
}

static void odd_sacks(struct forge *f, struct fs_random *random)
{
	struct fs_wire_tcp_opts *o = &f->tcp.opts;

	o->n_sacks = (uint8_t)below(random, FS_TCP_SACKS_MAX + 1);
	for (int i = 0; i < o->n_sacks; i++) {
		const uint32_t len = 1 + below(random, below(random, 2) ? 5000 : 70000);

		o->sacks[i].from = fs_seq_add(f->tcp.ack, below(random, 4) ?
					      below(random, 60000) : odd_distance(random));
		o->sacks[i].to = fs_seq_add(o->sacks[i].from, len);
	}
}

static void odd_options(struct forge *f, struct fs_random *random)
{
	struct fs_wire_tcp_opts *o = &f->tcp.opts;

	switch (below(random, 6)) {
	case 0:
		o->has ^= FS_TCP_OPT_TS;
		break;
	case 1:
		o->ts_val.raw += odd_distance(random);
		break;
	case 2:
		o->ts_ecr.raw += odd_distance(random);
		break;
	case 3:
		o->has |= FS_TCP_OPT_MSS | FS_TCP_OPT_WSCALE;
		o->mss = (uint16_t)(below(random, 2) ? below(random, 100) :
				    below(random, UINT16_MAX + 1));
		o->wscale = (uint8_t)below(random, FS_TCP_WSCALE_MAX + 1);
		break;
	case 4:
		o->has ^= FS_TCP_OPT_SACK_OK;
		break;
	default:
		o->has |= FS_TCP_OPT_TFO;
		o->cookie_len = (uint8_t)(below(random, 2) ? 8 : 0);
		break;
	}
}

static void odd_payload(struct forge *f, struct fs_random *random)
{
	const uint16_t was = f->tcp.payload_len;

	f->tcp.payload_len = (uint16_t)below(random, below(random, 2) ? was + 1u : 1400);
	for (uint32_t i = was; i < f->tcp.payload_len; i++)
		f->payload[i] = (uint8_t)fs_random_next(random);
}

static void reflect(struct forge *f)
{
	const uint16_t port = f->tcp.src_port;
	uint8_t ip[16];

	memcpy(ip, f->src, 16);
	memcpy(f->src, f->dst, 16);
	memcpy(f->dst, ip, 16);
	f->tcp.src_port = f->tcp.dst_port;
	f->tcp.dst_port = port;
}

static void one_odd_field(struct forge *f, struct fs_random *random)
{
	switch (below(random, 11)) {
	case 0:
	case 1:
		f->tcp.seq.raw += odd_distance(random);
		break;
	case 2:
	case 3:
		f->tcp.ack.raw += odd_distance(random);
		break;
	case 4:
		f->tcp.flags ^= (uint8_t)(1u << below(random, 8));
		break;
	case 5:
		f->tcp.flags = (uint8_t)below(random, 256);
		f->tcp.urgent = (uint16_t)fs_random_next(random);
		break;
	case 6:
		f->tcp.window = (uint16_t)(below(random, 2) ? below(random, 3) :
					   below(random, UINT16_MAX + 1));
		break;
	case 7:
		odd_payload(f, random);
		break;
	case 8:
		odd_sacks(f, random);
		break;
	case 9:
		odd_options(f, random);
		break;
	default:
		f->tos ^= (uint8_t)(1 + below(random, 3));
		break;
	}
}

/* Options that no builder would write. */
static void garble_options(struct forge_frame *frame, const struct forge *f,
			   struct fs_random *random)
{
	const uint32_t l4_off = FS_ETH_LEN + (f->family == AF_INET ? FS_IP4_LEN : FS_IP6_LEN);
	const uint32_t len = fs_wire_tcp_opts_len(&f->tcp.opts);

	for (uint32_t n = 1 + below(random, 4); len && n; n--)
		frame->bytes[l4_off + FS_TCP_LEN + below(random, len)] =
			(uint8_t)(below(random, 2) ? below(random, 35) : below(random, 256));
	if (!below(random, 8))
		frame->bytes[l4_off + 12] = (uint8_t)(below(random, 16) << 4);
	repair(frame);
}

void forge_hostile(struct forge_frame *frame, struct fs_random *random)
{
	struct forge f;

	if (!forge_take(&f, frame))
		return;
	if (!below(random, 50))
		reflect(&f);
	for (uint32_t n = 1 + below(random, 3); n; n--)
		one_odd_field(&f, random);
	forge_put(&f, frame);
	if (!below(random, 8))
		garble_options(frame, &f, random);
}

/* --- harmless ------------------------------------------------------------------- */

void forge_spoil(struct forge_frame *frame, struct fs_random *random)
{
	uint32_t bit;

	if (!below(random, 4)) {
		frame->len = (uint16_t)(FS_ETH_LEN + below(random, frame->len - FS_ETH_LEN));
		return;
	}
	/* In the TCP header or behind it: IPv6 does not sum its own. */
	bit = FS_ETH_LEN + FS_IP6_LEN;
	bit = 8 * (bit + below(random, frame->len > bit ? frame->len - bit : 1));
	frame->bytes[bit / 8 < frame->len ? bit / 8 : frame->len - 1u] ^=
		(uint8_t)(1u << below(random, 8));
}

static bool follows(const struct forge *f, const struct forge *next)
{
	return f->family == next->family && f->tcp.src_port == next->tcp.src_port &&
	       f->tcp.dst_port == next->tcp.dst_port && !memcmp(f->src, next->src, 16) &&
	       !(next->tcp.flags & (FS_TCP_F_SYN | FS_TCP_F_RST)) &&
	       !(f->tcp.flags & FS_TCP_F_FIN) &&
	       fs_seq_eq(next->tcp.seq, fs_seq_add(f->tcp.seq, f->tcp.payload_len));
}

bool forge_reslice(struct forge_frame *frame, const struct forge_frame *next,
		   struct fs_random *random)
{
	struct forge f, n;
	uint32_t cut, more, room;

	if (!forge_take(&f, frame) || f.tcp.payload_len < 2 ||
	    f.tcp.flags & (FS_TCP_F_SYN | FS_TCP_F_RST))
		return false;
	cut = below(random, f.tcp.payload_len);
	f.tcp.payload_len = (uint16_t)(f.tcp.payload_len - cut);
	memmove(f.payload, f.payload + cut, f.tcp.payload_len);
	f.tcp.seq.raw += cut;
	room = FORGE_FRAME_MAX - 120u;
	room -= MIN(room, (uint32_t)f.tcp.payload_len);
	if (forge_take(&n, next) && n.tcp.payload_len && follows(&f, &n)) {
		more = below(random, MIN((uint32_t)n.tcp.payload_len, room) + 1);
		memcpy(f.payload + f.tcp.payload_len, n.payload, more);
		f.tcp.payload_len = (uint16_t)(f.tcp.payload_len + more);
		f.tcp.opts.ts_val = n.tcp.opts.ts_val;
	} else if (below(random, 2)) {
		f.tcp.payload_len = (uint16_t)(1 + below(random, f.tcp.payload_len));
		f.tcp.flags &= (uint8_t)~FS_TCP_F_FIN;
	}
	forge_put(&f, frame);
	return true;
}

void forge_blind(struct forge_frame *frame, struct fs_random *random, bool near)
{
	static const uint8_t flags[] = {
		FS_TCP_F_RST, FS_TCP_F_RST | FS_TCP_F_ACK, FS_TCP_F_SYN,
		FS_TCP_F_SYN | FS_TCP_F_ACK, FS_TCP_F_FIN | FS_TCP_F_ACK, FS_TCP_F_ACK,
	};
	struct forge f;

	if (!forge_take(&f, frame))
		return;
	f.tcp.flags = flags[below(random, near ? 3 : ARRAY_SIZE(flags))];
	f.tcp.seq.raw = near ? f.tcp.seq.raw + below(random, 30000) :
		(uint32_t)fs_random_next(random);
	f.tcp.ack.raw = (uint32_t)fs_random_next(random);
	f.tcp.payload_len = f.tcp.flags == FS_TCP_F_ACK ? f.tcp.payload_len : 0;
	f.tcp.opts = (struct fs_wire_tcp_opts){ 0 };
	if (below(random, 2)) {
		f.tcp.opts.has = FS_TCP_OPT_TS;
		f.tcp.opts.ts_val.raw = (uint32_t)fs_random_next(random);
	}
	forge_put(&f, frame);
}

void forge_icmp(struct forge_frame *frame, struct fs_random *random)
{
	const bool too_big = below(random, 2);
	struct forge f;
	uint8_t quoted[FS_IP6_LEN + 8], *icmp, dst[6];
	uint32_t len, l3_len;
	struct fs_wire_ip ip = { .src = f.dst, .dst = f.src, .ttl = 64 };
	uint64_t sum = 0;
	uint16_t csum;

	if (!forge_take(&f, frame))
		return;
	l3_len = f.family == AF_INET ? FS_IP4_LEN : FS_IP6_LEN;
	len = l3_len + 8;
	memcpy(quoted, frame->bytes + FS_ETH_LEN, len);
	ip.l4_len = (uint16_t)(8 + len);
	ip.proto = f.family == AF_INET ? FS_IPPROTO_ICMP : FS_IPPROTO_ICMP6;
	memcpy(dst, frame->bytes, 6);
	memmove(frame->bytes, frame->bytes + 6, 6);
	memcpy(frame->bytes + 6, dst, 6);
	icmp = frame->bytes + FS_ETH_LEN + l3_len;
	memset(icmp, 0, 8);
	if (f.family == AF_INET) {
		fs_wire_put_ip4(frame->bytes + FS_ETH_LEN, &ip);
		icmp[0] = 3;
		icmp[1] = too_big ? 4 : (uint8_t)below(random, 4);
		put_be16(icmp + 6, (uint16_t)below(random, 1600));
	} else {
		fs_wire_put_ip6(frame->bytes + FS_ETH_LEN, &ip);
		icmp[0] = too_big ? 2 : 1;
		icmp[1] = too_big ? 0 : (uint8_t)below(random, 5);
		put_be16(icmp + 6, too_big ? (uint16_t)below(random, 1600) : 0);
		sum = fs_csum_pseudo6(f.dst, f.src, FS_IPPROTO_ICMP6, ip.l4_len);
	}
	memcpy(icmp + 8, quoted, len);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(sum, icmp, ip.l4_len));
	memcpy(icmp + 2, &csum, 2);
	frame->len = (uint16_t)(FS_ETH_LEN + l3_len + ip.l4_len);
}
