// SPDX-License-Identifier: BSD-2-Clause
/* test_dst.c - decisions: state, header, source, and when they are made anew. */
#include <check.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdlib.h>

#include "house.h"
#include "tests/lib/suite.h"

static void expect_state(const char *remote, enum fs_dst_state state, enum fs_dst_reason reason)
{
	const struct fs_dst *dst = house_dst(remote);

	ck_assert_msg(dst->state == state && dst->reason == reason,
		      "%s: state %d, reason %d", remote, dst->state, dst->reason);
}

static void expect_source(const char *remote, const char *source)
{
	ck_assert_msg(!memcmp(house_dst(remote)->src, house_ip(source), 16),
		      "%s leaves from another address than %s", remote, source);
}

START_TEST(a_resolved_neighbour_gives_a_ready_header)
{
	static const uint8_t want[14] = { 2, 9, 9, 9, 9, 7, 2, 0, 0, 0, 0, FS0, 8, 0 };
	const struct fs_dst *dst;

	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	dst = house_dst("192.0.2.7");
	ck_assert_int_eq(dst->state, FS_DST_READY);
	ck_assert_mem_eq(dst->eth, want, sizeof(want));
	ck_assert_uint_eq(dst->ifindex, FS0);
	ck_assert_uint_eq(dst->mtu, 1500);
	expect_source("192.0.2.7", "192.0.2.1");
}
END_TEST

START_TEST(behind_a_gateway_its_neighbour_counts)
{
	const struct fs_dst *dst;

	house_neigh(FS1, "203.0.113.9", NUD_PERMANENT, 9);
	dst = house_dst("198.51.100.77");
	ck_assert_int_eq(dst->state, FS_DST_READY);
	ck_assert_uint_eq(dst->eth[5], 9);
	ck_assert_mem_eq(dst->next_hop, house_ip("203.0.113.9"), 16);
	ck_assert_uint_eq(dst->mtu, 9000);
	expect_source("198.51.100.77", "203.0.113.1");
}
END_TEST

START_TEST(an_ipv4_route_by_an_ipv6_gateway_keeps_its_ethertype)
{
	const struct fs_dst *dst;

	house_route("198.18.0.0", 15, FS0, "fe80::9");
	house_neigh(FS0, "fe80::9", NUD_REACHABLE, 9);
	dst = house_dst("198.18.0.1");
	ck_assert_int_eq(dst->state, FS_DST_READY);
	ck_assert_uint_eq(dst->hop_family, AF_INET6);
	ck_assert_uint_eq(dst->eth[12] << 8 | dst->eth[13], 0x0800);
	expect_source("198.18.0.1", "192.0.2.1");
}
END_TEST

