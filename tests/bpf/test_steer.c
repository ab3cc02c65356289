/* SPDX-License-Identifier: BSD-2-Clause */
/* test_steer.c - rules, local addresses, and the way to AF_XDP sockets. */
#include <bpf/bpf.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "rig.h"
#include "xsk.h"
#include "tests/lib/suite.h"

static struct rig rig;
static const struct fs_rule drop = { .action = FS_ACTION_DROP };
static const struct fs_rule pass = { .action = FS_ACTION_PASS };

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
}

/* Two queues, with a socket of slot 0 on queue 0 and of slot 3 on queue 1. */
static void open_sockets(void)
{
	struct fs_config config = rig.set;
	uint32_t index = 0;
	int xsk;

	rig.ifindex = lab_open(2, 0);
	config.queues = 2;
	rig_config(&rig, &config);
	xsk = xsk_bind(rig.ifindex, 0);
	ck_assert_int_eq(bpf_map_update_elem(rig.xsks, &index, &xsk, BPF_ANY), 0);
	index = 3 * 2 + 1;
	xsk = xsk_bind(rig.ifindex, 1);
	ck_assert_int_eq(bpf_map_update_elem(rig.xsks, &index, &xsk, BPF_ANY), 0);
}

START_TEST(without_rules_everything_passes)
{
	struct packet udp = packet(.ip6 = _i), tcp = packet(.ip6 = _i, .proto = IPPROTO_TCP);
	struct packet ping = packet(.ip6 = _i, .proto = _i ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    .icmp_type = _i ? 128 : 8);

	expect_verdict(&rig, &udp, pass_no_rule);
	expect_verdict(&rig, &tcp, pass_no_rule);
	expect_verdict(&rig, &ping, pass_no_rule);
	rig_config(&rig, &(struct fs_config){ 0 });
	expect_verdict(&rig, &udp, pass_no_rule);
}
END_TEST

START_TEST(rule_is_for_its_protocol_family_and_port)
{
	struct packet p = packet(.ip6 = _i);

	rig_rule(&rig, !_i, IPPROTO_UDP, NULL, 7777, drop);
	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, drop);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7778, drop);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 0, drop);
	expect_verdict(&rig, &p, pass_no_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, drop);
	expect_verdict(&rig, &p, drop_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, pass);
	expect_verdict(&rig, &p, pass_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, (struct fs_rule){ .action = 99 });
	expect_verdict(&rig, &p, pass_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_NONE));
	expect_verdict(&rig, &p, pass_no_answer);
}
END_TEST

START_TEST(exact_address_goes_before_any_address)
{
	struct packet ours = packet(.ip6 = _i);
	struct packet other = packet(.ip6 = _i, .dst = _i ? "fd00::7" : "10.0.0.7");

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, drop);
	rig_rule(&rig, _i, IPPROTO_UDP, _i ? "fd00::1" : "10.0.0.1", 7777, pass);
	expect_verdict(&rig, &ours, drop_rule);
	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_EXACT);
	expect_verdict(&rig, &ours, pass_rule);
	expect_verdict(&rig, &other, drop_rule);
}
END_TEST

START_TEST(hot_copy_of_a_rule_is_found_without_the_table)
{
	const int map = rig_map(&rig, FS_MAP_HOT);
	const struct fs_rule_key key = {
		.family = _i ? AF_INET6 : AF_INET, .proto = IPPROTO_UDP, .port = htons(7777),
	};
	struct fs_hot hot = { 0 };
	struct packet p = packet(.ip6 = _i);
	uint32_t zero = 0;

	/* The last of them, and a neighbour that differs in the port only. */
	memcpy(&hot.entry[FS_HOT_RULES - 1].key, &key, sizeof(uint32_t));
	hot.entry[FS_HOT_RULES - 1].rule = drop;
	hot.entry[0] = hot.entry[FS_HOT_RULES - 1];
	hot.entry[0].key ^= 1u << 24;
	hot.entry[0].rule = pass;
	ck_assert_int_eq(bpf_map_update_elem(map, &zero, &hot, BPF_ANY), 0);
	expect_verdict(&rig, &p, drop_rule);
	/* Exact addresses are in the table only, so it is asked first then. */
	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_EXACT);
	expect_verdict(&rig, &p, pass_no_rule);
	rig_flags(&rig, FS_CONFIG_F_HOST);
	hot.entry[FS_HOT_RULES - 1].key = 0;
	ck_assert_int_eq(bpf_map_update_elem(map, &zero, &hot, BPF_ANY), 0);
	expect_verdict(&rig, &p, pass_no_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, pass);
	expect_verdict(&rig, &p, pass_rule);
	hot = (struct fs_hot){ 0 };
	ck_assert_int_eq(bpf_map_update_elem(map, &zero, &hot, BPF_ANY), 0);
}
END_TEST

