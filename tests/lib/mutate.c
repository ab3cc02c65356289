// SPDX-License-Identifier: BSD-2-Clause
/*
 * mutate.c - half of the spoilt frames get right checksums again: otherwise
 * hardly any would come past the first check.
 */
#include <sys/socket.h>

#include "tests/lib/must.h"
#include "tests/lib/mutate.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static const uint8_t us4[4] = { 10, 0, 0, 1 }, them4[4] = { 10, 0, 0, 2 };
static const uint8_t us6[16] = { 0xfd, [15] = 1 }, them6[16] = { 0xfd, [15] = 2 };

/* --- building -------------------------------------------------------------- */

static void add(struct mutate_frame *f, const void *bytes, uint32_t len)
{
	must(f->len + len <= MUTATE_LEN_MAX);
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void add_zeros(struct mutate_frame *f, uint32_t len)
{
	must(f->len + len <= MUTATE_LEN_MAX);
	memset(f->bytes + f->len, 0, len);
	f->len += len;
}

static void add_be16(struct mutate_frame *f, uint16_t value)
{
	uint8_t bytes[2];

	put_be16(bytes, value);
	add(f, bytes, 2);
}

static void begin(struct mutate_frame *f, unsigned int tags, uint16_t type)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11 };

	f->len = 0;
	add(f, macs, 12);
	for (unsigned int i = 0; i < tags; i++) {
		add_be16(f, i + 1 < tags ? FS_ETHERTYPE_QINQ : FS_ETHERTYPE_VLAN);
		add_be16(f, (uint16_t)(7 + i));
	}
	add_be16(f, type);
}

static void add_ip4(struct mutate_frame *f, uint8_t proto, uint16_t l4_len, uint32_t options)
{
	const struct fs_wire_ip ip = {
		.src = them4, .dst = us4, .l4_len = (uint16_t)(l4_len + options),
		.proto = proto, .tos = 2, .ttl = 64,
	};
	uint32_t at = f->len;

	add_zeros(f, FS_IP4_LEN + options);
	fs_wire_put_ip4(f->bytes + at, &ip);
	f->bytes[at] = (uint8_t)(0x45 + options / 4);
	memset(f->bytes + at + FS_IP4_LEN, 1, options);
}

static void add_ip6(struct mutate_frame *f, uint8_t proto, uint16_t l4_len)
{
	const struct fs_wire_ip ip = {
		.src = them6, .dst = us6, .l4_len = l4_len, .proto = proto, .ttl = 64,
	};
	uint32_t at = f->len;

	add_zeros(f, FS_IP6_LEN);
	fs_wire_put_ip6(f->bytes + at, &ip);
}

static void add_udp(struct mutate_frame *f, uint16_t payload)
{
	add_be16(f, 2000);
	add_be16(f, 1000);
	add_be16(f, (uint16_t)(FS_UDP_LEN + payload));
	add_be16(f, 0);
	add_zeros(f, payload);
	memset(f->bytes + f->len - payload, 0x5a, payload);
}

/* An error about a datagram, or segment, that we sent from port 1000 to theirs. */
static void add_icmp(struct mutate_frame *f, bool six, uint8_t proto, uint8_t type, uint8_t code,
		     uint32_t info)
{
	const struct fs_wire_ip ip = {
		.src = six ? us6 : us4, .dst = six ? them6 : them4, .l4_len = 16,
		.proto = proto, .ttl = 63,
	};
	uint8_t head[8] = { type, code }, *at;

	put_be32(head + 4, info);
	add(f, head, sizeof(head));
	at = f->bytes + f->len;
	add_zeros(f, six ? FS_IP6_LEN : FS_IP4_LEN);
	if (six)
		fs_wire_put_ip6(at, &ip);
	else
		fs_wire_put_ip4(at, &ip);
	add_be16(f, 1000);
	add_be16(f, 2000);
	add_be16(f, 16);
	add_zeros(f, 10);
}

/* A segment to port 1000 behind either IP header; its options must suit its flags. */
static void add_tcp(struct mutate_frame *f, bool six, uint8_t flags, uint16_t payload,
		    const struct fs_wire_tcp_opts *opts)
{
	const struct fs_wire_tcp tcp = {
		.src_port = 2000, .dst_port = 1000, .seq = { 0xfffffff0 }, .ack = { 1 },
		.window = 0xffff, .flags = flags, .payload_len = payload, .opts = *opts,
	};
	uint16_t header_len = fs_wire_tcp_header_len(opts);

	begin(f, 0, six ? FS_ETHERTYPE_IP6 : FS_ETHERTYPE_IP4);
	if (six)
		add_ip6(f, FS_IPPROTO_TCP, (uint16_t)(header_len + payload));
	else
		add_ip4(f, FS_IPPROTO_TCP, (uint16_t)(header_len + payload), 0);
	add_zeros(f, header_len + payload);
	fs_wire_put_tcp(f->bytes + f->len - header_len - payload, &tcp, 0);
}

