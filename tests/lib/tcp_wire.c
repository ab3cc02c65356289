// SPDX-License-Identifier: BSD-2-Clause
/* tcp_wire.c - see tcp_wire.h. */
#include <sys/socket.h>

#include "tests/lib/must.h"
#include "tests/lib/tcp_wire.h"

static const uint8_t a4[4] = { 10, 0, 0, 1 }, b4[4] = { 10, 0, 0, 2 };
static const uint8_t a6[16] = { 0xfd, [15] = 1 }, b6[16] = { 0xfd, [15] = 2 };

uint32_t tcp_wire_build(uint8_t *frame, uint8_t family, const struct fs_wire_tcp *tcp)
{
	const bool four = family == AF_INET;
	const uint16_t header_len = fs_wire_tcp_header_len(&tcp->opts);
	const struct fs_wire_ip ip = { .src = four ? a4 : a6, .dst = four ? b4 : b6,
		.l4_len = (uint16_t)(header_len + tcp->payload_len),
		.proto = FS_IPPROTO_TCP, .ttl = 64 };
	uint8_t *l3 = frame + FS_ETH_LEN, *l4 = l3 + (four ? FS_IP4_LEN : FS_IP6_LEN);

	memset(frame, 0, 12);
	put_be16(frame + 12, four ? FS_ETHERTYPE_IP4 : FS_ETHERTYPE_IP6);
	if (four)
		fs_wire_put_ip4(l3, &ip);
	else
		fs_wire_put_ip6(l3, &ip);
	for (uint16_t i = 0; i < tcp->payload_len; i++)
		l4[header_len + i] = (uint8_t)i;
	must(fs_wire_put_tcp(l4, tcp, four ?
			     fs_csum_pseudo4(a4, b4, FS_IPPROTO_TCP, ip.l4_len) :
			     fs_csum_pseudo6(a6, b6, FS_IPPROTO_TCP, ip.l4_len)) == header_len);
	return (uint32_t)(l4 - frame) + ip.l4_len;
}

enum fs_wire_verdict tcp_wire_parse(const uint8_t *l4, uint16_t len, struct fs_wire_tcp *out)
{
	const struct fs_wire_frame f = { .l4_len = len, .family = AF_INET, .addr_len = 4,
					 .proto = FS_IPPROTO_TCP, .src = a4, .dst = b4 };
	uint8_t *exact = malloc(len ? len : 1);
	enum fs_wire_verdict verdict;

	must(exact);
	memcpy(exact, l4, len);
	/* The sanitizer watches a block of no bytes from its first one on. */
	verdict = fs_wire_tcp_parse(exact + !len, &f, out);
	free(exact);
	return verdict;
}

void tcp_wire_parse_opts(const uint8_t *opts, uint16_t n, uint8_t flags,
			 struct fs_wire_tcp_opts *out)
{
	uint8_t header[FS_TCP_HEADER_MAX] = { 0 };
	struct fs_wire_tcp tcp;

	must(n <= FS_TCP_OPTS_MAX && n % 4 == 0);
	header[12] = (uint8_t)((FS_TCP_LEN + n) / 4 << 4);
	header[13] = flags;
	memcpy(header + FS_TCP_LEN, opts, n);
	must(tcp_wire_parse(header, (uint16_t)(FS_TCP_LEN + n), &tcp) == FS_WIRE_OK);
	*out = tcp.opts;
}

bool tcp_wire_same_opts(const struct fs_wire_tcp_opts *a, const struct fs_wire_tcp_opts *b)
{
	for (int i = 0; i < FS_TCP_SACKS_MAX; i++)
		if (i < a->n_sacks && (!fs_seq_eq(a->sacks[i].from, b->sacks[i].from) ||
				       !fs_seq_eq(a->sacks[i].to, b->sacks[i].to)))
			return false;
	return a->has == b->has && a->mss == b->mss && a->wscale == b->wscale &&
	       a->n_sacks == b->n_sacks && fs_ts_eq(a->ts_val, b->ts_val) &&
	       fs_ts_eq(a->ts_ecr, b->ts_ecr) && a->cookie_len == b->cookie_len &&
	       !memcmp(a->cookie, b->cookie, sizeof(a->cookie));
}

bool tcp_wire_same(const struct fs_wire_tcp *a, const struct fs_wire_tcp *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       fs_seq_eq(a->seq, b->seq) && fs_seq_eq(a->ack, b->ack) &&
	       a->window == b->window && a->urgent == b->urgent && a->flags == b->flags &&
	       a->payload_len == b->payload_len && tcp_wire_same_opts(&a->opts, &b->opts);
}

static bool opts_are_sane(const struct fs_wire_tcp_opts *o, bool syn)
{
	const bool cookie = o->has & FS_TCP_OPT_TFO;

	if (o->has & ~FS_TCP_OPT_ALL || (syn ? o->n_sacks : o->has & ~FS_TCP_OPT_TS) ||
	    o->n_sacks > FS_TCP_SACKS_MAX || o->wscale > FS_TCP_WSCALE_MAX ||
	    !o->mss != !(o->has & FS_TCP_OPT_MSS) || o->cookie_len > FS_TCP_COOKIE_MAX ||
	    o->cookie_len % 2 || o->cookie_len == 2 || (o->cookie_len && !cookie))
		return false;
	for (int i = 0; i < o->n_sacks; i++)
		if (!fs_seq_before(o->sacks[i].from, o->sacks[i].to))
			return false;
	return true;
}

bool tcp_wire_sane(const struct fs_wire_tcp *tcp, uint32_t l4_off, uint32_t end)
{
	uint8_t again[FS_TCP_HEADER_MAX];
	struct fs_wire_tcp bare = *tcp, back;
	uint16_t len;

	if (tcp->payload_off < l4_off + FS_TCP_LEN ||
	    tcp->payload_off > l4_off + FS_TCP_HEADER_MAX ||
	    tcp->payload_off + (uint32_t)tcp->payload_len != end ||
	    !opts_are_sane(&tcp->opts, tcp->flags & FS_TCP_F_SYN))
		return false;
	bare.payload_len = 0;
	len = fs_wire_put_tcp(again, &bare, 0);
	return tcp_wire_parse(again, len, &back) == FS_WIRE_OK && tcp_wire_same(&bare, &back);
}
