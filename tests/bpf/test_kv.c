/* SPDX-License-Identifier: BSD-2-Clause */
/* test_kv.c - key-value requests answered from published entries. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "kv_client.h"
#include "tests/lib/suite.h"

static struct rig rig;
static uint8_t bytes[2048];

static void load(void)
{
	rig_open(&rig, "fastsock.bpf.o");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8) + 5);
}

static void unload(void)
{
	rig_close(&rig);
}

static void fresh(void)
{
	rig_reset(&rig);
	for (int ip6 = 0; ip6 < 2; ip6++)
		rig_rule(&rig, ip6, IPPROTO_UDP, NULL, KV_PORT, answer_with(FS_ANSWER_KV));
}

static struct fs_kv_hdr reply_header(void)
{
	struct fs_kv_hdr hdr;

	ck_assert_uint_ge(rig.reply.payload_len, sizeof(hdr));
	memcpy(&hdr, rig.out + rig.reply.payload, sizeof(hdr));
	return hdr;
}

/* A reply to @p whose header says this, and whose key and id are the request's. */
static void expect_kv(const struct packet *p, size_t key_len, uint8_t status, size_t value_len,
		      size_t value_bytes)
{
	const uint8_t *request = p->bytes + p->payload;
	struct fs_kv_hdr hdr;

	expect_reply(&rig, p, FS_STAT_tx_kv);
	hdr = reply_header();
	ck_assert_uint_eq(rig.reply.payload_len, sizeof(hdr) + key_len + value_bytes);
	ck_assert_uint_eq(packet_get16(&rig.reply, p->l4 + 6) != 0, 1);
	ck_assert_uint_eq(hdr.magic, FS_KV_MAGIC);
	ck_assert_uint_eq(hdr.version, FS_KV_VERSION);
	ck_assert_uint_eq(hdr.op, request[2] | FS_KV_REPLY);
	ck_assert_uint_eq(hdr.status, status);
	ck_assert_mem_eq(&hdr.id, request + 4, 4);
	ck_assert_uint_eq(ntohs(hdr.key_len), key_len);
	ck_assert_uint_eq(ntohs(hdr.value_len), value_len);
	ck_assert_uint_eq(hdr.rsvd, 0);
	ck_assert_mem_eq(rig.out + rig.reply.payload + sizeof(hdr), request + sizeof(hdr), key_len);
}

static void expect_hit(const struct packet *p, size_t key_len, const void *value,
		       size_t value_len)
{
	expect_kv(p, key_len, FS_KV_OK, value_len, value_len);
	ck_assert_mem_eq(rig.out + rig.reply.payload + sizeof(struct fs_kv_hdr) + key_len, value,
			 value_len);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_hit], 1);
}

static void expect_short(const struct packet *p, size_t key_len, size_t value_len)
{
	expect_kv(p, key_len, FS_KV_SHORT, value_len, 0);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_short], 1);
}

static void expect_miss(const struct packet *p)
{
	expect_verdict(&rig, p, pass_miss);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_miss], 1);
}

START_TEST(get_returns_the_value_for_every_key_length)
{
	for (size_t key_len = 1; key_len <= FS_KV_KEY_MAX; key_len++) {
		size_t value_len = 1 + key_len * 13 % 90;
		struct packet p = kv_request(.ip6 = _i, .key = bytes, .key_len = key_len,
					     .room = value_len, .id = (uint32_t)key_len * 7919);

		kv_publish(&rig, bytes, key_len, bytes + key_len, value_len);
		expect_hit(&p, key_len, bytes + key_len, value_len);
	}
}
END_TEST

START_TEST(get_returns_values_of_every_length)
{
	for (size_t value_len = 0; value_len <= FS_KV_VALUE_MAX; value_len++) {
		size_t key_len = 1 + value_len % 41;
		struct packet p = kv_request(.ip6 = _i, .key = bytes, .key_len = key_len,
					     .room = value_len);

		kv_publish(&rig, bytes, key_len, bytes + 500, value_len);
		expect_hit(&p, key_len, bytes + 500, value_len);
	}
}
END_TEST

