// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool.c - the area behind a UMEM and the frames cut from it.
 *
 * The area is anonymous memory, on huge pages when some are free: fewer TLB
 * misses here and longer DMA runs in zero-copy. AF_XDP pins it at
 * registration; nothing here touches the kernel after fs_pool_open().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mem/pages.h"
#include "mem/pool.h"

enum {
	HEAP_TIMES = 16,	/* the area: what may stand in for frames */
};

static uint8_t *map_area(uint64_t *size, bool *hugepages)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	uint64_t huge_size = (*size + FS_HUGE_PAGE - 1) & ~(FS_HUGE_PAGE - 1);
	void *area = mmap(NULL, huge_size, prot, flags | MAP_HUGETLB, -1, 0);

	*hugepages = area != MAP_FAILED;
	if (*hugepages)
		*size = huge_size;
	else
		area = mmap(NULL, *size, prot, flags, -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	/* The kernel writes there: a child of fork() would copy it all, for nothing. */
	madvise(area, *size, MADV_DONTFORK);
	return area;
}

static void cut_frames(struct fs_pool *pool)
{
	for (uint32_t i = 0; i < pool->chunks; i++) {
		struct fs_buf *buf = &pool->bufs[i];

		buf->area = pool->area + ((uint64_t)i << pool->chunk_shift);
		buf->room = pool->chunk_size;
		buf->pool = pool;
		buf->kind = FS_BUF_FRAME;
		/* The lowest chunk is taken first. */
		pool->free[i] = pool->chunks - 1 - i;
	}
	pool->n_free = pool->chunks;
}

int fs_pool_open(struct fs_pool **out, const struct fs_pool_opts *opts)
{
	struct fs_pool *pool;
	int err = -ENOMEM;

	if (!opts->chunks || !is_pow2(opts->chunk_size) || opts->chunk_size < 2048 ||
	    opts->chunk_size > 4096)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->chunks = opts->chunks;
	pool->chunk_size = opts->chunk_size;
	pool->chunk_shift = (uint32_t)__builtin_ctz(opts->chunk_size);
	pool->area_size = (uint64_t)opts->chunks * opts->chunk_size;
	pool->heap_max = HEAP_TIMES * pool->area_size;
	pool->free = calloc(opts->chunks, sizeof(*pool->free));
	pool->bufs = aligned_alloc(64, (size_t)opts->chunks * sizeof(*pool->bufs));
	pool->area = map_area(&pool->area_size, &pool->hugepages);
	if (!pool->free || !pool->bufs || !pool->area) {
		err = fs_base_fail(&opts->log, -ENOMEM,
				   "no memory for %u frames of %u bytes; ask for fewer frames",
				   opts->chunks, opts->chunk_size);
		goto err_free;
	}
	memset(pool->bufs, 0, (size_t)opts->chunks * sizeof(*pool->bufs));
	cut_frames(pool);
	*out = pool;
	return 0;

err_free:
	if (pool->area)
		munmap(pool->area, pool->area_size);
	free(pool->bufs);
	free(pool->free);
	free(pool);
	return err;
}

void fs_pool_close(struct fs_pool *pool)
{
	if (!pool)
		return;
	assert(pool->n_free == pool->chunks);
	assert(!pool->heap);
	munmap(pool->area, pool->area_size);
	free(pool->bufs);
	free(pool->free);
	free(pool);
}

void fs_pool_census(const struct fs_pool *pool, uint32_t count[FS_BUF_STATE_COUNT])
{
	memset(count, 0, FS_BUF_STATE_COUNT * sizeof(*count));
	for (uint32_t i = 0; i < pool->chunks; i++)
		count[pool->bufs[i].state]++;
}

struct fs_buf *fs_pool_take_heap(struct fs_pool *pool, size_t len)
{
	size_t room = FS_POOL_HEADROOM + len;
	struct fs_buf *buf = calloc(1, sizeof(*buf));

	if (!buf)
		return NULL;
	buf->area = malloc(room);
	if (!buf->area) {
		free(buf);
		return NULL;
	}
	buf->room = (uint32_t)room;
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = (uint32_t)len;
	buf->pool = pool;
	buf->kind = FS_BUF_HEAP;
	buf->state = FS_BUF_STAGED;
	buf->holders = 1;
	buf->heap_at = &pool->heap;
	buf->heap_next = pool->heap;
	if (pool->heap)
		pool->heap->heap_at = &buf->heap_next;
	pool->heap = buf;
	pool->heap_bytes += room;
	return buf;
}

struct fs_buf *fs_pool_take_aside(struct fs_pool *pool, enum fs_buf_state to)
{
	struct fs_buf *buf;

	/* What came in a frame may fill it whole. */
	if (pool->heap_bytes + FS_POOL_HEADROOM + pool->chunk_size > pool->heap_max)
		return NULL;
	buf = fs_pool_take_heap(pool, pool->chunk_size);
	if (!buf) {
		/* The system has no more: what it gave is the most from now on. */
		pool->heap_max = pool->heap_bytes;
		return NULL;
	}
	pool->asides++;
	fs_buf_move(buf, FS_BUF_STAGED, to);
	return buf;
}

/* Without memory for it, it stays where it is. */
struct fs_buf *fs_pool_copy_aside(struct fs_buf *buf)
{
	struct fs_buf *copy = NULL;

	if (buf->kind == FS_BUF_FRAME)
		copy = fs_pool_take_aside(buf->pool, buf->state);
	if (!copy)
		return buf;
	copy->len = buf->len;
	copy->flags = buf->flags;
	copy->tos = buf->tos;
	copy->ttl = buf->ttl;
	copy->port = buf->port;
	copy->ifindex = buf->ifindex;
	copy->rx_ns = buf->rx_ns;
	memcpy(copy->data, buf->data, buf->len);
	fs_pool_put(buf);
	return copy;
}

void fs_pool_put_heap(struct fs_buf *buf)
{
	buf->pool->heap_bytes -= buf->room;
	*buf->heap_at = buf->heap_next;
	if (buf->heap_next)
		buf->heap_next->heap_at = buf->heap_at;
	free(buf->area);
	free(buf);
}
