// SPDX-License-Identifier: BSD-2-Clause
/*
 * threads.c - everything that threads may do to the socket door at once, for
 * the sanitizers: the fs_ calls themselves, without a preload library.
 *
 *	threads PEER SECONDS	echoes on ports 7001 (threads that accept and serve),
 *				7002 (threads on one epoll set); talks to the peer's echo
 *				on 7003, TCP and UDP; says "ready", and at the end how much was done
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fastsock/epoll.h>

enum {
	SERVERS = 3,
	WAITERS = 3,
	PORT_SERVED = 7001,
	PORT_WAITED = 7002,
	PORT_PEER = 7003,
};

static struct sockaddr_in peer = { .sin_family = AF_INET };
static atomic_bool over;
static atomic_ulong served, waited, asked, datagrams, churned, failed;
static int served_fd, waited_fd, ep;

static int listening(uint16_t port, int flags)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = fs_socket(AF_INET, SOCK_STREAM | flags, 0);

	fs_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fs_bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || fs_listen(fd, 64))
		exit(3);
	return fd;
}

static void *serve(void *unused)
{
	char data[2048];
	ssize_t n;
	int fd;

	(void)unused;
	while ((fd = fs_accept(served_fd, NULL, NULL)) >= 0) {
		fs_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		while ((n = fs_recv(fd, data, sizeof(data), 0)) > 0)
			fs_send(fd, data, (size_t)n, MSG_NOSIGNAL);
		fs_close(fd);
		served++;
	}
	return NULL;
}

static void watch(int op, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = fd };

	fs_epoll_ctl(ep, op, fd, &event);
}

static void answer(int fd)
{
	char data[2048];
	ssize_t n = fs_recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0)
		fs_send(fd, data, (size_t)n, MSG_NOSIGNAL);
	if (n > 0 || n == -EAGAIN) {
		watch(EPOLL_CTL_MOD, fd);
	} else {
		fs_close(fd);
		waited++;
	}
}

static void *wait_for_events(void *unused)
{
	struct epoll_event events[4];

	(void)unused;
	while (!over) {
		const int n = fs_epoll_wait(ep, events, 4, 50);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd != waited_fd) {
				answer(fd);
				continue;
			}
			fd = fs_accept4(waited_fd, NULL, NULL, SOCK_NONBLOCK);
			if (fd >= 0)
				watch(EPOLL_CTL_ADD, fd);
			watch(EPOLL_CTL_MOD, waited_fd);
		}
	}
	return NULL;
}

static void *ask(void *unused)
{
	char data[64];

	(void)unused;
	while (!over) {
		int fd = fs_socket(AF_INET, SOCK_STREAM, 0), twin = fs_dup(fd);
		struct pollfd p = { .fd = twin, .events = POLLIN };

		if (fs_connect(fd, (struct sockaddr *)&peer, sizeof(peer)) ||
		    fs_send(fd, "hello", 5, 0) != 5 || fs_poll(&p, 1, 3000) != 1 ||
		    fs_recv(twin, data, sizeof(data), 0) != 5)
			failed++;
		fs_shutdown(fd, SHUT_WR);
		fs_close(fd);
		fs_close(twin);
		asked++;
	}
	return NULL;
}

static void *exchange_datagrams(void *unused)
{
	struct timeval patience = { .tv_usec = 200000 };
	int fd = fs_socket(AF_INET, SOCK_DGRAM, 0);
	char data[64];

	(void)unused;
	fs_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	fs_connect(fd, (struct sockaddr *)&peer, sizeof(peer));
	while (!over)
		if (fs_send(fd, "datagram", 8, 0) == 8 && fs_recv(fd, data, sizeof(data), 0) == 8)
			datagrams++;
	fs_close(fd);
	return NULL;
}

/* What is the kernel's alone looks at the door's state as well. */
static void pass_on(void)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { control, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct timeval now = { 0 };
	int pair[2];
	fd_set in;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	fs_sendmsg(pair[0], &msg, 0);
	FD_ZERO(&in);
	FD_SET(pair[1], &in);
	FD_SET(served_fd, &in);
	fs_select(pair[1] + 1, &in, NULL, NULL, &now);
	fs_close(pair[0]);
	fs_close(pair[1]);
	fs_close_range(900, 910, 0);
}

/* Descriptors come and go, and everybody reads the table of them. */
static void *churn(void *unused)
{
	const struct timespec nap = { .tv_nsec = 200000 };
	struct fs_sockets_stats stats = { .sz = sizeof(stats) };
	struct tcp_info info;

	(void)unused;
	while (!over) {
		int a = fs_socket(AF_INET, SOCK_STREAM, 0), b = fs_dup(a), c = fs_epoll_create1(0);
		struct epoll_event event = { .events = EPOLLIN };
		socklen_t len = sizeof(info);

		fs_epoll_ctl(c, EPOLL_CTL_ADD, served_fd, &event);
		fs_epoll_ctl(c, EPOLL_CTL_ADD, a, &event);
		fs_epoll_wait(c, &event, 1, 0);
		fs_getsockopt(b, IPPROTO_TCP, TCP_INFO, &info, &len);
		fs_fcntl(a, F_SETFL, O_NONBLOCK);
		fs_close(a);
		fs_close(c);
		fs_close(b);
		fs_sockets_stats(&stats);
		pass_on();
		churned++;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	void *(*const kinds[])(void *) = { ask, exchange_datagrams, churn };
	pthread_t threads[SERVERS + WAITERS + 3];
	int n = 0;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1)
		return 2;
	peer.sin_port = htons(PORT_PEER);
	served_fd = listening(PORT_SERVED, 0);
	waited_fd = listening(PORT_WAITED, SOCK_NONBLOCK);
	ep = fs_epoll_create1(0);
	watch(EPOLL_CTL_ADD, waited_fd);
	for (int i = 0; i < SERVERS; i++)
		pthread_create(&threads[n++], NULL, serve, NULL);
	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[n++], NULL, wait_for_events, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[n++], NULL, kinds[i], NULL);
	puts("ready");
	fflush(stdout);
	sleep((unsigned int)atoi(argv[2]));
	over = true;
	fs_shutdown(served_fd, SHUT_RDWR);
	while (n)
		pthread_join(threads[--n], NULL);
	fs_close(served_fd);
	fs_close(waited_fd);
	fs_close(ep);
	printf("served %lu waited %lu asked %lu datagrams %lu churned %lu failed %lu\n", served,
	       waited, asked, datagrams, churned, failed);
	fs_sockets_report(1);
	return failed != 0;
}
