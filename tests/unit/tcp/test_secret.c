// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_secret.c - sequence numbers, timestamp offsets and cookies: what must
 * be equal, what must differ, and what nobody else can make.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/random.h"
#include "tcp/secret.h"
#include "tests/lib/suite.h"

#define NOW		(1000 * NSEC_PER_SEC + 123 * NSEC_PER_MSEC)
#define SLOT		(64 * NSEC_PER_SEC)

static struct fs_tcp_secret secret;
static struct fs_tcp_flow_id flow;
static const seq32 peer_iss = { 0xfffffff0 };

static void setup(void)
{
	fs_tcp_secret_init(&secret, 42);
	flow = (struct fs_tcp_flow_id){
		.local = { 10, 0, 0, 1 },
		.remote = { 10, 0, 0, 2 },
		.local_port = 80,
		.remote_port = 40000,
		.family = AF_INET,
	};
}

/* The flow with one of its parts changed. */
static struct fs_tcp_flow_id other(int part)
{
	struct fs_tcp_flow_id id = flow;

	switch (part) {
	case 0: id.local[3] ^= 1; break;
	case 1: id.local[15] ^= 1; break;
	case 2: id.remote[0] ^= 1; break;
	case 3: id.local_port ^= 1; break;
	case 4: id.remote_port ^= 256; break;
	default: id.family = AF_INET6; break;
	}
	return id;
}

enum { PARTS = 6 };

START_TEST(no_two_keys_are_alike_and_each_comes_from_the_seed)
{
	struct fs_tcp_secret same, next;
	uint64_t k[8];

	fs_tcp_secret_init(&same, 42);
	fs_tcp_secret_init(&next, 43);
	ck_assert_mem_eq(&same, &secret, sizeof(same));
	memcpy(k, &secret, sizeof(k));
	for (size_t i = 0; i < ARRAY_SIZE(k); i++) {
		ck_assert_uint_ne(k[i], ((uint64_t *)&next)[i]);
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(k[i], k[j]);
	}
}
END_TEST

START_TEST(rfc6528_3_initial_sequence_number_grows_each_4_us)
{
	seq32 first = fs_tcp_isn(&secret, &flow, NOW);

	ck_assert_uint_eq(fs_tcp_isn(&secret, &flow, NOW + 4000).raw, first.raw + 1);
	ck_assert_uint_eq(fs_tcp_isn(&secret, &flow, NOW + NSEC_PER_SEC).raw, first.raw + 250000);
}
END_TEST

START_TEST(rfc6528_3_initial_sequence_number_depends_on_each_part_of_the_flow)
{
	uint32_t isn = fs_tcp_isn(&secret, &flow, NOW).raw;

	for (int part = 0; part < PARTS; part++) {
		struct fs_tcp_flow_id id = other(part);

		ck_assert_uint_ne(fs_tcp_isn(&secret, &id, NOW).raw, isn);
	}
}
END_TEST

START_TEST(rfc7323_5_4_each_flow_has_a_timestamp_offset_that_stays)
{
	uint32_t offset = fs_tcp_ts_offset(&secret, &flow);

	ck_assert_uint_eq(fs_tcp_ts_offset(&secret, &flow), offset);
	for (int part = 0; part < PARTS; part++) {
		struct fs_tcp_flow_id id = other(part);

		ck_assert_uint_ne(fs_tcp_ts_offset(&secret, &id), offset);
	}
}
END_TEST

START_TEST(timestamp_clock_ticks_in_ms_and_wraps)
{
	ck_assert_uint_eq(fs_tcp_ts_clock(NSEC_PER_SEC), 1000);
	ck_assert_uint_eq(fs_tcp_ts_clock((1ull << 32) * NSEC_PER_MSEC), 0);
}
END_TEST

static bool check_at(seq32 cookie, uint64_t now_ns, struct fs_tcp_cookie *out)
{
	return fs_tcp_cookie_check(&secret, &flow, peer_iss, cookie, NULL, now_ns, out);
}