START_TEST(room_beyond_the_value_is_cut_off_whatever_it_holds)
{
	for (size_t room = 20; room < 1200; room += 61) {
		struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6,
					     .room = room, .fill = 0xa5, .trailer = room % 3);

		if (p.payload_len > 16 + FS_KV_KEY_MAX + FS_KV_VALUE_MAX)
			break;
		kv_publish(&rig, "colour", 6, "green", 5);
		expect_hit(&p, 6, "green", 5);
	}
}
END_TEST

START_TEST(value_that_does_not_fit_says_how_much_room_it_needs)
{
	for (size_t value_len = 1; value_len <= FS_KV_VALUE_MAX; value_len += 33) {
		struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6,
					     .room = value_len - 1);

		kv_publish(&rig, "colour", 6, bytes, value_len);
		expect_short(&p, 6, value_len);
	}
}
END_TEST

START_TEST(ping_returns_header_and_key)
{
	for (size_t key_len = 0; key_len <= FS_KV_KEY_MAX; key_len += 25) {
		struct packet p = kv_message(.ip6 = _i, .op = FS_KV_PING, .key = bytes,
					     .key_len = key_len, .room = key_len & 3, .fill = 9);

		expect_kv(&p, key_len, FS_KV_OK, 0, 0);
		ck_assert_uint_eq(rig.count[FS_STAT_kv_ping], 1);
	}
}
END_TEST

START_TEST(unknown_key_is_a_miss)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50);

	expect_miss(&p);
	kv_publish(&rig, "colours", 7, "green", 5);
	expect_miss(&p);
	kv_publish(&rig, "colour", 6, "green", 5);
	expect_hit(&p, 6, "green", 5);
	kv_withdraw(&rig, "colour", 6);
	expect_miss(&p);
}
END_TEST

START_TEST(key_with_zeros_at_its_end_is_another_key)
{
	static const char key[8] = "colour";
	struct packet p = kv_request(.key = key, .key_len = 7, .room = 50);

	kv_publish(&rig, key, 6, "green", 5);
	expect_miss(&p);
}
END_TEST

START_TEST(another_key_under_the_same_hash_is_a_miss)
{
	uint64_t hash = kv_hash_of(&rig, "colour", 6);
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50);
	struct fs_kv_small small = { .key = "colouR", .value = "red", .gen_end = 7 };
	struct fs_kv_large large = { .key = "colouR", .value = "red", .gen_end = 7 };

	kv_fill_head(&small.head, 7, small.key, 6, small.value, 3);
	bpf_map_update_elem(rig.kv_small, &hash, &small, BPF_ANY);
	expect_miss(&p);
	large.head = small.head;
	bpf_map_update_elem(rig.kv_large, &hash, &large, BPF_ANY);
	expect_miss(&p);
}
END_TEST

START_TEST(key_of_no_bytes_or_too_many_is_a_miss)
{
	struct packet p = kv_request(.key_len = 0, .room = 50);

	expect_miss(&p);
	p = kv_request(.key = bytes, .key_len = FS_KV_KEY_MAX + 1, .room = 50);
	expect_miss(&p);
}
END_TEST

START_TEST(request_longer_than_the_protocol_allows_is_a_miss)
{
	size_t most = FS_KV_KEY_MAX + FS_KV_VALUE_MAX - 6;
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = most);

	kv_publish(&rig, "colour", 6, "green", 5);
	expect_hit(&p, 6, "green", 5);
	p = kv_request(.key = "colour", .key_len = 6, .room = most + 1);
	expect_miss(&p);
}
END_TEST

START_TEST(request_cut_short_anywhere_is_a_miss)
{
	struct packet whole = kv_request(.key = "colour", .key_len = 6);

	kv_publish(&rig, "colour", 6, "green", 5);
	for (size_t len = 0; len < whole.payload_len; len++) {
		struct packet p = packet(.ip6 = _i, .dport = KV_PORT, .payload_len = len,
					 .payload = whole.bytes + whole.payload);

		expect_miss(&p);
	}
}
END_TEST

