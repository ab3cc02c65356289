/* SPDX-License-Identifier: BSD-2-Clause */
/* socket.h - the two rtnetlink sockets: events, and questions with answers. */
#ifndef FS_NL_SOCKET_H
#define FS_NL_SOCKET_H

#include <libmnl/libmnl.h>

#include "base/types.h"

enum {
	FS_NL_BUF_SIZE = 65536,		/* for events and dumps */
	FS_NL_ANSWER_SIZE = 8192,	/* for others: as large as the kernel makes them */
};

/* 0 or a positive number to count; negative stops. */
typedef int fs_nl_msg_fn(const struct nlmsghdr *nlh, void *ctx);

/* A descriptor or -errno. The first is non-blocking. */
int fs_nl_socket_events(void);
int fs_nl_socket_questions(void);

/*
 * Receive what is there, up to @size bytes at @buf, and call @fn for each
 * message. @flags as of recv().
 * The bytes received, 0 for a datagram that did not come from the kernel,
 * -ENOBUFS when something was lost or cut off, -EAGAIN, other -errno.
 */
ssize_t fs_nl_socket_recv(int fd, void *buf, size_t size, int flags, fs_nl_msg_fn *fn,
			  void *ctx);

/* A request in @buf, without its header and attributes yet. */
struct nlmsghdr *fs_nl_socket_begin(void *buf, uint32_t seq, uint16_t type, uint16_t flags);

/*
 * Send @nlh and call @fn (may be NULL) for each message of the answer.
 * The request's flags decide what ends it: a dump at NLMSG_DONE, else at one
 * message or acknowledgement. 0, the kernel's -errno, -EINTR for a dump that
 * changed under way, -ENOMEM, or what @fn returned negative.
 */
int fs_nl_socket_ask(int fd, struct nlmsghdr *nlh, fs_nl_msg_fn *fn, void *ctx);

/* Send @nlh, to which success has no answer. 0 or the kernel's -errno. */
int fs_nl_socket_tell(int fd, struct nlmsghdr *nlh);

#endif
