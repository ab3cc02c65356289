// SPDX-License-Identifier: BSD-2-Clause
/* buf.c - the application's verbs on buffers (fastsock/zc.h). */
#include <sys/socket.h>

#include "stack/stack.h"

enum {
	PAYLOAD_MAX = 65507,
};

size_t fs_stack_buf_room(const struct fs_stack *stack)
{
	return stack->host.pool->chunk_size - FS_POOL_HEADROOM;
}

struct fs_buf *fs_buf_alloc(struct fs_stack *stack, size_t len)
{
	struct fs_pool *pool = stack->host.pool;
	struct fs_buf *buf;

	if (len > PAYLOAD_MAX)
		return NULL;
	if (len > fs_stack_buf_room(stack))
		return fs_pool_take_heap(pool, len);
	buf = fs_pool_take(pool, FS_BUF_STAGED);
	if (!buf)
		return NULL;
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = (uint32_t)len;
	buf->flags = 0;
	buf->tos = 0;
	buf->ttl = 0;
	buf->port = UINT8_MAX;
	buf->remote = (struct fs_addr){ .family = AF_UNSPEC };
	buf->local = (struct fs_addr){ .family = AF_UNSPEC };
	return buf;
}

void fs_buf_release(struct fs_buf **bufs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!bufs[i])
			continue;
		assert(bufs[i]->state == FS_BUF_LENT || bufs[i]->state == FS_BUF_STAGED);
		fs_pool_put(bufs[i]);
	}
}

size_t fs_buf_headroom(const struct fs_buf *buf)
{
	size_t room = (size_t)(buf->data - buf->area);

	return room > FS_HOST_HEADERS_MAX ? room - FS_HOST_HEADERS_MAX : 0;
}

size_t fs_buf_tailroom(const struct fs_buf *buf)
{
	return (size_t)(buf->area + buf->room - (buf->data + buf->len));
}
