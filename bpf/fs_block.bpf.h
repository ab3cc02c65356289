/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_block.bpf.h - bytes from the frame into scratch->block, and into the frame.
 *
 * Through helpers, or word by word through direct access. A helper's call costs
 * as much as some thirty words: where the CPU needs its returns guarded against
 * speculation, each return is a misprediction.
 */
#ifndef FS_BLOCK_BPF_H
#define FS_BLOCK_BPF_H

#include "fs_csum.bpf.h"

enum {
	FS_BLOCK_SHORT = 128,	/* word by word up to here */
	/* Headers, a kv key and short bytes behind it are below. For the verifier. */
	FS_FRAME_MASK = 2047,
};

/*
 * 1 <= @len <= @max, in two comparisons of one register. A compiler makes one
 * of them, from which the verifier learns nothing about @len.
 */
#define fs_is_length(len, max)						\
({									\
	int fs_is_length_ = 0;						\
	barrier_var(len);						\
	if ((len) <= (max)) {						\
		barrier_var(len);					\
		fs_is_length_ = (len) != 0;				\
	}								\
	fs_is_length_;							\
})

/* A word's first bytes in memory, @count of them from 0 to 7, and zeros. */
static __always_inline __u64 fs_word_first(__u64 word, __u32 count)
{
	return word & bpf_cpu_to_be64(~(~0ull >> 8 * count));
}

/* It moved back in memory by @count bytes, 1 to 7, and zeros before it. */
static __always_inline __u64 fs_word_shift(__u64 word, __u32 count)
{
	return bpf_cpu_to_be64(bpf_be64_to_cpu(word) >> 8 * count);
}

/* Its last bytes, 1 to 7, as its first, and zeros. */
static __always_inline __u64 fs_word_last(__u64 word, __u32 count)
{
	return bpf_cpu_to_be64(bpf_be64_to_cpu(word) << 8 * (8 - count));
}

/* @count words in the frame at @off, or NULL. */
static __always_inline fs_word64 *fs_frame_words(struct xdp_md *ctx, __u32 off, __u32 count)
{
	fs_word64 *at = (void *)(long)ctx->data + (off & FS_FRAME_MASK);

	return (void *)(at + count) > (void *)(long)ctx->data_end ? NULL : at;
}

static __always_inline fs_word64 *fs_frame_word(struct xdp_md *ctx, __u32 off)
{
	return fs_frame_words(ctx, off, 1);
}

/*
 * The sum of the first @len bytes of scratch->block, zero-padded to a 32-bit
 * word. In pieces of 512, because bpf_csum_diff() takes no more before Linux
 * 6.12.
 */
static __always_inline __u32 fs_block_sum(struct fs_scratch *scratch, __u32 len)
{
	__u32 sum = 0;

	for (int i = 0; i < FS_BLOCK_MAX / 512; i++) {
		__u32 piece;

		if (len <= i * 512u)
			break;
		piece = len - i * 512u;
		if (piece > 512)
			piece = 512;
		piece = (piece + 3) & 0x3fc;
		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(scratch->block + i * 512), piece,
					   sum);
	}
	return sum;
}

/*
 * Copy @len bytes of the frame from @off on, behind its headers, into
 * scratch->block, and sum them up. Returns 0, or -1 when there is nothing to
 * read, the frame is shorter or the block is.
 */
static __always_inline int fs_block_read(struct xdp_md *ctx, struct fs_scratch *scratch,
					 __u32 off, __u32 len, __u64 *sum)
{
	if (!fs_is_length(len, FS_BLOCK_MAX))
		return -1;
	*(__u32 *)(scratch->block + (len & ~3u)) = 0;
	if (bpf_xdp_load_bytes(ctx, off, scratch->block, len))
		return -1;
	*sum = fs_block_sum(scratch, len);
	return 0;
}

/*
 * The same for at most FS_BLOCK_SHORT bytes, where time matters: it is more code.
 * The last bytes come first: behind the loop the verifier would follow them
 * once for each way out of it. @off is behind the headers, so that a word
 * which ends with those bytes begins in the frame.
 */
static __always_inline int fs_block_read_short(struct xdp_md *ctx, struct fs_scratch *scratch,
					       __u32 off, __u32 len, __u64 *sum)
{
	__u32 whole = len & ~7u, rest = len & 7, i = 0;
	__u64 word, total = 0;
	fs_word64 *at;

	if (rest) {
		at = fs_frame_word(ctx, off + len - 8);
		if (!at)
			return -1;
		word = fs_word_last(*at, rest);
		*(__u64 *)(scratch->block + whole) = word;
		total = fs_csum_word(word);
	}
#pragma clang loop unroll(disable)
	for (; i < FS_BLOCK_SHORT; i += 32) {
		__u64 *to = (__u64 *)(scratch->block + i);

		if (i + 32 > whole)
			break;
		at = fs_frame_words(ctx, off + i, 4);
		if (!at)
			return -1;
		to[0] = at[0];
		to[1] = at[1];
		to[2] = at[2];
		to[3] = at[3];
		total += fs_csum_word(to[0]) + fs_csum_word(to[1]) +
			 fs_csum_word(to[2]) + fs_csum_word(to[3]);
	}
#pragma clang loop unroll(disable)
	for (; i < FS_BLOCK_SHORT; i += 8) {
		if (i >= whole)
			break;
		at = fs_frame_word(ctx, off + i);
		if (!at)
			return -1;
		word = *at;
		*(__u64 *)(scratch->block + i) = word;
		total += fs_csum_word(word);
	}
	*sum = total;
	return 0;
}

/*
 * Write @len bytes, at most @max (a constant), to the frame at @off, behind its
 * headers. @from is whole words; a last word keeps what the frame has before its
 * bytes. Returns 0, or -1 when the frame is shorter: then it may be half written,
 * so ask for room that is known to be there.
 */
static __always_inline int fs_frame_write_short(struct xdp_md *ctx, __u32 off, const __u64 *from,
						__u32 len, __u32 max)
{
	__u32 whole = len & ~7u, rest = len & 7, i = 0;
	fs_word64 *at;

	if (rest) {
		at = fs_frame_word(ctx, off + len - 8);
		if (!at)
			return -1;
		*at = fs_word_first(*at, 8 - rest) | fs_word_shift(from[whole / 8], 8 - rest);
	}
#pragma clang loop unroll(disable)
	for (; i < max; i += 32) {
		if (i + 32 > whole)
			break;
		at = fs_frame_words(ctx, off + i, 4);
		if (!at)
			return -1;
		at[0] = from[i / 8];
		at[1] = from[i / 8 + 1];
		at[2] = from[i / 8 + 2];
		at[3] = from[i / 8 + 3];
	}
#pragma clang loop unroll(disable)
	for (; i < max; i += 8) {
		if (i >= whole)
			break;
		at = fs_frame_word(ctx, off + i);
		if (!at)
			return -1;
		*at = from[i / 8];
	}
	return 0;
}

#endif
