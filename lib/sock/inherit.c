// SPDX-License-Identifier: BSD-2-Clause
/*
 * inherit.c - what an accepted socket has of its listener: in the kernel it is
 * a copy. Our twin is a new socket, and most programs never look: so the list of
 * what was set is shared, and gone through when somebody does (settle).
 */
#include "sock/inherit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "sock/sock.h"

enum {
	OPTIONS_MAX = 32,
	VALUE_MAX = 16,
};

struct option {
	int level, name;
	socklen_t len;
	uint8_t value[VALUE_MAX];
};

struct fs_inherit {
	uint32_t refs, n;
	struct option of[OPTIONS_MAX];
};

void fs_inherit_put(struct fs_inherit *list)
{
	if (list && !--list->refs)
		free(list);
}

/* The list as the socket's alone: sockets that were accepted keep what it was. */
static struct fs_inherit *own(struct fs_sock *s)
{
	struct fs_inherit *list = s->given;

	if (list && list->refs == 1)
		return list;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	if (s->given) {
		*list = *s->given;
		fs_inherit_put(s->given);
	}
	list->refs = 1;
	s->given = list;
	return list;
}

static bool is_inherited(int level, int name)
{
	if (level == SOL_SOCKET)
		return name != SO_PRIORITY;
	return level != IPPROTO_TCP ||
		(name != TCP_DEFER_ACCEPT && name != TCP_FASTOPEN && name != TCP_REPAIR);
}

void fs_inherit_note(struct fs_sock *s, int level, int name, const void *value, socklen_t len)
{
	struct fs_inherit *list;
	uint32_t i = 0;

	if (len > VALUE_MAX || !is_inherited(level, name))
		return;
	list = own(s);
	while (list && i < list->n && (list->of[i].level != level || list->of[i].name != name))
		i++;
	if (!list || i == OPTIONS_MAX)
		return;
	list->of[i] = (struct option){ .level = level, .name = name, .len = len };
	if (len)
		memcpy(list->of[i].value, value, len);
	list->n = MAX(list->n, i + 1);
}

void fs_inherit_give(struct fs_sock *s, const struct fs_sock *listener)
{
	s->owed = listener->given;
	if (s->owed)
		s->owed->refs++;
}

void fs_inherit_apply(const struct fs_inherit *list, int fd)
{
	for (uint32_t i = 0; list && i < list->n; i++)
		FS_LIBC(setsockopt, fd, list->of[i].level, list->of[i].name,
			list->of[i].value, list->of[i].len);
}

void fs_inherit_settle(struct fs_sock *s)
{
	struct fs_inherit *list = s->owed;

	s->owed = NULL;
	fs_inherit_apply(list, s->file.fd);
	fs_inherit_put(list);
}
