// SPDX-License-Identifier: BSD-2-Clause
/* desc.c - descriptors: doubled, closed, made streams of. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sem.h"

CASE(doubles_share_a_connection)
{
	char data[8];
	int fd = accepted(), a = F(dup(fd)), b = F(fcntl(fd, F_DUPFD, 300)),
	    c = F(fcntl(fd, F_DUPFD_CLOEXEC, 0));

	say("%d", b >= 300);
	T(fcntl(c, F_GETFD));
	T(fcntl(a, F_GETFD));
	T(fcntl(a, F_SETFL, O_NONBLOCK));
	T(fcntl(fd, F_GETFL) & O_NONBLOCK);
	T(recv(b, data, 1, 0));
	T(send(a, "a", 1, 0));
	T(close(a));
	T(send(a, "x", 1, 0));
	T(send(b, "b", 1, 0));
	T(close(fd));
	T(send(c, "c", 1, 0));
	peer("recv 1 3");
	peer("send 1 back");
	settle();
	T(recv(c, data, 8, 0));
	T(close(b));
	peer("state 1");
	T(close(c));
	peer("state 1");
	T(close(c));
}

CASE(dup2_replaces)
{
	int first = accepted(), second, spare;

	quiet_peer("connect 2 tcp4 %d", port);
	quiet_peer("close 2");
	second = connected(AF_INET);
	T(dup2(second, first) == first);
	peer("state 1");
	T(send(first, "x", 1, 0));
	peer("recv 1 1");
	T(dup2(first, first) == first);
	T(dup3(first, first, 0));
	T(dup3(first, second, O_CLOEXEC) == second);
	T(fcntl(second, F_GETFD));
	T(dup2(-1, second));
	T(dup2(999, second));
	T(send(second, "y", 1, 0));
	peer("recv 1 1");
	spare = F(open("/dev/null", O_RDWR));
	T(dup2(spare, second) == second);
	T(send(second, "z", 1, 0));
	T(write(second, "z", 1));
	T(close(first));
	peer("state 1");
	T(close(second));
	T(close(spare));
}

CASE(doubled_listener)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK), other = F(dup(lfd)), fd;

	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	T(poll(&(struct pollfd){ .fd = other, .events = POLLIN }, 1, 1000));
	fd = F(accept(other, NULL, NULL));
	note_fast(fd);
	close(fd);
	T(close(lfd));
	peer("connect 2 tcp4 %d", port);
	T(poll(&(struct pollfd){ .fd = other, .events = POLLIN }, 1, 1000));
	fd = F(accept(other, NULL, NULL));
	note_fast(fd);
	close(fd);
	T(close(other));
	peer("connect 3 tcp4 %d", port);
}

enum {
	NUMBER = 400,
};

CASE(numbers_are_used_again)
{
	char data[8];
	int fd = accepted(), file = open("/dev/zero", O_RDWR), p[2];

	T(dup2(fd, NUMBER));
	close(fd);
	T(close(NUMBER));
	peer("state 1");
	T(dup2(file, NUMBER));
	T(read(NUMBER, data, 8));
	T(send(NUMBER, "x", 1, 0));
	T(pipe(p));
	T(dup2(p[0], NUMBER));
	T(write(p[1], "pipe", 4));
	T(read(NUMBER, data, 8));
	T(poll(&(struct pollfd){ .fd = NUMBER, .events = POLLIN }, 1, 10));
	fd = accepted();
	T(dup2(fd, NUMBER));
	T(dup2(fd, NUMBER + 2));
	close(fd);
	T(send(NUMBER, "x", 1, 0));
	T(close_range(NUMBER, NUMBER + 5, 0));
	peer("recv 1 5");
	T(recv(NUMBER, data, 1, 0));
	close(file);
	close(p[0]);
	close(p[1]);
}

/* How many are open below the numbers that dup2() is asked for here. */
static int low_ones(void)
{
	int n = 0;

	for (int fd = 0; fd < NUMBER; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

enum {
	UNSEEN = 100,
};

/* Opened past libc, as some languages do: nobody but the kernel was told. */
static int unseen(void)
{
	int fd = (int)syscall(SYS_memfd_create, "unseen", 0), high = fcntl(fd, F_DUPFD, UNSEEN);

	close(fd);
	return high;
}

CASE(a_range_is_closed_with_all_in_it)
{
	const int before = low_ones();
	int fd = connected(AF_INET);

	say("%d more", low_ones() - before);
	say("%d", unseen() + unseen());
	T(dup2(fd, NUMBER));
	T(close_range(UNSEEN, NUMBER - 1, 0));
	T(fcntl(UNSEEN, F_GETFD));
	T(fcntl(UNSEEN + 1, F_GETFD));
	T(send(NUMBER, "still", 5, 0));
	peer("recv 1 5");
	unseen();
	T(close_range(UNSEEN, ~0u, 0));
	T(fcntl(UNSEEN, F_GETFD));
	T(fcntl(NUMBER, F_GETFD));
	T(send(fd, "there", 5, 0));
	peer("recv 1 5");
	unseen();
	closefrom(UNSEEN);
	T(fcntl(UNSEEN, F_GETFD));
	T(send(fd, "as well", 7, 0));
	peer("recv 1 7");
	close(fd);
	fd = accepted();
	T(send(fd, "anew", 4, 0));
	peer("recv 1 4");
	close(fd);
}

enum {
	FEW = 1400,
};

/* A port is taken, and given back, without a descriptor more. */
CASE(no_number_is_left_for_others)
{
	static int filling[FEW];
	struct rlimit limit, few;
	int fd = accepted(), lfd, n = 0;

	port++;
	lfd = listener(AF_INET, 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	few = (struct rlimit){ .rlim_cur = FEW, .rlim_max = limit.rlim_max };
	T(setrlimit(RLIMIT_NOFILE, &few));
	while (n < FEW && (filling[n] = dup(0)) >= 0)
		n++;
	say("%s", strerrorname_np(errno));
	be_fast(lfd);
	close(filling[--n]);
	peer("connect 2 tcp4 %d", port);
	close(fd);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	T(send(fd, "x", 1, 0));
	peer("recv 2 1");
	close(lfd);
	close(fd);
	while (n-- > 0)
		close(filling[n]);
	T(setrlimit(RLIMIT_NOFILE, &limit));
}

CASE(streams_over_a_connection)
{
	char line[64] = "";
	int fd = accepted();
	FILE *stream = fdopen(fd, "r+");

	T(fileno(stream) == fd);
	T(fprintf(stream, "number %d\n", 5));
	T(fflush(stream));
	peer("recv 1 9");
	peer("send 1 words");
	peer("shut 1 1");
	T(fgets(line, sizeof(line), stream) == line);
	say("%s", line);
	T(fgets(line, sizeof(line), stream) == NULL);
	T(feof(stream) != 0);
	T(ferror(stream));
	T(dprintf(fd, "%s!", "bye"));
	T(fclose(stream));
	peer("recv 1 10");
	T(close(fd));
}

CASE(a_socket_as_a_file)
{
	struct stat st;
	int fd = accepted();

	T(fstat(fd, &st));
	T(S_ISSOCK(st.st_mode));
	T(isatty(fd));
	T(fsync(fd));
	T(ftruncate(fd, 0));
	T(fcntl(fd, F_GETOWN));
	T(fcntl(fd, 9999));
	T(fcntl(fd, F_SETFD, FD_CLOEXEC));
	T(fcntl(fd, F_GETFD));
	T(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
	close(fd);
	T(fcntl(fd, F_GETFL));
	T(ioctl(fd, FIONREAD, &st));
}

static int at;
static long result;
static int error;

static void *receive_in_thread(void *unused)
{
	char data[8];

	(void)unused;
	result = recv(at, data, 8, 0);
	error = result < 0 ? errno : 0;
	return NULL;
}

static void *accept_in_thread(void *unused)
{
	(void)unused;
	result = accept(at, NULL, NULL);
	error = result < 0 ? errno : 0;
	return NULL;
}

static void *send_in_thread(void *unused)
{
	static char data[8000000];

	(void)unused;
	if (send(at, data, sizeof(data), MSG_NOSIGNAL) <= 0)
		say("nothing was sent");
	result = send(at, data, 1, MSG_NOSIGNAL);
	error = result < 0 ? errno : 0;
	return NULL;
}

static struct helper *started(void *(*fn)(void *))
{
	struct helper *h = in_thread(fn, NULL);

	sleep_ms(150);
	return h;
}

static void ended(struct helper *h)
{
	join(h);
	told("    the thread's call", result, error);
}

CASE(closed_while_another_thread_receives)
{
	struct helper *h;

	at = accepted();
	h = started(receive_in_thread);
	T(shutdown(at, SHUT_RD));
	ended(h);
	T(close(at));
	peer("state 1");
	at = accepted();
	h = started(receive_in_thread);
	T(close(at));
	peer("soon 1");
	peer("send 1 x");
	ended(h);
	peer("state 1");
}

CASE(shut_down_while_another_thread_accepts)
{
	struct helper *h;

	at = listener(AF_INET, 0);
	h = started(accept_in_thread);
	T(shutdown(at, SHUT_RDWR));
	ended(h);
	T(close(at));
}

CASE(shut_down_while_another_thread_sends)
{
	struct helper *h;

	at = accepted();
	h = started(send_in_thread);
	T(shutdown(at, SHUT_WR));
	ended(h);
	T(close(at));
}
