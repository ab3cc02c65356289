/* SPDX-License-Identifier: BSD-2-Clause */
/* test_echo.c - UDP and ICMP echo answered by the program. */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "rig.h"
#include "tests/lib/suite.h"

static struct rig rig;

static void load(void)
{
	rig_open(&rig, "fastsock.bpf.o");
}

static void unload(void)
{
	rig_close(&rig);
}

static void fresh(void)
{
	rig_reset(&rig);
	for (int ip6 = 0; ip6 < 2; ip6++) {
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
		rig_rule(&rig, ip6, ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, NULL, 0,
			 answer_with(FS_ANSWER_ECHO));
	}
}

static struct packet ping(int ip6, size_t len, enum packet_csum csum)
{
	return packet(.ip6 = ip6, .proto = ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		      .icmp_type = ip6 ? 128 : 8, .payload_len = len, .csum = csum);
}

static void expect_same_payload(const struct packet *p)
{
	ck_assert_uint_eq(rig.reply.payload, p->payload);
	ck_assert_uint_eq(rig.reply.payload_len, p->payload_len);
	ck_assert_mem_eq(rig.out + p->payload, p->bytes + p->payload, p->len - p->payload);
}

START_TEST(udp_of_every_size_comes_back_with_right_checksums)
{
	for (size_t len = 0; len <= 1472; len += len < 70 ? 1 : 97) {
		struct packet p = packet(.ip6 = _i, .payload_len = len);

		expect_reply(&rig, &p, FS_STAT_tx_echo);
		expect_same_payload(&p);
		ck_assert_uint_eq(rig.count[FS_STAT_csum_partial], 0);
	}
}
END_TEST

START_TEST(ping_of_every_size_comes_back_as_echo_reply)
{
	for (size_t len = 0; len <= 1472; len += len < 70 ? 1 : 97) {
		struct packet p = ping(_i, len, CSUM_RIGHT);

		expect_reply(&rig, &p, FS_STAT_tx_icmp_echo);
		expect_same_payload(&p);
		ck_assert_uint_eq(rig.out[p.l4], _i ? 129 : 0);
		ck_assert_mem_eq(rig.out + p.l4 + 4, p.bytes + p.l4 + 4, 4);
	}
}
END_TEST

START_TEST(priority_tags_come_back_as_they_were)
{
	for (int vlans = 1; vlans <= 2; vlans++) {
		struct packet p = packet(.ip6 = _i, .payload_len = 9, .vlans = vlans);

		expect_reply(&rig, &p, FS_STAT_tx_echo);
	}
}
END_TEST

START_TEST(ethernet_padding_is_no_part_of_the_datagram)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 3, .trailer = 15);

	expect_reply(&rig, &p, FS_STAT_tx_echo);
	ck_assert_uint_eq(rig.reply.payload_len, 3);
}
END_TEST

START_TEST(partial_udp_checksum_is_completed_in_native_mode)
{
	for (size_t len = 0; len <= 1472; len += len < 70 ? 1 : 97) {
		struct packet p = packet(.ip6 = _i, .payload_len = len, .csum = CSUM_PARTIAL);

		expect_reply(&rig, &p, FS_STAT_tx_echo);
		expect_same_payload(&p);
		ck_assert_uint_eq(rig.count[FS_STAT_csum_partial], 1);
	}
}
END_TEST

START_TEST(partial_udp_checksum_stays_partial_in_skb_mode)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 33, .csum = CSUM_PARTIAL);

	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_SKB_MODE);
	expect(&rig, &p, FS_STAT_tx_echo);
	ck_assert_mem_eq(rig.out + p.l4 + 6, p.bytes + p.l4 + 6, 2);
	ck_assert_uint_eq(rig.count[FS_STAT_csum_partial], 1);
}
END_TEST

