// SPDX-License-Identifier: BSD-2-Clause
/* poll.c - poll, ppoll, select, pselect over sockets and everything else. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sem.h"

#define ALL	(POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND)

static void say_events(const struct pollfd *fds, int n)
{
	char line[128] = "";

	for (int i = 0; i < n; i++)
		sprintf(line + strlen(line), " %x", (unsigned short)fds[i].revents);
	say("   %s", line);
}

CASE(poll_of_all_kinds)
{
	struct itimerspec soon = { .it_value.tv_nsec = 30000000 };
	int fd = accepted(), lfd, p[2], ev = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct pollfd fds[8];

	port++;
	lfd = listener(AF_INET, 0);
	T(pipe(p));
	for (int i = 0; i < 8; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = ALL, .revents = 99 };
	fds[0].fd = fd;
	fds[1].fd = lfd;
	fds[2].fd = p[0];
	fds[3].fd = ev;
	fds[4].fd = timer;
	fds[5].fd = 9999;
	T(poll(fds, 8, 0));
	say_events(fds, 8);
	fds[5].fd = -7;
	for (int i = 0; i < 8; i++)
		fds[i].events = POLLIN;
	T(poll(fds, 8, 20));
	say_events(fds, 8);
	timerfd_settime(timer, 0, &soon, NULL);
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	T(read(timer, &soon, 8));
	T(write(p[1], "x", 1));
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	T(read(p[0], &soon, 1));
	peer("after 30 send 1 x");
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	quiet_peer("after 30 connect 2 tcp4 %d", port);
	fds[0].events = POLLOUT;
	T(poll(fds, 8, -1));
	say_events(fds, 8);
	fds[0].events = 0;
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	eventfd_write(ev, 1);
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	for (int i = 0; i < 5; i++)
		close(fds[i].fd);
	T(poll(fds, 8, 1000));
	say_events(fds, 8);
	close(p[1]);
}

CASE(poll_of_the_same_twice)
{
	int fd = accepted();
	struct pollfd fds[3] = {
		{ .fd = fd, .events = POLLIN }, { .fd = fd, .events = POLLOUT }, { .fd = fd },
	};

	T(poll(fds, 3, 0));
	say_events(fds, 3);
	fds[1].events = POLLRDHUP;
	quiet_peer("after 30 send 1 x");
	T(poll(fds, 3, 1000));
	say_events(fds, 3);
	quiet_peer("after 30 shut 1 1");
	fds[0].events = 0;
	T(poll(fds, 3, 1000));
	say_events(fds, 3);
	quiet_peer("reset_conn 1");
	settle();
	T(poll(fds, 3, 1000));
	say_events(fds, 3);
	close(fd);
}

CASE(poll_sees_nothing_it_did_not_ask_for)
{
	int fd = accepted();
	struct pollfd in = { .fd = fd, .events = POLLPRI };
	int64_t began = now_ms();

	peer("send 1 x");
	settle();
	T(poll(&in, 1, 60));
	say_lasted(began, 60);
	in.events = POLLRDNORM;
	T(poll(&in, 1, 60));
	say_events(&in, 1);
	in.events = POLLWRNORM;
	T(poll(&in, 1, 60));
	say_events(&in, 1);
	T(poll(&in, 0, 10));
	T(poll(NULL, 0, 10));
	T(poll(NULL, 1, 10));
	close(fd);
}

CASE(poll_of_new_sockets)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd fds[2] = { { .fd = fd, .events = ALL }, { .fd = udp, .events = ALL } };

	T(poll(fds, 2, 100));
	say_events(fds, 2);
	close(fd);
	close(udp);
	T(poll(fds, 2, 100));
	say_events(fds, 2);
}

static void *signal_soon(void *thread)
{
	sleep_ms(50);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

CASE(poll_and_signals)
{
	pthread_t self = pthread_self();
	int fd = accepted();
	struct pollfd in = { .fd = fd, .events = POLLIN };
	const struct timespec some = { .tv_nsec = 150000000 }, odd = { .tv_nsec = -1 };
	sigset_t none, usr1;
	struct helper *h;

	count_signal(SIGUSR1);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	h = in_thread(signal_soon, &self);
	T(poll(&in, 1, 1000));
	T(signals_seen());
	join(h);
	T(sigprocmask(SIG_BLOCK, &usr1, NULL));
	h = in_thread(signal_soon, &self);
	T(poll(&in, 1, 150));
	T(signals_seen());
	join(h);
	T(ppoll(&in, 1, &some, &none));
	T(signals_seen());
	h = in_thread(signal_soon, &self);
	T(ppoll(&in, 1, NULL, &none));
	T(signals_seen());
	join(h);
	T(sigprocmask(SIG_UNBLOCK, &usr1, NULL));
	h = in_thread(signal_soon, &self);
	T(ppoll(&in, 1, &some, &usr1));
	T(signals_seen());
	join(h);
	T(ppoll(&in, 1, &odd, NULL));
	T(poll(&in, 1, 0));
	close(fd);
}

/* --- select ------------------------------------------------------------------------------------ */