START_TEST(addresses_that_no_packet_may_have_pass)
{
	static const char *const bad4[] = { "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1",
					    "239.1.1.1", "240.0.0.1", "255.255.255.255" };
	static const char *const bad6[] = { "::", "::1", "ff02::1", "ff0e::7", "::", "::1",
					    "ff02::1" };

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	for (size_t i = 0; i < sizeof(bad4) / sizeof(*bad4); i++) {
		struct packet p = packet(.ip6 = _i, .dst = _i ? bad6[i] : bad4[i]);

		expect_verdict(&rig, &p, pass_martian);
		p = packet(.ip6 = _i, .src = _i ? bad6[i] : bad4[i]);
		expect_verdict(&rig, &p, pass_martian);
	}
}
END_TEST

START_TEST(packet_from_our_own_address_passes)
{
	struct packet p = packet(.ip6 = _i, .src = _i ? "fd00::1" : "10.0.0.1");

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	expect_verdict(&rig, &p, pass_martian);
}
END_TEST

START_TEST(router_leaves_alone_what_it_forwards)
{
	struct packet ours = packet(.ip6 = _i);
	struct packet theirs = packet(.ip6 = _i, .dst = _i ? "fd00::77" : "10.0.0.77");

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	rig_flags(&rig, 0);
	rig.ifindex = lab_open(1, 1);
	expect_reply(&rig, &ours, FS_STAT_tx_echo);
	expect_verdict(&rig, &theirs, pass_forward);
	rig_rule(&rig, _i, IPPROTO_UDP, _i ? "fd00::77" : "10.0.0.77", 7777,
		 answer_with(FS_ANSWER_ECHO));
	rig_flags(&rig, FS_CONFIG_F_EXACT);
	expect_reply(&rig, &theirs, FS_STAT_tx_echo);
}
END_TEST

START_TEST(host_that_does_not_forward_takes_what_reaches_it)
{
	struct packet p = packet(.ip6 = _i, .dst = _i ? "fd00::77" : "10.0.0.77");

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	rig_flags(&rig, 0);
	rig.ifindex = lab_open(1, 0);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
}
END_TEST

START_TEST(packet_goes_to_the_socket_of_its_slot_and_queue)
{
	struct packet zero = packet(.ip6 = _i), three = packet(.ip6 = _i, .dport = 7773);
	struct packet tcp = packet(.ip6 = _i, .proto = IPPROTO_TCP, .payload_len = 3);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, steer_to(0));
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7773, steer_to(3));
	expect_verdict(&rig, &zero, steer);
	expect_verdict(&rig, &tcp, steer);
	expect_verdict(&rig, &three, pass_no_socket);
	rig.queue = 1;
	expect_verdict(&rig, &zero, pass_no_socket);
	expect_verdict(&rig, &three, steer);
}
END_TEST

START_TEST(priority_tag_is_steered_and_what_the_kernel_may_refuse_is_not)
{
	struct packet p = packet(.ip6 = _i, .vlans = 2);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	expect_verdict(&rig, &p, steer);
	p = packet(.ip6 = _i, .vlans = 1, .vlan_id = 7);
	expect_verdict(&rig, &p, pass_vlan);
	p = packet(.ip6 = _i, .ip_options = 8, .exts = { 43 }, .n_exts = _i);
	expect_verdict(&rig, &p, pass_options);
}
END_TEST

START_TEST(queue_beyond_the_stride_has_no_socket)
{
	struct packet p = packet(.ip6 = _i);
	struct fs_config config;

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7778, steer_to(65535));
	config = rig.set;
	config.queues = 0;
	rig_config(&rig, &config);
	expect_verdict(&rig, &p, pass_no_socket);
	config.queues = 1;
	rig_config(&rig, &config);
	expect_verdict(&rig, &p, steer);
	rig.queue = 1;
	expect_verdict(&rig, &p, pass_no_socket);
	p = packet(.ip6 = _i, .dport = 7778);
	rig.queue = 0;
	expect_verdict(&rig, &p, pass_no_socket);
}
END_TEST

