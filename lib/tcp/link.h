/* SPDX-License-Identifier: BSD-2-Clause */
/* link.h - a ring of links: the list itself is one of them, and is in front. */
#ifndef FS_TCP_LINK_H
#define FS_TCP_LINK_H

#include "base/types.h"

struct fs_tcp_link {
	struct fs_tcp_link *next, *prev;
};

static inline void fs_tcp_link_init(struct fs_tcp_link *list)
{
	list->next = list->prev = list;
}

static inline bool fs_tcp_link_empty(const struct fs_tcp_link *list)
{
	return list->next == list;
}

/* Behind all others. */
static inline void fs_tcp_link_add(struct fs_tcp_link *list, struct fs_tcp_link *at)
{
	at->next = list;
	at->prev = list->prev;
	at->prev->next = at;
	list->prev = at;
}

static inline void fs_tcp_link_del(struct fs_tcp_link *at)
{
	at->next->prev = at->prev;
	at->prev->next = at->next;
}

#endif
