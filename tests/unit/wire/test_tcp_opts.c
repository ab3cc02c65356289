// SPDX-License-Identifier: BSD-2-Clause
/*
 * TCP options as strangers write them: each one, where it does not belong,
 * twice, with lengths that lie. The blocks of memory are exact: the sanitizer
 * sees the first byte too many.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "tests/lib/tcp_wire.h"
#include "tests/lib/suite.h"

enum { NOP = 1, MSS = 2, WSCALE = 3, SACK_OK = 4, SACK = 5, TS = 8, TFO = 34, UNKNOWN = 77 };
enum { SYN = FS_TCP_F_SYN, ACK = FS_TCP_F_ACK };

/* The options @... on a segment with @flags. */
#define read_opts(flags, ...) ({						\
	const uint8_t bytes_[] = { __VA_ARGS__ };				\
	struct fs_wire_tcp_opts opts_;						\
	_Static_assert(sizeof(bytes_) % 4 == 0, "options fill words");		\
	tcp_wire_parse_opts(bytes_, sizeof(bytes_), flags, &opts_);		\
	opts_; })

/* --- another reader: lists the options first, then asks for the last good one */

struct item {
	uint8_t kind;
	uint8_t len;	/* of the value */
	const uint8_t *value;
};

static int list(const uint8_t *p, int n, struct item items[FS_TCP_OPTS_MAX])
{
	int count = 0, at = 0;

	while (at < n && p[at] != 0) {
		if (p[at] == NOP) {
			at++;
			continue;
		}
		if (at + 1 >= n || p[at + 1] < 2 || at + p[at + 1] > n)
			break;
		items[count++] = (struct item){ p[at], (uint8_t)(p[at + 1] - 2), p + at + 2 };
		at += p[at + 1];
	}
	return count;
}

static bool good(const struct item *i, bool syn)
{
	switch (i->kind) {
	case MSS:
		return syn && i->len == 2 && (i->value[0] || i->value[1]);
	case WSCALE:
		return syn && i->len == 1;
	case SACK_OK:
		return syn && i->len == 0;
	case SACK:
		return !syn && i->len >= 8 && i->len % 8 == 0;
	case TS:
		return i->len == 8;
	case TFO:
		return syn && (i->len == 0 || (i->len >= 4 && i->len <= 16 && i->len % 2 == 0));
	default:
		return false;
	}
}

static const struct item *last_good(const struct item *items, int n, uint8_t kind, bool syn)
{
	while (n--)
		if (items[n].kind == kind && good(&items[n], syn))
			return &items[n];
	return NULL;
}

static void model_sacks(const struct item *i, struct fs_wire_tcp_opts *o)
{
	for (int at = 0; at < i->len; at += 8) {
		const uint32_t from = get_be32(i->value + at), to = get_be32(i->value + at + 4);

		if (to - from - 1 < 0x7fffffff)
			o->sacks[o->n_sacks++] = (struct fs_seq_range){ { from }, { to } };
	}
}

static struct fs_wire_tcp_opts model(const uint8_t *p, int n, uint8_t flags)
{
	struct item items[FS_TCP_OPTS_MAX];
	const bool syn = flags & SYN;
	struct fs_wire_tcp_opts o = { 0 };
	const struct item *i;
	int count = list(p, n, items);

	if ((i = last_good(items, count, MSS, syn))) {
		o.has |= FS_TCP_OPT_MSS;
		o.mss = get_be16(i->value);
	}
	if ((i = last_good(items, count, WSCALE, syn))) {
		o.has |= FS_TCP_OPT_WSCALE;
		o.wscale = i->value[0] > 14 ? 14 : i->value[0];
	}
	if (last_good(items, count, SACK_OK, syn))
		o.has |= FS_TCP_OPT_SACK_OK;
	if ((i = last_good(items, count, TS, syn))) {
		o.has |= FS_TCP_OPT_TS;
		o.ts_val.raw = get_be32(i->value);
		o.ts_ecr.raw = get_be32(i->value + 4);
	}
	if ((i = last_good(items, count, TFO, syn))) {
		o.has |= FS_TCP_OPT_TFO;
		o.cookie_len = i->len;
		memcpy(o.cookie, i->value, i->len);
	}
	if ((i = last_good(items, count, SACK, syn)))
		model_sacks(i, &o);
	return o;
}