START_TEST(first_tcp_fragment_of_a_steered_port_is_dropped)
{
	struct packet p = packet(.proto = IPPROTO_TCP, .payload_len = 16, .fragment = 0x2000);

	open_sockets();
	rig_rule(&rig, 0, IPPROTO_TCP, NULL, 7777, steer_to(0));
	expect_verdict(&rig, &p, drop_tcp_frag);
}
END_TEST

START_TEST(misses_of_an_answer_are_steered_when_the_rule_says_so)
{
	struct packet p = packet(.ip6 = _i, .payload_len = 3);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_KV, .flags = FS_RULE_F_MISS_STEER));
	expect_verdict(&rig, &p, steer);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_miss], 1);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_ECHO, .flags = FS_RULE_F_MISS_STEER));
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	p = packet(.ip6 = _i, .zero_sport = 1);
	expect_verdict(&rig, &p, steer);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_USER, .flags = FS_RULE_F_MISS_STEER));
	expect_verdict(&rig, &p, steer);
}
END_TEST

/* What our port 7777 sent to 10.0.0.2:40000. */
static struct packet sent(int ip6, uint8_t proto)
{
	return packet(.ip6 = ip6, .proto = proto, .sport = 7777, .dport = 40000,
		      .src = ip6 ? "fd00::1" : "10.0.0.1", .dst = ip6 ? "fd00::2" : "10.0.0.2",
		      .payload_len = 100);
}

START_TEST(icmp_errors_about_a_steered_flow_are_steered)
{
	static const uint8_t types[2][4] = { { 3, 11, 12, 3 }, { 1, 2, 3, 4 } };
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };

	open_sockets();
	for (int i = 0; i < 2; i++) {
		struct packet out = sent(_i, protos[i]);

		for (int t = 0; t < 4; t++) {
			struct packet p = packet_icmp_error(&out, types[_i][t], _i ? 48 : 28);

			rig_rule(&rig, _i, protos[i], NULL, 7777, steer_to(0));
			expect_verdict(&rig, &p, steer_icmp);
			rig_rule(&rig, _i, protos[i], NULL, 7777, steer_to(1));
			expect_verdict(&rig, &p, pass_no_socket);
		}
	}
}
END_TEST

START_TEST(icmp_errors_about_other_flows_pass)
{
	struct packet out = sent(_i, IPPROTO_UDP);
	struct packet p = packet_icmp_error(&out, _i ? 1 : 3, _i ? 48 : 28);

	open_sockets();
	expect_verdict(&rig, &p, pass_no_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 40000, steer_to(0));
	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, steer_to(0));
	expect_verdict(&rig, &p, pass_no_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_ECHO));
	expect_verdict(&rig, &p, pass_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, drop);
	expect_verdict(&rig, &p, pass_rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_KV, .flags = FS_RULE_F_MISS_STEER));
	expect_verdict(&rig, &p, steer_icmp);
}
END_TEST

/* A stack sends neither options nor fragments, so the twin sent this. */
START_TEST(icmp_error_about_what_only_the_twin_sends_passes)
{
	struct packet out = packet(.ip6 = _i, .sport = 7777, .src = _i ? "fd00::1" : "10.0.0.1",
				   .dst = _i ? "fd00::2" : "10.0.0.2", .payload_len = 100,
				   .ip_options = 12, .exts = { 60, 43 }, .n_exts = _i ? 2 : 0);
	struct packet p = packet_icmp_error(&out, _i ? 1 : 3, 90);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	expect_verdict(&rig, &p, pass_options);
	out = packet(.ip6 = _i, .sport = 7777, .src = _i ? "fd00::1" : "10.0.0.1",
		     .dst = _i ? "fd00::2" : "10.0.0.2", .payload_len = 100,
		     .fragment = _i ? 1 : 0x2000, .exts = { 44 }, .n_exts = _i);
	p = packet_icmp_error(&out, _i ? 2 : 3, 90);
	expect_verdict(&rig, &p, pass_fragment);
}
END_TEST

