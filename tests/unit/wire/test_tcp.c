// SPDX-License-Identifier: BSD-2-Clause
/* TCP segments: what is built parses back; lengths, checksums, resets. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/random.h"
#include "tests/lib/tcp_wire.h"
#include "tests/lib/suite.h"

enum { FRAME_MAX = 2048, SEGMENT_OFF4 = FS_ETH_LEN + FS_IP4_LEN };

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* Everything set, so that what is missing comes from the test. */
static const struct fs_wire_tcp full = {
	.src_port = 0xc001, .dst_port = 80, .seq = { 0xfedcba98 }, .ack = { 0x01234567 },
	.window = 0xfff1, .urgent = 0x1234, .payload_len = 13,
	.flags = FS_TCP_F_ACK | FS_TCP_F_PSH,
	.opts = {
		.has = FS_TCP_OPT_ALL, .mss = 1460, .wscale = 14, .n_sacks = 4,
		.ts_val = { 0xfffffffe }, .ts_ecr = { 0x80000001 }, .cookie_len = 16,
		.cookie = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
		.sacks = { { { 1 }, { 2 } }, { { 0xfffffff0 }, { 3 } },
			   { { 0x80000000 }, { 0xffffffff } }, { { 4 }, { 0x80000003 } } },
	},
};

/* The same without what @has, @sacks and @cookie_len leave out. */
static struct fs_wire_tcp segment(uint8_t flags, uint8_t has, uint8_t sacks, uint8_t cookie_len)
{
	struct fs_wire_tcp t = full;
	struct fs_wire_tcp_opts *o = &t.opts;

	t.flags = flags;
	o->has = has;
	o->n_sacks = sacks;
	o->mss = has & FS_TCP_OPT_MSS ? o->mss : 0;
	o->wscale = has & FS_TCP_OPT_WSCALE ? o->wscale : 0;
	o->cookie_len = has & FS_TCP_OPT_TFO ? cookie_len : 0;
	memset(o->cookie + o->cookie_len, 0, sizeof(o->cookie) - o->cookie_len);
	if (!(has & FS_TCP_OPT_TS))
		o->ts_val = o->ts_ecr = (ts32){ 0 };
	return t;
}

/* What a reader gets of it. */
static struct fs_wire_tcp as_read(const struct fs_wire_tcp *t)
{
	const bool syn = t->flags & FS_TCP_F_SYN;
	uint16_t others;
	struct fs_wire_tcp r = segment(t->flags, syn ? t->opts.has :
				       t->opts.has & FS_TCP_OPT_TS, 0, t->opts.cookie_len);
	struct fs_wire_tcp_opts without = t->opts;

	without.n_sacks = 0;
	others = fs_wire_tcp_opts_len(&without);
	r.payload_len = t->payload_len;
	if (!syn)
		while (r.opts.n_sacks < t->opts.n_sacks &&
		       others + 4 + 8 * (r.opts.n_sacks + 1) <= FS_TCP_OPTS_MAX)
			r.opts.n_sacks++;
	return r;
}

static void expect_back(uint8_t family, const struct fs_wire_tcp *t)
{
	const struct fs_wire_tcp expected = as_read(t);
	uint8_t frame[FRAME_MAX];
	const uint32_t len = tcp_wire_build(frame, family, t);
	struct fs_wire_tcp back;
	struct fs_wire_frame f;

	ck_assert_int_eq(fs_wire_parse(frame, len, &f), FS_WIRE_OK);
	ck_assert_uint_eq(f.l4_len, fs_wire_tcp_header_len(&t->opts) + t->payload_len);
	ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_GOOD);
	ck_assert_int_eq(fs_wire_tcp_parse(frame, &f, &back), FS_WIRE_OK);
	ck_assert_uint_eq(back.payload_off, f.l4_off + fs_wire_tcp_header_len(&t->opts));
	ck_assert(tcp_wire_same(&back, &expected));
	ck_assert(tcp_wire_sane(&back, f.l4_off, len));
}

