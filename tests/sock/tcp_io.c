// SPDX-License-Identifier: BSD-2-Clause
/* tcp_io.c - bytes in and out of a connection: calls, flags, time limits. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sem.h"

static long got(int fd, size_t n, int flags)
{
	static char data[1 << 17];
	ssize_t len = WITH(told, recv(fd, data, n, flags));

	if (len > 0 && !(flags & MSG_TRUNC))
		say_bytes("    received", data, len);
	return len;
}

static int readable(int fd)
{
	int n = -1;

	ioctl(fd, FIONREAD, &n);
	return n;
}

CASE(every_call_sends)
{
	struct iovec iov[3] = { { "one,", 4 }, { "", 0 }, { "two,", 4 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	struct mmsghdr msgs[2] = { { .msg_hdr = msg }, { .msg_hdr = msg } };
	int fd = accepted();

	T(write(fd, "w,", 2));
	T(writev(fd, iov, 3));
	T(send(fd, "s,", 2, 0));
	T(sendto(fd, "t,", 2, 0, NULL, 0));
	T(sendmsg(fd, &msg, 0));
	T(sendmmsg(fd, msgs, 2, 0));
	say("%u %u", msgs[0].msg_len, msgs[1].msg_len);
	peer("recv 1 %d", 2 + 8 + 2 + 2 + 8 + 16);
	T(writev(fd, iov, 0));
	T(writev(fd, iov, -1));
	T(writev(fd, iov, 2000));
	T(send(fd, "", 0, 0));
	T(write(fd, NULL, 0));
	T(send(fd, NULL, 3, 0));
	T(sendmsg(fd, NULL, 0));
	T(pwrite(fd, "x", 1, 0));
	T(lseek(fd, 0, SEEK_CUR));
	peer("state 1");
	close(fd);
}

CASE(every_call_receives)
{
	char a[4], b[4], c[8];
	struct iovec iov[3] = { { a, 4 }, { b, 0 }, { c, 3 } };
	struct sockaddr_storage sa;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 3, .msg_name = &sa, .msg_namelen = sizeof(sa),
		.msg_flags = 77,
	};
	struct mmsghdr msgs[2] = { { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 1 } },
				   { .msg_hdr = { .msg_iov = iov + 2, .msg_iovlen = 1 } } };
	socklen_t len = sizeof(sa);
	int fd = accepted();

	peer("send 1 abcdefghijklmnopqrstuvwxyz0123456789");
	T(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000));
	T(read(fd, c, 2));
	T(readv(fd, iov, 3));
	say_bytes("a", a, 4);
	say_bytes("c", c, 3);
	T(recv(fd, c, 3, 0));
	T(recvfrom(fd, c, 3, 0, (struct sockaddr *)&sa, &len));
	say("name of %d bytes", (int)len);
	msg.msg_control = c;
	msg.msg_controllen = sizeof(c);
	T(recvmsg(fd, &msg, 0));
	say("name of %d bytes, control %d, flags %x", (int)msg.msg_namelen,
	    (int)msg.msg_controllen, msg.msg_flags);
	T(recvmmsg(fd, msgs, 2, 0, NULL));
	say("%u %u", msgs[0].msg_len, msgs[1].msg_len);
	T(readv(fd, iov, -1));
	T(readv(fd, iov, 0));
	T(recv(fd, NULL, 3, MSG_DONTWAIT));
	T(recv(fd, c, 0, 0));
	T(read(fd, c, 0));
	T(pread(fd, c, 1, 0));
	T(readable(fd));
	close(fd);
}

CASE(nothing_to_receive)
{
	struct timeval t = { .tv_usec = 60000 };
	char c;
	int fd = accepted(), one = 1, zero = 0;
	int64_t began;

	T(recv(fd, &c, 1, MSG_DONTWAIT));
	T(fcntl(fd, F_SETFL, O_NONBLOCK));
	T(read(fd, &c, 1));
	T(recv(fd, &c, 0, 0));
	T(ioctl(fd, FIONBIO, &zero));
	T(fcntl(fd, F_GETFL) & O_NONBLOCK);
	T(ioctl(fd, FIONBIO, &one));
	T(fcntl(fd, F_GETFL) & O_NONBLOCK);
	T(read(fd, &c, 1));
	T(ioctl(fd, FIONBIO, &zero));
	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	began = now_ms();
	T(read(fd, &c, 1));
	say_lasted(began, 60);
	began = now_ms();
	T(recv(fd, &c, 1, MSG_WAITALL));
	say_lasted(began, 60);
	peer("shut 1 1");
	T(recv(fd, &c, 0, 0));
	T(read(fd, &c, 1));
	T(read(fd, &c, 1));
	T(recv(fd, &c, 1, MSG_DONTWAIT));
	close(fd);
}

CASE(peek_leaves_what_it_sees)
{
	char a[3], b[5], c[20];
	struct iovec iov[3] = { { a, 3 }, { b, 5 }, { c, 20 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	int fd = accepted();

	T(recv(fd, c, 1, MSG_PEEK | MSG_DONTWAIT));
	peer("send 1 abcdefghij");
	got(fd, 4, MSG_PEEK);
	got(fd, 100, MSG_PEEK);
	T(recvmsg(fd, &msg, MSG_PEEK));
	say_bytes("a", a, 3);
	say_bytes("b", b, 5);
	say_bytes("c", c, 2);
	got(fd, 3, 0);
	got(fd, 4, MSG_PEEK);
	peer("fill 1 3000");
	settle();
	T(readable(fd));
	got(fd, 5000, MSG_PEEK);
	got(fd, 5000, MSG_PEEK | MSG_TRUNC);
	got(fd, 5000, 0);
	peer("shut 1 1");
	settle();
	got(fd, 10, MSG_PEEK);
	got(fd, 10, 0);
	close(fd);
}

CASE(waitall)
{
	struct timeval t = { .tv_usec = 100000 };
	int fd = accepted();

	peer("send 1 abc");
	quiet_peer("after 40 send 1 defgh");
	got(fd, 8, MSG_WAITALL);
	peer("send 1 abc");
	got(fd, 8, MSG_WAITALL | MSG_DONTWAIT);
	peer("send 1 abc");
	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	got(fd, 8, MSG_WAITALL);
	got(fd, 8, MSG_WAITALL);
	peer("send 1 abc");
	t.tv_usec = 0;
	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	peer("after 60 send 1 defgh");
	got(fd, 8, MSG_WAITALL | MSG_PEEK);
	got(fd, 8, MSG_WAITALL);
	peer("send 1 abc");
	quiet_peer("after 40 shut 1 1");
	got(fd, 8, MSG_WAITALL);
	got(fd, 8, MSG_WAITALL);
	close(fd);
}

CASE(waitall_of_much)
{
	static char data[300000];
	int fd = accepted();

	peer("after 10 fill 1 300000");
	T(recv(fd, data, 300000, MSG_WAITALL));
	say_bytes("data", data, 300000);
	close(fd);
}

static void *signal_in_50_ms(void *thread)
{
	sleep_ms(50);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

CASE(signals_interrupt)
{
	pthread_t self = pthread_self();
	struct sigaction again = { .sa_flags = SA_RESTART };
	struct helper *h;
	char c;
	int fd = accepted(), lfd;

	count_signal(SIGUSR1);
	h = in_thread(signal_in_50_ms, &self);
	T(recv(fd, &c, 1, 0));
	T(signals_seen());
	join(h);
	peer("send 1 abc");
	h = in_thread(signal_in_50_ms, &self);
	got(fd, 8, MSG_WAITALL);
	T(signals_seen());
	join(h);
	lfd = socket(AF_INET, SOCK_STREAM, 0);
	T(listen(lfd, 1));
	h = in_thread(signal_in_50_ms, &self);
	T(accept(lfd, NULL, NULL));
	join(h);
	signals_seen();
	sigaction(SIGUSR1, NULL, &again);
	again.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &again, NULL);
	h = in_thread(signal_in_50_ms, &self);
	quiet_peer("after 150 send 1 later");
	got(fd, 8, 0);
	T(signals_seen());
	join(h);
	close(lfd);
	close(fd);
}

CASE(trunc_throws_away)
{
	char c[8];
	int fd = accepted();

	peer("send 1 abcdefghij");
	T(recv(fd, NULL, 4, MSG_TRUNC));
	got(fd, 3, 0);
	memset(c, '-', sizeof(c));
	T(recv(fd, c, 8, MSG_TRUNC));
	say_bytes("untouched", c, 8);
	T(recv(fd, c, 8, MSG_TRUNC | MSG_DONTWAIT));
	close(fd);
}

CASE(send_with_more_and_cork)
{
	int fd = accepted();

	T(send(fd, "abc", 3, MSG_MORE));
	settle();
	peer("state 1");
	T(send(fd, "def", 3, 0));
	peer("recv 1 6");
	T(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){ 1 }, sizeof(int)));
	T(send(fd, "abc", 3, 0));
	T(send(fd, "xyz", 3, MSG_MORE));
	peer("state 1");
	T(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){ 0 }, sizeof(int)));
	peer("recv 1 6");
	T(send(fd, "abc", 3, MSG_MORE));
	T(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)));
	peer("recv 1 3");
	T(send(fd, "abc", 3, MSG_MORE));
	T(shutdown(fd, SHUT_WR));
	peer("recv 1 10");
	close(fd);
}

CASE(urgent_data)
{
	char c[16];
	int fd = accepted(), mark = -1;

	peer("send 1 abc");
	settle();
	T(recv(fd, c, 1, MSG_OOB));
	T(ioctl(fd, SIOCATMARK, &mark));
	say("at mark: %d", mark);
	got(fd, 10, 0);
	close(fd);
}

static long send_until_full(int fd)
{
	static char data[1 << 16];
	long done = 0;
	ssize_t n;

	while ((n = send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		done += n;
	say("full: %s, %s", strerrorname_np(errno), done > 4096 ? "after a lot" : "after little");
	return done;
}

static int out_events(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	poll(&p, 1, ms);
	return p.revents;
}

CASE(full_buffer)
{
	struct timeval t = { .tv_usec = 80000 };
	char data[1000] = "";
	int fd = accepted(), queued = -1;
	int64_t began;

	T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	quiet_peer("buffer 1 4096");
	send_until_full(fd);
	T(out_events(fd, 0));
	began = now_ms();
	T(send(fd, data, sizeof(data), 0));
	say_lasted(began, 80);
	T(send(fd, data, sizeof(data), MSG_DONTWAIT));
	T(ioctl(fd, SIOCOUTQ, &queued));
	say("queued: %d", queued > 4096);
	quiet_peer("recv 1 65536");
	for (int i = 0; i < 200 && !out_events(fd, 10); i++)
		quiet_peer("recv 1 65536");
	T(out_events(fd, 0));
	T(send(fd, data, 10, 0));
	close(fd);
}

CASE(blocking_send_of_much)
{
	static char data[3000000];
	int fd = accepted();

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	quiet_peer("after 30 drain 1");
	T(send(fd, data, sizeof(data), 0));
	T(shutdown(fd, SHUT_WR));
	peer("close 1");
	T(recv(fd, data, 1, 0));
	close(fd);
}

CASE(queues_are_told)
{
	int fd = accepted(), n = -1;

	peer("send 1 abcdefghij");
	settle();
	T(ioctl(fd, FIONREAD, &n));
	say("%d", n);
	got(fd, 4, 0);
	T(ioctl(fd, FIONREAD, &n));
	say("%d", n);
	T(send(fd, "abc", 3, 0));
	settle();
	T(ioctl(fd, SIOCOUTQ, &n));
	say("%d", n);
	T(ioctl(fd, SIOCOUTQNSD, &n));
	say("%d", n);
	T(ioctl(fd, 0x1234, &n));
	T(ioctl(fd, SIOCGSTAMP, &n));
	T(ioctl(fd, FIONREAD, NULL));
	peer("shut 1 1");
	settle();
	T(ioctl(fd, FIONREAD, &n));
	say("%d", n);
	close(fd);
}

CASE(files_are_sent)
{
	char name[] = "/tmp/sem-XXXXXX";
	int fd = accepted(), file = mkstemp(name);
	off_t at = 4;

	unlink(name);
	T(write(file, "0123456789", 10));
	T(lseek(file, 2, SEEK_SET));
	T(sendfile(fd, file, NULL, 3));
	T(lseek(file, 0, SEEK_CUR));
	T(sendfile(fd, file, &at, 100));
	say("offset %d", (int)at);
	T(lseek(file, 0, SEEK_CUR));
	T(sendfile(fd, file, NULL, 100));
	T(sendfile(fd, file, NULL, 100));
	T(sendfile(fd, file, NULL, 0));
	T(sendfile(fd, -1, NULL, 10));
	T(sendfile(file, fd, NULL, 10));
	peer("recv 1 14");
	peer("close 1");
	close(file);
	close(fd);
}

CASE(pipes_are_spliced)
{
	int fd = accepted(), p[2];
	char data[16] = "";

	T(pipe(p));
	T(write(p[1], "through", 7));
	T(splice(p[0], NULL, fd, NULL, 100, 0));
	peer("recv 1 7");
	peer("send 1 backwards");
	settle();
	T(splice(fd, NULL, p[1], NULL, 4, 0));
	T(splice(fd, NULL, p[1], NULL, 100, 0));
	T(read(p[0], data, 9));
	say_bytes("data", data, 9);
	T(fcntl(fd, F_SETFL, O_NONBLOCK));
	T(splice(fd, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
	T(splice(fd, NULL, p[1], NULL, 100, 0));
	T(splice(p[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK));
	T(splice(fd, NULL, fd, NULL, 10, 0));
	peer("shut 1 1");
	settle();
	T(splice(fd, NULL, p[1], NULL, 100, 0));
	close(p[0]);
	close(p[1]);
	close(fd);
}

CASE(rcvlowat_holds_readiness)
{
	struct pollfd in = { .events = POLLIN };
	char data[16];
	int fd = accepted();

	in.fd = fd;
	T(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 5 }, sizeof(int)));
	peer("send 1 abc");
	settle();
	T(poll(&in, 1, 20));
	T(recv(fd, data, 16, MSG_DONTWAIT));
	peer("send 1 abc");
	quiet_peer("after 50 send 1 def");
	T(poll(&in, 1, 1000));
	T(recv(fd, data, 16, 0));
	peer("send 1 ab");
	quiet_peer("after 30 shut 1 1");
	T(recv(fd, data, 16, 0));
	T(recv(fd, data, 16, 0));
	close(fd);
}
