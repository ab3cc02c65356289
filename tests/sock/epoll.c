// SPDX-License-Identifier: BSD-2-Clause
/* epoll.c - epoll sets: levels, edges, and who is in them. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sem.h"

#define ALL	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

static int ctl(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, op, fd, &event);
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

/* What there is, in the order of the data: that of epoll is nobody's promise. */
static int look(int ep, int max, int ms)
{
	struct epoll_event events[32];
	char line[512] = "";
	int n = epoll_wait(ep, events, max, ms);

	if (n > 0)
		qsort(events, (size_t)n, sizeof(events[0]), by_data);
	for (int i = 0; i < n; i++)
		sprintf(line + strlen(line), " %llu:%x", (unsigned long long)events[i].data.u64,
			events[i].events);
	if (n < 0)
		say("    wait: %s", strerrorname_np(errno));
	else
		say("    wait:%s", n ? line : " nothing");
	return n;
}

CASE(epoll_by_level)
{
	char data[8];
	int ep = epoll_create1(0), fd = accepted();

	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	look(ep, 8, 10);
	peer("send 1 ab");
	look(ep, 8, 1000);
	look(ep, 8, 1000);
	T(recv(fd, data, 1, 0));
	look(ep, 8, 1000);
	T(recv(fd, data, 1, 0));
	look(ep, 8, 0);
	T(ctl(ep, EPOLL_CTL_MOD, fd, ALL, 2));
	look(ep, 8, 1000);
	look(ep, 8, 1000);
	peer("shut 1 1");
	settle();
	look(ep, 8, 1000);
	T(shutdown(fd, SHUT_WR));
	settle();
	look(ep, 8, 1000);
	T(ctl(ep, EPOLL_CTL_MOD, fd, 0, 3));
	look(ep, 8, 1000);
	T(ctl(ep, EPOLL_CTL_DEL, fd, 0, 0));
	look(ep, 8, 0);
	close(fd);
	close(ep);
}

/* The number is the application's: what comes back is what it gave. */
static int wrong_data(int ep, int fd, uint64_t first)
{
	struct epoll_event event = { 0 };
	int wrong = 0;

	for (uint64_t data = first; data < first + 4096; data += 8)
		if (ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN, data) ||
		    epoll_wait(ep, &event, 1, 0) != 1 || event.data.u64 != data)
			wrong++;
	return wrong;
}

/* Descriptors with what was in the upper half look like addresses: all large mappings'. */
CASE(epoll_data_that_looks_like_an_address)
{
	int ep = epoll_create1(0), fd = accepted(), wrong = 0, pipes[2];
	unsigned long long from, to;
	char line[512];
	FILE *maps;

	T(pipe(pipes));
	T((int)write(pipes[1], "x", 1));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 2));
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx", &from, &to) == 2 && to - from >= 64 << 20)
			wrong += wrong_data(ep, pipes[0], from);
	fclose(maps);
	say("%d wrong", wrong);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	close(ep);
}

CASE(epoll_by_edge)
{
	char data[8];
	int ep = epoll_create1(0), fd = accepted();

	T(ctl(ep, EPOLL_CTL_ADD, fd, ALL | EPOLLET, 1));
	look(ep, 8, 1000);
	look(ep, 8, 10);
	peer("send 1 ab");
	look(ep, 8, 1000);
	look(ep, 8, 20);
	peer("send 1 cd");
	look(ep, 8, 1000);
	look(ep, 8, 20);
	T(recv(fd, data, 2, 0));
	look(ep, 8, 20);
	T(ctl(ep, EPOLL_CTL_MOD, fd, ALL | EPOLLET, 2));
	look(ep, 8, 1000);
	look(ep, 8, 20);
	T(recv(fd, data, 8, 0));
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 2));
	look(ep, 8, 20);
	peer("shut 1 1");
	look(ep, 8, 1000);
	look(ep, 8, 20);
	peer("reset_conn 1");
	look(ep, 8, 1000);
	look(ep, 8, 20);
	close(fd);
	close(ep);
}

CASE(epoll_edge_when_a_full_buffer_drains)
{
	static char data[1 << 16];
	int ep = epoll_create1(0), fd = accepted();

	quiet_peer("buffer 1 8192");
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLOUT | EPOLLET, 1));
	look(ep, 8, 1000);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	say("full: %s", strerrorname_np(errno));
	look(ep, 8, 20);
	quiet_peer("after 1 recv 1 60000");
	for (int i = 0; i < 300; i++) {
		struct epoll_event event;

		if (epoll_wait(ep, &event, 1, 5) == 1) {
			say("an edge: %x", event.events);
			break;
		}
		quiet_peer("recv 1 60000");
	}
	T(send(fd, data, 10, MSG_DONTWAIT));
	look(ep, 8, 20);
	close(fd);
	close(ep);
}