START_TEST(every_combination_of_options_parses_back)
{
	for (int has = 0; has <= FS_TCP_OPT_ALL; has++)
		for (uint8_t cookie = 0; cookie <= 16; cookie = (uint8_t)(cookie + (cookie ? 2 : 4)))
			for (uint8_t sacks = 0; sacks <= FS_TCP_SACKS_MAX; sacks++)
				for (int payload = 0; payload < 3; payload++)
					for (int k = 0; k < 4; k++) {
						struct fs_wire_tcp t = segment(k & 1 ?
							FS_TCP_F_SYN : FS_TCP_F_ACK,
							(uint8_t)has, sacks, cookie);

						t.payload_len = (uint16_t)(payload * 701);
						expect_back(families[k / 2], &t);
					}
}
END_TEST

START_TEST(every_flag_parses_back_at_every_payload_length)
{
	for (int flags = 0; flags < 256; flags++) {
		struct fs_wire_tcp t = segment((uint8_t)flags, FS_TCP_OPT_TS, 0, 0);

		for (int family = 0; family < 2; family++) {
			t.payload_len = (uint16_t)flags;
			expect_back(families[family], &t);
		}
	}
}
END_TEST

START_TEST(options_take_what_the_function_says)
{
	static const struct {
		uint8_t has, sacks, cookie, len;
	} rows[] = {
		{ 0, 0, 0, 0 },
		{ FS_TCP_OPT_MSS, 0, 0, 4 },
		{ FS_TCP_OPT_SACK_OK, 0, 0, 4 },
		{ FS_TCP_OPT_WSCALE, 0, 0, 4 },
		{ FS_TCP_OPT_TS, 0, 0, 12 },
		{ FS_TCP_OPT_TS | FS_TCP_OPT_SACK_OK, 0, 0, 12 },
		{ FS_TCP_OPT_TFO, 0, 0, 4 },
		{ FS_TCP_OPT_TFO, 0, 4, 8 },
		{ FS_TCP_OPT_TFO, 0, 6, 8 },
		{ FS_TCP_OPT_TFO, 0, 16, 20 },
		{ FS_TCP_OPT_ALL & ~FS_TCP_OPT_TFO, 0, 0, 20 },	/* an ordinary SYN */
		{ FS_TCP_OPT_ALL, 0, 8, 32 },
		{ FS_TCP_OPT_ALL, 0, 16, 40 },
		{ FS_TCP_OPT_ALL, 4, 16, 40 },			/* no room for blocks */
		{ 0, 1, 0, 12 },
		{ 0, 4, 0, 36 },
		{ FS_TCP_OPT_TS, 1, 0, 24 },
		{ FS_TCP_OPT_TS, 3, 0, 40 },
		{ FS_TCP_OPT_TS, 4, 0, 40 },			/* the fourth stays behind */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fs_wire_tcp t = segment(0, rows[i].has, rows[i].sacks,
						     rows[i].cookie);

		ck_assert_uint_eq(fs_wire_tcp_opts_len(&t.opts), rows[i].len);
		ck_assert_uint_eq(fs_wire_tcp_header_len(&t.opts), 20 + rows[i].len);
	}
}
END_TEST

