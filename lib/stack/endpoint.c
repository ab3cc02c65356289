// SPDX-License-Identifier: BSD-2-Clause
/*
 * endpoint.c - endpoints are opened on the public stack here: the protocols
 * know its tables only. Options may be shorter or longer than ours.
 */
#include <errno.h>

#include "stack/stack.h"

/* Fields that the caller does not know of are 0. False: no options at all. */
static bool copy_opts(void *opts, size_t size, const void *user, size_t user_size)
{
	memset(opts, 0, size);
	if (!user_size)
		return false;
	memcpy(opts, user, MIN(user_size, size));
	return true;
}

int fs_udp_open(struct fs_udp **out, struct fs_stack *stack, const struct fs_udp_opts *user)
{
	struct fs_udp_opts opts;

	if (!user || !copy_opts(&opts, sizeof(opts), user, user->sz))
		return -EINVAL;
	return fs_udp_create(out, stack->udp, &opts);
}

int fs_tcp_listen(struct fs_tcp_listener **out, struct fs_stack *stack,
		  const struct fs_tcp_listen_opts *user)
{
	struct fs_tcp_listen_opts opts;

	if (!user || !copy_opts(&opts, sizeof(opts), user, user->sz))
		return -EINVAL;
	return fs_tcp_listener_open(out, stack->tcp, &opts);
}

int fs_tcp_connect(struct fs_tcp **out, struct fs_stack *stack,
		   const struct fs_tcp_connect_opts *user)
{
	struct fs_tcp_connect_opts opts;

	if (!user || !copy_opts(&opts, sizeof(opts), user, user->sz))
		return -EINVAL;
	return fs_tcp_connect_open(out, stack->tcp, &opts, -1);
}