/* An echo request, or a kv GET of "colour" with room for a value, to port 1000. */
static void add_question(struct mutate_frame *f, bool six, bool kv)
{
	static const uint8_t get[22] = { 0xf5, 1, 1, [7] = 9, [9] = 6, [16] = 'c', 'o', 'l', 'o',
					 'u', 'r' };
	const uint8_t ping[8] = { six ? 128 : 8, [5] = 7, [7] = 1 };
	const uint8_t proto = kv ? FS_IPPROTO_UDP : six ? FS_IPPROTO_ICMP6 : FS_IPPROTO_ICMP;
	const uint16_t len = kv ? FS_UDP_LEN + sizeof(get) + 70 : sizeof(ping) + 56;

	begin(f, 0, six ? FS_ETHERTYPE_IP6 : FS_ETHERTYPE_IP4);
	if (six)
		add_ip6(f, proto, len);
	else
		add_ip4(f, proto, len, 0);
	if (!kv) {
		add(f, ping, sizeof(ping));
		add_zeros(f, 56);
		return;
	}
	add_udp(f, sizeof(get) + 70);
	memcpy(f->bytes + f->len - sizeof(get) - 70, get, sizeof(get));
}

static uint32_t l3_offset(const struct mutate_frame *f, uint16_t *type)
{
	uint32_t off = 12;

	while (off + 6 <= f->len) {
		*type = get_be16(f->bytes + off);
		if (*type != FS_ETHERTYPE_VLAN && *type != FS_ETHERTYPE_QINQ)
			return off + 2;
		off += 4;
	}
	*type = 0;
	return f->len;
}

static void put_csum(uint8_t *at, uint64_t sum)
{
	uint16_t csum = (uint16_t)~fs_csum_fold(sum);

	memcpy(at, &csum, 2);
}

/* Right checksums, as far as the frame can be understood. */
static void repair(struct mutate_frame *f)
{
	struct fs_wire_frame w;
	uint16_t type;
	uint32_t off = l3_offset(f, &type), header_len;
	uint8_t *p = f->bytes + off, field;

	if (type == FS_ETHERTYPE_IP4 && off + FS_IP4_LEN <= f->len) {
		header_len = (p[0] & 0xfu) * 4;
		if (header_len >= FS_IP4_LEN && off + header_len <= f->len) {
			memset(p + 10, 0, 2);
			put_csum(p + 10, fs_csum_add(0, p, header_len));
		}
	}
	if (fs_wire_parse(f->bytes, f->len, &w) != FS_WIRE_OK || w.l4_len < 8)
		return;
	field = w.proto == FS_IPPROTO_UDP ? 6 : w.proto == FS_IPPROTO_TCP ? 16 : 2;
	if (w.l4_len < field + 2)
		return;
	p = f->bytes + w.l4_off;
	memset(p + field, 0, 2);
	put_csum(p + field, fs_csum_add(w.proto == FS_IPPROTO_ICMP ? 0 : fs_wire_pseudo(&w),
					p, w.l4_len));
}

static void seeds4(struct mutate_frame **at)
{
	struct mutate_frame *f = *at;

	for (unsigned int tags = 0; tags < 4; tags++, f++) {
		begin(f, tags, FS_ETHERTYPE_IP4);
		add_ip4(f, FS_IPPROTO_UDP, 8 + 100, tags == 1 ? 40 : 0);
		add_udp(f, 100);
	}
	begin(f, 0, FS_ETHERTYPE_IP4);		/* padded to the smallest Ethernet frame */
	add_ip4(f, FS_IPPROTO_UDP, 8, 0);
	add_udp(f, 0);
	add_zeros(f++, 18);
	begin(f, 0, FS_ETHERTYPE_IP4);
	add_ip4(f, FS_IPPROTO_UDP, 8 + 1472, 0);
	add_udp(f++, 1472);
	begin(f, 0, FS_ETHERTYPE_IP4);		/* UDP shorter than what IP carries */
	add_ip4(f, FS_IPPROTO_UDP, 8 + 60, 0);
	add_udp(f, 40);
	add_zeros(f++, 20);
	begin(f, 0, FS_ETHERTYPE_IP4);		/* a fragment */
	add_ip4(f, FS_IPPROTO_UDP, 8 + 64, 0);
	f->bytes[FS_ETH_LEN + 6] = 0x20;
	add_udp(f++, 64);
	for (unsigned int i = 0; i < 4; i++, f++) {
		begin(f, 0, FS_ETHERTYPE_IP4);
		add_ip4(f, FS_IPPROTO_ICMP, 8 + 20 + 16, 0);
		add_icmp(f, false, i & 1 ? FS_IPPROTO_TCP : FS_IPPROTO_UDP, 3, i & 2 ? 4 : 3,
			 i & 2 ? 1280 : 0);
	}
	begin(f, 0, 0x0806);			/* ARP */
	add_zeros(f++, 46);
	*at = f;
}

