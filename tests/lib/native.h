/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.h - the XDP program compiled into a test, at a test's speed and under
 * the sanitizers: the frame, the scratch memory and each map's value are blocks
 * of exactly their size.
 *
 * What the verifier proves of the program's bounds does not hold for this
 * compilation, so the sanitizer has something to find: a mask that hides an
 * offset that is too large, a length that is taken from the wrong place.
 * Include it in one file of a program, built with -Itests/shim.
 */
#ifndef TESTS_LIB_NATIVE_H
#define TESTS_LIB_NATIVE_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>

#include "tests/lib/must.h"

/* The kernel's has 32 bits for each pointer, which its verifier rewrites. */
struct native_md {
	uintptr_t data, data_end;
	uint32_t ingress_ifindex, rx_queue_index;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define xdp_md native_md
#define in6_u __in6_u		/* the C library's struct in6_addr */
#define u6_addr32 __u6_addr32
#include "bpf/fastsock.bpf.c"
#undef u6_addr32
#undef in6_u
#undef xdp_md
#pragma GCC diagnostic pop

enum { NATIVE_RULES_MAX = 8 };

/* What the program finds around it. */
static struct {
	struct fs_config *config;
	struct fs_stats *stats;
	struct fs_scratch *scratch;
	struct fs_hot *hot;
	struct fs_kv_hot *kv_hot;
	struct fs_kv_small *small;	/* the only entry; its key's hash */
	uint64_t small_hash;
	struct fs_rate *rate;		/* the only source */
	struct {
		struct fs_rule_key key;
		struct fs_rule rule;
	} rules[NATIVE_RULES_MAX];
	unsigned int n_rules;
	uint32_t queue;
	bool has_sockets;
	long fib;			/* the route of every address */
	struct bpf_sock sock;		/* the kernel's of every connection; state 0: none */
	unsigned int sock_refs;
	uint64_t now_ns;
} native;

static inline void native_open(void)
{
	memset(&native, 0, sizeof(native));
	native.config = calloc(1, sizeof(*native.config));
	native.stats = calloc(1, sizeof(*native.stats));
	native.scratch = calloc(1, sizeof(*native.scratch));
	native.hot = calloc(1, sizeof(*native.hot));
	native.kv_hot = calloc(FS_KV_HOT_ENTRIES, sizeof(*native.kv_hot));
	native.small = calloc(1, sizeof(*native.small));
	native.rate = calloc(1, sizeof(*native.rate));
	must(native.config && native.stats && native.scratch && native.hot && native.kv_hot &&
	     native.small && native.rate);
}

static inline void native_close(void)
{
	free(native.config);
	free(native.stats);
	free(native.scratch);
	free(native.hot);
	free(native.kv_hot);
	free(native.small);
	free(native.rate);
}

/* Room for one more, which the caller fills in. */
static inline void native_rule(const struct fs_rule_key *key, const struct fs_rule *rule)
{
	must(native.n_rules < NATIVE_RULES_MAX);
	native.rules[native.n_rules].key = *key;
	native.rules[native.n_rules++].rule = *rule;
}

/* Run on @len bytes at @frame, which may change. Returns the XDP action. */
static inline int native_run(uint8_t *frame, uint32_t len)
{
	struct native_md md = {
		.data = (uintptr_t)frame,
		.data_end = (uintptr_t)frame + len,
		.ingress_ifindex = 1,
		.rx_queue_index = native.queue,
	};

	return fastsock(&md);
}

static inline uint64_t native_count(enum fs_stat stat)
{
	return ((uint64_t *)native.stats)[stat];
}

/* The verdicts that counted since @before; the last of them in @verdict. */
static inline unsigned int native_verdicts(const struct fs_stats *before, int *verdict)
{
	unsigned int counted = 0;

	for (int i = FS_STAT_rx_packets + 1; i < FS_STAT_verdicts_end; i++) {
		uint64_t more = native_count(i) - ((const uint64_t *)before)[i];

		counted += (unsigned int)more;
		if (more)
			*verdict = i;
	}
	return counted;
}

/* --- helpers --------------------------------------------------------------- */

static struct fs_rule *native_find_rule(const void *key)
{
	for (unsigned int i = 0; i < native.n_rules; i++)
		if (!memcmp(&native.rules[i].key, key, sizeof(struct fs_rule_key)))
			return &native.rules[i].rule;
	return NULL;
}

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	uint64_t hash;