static void expect_model(const uint8_t *p, uint16_t n, uint8_t flags)
{
	struct fs_wire_tcp_opts o, m = model(p, n, flags);

	tcp_wire_parse_opts(p, n, flags, &o);
	if (tcp_wire_same_opts(&o, &m))
		return;
	for (int i = 0; i < n; i++)
		fprintf(stderr, "%02x ", p[i]);
	ck_abort_msg("flags %02x: has %02x, model %02x; sacks %u, model %u", flags, o.has, m.has,
		     o.n_sacks, m.n_sacks);
}

/* --- one by one ------------------------------------------------------------ */

START_TEST(mss_is_read_and_zero_is_none)
{
	struct fs_wire_tcp_opts o = read_opts(SYN, MSS, 4, 0x05, 0xb4);

	ck_assert_uint_eq(o.has, FS_TCP_OPT_MSS);
	ck_assert_uint_eq(o.mss, 1460);
	o = read_opts(SYN, MSS, 4, 0, 0);
	ck_assert_uint_eq(o.has, 0);
	o = read_opts(SYN, MSS, 4, 0x05, 0xb4, MSS, 4, 0, 0);
	ck_assert_uint_eq(o.mss, 1460);
}
END_TEST

START_TEST(window_scale_above_14_is_14)
{
	for (int shift = 0; shift < 256; shift++) {
		struct fs_wire_tcp_opts o = read_opts(SYN, NOP, WSCALE, 3, (uint8_t)shift);

		ck_assert_uint_eq(o.has, FS_TCP_OPT_WSCALE);
		ck_assert_uint_eq(o.wscale, shift > 14 ? 14 : shift);
	}
}
END_TEST

START_TEST(timestamps_are_read_at_every_alignment)
{
	for (int at = 0; at <= 6; at++) {
		uint8_t bytes[16];
		struct fs_wire_tcp_opts o;

		memset(bytes, NOP, sizeof(bytes));
		memcpy(bytes + at, (uint8_t[]){ TS, 10, 1, 2, 3, 4, 0xff, 6, 7, 8 }, 10);
		tcp_wire_parse_opts(bytes, sizeof(bytes), ACK, &o);
		ck_assert_uint_eq(o.has, FS_TCP_OPT_TS);
		ck_assert_uint_eq(o.ts_val.raw, 0x01020304);
		ck_assert_uint_eq(o.ts_ecr.raw, 0xff060708);
		if (at > 2)
			continue;
		/* As short as it gets; at 2 as nearly everyone sends it. */
		tcp_wire_parse_opts(bytes, 12, ACK, &o);
		ck_assert_uint_eq(o.has, FS_TCP_OPT_TS);
		ck_assert_uint_eq(o.ts_ecr.raw, 0xff060708);
	}
}
END_TEST

START_TEST(sack_blocks_keep_their_order_and_insane_ones_are_left_out)
{
	struct fs_wire_tcp_opts o = read_opts(ACK, NOP, NOP, SACK, 34,
		0, 0, 0, 9, 0, 0, 0, 10,			/* good */
		0, 0, 0, 5, 0, 0, 0, 5,				/* empty */
		0, 0, 0, 7, 0, 0, 0, 6,				/* backwards */
		0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1);		/* good, across the wrap */

	ck_assert_uint_eq(o.has, 0);
	ck_assert_uint_eq(o.n_sacks, 2);
	ck_assert_uint_eq(o.sacks[0].from.raw, 9);
	ck_assert_uint_eq(o.sacks[0].to.raw, 10);
	ck_assert_uint_eq(o.sacks[1].from.raw, 0xffffffff);
	ck_assert_uint_eq(o.sacks[1].to.raw, 1);
	o = read_opts(ACK, NOP, NOP, SACK, 10, 0, 0, 0, 0, 0x80, 0, 0, 0);
	ck_assert_uint_eq(o.n_sacks, 0);	/* half the space */
	o = read_opts(ACK, NOP, NOP, SACK, 10, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff);
	ck_assert_uint_eq(o.n_sacks, 1);
}
END_TEST

START_TEST(sack_takes_whole_blocks_only)
{
	for (uint8_t len = 2; len <= 38; len++) {
		uint8_t bytes[40];
		struct fs_wire_tcp_opts o;

		memset(bytes, NOP, sizeof(bytes));
		bytes[0] = SACK;
		bytes[1] = len;
		for (int at = 2; at < len; at++)
			bytes[at] = (uint8_t)((at - 2) % 8 == 7);	/* 0 .. 1 */
		tcp_wire_parse_opts(bytes, sizeof(bytes), ACK, &o);
		ck_assert_uint_eq(o.n_sacks, len > 2 && (len - 2) % 8 == 0 ? (len - 2) / 8 : 0);
	}
}
END_TEST

