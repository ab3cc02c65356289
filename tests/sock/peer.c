// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer.c - the other end: sockets in numbered slots, in the kernel.
 *
 *	open SLOT KIND [PORT]		KIND: tcp4 tcp6 udp4 udp6; bound with a port
 *	listen SLOT PORT [BACKLOG]	any address of both families
 *	accept SLOT FROM		within some seconds
 *	connect SLOT KIND PORT		to the program under test
 *	send SLOT TEXT			fill SLOT N: N bytes of a known pattern
 *	sendto SLOT PORT TEXT		fillto SLOT PORT N
 *	recv SLOT N			N bytes or what comes before the end; their text
 *	drain SLOT			all up to the end: how many, and whether the pattern
 *	shut SLOT HOW, close SLOT, reset_conn SLOT, urgent SLOT TEXT, buffer SLOT BYTES
 *	state SLOT			eof, reset, open, or data: what a receiver would see
 *	after MS COMMAND		answered at once, done later
 *	reset				everything closed
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SLOTS = 64,
	PATIENCE_S = 5,
	PIECE = 1 << 16,
};

static int slots[SLOTS];
static const char *four, *six;
static char text[256];

static socklen_t address(struct sockaddr_storage *sa, int family, const char *host, int port)
{
	memset(sa, 0, sizeof(*sa));
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)sa;

		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		if (host)
			inet_pton(AF_INET, host, &in->sin_addr);
		return sizeof(*in);
	}
	((struct sockaddr_in6 *)sa)->sin6_family = AF_INET6;
	((struct sockaddr_in6 *)sa)->sin6_port = htons((uint16_t)port);
	if (host)
		inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)sa)->sin6_addr);
	return sizeof(struct sockaddr_in6);
}

static long open_slot(int slot, const char *kind, int port)
{
	const int family = kind[3] == '6' ? AF_INET6 : AF_INET;
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_storage sa;
	int fd = socket(family, kind[0] == 'u' ? SOCK_DGRAM : SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	slots[slot] = fd;
	if (port && bind(fd, (struct sockaddr *)&sa, address(&sa, family, NULL, port)))
		return -errno;
	return 0;
}

static long do_listen(int slot, int port, int backlog)
{
	long err = open_slot(slot, "tcp6", port);

	return err ? err : listen(slots[slot], backlog) ? -errno : 0;
}

static long do_accept(int slot, int from)
{
	slots[slot] = accept(slots[from], NULL, NULL);
	return slots[slot] < 0 ? -errno : 0;
}

static long do_connect(int slot, const char *kind, int port)
{
	const int family = kind[3] == '6' ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	long err = slots[slot] ? 0 : open_slot(slot, kind, 0);

	if (err)
		return err;
	return connect(slots[slot], (struct sockaddr *)&sa,
		       address(&sa, family, family == AF_INET ? four : six, port)) ? -errno : 0;
}

static void pattern(uint8_t *data, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)((at + i) * 7 + (at + i) / 251);
}

static long fill(int slot, long n)
{
	static uint8_t data[PIECE];
	long done = 0;

	while (done < n) {
		const size_t part = (size_t)(n - done < PIECE ? n - done : PIECE);
		ssize_t sent;

		pattern(data, part, (size_t)done);
		sent = send(slots[slot], data, part, MSG_NOSIGNAL);
		if (sent < 0)
			return done ? done : -errno;
		done += sent;
	}
	return done;
}

static long drain(int slot)
{
	static uint8_t data[PIECE], want[PIECE];
	long done = 0;
	ssize_t n;

	snprintf(text, sizeof(text), "as sent");
	while ((n = recv(slots[slot], data, sizeof(data), 0)) > 0) {
		pattern(want, (size_t)n, (size_t)done);
		if (memcmp(data, want, (size_t)n))
			snprintf(text, sizeof(text), "other bytes");
		done += n;
	}
	if (n < 0)
		snprintf(text, sizeof(text), "then %s", strerrorname_np(errno));
	return done;
}

static long take(int slot, long n)
{
	char data[PIECE];
	ssize_t got = recv(slots[slot], data, (size_t)(n < PIECE ? n : PIECE), MSG_WAITALL);

	for (ssize_t i = 0; i < got && i < 80; i++) {
		text[i] = data[i] > ' ' && data[i] < 127 ? data[i] : '.';
		text[i + 1] = '\0';
	}
	return got < 0 ? -errno : got;
}