	if (map == &config)
		return native.config;
	if (map == &stats)
		return native.stats;
	if (map == &scratch)
		return native.scratch;
	if (map == &hot)
		return native.hot;
	if (map == &rules)
		return native_find_rule(key);
	if (map == &rates)
		return native.rate->last_ns ? native.rate : NULL;
	if (map == &kv_hot)
		return *(const uint32_t *)key < FS_KV_HOT_ENTRIES ?
		       &native.kv_hot[*(const uint32_t *)key] : NULL;
	if (map != &kv_small)
		return NULL;
	memcpy(&hash, key, sizeof(hash));
	return hash == native.small_hash ? native.small : NULL;
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	(void)key;
	(void)flags;
	must(map == &rates);
	memcpy(native.rate, value, sizeof(*native.rate));
	return 0;
}

static long bpf_redirect_map(void *map, __u64 key, __u64 flags)
{
	must(map == &xsks);
	return native.has_sockets && key < FS_XSKS_MAX ? XDP_REDIRECT : (long)flags;
}

static long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int len, __u32 flags)
{
	(void)ctx;
	must(params->ifindex == 1 && len == sizeof(*params) && !flags);
	return native.fib;
}

static struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size,
					   __u64 netns, __u64 flags)
{
	(void)ctx;
	must(size == sizeof(tuple->ipv4) || size == sizeof(tuple->ipv6));
	must(netns == (__u64)BPF_F_CURRENT_NETNS && !flags && !native.sock_refs);
	native.sock_refs = native.sock.state != 0;
	return native.sock.state ? &native.sock : NULL;
}

static long bpf_sk_release(void *sock)
{
	must(sock == &native.sock && native.sock_refs == 1);
	native.sock_refs = 0;
	return 0;
}

static __u64 bpf_ktime_get_ns(void)
{
	return native.now_ns += 1000;
}

static long bpf_perf_event_output(struct native_md *ctx, void *map, __u64 flags, void *data,
				  __u64 size)
{
	must(map == &captures && size == sizeof(struct fs_capture) && data);
	/* As the kernel has it: no more than there is. */
	return flags >> 32 > ctx->data_end - ctx->data ? -EFAULT : 0;
}

static void *native_bytes(struct native_md *ctx, __u32 off, __u32 len)
{
	const uintptr_t have = ctx->data_end - ctx->data;

	return off > have || len > have - off ? NULL : (void *)(ctx->data + off);
}

static long bpf_xdp_load_bytes(struct native_md *ctx, __u32 off, void *to, __u32 len)
{
	const void *from = native_bytes(ctx, off, len);

	if (!from)
		return -EINVAL;
	memcpy(to, from, len);
	return 0;
}

static long bpf_xdp_store_bytes(struct native_md *ctx, __u32 off, void *from, __u32 len)
{
	void *to = native_bytes(ctx, off, len);

	if (!to)
		return -EINVAL;
	memcpy(to, from, len);
	return 0;
}

static __s64 bpf_csum_diff(__be32 *from, __u32 from_len, __be32 *to, __u32 to_len, __u32 seed)
{
	uint64_t sum = seed;

	must(!from && !from_len && !(to_len & 3) && to_len <= 512);
	for (__u32 i = 0; i < to_len / 4; i++)
		sum += to[i];
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__s64)((sum & 0xffffffff) + (sum >> 32));
}

#endif
