// SPDX-License-Identifier: BSD-2-Clause
/*
 * segment.c - a segment as text, read and written:
 *
 *	[ect0] P. 1:1001(1000) ack 1 win 500 urg 3 <nop,nop,TS val 10 ecr 0>
 */
#include <ctype.h>
#include <stdlib.h>

#include "tests/pkt/script.h"

static const struct {
	char letter;
	uint8_t flag;
} flag_names[] = {
	{ 'S', FS_TCP_F_SYN }, { 'F', FS_TCP_F_FIN }, { 'R', FS_TCP_F_RST },
	{ 'P', FS_TCP_F_PSH }, { 'U', FS_TCP_F_URG }, { 'E', FS_TCP_F_ECE },
	{ 'W', FS_TCP_F_CWR }, { '.', FS_TCP_F_ACK },
};

static const char *const ecn_names[] = { "noecn", "ect1", "ect0", "ce" };

/* --- reading ----------------------------------------------------------------- */

enum pkt_cmp pkt_parse_cmp(struct pkt_lex *lex)
{
	for (enum pkt_cmp cmp = PKT_EQ; cmp <= PKT_GE; cmp++)
		if (pkt_take(lex, pkt_cmp_name(cmp)))
			return cmp;
	return PKT_EQ;
}

static void parse_marks(struct pkt_lex *lex, struct pkt_seg *seg)
{
	while (pkt_take(lex, "[")) {
		if (pkt_take(lex, "badcsum")) {
			seg->bad_csum = true;
		} else {
			seg->ecn = PKT_ECN_NOT;
			while (seg->ecn < PKT_ECN_ANY && !pkt_is(lex, ecn_names[seg->ecn]))
				seg->ecn++;
			if (seg->ecn == PKT_ECN_ANY)
				pkt_syntax(lex, "ect0, ect1, ce, noecn or badcsum belongs here");
			pkt_next(lex);
		}
		pkt_need(lex, "]");
	}
}

/* "3x": the bytes that follow come in three segments of equal length. */
static void parse_pieces(struct pkt_lex *lex, struct pkt_seg *seg)
{
	char text[PKT_WORD_MAX];

	seg->pieces = 1;
	if (!isdigit((unsigned char)*lex->word))
		return;
	seg->pieces = (uint32_t)atoi(lex->word);
	snprintf(text, sizeof(text), "%ux", seg->pieces);
	if (!seg->pieces)
		pkt_syntax(lex, "a number of segments belongs here, as in \"3x\"");
	pkt_need(lex, text);
}

/* Letters and a point, in one word or two: "S.", ".", "FP.". */
static void parse_flags(struct pkt_lex *lex, struct pkt_seg *seg)
{
	size_t k;

	if (!pkt_is(lex, ".") && !isupper((unsigned char)*lex->word) && !pkt_is(lex, "-"))
		pkt_syntax(lex, "flags belong here: S F R P U E W . or -");
	if (pkt_take(lex, "-"))
		return;
	for (size_t i = 0; !pkt_is(lex, ".") && i < lex->len; i++) {
		for (k = 0; k < ARRAY_SIZE(flag_names); k++)
			if (flag_names[k].letter == lex->word[i])
				break;
		if (k == ARRAY_SIZE(flag_names))
			pkt_syntax(lex, "flags belong here: S F R P U E W .");
		seg->flags |= flag_names[k].flag;
	}
	if (!pkt_is(lex, "."))
		pkt_next(lex);
	if (pkt_take(lex, "."))
		seg->flags |= FS_TCP_F_ACK;
}

static void parse_seq(struct pkt_lex *lex, struct pkt_seg *seg)
{
	uint32_t end;

	if (pkt_take(lex, "*")) {
		seg->seq_any = true;
	} else {
		seg->seq = (uint32_t)pkt_number(lex);
		pkt_need(lex, ":");
		end = (uint32_t)pkt_number(lex);
		seg->len = end - seg->seq;
	}
	pkt_need(lex, "(");
	end = (uint32_t)pkt_number(lex);
	if (!seg->seq_any && end != seg->len)
		pkt_syntax(lex, "the length is not end - begin");
	seg->len = end;
	pkt_need(lex, ")");
}

static void parse_ts(struct pkt_lex *lex, struct pkt_seg *seg)
{
	seg->opts.has |= FS_TCP_OPT_TS;
	pkt_need(lex, "val");
	seg->val_any = pkt_take(lex, "*");
	if (!seg->val_any)
		seg->opts.ts_val.raw = (uint32_t)pkt_number(lex);
	pkt_need(lex, "ecr");
	seg->ecr_any = pkt_take(lex, "*");
	seg->ecr_last = !seg->ecr_any && pkt_take(lex, "last");
	if (!seg->ecr_any && !seg->ecr_last)
		seg->opts.ts_ecr.raw = (uint32_t)pkt_number(lex);
}