START_TEST(cookie_is_even_and_4_to_16_or_asked_for)
{
	for (uint8_t len = 0; len <= 38; len++) {
		const bool legal = !len || (len >= 4 && len <= 16 && len % 2 == 0);
		uint8_t bytes[40];
		struct fs_wire_tcp_opts o;

		memset(bytes, NOP, sizeof(bytes));
		bytes[0] = TFO;
		bytes[1] = (uint8_t)(len + 2);
		memset(bytes + 2, 0xc0, len);
		tcp_wire_parse_opts(bytes, sizeof(bytes), SYN, &o);
		ck_assert_uint_eq(o.has, legal ? FS_TCP_OPT_TFO : 0);
		ck_assert_uint_eq(o.cookie_len, legal ? len : 0);
		for (int i = 0; i < 16; i++)
			ck_assert_uint_eq(o.cookie[i], legal && i < len ? 0xc0 : 0);
		tcp_wire_parse_opts(bytes, sizeof(bytes), SYN | ACK, &o);
		ck_assert_uint_eq(o.cookie_len, legal ? len : 0);
	}
}
END_TEST

/* --- where, how often, how long ------------------------------------------------ */

START_TEST(what_belongs_on_a_syn_is_ignored_elsewhere_and_the_other_way_round)
{
	const uint8_t bytes[40] = { MSS, 4, 5, 0xb4, SACK_OK, 2, TS, 10, 0, 0, 0, 1, 0, 0, 0, 2,
				    WSCALE, 3, 7, TFO, 2, NOP, NOP, NOP,
				    SACK, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct fs_wire_tcp_opts o;

	for (int flags = 0; flags < 256; flags++) {
		tcp_wire_parse_opts(bytes, sizeof(bytes), (uint8_t)flags, &o);
		ck_assert_uint_eq(o.has, flags & SYN ? FS_TCP_OPT_ALL : FS_TCP_OPT_TS);
		ck_assert_uint_eq(o.n_sacks, flags & SYN ? 0 : 1);
		ck_assert_uint_eq(o.mss, flags & SYN ? 1460 : 0);
	}
}
END_TEST

START_TEST(of_duplicates_the_last_good_one_counts)
{
	struct fs_wire_tcp_opts o;

	o = read_opts(SYN, MSS, 4, 0, 1, MSS, 4, 0, 2, MSS, 3, 9, NOP);
	ck_assert_uint_eq(o.mss, 2);
	o = read_opts(SYN, WSCALE, 3, 1, WSCALE, 3, 2, WSCALE, 2);
	ck_assert_uint_eq(o.wscale, 2);
	o = read_opts(ACK, TS, 10, 0, 0, 0, 1, 0, 0, 0, 1, TS, 10, 0, 0, 0, 2, 0, 0, 0, 2,
		      TS, 8, 0, 0, 0, 3, 0, 0, NOP, NOP, NOP, NOP);
	ck_assert_uint_eq(o.ts_val.raw, 2);
	ck_assert_uint_eq(o.ts_ecr.raw, 2);
	/* The shorter cookie leaves nothing of the longer one. */
	o = read_opts(SYN, TFO, 8, 1, 2, 3, 4, 5, 6, TFO, 6, 7, 8, 9, 10, TFO, 5, 1, 2, 3, NOP);
	ck_assert_uint_eq(o.cookie_len, 4);
	ck_assert_mem_eq(o.cookie, ((uint8_t[6]){ 7, 8, 9, 10 }), 6);
	o = read_opts(ACK, SACK, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4,
		      SACK, 10, 0, 0, 0, 5, 0, 0, 0, 6);
	ck_assert_uint_eq(o.n_sacks, 1);
	ck_assert_uint_eq(o.sacks[0].from.raw, 5);
}
END_TEST

START_TEST(unknown_options_are_stepped_over)
{
	for (int kind = 0; kind < 256; kind++) {
		struct fs_wire_tcp_opts o = read_opts(SYN, (uint8_t)kind, 6, 1, 2, 3, 4,
						      MSS, 4, 2, 0x18, NOP, NOP);
		struct fs_wire_tcp_opts m = model((uint8_t[]){ (uint8_t)kind, 6, 1, 2, 3, 4,
						  MSS, 4, 2, 0x18, NOP, NOP }, 12, SYN);

		ck_assert(tcp_wire_same_opts(&o, &m));
		if (kind > NOP)
			ck_assert_uint_eq(o.mss, 536);
	}
}
END_TEST

START_TEST(nothing_behind_the_end_of_the_list_is_read)
{
	struct fs_wire_tcp_opts o = read_opts(SYN, WSCALE, 3, 4, 0, MSS, 4, 5, 0xb4);

	ck_assert_uint_eq(o.has, FS_TCP_OPT_WSCALE);
}
END_TEST

START_TEST(impossible_length_ends_the_options_and_keeps_those_before)
{
	const uint8_t lengths[] = { 0, 1, 9, 40, 41, 0x7f, 0xff };

	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct fs_wire_tcp_opts o = read_opts(SYN, WSCALE, 3, 4, NOP,
						      UNKNOWN, lengths[i], 0, 0,
						      MSS, 4, 5, 0xb4);

		ck_assert_uint_eq(o.has, FS_TCP_OPT_WSCALE);
		ck_assert_uint_eq(o.wscale, 4);
	}
}
END_TEST

