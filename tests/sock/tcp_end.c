// SPDX-License-Identifier: BSD-2-Clause
/* tcp_end.c - how connections end: shutdown, close, resets, and what is seen of it. */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sem.h"

static int revents(int fd)
{
	struct pollfd p = {
		.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM,
	};

	poll(&p, 1, 0);
	return p.revents;
}

static int so_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
	return value;
}

static int state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? -1 : info.tcpi_state;
}

/* All that there is to ask of a socket. */
static void ask(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char data[16];

	T(revents(fd));
	T(recv(fd, data, 16, MSG_DONTWAIT));
	T(recv(fd, data, 16, MSG_DONTWAIT));
	T(send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	T(getpeername(fd, (struct sockaddr *)&sa, &len));
	T(getsockname(fd, (struct sockaddr *)&sa, &len));
	T(state(fd));
	T(revents(fd));
}

CASE(idle_connection)
{
	int fd = accepted();

	ask(fd);
	T(so_error(fd));
	close(fd);
}

CASE(the_peer_ends_its_direction)
{
	int fd = accepted();

	peer("send 1 last");
	peer("shut 1 1");
	settle();
	ask(fd);
	T(send(fd, TEXT("after"), 0));
	peer("recv 1 6");
	T(so_error(fd));
	T(shutdown(fd, SHUT_WR));
	peer("state 1");
	settle();
	ask(fd);
	T(shutdown(fd, SHUT_WR));
	T(shutdown(fd, SHUT_RDWR));
	close(fd);
}

CASE(we_end_our_direction)
{
	char data[16];
	int fd = accepted();

	count_signal(SIGPIPE);
	T(shutdown(fd, 5));
	T(shutdown(fd, SHUT_WR));
	settle();
	T(state(fd));
	T(revents(fd));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(signals_seen());
	T(send(fd, "x", 1, 0));
	T(signals_seen());
	T(write(fd, "x", 1));
	T(signals_seen());
	T(send(fd, "", 0, MSG_NOSIGNAL));
	peer("state 1");
	peer("send 1 still");
	T(recv(fd, data, 16, 0));
	peer("close 1");
	T(recv(fd, data, 16, 0));
	settle();
	ask(fd);
	close(fd);
}

CASE(we_stop_reading)
{
	char data[16];
	int fd = accepted();

	peer("send 1 before");
	settle();
	T(shutdown(fd, SHUT_RD));
	T(revents(fd));
	T(recv(fd, data, 3, 0));
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	peer("send 1 afterwards");
	settle();
	T(revents(fd));
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	T(send(fd, TEXT("out"), 0));
	peer("recv 1 3");
	T(state(fd));
	close(fd);
}

CASE(both_directions_at_once)
{
	int fd = accepted();

	T(shutdown(fd, SHUT_RDWR));
	settle();
	ask(fd);
	peer("state 1");
	peer("send 1 x");
	peer("close 1");
	settle();
	ask(fd);
	T(shutdown(fd, SHUT_RDWR));
	close(fd);
}

CASE(the_peer_resets)
{
	char data[16];
	int fd = accepted();

	peer("reset_conn 1");
	settle();
	T(revents(fd));
	T(recv(fd, data, 16, 0));
	T(revents(fd));
	T(recv(fd, data, 16, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(so_error(fd));
	ask(fd);
	T(shutdown(fd, SHUT_WR));
	close(fd);
}

CASE(the_peer_resets_before_a_send)
{
	int fd = accepted();

	count_signal(SIGPIPE);
	peer("reset_conn 1");
	settle();
	T(send(fd, "x", 1, 0));
	T(signals_seen());
	T(send(fd, "x", 1, 0));
	T(signals_seen());
	ask(fd);
	close(fd);
}

CASE(a_reset_is_told_by_so_error)
{
	char data[4];
	int fd = accepted();

	peer("reset_conn 1");
	settle();
	T(so_error(fd));
	T(so_error(fd));
	T(recv(fd, data, 4, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(revents(fd));
	close(fd);
}

CASE(a_reset_after_data)
{
	char data[16];
	int fd = accepted();

	peer("send 1 unread");
	settle();
	peer("reset_conn 1");
	settle();
	T(revents(fd));
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	close(fd);
}

CASE(a_reset_after_the_end)
{
	char data[16];
	int fd = accepted();

	peer("shut 1 1");
	settle();
	peer("reset_conn 1");
	settle();
	T(revents(fd));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(recv(fd, data, 16, 0));
	T(so_error(fd));
	close(fd);
	fd = accepted();
	peer("close 1");
	settle();
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	settle();
	T(revents(fd));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(recv(fd, data, 16, 0));
	T(so_error(fd));
	close(fd);
}

CASE(a_reset_wakes_who_waits)
{
	char data[16];
	int fd = accepted();

	quiet_peer("after 40 reset_conn 1");
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	close(fd);
}

CASE(linger_of_zero_resets)
{
	const struct linger none = { .l_onoff = 1 };
	struct linger back = { 0 };
	socklen_t len = sizeof(back);
	int fd = accepted();

	T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
	T(getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len));
	say("%d %d", back.l_onoff, back.l_linger);
	T(close(fd));
	peer("state 1");
	fd = accepted();
	T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
	T(shutdown(fd, SHUT_RDWR));
	T(close(fd));
	settle();
	peer("state 1");
}

CASE(linger_waits_for_the_end)
{
	const struct linger some = { .l_onoff = 1, .l_linger = 1 };
	static char data[20000];
	int fd = accepted();
	int64_t began;

	T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &some, sizeof(some)));
	T(send(fd, TEXT("bye"), 0));
	began = now_ms();
	T(close(fd));
	say("%s", now_ms() - began < 900 ? "at once" : "after a second");
	peer("recv 1 10");
	fd = accepted();
	T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &some, sizeof(some)));
	quiet_peer("buffer 1 2048");
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	began = now_ms();
	T(close(fd));
	say("%s", now_ms() - began < 900 ? "at once" : "after a second");
}

