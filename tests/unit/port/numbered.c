// SPDX-License-Identifier: BSD-2-Clause
#include <check.h>
#include <stdlib.h>

#include "numbered.h"

unsigned int queue_frame(struct fs_port *port, uint8_t number, uint32_t len)
{
	struct fs_buf *buf = fs_pool_take(port->pool, FS_BUF_TX);

	ck_assert_ptr_nonnull(buf);
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = len;
	memset(buf->data, number, len);
	if (port->ops->tx(port, &buf, 1))
		return 1;
	fs_pool_put(buf);
	return 0;
}

void emit(struct fs_port *port, uint8_t number, uint32_t len)
{
	ck_assert_uint_eq(queue_frame(port, number, len), 1);
	port->ops->kick(port);
}

int rx(struct fs_port *port)
{
	struct fs_buf *buf;
	int number;

	if (!port->ops->rx(port, &buf, 1))
		return -1;
	ck_assert_int_eq(buf->state, FS_BUF_RX);
	ck_assert_uint_eq(buf->ifindex, port->ifindex);
	ck_assert_uint_eq(buf->port, port->index);
	ck_assert(!memcmp(buf->data, buf->data + 1, buf->len - 1));
	number = buf->data[0];
	fs_pool_put(buf);
	return number;
}
