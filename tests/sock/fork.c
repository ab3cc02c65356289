// SPDX-License-Identifier: BSD-2-Clause
/* fork.c - what a child does to the sockets and sets that it shares with its parent. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sem.h"

enum {
	MARK = 7,
};

static int status_of(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A connection by loopback, which only the twin sees. */
static int local(void)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		say("connect: %s", strerrorname_np(errno));
	return fd;
}

static int set_with(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = MARK };
	int ep = epoll_create1(0);

	T(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	T(epoll_wait(ep, &event, 1, 0));
	return ep;
}

/* One connection more: does the set tell of it? */
static void expect_news(int ep, int lfd)
{
	struct epoll_event event = { 0 };

	if (T(epoll_wait(ep, &event, 1, 500)) != 1)
		return;
	say("of %u, %x", event.data.u32, event.events);
	close(F(accept(lfd, NULL, NULL)));
}

static void in_a_child(void (*fn)(int ep, int lfd), int ep, int lfd)
{
	pid_t child = fork();

	if (!child) {
		fn(ep, lfd);
		_exit(0);
	}
	T(status_of(child));
}

static void both_ways(void (*fn)(int ep, int lfd))
{
	int lfd = listener(AF_INET, 0), ep = set_with(lfd), fd;

	in_a_child(fn, ep, lfd);
	fd = local();
	expect_news(ep, lfd);
	close(fd);
	peer("connect 1 tcp4 %d", port);
	expect_news(ep, lfd);
	close(ep);
	close(lfd);
}

static void close_listener(int ep, int lfd)
{
	(void)ep;
	close(lfd);
}

CASE(a_child_that_closes_a_listener_leaves_it_in_its_parents_set)
{
	both_ways(close_listener);
}

static void close_set(int ep, int lfd)
{
	(void)lfd;
	close(ep);
}

CASE(a_child_that_closes_a_set_leaves_it_to_its_parent)
{
	both_ways(close_set);
}

static void close_both(int ep, int lfd)
{
	close(ep);
	close(lfd);
}

CASE(a_child_that_closes_everything_leaves_it_to_its_parent)
{
	both_ways(close_both);
}

static void take_out(int ep, int lfd)
{
	epoll_ctl(ep, EPOLL_CTL_DEL, lfd, NULL);
}

CASE(a_child_that_takes_a_listener_out_of_a_set_does_so_for_both)
{
	int lfd = listener(AF_INET, 0), ep = set_with(lfd), fd;

	in_a_child(take_out, ep, lfd);
	fd = local();
	expect_news(ep, lfd);
	close(fd);
	close(ep);
	close(lfd);
}

/* What a child puts into a set of its own is none of its parent's business. */
static void use_a_set(int ep, int lfd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int own = epoll_create1(0);

	close(ep);
	epoll_ctl(own, EPOLL_CTL_ADD, lfd, &event);
	epoll_wait(own, &event, 1, 20);
	close(own);
}

CASE(a_child_with_a_set_of_its_own)
{
	both_ways(use_a_set);
}

/* The child polls all the time: whether it sees the connection is left to chance. */
CASE(a_parent_accepts_while_its_child_polls)
{
	struct pollfd p = { .events = POLLIN };
	int lfd = listener(AF_INET, 0);
	pid_t polls, connects;

	be_fast(lfd);
	p.fd = lfd;
	polls = fork();
	if (!polls) {
		poll(&p, 1, 400);
		_exit(0);
	}
	connects = fork();
	if (!connects) {
		sleep_ms(250);
		close(local());
		_exit(0);
	}
	sleep_ms(100);
	close(F(accept(lfd, NULL, NULL)));
	T(status_of(connects));
	T(status_of(polls));
	close(lfd);
}

CASE(parent_and_child_accept_one_each)
{
	int lfd = listener(AF_INET, 0), one, two;
	pid_t child;

	be_fast(lfd);
	child = fork();
	if (!child)
		_exit(accept(lfd, NULL, NULL) < 0 ? errno : 0);
	sleep_ms(100);
	one = local();
	T(status_of(child));
	two = local();
	close(F(accept(lfd, NULL, NULL)));
	close(one);
	close(two);
	close(lfd);
}

/* --- a connection that one of two has, and the other accepts ------------------------------------ */

enum how {
	LATER,			/* the child looks when the parent has closed its listener */
	WAITING,		/* it has waited for connections since before */
	UNPRIVILEGED,		/* later, and it can never open a stack */
};

static void take_over(int lfd, int go, enum how how)
{
	const bool waits = how == WAITING;
	struct pollfd p = { .fd = lfd, .events = POLLIN };
	char byte, text[16] = "";
	int fd;

	if (how == UNPRIVILEGED && setresuid(65534, 65534, 65534))
		_exit(6);
	if (!waits && read(go, &byte, 1) != 1)
		_exit(1);
	if (!waits && poll(&p, 1, 2000) != 1)
		_exit(2);
	fd = accept(lfd, NULL, NULL);
	if (fd < 0)
		_exit(3);
	if (read(fd, text, sizeof(text)) != 5 || strcmp(text, "hello"))
		_exit(4);
	_exit(write(fd, "yes", 3) == 3 ? 0 : 5);
}

static void close_before_accept(enum how how)
{
	const bool waits = how == WAITING;
	int lfd = listener(AF_INET, 0), go[2];
	pid_t child;

	be_fast(lfd);
	T(pipe(go));
	child = fork();
	if (!child)
		take_over(lfd, go[0], how);
	if (waits)
		sleep_ms(100);
	if (!waits) {
		peer("connect 1 tcp4 %d", port);
		peer("send 1 hello");
		settle();
	}
	T(close(lfd));
	if (waits) {
		peer("connect 1 tcp4 %d", port);
		peer("send 1 hello");
	}
	T(write(go[1], "", 1));
	T(status_of(child));
	peer("recv 1 8");
	close(go[0]);
	close(go[1]);
}

CASE(what_a_parent_has_not_accepted_its_child_does)
{
	close_before_accept(LATER);
}

CASE(a_child_that_waits_gets_what_comes_after_its_parent)
{
	close_before_accept(WAITING);
}

CASE(a_child_without_privileges_gets_them_too)
{
	close_before_accept(UNPRIVILEGED);
}
