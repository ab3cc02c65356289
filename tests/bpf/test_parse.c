/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse.c - what is understood, and that all else passes. A drop rule for
 * the port shows that the parser reached the end.
 */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "kv_client.h"
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
	struct fs_rule drop = { .action = FS_ACTION_DROP };

	rig_reset(&rig);
	for (int ip6 = 0; ip6 < 2; ip6++) {
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, 7777, drop);
		rig_rule(&rig, ip6, IPPROTO_TCP, NULL, 7777, drop);
		rig_rule(&rig, ip6, ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, NULL, 0, drop);
	}
}

/* Every length below @whole passes, as malformed or for want of a header. */
static void expect_truncations_pass(const struct packet *whole)
{
	for (size_t len = 14; len < whole->len; len++) {
		int verdict = rig_run_bytes(&rig, whole->bytes, len);

		ck_assert_msg(verdict == FS_STAT_pass_malformed, "%zu of %zu bytes: %s", len,
			      whole->len, rig_verdict_name(verdict));
	}
}

START_TEST(packet_cut_short_anywhere_is_malformed)
{
	struct packet p[] = {
		packet(.payload_len = 5),
		packet(.payload_len = 5, .vlans = 2),
		packet(.proto = IPPROTO_TCP, .payload_len = 5),
		packet(.proto = IPPROTO_ICMP, .icmp_type = 8, .payload_len = 5),
		packet(.ip6 = 1, .payload_len = 5),
		packet(.ip6 = 1, .payload_len = 5, .vlans = 2),
		packet(.ip6 = 1, .proto = IPPROTO_TCP, .payload_len = 5),
		packet(.ip6 = 1, .proto = IPPROTO_ICMPV6, .icmp_type = 128, .payload_len = 5),
	};

	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		expect_truncations_pass(&p[i]);
		expect_verdict(&rig, &p[i], drop_rule);
	}
}
END_TEST

/* The IP length agrees with the frame, so the inner lengths must be checked. */
START_TEST(ip_packet_too_short_for_its_headers_is_malformed)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	for (size_t i = 0; i < 3; i++) {
		struct packet p = packet(.proto = protos[i], .icmp_type = 8, .trailer = 40);
		uint16_t whole = packet_get16(&p, p.l3 + 2);

		for (uint16_t total = 0; total < whole; total++) {
			packet_put16(&p, p.l3 + 2, total);
			expect_verdict(&rig, &p, pass_malformed);
		}
	}
}
END_TEST

START_TEST(ip6_packet_too_short_for_its_headers_is_malformed)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };

	for (size_t i = 0; i < 3; i++) {
		struct packet p = packet(.ip6 = 1, .proto = protos[i], .icmp_type = 128,
					 .trailer = 40);
		uint16_t whole = packet_get16(&p, p.l3 + 4);

		for (uint16_t len = 0; len < whole; len++) {
			packet_put16(&p, p.l3 + 4, len);
			expect_verdict(&rig, &p, pass_malformed);
		}
	}
}
END_TEST

START_TEST(udp_length_must_fit_the_ip_packet)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 5, .trailer = 20);

	for (uint16_t len = 0; len < 40; len++) {
		packet_put16(&p, p.l4 + 4, len);
		if (len >= 8 && len <= 13)
			expect_verdict(&rig, &p, drop_rule);
		else
			expect_verdict(&rig, &p, pass_malformed);
	}
}
END_TEST

START_TEST(wrong_versions_and_header_lengths_are_malformed)
{
	struct packet p4 = packet(.payload_len = 5), p6 = packet(.ip6 = 1, .payload_len = 5);
	struct packet tcp = packet(.proto = IPPROTO_TCP);

	for (int version = 0; version < 16; version++) {
		p4.bytes[p4.l3] = (uint8_t)(version << 4 | 5);
		p6.bytes[p6.l3] = (uint8_t)(version << 4);
		expect(&rig, &p4, version == 4 ? FS_STAT_drop_rule : FS_STAT_pass_malformed);
		expect(&rig, &p6, version == 6 ? FS_STAT_drop_rule : FS_STAT_pass_malformed);
	}
	for (uint8_t words = 0; words < 5; words++) {
		p4.bytes[p4.l3] = 0x40 | words;
		expect_verdict(&rig, &p4, pass_malformed);
		tcp.bytes[tcp.l4 + 12] = (uint8_t)(words << 4);
		expect_verdict(&rig, &tcp, pass_malformed);
	}
	tcp.bytes[tcp.l4 + 12] = 0x60;
	expect_verdict(&rig, &tcp, pass_malformed);
}
END_TEST

