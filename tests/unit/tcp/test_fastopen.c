// SPDX-License-Identifier: BSD-2-Clause
/* test_fastopen.c - what a client remembers of fast open servers, and for how long. */
#include <check.h>
#include <stdlib.h>

#include "tcp/fastopen.h"
#include "tests/lib/suite.h"

#define PAUSE	FS_TCP_FASTOPEN_PAUSE_NS

static const uint8_t cookie[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static struct fs_tcp_fastopen table;
static struct fs_tcp_fastopen_hint hint;
static struct fs_addr server;

static void setup(void)
{
	fs_tcp_fastopen_init(&table, 5);
	ck_assert_int_eq(fs_addr_parse(&server, "192.0.2.1:443"), 0);
}

static bool find(uint64_t now_ns)
{
	return fs_tcp_fastopen_find(&table, &server, now_ns, &hint);
}

static void learn(uint16_t mss)
{
	fs_tcp_fastopen_learn(&table, &server, cookie, sizeof(cookie), mss);
}

START_TEST(of_an_unknown_server_a_cookie_is_asked)
{
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 0);
	ck_assert_uint_eq(hint.mss, 0);
}
END_TEST

START_TEST(rfc7413_4_1_3_cookie_and_mss_are_remembered)
{
	learn(1400);
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 8);
	ck_assert_mem_eq(hint.cookie, cookie, 8);
	ck_assert_uint_eq(hint.mss, 1400);
}
END_TEST

START_TEST(a_new_cookie_takes_the_place_of_the_old_one)
{
	static const uint8_t fresh[4] = { 9, 9, 9, 9 };

	learn(1400);
	fs_tcp_fastopen_learn(&table, &server, fresh, sizeof(fresh), 1460);
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 4);
	ck_assert_mem_eq(hint.cookie, fresh, 4);
	ck_assert_uint_eq(hint.mss, 1460);
}
END_TEST

START_TEST(an_answer_without_cookie_leaves_the_known_one)
{
	learn(1400);
	fs_tcp_fastopen_learn(&table, &server, NULL, 0, 1300);
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 8);
	ck_assert_uint_eq(hint.mss, 1300);
}
END_TEST

START_TEST(a_server_that_has_no_cookies_takes_no_room)
{
	fs_tcp_fastopen_learn(&table, &server, NULL, 0, 1300);
	ck_assert(find(0));
	ck_assert_uint_eq(hint.mss, 0);
}
END_TEST

START_TEST(rfc7413_4_1_3_1_after_a_failure_there_is_a_pause)
{
	learn(1400);
	fs_tcp_fastopen_failed(&table, &server, 100);
	ck_assert(!find(100));
	ck_assert(!find(100 + PAUSE - 1));
	ck_assert(find(100 + PAUSE));
	ck_assert_uint_eq(hint.cookie_len, 8);
}
END_TEST

START_TEST(rfc7413_4_1_3_1_a_failure_is_of_its_port)
{
	fs_tcp_fastopen_failed(&table, &server, 0);
	server.port = 80;
	ck_assert(find(0));
	server.port = 443;
	ck_assert(!find(0));
}
END_TEST

START_TEST(each_further_failure_doubles_the_pause_up_to_an_hour)
{
	uint64_t now = 0;

	for (int i = 0; i < 10; i++) {
		uint64_t pause = PAUSE << MIN(i, 6);

		fs_tcp_fastopen_failed(&table, &server, now);
		ck_assert(!find(now + pause - 1));
		ck_assert(find(now + pause));
		now += pause;
	}
}
END_TEST

START_TEST(success_forgets_the_failures)
{
	for (int i = 0; i < 5; i++)
		fs_tcp_fastopen_failed(&table, &server, 0);
	learn(1400);
	ck_assert(find(0));
	fs_tcp_fastopen_failed(&table, &server, 0);
	ck_assert(find(PAUSE));
}
END_TEST

START_TEST(servers_are_told_apart_by_address_family_and_scope)
{
	struct fs_addr link_local;

	learn(1400);
	server.ip[3]++;
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 0);

	ck_assert_int_eq(fs_addr_parse(&link_local, "[fe80::1]:443"), 0);
	link_local.scope = 2;
	server = link_local;
	learn(1440);
	server.scope = 3;
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 0);
	server.scope = 2;
	ck_assert(find(0));
	ck_assert_uint_eq(hint.mss, 1440);
}
END_TEST

/* Far more servers than entries; the one in use stays, the last one learned too. */
START_TEST(the_longest_unused_server_makes_room)
{
	struct fs_addr mine = server;

	learn(1400);
	server.ip[0] = 10;
	for (uint16_t i = 0; i < 10000; i++) {
		server.ip[2] = (uint8_t)(i >> 8);
		server.ip[1] = (uint8_t)i;
		learn(1000);
		ck_assert(find(0) && hint.cookie_len == 8);
		ck_assert(fs_tcp_fastopen_find(&table, &mine, 0, &hint));
		ck_assert_uint_eq(hint.mss, 1400);
	}
	server.ip[1] = 0;
	server.ip[2] = 0;
	ck_assert(find(0));
	ck_assert_uint_eq(hint.cookie_len, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/fastopen");
	TCase *tc = tcase_create("client");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, of_an_unknown_server_a_cookie_is_asked);
	tcase_add_test(tc, rfc7413_4_1_3_cookie_and_mss_are_remembered);
	tcase_add_test(tc, a_new_cookie_takes_the_place_of_the_old_one);
	tcase_add_test(tc, an_answer_without_cookie_leaves_the_known_one);
	tcase_add_test(tc, a_server_that_has_no_cookies_takes_no_room);
	tcase_add_test(tc, rfc7413_4_1_3_1_after_a_failure_there_is_a_pause);
	tcase_add_test(tc, rfc7413_4_1_3_1_a_failure_is_of_its_port);
	tcase_add_test(tc, each_further_failure_doubles_the_pause_up_to_an_hour);
	tcase_add_test(tc, success_forgets_the_failures);
	tcase_add_test(tc, servers_are_told_apart_by_address_family_and_scope);
	tcase_add_test(tc, the_longest_unused_server_makes_room);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