CASE(epoll_once)
{
	char data[8];
	int ep = epoll_create1(0), fd = accepted();

	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, 1));
	peer("send 1 ab");
	look(ep, 8, 1000);
	look(ep, 8, 10);
	peer("send 1 cd");
	look(ep, 8, 20);
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 2));
	look(ep, 8, 1000);
	look(ep, 8, 10);
	T(recv(fd, data, 8, 0));
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT | EPOLLET, 3));
	look(ep, 8, 10);
	peer("reset_conn 1");
	look(ep, 8, 1000);
	look(ep, 8, 10);
	close(fd);
	close(ep);
}

CASE(epoll_of_wrong_arguments)
{
	struct epoll_event event;
	int ep = epoll_create1(EPOLL_CLOEXEC), fd = accepted(), p[2];

	T(fcntl(ep, F_GETFD));
	T(epoll_create1(77));
	T(epoll_create(0));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, 9999, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 1));
	T(ctl(ep, 7, fd, EPOLLIN, 1));
	T(ctl(fd, EPOLL_CTL_ADD, ep, EPOLLIN, 1));
	T(ctl(9999, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, fd, NULL));
	T(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	T(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN, 1));
	T(pipe(p));
	T(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP, 1));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE, 1));
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_DEL, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE, 1));
	T(epoll_wait(ep, &event, 0, 0));
	T(epoll_wait(ep, &event, -1, 0));
	T(epoll_wait(fd, &event, 1, 0));
	T(epoll_wait(9999, &event, 1, 0));
	T(epoll_wait(ep, &event, 1, 0));
	close(fd);
	close(p[0]);
	close(p[1]);
	close(ep);
}

CASE(epoll_of_all_kinds)
{
	int ep = epoll_create1(0), fd = accepted(), lfd, ev = eventfd(0, EFD_NONBLOCK), p[2], conn;

	port++;
	lfd = listener(AF_INET, SOCK_NONBLOCK);
	T(pipe(p));
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	T(ctl(ep, EPOLL_CTL_ADD, lfd, EPOLLIN, 2));
	T(ctl(ep, EPOLL_CTL_ADD, ev, EPOLLIN | EPOLLET, 3));
	T(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 4));
	T(ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET, 5));
	look(ep, 8, 10);
	quiet_peer("after 30 send 1 x");
	settle();
	look(ep, 8, 1000);
	eventfd_write(ev, 1);
	settle();
	look(ep, 8, 1000);
	T(write(p[1], "x", 1));
	quiet_peer("connect 2 tcp4 %d", port);
	settle();
	settle();
	look(ep, 8, 1000);
	conn = F(accept(lfd, NULL, NULL));
	note_fast(conn);
	close(p[1]);
	settle();
	look(ep, 8, 1000);
	T(read(p[0], &port, 1));
	close(fd);
	settle();
	look(ep, 8, 1000);
	close(p[0]);
	look(ep, 8, 10);
	close(lfd);
	close(conn);
	close(ev);
	close(ep);
}

CASE(epoll_of_a_connection_that_is_opened)
{
	struct sockaddr_storage sa;
	int ep = epoll_create1(0), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	to_peer(&sa, AF_INET, peer_port);
	quiet_peer("listen 0 %d", peer_port);
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET, 1));
	look(ep, 8, 10);
	look(ep, 8, 10);
	T(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	look(ep, 8, 1000);
	look(ep, 8, 10);
	note_fast(fd);
	quiet_peer("accept 1 0");
	peer("send 1 x");
	look(ep, 8, 1000);
	close(fd);
	look(ep, 8, 0);
	quiet_peer("close 0");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, 2));
	look(ep, 8, 10);
	T(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle();
	look(ep, 8, 1000);
	close(fd);
	close(ep);
}

CASE(epoll_of_a_socket_in_several_sets)
{
	char data[8];
	int a = epoll_create1(0), b = epoll_create1(0), fd = accepted(), twin = dup(fd);

	T(ctl(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1));
	T(ctl(b, EPOLL_CTL_ADD, fd, EPOLLIN, 2));
	T(ctl(a, EPOLL_CTL_ADD, twin, EPOLLIN | EPOLLOUT, 3));
	peer("send 1 x");
	look(a, 8, 1000);
	look(b, 8, 1000);
	look(a, 8, 10);
	T(recv(twin, data, 8, 0));
	look(b, 8, 10);
	T(close(fd));
	peer("send 1 y");
	settle();
	look(a, 8, 100);
	look(b, 8, 100);
	T(close(twin));
	look(a, 8, 10);
	look(b, 8, 10);
	close(a);
	close(b);
}

CASE(epoll_sets_in_sets)
{
	char data[8];
	int outer = epoll_create1(0), inner = epoll_create1(0), fd = accepted();
	struct pollfd p = { .fd = outer, .events = POLLIN | POLLOUT };

	T(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 1));
	T(ctl(inner, EPOLL_CTL_ADD, fd, EPOLLIN, 2));
	look(outer, 8, 10);
	T(poll(&p, 1, 10));
	quiet_peer("after 30 send 1 x");
	look(outer, 8, 1000);
	T(poll(&p, 1, 1000));
	T(p.revents);
	look(inner, 8, 1000);
	look(outer, 8, 1000);
	T(recv(fd, data, 8, 0));
	look(outer, 8, 10);
	T(poll(&p, 1, 10));
	quiet_peer("after 30 send 1 x");
	T(poll(&p, 1, 1000));
	T(ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 3));
	close(inner);
	look(outer, 8, 10);
	close(fd);
	close(outer);
}

