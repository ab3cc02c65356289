// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp.c - TCP bytes to values and back, with the checksum both ways.
 *
 * Options as they are laid out here, each line a multiple of 4, the bytes in
 * front of an option being NOPs; the same order and alignment as Linux, so
 * that the common segment, timestamps alone, is one comparison for a peer:
 *
 *	SYN:   MSS(4)  SACK-OK(2)+TS(10)  NOP WSCALE(3)  TFO(2..18)+NOPs    <= 40
 *	else:  NOP NOP TS(10)  NOP NOP SACK(2 + 8n)
 *
 * Nothing is kept; who may send what when is lib/tcp's.
 */
#include "wire/tcp.h"

enum fs_tcp_kind {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WSCALE = 3,
	KIND_SACK_OK = 4,
	KIND_SACK = 5,
	KIND_TS = 8,
	KIND_TFO = 34,
};

/* With kind and length. */
enum {
	LEN_HEAD = 2,
	LEN_MSS = 4,
	LEN_WSCALE = 3,
	LEN_SACK_OK = 2,
	LEN_SACK_BLOCK = 8,
	LEN_TS = 10,
};

#define WORD(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define WORD_TS WORD(KIND_NOP, KIND_NOP, KIND_TS, LEN_TS)

/* --- reading --------------------------------------------------------------- */

static void take_ts(struct fs_wire_tcp_opts *o, const uint8_t *value)
{
	o->has |= FS_TCP_OPT_TS;
	o->ts_val = (ts32){ get_be32(value) };
	o->ts_ecr = (ts32){ get_be32(value + 4) };
}

/* RFC 2018 3. @len: of the blocks alone. */
static void take_sacks(struct fs_wire_tcp_opts *o, const uint8_t *value, uint32_t len)
{
	if (!len || len % LEN_SACK_BLOCK)
		return;
	o->n_sacks = 0;
	for (; len; len -= LEN_SACK_BLOCK, value += LEN_SACK_BLOCK) {
		const struct fs_seq_range block = { { get_be32(value) }, { get_be32(value + 4) } };

		if (fs_seq_before(block.from, block.to))
			o->sacks[o->n_sacks++] = block;
	}
}

/* RFC 7413 4.1.1: ignore any other length. */
static void take_cookie(struct fs_wire_tcp_opts *o, const uint8_t *value, uint32_t len)
{
	if (len && (len < FS_TCP_COOKIE_MIN || len > FS_TCP_COOKIE_MAX || len % 2))
		return;
	o->has |= FS_TCP_OPT_TFO;
	o->cookie_len = (uint8_t)len;
	memset(o->cookie, 0, sizeof(o->cookie));
	memcpy(o->cookie, value, len);
}

/* What stands on a SYN only: elsewhere it MUST be ignored (RFC 7323 2.2, RFC 7413 4.1.1). */
static void take_on_syn(struct fs_wire_tcp_opts *o, const uint8_t *p, uint32_t len)
{
	switch (p[0]) {
	case KIND_MSS:
		if (len == LEN_MSS && get_be16(p + 2)) {
			o->has |= FS_TCP_OPT_MSS;
			o->mss = get_be16(p + 2);
		}
		break;
	case KIND_WSCALE:
		if (len == LEN_WSCALE) {
			o->has |= FS_TCP_OPT_WSCALE;
			o->wscale = MIN(p[2], (uint8_t)FS_TCP_WSCALE_MAX);
		}
		break;
	case KIND_SACK_OK:
		if (len == LEN_SACK_OK)
			o->has |= FS_TCP_OPT_SACK_OK;
		break;
	case KIND_TFO:
		take_cookie(o, p + LEN_HEAD, len - LEN_HEAD);
		break;
	}
}

