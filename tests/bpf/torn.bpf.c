// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * torn.bpf.c - the steering program with a publisher that always comes between.
 *
 * Each copy of a small value of TORN_LEN bytes is followed by a new publication
 * of the entry, as long as the value's first byte, counted down, says so.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/fs_block.bpf.h"

enum { TORN_LEN = 37 };

static __always_inline int write_and_tear(struct xdp_md *ctx, __u32 off, const __u64 *from,
					  __u32 len, __u32 max)
{
	struct fs_kv_small *entry = (void *)from - __builtin_offsetof(struct fs_kv_small, value);
	int err = fs_frame_write_short(ctx, off, from, len, max);

	if (len == TORN_LEN && entry->value[0]) {
		entry->value[0]--;
		entry->head.gen++;
		entry->gen_end++;
	}
	return err;
}

#define fs_frame_write_short write_and_tear
#include "bpf/fastsock.bpf.c"
