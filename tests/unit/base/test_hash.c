// SPDX-License-Identifier: BSD-2-Clause
/* Keys that look alike, as addresses and ports do, are spread over buckets as if by chance. */
#include <check.h>

#include "base/hash.h"
#include "base/random.h"
#include "tests/lib/suite.h"

enum {
	KEYS = 1000,
	BUCKETS = 2048,
	SEEDS = 300,
	LONGEST = 10,
};

struct key {
	uint8_t ip[16];
	uint64_t extra;
};

static struct key ports_in_a_row(uint32_t i)
{
	return (struct key){ .ip = { 10, 0, 0, 1 }, .extra = (uint64_t)(32768 + i) << 8 | 2 };
}

static struct key every_second_port(uint32_t i)
{
	return ports_in_a_row(2 * i);
}

static struct key local_ports_in_a_row(uint32_t i)
{
	return (struct key){ .ip = { 10, 0, 0, 1 }, .extra = (uint64_t)(32768 + i) << 24 | 80 << 8 | 2 };
}

static struct key addresses_in_a_row(uint32_t i)
{
	return (struct key){ .ip = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i }, .extra = 2 };
}

static struct key low_ends_of_addresses(uint32_t i)
{
	return (struct key){
		.ip = { 0xfd, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i }, .extra = 10,
	};
}

static struct key few_hosts_with_some_ports(uint32_t i)
{
	struct key key = ports_in_a_row(4 * (i / 16));

	key.ip[3] = (uint8_t)(i % 16);
	return key;
}

static struct key (*const patterns[])(uint32_t i) = {
	ports_in_a_row, every_second_port, local_ports_in_a_row, addresses_in_a_row,
	low_ends_of_addresses, few_hosts_with_some_ports,
};

/* How many keys a look passes on the way to its own, itself included. */
static double mean_probes(uint64_t seed, struct key (*pattern)(uint32_t i), bool high)
{
	uint32_t bucket[BUCKETS] = { 0 }, probes = 0;

	for (uint32_t i = 0; i < KEYS; i++) {
		const struct key key = pattern(i);
		const uint64_t hash = fs_hash_ip(seed, key.ip, key.extra);

		probes += ++bucket[(high ? hash >> 40 : hash) % BUCKETS];
	}
	for (uint32_t i = 0; i < BUCKETS; i++)
		ck_assert_uint_le(bucket[i], LONGEST);
	return (double)probes / KEYS;
}

/* 1 + KEYS / BUCKETS / 2 is 1.244. */
START_TEST(keys_that_look_alike_are_spread)
{
	struct fs_random random = { 7 };

	for (uint64_t i = 0; i < SEEDS; i++) {
		const uint64_t seed = i < 32 ? i : fs_random_next(&random);

		ck_assert_double_le(mean_probes(seed, patterns[_i], false), 1.35);
		ck_assert_double_le(mean_probes(seed, patterns[_i], true), 1.35);
	}
}
END_TEST

START_TEST(another_seed_is_another_order)
{
	const struct key key = ports_in_a_row(0);
	uint32_t same = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++)
		same += fs_hash_ip(seed, key.ip, key.extra) % BUCKETS ==
			fs_hash_ip(seed + 1, key.ip, key.extra) % BUCKETS;
	ck_assert_uint_le(same, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/hash");
	TCase *tc = tcase_create("hash");

	tcase_add_loop_test(tc, keys_that_look_alike_are_spread, 0, ARRAY_SIZE(patterns));
	tcase_add_test(tc, another_seed_is_another_order);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