static void seeds6(struct mutate_frame **at)
{
	static const uint8_t hop[8] = { FS_IPPROTO_DSTOPTS, 0, 1, 4 };
	static const uint8_t dst[16] = { FS_IPPROTO_UDP, 1, 1, 12 };
	static const uint8_t frag[8] = { FS_IPPROTO_UDP, 0, 0, 1 };
	struct mutate_frame *f = *at;

	for (unsigned int tags = 0; tags < 2; tags++, f++) {
		begin(f, tags, FS_ETHERTYPE_IP6);
		add_ip6(f, FS_IPPROTO_UDP, 8 + 100);
		add_udp(f, 100);
	}
	begin(f, 0, FS_ETHERTYPE_IP6);
	add_ip6(f, FS_IPPROTO_HOPOPTS, 8 + 16 + 8 + 50);
	add(f, hop, sizeof(hop));
	add(f, dst, sizeof(dst));
	add_udp(f++, 50);
	begin(f, 0, FS_ETHERTYPE_IP6);
	add_ip6(f, FS_IPPROTO_FRAGMENT, 8 + 8 + 50);
	add(f, frag, sizeof(frag));
	add_udp(f++, 50);
	for (unsigned int i = 0; i < 6; i++, f++) {
		const uint8_t type = (uint8_t)(1 + i / 2);

		begin(f, 0, FS_ETHERTYPE_IP6);
		add_ip6(f, FS_IPPROTO_ICMP6, 8 + 40 + 16);
		add_icmp(f, true, i & 1 ? FS_IPPROTO_TCP : FS_IPPROTO_UDP, type,
			 type == 1 ? 4 : 0, type == 2 ? 1280 : 0);
	}
	*at = f;
}