START_TEST(ethernet_padding_is_legal)
{
	for (size_t trailer = 0; trailer < 60; trailer++) {
		struct packet p = packet(.ip6 = _i, .trailer = trailer);

		expect_verdict(&rig, &p, drop_rule);
	}
}
END_TEST

START_TEST(up_to_two_priority_tags_are_looked_through)
{
	for (int vlans = 0; vlans <= 3; vlans++) {
		struct packet p = packet(.ip6 = _i, .vlans = vlans);

		expect(&rig, &p, vlans <= 2 ? FS_STAT_drop_rule : FS_STAT_pass_not_ip);
	}
}
END_TEST

/* Whether there is an interface for it, and who may talk there, the kernel knows. */
START_TEST(frame_of_a_vlan_passes)
{
	static const uint16_t ids[] = { 1, 2, 100, 0x0800, 4094, 4095 };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		for (int vlans = 1; vlans <= 2; vlans++) {
			struct packet p = packet(.ip6 = _i, .vlans = vlans, .vlan_id = ids[i]);

			expect_verdict(&rig, &p, pass_vlan);
			p = packet(.ip6 = _i, .vlans = vlans, .vlan_id = ids[i],
				   .ethertype = 0x0806, .payload_len = 30);
			expect_verdict(&rig, &p, pass_vlan);
		}
}
END_TEST

START_TEST(other_ethertypes_pass)
{
	static const uint16_t types[] = { 0x0806, 0x8847, 0x88cc, 0x9100, 0x05dc, 0x0000, 0x8864 };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct packet p = packet(.payload_len = 30, .ethertype = types[i]);

		expect(&rig, &p, types[i] ? FS_STAT_pass_not_ip : FS_STAT_drop_rule);
	}
}
END_TEST

START_TEST(other_protocols_pass)
{
	static const uint8_t protos[] = { 2, 4, 41, 47, 50, 59, 89, 132, 253, 255 };

	for (size_t i = 0; i < sizeof(protos); i++) {
		struct packet p = packet(.ip6 = _i, .proto = protos[i], .payload_len = 30);

		expect_verdict(&rig, &p, pass_proto);
	}
}
END_TEST

/* A source route the kernel refuses, or another option: it is the kernel's to say. */
START_TEST(ip4_options_of_every_length_pass)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	for (size_t i = 0; i < sizeof(protos); i++)
		for (size_t options = 4; options <= 40; options += 4) {
			struct packet p = packet(.proto = protos[i], .icmp_type = 8,
						 .ip_options = options);

			expect_verdict(&rig, &p, pass_options);
			p = packet(.proto = protos[i], .icmp_type = 8, .ip_options = options,
				   .payload_len = 16, .fragment = 0x2000);
			expect_verdict(&rig, &p, pass_options);
		}
}
END_TEST

START_TEST(strict_and_loose_source_routes_pass)
{
	static const uint8_t kinds[] = { 0x83, 0x89 };

	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct packet p = packet(.ip_options = 12);
		uint8_t route[] = { kinds[i], 11, 12, 10, 0, 0, 7, 10, 0, 0, 1, 0 };

		memcpy(p.bytes + p.l3 + 20, route, sizeof(route));
		expect_verdict(&rig, &p, pass_options);
	}
}
END_TEST

START_TEST(ip4_header_beyond_the_packet_is_malformed)
{
	for (uint8_t words = 6; words < 16; words++) {
		struct packet p = packet();

		p.bytes[p.l3] = 0x40 | words;
		expect(&rig, &p, words <= 7 ? FS_STAT_pass_options : FS_STAT_pass_malformed);
	}
}
END_TEST

START_TEST(every_extension_header_passes)
{
	static const uint8_t exts[] = { 0, 43, 51, 60, 135, 139, 140 };
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };

	for (size_t i = 0; i < sizeof(exts); i++)
		for (size_t k = 0; k < sizeof(protos); k++) {
			struct packet p = packet(.ip6 = 1, .proto = protos[k], .icmp_type = 128,
						 .exts = { exts[i] }, .n_exts = 1);

			expect_verdict(&rig, &p, pass_options);
			p = packet(.ip6 = 1, .proto = protos[k], .icmp_type = 128,
				   .exts = { exts[i], 44 }, .n_exts = 2, .fragment = 1,
				   .payload_len = 16);
			expect_verdict(&rig, &p, pass_options);
		}
}
END_TEST

START_TEST(udp_and_icmp_fragments_pass)
{
	static const uint16_t fragments[] = { 0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff };

	for (size_t i = 0; i < sizeof(fragments) / sizeof(*fragments); i++) {
		struct packet udp = packet(.payload_len = 16, .fragment = fragments[i]);
		struct packet icmp = packet(.proto = IPPROTO_ICMP, .icmp_type = 8,
					    .payload_len = 16, .fragment = fragments[i]);

		expect_verdict(&rig, &udp, pass_fragment);
		expect_verdict(&rig, &icmp, pass_fragment);
	}
}
END_TEST

