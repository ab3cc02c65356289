/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret.h - what only this stack can compute: initial sequence numbers,
 * timestamp offsets, SYN cookies, fast open cookies. All are keyed hashes
 * over the addresses of the connection; nothing is remembered.
 *
 * A SYN cookie (RFC 4987 3.6) is the sequence number of a SYN-ACK that left no
 * state behind. What the SYN said comes back with the ACK:
 *
 *	ISS of the SYN-ACK:   | 29 bits of a hash over    | index of the  |
 *	                      | flow, peer's ISS and slot | MSS, blinded  |
 *	                       31                        3 2             0
 *
 *	TSval of the SYN-ACK: | our clock, in units of 64 ms | ecn | sack | wscale |
 *	less the flow's offset 31                           6    5      4  3      0
 *
 * A slot is 64 s long and a cookie is good in its own and the next. The
 * slot stands in the hash, which is as good as a new key for each slot, and
 * is not in the cookie: whoever guesses has 2 chances in 2^29.
 */
#ifndef FS_TCP_SECRET_H
#define FS_TCP_SECRET_H

#include "base/seq.h"
#include "base/siphash.h"

/* The two ends, from our side. IPv4 in the first four bytes, the rest zero. */
struct fs_tcp_flow_id {
	uint8_t local[16];
	uint8_t remote[16];
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t family;
};

struct fs_tcp_secret {
	struct fs_siphash_key isn;
	struct fs_siphash_key ts;
	struct fs_siphash_key cookie;
	struct fs_siphash_key fastopen;
};

enum {
	FS_TCP_FASTOPEN_COOKIE_LEN = 8,
	/* How far the TSval of a cookie may lie behind the clock. */
	FS_TCP_COOKIE_TS_LAG_MS = 64,
};

/* Derives every key: the same seed gives the same numbers. */
void fs_tcp_secret_init(struct fs_tcp_secret *secret, uint64_t seed);

/* RFC 6528 3: a clock of 4 us ticks, from another start for each flow. */
seq32 fs_tcp_isn(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
		 uint64_t now_ns);

/*
 * What a connection adds to the clock below to get its TSval (RFC 7323 5.4).
 * The same for each incarnation of a flow, so that PAWS holds across them.
 */
uint32_t fs_tcp_ts_offset(const struct fs_tcp_secret *secret,
			  const struct fs_tcp_flow_id *flow);

/* The timestamp clock ticks in ms. */
static inline uint32_t fs_tcp_ts_clock(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NSEC_PER_MSEC);
}

/* What a cookie keeps of a SYN. */
struct fs_tcp_cookie {
	uint16_t mss;		/* comes back as the next of 8 values below, 64 at least */
	uint8_t wscale;		/* the peer's; means something with has_wscale only */
	bool has_wscale;
	bool sack;
	bool ecn;
	bool ts;		/* the rest but for mss is kept by timestamps only */
};

/* The ISS of the SYN-ACK. @mss is the peer's, or what its absence stands for. */
seq32 fs_tcp_cookie_make(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
			 seq32 peer_iss, uint16_t mss, uint64_t now_ns);

/*
 * The TSval of that SYN-ACK: never after the flow's clock, and at most
 * FS_TCP_COOKIE_TS_LAG_MS behind it. Its echo is no good as an RTT sample.
 */
uint32_t fs_tcp_cookie_tsval(const struct fs_tcp_secret *secret,
			     const struct fs_tcp_flow_id *flow,
			     const struct fs_tcp_cookie *cookie, uint64_t now_ns);

/*
 * Is @cookie (the segment's ACK - 1) ours, for a SYN with @peer_iss (its SEQ -
 * 1)? Then *out is what is left of that SYN. @tsecr is NULL when the
 * segment has no timestamps; without them there is neither window scale nor
 * SACK nor ECN. The caller must still offer each of these itself to use it:
 * a peer may have made up its echo.
 */
bool fs_tcp_cookie_check(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
			 seq32 peer_iss, seq32 cookie, const ts32 *tsecr, uint64_t now_ns,
			 struct fs_tcp_cookie *out);

/* RFC 7413 4.1.2: the cookie that a client of this address must show. */
void fs_tcp_fastopen_cookie(const struct fs_tcp_secret *secret, uint8_t family,
			    const uint8_t ip[16], uint8_t out[FS_TCP_FASTOPEN_COOKIE_LEN]);

#endif
