// SPDX-License-Identifier: BSD-2-Clause
/* test_pmtu.c - path MTUs from ICMP: RFC 1191, RFC 8201. */
#include <check.h>
#include <stdlib.h>

#include "house.h"
#include "tests/lib/suite.h"

static void too_big(const char *remote, uint32_t mtu)
{
	fs_net_pmtu(h.net, strchr(remote, ':') ? AF_INET6 : AF_INET, house_ip(remote), mtu,
		    h.now_ns);
}

START_TEST(a_smaller_path_mtu_is_learnt_for_that_remote_only)
{
	too_big("198.51.100.1", 1400);
	ck_assert_uint_eq(house_dst("198.51.100.1")->mtu, 1400);
	ck_assert_uint_eq(house_dst("198.51.100.2")->mtu, 9000);
	too_big("2001:db8::7", 1300);
	ck_assert_uint_eq(house_dst("2001:db8::7")->mtu, 1300);
}
END_TEST

START_TEST(increases_are_ignored)
{
	too_big("8.8.8.8", 1400);
	too_big("8.8.8.8", 1450);
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 1400);
	too_big("8.8.4.4", 9000);
	ck_assert_uint_eq(house_dst("8.8.4.4")->mtu, 1500);
}
END_TEST

START_TEST(it_never_goes_below_what_every_link_must_carry)
{
	too_big("8.8.8.8", 68);
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 576);
	too_big("2001:db8::7", 68);
	ck_assert_uint_eq(house_dst("2001:db8::7")->mtu, 1280);
}
END_TEST

START_TEST(a_link_smaller_than_that_stays_as_it_is)
{
	house_link(FS0, 500, true);
	too_big("8.8.8.8", 300);
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 500);
}
END_TEST

START_TEST(a_router_that_names_no_mtu_means_the_next_plateau)
{
	too_big("198.51.100.1", 0);
	ck_assert_uint_eq(house_dst("198.51.100.1")->mtu, 8166);
	too_big("198.51.100.1", 0);
	ck_assert_uint_eq(house_dst("198.51.100.1")->mtu, 4352);
	too_big("8.8.8.8", 0);
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 1492);
}
END_TEST

START_TEST(it_expires_after_ten_minutes)
{
	too_big("8.8.8.8", 1400);
	h.now_ns += FS_NET_PMTU_NS - 1;
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 1400);
	h.now_ns += NSEC_PER_SEC;
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 1500);
}
END_TEST

START_TEST(it_survives_a_flood_of_other_remotes)
{
	uint8_t ip[16] = { 0 };

	too_big("8.8.8.8", 1400);
	for (uint32_t i = 0; i < 20000; i++) {
		put_be32(ip, 0x0b000000 + i);
		fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns);
	}
	ck_assert_uint_eq(house_dst("8.8.8.8")->mtu, 1400);
}
END_TEST

START_TEST(of_too_many_the_latest_are_remembered)
{
	uint8_t ip[16] = { 0 };
	unsigned int known = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		put_be32(ip, 0x0b000000 + i);
		h.now_ns++;
		fs_net_pmtu(h.net, AF_INET, ip, 1400, h.now_ns);
		ck_assert_uint_eq(fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns)->mtu, 1400);
	}
	for (uint32_t i = 20000 - 300; i < 20000; i++) {
		put_be32(ip, 0x0b000000 + i);
		known += fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns)->mtu == 1400;
	}
	ck_assert_uint_gt(known, 280);
}
END_TEST

START_TEST(what_does_not_leave_by_the_fast_path_is_not_remembered)
{
	too_big("127.0.0.1", 1000);
	too_big("10.1.1.1", 1000);
	ck_assert_uint_eq(house_dst("10.1.1.1")->mtu, 0);
}
END_TEST

START_TEST(a_route_can_name_a_smaller_mtu_than_the_link)
{
	struct fs_nl_route route = { .family = AF_INET, .prefix_len = 8, .oif = FS0,
				     .dst = { 9 }, .mtu = 1200 };

	fs_nl_mirror_route_set(h.mirror, &route);
	ck_assert_uint_eq(house_dst("9.9.9.9")->mtu, 1200);
	route.mtu = 4000;	/* more than the link: no */
	fs_nl_mirror_route_set(h.mirror, &route);
	ck_assert_uint_eq(house_dst("9.9.9.9")->mtu, 1500);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net/pmtu");
	TCase *tc = tcase_create("pmtu");

	tcase_add_checked_fixture(tc, house_open, house_close);
	tcase_add_test(tc, a_smaller_path_mtu_is_learnt_for_that_remote_only);
	tcase_add_test(tc, increases_are_ignored);
	tcase_add_test(tc, it_never_goes_below_what_every_link_must_carry);
	tcase_add_test(tc, a_link_smaller_than_that_stays_as_it_is);
	tcase_add_test(tc, a_router_that_names_no_mtu_means_the_next_plateau);
	tcase_add_test(tc, it_expires_after_ten_minutes);
	tcase_add_test(tc, it_survives_a_flood_of_other_remotes);
	tcase_add_test(tc, of_too_many_the_latest_are_remembered);
	tcase_add_test(tc, what_does_not_leave_by_the_fast_path_is_not_remembered);
	tcase_add_test(tc, a_route_can_name_a_smaller_mtu_than_the_link);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
