// SPDX-License-Identifier: BSD-2-Clause
/* The Internet checksum against a model of one addition at a time. */
#include <check.h>
#include <stdlib.h>

#include "base/csum.h"
#include "tests/lib/suite.h"

static uint16_t model(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* 0 and 0xffff are the same number in one's complement. */
static uint16_t canonical(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

START_TEST(sum_equals_the_model_at_every_length)
{
	uint8_t data[1600];

	srand(7);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand();
	for (size_t len = 0; len < sizeof(data) - 8; len++) {
		const uint8_t *from = data + (len & 7);	/* and every alignment */
		be16 sum = { fs_csum_fold(fs_csum_add(0, from, len)) };

		ck_assert_uint_eq(canonical(be16_to(sum)), canonical(model(from, len)));
	}
}
END_TEST

START_TEST(all_ones_do_not_overflow_the_lanes)
{
	static uint8_t data[65536];

	memset(data, 0xff, sizeof(data));
	ck_assert_uint_eq(fs_csum_fold(fs_csum_add(UINT64_MAX, data, sizeof(data))), 0xffff);
}
END_TEST

START_TEST(twenty_bytes_are_summed_as_any_number_is)
{
	uint8_t data[20];

	srand(8);
	for (int i = 0; i < 10000; i++) {
		const bool full = i % 3 == 0;	/* many carries */

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = full && rand() % 8 ? 0xff : (uint8_t)rand();
		ck_assert_uint_eq(canonical(fs_csum_fold(fs_csum_add20(data))),
				  canonical(fs_csum_fold(fs_csum_add(0, data, sizeof(data)))));
	}
}
END_TEST

START_TEST(folding_adds_the_words_and_every_carry)
{
	static const uint64_t edge[] = {
		0, 1, 0xffff, 0x10000, 0xffffffff, 0x100000000, 0xffff0000ffff0000,
		0x0000ffff0000ffff, 0xfffffffffffffffe, UINT64_MAX, 0x8000800080008000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		uint64_t sum = edge[i];

		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		ck_assert_uint_eq(fs_csum_fold(edge[i]), sum);
	}
}
END_TEST

START_TEST(example_of_rfc1071_holds)
{
	const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	be16 sum = { fs_csum_fold(fs_csum_add(0, data, sizeof(data))) };

	ck_assert_uint_eq(be16_to(sum), 0xddf2);
}
END_TEST

START_TEST(pseudo_headers_are_sums_of_their_fields)
{
	const uint8_t v6[40] = { [0] = 0xfd, [15] = 1, [16] = 0xfd, [31] = 2,
				 [34] = 0x05, [35] = 0xdc, [39] = 17 };
	const uint8_t v4[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0x05, 0xdc };

	ck_assert_uint_eq(fs_csum_fold(fs_csum_pseudo6(v6, v6 + 16, 17, 1500)),
			  fs_csum_fold(fs_csum_add(0, v6, sizeof(v6))));
	ck_assert_uint_eq(fs_csum_fold(fs_csum_pseudo4(v4, v4 + 4, 17, 1500)),
			  fs_csum_fold(fs_csum_add(0, v4, sizeof(v4))));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/csum");
	TCase *tc = tcase_create("csum");

	tcase_add_test(tc, sum_equals_the_model_at_every_length);
	tcase_add_test(tc, all_ones_do_not_overflow_the_lanes);
	tcase_add_test(tc, twenty_bytes_are_summed_as_any_number_is);
	tcase_add_test(tc, folding_adds_the_words_and_every_carry);
	tcase_add_test(tc, example_of_rfc1071_holds);
	tcase_add_test(tc, pseudo_headers_are_sums_of_their_fields);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