START_TEST(cookie_brings_back_the_next_smaller_mss)
{
	static const struct { uint16_t asked, got; } cases[] = {
		{ 1, 64 }, { 64, 64 }, { 535, 64 }, { 536, 536 }, { 1219, 536 }, { 1220, 1220 },
		{ 1380, 1360 }, { 1400, 1400 }, { 1440, 1440 }, { 1452, 1440 }, { 1460, 1460 },
		{ 8939, 1460 }, { 8940, 8940 }, { 8960, 8940 }, { 65535, 8940 },
	};
	struct fs_tcp_cookie out;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		seq32 cookie = fs_tcp_cookie_make(&secret, &flow, peer_iss, cases[i].asked, NOW);

		ck_assert(check_at(cookie, NOW, &out));
		ck_assert_uint_eq(out.mss, cases[i].got);
	}
}
END_TEST

START_TEST(cookie_is_good_for_one_to_two_slots)
{
	const uint64_t slot = 20 * SLOT;
	struct fs_tcp_cookie out;
	seq32 early = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, slot);
	seq32 late = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, slot + SLOT - 1);

	ck_assert_uint_eq(early.raw, late.raw);
	ck_assert(check_at(early, slot, &out));
	ck_assert(check_at(early, slot + 2 * SLOT - 1, &out));
	ck_assert(!check_at(early, slot + 2 * SLOT, &out));
	ck_assert(!check_at(early, slot - 1, &out));
}
END_TEST

START_TEST(cookie_works_from_the_first_moment_of_the_clock)
{
	struct fs_tcp_cookie cookie = { .mss = 1460, .ts = true, .sack = true, .ecn = true }, out;
	seq32 made = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, 0);
	ts32 echo = { fs_tcp_cookie_tsval(&secret, &flow, &cookie, 0) };

	ck_assert(fs_tcp_cookie_check(&secret, &flow, peer_iss, made, &echo, 0, &out));
	ck_assert(out.sack && out.ecn && !out.has_wscale);
}
END_TEST

START_TEST(cookie_is_of_one_flow_and_one_syn)
{
	seq32 cookie = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, NOW);
	struct fs_tcp_cookie out;
	struct fs_tcp_secret stranger;

	for (int part = 0; part < PARTS; part++) {
		struct fs_tcp_flow_id id = other(part);

		ck_assert(!fs_tcp_cookie_check(&secret, &id, peer_iss, cookie, NULL, NOW, &out));
	}
	ck_assert(!fs_tcp_cookie_check(&secret, &flow, fs_seq_add(peer_iss, 1), cookie, NULL,
				       NOW, &out));
	fs_tcp_secret_init(&stranger, 43);
	ck_assert(!fs_tcp_cookie_check(&stranger, &flow, peer_iss, cookie, NULL, NOW, &out));
}
END_TEST

/* 16 of 2^32 numbers are good now: one run of 256 would find one. The seed is fixed. */
START_TEST(a_million_guesses_find_no_cookie)
{
	struct fs_random rnd = { 7 };
	struct fs_tcp_cookie out;
	int found = 0;

	for (int i = 0; i < 1000000; i++)
		found += check_at((seq32){ (uint32_t)fs_random_next(&rnd) }, NOW, &out);
	ck_assert_int_eq(found, 0);
}
END_TEST

START_TEST(each_changed_bit_above_the_mss_spoils_a_cookie)
{
	seq32 cookie = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, NOW);
	struct fs_tcp_cookie out;

	for (int bit = 3; bit < 32; bit++)
		ck_assert(!check_at((seq32){ cookie.raw ^ 1u << bit }, NOW, &out));
}
END_TEST

START_TEST(timestamp_brings_back_window_scale_sack_and_ecn)
{
	seq32 made = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, NOW);
	struct fs_tcp_cookie out;

	for (uint32_t bits = 0; bits < 64; bits++) {
		struct fs_tcp_cookie cookie = {
			.mss = 1460,
			.wscale = bits & 15,
			.has_wscale = (bits & 15) != 15,
			.sack = bits & 16,
			.ecn = bits & 32,
			.ts = true,
		};
		ts32 echo = { fs_tcp_cookie_tsval(&secret, &flow, &cookie, NOW) };

		ck_assert(fs_tcp_cookie_check(&secret, &flow, peer_iss, made, &echo, NOW + SLOT, &out));
		if (!cookie.has_wscale)
			cookie.wscale = 0;
		ck_assert_uint_eq(out.wscale, cookie.wscale);
		ck_assert_uint_eq(out.has_wscale, cookie.has_wscale);
		ck_assert_uint_eq(out.sack, cookie.sack);
		ck_assert_uint_eq(out.ecn, cookie.ecn);
		ck_assert_uint_eq(out.mss, 1460);
		ck_assert(out.ts);
	}
}
END_TEST

