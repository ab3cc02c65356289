/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_helpers.h - in place of libbpf's, to compile bpf/ as a part of a program.
 * The helpers are tests/lib/native.h's.
 */
#ifndef FS_TESTS_SHIM_BPF_HELPERS_H
#define FS_TESTS_SHIM_BPF_HELPERS_H

#include <linux/bpf.h>

#define SEC(name)
#define __uint(name, val)	int (*name)[val]
#define __type(name, val)	typeof(val) *name
#ifndef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#endif
#define barrier()		asm volatile("" ::: "memory")
#define barrier_var(var)	asm volatile("" : "+r"(var))

enum { LIBBPF_PIN_BY_NAME = 1 };

static void *bpf_map_lookup_elem(void *map, const void *key);
static long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
static long bpf_redirect_map(void *map, __u64 key, __u64 flags);
static long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int len, __u32 flags);
static __u64 bpf_ktime_get_ns(void);
static long bpf_perf_event_output(struct xdp_md *ctx, void *map, __u64 flags, void *data,
				  __u64 size);
static long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 off, void *to, __u32 len);
static long bpf_xdp_store_bytes(struct xdp_md *ctx, __u32 off, void *from, __u32 len);
static struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size,
					   __u64 netns, __u64 flags);
static long bpf_sk_release(void *sock);
static __s64 bpf_csum_diff(__be32 *from, __u32 from_len, __be32 *to, __u32 to_len, __u32 seed);

#endif