START_TEST(dont_fragment_and_the_reserved_bit_make_no_fragment)
{
	struct packet p = packet(.fragment = 0x4000);

	expect_verdict(&rig, &p, drop_rule);
	p = packet(.fragment = 0x8000);
	expect_verdict(&rig, &p, drop_rule);
}
END_TEST

START_TEST(ip6_fragments_pass)
{
	static const uint16_t fragments[] = { 0x0001, 0x0008, 0x0009, 0xfff8 };
	struct packet p;

	for (size_t i = 0; i < sizeof(fragments) / sizeof(*fragments); i++) {
		p = packet(.ip6 = 1, .payload_len = 16, .fragment = fragments[i],
			   .exts = { 44 }, .n_exts = 1);
		expect_verdict(&rig, &p, pass_fragment);
		p = packet(.ip6 = 1, .payload_len = 16, .fragment = fragments[i],
			   .exts = { 44, 60 }, .n_exts = 2);
		expect_verdict(&rig, &p, pass_fragment);
	}
	/* A whole packet in one (RFC 6946): a stack does not take it. */
	p = packet(.ip6 = 1, .payload_len = 16, .exts = { 44 }, .n_exts = 1);
	expect_verdict(&rig, &p, pass_options);
}
END_TEST

START_TEST(first_tcp_fragment_of_a_rule_is_dropped_and_later_ones_pass)
{
	struct packet p = packet(.proto = IPPROTO_TCP, .payload_len = 16, .fragment = 0x2000);

	expect_verdict(&rig, &p, drop_tcp_frag);
	p = packet(.ip6 = 1, .proto = IPPROTO_TCP, .payload_len = 16, .fragment = 1,
		   .exts = { 44 }, .n_exts = 1);
	expect_verdict(&rig, &p, drop_tcp_frag);
	p = packet(.proto = IPPROTO_TCP, .payload_len = 16, .fragment = 0x0003);
	expect_verdict(&rig, &p, pass_fragment);
	p = packet(.proto = IPPROTO_TCP, .payload_len = 16, .fragment = 0x2000, .dport = 80);
	expect_verdict(&rig, &p, pass_no_rule);
	rig_rule(&rig, 0, IPPROTO_TCP, NULL, 80, (struct fs_rule){ .action = FS_ACTION_PASS });
	expect_verdict(&rig, &p, pass_rule);
}
END_TEST

START_TEST(tcp_fragment_without_ports_passes)
{
	struct packet p = packet(.proto = IPPROTO_TCP, .fragment = 0x2000);

	packet_put16(&p, p.l3 + 2, 20 + 3);
	expect_verdict(&rig, &p, pass_fragment);
	packet_put16(&p, p.l3 + 2, 20 + 4);
	expect_verdict(&rig, &p, drop_tcp_frag);
}
END_TEST

START_TEST(multicast_and_broadcast_frames_pass)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t multicast[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct packet p = packet(.ip6 = _i, .dst_mac = broadcast);

	expect_verdict(&rig, &p, pass_other_mac);
	p = packet(.ip6 = _i, .dst_mac = multicast);
	expect_verdict(&rig, &p, pass_other_mac);
}
END_TEST

START_TEST(frames_for_another_mac_pass_when_ours_is_known)
{
	struct fs_config config = rig.set;

	memcpy(config.mac, "\x02\0\0\0\0\x01", 6);
	config.flags |= FS_CONFIG_F_MAC;
	rig_config(&rig, &config);
	for (int i = 0; i < 7; i++) {
		struct packet p = packet(.ip6 = _i);

		if (i < 6)
			p.bytes[i] ^= 0x20;
		expect(&rig, &p, i < 6 ? FS_STAT_pass_other_mac : FS_STAT_drop_rule);
	}
}
END_TEST

START_TEST(other_icmp_passes)
{
	for (int type = 0; type < 256; type++) {
		struct packet p = packet(.ip6 = _i, .proto = _i ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
					 .icmp_type = (uint8_t)type, .payload_len = 60);
		int verdict = rig_run(&rig, &p);

		if (type == (_i ? 128 : 8))
			ck_assert_int_eq(verdict, FS_STAT_drop_rule);
		else if (_i ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12)
			ck_assert_int_ne(verdict, FS_STAT_drop_rule);
		else
			ck_assert_int_eq(verdict, FS_STAT_pass_proto);
	}
}
END_TEST