START_TEST(without_timestamps_only_the_mss_comes_back)
{
	seq32 made = fs_tcp_cookie_make(&secret, &flow, peer_iss, 1460, NOW);
	struct fs_tcp_cookie out;

	memset(&out, 0xff, sizeof(out));
	ck_assert(check_at(made, NOW, &out));
	ck_assert_uint_eq(out.mss, 1460);
	ck_assert(!out.ts && !out.has_wscale && !out.sack && !out.ecn && !out.wscale);
}
END_TEST

START_TEST(timestamp_of_a_cookie_is_never_ahead_and_never_far_behind)
{
	struct fs_random rnd = { 3 };
	int wrong = 0;

	for (int i = 0; i < 100000; i++) {
		/* Across the wrap of the clock, too. */
		uint64_t now = ((1ull << 32) - 1000 + fs_random_below(&rnd, 2000)) * NSEC_PER_MSEC;
		struct fs_tcp_cookie cookie = {
			.wscale = (uint8_t)fs_random_below(&rnd, 15),
			.has_wscale = fs_random_below(&rnd, 2),
			.sack = fs_random_below(&rnd, 2),
			.ecn = fs_random_below(&rnd, 2),
		};
		ts32 plain = { fs_tcp_ts_clock(now) + fs_tcp_ts_offset(&secret, &flow) };
		ts32 packed = { fs_tcp_cookie_tsval(&secret, &flow, &cookie, now) };

		int32_t lag = fs_ts_diff(plain, packed);

		wrong += lag < 0 || lag >= FS_TCP_COOKIE_TS_LAG_MS;
	}
	ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(rfc7413_4_1_2_fast_open_cookie_is_of_one_address_and_one_server)
{
	uint8_t mine[8], again[8], else_where[8], strangers[8];
	struct fs_tcp_secret stranger;
	uint8_t ip[16] = { 10, 0, 0, 2 };

	fs_tcp_secret_init(&stranger, 43);
	fs_tcp_fastopen_cookie(&secret, AF_INET, ip, mine);
	fs_tcp_fastopen_cookie(&secret, AF_INET, ip, again);
	fs_tcp_fastopen_cookie(&stranger, AF_INET, ip, strangers);
	ck_assert_mem_eq(mine, again, 8);
	ck_assert_mem_ne(mine, strangers, 8);
	fs_tcp_fastopen_cookie(&secret, AF_INET6, ip, else_where);
	ck_assert_mem_ne(mine, else_where, 8);
	ip[3] ^= 1;
	fs_tcp_fastopen_cookie(&secret, AF_INET, ip, else_where);
	ck_assert_mem_ne(mine, else_where, 8);
}
END_TEST

static TCase *cookies(void)
{
	TCase *tc = tcase_create("cookies");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, cookie_brings_back_the_next_smaller_mss);
	tcase_add_test(tc, cookie_is_good_for_one_to_two_slots);
	tcase_add_test(tc, cookie_works_from_the_first_moment_of_the_clock);
	tcase_add_test(tc, cookie_is_of_one_flow_and_one_syn);
	tcase_add_test(tc, a_million_guesses_find_no_cookie);
	tcase_add_test(tc, each_changed_bit_above_the_mss_spoils_a_cookie);
	tcase_add_test(tc, timestamp_brings_back_window_scale_sack_and_ecn);
	tcase_add_test(tc, without_timestamps_only_the_mss_comes_back);
	tcase_add_test(tc, timestamp_of_a_cookie_is_never_ahead_and_never_far_behind);
	tcase_add_test(tc, rfc7413_4_1_2_fast_open_cookie_is_of_one_address_and_one_server);
	return tc;
}

static TCase *numbers(void)
{
	TCase *tc = tcase_create("numbers");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, no_two_keys_are_alike_and_each_comes_from_the_seed);
	tcase_add_test(tc, rfc6528_3_initial_sequence_number_grows_each_4_us);
	tcase_add_test(tc, rfc6528_3_initial_sequence_number_depends_on_each_part_of_the_flow);
	tcase_add_test(tc, rfc7323_5_4_each_flow_has_a_timestamp_offset_that_stays);
	tcase_add_test(tc, timestamp_clock_ticks_in_ms_and_wraps);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("tcp/secret");

	suite_add_tcase(suite, numbers());
	suite_add_tcase(suite, cookies());
	return suite_run(suite);
}