START_TEST(writes_replies_and_the_unknown_are_misses)
{
	kv_publish(&rig, "colour", 6, "green", 5);
	for (int op = 0; op < 256; op++) {
		struct packet p = kv_message(.op = (uint8_t)op, .key = "colour", .key_len = 6,
					     .room = 50);

		if (op != FS_KV_PING && op != FS_KV_GET)
			expect_miss(&p);
	}
}
END_TEST

START_TEST(header_fields_that_must_be_fixed_are)
{
	/* magic, version, status, value_len, rsvd */
	static const size_t fixed[] = { 0, 1, 3, 10, 11, 12, 13, 14, 15 };

	kv_publish(&rig, "colour", 6, "green", 5);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50);

		p.bytes[p.payload + fixed[i]] ^= 0x41;
		packet_refill(&p);
		expect_miss(&p);
	}
}
END_TEST

START_TEST(damaged_request_is_dropped)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50);

	kv_publish(&rig, "colour", 6, "green", 5);
	kv_publish(&rig, "colouX", 6, "red", 3);
	for (size_t i = p.l4 + 4; i < p.len; i++) {
		struct packet damaged = p;

		/* The UDP length has its own check. */
		if (i < p.l4 + 6)
			continue;
		damaged.bytes[i] ^= 0x1f;
		expect_verdict(&rig, &damaged, drop_bad_csum);
	}
}
END_TEST

START_TEST(request_without_a_checksum_gets_a_reply_with_one)
{
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50,
				     .csum = CSUM_NONE);

	kv_publish(&rig, "colour", 6, "green", 5);
	expect_hit(&p, 6, "green", 5);
}
END_TEST

START_TEST(partial_checksum_is_fine_in_native_mode_and_a_miss_in_skb_mode)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50,
				     .csum = CSUM_PARTIAL);

	kv_publish(&rig, "colour", 6, "green", 5);
	expect_hit(&p, 6, "green", 5);
	ck_assert_uint_eq(rig.count[FS_STAT_csum_partial], 1);
	rig_flags(&rig, FS_CONFIG_F_HOST | FS_CONFIG_F_SKB_MODE);
	expect_miss(&p);
	packet_refill(&p);
	expect_hit(&p, 6, "green", 5);
}
END_TEST

START_TEST(options_and_source_port_zero_are_left_alone)
{
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50, .ip_options = 4);

	kv_publish(&rig, "colour", 6, "green", 5);
	expect_verdict(&rig, &p, pass_options);
	p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50, .zero_sport = 1);
	expect_miss(&p);
}
END_TEST

static struct fs_kv_hot *hot_copy(const char *key)
{
	uint64_t hash = kv_hash_of(&rig, key, strlen(key));
	struct fs_kv_hot *at = &rig.kv_hot[hash % FS_KV_HOT_ENTRIES];

	return at->hash == hash ? at : &rig.kv_hot[(hash % FS_KV_HOT_ENTRIES) ^ 1];
}

START_TEST(hot_copy_is_found_in_either_place_without_the_tables)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50);
	uint64_t hash = kv_hash_of(&rig, "colour", 6);
	struct fs_kv_hot *first = &rig.kv_hot[hash % FS_KV_HOT_ENTRIES];
	struct fs_kv_hot *second = &rig.kv_hot[(hash % FS_KV_HOT_ENTRIES) ^ 1];

	kv_publish(&rig, "colour", 6, "green", 5);
	bpf_map_delete_elem(rig.kv_small, &hash);
	ck_assert_uint_eq(first->hash, hash);
	expect_hit(&p, 6, "green", 5);
	*second = *first;
	first->hash ^= FS_KV_HOT_ENTRIES;
	expect_hit(&p, 6, "green", 5);
	second->hash = 0;
	expect_miss(&p);
}
END_TEST

START_TEST(hot_copy_that_is_being_written_is_looked_up_in_the_table)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50,
				     .fill = 0x77);
	uint64_t hash = kv_hash_of(&rig, "colour", 6);

	kv_publish(&rig, "colour", 6, "green", 5);
	hot_copy("colour")->entry.gen_end++;
	memcpy(hot_copy("colour")->entry.value, "grXXX", 5);
	expect_hit(&p, 6, "green", 5);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_torn], 1);
	bpf_map_delete_elem(rig.kv_small, &hash);
	expect_miss(&p);
}
END_TEST

