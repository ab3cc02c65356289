// SPDX-License-Identifier: BSD-2-Clause
/* Rules as text, and as keys of the map. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "ctl/ctl.h"
#include "tests/lib/suite.h"

static struct fs_ctl_rule parsed(const char *text)
{
	struct fs_ctl_rule rule = { .sz = sizeof(rule) };

	ck_assert_msg(!fs_ctl_rule_parse(&rule, text), "%s", text);
	return rule;
}

START_TEST(a_flow_is_written_as_it_was_read)
{
	static const char *const texts[] = {
		"udp/53", "tcp/65535", "udp/192.0.2.1:53", "tcp/[2001:db8::1]:80", "udp/0.0.0.0:7",
		"udp/[::]:7", "icmp", "icmp/192.0.2.1", "icmp/2001:db8::1", "icmp/0.0.0.0",
	};
	char out[FS_ADDR_STRLEN + 8];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fs_ctl_rule rule = parsed(texts[i]);

		ck_assert_str_eq(fs_ctl_rule_format(&rule, out, sizeof(out)), texts[i]);
	}
}
END_TEST

START_TEST(what_is_no_flow_is_refused)
{
	static const char *const texts[] = {
		"", "/", "udp", "udp/", "udp/0", "udp/65536", "udp/-1", "udp/ 7", "udp/7x", "UDP/7",
		"udp/192.0.2.1", "udp/192.0.2.1:0", "udp/[::1]", "udp/::1", "udp/192.0.2:7", "sctp/7",
		"icmp/", "icmp/7", "icmp/192.0.2.1:7", "icmpx", "tcp//7", "udp/7/8",
	};
	struct fs_ctl_rule rule = { .sz = sizeof(rule), .rate_pps = 7 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(fs_ctl_rule_parse(&rule, texts[i]) == -EINVAL, "\"%s\"", texts[i]);
	ck_assert_uint_eq(rule.rate_pps, 7);	/* untouched */
}
END_TEST

START_TEST(a_port_alone_is_a_key_for_each_family)
{
	struct fs_ctl_rule rule = parsed("udp/53");
	static const uint8_t any[16];
	struct fs_rule_key keys[2];

	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), 2);
	ck_assert_uint_eq(keys[0].family, AF_INET);
	ck_assert_uint_eq(keys[1].family, AF_INET6);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(keys[i].proto, 17);
		ck_assert_uint_eq(keys[i].port, htons(53));
		ck_assert_mem_eq(keys[i].addr, any, sizeof(any));
	}
}
END_TEST

START_TEST(an_address_is_one_key_with_its_bytes_in_front)
{
	static const uint8_t want[16] = { 192, 0, 2, 1 };
	struct fs_ctl_rule rule = parsed("udp/192.0.2.1:53"), back = { 0 };
	struct fs_rule_key keys[2];

	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), 1);
	ck_assert_mem_eq(keys[0].addr, want, sizeof(want));
	fs_ctl_rule_of_key(&back, &keys[0]);
	ck_assert_mem_eq(&back.local, &rule.local, sizeof(back.local));
}
END_TEST

START_TEST(ping_over_ip6_is_icmpv6_in_the_map_and_icmp_to_people)
{
	struct fs_ctl_rule rule = parsed("icmp"), back = { 0 };
	struct fs_rule_key keys[2];

	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), 2);
	ck_assert_uint_eq(keys[0].proto, IPPROTO_ICMP);
	ck_assert_uint_eq(keys[1].proto, IPPROTO_ICMPV6);
	ck_assert_uint_eq(keys[1].port, 0);
	fs_ctl_rule_of_key(&back, &keys[1]);
	ck_assert_uint_eq(back.proto, IPPROTO_ICMP);
}
END_TEST

START_TEST(a_rule_made_by_hand_is_checked)
{
	struct fs_ctl_rule rule = parsed("udp/53");
	struct fs_rule_key keys[2];

	rule.local.port = 0;
	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), -EINVAL);
	rule = parsed("icmp");
	rule.local.port = 1;
	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), -EINVAL);
	rule = parsed("udp/53");
	rule.proto = 132;
	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), -EINVAL);
	rule = parsed("udp/53");
	rule.local.family = AF_UNIX;
	ck_assert_int_eq(fs_ctl_rule_keys(&rule, keys), -EINVAL);
}
END_TEST

START_TEST(names_of_answers_are_plain)
{
	ck_assert(fs_ctl_is_name("whoami"));
	ck_assert(fs_ctl_is_name("a-b_C9"));
	ck_assert(fs_ctl_is_name("1234567890123456789012345678901"));
	ck_assert(!fs_ctl_is_name("12345678901234567890123456789012"));
	ck_assert(!fs_ctl_is_name(""));
	ck_assert(!fs_ctl_is_name("../x"));
	ck_assert(!fs_ctl_is_name("a b"));
	ck_assert(!fs_ctl_is_name("a.o"));
	ck_assert(!fs_ctl_is_name("echo"));
	ck_assert(!fs_ctl_is_name("kv"));
}
END_TEST

START_TEST(counters_have_names_and_texts_and_verdicts_come_first)
{
	unsigned int n = 0;

	ck_assert_str_eq(fs_ctl_counter_name(0), "rx_packets");
	while (fs_ctl_counter_name(n)) {
		ck_assert_ptr_nonnull(fs_ctl_counter_text(n));
		ck_assert_uint_le(strlen(fs_ctl_counter_name(n)), 15);
		n++;
	}
	ck_assert_uint_eq(n, FS_STAT_COUNT);
	ck_assert(!fs_ctl_counter_is_verdict(0));
	ck_assert(fs_ctl_counter_is_verdict(FS_STAT_pass_not_ip));
	ck_assert(fs_ctl_counter_is_verdict(FS_STAT_drop_user));
	ck_assert(!fs_ctl_counter_is_verdict(FS_STAT_rx_bytes));
	ck_assert_ptr_null(fs_ctl_counter_text(n));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl/rule");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, a_flow_is_written_as_it_was_read);
	tcase_add_test(tc, what_is_no_flow_is_refused);
	tcase_add_test(tc, a_port_alone_is_a_key_for_each_family);
	tcase_add_test(tc, an_address_is_one_key_with_its_bytes_in_front);
	tcase_add_test(tc, ping_over_ip6_is_icmpv6_in_the_map_and_icmp_to_people);
	tcase_add_test(tc, a_rule_made_by_hand_is_checked);
	tcase_add_test(tc, names_of_answers_are_plain);
	tcase_add_test(tc, counters_have_names_and_texts_and_verdicts_come_first);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
