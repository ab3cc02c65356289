// SPDX-License-Identifier: BSD-2-Clause
/* udp.c - datagrams. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "sem.h"

static char data[1 << 17];

static int revents(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM };

	poll(&p, 1, ms);
	return p.revents;
}

/* Bound here, and the peer's slot 1 bound there; the first datagram makes it fast. */
static int pair(int family)
{
	int fd = udp_bound(family);

	revents(fd, 0);
	quiet_peer("open 1 %s %d", family == AF_INET ? "udp4" : "udp6", peer_port);
	return fd;
}

static void to(int fd, int family, const char *text, size_t n)
{
	struct sockaddr_storage sa;

	to_peer(&sa, family, peer_port);
	told("sendto", sendto(fd, text, n, 0, (struct sockaddr *)&sa, addr_len(family)), 0);
}

static void from(int fd, size_t n, int flags)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[64] = "";
	ssize_t got;

	errno = 0;
	got = recvfrom(fd, data, n, flags, (struct sockaddr *)&sa, &len);
	told("recvfrom", got, got < 0 ? errno : 0);
	if (got < 0)
		return;
	if (sa.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, host, sizeof(host));
	say("    from %s, %d bytes", host, (int)len);
	say_bytes("    data", data, got < (ssize_t)n ? got : (ssize_t)n);
}

CASE(datagrams_both_ways)
{
	int fd = pair(AF_INET);

	T(revents(fd, 0));
	to(fd, AF_INET, "hello", 5);
	peer("recv 1 100");
	peer("sendto 1 %d answer", port);
	T(revents(fd, 1000));
	from(fd, 100, 0);
	from(fd, 100, MSG_DONTWAIT);
	T(revents(fd, 0));
	quiet_peer("after 40 sendto 1 %d blocking", port);
	from(fd, 100, 0);
	close(fd);
}

CASE(datagrams_of_all_sizes)
{
	static const int sizes[] = { 0, 1, 1472, 1473, 4000, 65507 };
	int fd = pair(AF_INET);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		peer("fillto 1 %d %d", port, sizes[i]);
		from(fd, sizeof(data), 0);
		to(fd, AF_INET, data, (size_t)sizes[i]);
		peer("recv 1 65535");
	}
	T(send(fd, data, 65508, 0));
	close(fd);
}