CASE(epoll_set_in_a_set_with_what_has_fired)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), fd = accepted();

	T(ctl(inner, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, 1));
	T(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 2));
	peer("send 1 ab");
	look(outer, 8, 1000);
	look(inner, 8, 1000);
	peer("reset_conn 1");
	settle();
	look(outer, 8, 0);
	look(inner, 8, 0);
	T(ctl(inner, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 3));
	look(outer, 8, 1000);
	look(inner, 8, 1000);
	close(fd);
	close(inner);
	close(outer);
}

CASE(epoll_is_fair)
{
	int ep = epoll_create1(0), lfd = listener(AF_INET, 0), fds[6], seen[6] = { 0 };
	struct epoll_event event;

	be_fast(lfd);
	for (int i = 0; i < 6; i++) {
		quiet_peer("connect %d tcp4 %d", i + 1, port);
		fds[i] = accept(lfd, NULL, NULL);
		ctl(ep, EPOLL_CTL_ADD, fds[i], EPOLLIN, (uint64_t)i);
		quiet_peer("send %d x", i + 1);
	}
	settle();
	for (int i = 0; i < 12; i++) {
		T(epoll_wait(ep, &event, 1, 1000));
		seen[event.data.u64]++;
	}
	for (int i = 0; i < 6; i++)
		say("%d: %d", i, seen[i]);
	look(ep, 4, 1000);
	look(ep, 8, 1000);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	look(ep, 8, 10);
	close(lfd);
	close(ep);
}

static void *signal_soon(void *thread)
{
	sleep_ms(50);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

CASE(epoll_and_signals)
{
	pthread_t self = pthread_self();
	int ep = epoll_create1(0), fd = accepted();
	const struct timespec some = { .tv_nsec = 150000000 };
	struct epoll_event event;
	struct helper *h;
	sigset_t none, usr1;

	count_signal(SIGUSR1);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	h = in_thread(signal_soon, &self);
	T(epoll_wait(ep, &event, 1, 1000));
	T(signals_seen());
	join(h);
	T(sigprocmask(SIG_BLOCK, &usr1, NULL));
	h = in_thread(signal_soon, &self);
	T(epoll_wait(ep, &event, 1, 150));
	T(signals_seen());
	T(epoll_pwait(ep, &event, 1, 100, &none));
	T(signals_seen());
	join(h);
	h = in_thread(signal_soon, &self);
	T(epoll_pwait2(ep, &event, 1, NULL, &none));
	T(signals_seen());
	join(h);
	T(sigprocmask(SIG_UNBLOCK, &usr1, NULL));
	h = in_thread(signal_soon, &self);
	T(epoll_pwait2(ep, &event, 1, &some, &usr1));
	T(signals_seen());
	join(h);
	close(fd);
	close(ep);
}

CASE(epoll_of_a_reset)
{
	int ep = epoll_create1(0), fd = accepted();
	char c;

	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP, 1));
	quiet_peer("after 20 reset_conn 1");
	look(ep, 8, 1000);
	T(recv(fd, &c, 1, 0));
	look(ep, 8, 1000);
	close(fd);
	close(ep);
}

static int shared_ep, added;

static void *add_soon(void *unused)
{
	(void)unused;
	sleep_ms(40);
	if (ctl(shared_ep, EPOLL_CTL_ADD, added, EPOLLIN, 1))
		say("not added");
	return NULL;
}

CASE(epoll_of_what_is_added_while_it_waits)
{
	struct helper *h;

	shared_ep = epoll_create1(0);
	added = accepted();
	h = in_thread(add_soon, NULL);
	quiet_peer("after 100 send 1 x");
	look(shared_ep, 8, 2000);
	join(h);
	close(added);
	close(shared_ep);
}

static void *wait_once(void *unused)
{
	struct epoll_event event = { 0 };
	int n = epoll_wait(shared_ep, &event, 1, 400);

	(void)unused;
	return (void *)(intptr_t)(n > 0);
}

static int woken(int sets[2])
{
	pthread_t threads[4];
	int n = 0;

	for (int i = 0; i < 4; i++) {
		shared_ep = sets[i % 2];
		pthread_create(&threads[i], NULL, wait_once, NULL);
		sleep_ms(20);
	}
	quiet_peer("send 1 x");
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		n += (int)(intptr_t)result;
	}
	return n;
}

CASE(epoll_edge_wakes_one_thread)
{
	int ep = epoll_create1(0), fd = accepted();

	T(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1));
	T(woken((int[2]){ ep, ep }));
	close(fd);
	close(ep);
}

CASE(epoll_level_wakes_all_sets)
{
	int a = epoll_create1(0), b = epoll_create1(0), fd = accepted();

	T(ctl(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1));
	T(ctl(b, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1));
	T(woken((int[2]){ a, b }));
	close(fd);
	close(a);
	close(b);
}
