// SPDX-License-Identifier: BSD-2-Clause
/* tcp_open.c - connections opened from either side, and attempts that fail. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "sem.h"

#define AT(sa)	(struct sockaddr *)&(sa)

static int so_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
	return value;
}

static int revents(int fd, int ms)
{
	struct pollfd p = {
		.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM,
	};

	poll(&p, 1, ms);
	return p.revents;
}

static void say_name(const char *what, int fd, int (*call)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[64] = "";
	uint16_t at;

	memset(&sa, 0, sizeof(sa));
	if (call(fd, AT(sa), &len)) {
		say("%s: %s", what, strerrorname_np(errno));
		return;
	}
	if (sa.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, host, sizeof(host));
	at = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	say("%s: %s port %s, %d bytes", what, host, at == port || at == peer_port ? "known" :
	    at ? "some" : "0", (int)len);
}

static void say_names(int fd)
{
	say_name("own", fd, getsockname);
	say_name("peer", fd, getpeername);
}

CASE(connect_succeeds_and_names_are_known)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	quiet_peer("listen 0 %d", peer_port);
	to_peer(&sa, AF_INET, peer_port);
	say_names(fd);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	note_fast(fd);
	say_names(fd);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	peer("accept 1 0");
	T(send(fd, TEXT("hello"), 0));
	peer("recv 1 5");
	T(close(fd));
	peer("state 1");
}

CASE(connect_over_ipv6)
{
	int fd = connected(AF_INET6);
	char data[16];

	say_names(fd);
	T(send(fd, TEXT("six"), 0));
	peer("recv 1 3");
	peer("send 1 back");
	T(recv(fd, data, sizeof(data), 0));
	close(fd);
}

CASE(connect_to_a_mapped_address)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(peer_port) };
	char text[64] = "::ffff:";
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	strcat(text, getenv("PEER4"));
	inet_pton(AF_INET6, text, &sa.sin6_addr);
	quiet_peer("listen 0 %d", peer_port);
	T(connect(fd, AT(sa), sizeof(sa)));
	note_fast(fd);
	say_names(fd);
	close(fd);
}

CASE(connect_refused)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(so_error(fd));
	say_name("peer", fd, getpeername);
	T(revents(fd, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(recv(fd, &sa, 1, 0));
	T(connect(fd, AT(sa), 3));
	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	quiet_peer("listen 0 %d", peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	note_fast(fd);
	T(so_error(fd));
	peer("accept 1 0");
	T(send(fd, TEXT("again"), 0));
	peer("recv 1 5");
	close(fd);
}

CASE(connect_without_blocking)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	quiet_peer("listen 0 %d", peer_port);
	to_peer(&sa, AF_INET, peer_port);
	T(revents(fd, 0));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(revents(fd, 1000));
	T(so_error(fd));
	note_fast(fd);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	say_names(fd);
	close(fd);
}

CASE(connect_without_blocking_refused)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(revents(fd, 1000));
	T(revents(fd, 0));
	T(so_error(fd));
	T(so_error(fd));
	T(revents(fd, 0));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	settle();
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	settle();
	T(recv(fd, &sa, 1, 0));
	T(recv(fd, &sa, 1, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

/* No such host on the link: SYN after SYN, unanswered. */
static void to_nobody(struct sockaddr_storage *sa)
{
	to_peer(sa, AF_INET, peer_port);
	((struct sockaddr_in *)sa)->sin_addr.s_addr = inet_addr("10.77.0.99");
}

CASE(connect_is_under_way)
{
	struct sockaddr_storage sa;
	struct timeval t = { .tv_usec = 100000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char data[8];

	to_nobody(&sa);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(revents(fd, 0));
	T(so_error(fd));
	say_name("peer", fd, getpeername);
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(recv(fd, data, 1, 0));
	T(listen(fd, 1));
	T(fcntl(fd, F_SETFL, 0));
	T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(recv(fd, data, 1, 0));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(shutdown(fd, SHUT_RDWR));
	T(revents(fd, 0));
	T(so_error(fd));
	close(fd);
}

CASE(connect_times_out_by_sndtimeo)
{
	struct sockaddr_storage sa;
	struct timeval t = { .tv_usec = 150000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t began = now_ms();

	to_nobody(&sa);
	T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	say_lasted(began, 150);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(so_error(fd));
	close(fd);
}

CASE(connect_with_wrong_arguments)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), 4));
	T(connect(fd, NULL, 16));
	T(connect(-1, AT(sa), 16));
	T(connect(1, AT(sa), 16));
	sa.ss_family = AF_UNIX;
	T(connect(fd, AT(sa), 16));
	sa.ss_family = AF_INET6;
	T(connect(fd, AT(sa), sizeof(struct sockaddr_in6)));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sa.ss_family = AF_UNSPEC;
	T(connect(fd, AT(sa), 16));
	close(fd);
	T(connect(fd, AT(sa), 16));
}