static void take_options(struct fs_wire_tcp_opts *o, const uint8_t *p, uint32_t left, bool syn)
{
	uint32_t len;

	for (; left; left -= len, p += len) {
		len = 1;
		if (p[0] == KIND_END)
			return;
		if (p[0] == KIND_NOP)
			continue;
		if (left < LEN_HEAD || p[1] < LEN_HEAD || p[1] > left)
			return;
		len = p[1];
		if (p[0] == KIND_TS && len == LEN_TS)
			take_ts(o, p + LEN_HEAD);
		else if (syn)
			take_on_syn(o, p, len);
		else if (p[0] == KIND_SACK)	/* RFC 2018 2: once established */
			take_sacks(o, p + LEN_HEAD, len - LEN_HEAD);
	}
}

enum fs_wire_verdict fs_wire_tcp_parse(const uint8_t *frame, const struct fs_wire_frame *f,
				       struct fs_wire_tcp *out)
{
	const uint8_t *p = frame + f->l4_off;
	uint32_t header_len;

	if (f->l4_len < FS_TCP_LEN)
		return FS_WIRE_SHORT;
	header_len = (p[12] >> 4) * 4u;
	if (header_len < FS_TCP_LEN || header_len > f->l4_len)
		return FS_WIRE_SHORT;
	out->src_port = get_be16(p);
	out->dst_port = get_be16(p + 2);
	out->seq = (seq32){ get_be32(p + 4) };
	out->ack = (seq32){ get_be32(p + 8) };
	out->flags = p[13];
	out->window = get_be16(p + 14);
	out->urgent = get_be16(p + 18);
	out->payload_off = (uint16_t)(f->l4_off + header_len);
	out->payload_len = (uint16_t)(f->l4_len - header_len);
	memset(&out->opts, 0, sizeof(out->opts));
	p += FS_TCP_LEN;
	header_len -= FS_TCP_LEN;
	/* RFC 7323 appendix A: nearly every segment of a connection. */
	if (likely(header_len == LEN_HEAD + LEN_TS && get_be32(p) == WORD_TS))
		take_ts(&out->opts, p + 4);
	else
		take_options(&out->opts, p, header_len, out->flags & FS_TCP_F_SYN);
	return FS_WIRE_OK;
}

enum fs_csum_verdict fs_wire_tcp_csum(const uint8_t *frame, const struct fs_wire_frame *f)
{
	const uint64_t pseudo = fs_wire_pseudo(f);
	const uint8_t *p = frame + f->l4_off;
	uint16_t field;

	if (fs_csum_fold(fs_csum_add(pseudo, p, f->l4_len)) == 0xffff)
		return FS_CSUM_GOOD;
	memcpy(&field, p + 16, 2);
	return field == fs_csum_fold(pseudo) ? FS_CSUM_PARTIAL : FS_CSUM_BAD;
}

/* --- writing --------------------------------------------------------------- */

/* All but SACK blocks. */
static uint32_t fixed_len(const struct fs_wire_tcp_opts *o)
{
	uint32_t len = 0;

	if (o->has & FS_TCP_OPT_MSS)
		len += 4;
	if (o->has & FS_TCP_OPT_TS)
		len += 12;
	else if (o->has & FS_TCP_OPT_SACK_OK)
		len += 4;
	if (o->has & FS_TCP_OPT_WSCALE)
		len += 4;
	if (o->has & FS_TCP_OPT_TFO)
		len += (LEN_HEAD + o->cookie_len + 3u) & ~3u;
	return len;
}

/* How many blocks go into what @used bytes leave. */
static uint32_t sacks_that_fit(const struct fs_wire_tcp_opts *o, uint32_t used)
{
	uint32_t room = FS_TCP_OPTS_MAX - used;

	return room < 4 ? 0 : MIN((room - 4) / LEN_SACK_BLOCK, (uint32_t)o->n_sacks);
}

uint16_t fs_wire_tcp_opts_len(const struct fs_wire_tcp_opts *opts)
{
	uint32_t len = fixed_len(opts), sacks = sacks_that_fit(opts, len);

	return (uint16_t)(len + (sacks ? 4 + sacks * LEN_SACK_BLOCK : 0));
}

