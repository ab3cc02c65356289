/* SPDX-License-Identifier: BSD-2-Clause */
/* test_user.c - users' answer programs behind the program array. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "rig.h"
#include "xsk.h"
#include "tests/lib/suite.h"

enum { EACH = 0, WHOAMI = 1, NOBODY = 2 };

static struct rig rig;
static struct bpf_object *each, *whoami;

static struct bpf_object *add_program(const char *file, const char *name, uint32_t index)
{
	static const char *const shared[] = {
		FS_MAP_CONFIG, FS_MAP_STATS, FS_MAP_SCRATCH, FS_MAP_XSKS, FS_MAP_CAPTURES,
	};
	struct bpf_object *object = bpf_object__open(rig_path(file));
	struct bpf_program *prog;
	int fd;

	ck_assert_msg(object != NULL, "cannot open %s", rig_path(file));
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, shared[i]);

		ck_assert(map != NULL);
		bpf_map__set_pin_path(map, NULL);
		ck_assert_int_eq(bpf_map__reuse_fd(map, rig_map(&rig, shared[i])), 0);
	}
	prog = bpf_object__find_program_by_name(object, name);
	bpf_program__set_expected_attach_type(prog, 0);
	ck_assert_int_eq(bpf_object__load(object), 0);
	fd = bpf_program__fd(prog);
	ck_assert_int_eq(bpf_map_update_elem(rig.answers, &index, &fd, BPF_ANY), 0);
	return object;
}

static void load(void)
{
	rig_open(&rig, "fastsock-user.bpf.o");
	each = add_program("../tests/bpf/answer_each.bpf.o", "each", EACH);
	whoami = add_program("../examples/answer_whoami.bpf.o", "whoami", WHOAMI);
}

static void unload(void)
{
	bpf_object__close(each);
	bpf_object__close(whoami);
	rig_close(&rig);
}

static void rule_for(uint16_t port, int index, uint32_t flags)
{
	for (int ip6 = 0; ip6 < 2; ip6++)
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, port,
			 answer_with((uint8_t)(FS_ANSWER_USER + index), .flags = flags));
}

static void fresh(void)
{
	rig_reset(&rig);
	rule_for(7000, EACH, 0);
	rule_for(7001, WHOAMI, 0);
	rule_for(7002, NOBODY, 0);
}

static struct packet say(int ip6, const char *word, size_t len, enum packet_csum csum)
{
	uint8_t payload[1500];

	memset(payload, 0x3c, sizeof(payload));
	payload[0] = (uint8_t)word[0];
	payload[1] = (uint8_t)word[1];
	return packet(.ip6 = ip6, .dport = 7000, .payload = payload, .payload_len = len,
		      .csum = csum);
}

START_TEST(every_verdict_counts)
{
	struct packet p = say(_i, "p", 10, CSUM_RIGHT);

	expect_verdict(&rig, &p, pass_miss);
	p = say(_i, "d", 10, CSUM_RIGHT);
	expect_verdict(&rig, &p, drop_user);
	p = say(_i, "?", 10, CSUM_RIGHT);
	expect_verdict(&rig, &p, pass_miss);
	p = say(_i, "t", 10, CSUM_RIGHT);
	expect_reply(&rig, &p, FS_STAT_tx_user);
}
END_TEST

START_TEST(reply_of_any_length_has_right_checksums)
{
	for (uint8_t less = 0; less < 200; less++) {
		char word[2] = { 't', (char)less };
		struct packet p = say(_i, word, 201, CSUM_RIGHT);

		expect_reply(&rig, &p, FS_STAT_tx_user);
		ck_assert_uint_eq(rig.reply.payload_len, 201u - less);
	}
}
END_TEST

START_TEST(reply_longer_than_its_request_is_refused)
{
	struct packet p = say(_i, "t\x20", 10, CSUM_RIGHT);

	expect_verdict(&rig, &p, pass_miss);
}
END_TEST

START_TEST(partial_checksum_is_completed_in_native_mode)
{
	struct packet p = say(_i, "t\x03", 50, CSUM_PARTIAL);

	expect_reply(&rig, &p, FS_STAT_tx_user);
	ck_assert_uint_eq(rig.count[FS_STAT_csum_partial], 1);
}
END_TEST

START_TEST(partial_checksum_in_skb_mode_forbids_another_length)
{
	struct packet p = say(_i, "t\x03", 50, CSUM_PARTIAL);

	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_SKB_MODE);
	expect_verdict(&rig, &p, pass_miss);
	p = say(_i, "t", 50, CSUM_PARTIAL);
	expect(&rig, &p, FS_STAT_tx_user);
	ck_assert_mem_eq(rig.out + p.l4 + 6, p.bytes + p.l4 + 6, 2);
}
END_TEST

START_TEST(program_can_tell_a_damaged_request)
{
	struct packet p = say(_i, "i", 51, CSUM_RIGHT);

	expect_reply(&rig, &p, FS_STAT_tx_user);
	p = say(_i, "i", 51, CSUM_PARTIAL);
	expect_reply(&rig, &p, FS_STAT_tx_user);
	p = say(_i, "i", 51, CSUM_WRONG);
	expect_verdict(&rig, &p, drop_user);
}
END_TEST

START_TEST(options_do_not_reach_it)
{
	struct packet p = packet(.dport = 7000, .payload = "t", .payload_len = 2,
				 .ip_options = 4);

	expect_verdict(&rig, &p, pass_options);
}
END_TEST

START_TEST(absent_program_leaves_it_to_the_kernel)
{
	struct packet p = packet(.ip6 = _i, .dport = 7002, .payload_len = 10);

	expect_verdict(&rig, &p, pass_no_answer);
	rule_for(7002, FS_ANSWERS_MAX + 5, 0);
	expect_verdict(&rig, &p, pass_no_answer);
}
END_TEST

START_TEST(misses_go_to_the_socket_that_the_rule_names)
{
	struct packet miss = say(_i, "?", 10, CSUM_RIGHT);
	struct packet absent = packet(.ip6 = _i, .dport = 7002, .payload_len = 10);
	struct fs_config config = rig.set;
	uint32_t index = 0;
	int xsk;

	rule_for(7000, EACH, FS_RULE_F_MISS_STEER);
	rule_for(7002, NOBODY, FS_RULE_F_MISS_STEER);
	expect_verdict(&rig, &miss, pass_no_socket);
	rig.ifindex = lab_open(1, 0);
	config.queues = 1;
	rig_config(&rig, &config);
	xsk = xsk_bind(rig.ifindex, 0);
	ck_assert_int_eq(bpf_map_update_elem(rig.xsks, &index, &xsk, BPF_ANY), 0);
	expect_verdict(&rig, &miss, steer);
	expect_verdict(&rig, &absent, steer);
}
END_TEST

START_TEST(rate_limit_counts_for_user_programs_too)
{
	struct packet p = say(_i, "t", 10, CSUM_RIGHT);

	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7000,
		 answer_with(FS_ANSWER_USER + EACH, .rate_pps = 1, .burst_pkts = 2));
	expect_verdict(&rig, &p, tx_user);
	expect_verdict(&rig, &p, tx_user);
	expect_verdict(&rig, &p, drop_rate);
}
END_TEST

START_TEST(whoami_tells_address_and_port)
{
	static const uint8_t ip4[4] = { 10, 0, 0, 2 };
	static const uint8_t ip6[16] = { 0xfd, [15] = 2 };
	struct packet p = packet(.ip6 = _i, .dport = 7001, .sport = 50123,
				 .payload = "who?0001.................more",
				 .payload_len = 29);
	const uint8_t *out = rig.out + p.payload;

	expect_reply(&rig, &p, FS_STAT_tx_user);
	ck_assert_uint_eq(rig.reply.payload_len, 28);
	ck_assert_mem_eq(out, "you!0001", 8);
	ck_assert_uint_eq(packet_get16(&rig.reply, p.payload + 8), _i ? 6 : 4);
	ck_assert_uint_eq(packet_get16(&rig.reply, p.payload + 10), 50123);
	ck_assert_mem_eq(out + 12, _i ? ip6 : ip4, _i ? 16 : 4);
}
END_TEST

START_TEST(whoami_does_not_answer_its_like)
{
	struct packet p = packet(.dport = 7001, .payload = "you!0001....................",
				 .payload_len = 28);

	expect_verdict(&rig, &p, pass_miss);
	p = packet(.dport = 7001, .payload = "who?0001...................",
		   .payload_len = 27);
	expect_verdict(&rig, &p, pass_miss);
	p = packet(.dport = 7001, .payload = "who?0001....................",
		   .payload_len = 28, .csum = CSUM_WRONG);
	expect_verdict(&rig, &p, drop_user);
}
END_TEST

START_TEST(user_program_answers_what_the_plain_object_passes)
{
	static struct rig plain;
	struct packet p = packet(.payload_len = 10);

	rig_open(&plain, "fastsock.bpf.o");
	ck_assert_int_lt(plain.answers, 0);
	rig_rule(&plain, 0, IPPROTO_UDP, NULL, 7777, answer_with(FS_ANSWER_USER));
	expect_verdict(&plain, &p, pass_no_answer);
	rig_close(&plain);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("user");
	TCase *tc = tcase_create("user");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, every_verdict_counts, 0, 2);
	tcase_add_loop_test(tc, reply_of_any_length_has_right_checksums, 0, 2);
	tcase_add_loop_test(tc, reply_longer_than_its_request_is_refused, 0, 2);
	tcase_add_loop_test(tc, partial_checksum_is_completed_in_native_mode, 0, 2);
	tcase_add_loop_test(tc, partial_checksum_in_skb_mode_forbids_another_length, 0, 2);
	tcase_add_loop_test(tc, program_can_tell_a_damaged_request, 0, 2);
	tcase_add_test(tc, options_do_not_reach_it);
	tcase_add_loop_test(tc, absent_program_leaves_it_to_the_kernel, 0, 2);
	tcase_add_loop_test(tc, misses_go_to_the_socket_that_the_rule_names, 0, 2);
	tcase_add_loop_test(tc, rate_limit_counts_for_user_programs_too, 0, 2);
	tcase_add_loop_test(tc, whoami_tells_address_and_port, 0, 2);
	tcase_add_test(tc, whoami_does_not_answer_its_like);
	tcase_add_test(tc, user_program_answers_what_the_plain_object_passes);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
