/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kv_live.c - entries come, change and go while requests are answered.
 *
 * A value is its key's number and a version, over and over: whatever the
 * publisher does meanwhile, a reply must be all of one value of the key that
 * was asked for, with a right checksum; and a request that goes up must be
 * as it came.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/bpf.h>
#include <bpf/libbpf.h>
#include "kv_client.h"
#include "tests/lib/suite.h"

enum { KEYS = 4, KEY_LEN = 12, RUN_MS = 1500 };

static struct rig rig;
static atomic_int stop;
static size_t value_len;

static void load(void)
{
	rig_open(&rig, "fastsock.bpf.o");
}

static void load_torn(void)
{
	rig_open(&rig, "../tests/bpf/torn.bpf.o");
}

static void unload(void)
{
	rig_close(&rig);
}

static void fresh(void)
{
	rig_reset(&rig);
	rig_rule(&rig, 0, IPPROTO_UDP, NULL, KV_PORT, answer_with(FS_ANSWER_KV));
	atomic_store(&stop, 0);
}

static void make_key(char key[KEY_LEN + 1], unsigned int which)
{
	snprintf(key, KEY_LEN + 1, "live-key-%03u", which);
}

static void make_value(uint8_t *value, uint8_t which, uint8_t version)
{
	for (size_t i = 0; i < value_len; i++)
		value[i] = i & 1 ? version : which;
}

static void *publish_and_withdraw(void *unused)
{
	uint8_t value[FS_KV_VALUE_MAX], version = 0;
	char key[KEY_LEN + 1];

	(void)unused;
	for (unsigned int n = 0; !atomic_load(&stop); n++) {
		unsigned int which = n % KEYS;

		make_key(key, which);
		make_value(value, (uint8_t)which, ++version);
		kv_publish(&rig, key, KEY_LEN, value, value_len);
		if (n % 7 == 0)
			kv_withdraw(&rig, key, KEY_LEN);
	}
	return NULL;
}

/* The counters cannot be compared here; rig_run() is for one thread. */
static uint32_t run_once(const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = p->bytes, .data_size_in = (uint32_t)p->len,
		.data_out = rig.out, .data_size_out = sizeof(rig.out),
		.repeat = 1);

	if (bpf_prog_test_run_opts(rig.prog, &opts))
		ck_abort_msg("test run");
	rig.out_len = opts.data_size_out;
	return opts.retval;
}

static void expect_one_whole_value(const struct packet *p, uint8_t which)
{
	const uint8_t *value = rig.out + p->payload + sizeof(struct fs_kv_hdr) + KEY_LEN;
	const char *fault;

	ck_assert_int_eq(packet_parse(&rig.reply, rig.out, rig.out_len), 0);
	ck_assert_uint_eq(rig.reply.payload_len, sizeof(struct fs_kv_hdr) + KEY_LEN + value_len);
	for (size_t i = 0; i < value_len; i++)
		if (value[i] != (i & 1 ? value[1] : which))
			ck_abort_msg("byte %zu of %zu is of another value", i, value_len);
	fault = packet_fault(&rig.reply);
	ck_assert_msg(fault == NULL, "%s is wrong", fault);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(changing_entries_never_make_a_wrong_answer)
{
	uint64_t until = now_ms() + RUN_MS;
	unsigned int hits = 0, misses = 0;
	struct packet requests[KEYS];
	char key[KEY_LEN + 1];
	pthread_t publisher;

	value_len = (size_t)_i;
	for (unsigned int i = 0; i < KEYS; i++) {
		make_key(key, i);
		requests[i] = kv_request(.key = key, .key_len = KEY_LEN, .room = value_len + 5,
					 .fill = 0xdd);
	}
	ck_assert_int_eq(pthread_create(&publisher, NULL, publish_and_withdraw, NULL), 0);
	for (unsigned int n = 0; n % 64 || now_ms() < until; n++) {
		const struct packet *p = &requests[n % KEYS];

		if (run_once(p) == XDP_TX) {
			expect_one_whole_value(p, (uint8_t)(n % KEYS));
			hits++;
		} else {
			if (memcmp(rig.out, p->bytes, p->len))
				ck_abort_msg("a request went up changed");
			misses++;
		}
	}
	atomic_store(&stop, 1);
	pthread_join(publisher, NULL);
	ck_assert_uint_gt(hits, 1000);
	ck_assert_uint_gt(misses, 0);
	printf("%zu bytes: %u hits, %u misses, %llu torn reads\n", value_len, hits, misses,
	       (unsigned long long)rig_total(&rig, FS_STAT_kv_torn));
}
END_TEST

/* As in torn.bpf.c: the first byte says how many copies are torn. */
static struct packet publish_torn(uint8_t times)
{
	uint64_t hash = kv_hash_of(&rig, "colour", 6);
	struct fs_kv_small entry = { .key = "colour", .gen_end = 7 };

	memset(entry.value, 0x33, 37);
	entry.value[0] = 0;
	kv_fill_head(&entry.head, 7, entry.key, 6, entry.value, 37);
	entry.value[0] = times;
	ck_assert_int_eq(bpf_map_update_elem(rig.kv_small, &hash, &entry, BPF_ANY), 0);
	return kv_request(.key = "colour", .key_len = 6, .room = 50, .fill = 0xdd);
}

START_TEST(torn_copies_are_taken_again)
{
	for (uint8_t times = 0; times < 4; times++) {
		struct packet p = publish_torn(times);

		expect_reply(&rig, &p, FS_STAT_tx_kv);
		ck_assert_uint_eq(rig.count[FS_STAT_kv_torn], times);
		ck_assert_uint_eq(rig.count[FS_STAT_kv_hit], 1);
		ck_assert_uint_eq(rig.out[p.payload + 16 + 6], 0);
	}
}
END_TEST

START_TEST(request_goes_up_whole_when_every_copy_is_torn)
{
	struct packet p = publish_torn(4);

	expect_verdict(&rig, &p, pass_miss);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_torn], 4);
	ck_assert_uint_eq(rig.count[FS_STAT_kv_miss], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kv_live");
	TCase *tc = tcase_create("live"), *torn = tcase_create("torn");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_set_timeout(tc, 60);
	/* A small entry, and a large one. */
	tcase_add_loop_test(tc, changing_entries_never_make_a_wrong_answer, 60, 61);
	tcase_add_loop_test(tc, changing_entries_never_make_a_wrong_answer, 1000, 1001);
	suite_add_tcase(suite, tc);
	tcase_add_unchecked_fixture(torn, load_torn, unload);
	tcase_add_checked_fixture(torn, fresh, NULL);
	tcase_add_test(torn, torn_copies_are_taken_again);
	tcase_add_test(torn, request_goes_up_whole_when_every_copy_is_torn);
	suite_add_tcase(suite, torn);
	return suite_run(suite);
}
