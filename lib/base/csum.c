// SPDX-License-Identifier: BSD-2-Clause
/*
 * csum.c - the sum over a run of bytes.
 *
 * Words of 32 bits into 64-bit accumulators: no carry to handle until the
 * end, and the compiler vectorises the inner loop.
 */
#include "base/csum.h"

static uint64_t add_tail(uint64_t sum, const uint8_t *p, size_t len)
{
	uint32_t word;
	uint8_t last[4] = { 0 };

	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&word, p, 4);
		sum = fs_csum_add64(sum, word);
	}
	memcpy(last, p, len);
	memcpy(&word, last, 4);
	return fs_csum_add64(sum, word);
}

uint64_t fs_csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t lanes[4] = { 0 };

	/* 2^32 words fit in a lane before it could overflow. */
	for (; len >= 32; len -= 32, p += 32) {
		uint32_t word[8];

		memcpy(word, p, 32);
		for (int i = 0; i < 4; i++)
			lanes[i] += (uint64_t)word[i] + word[i + 4];
	}
	for (int i = 0; i < 4; i++)
		sum = fs_csum_add64(sum, lanes[i]);
	return add_tail(sum, p, len);
}