START_TEST(hot_copy_of_another_key_is_not_answered)
{
	struct packet p = kv_request(.ip6 = _i, .key = "colour", .key_len = 6, .room = 50);

	kv_publish(&rig, "colour", 6, "green", 5);
	memcpy(hot_copy("colour")->entry.key, "savour", 6);
	expect_hit(&p, 6, "green", 5);
	kv_withdraw(&rig, "colour", 6);
	expect_miss(&p);
}
END_TEST

START_TEST(torn_entry_is_a_miss_that_leaves_the_request_whole)
{
	uint64_t hash = kv_hash_of(&rig, "colour", 6);
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50, .fill = 0x77);
	struct fs_kv_small torn = { .key = "colour", .value = "green", .gen_end = 8 };

	kv_fill_head(&torn.head, 7, torn.key, 6, torn.value, 5);
	bpf_map_update_elem(rig.kv_small, &hash, &torn, BPF_ANY);
	expect_miss(&p);
	ck_assert_uint_gt(rig.count[FS_STAT_kv_torn], 0);
}
END_TEST

START_TEST(entry_with_an_impossible_length_is_a_miss)
{
	uint64_t hash = kv_hash_of(&rig, "colour", 6);
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 200);
	struct fs_kv_small entry = { .key = "colour", .gen_end = 7 };

	kv_fill_head(&entry.head, 7, entry.key, 6, entry.value, 60);
	entry.head.value_len = sizeof(entry.value) + 1;
	bpf_map_update_elem(rig.kv_small, &hash, &entry, BPF_ANY);
	expect_miss(&p);
}
END_TEST

START_TEST(the_seed_decides_where_a_key_stands)
{
	struct packet p = kv_request(.key = "colour", .key_len = 6, .room = 50);
	struct fs_config config = rig.set;

	kv_publish(&rig, "colour", 6, "green", 5);
	config.kv_seed++;
	rig_config(&rig, &config);
	expect_miss(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kv");
	TCase *tc = tcase_create("kv");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, get_returns_the_value_for_every_key_length, 0, 2);
	tcase_add_loop_test(tc, get_returns_values_of_every_length, 0, 2);
	tcase_add_loop_test(tc, room_beyond_the_value_is_cut_off_whatever_it_holds, 0, 2);
	tcase_add_loop_test(tc, value_that_does_not_fit_says_how_much_room_it_needs, 0, 2);
	tcase_add_loop_test(tc, ping_returns_header_and_key, 0, 2);
	tcase_add_loop_test(tc, unknown_key_is_a_miss, 0, 2);
	tcase_add_test(tc, key_with_zeros_at_its_end_is_another_key);
	tcase_add_test(tc, another_key_under_the_same_hash_is_a_miss);
	tcase_add_test(tc, key_of_no_bytes_or_too_many_is_a_miss);
	tcase_add_test(tc, request_longer_than_the_protocol_allows_is_a_miss);
	tcase_add_loop_test(tc, request_cut_short_anywhere_is_a_miss, 0, 2);
	tcase_add_test(tc, writes_replies_and_the_unknown_are_misses);
	tcase_add_test(tc, header_fields_that_must_be_fixed_are);
	tcase_add_loop_test(tc, damaged_request_is_dropped, 0, 2);
	tcase_add_test(tc, request_without_a_checksum_gets_a_reply_with_one);
	tcase_add_loop_test(tc, partial_checksum_is_fine_in_native_mode_and_a_miss_in_skb_mode, 0,
			    2);
	tcase_add_loop_test(tc, options_and_source_port_zero_are_left_alone, 0, 2);
	tcase_add_loop_test(tc, hot_copy_is_found_in_either_place_without_the_tables, 0, 2);
	tcase_add_loop_test(tc, hot_copy_that_is_being_written_is_looked_up_in_the_table, 0, 2);
	tcase_add_loop_test(tc, hot_copy_of_another_key_is_not_answered, 0, 2);
	tcase_add_test(tc, torn_entry_is_a_miss_that_leaves_the_request_whole);
	tcase_add_test(tc, entry_with_an_impossible_length_is_a_miss);
	tcase_add_test(tc, the_seed_decides_where_a_key_stands);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