static uint8_t *put_word(uint8_t *p, uint32_t word)
{
	put_be32(p, word);
	return p + 4;
}

static uint8_t *put_cookie(uint8_t *p, const struct fs_wire_tcp_opts *o)
{
	uint32_t len = LEN_HEAD + o->cookie_len;

	assert(o->cookie_len <= FS_TCP_COOKIE_MAX && o->cookie_len % 2 == 0);
	p[0] = KIND_TFO;
	p[1] = (uint8_t)len;
	memcpy(p + LEN_HEAD, o->cookie, o->cookie_len);
	for (; len % 4; len++)
		p[len] = KIND_NOP;
	return p + len;
}

static void put_opts(uint8_t *p, const struct fs_wire_tcp_opts *o)
{
	uint32_t sacks = o->n_sacks ? sacks_that_fit(o, fixed_len(o)) : 0;

	assert(o->wscale <= FS_TCP_WSCALE_MAX && o->n_sacks <= FS_TCP_SACKS_MAX);
	if (o->has & FS_TCP_OPT_MSS)
		p = put_word(p, WORD(KIND_MSS, LEN_MSS, 0, 0) | o->mss);
	if (o->has & FS_TCP_OPT_TS) {
		p = put_word(p, o->has & FS_TCP_OPT_SACK_OK ?
			     WORD(KIND_SACK_OK, LEN_SACK_OK, KIND_TS, LEN_TS) : WORD_TS);
		p = put_word(p, o->ts_val.raw);
		p = put_word(p, o->ts_ecr.raw);
	} else if (o->has & FS_TCP_OPT_SACK_OK) {
		p = put_word(p, WORD(KIND_NOP, KIND_NOP, KIND_SACK_OK, LEN_SACK_OK));
	}
	if (o->has & FS_TCP_OPT_WSCALE)
		p = put_word(p, WORD(KIND_NOP, KIND_WSCALE, LEN_WSCALE, o->wscale));
	if (o->has & FS_TCP_OPT_TFO)
		p = put_cookie(p, o);
	if (sacks)
		p = put_word(p, WORD(KIND_NOP, KIND_NOP, KIND_SACK,
				     LEN_HEAD + sacks * LEN_SACK_BLOCK));
	for (uint32_t i = 0; i < sacks; i++) {
		p = put_word(p, o->sacks[i].from.raw);
		p = put_word(p, o->sacks[i].to.raw);
	}
}

uint16_t fs_wire_put_tcp(uint8_t *p, const struct fs_wire_tcp *tcp, uint64_t pseudo)
{
	uint16_t header_len = fs_wire_tcp_header_len(&tcp->opts), csum;

	put_be16(p, tcp->src_port);
	put_be16(p + 2, tcp->dst_port);
	put_be32(p + 4, tcp->seq.raw);
	put_be32(p + 8, tcp->ack.raw);
	p[12] = (uint8_t)(header_len / 4 << 4);
	p[13] = tcp->flags;
	put_be16(p + 14, tcp->window);
	memset(p + 16, 0, 2);
	put_be16(p + 18, tcp->urgent);
	put_opts(p + FS_TCP_LEN, &tcp->opts);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(pseudo, p,
						   (size_t)header_len + tcp->payload_len));
	memcpy(p + 16, &csum, 2);
	return header_len;
}

bool fs_wire_tcp_reset(const struct fs_wire_tcp *seg, struct fs_wire_tcp *rst)
{
	if (seg->flags & FS_TCP_F_RST)
		return false;
	*rst = (struct fs_wire_tcp){
		.src_port = seg->dst_port,
		.dst_port = seg->src_port,
		.flags = FS_TCP_F_RST,
	};
	if (seg->flags & FS_TCP_F_ACK) {
		rst->seq = seg->ack;
	} else {
		rst->ack = fs_seq_add(seg->seq, fs_wire_tcp_seg_len(seg));
		rst->flags |= FS_TCP_F_ACK;
	}
	return true;
}