/* Every kind, every length, at every place of every size of header. */
START_TEST(every_lie_about_a_length_reads_as_the_model_does)
{
	static const uint8_t kinds[] = { 0, NOP, MSS, WSCALE, SACK_OK, SACK, TS, TFO, UNKNOWN, 255 };
	uint8_t bytes[FS_TCP_OPTS_MAX];

	for (size_t k = 0; k < sizeof(kinds); k++)
		for (uint16_t n = 4; n <= FS_TCP_OPTS_MAX; n = (uint16_t)(n + 4))
			for (int at = 0; at < n; at++)
				for (int len = 0; len < 256; len += len < 44 ? 1 : 53) {
					for (int i = 0; i < n; i++)
						bytes[i] = i < at ? NOP : (uint8_t)i;
					bytes[at] = kinds[k];
					if (at + 1 < n)
						bytes[at + 1] = (uint8_t)len;
					expect_model(bytes, n, SYN);
					expect_model(bytes, n, ACK);
				}
}
END_TEST

static uint16_t random_option(uint8_t *p, uint16_t room, struct fs_random *random)
{
	static const uint8_t kinds[] = { NOP, NOP, MSS, WSCALE, SACK_OK, SACK, SACK, TS, TFO,
					 UNKNOWN };
	static const uint8_t lengths[] = { 2, 2, 3, 4, 6, 8, 10, 10, 12, 18, 18, 26 };
	uint8_t kind = kinds[fs_random_below(random, sizeof(kinds))];
	uint8_t len = lengths[fs_random_below(random, sizeof(lengths))];

	if (!fs_random_below(random, 40))
		len = (uint8_t)fs_random_next(random);
	p[0] = kind;
	if (kind == NOP || room < 2)
		return 1;
	p[1] = len;
	for (int i = 2; i < len && i < room; i++)
		p[i] = (uint8_t)(fs_random_below(random, 3) ? 0 : fs_random_next(random));
	return MIN(MAX(len, (uint16_t)1), room);
}

START_TEST(any_mixture_reads_as_the_model_does)
{
	struct fs_random random = { 5 };
	uint8_t bytes[FS_TCP_OPTS_MAX];

	for (int round = 0; round < 200000; round++) {
		const uint16_t n = (uint16_t)(fs_random_below(&random, 11) * 4);

		for (uint16_t at = 0; at < n; )
			at = (uint16_t)(at + random_option(bytes + at, (uint16_t)(n - at),
							   &random));
		expect_model(bytes, n, (uint8_t)fs_random_next(&random));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire/tcp options");
	TCase *tc = tcase_create("options");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mss_is_read_and_zero_is_none);
	tcase_add_test(tc, window_scale_above_14_is_14);
	tcase_add_test(tc, timestamps_are_read_at_every_alignment);
	tcase_add_test(tc, sack_blocks_keep_their_order_and_insane_ones_are_left_out);
	tcase_add_test(tc, sack_takes_whole_blocks_only);
	tcase_add_test(tc, cookie_is_even_and_4_to_16_or_asked_for);
	tcase_add_test(tc, what_belongs_on_a_syn_is_ignored_elsewhere_and_the_other_way_round);
	tcase_add_test(tc, of_duplicates_the_last_good_one_counts);
	tcase_add_test(tc, unknown_options_are_stepped_over);
	tcase_add_test(tc, nothing_behind_the_end_of_the_list_is_read);
	tcase_add_test(tc, impossible_length_ends_the_options_and_keeps_those_before);
	tcase_add_test(tc, every_lie_about_a_length_reads_as_the_model_does);
	tcase_add_test(tc, any_mixture_reads_as_the_model_does);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
