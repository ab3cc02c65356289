/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csum.h - the Internet checksum (RFC 1071), in memory order.
 *
 * A partial sum is a uint64_t of 16-bit words as they lie in memory, so
 * sums add freely and are byte-order independent until the end. fold()
 * gives the 16-bit one's complement sum; the field on the wire is its
 * complement, stored as it is.
 */
#ifndef FS_BASE_CSUM_H
#define FS_BASE_CSUM_H

#include "base/types.h"

/* Sum of @len bytes; the odd last byte is padded with zero behind it. */
uint64_t fs_csum_add(uint64_t sum, const void *data, size_t len);

/* A half turned onto the other: what the lower half carries out, the upper one gets. */
static inline uint16_t fs_csum_fold(uint64_t sum)
{
	uint32_t half;

	sum += sum >> 32 | sum << 32;
	half = (uint32_t)(sum >> 32);
	half += half >> 16 | half << 16;
	return (uint16_t)(half >> 16);
}

/* Add one 64-bit word with end-around carry, of which compilers make an adc. */
static inline uint64_t fs_csum_add64(uint64_t sum, uint64_t word)
{
	const bool carry = __builtin_add_overflow(sum, word, &sum);

	return sum + carry;
}

/* Twenty bytes: an IPv4 header without options, as nearly all are. */
static inline uint64_t fs_csum_add20(const uint8_t *p)
{
	uint64_t word[2];
	uint32_t last;

	memcpy(word, p, sizeof(word));
	memcpy(&last, p + sizeof(word), sizeof(last));
	return fs_csum_add64(fs_csum_add64(word[0], word[1]), last);
}

/* A host-order 16-bit value as one word of the sum. */
static inline uint64_t fs_csum_add16(uint64_t sum, uint16_t value)
{
	return fs_csum_add64(sum, be16_from(value).raw);
}

/* Pseudo-header of RFC 768 and RFC 8200 8.1. */
static inline uint64_t fs_csum_pseudo4(const uint8_t src[4], const uint8_t dst[4],
				       uint8_t proto, uint16_t l4_len)
{
	uint32_t s, d;

	memcpy(&s, src, 4);
	memcpy(&d, dst, 4);
	return (uint64_t)s + d + be16_from(proto).raw + be16_from(l4_len).raw;
}

static inline uint64_t fs_csum_pseudo6(const uint8_t src[16], const uint8_t dst[16],
				       uint8_t proto, uint32_t l4_len)
{
	uint64_t word[4], sum = (uint64_t)be32_from(l4_len).raw + be32_from(proto).raw;

	memcpy(word, src, 16);
	memcpy(word + 2, dst, 16);
	for (int i = 0; i < 4; i++)
		sum = fs_csum_add64(sum, word[i]);
	return sum;
}

#endif
