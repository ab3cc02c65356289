/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zc.h - buffers: the only currency of the zero-copy doors.
 *
 * A struct fs_buf stands for one frame of the stack's UMEM (or, for a
 * datagram larger than a frame, and for what TCP has received while frames
 * were short, for a block of ordinary memory). It has one
 * owner at a time. Received buffers are lent to the application, which gives
 * each back by fs_buf_release(), or sends it on, which consumes it. Buffers
 * from fs_buf_alloc() are the application's until sent or released.
 *
 * Buffers belong to the stack's thread.
 */
#ifndef FASTSOCK_ZC_H
#define FASTSOCK_ZC_H

#include <fastsock/fastsock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fs_stack;

enum fs_buf_flag {
	FS_BUF_KERNEL = 1 << 0,		/* came by the kernel twin, not the fast path */
	FS_BUF_CSUM_PARTIAL = 1 << 1,	/* virtual link: sender left the checksum out */
	FS_BUF_ECN_CE = 1 << 2,		/* congestion experienced (RFC 3168) */
};

/*
 * The first 64 bytes are the application's to read, and, in a buffer that it
 * owns, to write: @data and @len within the buffer's room, and @remote and
 * @local to choose where it goes and from which address.
 */
struct fs_buf {
	uint8_t *data;		/* first byte of the payload */
	uint32_t len;		/* bytes of payload */
	uint16_t flags;		/* enum fs_buf_flag */
	uint8_t tos;		/* IPv4 TOS or IPv6 traffic class */
	uint8_t ttl;		/* received TTL or hop limit */
	struct fs_addr remote;
	struct fs_addr local;
	/* --- private to the library --- */
	uint8_t *area;		/* the chunk, or the heap block */
	uint32_t room;		/* bytes of @area */
	uint32_t ifindex;	/* where it came in */
	uint8_t state;
	uint8_t holders;
	uint8_t port;
	uint8_t kind;
	uint16_t l2_len;
	uint16_t l3_len;
	struct fs_pool *pool;
	struct fs_buf *next;
	uint64_t rx_ns;
	struct fs_buf *heap_next;
	struct fs_buf **heap_at;
};

#ifndef __cplusplus
_Static_assert(sizeof(struct fs_buf) == 128, "fs_buf is two cache lines");
_Static_assert(offsetof(struct fs_buf, area) == 64, "the application's line");
#endif

/*
 * fs_buf_alloc - take an empty buffer with room for @len bytes of payload.
 *
 * Up to fs_stack_buf_room() bytes it is a frame, above that (65,507 at the
 * most) a heap block that is sent through the kernel twin. @data points at
 * the room, @len is @len, the addresses are unset.
 * Call on the stack's thread; does not block; allocates for heap blocks only.
 *
 * Returns the buffer, or NULL when the pool is empty or @len too large.
 */
FS_API struct fs_buf *fs_buf_alloc(struct fs_stack *stack, size_t len);

/*
 * fs_buf_release - give buffers back. NULL entries are skipped.
 *
 * They must be the application's: lent by a receive, or allocated and not
 * sent. Call on the stack's thread; does not block; no errors.
 */
FS_API void fs_buf_release(struct fs_buf **bufs, size_t n);

/*
 * fs_buf_headroom, fs_buf_tailroom - bytes free before and after the payload
 * that the application may move @data and @len into. What the library needs
 * for its own headers is not counted.
 *
 * Call on the stack's thread; no errors.
 */
FS_API size_t fs_buf_headroom(const struct fs_buf *buf);
FS_API size_t fs_buf_tailroom(const struct fs_buf *buf);

#ifdef __cplusplus
}
#endif

#endif
