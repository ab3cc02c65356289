/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_kernel.h - tcp_load on kernel sockets: level-triggered epoll, as most
 * programs do it. A single connection that spins needs no epoll and has none.
 */
#ifndef FS_BENCH_TCP_KERNEL_H
#define FS_BENCH_TCP_KERNEL_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/tcp_client.h"

struct tcp_kernel_slot {
	int fd;
	bool connected, wants_out;
};

static struct {
	struct sockaddr_storage server;
	socklen_t server_len;
	struct tcp_kernel_slot *slots;
	bool spin, alone;
	int epfd;
	uint8_t bytes[65536];
} tcp_kernel;

static void tcp_kernel_open(const struct tcp_opts *o)
{
	struct rlimit files;
	int len = fs_addr_to_sockaddr(&o->server, &tcp_kernel.server);

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	tcp_kernel.server_len = (socklen_t)len;
	tcp_kernel.slots = calloc(o->slots, sizeof(*tcp_kernel.slots));
	tcp_kernel.epfd = epoll_create1(0);
	tcp_kernel.spin = o->spin;
	tcp_kernel.alone = o->spin && o->slots == 1;
	if (len < 0 || !tcp_kernel.slots || tcp_kernel.epfd < 0)
		err(1, "epoll");
}

static void tcp_kernel_watch(unsigned int slot, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = slot };

	epoll_ctl(tcp_kernel.epfd, op, tcp_kernel.slots[slot].fd, &event);
}

static int tcp_kernel_connect(unsigned int slot)
{
	struct tcp_kernel_slot *s = &tcp_kernel.slots[slot];
	const int one = 1;

	s->fd = socket(tcp_kernel.server.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->connected = false;
	if (connect(s->fd, (struct sockaddr *)&tcp_kernel.server, tcp_kernel.server_len) &&
	    errno != EINPROGRESS) {
		int error = -errno;

		close(s->fd);
		return error;
	}
	s->wants_out = true;
	tcp_kernel_watch(slot, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
	return 0;
}

static ssize_t tcp_kernel_send(unsigned int slot, const void *data, size_t len)
{
	struct tcp_kernel_slot *s = &tcp_kernel.slots[slot];
	ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN && !s->wants_out) {
		s->wants_out = true;
		tcp_kernel_watch(slot, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
	return n < 0 ? -errno : n;
}

static ssize_t tcp_kernel_recv(unsigned int slot, const uint8_t **data)
{
	ssize_t n = recv(tcp_kernel.slots[slot].fd, tcp_kernel.bytes, sizeof(tcp_kernel.bytes), 0);

	*data = tcp_kernel.bytes;
	return n < 0 ? -errno : n;
}

static void tcp_kernel_close(unsigned int slot)
{
	close(tcp_kernel.slots[slot].fd);
}

static enum tcp_event_type tcp_kernel_look(unsigned int slot, uint32_t events)
{
	struct tcp_kernel_slot *s = &tcp_kernel.slots[slot];

	if (events & EPOLLERR)
		return TCP_FAILED;
	if (events & EPOLLOUT && s->wants_out) {
		s->connected = true;
		s->wants_out = false;
		tcp_kernel_watch(slot, EPOLL_CTL_MOD, EPOLLIN);
	}
	return TCP_MOVE;
}

static int tcp_kernel_poll(struct tcp_event events[TCP_EVENTS])
{
	struct epoll_event ready[TCP_EVENTS];
	int n;

	if (tcp_kernel.alone && tcp_kernel.slots[0].connected) {
		events[0] = (struct tcp_event){ 0, TCP_MOVE };
		return 1;
	}
	n = epoll_wait(tcp_kernel.epfd, ready, TCP_EVENTS,
		       tcp_kernel.spin ? 0 : TCP_SLEEP_US / 1000);
	for (int i = 0; i < n; i++)
		events[i] = (struct tcp_event){ ready[i].data.u32, tcp_kernel_look(
			ready[i].data.u32, ready[i].events) };
	return n < 0 ? 0 : n;
}

static void tcp_kernel_end(void)
{
}

static const struct tcp_client tcp_kernel_client = {
	"kernel", tcp_kernel_open, tcp_kernel_connect, tcp_kernel_send, tcp_kernel_recv,
	tcp_kernel_close, tcp_kernel_poll, tcp_kernel_end,
};

#endif
