// SPDX-License-Identifier: BSD-2-Clause
/*
 * csum.c - the sum over a run of bytes.
 *
 * One's complement sums do not mind the width of their words, so 64 bits at
 * a time with the carry added back; two lanes keep two additions under way.
 */
#include "base/csum.h"

static uint64_t load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Fewer than eight bytes, zero-padded behind. */
static uint64_t load_tail(const uint8_t *p, size_t len)
{
	uint64_t word = 0;
	uint32_t four;
	uint16_t two;
	size_t at = 0;

	if (len & 4) {
		memcpy(&four, p, 4);
		word = four;
		at = 4;
	}
	if (len & 2) {
		memcpy(&two, p + at, 2);
		word += two;
	}
	if (len & 1) {
		uint8_t last[2] = { p[len - 1], 0 };

		memcpy(&two, last, 2);
		word += two;
	}
	return word;
}

uint64_t fs_csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t other = 0;

	for (; len >= 32; len -= 32, p += 32) {
		sum = fs_csum_add64(sum, load64(p));
		other = fs_csum_add64(other, load64(p + 8));
		sum = fs_csum_add64(sum, load64(p + 16));
		other = fs_csum_add64(other, load64(p + 24));
	}
	if (len & 16) {
		sum = fs_csum_add64(sum, load64(p));
		other = fs_csum_add64(other, load64(p + 8));
		p += 16;
	}
	if (len & 8) {
		sum = fs_csum_add64(sum, load64(p));
		p += 8;
	}
	if (len & 7)
		other = fs_csum_add64(other, load_tail(p, len & 7));
	return fs_csum_add64(sum, other);
}
