// SPDX-License-Identifier: BSD-2-Clause
/* process.c - sockets shared by fork, kept over exec, passed on. */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sem.h"

static int status_of(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int serve_one(int fd)
{
	char data[64];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		if (send(fd, data, (size_t)n, MSG_NOSIGNAL) != n)
			return 1;
	return n < 0;
}

CASE(a_child_serves_what_its_parent_accepted)
{
	int lfd = listener(AF_INET, 0);

	be_fast(lfd);
	for (int i = 1; i <= 3; i++) {
		pid_t child;
		int fd;

		peer("connect %d tcp4 %d", i, port);
		fd = F(accept(lfd, NULL, NULL));
		child = fork();
		if (!child) {
			close(lfd);
			_exit(serve_one(fd));
		}
		close(fd);
		peer("send %d hello", i);
		peer("recv %d 5", i);
		peer("shut %d 1", i);
		T(status_of(child));
		peer("state %d", i);
	}
	close(lfd);
}

CASE(parent_and_child_share_a_connection)
{
	int fd = accepted();
	char data[8];
	pid_t child;

	peer("send 1 unread");
	settle();
	child = fork();
	if (!child) {
		send(fd, "child", 5, 0);
		_exit(recv(fd, data, 2, 0) == 2 && !memcmp(data, "un", 2) ? 0 : 1);
	}
	T(status_of(child));
	peer("recv 1 5");
	T(recv(fd, data, 8, 0));
	T(send(fd, "parent", 6, 0));
	peer("recv 1 6");
	close(fd);
	peer("state 1");
}

CASE(a_child_connects_for_itself)
{
	pid_t child = fork();

	if (!child) {
		struct sockaddr_storage sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char data[8];

		to_peer(&sa, AF_INET, peer_port);
		sleep_ms(100);
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
			_exit(errno);
		_exit(send(fd, "child", 5, 0) != 5 || recv(fd, data, 8, 0) != 4);
	}
	quiet_peer("listen 0 %d", peer_port);
	peer("accept 1 0");
	peer("recv 1 5");
	peer("send 1 back");
	T(status_of(child));
	peer("state 1");
}

CASE(a_listener_lives_on_in_a_child)
{
	int lfd = listener(AF_INET, 0);
	pid_t child = fork();

	if (!child) {
		int fd = accept(lfd, NULL, NULL);

		_exit(fd < 0 ? errno : serve_one(fd));
	}
	close(lfd);
	sleep_ms(200);
	peer("connect 1 tcp4 %d", port);
	peer("send 1 hello");
	peer("recv 1 5");
	peer("shut 1 1");
	T(status_of(child));
}

CASE(a_spawned_program_inherits_a_connection)
{
	extern char **environ;
	char command[64];
	char *argv[] = { "sh", "-c", command, NULL };
	int fd = accepted();
	pid_t child;

	sprintf(command, "echo spawned >&%d", fd);
	T(posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ));
	T(status_of(child));
	peer("recv 1 8");
	T(send(fd, "still", 5, 0));
	peer("recv 1 5");
	close(fd);
	peer("state 1");
}

CASE(a_connection_with_cloexec_is_not_inherited)
{
	char command[64];
	int fd = accepted_flags(AF_INET, SOCK_CLOEXEC);

	sprintf(command, "echo spawned 2>/dev/null >&%d", fd);
	T(system(command) != 0);
	T(send(fd, "still", 5, 0));
	peer("recv 1 5");
	close(fd);
}

CASE(a_connection_passed_over_a_unix_socket)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 'x', data[8];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = accepted(), pair[2], got;

	T(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	T(sendmsg(pair[0], &msg, 0));
	close(fd);
	T(recvmsg(pair[1], &msg, 0));
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	T(send(got, "passed", 6, MSG_NOSIGNAL));
	peer("recv 1 6");
	peer("send 1 back");
	T(recv(got, data, 8, 0));
	close(got);
	close(pair[0]);
	close(pair[1]);
	peer("state 1");
}

CASE(a_daemon_serves)
{
	int lfd = listener(AF_INET, 0);
	pid_t child = fork();

	if (!child) {
		int fd;

		if (daemon(1, 1))
			_exit(1);
		fd = accept(lfd, NULL, NULL);
		_exit(fd < 0 ? errno : serve_one(fd));
	}
	T(status_of(child));
	close(lfd);
	sleep_ms(300);
	peer("connect 1 tcp4 %d", port);
	peer("send 1 hello");
	peer("recv 1 5");
	peer("shut 1 1");
	peer("state 1");
}

CASE(a_program_takes_the_place_of_a_child)
{
	char number[16];
	int fd = accepted();
	pid_t child;

	sprintf(number, "%d", fd);
	child = fork();
	if (!child) {
		execlp("sh", "sh", "-c", "echo in its place >&$0", number, (char *)NULL);
		_exit(127);
	}
	T(status_of(child));
	peer("recv 1 13");
	T(send(fd, "still", 5, 0));
	peer("recv 1 5");
	close(fd);
}