static void say_set(const char *what, const fd_set *set, const int *fds, int n)
{
	char line[64] = "";

	for (int i = 0; i < n; i++)
		if (FD_ISSET(fds[i], set))
			sprintf(line + strlen(line), " %d", i);
	say("    %s:%s", what, line);
}

static void do_select(const int *fds, int n, int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	fd_set in, out, except;
	int most = 0;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	for (int i = 0; i < n; i++) {
		FD_SET(fds[i], &in);
		FD_SET(fds[i], &except);
		if (i == 0)
			FD_SET(fds[i], &out);
		most = fds[i] > most ? fds[i] : most;
	}
	T(select(most + 1, &in, &out, &except, &t));
	say_set("in", &in, fds, n);
	say_set("out", &out, fds, n);
	say_set("except", &except, fds, n);
	say("time is %s", t.tv_sec || t.tv_usec ? "left" : "over");
}

CASE(select_of_all_kinds)
{
	int fd = accepted(), p[2], fds[3];

	T(pipe(p));
	fds[0] = fd;
	fds[1] = p[0];
	port++;
	fds[2] = listener(AF_INET, 0);
	do_select(fds, 3, 1000);
	do_select(fds + 1, 2, 30);
	quiet_peer("after 30 connect 2 tcp4 %d", port);
	do_select(fds + 1, 2, 1000);
	T(write(p[1], "x", 1));
	do_select(fds, 3, 1000);
	peer("send 1 x");
	settle();
	do_select(fds, 3, 1000);
	peer("reset_conn 1");
	settle();
	do_select(fds, 3, 1000);
	close(p[0]);
	do_select(fds, 3, 1000);
	close(fd);
	close(p[1]);
	close(fds[2]);
}

CASE(select_of_odd_arguments)
{
	pthread_t self = pthread_self();
	int fd = accepted();
	struct timespec some = { .tv_nsec = 60000000 };
	struct timeval t = { .tv_usec = -1 };
	struct helper *h;
	sigset_t usr1;
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	T(select(fd + 1, &in, NULL, NULL, &t));
	T(select(-1, &in, NULL, NULL, NULL));
	T(select(0, NULL, NULL, NULL, &(struct timeval){ .tv_usec = 10 }));
	T(select(fd, &in, NULL, NULL, &(struct timeval){ .tv_usec = 10 }));
	T(pselect(fd + 1, &in, NULL, NULL, &some, NULL));
	T(FD_ISSET(fd, &in));
	say("%d", (int)some.tv_nsec);
	count_signal(SIGUSR1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	FD_SET(fd, &in);
	h = in_thread(signal_soon, &self);
	some.tv_nsec = 200000000;
	T(pselect(fd + 1, &in, NULL, NULL, &some, &usr1));
	T(signals_seen());
	join(h);
	FD_SET(fd, &in);
	h = in_thread(signal_soon, &self);
	T(select(fd + 1, &in, NULL, NULL, NULL));
	T(signals_seen());
	T(FD_ISSET(fd, &in));
	join(h);
	close(fd);
}

CASE(poll_of_many)
{
	static struct pollfd fds[200];
	int fd = accepted(), p[2];

	T(pipe(p));
	for (int i = 0; i < 200; i++)
		fds[i] = (struct pollfd){ .fd = i % 2 ? fd : p[0], .events = POLLIN };
	T(poll(fds, 200, 10));
	quiet_peer("after 20 send 1 x");
	T(poll(fds, 200, 1000));
	say_events(fds, 4);
	T(write(p[1], "x", 1));
	T(poll(fds, 200, 1000));
	close(fd);
	close(p[0]);
	close(p[1]);
}
