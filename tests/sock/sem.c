// SPDX-License-Identifier: BSD-2-Clause
/*
 * sem.c - the transcript, the line to the peer, and sockets ready for use.
 */
#include "sem.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

static FILE *to, *from;

/* --- the transcript -------------------------------------------------------------------------- */

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void told(const char *call, long result, int error)
{
	if (result == -1)
		say("%s = -1 %s", call, error ? strerrorname_np(error) : "without errno");
	else if (error)
		say("%s = %ld, but errno %s", call, result, strerrorname_np(error));
	else
		say("%s = %ld", call, result);
}

void told_fd(const char *call, long result, int error)
{
	if (result < 0)
		told(call, result, error);
	else
		say("%s = a descriptor", call);
}

void say_bytes(const char *what, const void *data, long n)
{
	const unsigned char *bytes = data;
	uint32_t hash = 2166136261u;
	char text[64] = "";

	for (long i = 0; i < n; i++) {
		hash = (hash ^ bytes[i]) * 16777619u;
		if (i < (long)sizeof(text) - 1)
			text[i] = (char)(bytes[i] > ' ' && bytes[i] < 127 ? bytes[i] : '.');
	}
	say("%s: %ld bytes %s %08x", what, n, text, hash);
}

/* --- the peer ----------------------------------------------------------------------------------- */

void use_peer(int to_fd, int from_fd)
{
	to = fdopen(to_fd, "w");
	from = fdopen(from_fd, "r");
}

static long ask(const char *format, va_list args, char *line, int size, char *answer)
{
	long result = -EPIPE;

	vsnprintf(line, (size_t)size, format, args);
	fprintf(to, "%s\n", line);
	fflush(to);
	if (!fgets(answer, 512, from) || sscanf(answer, "%ld", &result) != 1) {
		say("the peer is gone");
		_exit(5);
	}
	answer[strcspn(answer, "\n")] = '\0';
	return result;
}

long peer(const char *format, ...)
{
	char line[256], answer[512];
	va_list args;
	long result;

	va_start(args, format);
	result = ask(format, args, line, sizeof(line), answer);
	va_end(args);
	if (result < 0)
		say("    peer: %s -> %s", line, strerrorname_np((int)-result));
	else
		say("    peer: %s -> %s", line, answer);
	return result;
}

long quiet_peer(const char *format, ...)
{
	char line[256], answer[512];
	va_list args;
	long result;

	va_start(args, format);
	result = ask(format, args, line, sizeof(line), answer);
	va_end(args);
	return result;
}

/* --- sockets --------------------------------------------------------------------------------------- */

socklen_t addr_len(int family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void to_peer(struct sockaddr_storage *sa, int family, uint16_t to_port)
{
	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		((struct sockaddr_in *)sa)->sin_port = htons(to_port);
		inet_pton(AF_INET, getenv("PEER4"), &((struct sockaddr_in *)sa)->sin_addr);
	} else {
		((struct sockaddr_in6 *)sa)->sin6_port = htons(to_port);
		inet_pton(AF_INET6, getenv("PEER6"), &((struct sockaddr_in6 *)sa)->sin6_addr);
	}
}

static int bound(int family, int type)
{
	struct sockaddr_storage sa = { .ss_family = (sa_family_t)family };
	int fd = socket(family, type, 0);

	/* The port stands at the same place in both. */
	((struct sockaddr_in *)&sa)->sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&sa, addr_len(family)))
		say("bind: %s", strerrorname_np(errno));
	return fd;
}

int listener(int family, int type_flags)
{
	int fd = bound(family, SOCK_STREAM | type_flags);

	if (listen(fd, 16))
		say("listen: %s", strerrorname_np(errno));
	return fd;
}

int udp_bound(int family)
{
	return bound(family, SOCK_DGRAM);
}

/* The twin of a fast connection is not connected, as libc's own call, past every door, says. */
void note_fast(int fd)
{
	int (*libcs)(int fd, struct sockaddr *sa, socklen_t *len);
	void *symbol = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "getpeername");
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	memcpy(&libcs, &symbol, sizeof(libcs));
	if (libcs(fd, (struct sockaddr *)&sa, &len))
		fprintf(stderr, "path %s fast\n", sem_current);
	else
		fprintf(stderr, "path %s slow\n", sem_current);
}

/* A listener becomes fast when somebody waits: the peer comes after that. */
void be_fast(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, 0);
}

int accepted_flags(int family, int flags)
{
	int lfd = listener(family, 0), fd;

	be_fast(lfd);
	quiet_peer("close 1");
	quiet_peer("connect 1 %s %d", family == AF_INET ? "tcp4" : "tcp6", port);
	fd = accept4(lfd, NULL, NULL, flags);
	if (fd < 0)
		say("accept: %s", strerrorname_np(errno));
	close(lfd);
	note_fast(fd);
	return fd;
}

int accepted(void)
{
	return accepted_flags(AF_INET, 0);
}

int connected(int family)
{
	struct sockaddr_storage sa;
	int fd = socket(family, SOCK_STREAM, 0);

	to_peer(&sa, family, peer_port);
	quiet_peer("listen 0 %d", peer_port);
	if (connect(fd, (struct sockaddr *)&sa, addr_len(family)))
		say("connect: %s", strerrorname_np(errno));
	quiet_peer("accept 1 0");
	note_fast(fd);
	return fd;
}

/* --- time ----------------------------------------------------------------------------------------------- */

void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

void settle(void)
{
	usleep(25000);
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A busy machine may add to it, but nothing may cut it short. */
void say_lasted(int64_t began_ms, int64_t span_ms)
{
	const int64_t took = now_ms() - began_ms;

	say("after %s %d ms", took < span_ms - 2 ? "less than" : took > span_ms + 1000 ?
	    "much more than" : "about", (int)span_ms);
}

/* --- signals, threads --------------------------------------------------------------------------------------- */

static volatile sig_atomic_t seen;

static void on_signal(int number)
{
	(void)number;
	seen++;
}

void count_signal(int number)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(number, &action, NULL);
}

void forget_signals(void)
{
	signal(SIGUSR1, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	seen = 0;
}

int signals_seen(void)
{
	const int n = seen;

	seen = 0;
	return n;
}

struct helper {
	pthread_t thread;
};

struct helper *in_thread(void *(*fn)(void *), void *arg)
{
	struct helper *helper = malloc(sizeof(*helper));

	if (!helper || pthread_create(&helper->thread, NULL, fn, arg))
		say("no thread");
	return helper;
}

long join(struct helper *helper)
{
	void *result = NULL;

	pthread_join(helper->thread, &result);
	free(helper);
	return (long)result;
}