static int no_such_program(void)
{
	return execl("/does/not/exist", "exist", (char *)NULL);
}

CASE(a_failed_execve_leaves_listener_and_connection)
{
	char data[8];
	int lfd = listener(AF_INET, 0), old, fd;

	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	old = F(accept(lfd, NULL, NULL));
	note_fast(old);
	T(no_such_program());
	T(send(old, "still", 5, 0));
	peer("recv 1 5");
	be_fast(lfd);
	peer("connect 2 tcp4 %d", port);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	peer("send 2 hello");
	T(recv(fd, data, sizeof(data), 0));
	close(fd);
	close(old);
	close(lfd);
	peer("state 1");
	peer("state 2");
}

CASE(a_failed_execve_leaves_a_listener_that_is_closed)
{
	int lfd = listener(AF_INET, 0);

	be_fast(lfd);
	T(no_such_program());
	T(close(lfd));
	peer("connect 1 tcp4 %d", port);
}

CASE(a_failed_execve_leaves_a_datagram_socket)
{
	struct pollfd p = { .events = POLLIN };
	char data[8];
	int fd = udp_bound(AF_INET);

	p.fd = fd;
	T(poll(&p, 1, 0));
	quiet_peer("open 1 udp4 %d", peer_port);
	peer("sendto 1 %d first", port);
	T(recv(fd, data, sizeof(data), 0));
	T(no_such_program());
	peer("sendto 1 %d second", port);
	T(recv(fd, data, sizeof(data), 0));
	T(poll(&p, 1, 0));
	peer("sendto 1 %d third", port);
	T(recv(fd, data, sizeof(data), 0));
	T(no_such_program());
	T(close(fd));
}

static void *accept_one(void *arg)
{
	const int fd = accept(*(int *)arg, NULL, NULL);

	return (void *)(intptr_t)(fd < 0 ? errno : close(fd));
}

CASE(a_thread_accepts_over_a_failed_execve)
{
	int lfd = listener(AF_INET, 0);
	struct helper *helper;

	be_fast(lfd);
	helper = in_thread(accept_one, &lfd);
	sleep_ms(50);
	T(no_such_program());
	peer("connect 1 tcp4 %d", port);
	T(join(helper));
	close(lfd);
	peer("state 1");
}

/* Whatever slept on the stack that there was is awake for the next. */
CASE(after_a_failed_execve_somebody_answers_while_nobody_waits)
{
	int lfd = listener(AF_INET, 0), fd;

	be_fast(lfd);
	sleep_ms(200);
	T(no_such_program());
	be_fast(lfd);
	peer("connect 1 tcp4 %d", port);
	fd = F(accept(lfd, NULL, NULL));
	note_fast(fd);
	close(fd);
	close(lfd);
}

static void *receive_one(void *arg)
{
	char data[8];

	return (void *)(intptr_t)recv(*(int *)arg, data, sizeof(data), 0);
}

CASE(a_thread_receives_over_a_failed_execve)
{
	int udp = udp_bound(AF_INET), tcp = accepted();
	struct helper *one = in_thread(receive_one, &udp), *two = in_thread(receive_one, &tcp);

	quiet_peer("open 2 udp4 %d", peer_port);
	sleep_ms(50);
	T(no_such_program());
	peer("sendto 2 %d datagram", port);
	peer("send 1 bytes");
	T(join(one));
	T(join(two));
	close(udp);
	close(tcp);
}

/* As for a program that has given up its privileges: nothing can be moved. */
static void give_up_net_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &header, data);
	data[CAP_NET_ADMIN / 32].effective &= ~(1u << CAP_NET_ADMIN % 32);
	syscall(SYS_capset, &header, data);
}

/* The parent gives back its queues first, which the child then has. */
CASE(a_program_without_privileges_ends_its_connections_in_order)
{
	pid_t child;

	T(no_such_program());
	child = fork();
	if (!child) {
		int fd = accepted();

		give_up_net_admin();
		_exit(send(fd, "last words", 10, 0) == 10 ? 0 : errno);
	}
	T(status_of(child));
	peer("recv 1 10");
	peer("state 1");
}

/* By libc's calls, which say that it is about to happen. */
static void become_nobody(void)
{
	if (setgid(65534) || setuid(65534))
		say("%s", strerrorname_np(errno));
}

CASE(what_a_program_without_privileges_shares_with_its_child)
{
	pid_t child;

	T(no_such_program());
	child = fork();
	if (!child) {
		int lfd = listener(AF_INET, 0), fd, grandchild;

		be_fast(lfd);
		become_nobody();
		quiet_peer("connect 1 tcp4 %d", port);
		fd = accept(lfd, NULL, NULL);
		note_fast(fd);
		T(send(fd, "before", 6, 0));
		grandchild = fork();
		if (!grandchild)
			_exit(send(fd, "child", 5, 0) != 5);
		T(status_of(grandchild));
		T(send(fd, "parent", 6, 0));
		_exit(0);
	}
	T(status_of(child));
	peer("recv 1 17");
	peer("state 1");
}