static void parse_sacks(struct pkt_lex *lex, struct pkt_seg *seg)
{
	while (pkt_is_number(lex)) {
		struct fs_seq_range *block = &seg->opts.sacks[seg->opts.n_sacks++];

		if (seg->opts.n_sacks > FS_TCP_SACKS_MAX)
			pkt_syntax(lex, "at most four blocks");
		block->from.raw = (uint32_t)pkt_number(lex);
		pkt_need(lex, ":");
		block->to.raw = (uint32_t)pkt_number(lex);
	}
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* FO: a request; FO *: any cookie; FO last: the stack's own; FO 0123abcd. */
static void parse_cookie(struct pkt_lex *lex, struct pkt_seg *seg)
{
	seg->opts.has |= FS_TCP_OPT_TFO;
	if (pkt_take(lex, "*")) {
		seg->opts_any |= FS_TCP_OPT_TFO;
		return;
	}
	if (pkt_take(lex, "last")) {
		seg->opts.cookie_len = PKT_COOKIE_LAST;
		return;
	}
	if (pkt_is(lex, ",") || pkt_is(lex, ">"))
		return;
	for (size_t i = 0; i < lex->len; i++)
		if (!isxdigit((unsigned char)lex->word[i]))
			pkt_syntax(lex, "a cookie is written in hexadecimal digits");
	if (lex->len % 4 || lex->len > 2 * FS_TCP_COOKIE_MAX)
		pkt_syntax(lex, "a cookie has 4 to 16 bytes, an even number");
	seg->opts.cookie_len = (uint8_t)(lex->len / 2);
	for (size_t i = 0; i < lex->len / 2; i++)
		seg->opts.cookie[i] = (uint8_t)(hex(lex->word[2 * i]) << 4 |
						hex(lex->word[2 * i + 1]));
	pkt_next(lex);
}

static uint32_t value_or_any(struct pkt_lex *lex, struct pkt_seg *seg, uint8_t opt)
{
	seg->opts.has |= opt;
	if (!pkt_take(lex, "*"))
		return (uint32_t)pkt_number(lex);
	seg->opts_any |= opt;
	return 0;
}

static void parse_option(struct pkt_lex *lex, struct pkt_seg *seg)
{
	if (pkt_take(lex, "..."))
		seg->opts_rest = true;
	else if (pkt_take(lex, "mss"))
		seg->opts.mss = (uint16_t)value_or_any(lex, seg, FS_TCP_OPT_MSS);
	else if (pkt_take(lex, "wscale"))
		seg->opts.wscale = (uint8_t)value_or_any(lex, seg, FS_TCP_OPT_WSCALE);
	else if (pkt_take(lex, "sackOK"))
		seg->opts.has |= FS_TCP_OPT_SACK_OK;
	else if (pkt_take(lex, "TS"))
		parse_ts(lex, seg);
	else if (pkt_take(lex, "sack"))
		parse_sacks(lex, seg);
	else if (pkt_take(lex, "FO"))
		parse_cookie(lex, seg);
	else if (!pkt_take(lex, "nop") && !pkt_take(lex, "eol"))
		pkt_syntax(lex, "an option belongs here");
}

void pkt_parse_seg(struct pkt_lex *lex, struct pkt_seg *seg, bool expected)
{
	memset(seg, 0, sizeof(*seg));
	seg->ecn = expected ? PKT_ECN_ANY : PKT_ECN_NOT;
	seg->win = UINT16_MAX;
	seg->win_cmp = expected ? PKT_ANY : PKT_EQ;
	parse_marks(lex, seg);
	parse_pieces(lex, seg);
	parse_flags(lex, seg);
	parse_seq(lex, seg);
	if (pkt_take(lex, "ack"))
		seg->ack = (uint32_t)pkt_number(lex);
	else if (seg->flags & FS_TCP_F_ACK)
		pkt_syntax(lex, "\"ack N\" belongs to the flag \".\"");
	if (pkt_take(lex, "win")) {
		seg->win_cmp = pkt_parse_cmp(lex);
		seg->win = (uint32_t)pkt_number(lex);
	}
	if (pkt_take(lex, "urg"))
		seg->urgent = (uint16_t)pkt_number(lex);
	if (pkt_take(lex, "<")) {
		do
			parse_option(lex, seg);
		while (pkt_take(lex, ","));
		pkt_need(lex, ">");
	}
	if (seg->seq_any && !expected)
		pkt_syntax(lex, "a segment that is sent has a sequence number");
	if (seg->len % seg->pieces || (seg->seq_any && seg->pieces > 1))
		pkt_syntax(lex, "the bytes do not make segments of equal length");
}

struct pkt_seg pkt_piece(const struct pkt_seg *whole, uint32_t i)
{
	struct pkt_seg seg = *whole;

	seg.pieces = 1;
	seg.len = whole->len / whole->pieces;
	seg.seq = whole->seq + i * seg.len;
	if (i + 1 < whole->pieces)
		seg.flags &= (uint8_t)~(FS_TCP_F_PSH | FS_TCP_F_FIN);
	return seg;
}

/* --- writing ----------------------------------------------------------------- */

static void print_number(FILE *out, const char *before, uint32_t n, bool any)
{
	if (any)
		fprintf(out, "%s*", before);
	else	/* Before the initial number: the distance, as it is written. */
		fprintf(out, "%s%lld", before,
			n > UINT32_MAX - (1u << 20) ? (long long)(int32_t)n : (long long)n);
}

static void print_sacks(FILE *out, const struct fs_wire_tcp_opts *o)
{
	fputs("sack", out);
	for (int i = 0; i < o->n_sacks; i++) {
		print_number(out, " ", o->sacks[i].from.raw, false);
		print_number(out, ":", o->sacks[i].to.raw, false);
	}
}

static void print_cookie(FILE *out, const struct pkt_seg *seg)
{
	fputs("FO", out);
	if (seg->opts_any & FS_TCP_OPT_TFO)
		fputs(" *", out);
	else if (seg->opts.cookie_len == PKT_COOKIE_LAST)
		fputs(" last", out);
	else if (seg->opts.cookie_len)
		fputc(' ', out);
	for (int i = 0; i < seg->opts.cookie_len && i < FS_TCP_COOKIE_MAX; i++)
		fprintf(out, "%02x", seg->opts.cookie[i]);
}

static void print_ts(FILE *out, const struct pkt_seg *seg)
{
	print_number(out, "TS val ", seg->opts.ts_val.raw, seg->val_any);
	if (seg->ecr_last)
		fputs(" ecr last", out);
	else
		print_number(out, " ecr ", seg->opts.ts_ecr.raw, seg->ecr_any);
}

static void print_option(FILE *out, const struct pkt_seg *seg, enum fs_tcp_opt opt)
{
	const struct fs_wire_tcp_opts *o = &seg->opts;

	switch (opt) {
	case FS_TCP_OPT_MSS:
		print_number(out, "mss ", o->mss, seg->opts_any & opt);
		break;
	case FS_TCP_OPT_WSCALE:
		print_number(out, "wscale ", o->wscale, seg->opts_any & opt);
		break;
	case FS_TCP_OPT_SACK_OK:
		fputs("sackOK", out);
		break;
	case FS_TCP_OPT_TS:
		print_ts(out, seg);
		break;
	default:
		print_cookie(out, seg);
		break;
	}
}

static void print_opts(FILE *out, const struct pkt_seg *seg)
{
	const char *between = " <";

	for (uint32_t opt = 1; opt < FS_TCP_OPT_ALL; opt <<= 1)
		if (seg->opts.has & opt) {
			fputs(between, out);
			print_option(out, seg, (enum fs_tcp_opt)opt);
			between = ",";
		}
	if (seg->opts.n_sacks) {
		fputs(between, out);
		print_sacks(out, &seg->opts);
		between = ",";
	}
	if (seg->opts_rest) {
		fputs(between, out);
		fputs("...", out);
		between = ",";
	}
	if (*between == ',')
		fputc('>', out);
}

void pkt_print_seg(FILE *out, const struct pkt_seg *seg)
{
	if (seg->ecn != PKT_ECN_NOT && seg->ecn != PKT_ECN_ANY)
		fprintf(out, "[%s] ", ecn_names[seg->ecn]);
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (seg->flags & flag_names[i].flag)
			fputc(flag_names[i].letter, out);
	if (!seg->flags)
		fputc('-', out);
	if (seg->seq_any) {
		fputs(" *", out);
	} else {
		print_number(out, " ", seg->seq, false);
		print_number(out, ":", seg->seq + seg->len, false);
	}
	fprintf(out, "(%u)", seg->len);
	if (seg->flags & FS_TCP_F_ACK)
		print_number(out, " ack ", seg->ack, false);
	if (seg->win_cmp != PKT_ANY)
		fprintf(out, " win %s%u", seg->win_cmp == PKT_EQ ? "" :
			pkt_cmp_name(seg->win_cmp), seg->win);
	if (seg->flags & FS_TCP_F_URG)
		fprintf(out, " urg %u", seg->urgent);
	print_opts(out, seg);
}