START_TEST(partial_icmp6_checksum_is_completed_or_left_to_the_kernel)
{
	struct packet p = ping(1, 21, CSUM_PARTIAL);

	expect_reply(&rig, &p, FS_STAT_tx_icmp_echo);
	expect_same_payload(&p);
	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_SKB_MODE);
	expect_verdict(&rig, &p, pass_miss);
}
END_TEST

START_TEST(partial_checksum_over_more_than_a_block_is_a_miss)
{
	struct packet p = packet(.payload_len = FS_BLOCK_MAX + 1, .csum = CSUM_PARTIAL);

	expect_verdict(&rig, &p, pass_miss);
	p = packet(.payload_len = FS_BLOCK_MAX, .csum = CSUM_PARTIAL);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	p = packet(.payload_len = 3000);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
}
END_TEST

START_TEST(wrong_checksum_is_echoed_wrong)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 20, .csum = CSUM_WRONG);

	expect(&rig, &p, FS_STAT_tx_echo);
	ck_assert_mem_eq(rig.out + p.l4 + 6, p.bytes + p.l4 + 6, 2);
	p = ping(_i, 20, CSUM_WRONG);
	expect(&rig, &p, FS_STAT_tx_icmp_echo);
	ck_assert_int_eq(packet_parse(&rig.reply, rig.out, rig.out_len), 0);
	ck_assert(packet_fault(&rig.reply) != NULL);
}
END_TEST

START_TEST(wrong_ip_header_checksum_stays_wrong)
{
	struct packet p = packet(.payload_len = 20);

	p.bytes[p.l3 + 10] ^= 0x40;
	expect(&rig, &p, FS_STAT_tx_echo);
	ck_assert_int_eq(packet_parse(&rig.reply, rig.out, rig.out_len), 0);
	ck_assert_str_eq(packet_fault(&rig.reply), "IPv4 header checksum");
}
END_TEST

START_TEST(no_checksum_over_ip4_gets_none_back)
{
	struct packet p = packet(.payload_len = 20, .csum = CSUM_NONE);

	expect_reply(&rig, &p, FS_STAT_tx_echo);
	ck_assert_uint_eq(packet_get16(&rig.reply, p.l4 + 6), 0);
}
END_TEST

START_TEST(no_checksum_over_ip6_is_malformed)
{
	struct packet p = packet(.ip6 = 1, .payload_len = 20, .csum = CSUM_NONE);

	expect_verdict(&rig, &p, pass_malformed);
}
END_TEST

START_TEST(congestion_marks_are_not_reflected)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 20, .tos = 0xb7);
	uint8_t tos;

	expect_reply(&rig, &p, FS_STAT_tx_echo);
	tos = _i ? (uint8_t)(rig.out[p.l3] << 4 | rig.out[p.l3 + 1] >> 4) : rig.out[p.l3 + 1];
	ck_assert_uint_eq(tos, 0xb4);
}
END_TEST

START_TEST(ip4_identification_and_dont_fragment_stay)
{
	struct packet p = packet(.payload_len = 20, .fragment = 0x4000);

	expect_reply(&rig, &p, FS_STAT_tx_echo);
	ck_assert_mem_eq(rig.out + p.l3 + 4, p.bytes + p.l3 + 4, 4);
}
END_TEST

START_TEST(another_responder_is_not_echoed)
{
	static const uint16_t responders[] = { 7, 13, 17, 19, 37, 7777 };

	for (size_t i = 0; i < sizeof(responders) / sizeof(*responders); i++) {
		struct packet p = packet(.ip6 = _i, .payload_len = 4, .sport = responders[i]);

		expect_verdict(&rig, &p, drop_loop);
	}
}
END_TEST

START_TEST(source_port_zero_wants_no_reply)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 4, .zero_sport = 1);

	expect_verdict(&rig, &p, pass_miss);
}
END_TEST

START_TEST(echo_reply_is_never_answered)
{
	struct packet p = packet(.ip6 = _i, .proto = _i ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				 .icmp_type = _i ? 129 : 0, .payload_len = 4);

	expect_verdict(&rig, &p, pass_proto);
}
END_TEST

