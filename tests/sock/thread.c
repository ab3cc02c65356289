// SPDX-License-Identifier: BSD-2-Clause
/* thread.c - threads that share sockets, and the one that computes. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sem.h"

enum {
	CONNECTIONS = 8,
};

static int lfd, fds[CONNECTIONS];
static atomic_int served;

static void *serve(void *unused)
{
	char data[64];

	(void)unused;
	for (;;) {
		int fd = accept(lfd, NULL, NULL);
		ssize_t n;

		if (fd < 0)
			return NULL;
		while ((n = recv(fd, data, sizeof(data), 0)) > 0)
			send(fd, data, (size_t)n, MSG_NOSIGNAL);
		close(fd);
		served++;
	}
}

CASE(threads_accept_from_one_listener)
{
	struct helper *threads[4];

	lfd = listener(AF_INET, 0);
	be_fast(lfd);
	served = 0;
	for (int i = 0; i < 4; i++)
		threads[i] = in_thread(serve, NULL);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 4; i++)
			quiet_peer("connect %d tcp4 %d", i + 1, port);
		for (int i = 0; i < 4; i++)
			quiet_peer("send %d echo%d", i + 1, i);
		for (int i = 0; i < 4; i++)
			peer("recv %d 5", i + 1);
		for (int i = 0; i < 4; i++)
			quiet_peer("close %d", i + 1);
	}
	sleep_ms(100);
	say("%d served", (int)served);
	T(shutdown(lfd, SHUT_RDWR));
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	close(lfd);
}

static void *echo_one(void *at)
{
	const int fd = *(int *)at;
	char data[64];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		if (send(fd, data, (size_t)n, 0) != n)
			break;
	return NULL;
}

static void open_all(void)
{
	lfd = listener(AF_INET, 0);
	be_fast(lfd);
	for (int i = 0; i < CONNECTIONS; i++) {
		quiet_peer("connect %d tcp4 %d", i + 1, port);
		fds[i] = accept(lfd, NULL, NULL);
		note_fast(fds[i]);
	}
}

static void close_all(void)
{
	for (int i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
	close(lfd);
}

CASE(threads_receive_each_its_own)
{
	struct helper *threads[CONNECTIONS];

	open_all();
	for (int i = 0; i < CONNECTIONS; i++)
		threads[i] = in_thread(echo_one, &fds[i]);
	sleep_ms(30);
	for (int round = 0; round < 5; round++) {
		for (int i = CONNECTIONS; i > 0; i--)
			quiet_peer("send %d word%d", i, i);
		for (int i = 1; i <= CONNECTIONS; i++)
			peer("recv %d 5", i);
	}
	for (int i = 1; i <= CONNECTIONS; i++)
		quiet_peer("shut %d 1", i);
	for (int i = 0; i < CONNECTIONS; i++)
		join(threads[i]);
	close_all();
}

static int ep, stop_fd[2];

static void *serve_events(void *unused)
{
	struct epoll_event events[4];
	char data[64];

	(void)unused;
	for (;;) {
		int n = epoll_wait(ep, events, 4, -1);

		for (int i = 0; i < n; i++) {
			const int fd = events[i].data.fd;
			ssize_t len;

			if (fd == stop_fd[0])
				return NULL;
			len = recv(fd, data, sizeof(data), MSG_DONTWAIT);
			if (len > 0)
				send(fd, data, (size_t)len, 0);
			epoll_ctl(ep, EPOLL_CTL_MOD, fd, &(struct epoll_event){
				.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd });
		}
	}
}

CASE(threads_wait_on_one_set)
{
	struct helper *threads[4];

	ep = epoll_create1(0);
	T(pipe(stop_fd));
	open_all();
	for (int i = 0; i < CONNECTIONS; i++)
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &(struct epoll_event){
			.events = EPOLLIN | EPOLLONESHOT, .data.fd = fds[i] });
	epoll_ctl(ep, EPOLL_CTL_ADD, stop_fd[0], &(struct epoll_event){
		.events = EPOLLIN, .data.fd = stop_fd[0] });
	for (int i = 0; i < 4; i++)
		threads[i] = in_thread(serve_events, NULL);
	for (int round = 0; round < 5; round++) {
		for (int i = 1; i <= CONNECTIONS; i++)
			quiet_peer("send %d word%d", i, i);
		for (int i = 1; i <= CONNECTIONS; i++)
			peer("recv %d 5", i);
	}
	T(write(stop_fd[1], "x", 1));
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	close_all();
	close(ep);
	close(stop_fd[0]);
	close(stop_fd[1]);
}

/* The peer writes more than its buffer holds: it gets rid of it only if somebody acknowledges. */
CASE(acknowledged_while_the_program_computes)
{
	int fd = accepted(), n = 0;
	static char data[200000];
	int64_t began;

	quiet_peer("after 50 fill 1 100000");
	began = now_ms();
	while (now_ms() - began < 1500)
		;
	peer("send 1 end");
	while (n < 100003) {
		ssize_t got = recv(fd, data + n, sizeof(data) - (size_t)n, 0);

		if (got <= 0)
			break;
		n += (int)got;
	}
	say_bytes("data", data, n);
	close(fd);
}

/* Retransmission, too, and the FIN after close(). */
CASE(sent_while_the_program_computes)
{
	static char data[60000];
	int fd = accepted();
	int64_t began;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	T(send(fd, data, 60000, 0));
	T(close(fd));
	quiet_peer("after 1 drain 1");
	began = now_ms();
	while (now_ms() - began < 500)
		;
	peer("state 1");
}

static void *read_side(void *unused)
{
	static char data[1 << 16];
	ssize_t n;
	long all = 0;

	(void)unused;
	while ((n = recv(fds[0], data, sizeof(data), 0)) > 0)
		all += n;
	say("received %ld", all);
	return NULL;
}

CASE(one_thread_reads_and_one_writes)
{
	static char data[1 << 16];
	struct helper *h;

	fds[0] = accepted();
	h = in_thread(read_side, NULL);
	for (int i = 0; i < 20; i++) {
		send(fds[0], data, sizeof(data), MSG_NOSIGNAL);
		quiet_peer("recv 1 65536");
		quiet_peer("fill 1 65536");
	}
	quiet_peer("shut 1 1");
	join(h);
	close(fds[0]);
}