START_TEST(bytes_are_those_that_linux_sends)
{
	const uint8_t syn[] = { 0xc0, 1, 0, 80, 0xfe, 0xdc, 0xba, 0x98, 1, 0x23, 0x45, 0x67,
		0xa0, 0xc2, 0xff, 0xf1, 0, 0, 0x12, 0x34, 2, 4, 5, 0xb4, 4, 2, 8, 10,
		0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 1, 1, 3, 3, 14 };
	const uint8_t ack[] = { 1, 1, 8, 10, 0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 1,
		1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	const uint8_t tfo[] = { 34, 8, 1, 2, 3, 4, 5, 6, 34, 2, 1, 1 };
	uint8_t p[FS_TCP_HEADER_MAX];
	struct fs_wire_tcp t = segment(FS_TCP_F_SYN | FS_TCP_F_ECE | FS_TCP_F_CWR,
				       FS_TCP_OPT_ALL & ~FS_TCP_OPT_TFO, 0, 0);

	t.payload_len = 0;
	ck_assert_uint_eq(fs_wire_put_tcp(p, &t, 0), sizeof(syn));
	memset(p + 16, 0, 2);
	ck_assert_mem_eq(p, syn, sizeof(syn));
	t = segment(FS_TCP_F_ACK, FS_TCP_OPT_TS, 1, 0);
	t.payload_len = 0;
	ck_assert_uint_eq(fs_wire_put_tcp(p, &t, 0), 20 + sizeof(ack));
	ck_assert_mem_eq(p + 20, ack, sizeof(ack));
	t = segment(FS_TCP_F_SYN, FS_TCP_OPT_TFO, 0, 6);
	t.payload_len = 0;
	ck_assert_uint_eq(fs_wire_put_tcp(p, &t, 0), 28);
	ck_assert_mem_eq(p + 20, tfo, 8);
	t = segment(FS_TCP_F_SYN, FS_TCP_OPT_TFO, 0, 0);
	t.payload_len = 0;
	ck_assert_uint_eq(fs_wire_put_tcp(p, &t, 0), 24);
	ck_assert_mem_eq(p + 20, tfo + 8, 4);
}
END_TEST

START_TEST(header_cut_anywhere_is_short_and_read_no_further)
{
	uint8_t frame[FRAME_MAX];
	struct fs_wire_tcp out;

	for (uint8_t sacks = 0; sacks <= FS_TCP_SACKS_MAX; sacks++)
		for (int syn = 0; syn < 2; syn++) {
			const struct fs_wire_tcp t = segment(syn ? FS_TCP_F_SYN : FS_TCP_F_ACK,
				syn ? FS_TCP_OPT_ALL : sacks < 4 ? FS_TCP_OPT_TS : 0, sacks, 16);
			const uint16_t header_len = fs_wire_tcp_header_len(&t.opts);

			tcp_wire_build(frame, AF_INET, &t);
			for (uint16_t cut = 0; cut <= header_len + t.payload_len; cut++) {
				enum fs_wire_verdict v = tcp_wire_parse(frame + SEGMENT_OFF4, cut,
									&out);

				ck_assert_int_eq(v, cut < header_len ? FS_WIRE_SHORT : FS_WIRE_OK);
				if (v == FS_WIRE_OK)
					ck_assert_uint_eq(out.payload_len, cut - header_len);
			}
		}
}
END_TEST

START_TEST(data_offset_must_be_5_words_and_fit)
{
	uint8_t header[FS_TCP_HEADER_MAX] = { 0 };
	struct fs_wire_tcp out;

	for (int offset = 0; offset < 16; offset++)
		for (uint16_t len = 20; len <= FS_TCP_HEADER_MAX; len++) {
			const bool fits = offset >= 5 && offset * 4 <= len;

			header[12] = (uint8_t)(offset << 4);
			ck_assert_int_eq(tcp_wire_parse(header, len, &out),
					 fits ? FS_WIRE_OK : FS_WIRE_SHORT);
			if (fits)
				ck_assert_uint_eq(out.payload_off, offset * 4);
		}
}
END_TEST

START_TEST(reserved_bits_are_ignored_and_sent_as_zero)
{
	uint8_t header[FS_TCP_LEN] = { [12] = 0x5f, [13] = FS_TCP_F_ACK };
	struct fs_wire_tcp out;

	ck_assert_int_eq(tcp_wire_parse(header, sizeof(header), &out), FS_WIRE_OK);
	ck_assert_uint_eq(out.flags, FS_TCP_F_ACK);
	ck_assert_uint_eq(fs_wire_put_tcp(header, &out, 0), FS_TCP_LEN);
	ck_assert_uint_eq(header[12], 0x50);
}
END_TEST

/* --- checksum ---------------------------------------------------------------- */

START_TEST(every_flipped_bit_is_told)
{
	for (int family = 0; family < 2; family++) {
		uint8_t frame[FRAME_MAX];
		const struct fs_wire_tcp t = segment(FS_TCP_F_ACK, FS_TCP_OPT_TS, 2, 0);
		const uint32_t len = tcp_wire_build(frame, families[family], &t);
		struct fs_wire_frame f;

		ck_assert_int_eq(fs_wire_parse(frame, len, &f), FS_WIRE_OK);
		for (uint32_t bit = 0; bit < f.l4_len * 8u; bit++) {
			uint8_t *at = frame + f.l4_off + bit / 8;

			*at ^= (uint8_t)(1u << bit % 8);
			ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_BAD);
			*at ^= (uint8_t)(1u << bit % 8);
		}
		/* Addresses belong to it. */
		frame[f.l4_off - 1] ^= 4;
		ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_BAD);
	}
}
END_TEST

