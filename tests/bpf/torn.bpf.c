// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * torn.bpf.c - the steering program with a publisher that always comes between.
 *
 * Each copy of a small value of TORN_LEN bytes is followed by a new publication
 * of the entry, as long as the value's first byte, counted down, says so.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/fs_abi.h"

enum { TORN_LEN = 37 };

static long (*const store)(struct xdp_md *ctx, __u32 off, void *buf, __u32 len) =
	(void *)BPF_FUNC_xdp_store_bytes;

static __always_inline long store_and_tear(struct xdp_md *ctx, __u32 off, void *buf, __u32 len)
{
	struct fs_kv_small *entry = buf - __builtin_offsetof(struct fs_kv_small, value);
	long err = store(ctx, off, buf, len);

	if (len == TORN_LEN && entry->value[0]) {
		entry->value[0]--;
		entry->head.gen++;
		entry->gen_end++;
	}
	return err;
}

#define bpf_xdp_store_bytes store_and_tear
#include "bpf/fastsock.bpf.c"
