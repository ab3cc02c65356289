/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - seeded mixing for tables whose keys come from the wire.
 *
 * Multiply-and-fold over 64-bit words with a secret seed: an attacker who
 * does not know the seed cannot aim at one bucket. After the last word it takes
 * fs_hash_end(): one fold leaves keys that differ in a few bits, as ports do, in few buckets.
 */
#ifndef FS_BASE_HASH_H
#define FS_BASE_HASH_H

#include "base/types.h"

static inline uint64_t fs_hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t fs_hash_word(uint64_t hash, uint64_t word)
{
	return fs_hash_mix(hash ^ word, 0x9e3779b97f4a7c15ull);
}

static inline uint64_t fs_hash_end(uint64_t hash)
{
	return fs_hash_mix(hash, 0xd6e8feb86659fd93ull);
}

/* To its end. */
static inline uint64_t fs_hash_ip(uint64_t seed, const uint8_t ip[16], uint64_t extra)
{
	uint64_t word[2];

	memcpy(word, ip, sizeof(word));
	return fs_hash_end(fs_hash_word(fs_hash_word(fs_hash_word(seed, word[0]), word[1]), extra));
}

#endif