START_TEST(every_usable_state_is_used_and_no_other)
{
	static const struct { uint16_t nud; int state; } rows[] = {
		{ NUD_REACHABLE, FS_DST_READY }, { NUD_STALE, FS_DST_READY },
		{ NUD_DELAY, FS_DST_READY }, { NUD_PROBE, FS_DST_READY },
		{ NUD_PERMANENT, FS_DST_READY }, { NUD_NOARP, FS_DST_READY },
		{ NUD_NONE, FS_DST_WAIT }, { NUD_INCOMPLETE, FS_DST_WAIT },
		{ NUD_FAILED, FS_DST_WAIT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		house_neigh(FS0, "192.0.2.7", rows[i].nud, 7);
		ck_assert_int_eq(house_dst("192.0.2.7")->state, rows[i].state);
	}
}
END_TEST

START_TEST(what_the_fast_path_cannot_send_is_the_kernels)
{
	expect_state("127.0.0.1", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("192.0.2.1", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("2001:db8::1", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("0.0.0.0", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("::", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("::ffff:192.0.2.7", FS_DST_KERNEL, FS_DST_WHY_LOCAL);
	expect_state("192.0.2.255", FS_DST_KERNEL, FS_DST_WHY_GROUP);
	expect_state("192.0.2.0", FS_DST_KERNEL, FS_DST_WHY_GROUP);
	expect_state("255.255.255.255", FS_DST_KERNEL, FS_DST_WHY_GROUP);
	expect_state("224.0.0.251", FS_DST_KERNEL, FS_DST_WHY_GROUP);
	expect_state("ff02::1", FS_DST_KERNEL, FS_DST_WHY_GROUP);
	expect_state("169.254.1.1", FS_DST_KERNEL, FS_DST_WHY_LINK_LOCAL);
	expect_state("10.1.1.1", FS_DST_KERNEL, FS_DST_WHY_NOT_ETHERNET);
}
END_TEST

START_TEST(a_broadcast_of_another_link_is_an_ordinary_address)
{
	expect_state("198.51.100.255", FS_DST_WAIT, FS_DST_WHY_NONE);
}
END_TEST

START_TEST(once_interfaces_are_named_others_are_the_kernels)
{
	expect_state("203.0.113.9", FS_DST_WAIT, FS_DST_WHY_NONE);
	fs_net_iface_add(h.net, FS0);
	expect_state("203.0.113.9", FS_DST_KERNEL, FS_DST_WHY_OTHER_IFACE);
	expect_state("192.0.2.7", FS_DST_WAIT, FS_DST_WHY_NONE);
	fs_net_iface_add(h.net, FS1);
	expect_state("203.0.113.9", FS_DST_WAIT, FS_DST_WHY_NONE);
	fs_net_iface_del(h.net, FS1);
	expect_state("203.0.113.9", FS_DST_KERNEL, FS_DST_WHY_OTHER_IFACE);
}
END_TEST

START_TEST(unreachable_says_why)
{
	static const struct { uint8_t type; int error; } rows[] = {
		{ RTN_UNREACHABLE, -EHOSTUNREACH }, { RTN_PROHIBIT, -EACCES },
		{ RTN_BLACKHOLE, -EINVAL },
	};

	for (uint8_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fs_nl_route route = { .family = AF_INET, .prefix_len = 32,
					     .type = rows[i].type, .dst = { 9, 9, 9, i } };

		fs_nl_mirror_route_set(h.mirror, &route);
		ck_assert_int_eq(fs_net_dst(h.net, AF_INET, route.dst, 0, h.now_ns)->state,
				 FS_DST_UNREACH);
		ck_assert_int_eq(fs_net_dst(h.net, AF_INET, route.dst, 0, h.now_ns)->error,
				 rows[i].error);
	}
}
END_TEST

START_TEST(without_any_route_the_network_is_unreachable)
{
	struct fs_nl_route all = { .family = AF_INET, .oif = FS0, .has_gateway = true };

	memcpy(all.gateway, house_ip("192.0.2.254"), 16);
	expect_state("8.8.8.8", FS_DST_WAIT, FS_DST_WHY_NONE);
	ck_assert_int_eq(fs_nl_mirror_route_del(h.mirror, &all), 0);
	expect_state("8.8.8.8", FS_DST_UNREACH, FS_DST_WHY_NONE);
	ck_assert_int_eq(house_dst("8.8.8.8")->error, -ENETUNREACH);
}
END_TEST

START_TEST(a_link_without_carrier_is_down)
{
	struct fs_nl_link link = *fs_nl_mirror_link(h.mirror, FS1);

	link.running = false;
	fs_nl_mirror_link_set(h.mirror, &link);
	expect_state("203.0.113.9", FS_DST_LINK_DOWN, FS_DST_WHY_NONE);
	link.running = true;
	fs_nl_mirror_link_set(h.mirror, &link);
	expect_state("203.0.113.9", FS_DST_WAIT, FS_DST_WHY_NONE);
}
END_TEST

START_TEST(a_scope_chooses_the_link_of_a_link_local_address)
{
	const uint8_t *ip = house_ip("fe80::77");
	struct fs_nl_route ll = { .family = AF_INET6, .prefix_len = 64, .oif = FS1,
				  .dst = { 0xfe, 0x80 } };

	fs_nl_mirror_route_set(h.mirror, &ll);
	ck_assert_uint_eq(fs_net_dst(h.net, AF_INET6, ip, FS0, h.now_ns)->ifindex, FS0);
	ck_assert_uint_eq(fs_net_dst(h.net, AF_INET6, ip, FS1, h.now_ns)->ifindex, FS1);
	ck_assert_uint_eq(fs_net_dst(h.net, AF_INET6, ip, FS0, h.now_ns)->ifindex, FS0);
}
END_TEST

START_TEST(a_change_of_the_mirror_changes_the_answer_at_once)
{
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	ck_assert_uint_eq(house_dst("192.0.2.7")->eth[5], 7);
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 8);
	ck_assert_uint_eq(house_dst("192.0.2.7")->eth[5], 8);
	house_route("192.0.2.7", 32, FS1, NULL);
	ck_assert_uint_eq(house_dst("192.0.2.7")->ifindex, FS1);
	ck_assert_int_eq(house_dst("192.0.2.7")->state, FS_DST_WAIT);
}
END_TEST

START_TEST(the_same_question_gives_the_same_entry)
{
	const struct fs_dst *first = house_dst("192.0.2.7");

	ck_assert_ptr_eq(house_dst("192.0.2.7"), first);
	ck_assert_uint_eq(first->generation, h.mirror->generation);
}
END_TEST

START_TEST(bytes_behind_an_ipv4_address_do_not_count)
{
	uint8_t ip[16] = { 192, 0, 2, 7, 1, 2, 3, 4 };

	ck_assert_ptr_eq(fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns), house_dst("192.0.2.7"));
}
END_TEST

START_TEST(a_flood_of_remotes_costs_no_memory_and_answers_stay_right)
{
	uint8_t ip[16] = { 0 };

	house_neigh(FS0, "192.0.2.254", NUD_REACHABLE, 254);
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	for (uint32_t i = 0; i < 100000; i++) {
		const struct fs_dst *dst;

		put_be32(ip, 0x0b000000 + i * 7);
		dst = fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns);
		ck_assert_int_eq(dst->state, FS_DST_READY);
		ck_assert_uint_eq(dst->eth[5], 254);
		ck_assert_mem_eq(dst->remote, ip, 16);
		if (i % 1000 == 0)
			ck_assert_uint_eq(house_dst("192.0.2.7")->eth[5], 7);
	}
}
END_TEST

START_TEST(a_stale_neighbour_is_used_and_nudged_every_30_seconds)
{
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	house_dst("192.0.2.7");
	ck_assert_uint_eq(h.probes, 0);
	house_neigh(FS0, "192.0.2.7", NUD_STALE, 7);	/* moves no generation */
	for (int i = 0; i < 29; i++) {
		h.now_ns += NSEC_PER_SEC;
		ck_assert_int_eq(house_dst("192.0.2.7")->state, FS_DST_READY);
		house_dst("192.0.2.7");
	}
	ck_assert_uint_eq(h.probes, 1);
	ck_assert_uint_eq(h.probe_ifindex, FS0);
	ck_assert_mem_eq(h.probe_ip, house_ip("192.0.2.7"), 16);
	h.now_ns += 2 * NSEC_PER_SEC;
	house_dst("192.0.2.7");
	ck_assert_uint_eq(h.probes, 2);
}
END_TEST

START_TEST(many_remotes_behind_one_stale_gateway_nudge_it_once)
{
	uint8_t ip[16] = { 8, 8, 8 };

	house_neigh(FS0, "192.0.2.254", NUD_STALE, 254);
	for (ip[3] = 1; ip[3] < 200; ip[3]++)
		fs_net_dst(h.net, AF_INET, ip, 0, h.now_ns);
	ck_assert_uint_eq(h.probes, 1);
}
END_TEST

START_TEST(with_policy_rules_the_kernel_is_asked_once_per_destination)
{
	fs_nl_mirror_rules_set(h.mirror, AF_INET, true);
	h.answer = (struct fs_nl_route){ .family = AF_INET, .type = RTN_UNICAST, .oif = FS1,
					 .mtu = 1280 };
	memcpy(h.answer.prefsrc, house_ip("203.0.113.1"), 16);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(house_dst("192.0.2.7")->ifindex, FS1);
	ck_assert_uint_eq(h.questions, 1);
	ck_assert_uint_eq(house_dst("192.0.2.7")->mtu, 1280);
	expect_source("192.0.2.7", "203.0.113.1");
	h.answer_error = -EACCES;
	ck_assert_int_eq(house_dst("192.0.2.8")->error, -EACCES);
	expect_state("2001:db8::7", FS_DST_WAIT, FS_DST_WHY_NONE);
}
END_TEST

START_TEST(policy_rules_are_asked_with_the_source_of_the_packet)
{
	static const uint8_t none[16];
	uint8_t remote[16], one[16], two[16];
	const struct fs_dst *dst;

	memcpy(remote, house_ip("192.0.2.7"), 16);
	memcpy(one, house_ip("192.0.2.1"), 16);
	memcpy(two, house_ip("203.0.113.1"), 16);
	h.answer_error = -ENETUNREACH;
	dst = fs_net_dst_from(h.net, AF_INET, remote, one, 0, h.now_ns);
	ck_assert_int_eq(dst->state, FS_DST_WAIT);	/* no rules: no source, no question */
	ck_assert_uint_eq(h.questions, 0);

	fs_nl_mirror_rules_set(h.mirror, AF_INET, true);
	dst = fs_net_dst_from(h.net, AF_INET, remote, none, 0, h.now_ns);
	ck_assert_int_eq(dst->error, -ENETUNREACH);
	ck_assert_mem_eq(h.question.src, none, 16);
	h.answer_error = 0;
	h.answer = (struct fs_nl_route){ .family = AF_INET, .type = RTN_UNICAST, .oif = FS0 };
	dst = fs_net_dst_from(h.net, AF_INET, remote, one, 0, h.now_ns);
	ck_assert_mem_eq(h.question.src, one, 16);
	ck_assert_mem_eq(h.question.dst, remote, 16);
	ck_assert_uint_eq(dst->ifindex, FS0);
	h.answer.oif = FS1;
	dst = fs_net_dst_from(h.net, AF_INET, remote, two, 0, h.now_ns);
	ck_assert_uint_eq(dst->ifindex, FS1);
	ck_assert_uint_eq(h.questions, 3);
	dst = fs_net_dst_from(h.net, AF_INET, remote, one, 0, h.now_ns);
	ck_assert_uint_eq(dst->ifindex, FS0);
	ck_assert_uint_eq(h.questions, 3);

	fs_nl_mirror_rules_set(h.mirror, AF_INET, false);
	dst = fs_net_dst_from(h.net, AF_INET, remote, two, 0, h.now_ns);
	ck_assert_uint_eq(dst->ifindex, FS0);
	ck_assert_uint_eq(h.questions, 3);
}
END_TEST

START_TEST(an_encapsulating_route_is_the_kernels)
{
	struct fs_nl_route route = { .family = AF_INET, .prefix_len = 32, .oif = FS0,
				     .dst = { 9, 9, 9, 9 }, .kernel_only = true };

	fs_nl_mirror_route_set(h.mirror, &route);
	expect_state("9.9.9.9", FS_DST_KERNEL, FS_DST_WHY_ENCAP);
}
END_TEST

START_TEST(an_ipv4_source_is_primary_and_in_the_gateways_subnet)
{
	house_addr(FS0, "192.0.2.2", 24, IFA_F_SECONDARY);
	house_addr(FS0, "198.18.0.1", 24, 0);
	house_route("9.0.0.0", 8, FS0, "198.18.0.9");
	expect_source("9.1.1.1", "198.18.0.1");
	expect_source("8.8.8.8", "192.0.2.1");
	expect_source("192.0.2.7", "192.0.2.1");
}
END_TEST

START_TEST(an_ipv4_source_may_come_from_another_link)
{
	struct fs_nl_addr gone = { .ifindex = FS1, .family = AF_INET, .prefix_len = 24 };

	memcpy(gone.ip, house_ip("203.0.113.1"), 16);
	fs_nl_mirror_addr_del(h.mirror, &gone);
	expect_source("198.51.100.1", "192.0.2.1");
}
END_TEST

START_TEST(an_ipv6_source_follows_rfc_6724)
{
	house_addr(FS0, "2001:db8:5::1", 64, 0);
	house_addr(FS0, "2001:db8:6::1", 64, IFA_F_DEPRECATED);
	house_addr(FS0, "2001:db8:7::1", 64, IFA_F_TENTATIVE);
	house_addr(FS0, "fd00::1", 64, 0);
	expect_source("fe80::7", "fe80::1");			/* scope */
	expect_source("2001:db8:5::7", "2001:db8:5::1");	/* longest prefix */
	expect_source("2001:db8:6::7", "2001:db8:5::1");	/* not deprecated */
	expect_source("fd00:9::1", "fd00::1");			/* label */
	expect_source("2001:db8::7", "2001:db8::1");
	ck_assert_mem_ne(house_dst("2001:db8:7::7")->src, house_ip("2001:db8:7::1"), 16);
}
END_TEST

START_TEST(an_ipv6_source_of_enough_scope_comes_from_another_link)
{
	house_addr(FS1, "fe80::2", 64, 0);
	house_route("2001:db8:9::", 48, FS1, NULL);
	expect_source("2001:db8:9::1", "2001:db8::1");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net/dst");
	TCase *tc = tcase_create("dst");

	tcase_add_checked_fixture(tc, house_open, house_close);
	tcase_add_test(tc, a_resolved_neighbour_gives_a_ready_header);
	tcase_add_test(tc, behind_a_gateway_its_neighbour_counts);
	tcase_add_test(tc, an_ipv4_route_by_an_ipv6_gateway_keeps_its_ethertype);
	tcase_add_test(tc, every_usable_state_is_used_and_no_other);
	tcase_add_test(tc, what_the_fast_path_cannot_send_is_the_kernels);
	tcase_add_test(tc, a_broadcast_of_another_link_is_an_ordinary_address);
	tcase_add_test(tc, once_interfaces_are_named_others_are_the_kernels);
	tcase_add_test(tc, unreachable_says_why);
	tcase_add_test(tc, without_any_route_the_network_is_unreachable);
	tcase_add_test(tc, a_link_without_carrier_is_down);
	tcase_add_test(tc, a_scope_chooses_the_link_of_a_link_local_address);
	tcase_add_test(tc, a_change_of_the_mirror_changes_the_answer_at_once);
	tcase_add_test(tc, the_same_question_gives_the_same_entry);
	tcase_add_test(tc, bytes_behind_an_ipv4_address_do_not_count);
	tcase_add_test(tc, a_flood_of_remotes_costs_no_memory_and_answers_stay_right);
	tcase_add_test(tc, a_stale_neighbour_is_used_and_nudged_every_30_seconds);
	tcase_add_test(tc, many_remotes_behind_one_stale_gateway_nudge_it_once);
	tcase_add_test(tc, with_policy_rules_the_kernel_is_asked_once_per_destination);
	tcase_add_test(tc, policy_rules_are_asked_with_the_source_of_the_packet);
	tcase_add_test(tc, an_encapsulating_route_is_the_kernels);
	tcase_add_test(tc, an_ipv4_source_is_primary_and_in_the_gateways_subnet);
	tcase_add_test(tc, an_ipv4_source_may_come_from_another_link);
	tcase_add_test(tc, an_ipv6_source_follows_rfc_6724);
	tcase_add_test(tc, an_ipv6_source_of_enough_scope_comes_from_another_link);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
