// SPDX-License-Identifier: BSD-2-Clause
/*
 * secret.c - keyed hashes over a flow, and what is packed into them.
 *
 * Each use has a key of its own: a number that a stranger may see, such as a
 * timestamp offset, must say nothing about one that he may not foresee.
 *
 * Compared with Linux's cookies the sequence number does not grow with the
 * peer's and with time; its bits go to the hash instead (29 against 24), as in
 * FreeBSD, where a cookie is as random as any initial sequence number.
 */
#include "tcp/secret.h"

#define TICK_NS		(4 * NSEC_PER_USEC)
#define SLOT_NS		(64 * NSEC_PER_SEC)

enum {
	FLOW_LEN = 16 + 16 + 2 + 2 + 1,

	MSS_BITS = 3,
	MSS_MASK = (1 << MSS_BITS) - 1,

	TS_WSCALE_MASK = 0xf,
	TS_WSCALE_NONE = 0xf,
	TS_SACK = 1 << 4,
	TS_ECN = 1 << 5,
	TS_BITS = 6,
	TS_MASK = (1 << TS_BITS) - 1,
};

/*
 * The first is for peers with odd needs: what we send must never exceed what
 * they asked for. Then the defaults of RFC 9293 3.7.1 for IPv4 and IPv6, what
 * tunnels leave (1360: IPv6 in WireGuard), and Ethernet with IPv6 and IPv4,
 * jumbo frames.
 */
static const uint16_t mss_of[1 << MSS_BITS] = { 64, 536, 1220, 1360, 1400, 1440, 1460, 8940 };

static uint8_t *put_flow(uint8_t *p, const struct fs_tcp_flow_id *flow)
{
	memcpy(p, flow->local, 16);
	memcpy(p + 16, flow->remote, 16);
	put_be16(p + 32, flow->local_port);
	put_be16(p + 34, flow->remote_port);
	p[36] = flow->family;
	return p + FLOW_LEN;
}

static uint64_t hash_flow(struct fs_siphash_key key, const struct fs_tcp_flow_id *flow)
{
	uint8_t bytes[FLOW_LEN];

	put_flow(bytes, flow);
	return fs_siphash(key, bytes, sizeof(bytes));
}

/* The names of the uses are the input: no two keys are alike. */
static struct fs_siphash_key derive(uint64_t seed, const char *use)
{
	const struct fs_siphash_key first = { seed, 0 }, second = { seed, 1 };

	return (struct fs_siphash_key){
		fs_siphash(first, use, strlen(use)),
		fs_siphash(second, use, strlen(use)),
	};
}

void fs_tcp_secret_init(struct fs_tcp_secret *secret, uint64_t seed)
{
	secret->isn = derive(seed, "initial sequence number");
	secret->ts = derive(seed, "timestamp offset");
	secret->cookie = derive(seed, "SYN cookie");
	secret->fastopen = derive(seed, "fast open cookie");
}

seq32 fs_tcp_isn(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
		 uint64_t now_ns)
{
	return (seq32){ (uint32_t)(now_ns / TICK_NS + hash_flow(secret->isn, flow)) };
}

uint32_t fs_tcp_ts_offset(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow)
{
	return (uint32_t)hash_flow(secret->ts, flow);
}

static uint32_t hash_cookie(const struct fs_tcp_secret *secret,
			    const struct fs_tcp_flow_id *flow, seq32 peer_iss, uint64_t slot)
{
	uint8_t bytes[FLOW_LEN + 12], *p = put_flow(bytes, flow);

	put_be32(p, peer_iss.raw);
	put_be32(p + 4, (uint32_t)(slot >> 32));
	put_be32(p + 8, (uint32_t)slot);
	return (uint32_t)fs_siphash(secret->cookie, bytes, sizeof(bytes));
}

static uint32_t mss_index(uint16_t mss)
{
	uint32_t i = MSS_MASK;

	while (i && mss_of[i] > mss)
		i--;
	return i;
}

seq32 fs_tcp_cookie_make(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
			 seq32 peer_iss, uint16_t mss, uint64_t now_ns)
{
	return (seq32){ hash_cookie(secret, flow, peer_iss, now_ns / SLOT_NS) ^ mss_index(mss) };
}

uint32_t fs_tcp_cookie_tsval(const struct fs_tcp_secret *secret,
			     const struct fs_tcp_flow_id *flow,
			     const struct fs_tcp_cookie *cookie, uint64_t now_ns)
{
	uint32_t clock = fs_tcp_ts_clock(now_ns);
	uint32_t bits = cookie->has_wscale ? cookie->wscale & TS_WSCALE_MASK : TS_WSCALE_NONE;
	uint32_t ts;

	if (cookie->sack)
		bits |= TS_SACK;
	if (cookie->ecn)
		bits |= TS_ECN;
	ts = (clock & ~(uint32_t)TS_MASK) | bits;
	/* What follows has the plain clock, and must not seem older: PAWS. */
	if (bits > (clock & TS_MASK))
		ts -= 1u << TS_BITS;
	return ts + fs_tcp_ts_offset(secret, flow);
}

static void read_options(uint32_t bits, struct fs_tcp_cookie *out)
{
	uint32_t wscale = bits & TS_WSCALE_MASK;

	out->ts = true;
	out->has_wscale = wscale != TS_WSCALE_NONE;
	out->wscale = (uint8_t)(out->has_wscale ? wscale : 0);
	out->sack = bits & TS_SACK;
	out->ecn = bits & TS_ECN;
}

bool fs_tcp_cookie_check(const struct fs_tcp_secret *secret, const struct fs_tcp_flow_id *flow,
			 seq32 peer_iss, seq32 cookie, const ts32 *tsecr, uint64_t now_ns,
			 struct fs_tcp_cookie *out)
{
	const uint64_t slot = now_ns / SLOT_NS;
	uint32_t index = cookie.raw ^ hash_cookie(secret, flow, peer_iss, slot);

	if (index > MSS_MASK && slot)
		index = cookie.raw ^ hash_cookie(secret, flow, peer_iss, slot - 1);
	if (index > MSS_MASK)
		return false;
	*out = (struct fs_tcp_cookie){ .mss = mss_of[index] };
	if (tsecr)
		read_options((tsecr->raw - fs_tcp_ts_offset(secret, flow)) & TS_MASK, out);
	return true;
}

void fs_tcp_fastopen_cookie(const struct fs_tcp_secret *secret, uint8_t family,
			    const uint8_t ip[16], uint8_t out[FS_TCP_FASTOPEN_COOKIE_LEN])
{
	uint8_t bytes[17];
	uint64_t hash;

	memcpy(bytes, ip, 16);
	bytes[16] = family;
	hash = fs_siphash(secret->fastopen, bytes, sizeof(bytes));
	put_be32(out, (uint32_t)(hash >> 32));
	put_be32(out + 4, (uint32_t)hash);
}
