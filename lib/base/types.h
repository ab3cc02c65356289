/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - integers with units, and the few macros everybody needs.
 *
 * Network-order, sequence and timestamp values are struct types: adding a
 * be16 to an int, or comparing a seq32 with <, does not compile.
 */
#ifndef FS_BASE_TYPES_H
#define FS_BASE_TYPES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint16_t raw; } be16;
typedef struct { uint32_t raw; } be32;
typedef struct { uint32_t raw; } seq32;	/* arithmetic: seq.h */
typedef struct { uint32_t raw; } ts32;	/* a TCP timestamp, in its clock's ticks */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline be16 be16_from(uint16_t v) { return (be16){ __builtin_bswap16(v) }; }
static inline be32 be32_from(uint32_t v) { return (be32){ __builtin_bswap32(v) }; }
static inline uint16_t be16_to(be16 v) { return __builtin_bswap16(v.raw); }
static inline uint32_t be32_to(be32 v) { return __builtin_bswap32(v.raw); }
#else
static inline be16 be16_from(uint16_t v) { return (be16){ v }; }
static inline be32 be32_from(uint32_t v) { return (be32){ v }; }
static inline uint16_t be16_to(be16 v) { return v.raw; }
static inline uint32_t be32_to(be32 v) { return v.raw; }
#endif

/* Unaligned reads and writes of wire values. */
static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	be16 b = be16_from(v);

	memcpy(p, &b, sizeof(b));
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	be32 b = be32_from(v);

	memcpy(p, &b, sizeof(b));
}

#define NSEC_PER_USEC	1000ull
#define NSEC_PER_MSEC	1000000ull
#define NSEC_PER_SEC	1000000000ull
#define FS_NEVER	UINT64_MAX	/* a time that does not come */

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

static inline uint32_t round_up_pow2(uint32_t v)
{
	return v <= 1 ? 1 : 1u << (32 - __builtin_clz(v - 1));
}

#endif