START_TEST(icmp_error_quoting_too_little_is_malformed)
{
	struct packet out = sent(_i, IPPROTO_UDP);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	for (size_t quote = 0; quote < (_i ? 50u : 30u); quote++) {
		struct packet p = packet_icmp_error(&out, _i ? 1 : 3, quote);

		/* The ports are enough. */
		expect(&rig, &p, quote < (_i ? 44u : 24u) ? FS_STAT_pass_malformed :
							      FS_STAT_steer_icmp);
	}
}
END_TEST

START_TEST(icmp_error_about_a_packet_that_was_not_ours_passes)
{
	struct packet out = sent(_i, IPPROTO_UDP);
	struct packet p = packet_icmp_error(&out, _i ? 1 : 3, _i ? 48 : 28);

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, steer_to(0));
	p.bytes[p.payload + (_i ? 23 : 15)] ^= 0x40;
	expect_verdict(&rig, &p, pass_no_rule);
}
END_TEST

START_TEST(icmp_error_about_a_later_fragment_or_another_protocol_passes)
{
	struct packet out = packet(.sport = 7777, .src = "10.0.0.1", .fragment = 0x0010,
				   .payload_len = 30);
	struct packet p = packet_icmp_error(&out, 11, 28);

	open_sockets();
	rig_rule(&rig, 0, IPPROTO_UDP, NULL, 7777, steer_to(0));
	expect_verdict(&rig, &p, pass_fragment);
	out = packet(.proto = 47, .src = "10.0.0.1", .payload_len = 30);
	p = packet_icmp_error(&out, 3, 28);
	expect_verdict(&rig, &p, pass_proto);
}
END_TEST

START_TEST(rate_limit_is_per_source_and_port)
{
	struct packet one = packet(.ip6 = _i), other = packet(.ip6 = _i,
							      .src = _i ? "fd01::2" : "10.0.0.3");
	struct packet port = packet(.ip6 = _i, .dport = 7778);
	struct fs_rule rule = answer_with(FS_ANSWER_ECHO, .rate_pps = 1, .burst_pkts = 3);

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777, rule);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7778, rule);
	for (int i = 0; i < 3; i++)
		expect_reply(&rig, &one, FS_STAT_tx_echo);
	expect_verdict(&rig, &one, drop_rate);
	expect_reply(&rig, &other, FS_STAT_tx_echo);
	expect_reply(&rig, &port, FS_STAT_tx_echo);
	expect_verdict(&rig, &one, drop_rate);
}
END_TEST

START_TEST(ip6_sources_of_one_network_share_a_limit)
{
	struct packet one = packet(.ip6 = 1), neighbour = packet(.ip6 = 1, .src = "fd00::5:1");

	rig_rule(&rig, 1, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_ECHO, .rate_pps = 1, .burst_pkts = 1));
	expect_reply(&rig, &one, FS_STAT_tx_echo);
	expect_verdict(&rig, &neighbour, drop_rate);
}
END_TEST

START_TEST(bucket_without_depth_holds_one)
{
	struct packet p = packet(.ip6 = _i, .proto = _i ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				 .icmp_type = _i ? 128 : 8);

	rig_rule(&rig, _i, p.proto, NULL, 0, answer_with(FS_ANSWER_ECHO, .rate_pps = 1));
	expect_reply(&rig, &p, FS_STAT_tx_icmp_echo);
	expect_verdict(&rig, &p, drop_rate);
}
END_TEST

START_TEST(bucket_fills_again_with_time)
{
	struct fs_rate_key key = { .addr = { 10, 0, 0, 2 }, .proto = IPPROTO_UDP, .family = 2 };
	struct packet p = packet();
	int rates = rig_map(&rig, FS_MAP_RATES);
	struct fs_rate rate;

	key.port = htons(7777);
	rig_rule(&rig, 0, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_ECHO, .rate_pps = 1, .burst_pkts = 2));
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	expect_verdict(&rig, &p, drop_rate);
	ck_assert_int_eq(bpf_map_lookup_elem(rates, &key, &rate), 0);
	/* As if the last packet had come an hour ago: the burst, no more. */
	rate.last_ns -= 1000000000ull * 3600 < rate.last_ns ? 1000000000ull * 3600 : rate.last_ns;
	ck_assert_int_eq(bpf_map_update_elem(rates, &key, &rate, BPF_ANY), 0);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	expect_reply(&rig, &p, FS_STAT_tx_echo);
	expect_verdict(&rig, &p, drop_rate);
}
END_TEST

