/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash for what a
 * stranger sees and must not be able to predict or forge.
 *
 * hash.h is faster and enough for tables; this is for sequence numbers,
 * cookies and whatever else leaves the host.
 */
#ifndef FS_BASE_SIPHASH_H
#define FS_BASE_SIPHASH_H

#include "base/types.h"

struct fs_siphash_key {
	uint64_t k0, k1;
};

struct fs_siphash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t fs_siphash_rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void fs_siphash_round(struct fs_siphash_state *s)
{
	s->v0 += s->v1;
	s->v1 = fs_siphash_rotate(s->v1, 13) ^ s->v0;
	s->v0 = fs_siphash_rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = fs_siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = fs_siphash_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = fs_siphash_rotate(s->v1, 17) ^ s->v2;
	s->v2 = fs_siphash_rotate(s->v2, 32);
}

static inline void fs_siphash_word(struct fs_siphash_state *s, uint64_t word)
{
	s->v3 ^= word;
	fs_siphash_round(s);
	fs_siphash_round(s);
	s->v0 ^= word;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint64_t fs_siphash_swap(uint64_t word) { return word; }
#else
static inline uint64_t fs_siphash_swap(uint64_t word) { return __builtin_bswap64(word); }
#endif

/* A word of the message: its first byte is the lowest. */
static inline uint64_t fs_siphash_load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return fs_siphash_swap(word);
}

/* The last word: what is left, less than 8 bytes, and zeros. */
static inline uint64_t fs_siphash_rest(const uint8_t *p, size_t n)
{
	uint64_t word = 0;

	while (n--)
		word = word << 8 | p[n];
	return word;
}

/* The hash as a number; as bytes it is written with the lowest first. */
static inline uint64_t fs_siphash(struct fs_siphash_key key, const void *data, size_t len)
{
	struct fs_siphash_state s = {
		.v0 = key.k0 ^ 0x736f6d6570736575ull,
		.v1 = key.k1 ^ 0x646f72616e646f6dull,
		.v2 = key.k0 ^ 0x6c7967656e657261ull,
		.v3 = key.k1 ^ 0x7465646279746573ull,
	};
	const uint8_t *p = data;
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8)
		fs_siphash_word(&s, fs_siphash_load(p));
	fs_siphash_word(&s, (uint64_t)len << 56 | fs_siphash_rest(p, left));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		fs_siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
