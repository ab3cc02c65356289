/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_native.c - the program compiled natively (tests/lib/native.h), which the
 * fuzzer runs, does what the kernel's does: spoilt frames through both.
 */
#include "tests/lib/native.h"
#include <arpa/inet.h>
#include <check.h>
#include "base/random.h"
#include "ctl/entry.h"
#include "tests/lib/mutate.h"
#include "kv_client.h"
#include "tests/lib/suite.h"

enum {
	PORT = 1000,
	FRAMES = 30000,
};

static struct rig rig;
static struct mutate_frame seeds[MUTATE_SEEDS_MAX];
static unsigned int n_seeds;

static void load(void)
{
	rig_open(&rig, "fastsock.bpf.o");
	n_seeds = mutate_seeds(seeds);
}

static void unload(void)
{
	rig_close(&rig);
}

static void fresh(void)
{
	rig_reset(&rig);
	native_open();
}

static void done(void)
{
	native_close();
}

/* In both. */
static void set_rule(int ip6, uint8_t proto, uint16_t port, struct fs_rule rule)
{
	const struct fs_rule_key key = {
		.family = ip6 ? AF_INET6 : AF_INET, .proto = proto, .port = htons(port),
	};

	rig_rule(&rig, ip6, proto, NULL, port, rule);
	native_rule(&key, &rule);
}

static void set_world(struct fs_rule udp)
{
	const struct fs_ctl_entry entry = fs_ctl_entry_small(native.small);
	struct fs_config set = rig.set;

	set.flags |= udp.flags ? FS_CONFIG_F_SKB_MODE : 0;
	set.queues = 1;
	rig_config(&rig, &set);
	*native.config = set;
	for (int ip6 = 0; ip6 < 2; ip6++) {
		set_rule(ip6, IPPROTO_UDP, PORT, udp);
		set_rule(ip6, IPPROTO_TCP, PORT, steer_to(0));
		set_rule(ip6, ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 0, answer_with(FS_ANSWER_ECHO));
	}
	fs_ctl_entry_fill(&entry, 7, "colour", 6, "green", 5);
	native.small_hash = kv_hash_of(&rig, "colour", 6);
	kv_publish(&rig, "colour", 6, "green", 5);
}

static void run_both(const struct mutate_frame *frame)
{
	static uint8_t bytes[MUTATE_LEN_MAX];
	const struct fs_stats before = *native.stats;
	int kernel = rig_run_bytes(&rig, frame->bytes, frame->len), verdict = 0;

	memcpy(bytes, frame->bytes, frame->len);
	native_run(bytes, frame->len);
	if (native_verdicts(&before, &verdict) != 1 || verdict != kernel)
		ck_abort_msg("%s by the kernel, %s natively", rig_verdict_name(kernel),
			     rig_verdict_name(verdict));
	if (memcmp(bytes, rig.out, frame->len) != 0)
		ck_abort_msg("%s: other bytes", rig_verdict_name(kernel));
}

START_TEST(both_say_and_write_the_same)
{
	const struct fs_rule of_udp[] = {
		answer_with(FS_ANSWER_ECHO), answer_with(FS_ANSWER_KV),
		answer_with(FS_ANSWER_ECHO, .flags = FS_RULE_F_MISS_STEER),
		answer_with(FS_ANSWER_KV, .flags = FS_RULE_F_MISS_STEER),
	};
	struct fs_random random = { .state = 0x5eed + (unsigned int)_i };
	struct mutate_frame frame;

	set_world(of_udp[_i]);
	for (int i = 0; i < FRAMES; i++) {
		mutate(&frame, seeds, n_seeds, &random);
		/* The kernel wants an Ethernet header. */
		if (frame.len >= 14)
			run_both(&frame);
	}
	ck_assert_uint_gt(native_count(FS_STAT_tx_bytes), 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("native");
	TCase *tc = tcase_create("native");

	tcase_add_unchecked_fixture(tc, load, unload);
	tcase_add_checked_fixture(tc, fresh, done);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, both_say_and_write_the_same, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