START_TEST(partial_checksum_is_told_from_a_bad_one)
{
	for (int family = 0; family < 2; family++)
		for (uint16_t payload = 0; payload < 9; payload++) {
			struct fs_wire_tcp t = segment(FS_TCP_F_ACK, FS_TCP_OPT_TS, 0, 0);
			uint8_t frame[FRAME_MAX];
			struct fs_wire_frame f;
			uint16_t field;
			uint32_t len;

			t.payload_len = payload;
			len = tcp_wire_build(frame, families[family], &t);
			ck_assert_int_eq(fs_wire_parse(frame, len, &f), FS_WIRE_OK);
			field = fs_csum_fold(fs_wire_pseudo(&f));
			memcpy(frame + f.l4_off + 16, &field, 2);
			ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_PARTIAL);
			frame[f.l4_off + 16] ^= 0x5a;
			ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_BAD);
			memset(frame + f.l4_off + 16, 0, 2);	/* unlike UDP's, never none */
			ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_BAD);
		}
}
END_TEST

START_TEST(ethernet_padding_is_not_payload)
{
	struct fs_wire_tcp t = segment(FS_TCP_F_ACK, 0, 0, 0), back;
	uint8_t frame[FRAME_MAX];
	struct fs_wire_frame f;

	t.payload_len = 1;
	memset(frame, 0xee, sizeof(frame));
	tcp_wire_build(frame, AF_INET, &t);
	ck_assert_int_eq(fs_wire_parse(frame, 60, &f), FS_WIRE_OK);
	ck_assert_int_eq(fs_wire_tcp_parse(frame, &f, &back), FS_WIRE_OK);
	ck_assert_uint_eq(back.payload_len, 1);
	ck_assert_int_eq(fs_wire_tcp_csum(frame, &f), FS_CSUM_GOOD);
}
END_TEST

/* --- resets -------------------------------------------------------------------- */

START_TEST(reset_of_an_acknowledgement_takes_its_number)
{
	struct fs_wire_tcp seg = segment(FS_TCP_F_ACK | FS_TCP_F_SYN | FS_TCP_F_FIN,
					 FS_TCP_OPT_TS, 0, 0), rst = full, back;
	uint8_t header[FS_TCP_HEADER_MAX];

	ck_assert(fs_wire_tcp_reset(&seg, &rst));
	ck_assert_uint_eq(rst.flags, FS_TCP_F_RST);
	ck_assert_uint_eq(rst.seq.raw, seg.ack.raw);
	ck_assert_uint_eq(rst.ack.raw, 0);
	ck_assert_uint_eq(rst.src_port, seg.dst_port);
	ck_assert_uint_eq(rst.dst_port, seg.src_port);
	ck_assert_uint_eq(rst.window, 0);
	ck_assert_uint_eq(rst.payload_len, 0);
	ck_assert_uint_eq(fs_wire_put_tcp(header, &rst, 0), FS_TCP_LEN);
	ck_assert_int_eq(tcp_wire_parse(header, FS_TCP_LEN, &back), FS_WIRE_OK);
	ck_assert(tcp_wire_same(&back, &rst));
}
END_TEST