CASE(connect_from_a_bound_port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	quiet_peer("listen 0 %d", peer_port);
	to_peer(&sa, AF_INET, peer_port);
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)));
	T(bind(fd, AT(own), sizeof(own)));
	say_names(fd);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	note_fast(fd);
	say_names(fd);
	T(bind(fd, AT(own), sizeof(own)));
	T(listen(fd, 5));
	close(fd);
}

CASE(connect_again_after_the_end)
{
	struct sockaddr_storage sa;
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = connected(AF_INET);

	T(connect(fd, &none, sizeof(none)));
	peer("state 1");
	peer("close 1");
	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	peer("accept 1 0");
	peer("state 1");
	peer("close 1");
	settle();
	T(recv(fd, &sa, 1, 0));
	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	close(fd);
}

/* --- accept ------------------------------------------------------------------------------------ */

static void say_flags(int fd)
{
	const int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);

	say("flags %s %s %s", (flags & O_ACCMODE) == O_RDWR ? "rw" : "?",
	    flags & O_NONBLOCK ? "nonblock" : "blocking",
	    fd_flags & FD_CLOEXEC ? "cloexec" : "kept");
}

static void accept_with(int lfd, int slot, int flags)
{
	int fd;

	peer("connect %d tcp4 %d", slot, port);
	fd = F(accept4(lfd, NULL, NULL, flags));
	note_fast(fd);
	say_flags(fd);
	say_name("peer", fd, getpeername);
	close(fd);
}

CASE(accept_flags)
{
	int lfd = listener(AF_INET, 0);

	be_fast(lfd);
	say_flags(lfd);
	accept_with(lfd, 1, 0);
	accept_with(lfd, 2, SOCK_NONBLOCK);
	accept_with(lfd, 3, SOCK_CLOEXEC);
	accept_with(lfd, 4, SOCK_NONBLOCK | SOCK_CLOEXEC);
	T(accept4(lfd, NULL, NULL, 1));
	T(fcntl(lfd, F_SETFL, O_NONBLOCK));
	say_flags(lfd);
	T(accept(lfd, NULL, NULL));
	accept_with(lfd, 5, 0);
	close(lfd);
	T(accept(lfd, NULL, NULL));
}

CASE(accept_gives_the_address)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int lfd = listener(AF_INET, 0), fd;

	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	fd = F(accept(lfd, AT(sa), &len));
	say("%d bytes, family %d, %s", (int)len, sa.ss_family,
	    inet_ntoa(((struct sockaddr_in *)&sa)->sin_addr));
	close(fd);
	peer("connect 2 tcp4 %d", port);
	memset(&sa, 0xaa, sizeof(sa));
	len = 4;
	fd = F(accept(lfd, AT(sa), &len));
	say("%d bytes, %02x", (int)len, ((unsigned char *)&sa)[4]);
	say_names(fd);
	close(fd);
	close(lfd);
}

CASE(accept_ipv6_and_mapped)
{
	int lfd = listener(AF_INET6, 0), fd;

	be_fast(lfd);
	peer("connect 1 tcp6 %d", port);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	say_names(fd);
	close(fd);
	peer("connect 2 tcp4 %d", port);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	say_names(fd);
	close(fd);
	close(lfd);
}