CASE(datagrams_too_large)
{
	struct sockaddr_storage sa;
	int fd = pair(AF_INET);

	to_peer(&sa, AF_INET, peer_port);
	T(sendto(fd, data, 65508, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(sendto(fd, data, 10, 0, NULL, 0));
	T(sendto(fd, data, 10, 0, (struct sockaddr *)&sa, 3));
	((struct sockaddr_in *)&sa)->sin_port = 0;
	T(sendto(fd, data, 10, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	to_peer(&sa, AF_INET6, peer_port);
	T(sendto(fd, data, 10, 0, (struct sockaddr *)&sa, sizeof(struct sockaddr_in6)));
	to_peer(&sa, AF_INET, peer_port);
	T(sendto(fd, NULL, 10, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(sendto(fd, data, 10, MSG_OOB, (struct sockaddr *)&sa, addr_len(AF_INET)));
	close(fd);
}

CASE(datagrams_truncated_and_peeked)
{
	struct iovec iov[2] = { { data, 3 }, { data + 10, 2 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd = pair(AF_INET), n = -1;

	peer("sendto 1 %d abcdefgh", port);
	settle();
	T(ioctl(fd, FIONREAD, &n));
	say("%d", n);
	from(fd, 3, MSG_PEEK);
	from(fd, 3, MSG_PEEK | MSG_TRUNC);
	T(recvmsg(fd, &msg, MSG_PEEK));
	say("flags %x", msg.msg_flags);
	T(recv(fd, data, 3, MSG_TRUNC));
	from(fd, 3, MSG_DONTWAIT);
	peer("sendto 1 %d abcdefgh", port);
	settle();
	T(recvmsg(fd, &msg, 0));
	say("flags %x", msg.msg_flags);
	peer("sendto 1 %d abcdefgh", port);
	settle();
	T(recv(fd, data, 0, 0));
	T(recv(fd, data, 8, MSG_DONTWAIT));
	T(ioctl(fd, FIONREAD, &n));
	say("%d", n);
	T(recv(fd, NULL, 0, MSG_DONTWAIT));
	T(read(fd, data, 0));
	close(fd);
}

CASE(connected_datagrams)
{
	struct sockaddr_storage sa;
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);
	int fd = pair(AF_INET);

	quiet_peer("open 2 udp4 %d", peer_port + 1);
	to_peer(&sa, AF_INET, peer_port);
	T(send(fd, "x", 1, 0));
	T(getpeername(fd, (struct sockaddr *)&sa, &len));
	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(getpeername(fd, (struct sockaddr *)&sa, &len));
	T(send(fd, "one", 3, 0));
	T(write(fd, "two", 3));
	peer("recv 1 100");
	peer("recv 1 100");
	peer("sendto 2 %d stranger", port);
	peer("sendto 1 %d friend", port);
	settle();
	from(fd, 100, 0);
	from(fd, 100, MSG_DONTWAIT);
	to_peer(&sa, AF_INET, (uint16_t)(peer_port + 1));
	T(sendto(fd, "there", 5, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	peer("recv 2 100");
	T(connect(fd, (struct sockaddr *)&sa, addr_len(AF_INET)));
	peer("sendto 2 %d now", port);
	from(fd, 100, 0);
	T(connect(fd, &none, sizeof(none)));
	T(send(fd, "x", 1, 0));
	T(getpeername(fd, (struct sockaddr *)&sa, &len));
	close(fd);
}

CASE(datagrams_refused)
{
	struct sockaddr_storage sa;
	int fd = udp_bound(AF_INET), value = -1;
	socklen_t len = sizeof(value);

	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(send(fd, "x", 1, 0));
	settle();
	T(revents(fd, 300));
	T(recv(fd, data, 10, MSG_DONTWAIT));
	T(recv(fd, data, 10, MSG_DONTWAIT));
	T(send(fd, "x", 1, 0));
	settle();
	T(send(fd, "x", 1, 0));
	T(send(fd, "x", 1, 0));
	settle();
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	say("%d", value);
	T(recv(fd, data, 10, MSG_DONTWAIT));
	T(send(fd, "x", 1, 0));
	T(recv(fd, data, 10, 0));
	close(fd);
	fd = udp_bound(AF_INET);
	T(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	settle();
	T(revents(fd, 20));
	T(recv(fd, data, 10, MSG_DONTWAIT));
	close(fd);
}

CASE(datagram_errors_are_queued)
{
	char control[256];
	struct sockaddr_storage sa;
	struct iovec iov = { data, 10 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct sock_extended_err *e;
	int fd = udp_bound(AF_INET);

	T(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &(int){ 1 }, sizeof(int)));
	to_peer(&sa, AF_INET, peer_port);
	T(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	settle();
	T(revents(fd, 300));
	T(recvmsg(fd, &msg, MSG_ERRQUEUE));
	e = CMSG_FIRSTHDR(&msg) ? (void *)CMSG_DATA(CMSG_FIRSTHDR(&msg)) : NULL;
	if (e)
		say("%s from %d", strerrorname_np((int)e->ee_errno), e->ee_origin);
	T(revents(fd, 0));
	close(fd);
}

CASE(datagrams_without_bind)
{
	struct sockaddr_storage sa;
	struct sockaddr_in own = { 0 };
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	quiet_peer("open 1 udp4 %d", peer_port);
	T(revents(fd, 0));
	T(recv(fd, data, 10, MSG_DONTWAIT));
	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(getsockname(fd, (struct sockaddr *)&own, &len));
	say("%s", inet_ntoa(own.sin_addr));
	T(send(fd, "ask", 3, 0));
	peer("recv 1 10");
	quiet_peer("sendto 1 %d answer", ntohs(own.sin_port));
	from(fd, 10, 0);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	to_peer(&sa, AF_INET, peer_port);
	T(sendto(fd, "ask", 3, 0, (struct sockaddr *)&sa, addr_len(AF_INET)));
	peer("recv 1 10");
	T(getsockname(fd, (struct sockaddr *)&own, &len));
	say("%s %d", inet_ntoa(own.sin_addr), own.sin_port != 0);
	quiet_peer("sendto 1 %d answer", ntohs(own.sin_port));
	from(fd, 10, 0);
	close(fd);
}

static void with_pktinfo(int fd, int level, int type, size_t room)
{
	char control[128], host[64] = "";
	struct iovec iov = { data, 100 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = room };
	struct cmsghdr *c;

	T(recvmsg(fd, &msg, 0));
	c = CMSG_FIRSTHDR(&msg);
	say("flags %x, control of %d bytes", msg.msg_flags, (int)msg.msg_controllen);
	if (!c || c->cmsg_level != level || c->cmsg_type != type)
		return;
	if (level == IPPROTO_IP)
		inet_ntop(AF_INET, &((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr, host, 64);
	else
		inet_ntop(AF_INET6, &((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr, host, 64);
	say("for %s", host);
}

CASE(packet_information)
{
	int fd = pair(AF_INET);

	T(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &(int){ 1 }, sizeof(int)));
	peer("sendto 1 %d one", port);
	with_pktinfo(fd, IPPROTO_IP, IP_PKTINFO, 128);
	peer("sendto 1 %d two", port);
	with_pktinfo(fd, IPPROTO_IP, IP_PKTINFO, 4);
	peer("sendto 1 %d two", port);
	with_pktinfo(fd, IPPROTO_IP, IP_PKTINFO, 0);
	T(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &(int){ 0 }, sizeof(int)));
	peer("sendto 1 %d without", port);
	with_pktinfo(fd, IPPROTO_IP, IP_PKTINFO, 128);
	T(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &(char){ 1 }, 1));
	peer("sendto 1 %d with", port);
	with_pktinfo(fd, IPPROTO_IP, IP_PKTINFO, 128);
	close(fd);
	port++;
	peer_port++;
	fd = pair(AF_INET6);
	T(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &(int){ 1 }, sizeof(int)));
	peer("sendto 1 %d six", port);
	with_pktinfo(fd, IPPROTO_IPV6, IPV6_PKTINFO, 128);
	quiet_peer("open 2 udp4 %d", peer_port + 1);
	peer("sendto 2 %d mapped", port);
	with_pktinfo(fd, IPPROTO_IPV6, IPV6_PKTINFO, 128);
	close(fd);
}

CASE(datagrams_with_tos_and_ttl)
{
	char control[128];
	struct iovec iov = { data, 100 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = udp_bound(AF_INET);

	T(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &(int){ 1 }, sizeof(int)));
	T(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &(int){ 1 }, sizeof(int)));
	revents(fd, 0);
	quiet_peer("open 1 udp4 %d", peer_port);
	peer("sendto 1 %d one", port);
	T(recvmsg(fd, &msg, 0));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		say("%d %d: %d", c->cmsg_level, c->cmsg_type, *(unsigned char *)CMSG_DATA(c));
	close(fd);
}

CASE(datagrams_over_ipv6_and_mapped)
{
	int fd = pair(AF_INET6);
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(peer_port + 1)) };
	char text[64] = "::ffff:";

	to(fd, AF_INET6, "six", 3);
	peer("recv 1 10");
	peer("sendto 1 %d back", port);
	from(fd, 10, 0);
	quiet_peer("open 2 udp4 %d", peer_port + 1);
	strcat(text, getenv("PEER4"));
	inet_pton(AF_INET6, text, &sa.sin6_addr);
	T(sendto(fd, "mapped", 6, 0, (struct sockaddr *)&sa, sizeof(sa)));
	peer("recv 2 10");
	peer("sendto 2 %d back", port);
	from(fd, 10, 0);
	close(fd);
}

CASE(many_datagrams_in_one_call)
{
	struct sockaddr_storage sa;
	struct iovec iov[4];
	struct mmsghdr msgs[4];
	struct timespec t = { .tv_nsec = 50000000 };
	int fd = pair(AF_INET);

	to_peer(&sa, AF_INET, peer_port);
	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){ data + 10 * i, (size_t)i + 1 };
		memset(data + 10 * i, 'a' + i, 10);
		msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &iov[i], .msg_iovlen = 1, .msg_name = &sa,
			.msg_namelen = addr_len(AF_INET),
		};
	}
	T(sendmmsg(fd, msgs, 4, 0));
	for (int i = 0; i < 4; i++)
		peer("recv 1 10");
	for (int i = 0; i < 3; i++)
		peer("sendto 1 %d part%d", port, i);
	settle();
	T(recvmmsg(fd, msgs, 4, MSG_DONTWAIT, NULL));
	for (int i = 0; i < 3; i++)
		say_bytes("data", data + 10 * i, msgs[i].msg_len);
	peer("sendto 1 %d more", port);
	T(recvmmsg(fd, msgs, 4, MSG_WAITFORONE, NULL));
	T(recvmmsg(fd, msgs, 4, MSG_DONTWAIT, &t));
	T(recvmmsg(fd, msgs, 0, 0, NULL));
	close(fd);
}

CASE(datagram_sockets_side_by_side)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval t = { .tv_usec = 50000 };
	int a = pair(AF_INET), b = socket(AF_INET, SOCK_DGRAM, 0);
	int64_t began;

	T(bind(b, (struct sockaddr *)&own, sizeof(own)));
	port++;
	own.sin_port = htons(port);
	T(bind(b, (struct sockaddr *)&own, sizeof(own)));
	revents(b, 0);
	peer("sendto 1 %d to_b", port);
	peer("sendto 1 %d to_a", port - 1);
	from(b, 10, 0);
	from(a, 10, 0);
	T(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	began = now_ms();
	from(a, 10, 0);
	say_lasted(began, 50);
	T(shutdown(b, SHUT_RDWR));
	T(shutdown(a, SHUT_RDWR));
	close(a);
	close(b);
	peer("sendto 1 %d late", port);
}

CASE(shut_down_datagram_socket)
{
	struct sockaddr_storage sa;
	int fd = pair(AF_INET);

	to_peer(&sa, AF_INET, peer_port);
	T(connect(fd, (struct sockaddr *)&sa, addr_len(AF_INET)));
	T(shutdown(fd, SHUT_RD));
	T(revents(fd, 0));
	T(recv(fd, data, 10, 0));
	T(shutdown(fd, SHUT_WR));
	T(revents(fd, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

CASE(datagrams_to_ourselves)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = pair(AF_INET), other = socket(AF_INET, SOCK_DGRAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	T(sendto(other, "loop", 4, 0, (struct sockaddr *)&sa, sizeof(sa)));
	T(recv(fd, data, 10, 0));
	sa.sin_addr.s_addr = inet_addr(getenv("OWN4"));
	T(sendto(other, "own", 3, 0, (struct sockaddr *)&sa, sizeof(sa)));
	T(recv(fd, data, 10, 0));
	T(sendto(fd, "self", 4, 0, (struct sockaddr *)&sa, sizeof(sa)));
	T(recv(fd, data, 10, 0));
	peer("sendto 1 %d far", port);
	T(recv(fd, data, 10, 0));
	close(fd);
	close(other);
}

CASE(datagram_options_set_late)
{
	int fd = pair(AF_INET);

	to(fd, AF_INET, "one", 3);
	peer("recv 1 10");
	peer("sendto 1 %d back", port);
	from(fd, 10, 0);
	T(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &(int){ 1 }, sizeof(int)));
	peer("sendto 1 %d again", port);
	from(fd, 10, 0);
	to(fd, AF_INET, "two", 3);
	peer("recv 1 10");
	close(fd);
}

CASE(datagrams_at_a_shared_port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fds[2], n = 0;

	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		T(setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)));
		T(bind(fds[i], (struct sockaddr *)&own, sizeof(own)));
		revents(fds[i], 0);
	}
	quiet_peer("open 1 udp4 %d", peer_port);
	for (int i = 0; i < 4; i++)
		peer("sendto 1 %d one", port);
	settle();
	for (int i = 0; i < 2; i++)
		while (recv(fds[i], data, 10, 0) == 3)
			n++;
	say("%d came", n);
	close(fds[0]);
	close(fds[1]);
}
