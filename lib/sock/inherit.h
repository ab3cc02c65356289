/* SPDX-License-Identifier: BSD-2-Clause */
/* inherit.h - options of a listener, for the sockets accepted from it. */
#ifndef FS_SOCK_INHERIT_H
#define FS_SOCK_INHERIT_H

#include <sys/socket.h>

struct fs_sock;
struct fs_inherit;

/* An option was set on what may become, or is, a listener. */
void fs_inherit_note(struct fs_sock *s, int level, int name, const void *value, socklen_t len);
/* @s has just been accepted. */
void fs_inherit_give(struct fs_sock *s, const struct fs_sock *listener);
/* The kernel's socket @fd has just been. */
void fs_inherit_apply(const struct fs_inherit *list, int fd);
/* Its twin gets them, if it has not: before anybody asks it. */
void fs_inherit_settle(struct fs_sock *s);
void fs_inherit_put(struct fs_inherit *list);

#endif
