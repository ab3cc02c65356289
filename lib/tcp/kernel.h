/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - connections that the kernel has: what a listener's twin accepted,
 * because it came by loopback or by an interface without a fast path.
 *
 *	struct fs_tcp --kernel--> struct fs_tcp_kernel --watch.fd--> kernel socket
 *
 * The application gets the same handle with the same calls and events. Behind
 * it nothing runs here: no flow, no timer, no queue, only the descriptor. Its
 * state is FS_TCP_IN_KERNEL, which no other connection ever has: by that the
 * public calls turn to those below, which have the contracts of their namesakes.
 */
#ifndef FS_TCP_KERNEL_H
#define FS_TCP_KERNEL_H

#include "tcp/conn.h"

enum {
	FS_TCP_IN_KERNEL = FS_TCP_STATE_COUNT,
};

struct fs_tcp_kernel {
	struct fs_watch watch;
	struct fs_tcp *tcp;
	struct fs_tcp_kernel *next, **at;	/* all of the table's */
	struct fs_buf *unsent;		/* what is left of a buffer that went in part */
	bool ended;			/* the application has seen the end of the stream */
	struct fs_timer timer;		/* without a handle: how long it may take */
};

static inline bool fs_tcp_is_kernel(const struct fs_tcp *tcp)
{
	return tcp->flow.state == FS_TCP_IN_KERNEL;
}

/*
 * The listener's twin: fs_tcp_twin_open() and _close(), and between them ACCEPT
 * for what it has. Nothing is accepted before the application asks: until then
 * a connection waits in the kernel, and counts in its backlog.
 */
int fs_tcp_kernel_listen(struct fs_tcp_listener *listener, enum fs_twin need, int backlog,
			 struct fs_addr *bound);
void fs_tcp_kernel_unlisten(struct fs_tcp_listener *listener);
/* The next one, held by the application; NULL: none, or none for now. */
struct fs_tcp *fs_tcp_kernel_accept(struct fs_tcp_listener *listener);

void fs_tcp_kernel_close(struct fs_tcp *tcp);
void fs_tcp_kernel_abort(struct fs_tcp *tcp);
/* fs_tcp_handoff() of what is there already: the descriptor, or a copy as @fd. */
int fs_tcp_kernel_handoff(struct fs_tcp *tcp, int fd);
/* Every connection of the table, with or without a handle. */
void fs_tcp_kernel_close_all(struct fs_tcp_table *table);

/* --- kernel_io.c -------------------------------------------------------------------------- */

int fs_tcp_kernel_recv_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n);
ssize_t fs_tcp_kernel_recv(struct fs_tcp *tcp, void *data, size_t len);
int fs_tcp_kernel_send_zc(struct fs_tcp *tcp, struct fs_buf **bufs, unsigned int n);
ssize_t fs_tcp_kernel_send(struct fs_tcp *tcp, const void *data, size_t len);
size_t fs_tcp_kernel_send_space(const struct fs_tcp *tcp);
int fs_tcp_kernel_shutdown(struct fs_tcp *tcp);

/* The unsent rest. 0: it is gone; -EAGAIN: not all of it; or what ended the connection. */
int fs_tcp_kernel_flush(struct fs_tcp_kernel *k);
void fs_tcp_kernel_drop_unsent(struct fs_tcp_kernel *k);

/* Bytes that the peer has not acknowledged, and those that nobody has read. */
uint32_t fs_tcp_kernel_outq(const struct fs_tcp_kernel *k);
uint32_t fs_tcp_kernel_inq(const struct fs_tcp_kernel *k);

/* --- kernel_options.c ---------------------------------------------------------------------- */

int fs_tcp_kernel_set(struct fs_tcp *tcp, enum fs_tcp_option option, int value);
int fs_tcp_kernel_get(const struct fs_tcp *tcp, enum fs_tcp_option option);
int fs_tcp_kernel_set_cc(int fd, const char *name);
void fs_tcp_kernel_set_way(int fd, struct fs_tcp_way way);
void fs_tcp_kernel_info(const struct fs_tcp *tcp, struct fs_tcp_info *info);


#endif
