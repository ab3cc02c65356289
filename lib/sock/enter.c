// SPDX-License-Identifier: BSD-2-Clause
/*
 * enter.c - from a descriptor to a socket, and a socket's own life.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "sock/twin.h"
#include "tcp/conn.h"
#include "udp/udp_priv.h"

static uint32_t ready(struct fs_file *file)
{
	const struct fs_sock *s = container_of(file, struct fs_sock, file);

	switch (s->state) {
	case FS_SOCK_NEW:
		return s->error ? EPOLLERR : 0;
	case FS_SOCK_LISTENING:
		return fs_sock_listener_has(s) ? EPOLLIN | EPOLLRDNORM : 0;
	case FS_SOCK_CONNECTING:
		return 0;
	case FS_SOCK_FAILED:
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLRDHUP | EPOLLHUP |
			(s->error ? EPOLLERR : 0);
	case FS_SOCK_CONNECTED:
		return fs_tcp_sock_ready(s);
	case FS_SOCK_DATAGRAM:
		return (s->udp && fs_udp_has(s->udp) ? EPOLLIN | EPOLLRDNORM : 0) |
			(s->error ? EPOLLERR : 0);
	}
	return 0;
}

static bool in_kernel(const struct fs_file *file)
{
	const struct fs_sock *s = container_of(file, struct fs_sock, file);

	return s->state == FS_SOCK_NEW || s->state == FS_SOCK_LISTENING ||
	       s->state == FS_SOCK_DATAGRAM;
}

static bool outlives(const struct fs_file *file)
{
	const struct fs_sock *s = container_of(file, struct fs_sock, file);

	return s->tcp;
}

static void close_sock(struct fs_file *file)
{
	struct fs_sock *s = container_of(file, struct fs_sock, file);

	if (s->tcp)
		fs_tcp_close(s->tcp);
	fs_migrate_out(s);
	fs_sock_unlisten(s);
	if (file->also >= 0)
		FS_LIBC(close, file->also);
	file->also = -1;
	fs_udp_close(s->udp);
	if (s->tcp && fs_engine.stack)
		fs_engine_send();
	s->tcp = NULL;
	s->udp = NULL;
	s->state = FS_SOCK_FAILED;
}

static void free_sock(struct fs_file *file)
{
	struct fs_sock *s = container_of(file, struct fs_sock, file);

	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	fs_inherit_put(s->given);
	fs_inherit_put(s->owed);
	fs_defer_free(s);
	free(s);
}

struct fs_sock *fs_socks;

static void link_sock(struct fs_sock *s)
{
	s->next = fs_socks;
	s->at = &fs_socks;
	if (s->next)
		s->next->at = &s->next;
	fs_socks = s;
}

static const struct fs_file_ops ops = {
	.ready = ready,
	.in_kernel = in_kernel,
	.outlives = outlives,
	.close = close_sock,
	.free = free_sock,
};

struct fs_sock *fs_sock_alloc(int family, int type)
{
	struct fs_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->family = family;
	s->type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	s->nonblock = type & SOCK_NONBLOCK;
	s->rcvtimeo_ns = s->sndtimeo_ns = FS_NEVER;
	s->rcvlowat = 1;
	s->retry_ns = FS_NEVER;
	s->file.also = -1;
	return s;
}

int fs_sock_attach(struct fs_sock *s, int fd)
{
	if ((unsigned int)fd >= FS_FILES_MAX)
		return -EMFILE;
	fs_file_init(&s->file, FS_FILE_SOCK, &ops, fd);
	link_sock(s);
	return 0;
}

struct fs_sock *fs_sock_new(int fd, int family, int type)
{
	struct fs_sock *s = fs_sock_alloc(family, type);

	if (s && fs_sock_attach(s, fd)) {
		free(s);
		return NULL;
	}
	return s;
}

__thread struct fs_file *fs_sock_held __attribute__((tls_model("initial-exec")));

void fs_sock_let_go(void)
{
	struct fs_file *file = fs_sock_held;

	fs_sock_held = NULL;
	fs_file_put(file);
}

struct fs_sock *fs_sock_enter(int fd)
{
	struct fs_file *file;

	if (!fs_file_is_ours(fd))
		return NULL;
	fs_engine_lock();
	file = fs_file_at(fd);
	if ((uintptr_t)file > (uintptr_t)FS_FILE_KERNEL && file->kind == FS_FILE_SOCK)
		return container_of(file, struct fs_sock, file);
	fs_engine_unlock();
	return NULL;
}

/* A listener that a parent process has left us: nginx hands them over by number. */
void fs_sock_adopt(int fd)
{
	const int family = fs_sock_twin_int(fd, SOL_SOCKET, SO_DOMAIN, -1);
	struct fs_sock *s;

	if (fs_sock_twin_int(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 1 ||
	    fs_sock_twin_int(fd, SOL_SOCKET, SO_TYPE, 0) != SOCK_STREAM ||
	    (family != AF_INET && family != AF_INET6)) {
		fs_file_mark(fd, FS_FILE_KERNEL);
		return;
	}
	fs_engine_lock();
	if (!fs_file_at(fd)) {
		s = fs_sock_new(fd, family, SOCK_STREAM);
		if (s) {
			s->state = FS_SOCK_LISTENING;
			s->nonblock = FS_LIBC(fcntl, fd, F_GETFL) & O_NONBLOCK;
			fs_sock_adopt_options(s);
			fs_migrate_find(s);
		}
	}
	fs_engine_unlock();
}

/* Only the first of several that share a socket gets here; accepted ones have no options. */
void fs_sock_give_up(struct fs_sock *s, enum fs_socket_reason reason)
{
	const enum fs_socket_sort sort = s->type == SOCK_DGRAM ? FS_SORT_UDP :
		s->state == FS_SOCK_LISTENING ? FS_SORT_LISTENER : FS_SORT_TCP;

	fs_reason_count(sort, reason);
	if (s->twin_nonblock && !s->nonblock)
		fs_sock_twin_nonblock(s, false);
	fs_file_leave(&s->file);
}

/* With both directions shut down, what still comes is answered by a reset: tcp_input.c. */
static void refuse_data(struct fs_sock *s)
{
	struct fs_tcp *tcp = s->tcp;

	if (!fs_tcp_has(tcp, FS_TCP_SHUT_WR) || tcp->bytes_received == s->rx_at_shut)
		return;
	s->tcp = NULL;
	s->state = FS_SOCK_FAILED;
	s->error = -ECONNRESET;
	fs_tcp_abort(tcp);
	fs_engine_flush();
}

void fs_sock_event(struct fs_sock *s, const struct fs_event *event)
{
	if (event->type == FS_EV_CONNECTED)
		s->state = FS_SOCK_CONNECTED;
	if (event->type == FS_EV_ERROR) {
		s->error = event->error;
		if (s->state == FS_SOCK_CONNECTING)
			s->state = FS_SOCK_FAILED;
	}
	if (s->shut_rd && s->state == FS_SOCK_CONNECTED)
		refuse_data(s);
	if (s->deferred_at)
		fs_defer_news(s);
	if (s->defer && s->listener)
		fs_defer_collect(s);
	fs_file_news(&s->file);
}

int fs_sock_take_error(struct fs_sock *s)
{
	const int error = s->error;

	s->error = 0;
	if (error && s->tcp)
		s->tcp->error = 0;
	return error;
}

socklen_t fs_sock_put_addr(const struct fs_sock *s, const struct fs_addr *addr,
			   struct sockaddr *out, socklen_t *len)
{
	struct fs_addr copy = *addr;
	struct sockaddr_storage sa;
	int size;

	if (s->family == AF_INET6 && copy.family == AF_INET)
		fs_addr_map(&copy);
	size = fs_addr_to_sockaddr(&copy, &sa);
	if (size < 0)
		size = 0;
	if (out && len) {
		memcpy(out, &sa, MIN((size_t)*len, (size_t)size));
		*len = (socklen_t)size;
	}
	return (socklen_t)size;
}

int fs_sock_get_addr(const struct sockaddr *sa, socklen_t len, struct fs_addr *out)
{
	int err = fs_addr_from_sockaddr(out, sa, len);

	if (!err)
		fs_addr_unmap(out);
	return err;
}
