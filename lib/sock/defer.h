/* SPDX-License-Identifier: BSD-2-Clause */
/* defer.h - connections of a listener that nobody is told of yet. */
#ifndef FS_SOCK_DEFER_H
#define FS_SOCK_DEFER_H

#include "timer/wheel.h"

struct fs_sock;

struct fs_defer_list {
	struct fs_sock *first, *last;
	uint32_t n;
};

/* Of a listener with the option, or that had it. */
struct fs_defer {
	struct fs_sock *listener;
	uint64_t limit_ns;		/* how long a silent one is held back; 0: no longer */
	struct fs_defer_list silent, due;
	struct fs_timer timer;		/* the first of the silent ones has waited long enough */
};

/* What the twin says of TCP_DEFER_ACCEPT is so from now on. Without memory nobody is held back. */
void fs_defer_set(struct fs_sock *listener);
void fs_defer_free(struct fs_sock *listener);
/* Does accept() find somebody? */
bool fs_defer_has(const struct fs_sock *listener);
/* From the stack's queue, as many as the backlog holds. */
void fs_defer_collect(struct fs_sock *listener);
/* Something happened to one of them. */
void fs_defer_news(struct fs_sock *conn);
/* The next one to be accepted, or with @silent any at all, the caller's; NULL: none. */
struct fs_sock *fs_defer_take(struct fs_sock *listener, bool silent);
/* The listener is closed, or, without @abort, they are the parent process'. */
void fs_defer_drop(struct fs_sock *listener, bool abort);

#endif