START_TEST(what_the_kernel_may_refuse_is_not_answered)
{
	struct packet udp4 = packet(.payload_len = 4, .ip_options = 8);
	struct packet udp6 = packet(.ip6 = 1, .payload_len = 4, .exts = { 43 }, .n_exts = 1);
	struct packet ping4 = packet(.proto = IPPROTO_ICMP, .icmp_type = 8, .ip_options = 4);
	struct packet ping6 = packet(.ip6 = 1, .proto = IPPROTO_ICMPV6, .icmp_type = 128,
				     .exts = { 0 }, .n_exts = 1);
	struct packet vlan = packet(.payload_len = 4, .vlans = 1, .vlan_id = 100);

	expect_verdict(&rig, &udp4, pass_options);
	expect_verdict(&rig, &udp6, pass_options);
	expect_verdict(&rig, &ping4, pass_options);
	expect_verdict(&rig, &ping6, pass_options);
	expect_verdict(&rig, &vlan, pass_vlan);
}
END_TEST

START_TEST(bytes_behind_the_udp_length_come_back_too)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 10, .udp_surplus = 6);

	expect_reply(&rig, &p, FS_STAT_tx_echo);
	ck_assert_mem_eq(rig.out + p.payload, p.bytes + p.payload, 16);
}
END_TEST

START_TEST(icmp_echo_of_the_other_family_is_no_protocol)
{
	struct packet p = packet(.ip6 = _i, .proto = _i ? IPPROTO_ICMP : IPPROTO_ICMPV6,
				 .icmp_type = _i ? 8 : 128);

	expect_verdict(&rig, &p, pass_proto);
}
END_TEST

START_TEST(tcp_cannot_be_echoed)
{
	struct packet p = packet(.ip6 = _i, .proto = IPPROTO_TCP);

	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	expect_verdict(&rig, &p, pass_no_answer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("echo");
	TCase *tc = tcase_create("echo");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, udp_of_every_size_comes_back_with_right_checksums, 0, 2);
	tcase_add_loop_test(tc, ping_of_every_size_comes_back_as_echo_reply, 0, 2);
	tcase_add_loop_test(tc, priority_tags_come_back_as_they_were, 0, 2);
	tcase_add_loop_test(tc, ethernet_padding_is_no_part_of_the_datagram, 0, 2);
	tcase_add_loop_test(tc, partial_udp_checksum_is_completed_in_native_mode, 0, 2);
	tcase_add_loop_test(tc, partial_udp_checksum_stays_partial_in_skb_mode, 0, 2);
	tcase_add_test(tc, partial_icmp6_checksum_is_completed_or_left_to_the_kernel);
	tcase_add_test(tc, partial_checksum_over_more_than_a_block_is_a_miss);
	tcase_add_loop_test(tc, wrong_checksum_is_echoed_wrong, 0, 2);
	tcase_add_test(tc, wrong_ip_header_checksum_stays_wrong);
	tcase_add_test(tc, no_checksum_over_ip4_gets_none_back);
	tcase_add_test(tc, no_checksum_over_ip6_is_malformed);
	tcase_add_loop_test(tc, congestion_marks_are_not_reflected, 0, 2);
	tcase_add_test(tc, ip4_identification_and_dont_fragment_stay);
	tcase_add_loop_test(tc, another_responder_is_not_echoed, 0, 2);
	tcase_add_loop_test(tc, source_port_zero_wants_no_reply, 0, 2);
	tcase_add_loop_test(tc, echo_reply_is_never_answered, 0, 2);
	tcase_add_test(tc, what_the_kernel_may_refuse_is_not_answered);
	tcase_add_loop_test(tc, bytes_behind_the_udp_length_come_back_too, 0, 2);
	tcase_add_loop_test(tc, icmp_echo_of_the_other_family_is_no_protocol, 0, 2);
	tcase_add_loop_test(tc, tcp_cannot_be_echoed, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