CASE(close_with_unread_data_resets)
{
	int fd = accepted();

	peer("send 1 unread");
	settle();
	T(close(fd));
	peer("state 1");
	fd = accepted();
	T(send(fd, TEXT("sent"), 0));
	peer("send 1 unread");
	settle();
	T(close(fd));
	settle();
	peer("recv 1 10");
}

CASE(close_sends_what_is_left)
{
	static char data[200000];
	int fd = accepted();

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	T(send(fd, data, sizeof(data), 0));
	T(close(fd));
	peer("drain 1");
}

CASE(data_for_a_closed_socket_is_reset)
{
	int fd = accepted();

	T(close(fd));
	peer("send 1 late");
	settle();
	peer("state 1");
	peer("send 1 later");
}

CASE(zerocopy_is_told)
{
	char control[128];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct sock_extended_err *told_err;
	int fd = accepted();

	T(recvmsg(fd, &msg, MSG_ERRQUEUE));
	T(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int)));
	T(send(fd, TEXT("one"), MSG_ZEROCOPY));
	T(send(fd, TEXT("two"), MSG_ZEROCOPY));
	T(send(fd, TEXT("three"), 0));
	peer("recv 1 11");
	settle();
	T(revents(fd) & POLLERR);
	msg.msg_controllen = sizeof(control);
	T(recvmsg(fd, &msg, MSG_ERRQUEUE));
	told_err = (void *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
	say("level %d type %d origin %d, flags %x, %u to %u", CMSG_FIRSTHDR(&msg)->cmsg_level,
	    CMSG_FIRSTHDR(&msg)->cmsg_type, told_err->ee_origin, msg.msg_flags, told_err->ee_info,
	    told_err->ee_data);
	msg.msg_controllen = sizeof(control);
	T(recvmsg(fd, &msg, MSG_ERRQUEUE));
	T(revents(fd) & POLLERR);
	close(fd);
}
