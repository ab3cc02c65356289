// SPDX-License-Identifier: BSD-2-Clause
/* options.c - socket options of connections, listeners and what comes of them. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "sem.h"

static void get(const char *what, int fd, int level, int name)
{
	unsigned char value[16] = "";
	socklen_t len = sizeof(int);
	int number;

	if (getsockopt(fd, level, name, value, &len)) {
		say("%s: %s", what, strerrorname_np(errno));
		return;
	}
	memcpy(&number, value, sizeof(number));
	say("%s: %d, %d bytes", what, number, (int)len);
}

static void set(const char *what, int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		say("%s := %d: %s", what, value, strerrorname_np(errno));
	else
		say("%s := %d", what, value);
}

#define GET(fd, level, name)		get(#name, fd, level, name)
#define SET(fd, level, name, value)	set(#name, fd, level, name, value)
#define BOTH(fd, level, name, value)					\
	do {								\
		SET(fd, level, name, value);				\
		GET(fd, level, name);					\
	} while (0)

static void get_all(int fd)
{
	GET(fd, SOL_SOCKET, SO_TYPE);
	GET(fd, SOL_SOCKET, SO_DOMAIN);
	GET(fd, SOL_SOCKET, SO_PROTOCOL);
	GET(fd, SOL_SOCKET, SO_ACCEPTCONN);
	GET(fd, SOL_SOCKET, SO_REUSEADDR);
	GET(fd, SOL_SOCKET, SO_REUSEPORT);
	GET(fd, SOL_SOCKET, SO_KEEPALIVE);
	GET(fd, SOL_SOCKET, SO_BROADCAST);
	GET(fd, SOL_SOCKET, SO_OOBINLINE);
	GET(fd, SOL_SOCKET, SO_PRIORITY);
	GET(fd, SOL_SOCKET, SO_MARK);
	GET(fd, SOL_SOCKET, SO_RCVLOWAT);
	GET(fd, SOL_SOCKET, SO_SNDLOWAT);
	GET(fd, SOL_SOCKET, SO_ERROR);
	GET(fd, IPPROTO_TCP, TCP_NODELAY);
	GET(fd, IPPROTO_TCP, TCP_CORK);
	GET(fd, IPPROTO_TCP, TCP_KEEPIDLE);
	GET(fd, IPPROTO_TCP, TCP_KEEPINTVL);
	GET(fd, IPPROTO_TCP, TCP_KEEPCNT);
	GET(fd, IPPROTO_TCP, TCP_SYNCNT);
	GET(fd, IPPROTO_TCP, TCP_LINGER2);
	GET(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
	GET(fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
	GET(fd, IPPROTO_TCP, TCP_FASTOPEN);
	GET(fd, IPPROTO_TCP, TCP_REPAIR);
	GET(fd, IPPROTO_IP, IP_TTL);
	GET(fd, IPPROTO_IP, IP_TOS);
	GET(fd, IPPROTO_IP, IP_MTU_DISCOVER);
}

CASE(options_of_a_connection)
{
	int fd = accepted();

	get_all(fd);
	BOTH(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	BOTH(fd, IPPROTO_TCP, TCP_NODELAY, 0);
	BOTH(fd, IPPROTO_TCP, TCP_CORK, 1);
	BOTH(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	BOTH(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	BOTH(fd, IPPROTO_TCP, TCP_KEEPINTVL, 40000);
	BOTH(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	BOTH(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234);
	BOTH(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, -1);
	BOTH(fd, IPPROTO_TCP, TCP_LINGER2, 3);
	BOTH(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
	BOTH(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
	BOTH(fd, IPPROTO_TCP, TCP_FASTOPEN, 3);
	BOTH(fd, IPPROTO_TCP, 250, 1);
	BOTH(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	BOTH(fd, SOL_SOCKET, SO_RCVLOWAT, 7);
	BOTH(fd, SOL_SOCKET, SO_RCVLOWAT, 0);
	BOTH(fd, SOL_SOCKET, SO_PRIORITY, 3);
	BOTH(fd, SOL_SOCKET, SO_SNDBUF, 50000);
	BOTH(fd, SOL_SOCKET, SO_RCVBUF, 50000);
	BOTH(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	BOTH(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	BOTH(fd, SOL_SOCKET, 999, 1);
	BOTH(fd, IPPROTO_IP, IP_TOS, 16);
	BOTH(fd, IPPROTO_IP, IP_TTL, 33);
	BOTH(fd, IPPROTO_IP, IP_TTL, 999);
	BOTH(fd, 77, 1, 1);
	close(fd);
}

CASE(options_of_a_connection_of_ours)
{
	int fd = connected(AF_INET);

	get_all(fd);
	close(fd);
}

CASE(options_over_ipv6)
{
	int fd = connected(AF_INET6);

	GET(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	BOTH(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	BOTH(fd, IPPROTO_IPV6, IPV6_TCLASS, 8);
	BOTH(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
	close(fd);
}

CASE(options_with_wrong_arguments)
{
	int fd = accepted(), value = 1;
	socklen_t len = sizeof(value);
	struct tcp_info info;

	T(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 2));
	T(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
	T(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	T(setsockopt(fd, SOL_SOCKET, SO_ERROR, &value, 4));
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, NULL, &len));
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, NULL));
	T(getsockopt(fd, IPPROTO_TCP, TCP_INFO, NULL, &len));
	len = (socklen_t)-1;
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	len = (socklen_t)-1;
	T(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	len = 2;
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	say("%d", (int)len);
	len = 8;
	T(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	say("%d", (int)len);
	T(getsockopt(fd, SOL_SOCKET, 999, &value, &len));
	T(setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, 4));
	T(getsockopt(1, SOL_SOCKET, SO_ERROR, &value, &len));
	close(fd);
}

CASE(options_are_inherited)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 7 };
	const struct timeval t = { .tv_usec = 200000 };
	struct linger back = { 0 };
	struct timeval t_back = { 0 };
	socklen_t len = sizeof(back);
	int lfd = listener(AF_INET, 0), fd;

	SET(lfd, IPPROTO_TCP, TCP_NODELAY, 1);
	SET(lfd, IPPROTO_TCP, TCP_CORK, 1);
	SET(lfd, SOL_SOCKET, SO_KEEPALIVE, 1);
	SET(lfd, SOL_SOCKET, SO_RCVLOWAT, 3);
	SET(lfd, SOL_SOCKET, SO_PRIORITY, 3);
	SET(lfd, SOL_SOCKET, SO_OOBINLINE, 1);
	SET(lfd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	SET(lfd, IPPROTO_TCP, TCP_USER_TIMEOUT, 999);
	SET(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
	SET(lfd, IPPROTO_TCP, TCP_FASTOPEN, 3);
	SET(lfd, IPPROTO_TCP, TCP_LINGER2, 9);
	SET(lfd, IPPROTO_IP, IP_TTL, 44);
	T(setsockopt(lfd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	T(setsockopt(lfd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	T(setsockopt(lfd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	get_all(lfd);
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	peer("send 1 for those who defer");
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	get_all(fd);
	T(getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len));
	say("linger %d %d", back.l_onoff, back.l_linger);
	len = sizeof(t_back);
	T(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t_back, &len));
	say("timeout %d", (int)t_back.tv_usec);
	close(fd);
	close(lfd);
}

CASE(congestion_control_is_chosen)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = accepted();

	T(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	T(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say("%s, %d bytes", name, (int)len);
	T(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
	T(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
	len = 3;
	T(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say("%d bytes", (int)len);
	close(fd);
}

CASE(timeouts_are_told)
{
	const struct timeval t = { .tv_sec = 1, .tv_usec = 200000 }, odd = { .tv_usec = 1000000 };
	struct timeval back = { 0 };
	socklen_t len = sizeof(back);
	int fd = accepted();

	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	T(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &len));
	say("%d %d", (int)back.tv_sec, (int)back.tv_usec);
	T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, 4));
	T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &odd, sizeof(odd)));
	T(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &back, &len));
	say("%d %d", (int)back.tv_sec, (int)back.tv_usec);
	close(fd);
}

CASE(segment_size_is_told)
{
	int fd = connected(AF_INET);

	GET(fd, IPPROTO_TCP, TCP_MAXSEG);
	SET(fd, IPPROTO_TCP, TCP_MAXSEG, 600);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	GET(fd, IPPROTO_TCP, TCP_MAXSEG);
	BOTH(fd, IPPROTO_TCP, TCP_MAXSEG, 600);
	BOTH(fd, IPPROTO_TCP, TCP_MAXSEG, 6);
	close(fd);
}

CASE(deferred_accept)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK), fd;
	char data[8];

	SET(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	settle();
	T(accept(lfd, NULL, NULL));
	peer("send 1 now");
	settle();
	fd = F(accept(lfd, NULL, NULL));
	T(recv(fd, data, 8, MSG_DONTWAIT));
	close(fd);
	close(lfd);
}
