/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_tcp.h - TCP echo on kernel sockets with level-triggered epoll. What a
 * connection does not take waits in its buffer, and nothing is read meanwhile.
 */
#ifndef FS_BENCH_KERNEL_TCP_H
#define FS_BENCH_KERNEL_TCP_H

#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	KERNEL_TCP_EVENTS = 64,
	KERNEL_TCP_BYTES = 65536,
};

struct kernel_tcp_conn {
	int fd;
	size_t len;		/* waiting to be sent; 0: nothing */
	uint8_t *bytes;
};

static int kernel_tcp_epfd;

static void kernel_tcp_watch(struct kernel_tcp_conn *c, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	epoll_ctl(kernel_tcp_epfd, op, c->fd, &event);
}

static void kernel_tcp_close(struct kernel_tcp_conn *c)
{
	close(c->fd);
	free(c->bytes);
	free(c);
}

static void kernel_tcp_accept(int listener)
{
	const int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct kernel_tcp_conn *c = calloc(1, sizeof(*c));

		if (!c)
			err(1, "calloc");
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		kernel_tcp_watch(c, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* Send; keep what is refused. False: the connection is over. */
static bool kernel_tcp_send(struct kernel_tcp_conn *c, const uint8_t *bytes, size_t len)
{
	const bool waited = c->len;
	ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	c->len = len - (n < 0 ? 0 : (size_t)n);
	if (c->len) {
		if (!c->bytes)
			c->bytes = malloc(KERNEL_TCP_BYTES);
		if (!c->bytes)
			return false;
		memmove(c->bytes, bytes + len - c->len, c->len);
	}
	if (waited != (c->len > 0))
		kernel_tcp_watch(c, EPOLL_CTL_MOD, c->len ? EPOLLOUT : EPOLLIN);
	return true;
}

static bool kernel_tcp_echo(struct kernel_tcp_conn *c)
{
	static uint8_t bytes[KERNEL_TCP_BYTES];
	ssize_t n;

	if (c->len)
		return kernel_tcp_send(c, c->bytes, c->len);
	n = recv(c->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	return n > 0 && kernel_tcp_send(c, bytes, (size_t)n);
}

static int kernel_tcp_listen(uint16_t port)
{
	const struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096))
		err(1, "TCP port %u", port);
	return fd;
}

/* Does not return. */
static void serve_tcp(uint16_t port, bool spin)
{
	struct epoll_event events[KERNEL_TCP_EVENTS];
	struct kernel_tcp_conn self = { .fd = kernel_tcp_listen(port) };
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	kernel_tcp_epfd = epoll_create1(0);
	kernel_tcp_watch(&self, EPOLL_CTL_ADD, EPOLLIN);
	printf("kernel_echo: port %u\n", port);
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(kernel_tcp_epfd, events, KERNEL_TCP_EVENTS, spin ? 0 : -1);

		for (int i = 0; i < n; i++) {
			struct kernel_tcp_conn *c = events[i].data.ptr;

			if (c == &self)
				kernel_tcp_accept(self.fd);
			else if (!kernel_tcp_echo(c))
				kernel_tcp_close(c);
		}
	}
}

#endif