START_TEST(misses_and_steered_packets_have_no_limit)
{
	struct packet p = packet(.ip6 = _i, .zero_sport = 1);

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 answer_with(FS_ANSWER_ECHO, .rate_pps = 1, .burst_pkts = 1));
	for (int i = 0; i < 5; i++)
		expect_verdict(&rig, &p, pass_miss);
}
END_TEST

START_TEST(where_nobody_listens_any_more_new_connections_are_the_kernels)
{
	const struct fs_rule retired = { .action = FS_ACTION_STEER,
					 .flags = FS_RULE_F_KERNEL_FIRST | FS_RULE_F_NO_NEW };
	const struct fs_rule open = { .action = FS_ACTION_STEER, .flags = FS_RULE_F_KERNEL_FIRST };
	struct packet p = packet(.ip6 = _i, .proto = IPPROTO_TCP);
	uint8_t *flags = &p.bytes[p.l4 + 13];

	open_sockets();
	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, retired);
	*flags = 0x02;			/* SYN */
	expect_verdict(&rig, &p, pass_kernel);
	*flags = 0xc2;			/* with ECN */
	expect_verdict(&rig, &p, pass_kernel);
	*flags = 0x12;			/* SYN and ACK: an answer to ours */
	expect_verdict(&rig, &p, steer);
	*flags = 0x10;
	expect_verdict(&rig, &p, steer);
	rig_rule(&rig, _i, IPPROTO_TCP, NULL, 7777, open);
	*flags = 0x02;
	expect_verdict(&rig, &p, steer);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, where_nobody_listens_any_more_new_connections_are_the_kernels, 0, 2);
	tcase_add_loop_test(tc, without_rules_everything_passes, 0, 2);
	tcase_add_loop_test(tc, rule_is_for_its_protocol_family_and_port, 0, 2);
	tcase_add_loop_test(tc, exact_address_goes_before_any_address, 0, 2);
	tcase_add_loop_test(tc, hot_copy_of_a_rule_is_found_without_the_table, 0, 2);
	tcase_add_loop_test(tc, addresses_that_no_packet_may_have_pass, 0, 2);
	tcase_add_loop_test(tc, packet_from_our_own_address_passes, 0, 2);
	tcase_add_loop_test(tc, router_leaves_alone_what_it_forwards, 0, 2);
	tcase_add_loop_test(tc, host_that_does_not_forward_takes_what_reaches_it, 0, 2);
	tcase_add_loop_test(tc, packet_goes_to_the_socket_of_its_slot_and_queue, 0, 2);
	tcase_add_loop_test(tc, priority_tag_is_steered_and_what_the_kernel_may_refuse_is_not,
			    0, 2);
	tcase_add_loop_test(tc, queue_beyond_the_stride_has_no_socket, 0, 2);
	tcase_add_test(tc, first_tcp_fragment_of_a_steered_port_is_dropped);
	tcase_add_loop_test(tc, misses_of_an_answer_are_steered_when_the_rule_says_so, 0, 2);
	tcase_add_loop_test(tc, icmp_errors_about_a_steered_flow_are_steered, 0, 2);
	tcase_add_loop_test(tc, icmp_errors_about_other_flows_pass, 0, 2);
	tcase_add_loop_test(tc, icmp_error_about_what_only_the_twin_sends_passes, 0, 2);
	tcase_add_loop_test(tc, icmp_error_quoting_too_little_is_malformed, 0, 2);
	tcase_add_loop_test(tc, icmp_error_about_a_packet_that_was_not_ours_passes, 0, 2);
	tcase_add_test(tc, icmp_error_about_a_later_fragment_or_another_protocol_passes);
	tcase_add_loop_test(tc, rate_limit_is_per_source_and_port, 0, 2);
	tcase_add_test(tc, ip6_sources_of_one_network_share_a_limit);
	tcase_add_loop_test(tc, bucket_without_depth_holds_one, 0, 2);
	tcase_add_test(tc, bucket_fills_again_with_time);
	tcase_add_loop_test(tc, misses_and_steered_packets_have_no_limit, 0, 2);
}

int main(void)
{
	Suite *suite = suite_create("steer");
	TCase *tc = tcase_create("steer");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 30);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