static long to(int slot, int port, const char *data, size_t n)
{
	struct sockaddr_storage own, sa;
	socklen_t len = sizeof(own);

	getsockname(slots[slot], (struct sockaddr *)&own, &len);
	len = address(&sa, own.ss_family, own.ss_family == AF_INET ? four : six, port);
	len = (socklen_t)sendto(slots[slot], data, n, 0, (struct sockaddr *)&sa, len);
	return (int)len < 0 ? -errno : (int)len;
}

static long state(int slot)
{
	struct pollfd p = { .fd = slots[slot], .events = POLLIN };
	char c;
	ssize_t n;

	if (!poll(&p, 1, 300)) {
		strcpy(text, "open");
		return 0;
	}
	n = recv(slots[slot], &c, 1, MSG_PEEK);
	strcpy(text, n > 0 ? "data" : n ? strerrorname_np(errno) : "eof");
	return 0;
}

static void close_slot(int slot)
{
	if (slots[slot] > 0)
		close(slots[slot]);
	slots[slot] = 0;
}

static long reset_conn(int slot)
{
	const struct linger linger = { .l_onoff = 1 };

	setsockopt(slots[slot], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close_slot(slot);
	return 0;
}

static long reset(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] > 0)
			reset_conn(i);
	return 0;
}

static long obey_sending(const char *verb, int slot, const char *rest)
{
	static char data[PIECE];
	int port = 0, at = 0;
	long n = 0;

	if (!strcmp(verb, "send"))
		return send(slots[slot], rest, strlen(rest), MSG_NOSIGNAL) < 0 ? -errno :
			(long)strlen(rest);
	if (!strcmp(verb, "urgent"))
		return send(slots[slot], rest, strlen(rest), MSG_OOB | MSG_NOSIGNAL) < 0 ? -errno :
			(long)strlen(rest);
	if (!strcmp(verb, "fill"))
		return fill(slot, atol(rest));
	if (!strcmp(verb, "sendto") && sscanf(rest, "%d %n", &port, &at) == 1)
		return to(slot, port, rest + at, strlen(rest + at));
	if (!strcmp(verb, "fillto") && sscanf(rest, "%d %ld", &port, &n) == 2) {
		pattern((uint8_t *)data, (size_t)n, 0);
		return to(slot, port, data, (size_t)n);
	}
	return -EBADRQC;
}

static long obey_socket(const char *verb, int slot, const char *rest)
{
	char kind[8] = "";
	int n = 0, m = 128;

	if (!strcmp(verb, "listen"))
		return sscanf(rest, "%d %d", &n, &m) > 0 ? do_listen(slot, n, m) : -EBADRQC;
	if (!strcmp(verb, "open"))
		return sscanf(rest, "%7s %d", kind, &n) > 0 ? open_slot(slot, kind, n) : -EBADRQC;
	if (!strcmp(verb, "connect"))
		return sscanf(rest, "%7s %d", kind, &n) == 2 ? do_connect(slot, kind, n) : -EBADRQC;
	if (!strcmp(verb, "accept"))
		return do_accept(slot, atoi(rest));
	if (!strcmp(verb, "recv"))
		return take(slot, atol(rest));
	if (!strcmp(verb, "drain"))
		return drain(slot);
	if (!strcmp(verb, "state"))
		return state(slot);
	if (!strcmp(verb, "shut"))
		return shutdown(slots[slot], atoi(rest)) ? -errno : 0;
	if (!strcmp(verb, "reset_conn"))
		return reset_conn(slot);
	if (!strcmp(verb, "buffer"))
		return setsockopt(slots[slot], SOL_SOCKET, SO_RCVBUF, &(int){ atoi(rest) },
				  sizeof(int)) ? -errno : 0;
	if (!strcmp(verb, "close")) {
		close_slot(slot);
		return 0;
	}
	return obey_sending(verb, slot, rest);
}

static void answer(long result)
{
	printf("%ld %s\n", result, text[0] ? text : "-");
	fflush(stdout);
}

static void obey(char *line)
{
	char verb[16] = "";
	int slot = 0, at = 0, ms = 0;
	long result = -EBADRQC;
	bool later = false;

	text[0] = '\0';
	if (sscanf(line, "after %d %n", &ms, &at) == 1 && at) {
		answer(0);
		usleep((useconds_t)ms * 1000);
		line += at;
		later = true;
	}
	if (!strcmp(line, "reset"))
		result = reset();
	else if (sscanf(line, "%15s %d %n", verb, &slot, &at) >= 2 && slot >= 0 && slot < SLOTS)
		result = obey_socket(verb, slot, line + at);
	if (!later)
		answer(result);
}

int be_peer(const char *their_four, const char *their_six)
{
	char line[512];

	four = their_four;
	six = their_six;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	return 0;
}