static void seeds_tcp(struct mutate_frame **at)
{
	static const struct {
		uint8_t flags;
		uint16_t payload;
		struct fs_wire_tcp_opts opts;
	} segments[] = {
		{ FS_TCP_F_SYN | FS_TCP_F_ECE | FS_TCP_F_CWR, 0,
		  { .has = FS_TCP_OPT_ALL & ~FS_TCP_OPT_TFO, .mss = 1460, .wscale = 7 } },
		{ FS_TCP_F_SYN, 0, { .has = FS_TCP_OPT_ALL, .mss = 1460, .wscale = 14 } },
		{ FS_TCP_F_SYN, 300, { .has = FS_TCP_OPT_MSS | FS_TCP_OPT_TFO, .mss = 536,
				       .cookie_len = 8, .cookie = { 1, 2, 3, 4, 5, 6, 7, 8 } } },
		{ FS_TCP_F_SYN | FS_TCP_F_ACK, 0,
		  { .has = FS_TCP_OPT_ALL, .mss = 1220, .cookie_len = 16 } },
		{ FS_TCP_F_ACK, 0, { 0 } },
		{ FS_TCP_F_ACK | FS_TCP_F_PSH, 1400, { .has = FS_TCP_OPT_TS, .ts_val = { 9 } } },
		{ FS_TCP_F_ACK, 0, { .has = FS_TCP_OPT_TS, .n_sacks = 3, .sacks = {
			{ { 5 }, { 9 } }, { { 20 }, { 30 } }, { { 0xfffffff8 }, { 2 } } } } },
		{ FS_TCP_F_ACK, 1, { .n_sacks = 4, .sacks = {
			{ { 5 }, { 9 } }, { { 20 }, { 30 } }, { { 40 }, { 50 } },
			{ { 60 }, { 70 } } } } },
		{ FS_TCP_F_FIN | FS_TCP_F_ACK, 10, { .has = FS_TCP_OPT_TS } },
		{ FS_TCP_F_RST, 0, { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		for (int six = 0; six < 2; six++)
			add_tcp((*at)++, six, segments[i].flags, segments[i].payload,
				&segments[i].opts);
}

unsigned int mutate_seeds(struct mutate_frame seeds[MUTATE_SEEDS_MAX])
{
	struct mutate_frame *at = seeds;

	seeds4(&at);
	seeds6(&at);
	seeds_tcp(&at);
	for (int i = 0; i < 4; i++)
		add_question(at++, i & 1, i & 2);
	begin(at, 1, FS_ETHERTYPE_IP4);		/* of a priority, and no VLAN */
	put_be16(at->bytes + FS_ETH_LEN, 0xa000);
	add_ip4(at, FS_IPPROTO_UDP, 8 + 30, 0);
	add_udp(at++, 30);
	must(at - seeds <= MUTATE_SEEDS_MAX);
	for (struct mutate_frame *f = seeds; f < at; f++)
		repair(f);
	return (unsigned int)(at - seeds);
}

/* --- spoiling -------------------------------------------------------------- */

static uint32_t below(struct fs_random *random, uint32_t n)
{
	return n ? (uint32_t)fs_random_below(random, n) : 0;
}

/* Mostly in the headers, where it matters. */
static uint32_t place(struct fs_random *random, uint32_t len)
{
	return below(random, below(random, 4) ? MIN(len, 114u) : len);
}

static void set_interesting(struct mutate_frame *f, struct fs_random *random)
{
	static const uint16_t values[] = {
		0, 1, 7, 8, 19, 20, 39, 40, 0x7f, 0x80, 0xff, 0x100, 0x5dc, 0x7fff, 0x8000,
		0xfff8, 0xffff, 0x45, 0x4f, 0x60, 0x800, 0x8100, 0x86dd, 0x88a8, 17, 1, 58,
		6, 0x50, 0xf0, 0x0101, 0x080a, 0x050a, 0x0522, 0x0204, 0x0303, 0x2202, 0x2206,
	};
	uint16_t value = values[below(random, ARRAY_SIZE(values))];
	uint32_t at = place(random, f->len);

	if (below(random, 2) || at + 2 > f->len)
		f->bytes[at] = (uint8_t)value;
	else
		put_be16(f->bytes + at, value);
}

static void cut_or_grow(struct mutate_frame *f, struct fs_random *random)
{
	uint32_t len = below(random, 2) ? 1 + below(random, f->len) :
		f->len + below(random, MUTATE_LEN_MAX - f->len);

	for (uint32_t i = f->len; i < len; i++)
		f->bytes[i] = (uint8_t)fs_random_next(random);
	f->len = len;
}

static void splice(struct mutate_frame *f, const struct mutate_frame *other,
		   struct fs_random *random)
{
	uint32_t at = place(random, f->len), from = place(random, other->len);
	uint32_t len = MIN(other->len - from, MUTATE_LEN_MAX - at);

	memcpy(f->bytes + at, other->bytes + from, len);
	f->len = MAX(at + len, 1u);
}

/* Remove or repeat a run of bytes: headers too few or too many. */
static void shift(struct mutate_frame *f, struct fs_random *random)
{
	uint32_t at = place(random, f->len);
	uint32_t len = 1 + below(random, MIN(f->len - at, 40u));

	len = MIN(len, f->len - at);
	if (below(random, 2) && f->len > len) {
		memmove(f->bytes + at, f->bytes + at + len, f->len - at - len);
		f->len -= len;
	} else if (f->len + len <= MUTATE_LEN_MAX) {
		memmove(f->bytes + at + len, f->bytes + at, f->len - at);
		f->len += len;
	}
}

void mutate(struct mutate_frame *out, const struct mutate_frame *seeds, unsigned int n,
	    struct fs_random *random)
{
	uint32_t times = below(random, 5);

	*out = seeds[below(random, n)];
	for (uint32_t i = 0; i < times; i++) {
		switch (below(random, 6)) {
		case 0:
			out->bytes[place(random, out->len)] ^= (uint8_t)(1u << below(random, 8));
			break;
		case 1:
		case 2:
			set_interesting(out, random);
			break;
		case 3:
			cut_or_grow(out, random);
			break;
		case 4:
			splice(out, &seeds[below(random, n)], random);
			break;
		default:
			shift(out, random);
		}
	}
	if (below(random, 2))
		repair(out);
}