CASE(accept_blocks_and_times_out)
{
	struct timeval t = { .tv_usec = 100000 };
	int lfd = listener(AF_INET, 0), fd;
	int64_t began;

	quiet_peer("after 60 connect 1 tcp4 %d", port);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	close(fd);
	T(setsockopt(lfd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	began = now_ms();
	T(accept(lfd, NULL, NULL));
	say_lasted(began, 100);
	close(lfd);
}

CASE(accept_of_what_is_no_listener)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = udp_bound(AF_INET), conn = connected(AF_INET);

	T(accept(fd, NULL, NULL));
	T(accept(udp, NULL, NULL));
	T(accept(conn, NULL, NULL));
	T(accept(1, NULL, NULL));
	T(listen(udp, 1));
	T(listen(conn, 1));
	T(recv(fd, &port, 1, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(shutdown(fd, SHUT_RDWR));
	T(revents(fd, 0));
	close(fd);
	close(udp);
	close(conn);
}

CASE(listener_as_a_socket)
{
	struct sockaddr_storage sa;
	char data[4];
	int lfd = listener(AF_INET, SOCK_NONBLOCK), value = -1;
	socklen_t len = sizeof(value);

	be_fast(lfd);
	T(listen(lfd, 32));
	T(revents(lfd, 0));
	T(recv(lfd, data, 4, 0));
	T(send(lfd, "x", 1, MSG_NOSIGNAL));
	T(read(lfd, data, 4));
	to_peer(&sa, AF_INET, peer_port);
	T(connect(lfd, AT(sa), addr_len(AF_INET)));
	say_names(lfd);
	T(getsockopt(lfd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len));
	say("listening: %d", value);
	T(ioctl(lfd, FIONREAD, &value));
	peer("connect 1 tcp4 %d", port);
	settle();
	T(revents(lfd, 100));
	T(shutdown(lfd, SHUT_WR));
	T(revents(lfd, 0));
	close(F(accept(lfd, NULL, NULL)));
	close(lfd);
}

CASE(listener_is_shut_down)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK), value = -1;
	socklen_t len = sizeof(value);

	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	T(shutdown(lfd, SHUT_RD));
	peer("state 1");
	T(revents(lfd, 0));
	T(accept(lfd, NULL, NULL));
	T(getsockopt(lfd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len));
	say("listening: %d", value);
	peer("connect 2 tcp4 %d", port);
	T(listen(lfd, 4));
	be_fast(lfd);
	peer("connect 3 tcp4 %d", port);
	T(revents(lfd, 300));
	close(F(accept(lfd, NULL, NULL)));
	close(lfd);
	peer("connect 4 tcp4 %d", port);
}

CASE(listener_closed_with_connections_waiting)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK);

	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	peer("connect 2 tcp4 %d", port);
	T(revents(lfd, 300));
	T(close(lfd));
	peer("state 1");
	peer("state 2");
	peer("connect 3 tcp4 %d", port);
}

CASE(two_listeners_on_one_port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	int lfd = listener(AF_INET, 0), other = socket(AF_INET, SOCK_STREAM, 0), third;

	be_fast(lfd);
	T(bind(other, AT(own), sizeof(own)));
	T(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)));
	T(bind(other, AT(own), sizeof(own)));
	T(listen(other, 1));
	close(lfd);
	third = listener(AF_INET, 0);
	be_fast(third);
	peer("connect 1 tcp4 %d", port);
	lfd = F(accept(third, NULL, NULL));
	note_fast(lfd);
	close(lfd);
	close(third);
	close(other);
}

CASE(deferred_connections_end_with_their_listener)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK), fd;

	T(setsockopt(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ 20 }, sizeof(int)));
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	peer("connect 2 tcp4 %d", port);
	peer("connect 3 tcp4 %d", port);
	T(revents(lfd, 50));
	peer("send 2 second");
	peer("shut 3 1");
	settle();
	T(revents(lfd, 500));
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	close(fd);
	close(lfd);
}

/* After the second that was asked for, whoever is silent, and whoever came behind him. */
CASE(a_silent_connection_is_given_in_the_end)
{
	int lfd = listener(AF_INET, SOCK_NONBLOCK), fd;

	T(setsockopt(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ 1 }, sizeof(int)));
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	T(revents(lfd, 500));
	T(accept(lfd, NULL, NULL));
	T(revents(lfd, 4000));
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	T(send(fd, "speak", 5, 0));
	peer("recv 1 5");
	T(accept(lfd, NULL, NULL));
	close(fd);
	close(lfd);
}

CASE(silent_connections_do_not_lock_others_out)
{
	int lfd, fd;

	lfd = listener(AF_INET, SOCK_NONBLOCK);
	T(listen(lfd, 1));
	T(setsockopt(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ 1 }, sizeof(int)));
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	peer("connect 2 tcp4 %d", port);
	peer("send 2 words");
	sleep_ms(2500);
	for (int i = 0; i < 2; i++) {
		T(revents(lfd, 2000));
		fd = F(accept(lfd, NULL, NULL));
		close(fd);
	}
	close(lfd);
}

CASE(fast_open_may_be_asked_for)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	quiet_peer("listen 0 %d", peer_port);
	to_peer(&sa, AF_INET, peer_port);
	T(sendto(fd, "early", 5, MSG_FASTOPEN, AT(sa), addr_len(AF_INET)));
	peer("accept 1 0");
	peer("recv 1 5");
	say_names(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	T(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){ 1 }, sizeof(int)));
	T(connect(fd, AT(sa), addr_len(AF_INET)));
	T(send(fd, "later", 5, 0));
	peer("accept 2 0");
	peer("recv 2 5");
	close(fd);
}