/* Deterministic: the same seed makes the same packets. */
static uint32_t seed;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static void set_mutation_rules(void)
{
	for (int ip6 = 0; ip6 < 2; ip6++) {
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, KV_PORT, answer_with(FS_ANSWER_KV));
		rig_rule(&rig, ip6, IPPROTO_TCP, NULL, 7777, steer_to(0));
		rig_rule(&rig, ip6, ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, NULL, 0,
			 answer_with(FS_ANSWER_ECHO));
	}
	kv_publish(&rig, "colour", 6, "green", 5);
	kv_publish(&rig, "a long one", 10, "0123456789", 10);
}

static struct packet any_packet(void)
{
	struct packet_spec spec = {
		.ip6 = (int)chance(2),
		.vlans = (int)chance(4),
		.vlan_id = chance(3) ? 0 : (uint16_t)chance(4096),
		.payload_len = chance(80),
		.trailer = chance(4) ? 0 : chance(30),
		.csum = (enum packet_csum)chance(4),
	};
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	if (!chance(3))
		return kv_request(.ip6 = spec.ip6, .key = "colour", .key_len = 6,
				  .room = chance(20), .csum = spec.csum);
	spec.proto = protos[chance(4)];
	if (spec.proto == IPPROTO_ICMP && spec.ip6)
		spec.proto = IPPROTO_ICMPV6;
	spec.icmp_type = spec.ip6 ? (uint8_t)(chance(2) ? 128 : chance(5)) :
				    (uint8_t)(chance(2) ? 8 : 3 + chance(10));
	spec.ip_options = chance(4) ? 0 : 4 * chance(11);
	spec.n_exts = chance(4) ? 0 : chance(9);
	for (size_t i = 0; i < spec.n_exts; i++)
		spec.exts[i] = (uint8_t[]){ 0, 43, 44, 51, 60 }[chance(5)];
	spec.fragment = chance(4) ? 0 : (uint16_t)chance(0x10000);
	return packet_make(&spec);
}

/* rig_run() holds each one to account: one verdict, its action, no growth. */
START_TEST(no_mutation_escapes_its_one_verdict)
{
	uint32_t answered = 0;

	seed = 0x5eed0000u + (uint32_t)_i;
	set_mutation_rules();
	for (int n = 0; n < 50000; n++) {
		struct packet p = any_packet();
		size_t len = chance(4) ? p.len : 14 + chance((uint32_t)p.len - 13);

		for (uint32_t flips = chance(4); flips; flips--)
			p.bytes[chance((uint32_t)p.len)] = (uint8_t)chance(256);
		rig_run_bytes(&rig, p.bytes, len);
		answered += rig.count[FS_STAT_tx_bytes] != 0;
	}
	ck_assert_uint_gt(answered, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parse");
	TCase *tc = tcase_create("parse");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, packet_cut_short_anywhere_is_malformed);
	tcase_add_test(tc, ip_packet_too_short_for_its_headers_is_malformed);
	tcase_add_test(tc, ip6_packet_too_short_for_its_headers_is_malformed);
	tcase_add_loop_test(tc, udp_length_must_fit_the_ip_packet, 0, 2);
	tcase_add_test(tc, wrong_versions_and_header_lengths_are_malformed);
	tcase_add_loop_test(tc, ethernet_padding_is_legal, 0, 2);
	tcase_add_loop_test(tc, up_to_two_priority_tags_are_looked_through, 0, 2);
	tcase_add_loop_test(tc, frame_of_a_vlan_passes, 0, 2);
	tcase_add_test(tc, other_ethertypes_pass);
	tcase_add_loop_test(tc, other_protocols_pass, 0, 2);
	tcase_add_test(tc, ip4_options_of_every_length_pass);
	tcase_add_test(tc, strict_and_loose_source_routes_pass);
	tcase_add_test(tc, ip4_header_beyond_the_packet_is_malformed);
	tcase_add_test(tc, every_extension_header_passes);
	tcase_add_test(tc, udp_and_icmp_fragments_pass);
	tcase_add_test(tc, dont_fragment_and_the_reserved_bit_make_no_fragment);
	tcase_add_test(tc, ip6_fragments_pass);
	tcase_add_test(tc, first_tcp_fragment_of_a_rule_is_dropped_and_later_ones_pass);
	tcase_add_test(tc, tcp_fragment_without_ports_passes);
	tcase_add_loop_test(tc, multicast_and_broadcast_frames_pass, 0, 2);
	tcase_add_loop_test(tc, frames_for_another_mac_pass_when_ours_is_known, 0, 2);
	tcase_add_loop_test(tc, other_icmp_passes, 0, 2);
	tcase_add_loop_test(tc, no_mutation_escapes_its_one_verdict, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