START_TEST(reset_without_one_acknowledges_all_of_the_segment)
{
	static const struct {
		uint8_t flags;
		uint16_t payload;
		uint32_t seq, ack;
	} rows[] = {
		{ 0, 0, 7, 7 },
		{ 0, 100, 7, 107 },
		{ FS_TCP_F_SYN, 0, 7, 8 },
		{ FS_TCP_F_SYN, 100, 7, 108 },		/* fast open */
		{ FS_TCP_F_FIN, 0, 7, 8 },
		{ FS_TCP_F_SYN | FS_TCP_F_FIN, 3, 0xfffffffe, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fs_wire_tcp seg = { .flags = rows[i].flags, .payload_len = rows[i].payload,
					   .seq = { rows[i].seq }, .ack = { 99 } }, rst;

		ck_assert(fs_wire_tcp_reset(&seg, &rst));
		ck_assert_uint_eq(rst.flags, FS_TCP_F_RST | FS_TCP_F_ACK);
		ck_assert_uint_eq(rst.seq.raw, 0);
		ck_assert_uint_eq(rst.ack.raw, rows[i].ack);
	}
}
END_TEST

START_TEST(reset_is_never_answered)
{
	for (int flags = 0; flags < 256; flags++) {
		const struct fs_wire_tcp seg = { .flags = (uint8_t)flags };
		struct fs_wire_tcp rst;

		ck_assert(fs_wire_tcp_reset(&seg, &rst) == !(flags & FS_TCP_F_RST));
	}
}
END_TEST

/* --- chance --------------------------------------------------------------------- */

START_TEST(whatever_parses_stays_inside_and_builds_the_same_again)
{
	struct fs_random random = { 9 };
	uint8_t frame[FRAME_MAX];
	struct fs_wire_tcp out;
	uint32_t accepted = 0;

	for (int round = 0; round < 200000; round++) {
		struct fs_wire_tcp t = segment((uint8_t)fs_random_next(&random),
			(uint8_t)(fs_random_next(&random) & FS_TCP_OPT_ALL),
			(uint8_t)fs_random_below(&random, 5),
			(uint8_t)(4 + 2 * fs_random_below(&random, 7)));
		uint16_t len;

		t.payload_len = (uint16_t)fs_random_below(&random, 20);
		len = (uint16_t)(tcp_wire_build(frame, AF_INET, &t) - SEGMENT_OFF4);
		for (uint64_t n = fs_random_below(&random, 6); n; n--)
			frame[SEGMENT_OFF4 + 12 + fs_random_below(&random, len - 12u)] =
				(uint8_t)fs_random_next(&random);
		len = (uint16_t)(len - fs_random_below(&random, 4));
		if (tcp_wire_parse(frame + SEGMENT_OFF4, len, &out) != FS_WIRE_OK)
			continue;
		accepted++;
		ck_assert(tcp_wire_sane(&out, 0, len));
	}
	ck_assert_uint_gt(accepted, 100000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire/tcp");
	TCase *tc = tcase_create("tcp");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_combination_of_options_parses_back);
	tcase_add_test(tc, every_flag_parses_back_at_every_payload_length);
	tcase_add_test(tc, options_take_what_the_function_says);
	tcase_add_test(tc, bytes_are_those_that_linux_sends);
	tcase_add_test(tc, header_cut_anywhere_is_short_and_read_no_further);
	tcase_add_test(tc, data_offset_must_be_5_words_and_fit);
	tcase_add_test(tc, reserved_bits_are_ignored_and_sent_as_zero);
	tcase_add_test(tc, every_flipped_bit_is_told);
	tcase_add_test(tc, partial_checksum_is_told_from_a_bad_one);
	tcase_add_test(tc, ethernet_padding_is_not_payload);
	tcase_add_test(tc, reset_of_an_acknowledgement_takes_its_number);
	tcase_add_test(tc, reset_without_one_acknowledges_all_of_the_segment);
	tcase_add_test(tc, reset_is_never_answered);
	tcase_add_test(tc, whatever_parses_stays_inside_and_builds_the_same_again);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
