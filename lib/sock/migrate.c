// SPDX-License-Identifier: BSD-2-Clause
/*
 * migrate.c - the queue of descriptors, and who puts them there and takes them.
 */
#include "sock/migrate.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "sock/aside.h"
#include "sock/sock.h"
#include "tcp/conn.h"

/* --- the queue ------------------------------------------------------------------------ */

/* Its name: the same for all who have this listening socket. 0: the kernel has no cookies. */
static socklen_t name_of(const struct fs_sock *s, struct sockaddr_un *name)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	int n;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	if (FS_LIBC(getsockopt, s->file.fd, SOL_SOCKET, SO_COOKIE, &cookie, &len))
		return 0;
	n = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1,
		     "fastsock-accept-%016" PRIx64, cookie);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

void fs_migrate_share(struct fs_sock *s)
{
	struct sockaddr_un name;
	const struct sockaddr *addr = (const struct sockaddr *)&name;
	socklen_t len;
	int fd;

	if (s->state != FS_SOCK_LISTENING || s->file.also >= 0)
		return;
	len = name_of(s, &name);
	fd = FS_LIBC(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!len || fd < 0 || FS_LIBC(bind, fd, addr, len) || FS_LIBC(connect, fd, addr, len)) {
		FS_LIBC(close, fd);
		return;
	}
	s->file.also = fs_aside(fd);
	fs_file_rewire(&s->file);
}

static bool has_name(int fd, const struct sockaddr_un *name, socklen_t len)
{
	struct sockaddr_un there;
	socklen_t there_len = sizeof(there);

	return !FS_LIBC(getsockname, fd, (struct sockaddr *)&there, &there_len) &&
		there_len == len && !memcmp(&there, name, len);
}

void fs_migrate_find(struct fs_sock *s)
{
	DIR *dir = opendir("/proc/self/fd");
	struct sockaddr_un name;
	const socklen_t len = name_of(s, &name);
	struct dirent *entry;

	while (dir && len && s->file.also < 0 && (entry = readdir(dir))) {
		const int fd = atoi(entry->d_name);

		if (has_name(fd, &name, len))
			s->file.also = fd;
	}
	if (dir)
		closedir(dir);
}

void fs_migrate_keep(struct fs_sock *s)
{
	const int flags = s->state == FS_SOCK_LISTENING ? FS_LIBC(fcntl, s->file.fd, F_GETFD) : -1;

	if (flags < 0)
		return;
	if (s->listener && !(flags & FD_CLOEXEC))
		fs_migrate_share(s);
	if (s->file.also >= 0)
		FS_LIBC(fcntl, s->file.also, F_SETFD, flags & FD_CLOEXEC);
}

/* One descriptor, with the byte that it needs to travel. */
union rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static int put(int queue, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union rights rights = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	const struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	ssize_t n;

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	n = FS_LIBC(sendmsg, queue, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? (int)n : 0;
}

static int get(int queue, int flags)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union rights rights;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	const ssize_t n = FS_LIBC(recvmsg, queue, &msg, MSG_DONTWAIT | flags);
	int fd;

	if (n < 0)
		return (int)n;
	if (msg.msg_controllen < CMSG_LEN(sizeof(int)) || rights.header.cmsg_type != SCM_RIGHTS)
		return -EMFILE;		/* the kernel had no number for it */
	memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
	return fd;
}

int fs_migrate_take(struct fs_sock *s, int flags)
{
	int fd;

	if (s->file.also < 0)
		return -EAGAIN;
	fd = get(s->file.also, flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	FS_LIBC(fcntl, fd, F_SETFL, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	fs_inherit_apply(s->given, fd);
	return fd;
}

/* --- out of the stack ---------------------------------------------------------------------- */

/* A SYN that the program steered before it knew better comes until then. */
#define LEAVE_NS	(10 * NSEC_PER_MSEC)

/* A listener without a socket, which waits for the last of its handshakes. */
struct leaver {
	struct leaver *next;
	struct fs_tcp_listener *listener;
	int queue;
	uint64_t until_ns;
};

static struct leaver *leavers;

static void move(struct fs_tcp *tcp, int queue)
{
	const int fd = fs_tcp_handoff(tcp, -1);
	const bool is_there = fd >= 0 && !put(queue, fd);

	fs_reason_count(FS_SORT_TCP, is_there ? FS_SOCKET_migrated : FS_SOCKET_stuck);
	if (fd >= 0)
		FS_LIBC(close, fd);
	else
		fs_tcp_abort(tcp);	/* what a closed listener's connections get */
}

static void move_deferred(struct fs_sock *s)
{
	struct fs_sock *conn;

	while ((conn = fs_defer_take(s, true))) {
		fs_tcp_set_user(conn->tcp, NULL);
		move(conn->tcp, s->file.also);
		free(conn);
	}
}

static void move_all(struct fs_tcp_listener *listener, int queue)
{
	struct fs_tcp *tcp;

	while (fs_tcp_accept(listener, &tcp, 1))
		move(tcp, queue);
}

void fs_migrate_out(struct fs_sock *s)
{
	struct leaver *leaver;
	int queue;

	if (!s->listener || s->file.also < 0)
		return;
	leaver = malloc(sizeof(*leaver));
	queue = FS_LIBC(fcntl, s->file.also, F_DUPFD_CLOEXEC, s->file.also);
	if (!leaver || queue < 0) {
		free(leaver);
		FS_LIBC(close, queue);
		return;
	}
	*leaver = (struct leaver){
		.next = leavers, .listener = s->listener, .queue = queue,
		.until_ns = fs_engine_clock_ns() + LEAVE_NS,
	};
	leavers = leaver;
	fs_tcp_listener_leave(s->listener);
	move_deferred(s);
	move_all(s->listener, queue);
	s->listener = NULL;
}

static void end(struct leaver **at, bool abort)
{
	struct leaver *leaver = *at;

	*at = leaver->next;
	if (abort)
		fs_tcp_listener_close(leaver->listener);
	FS_LIBC(close, leaver->queue);
	free(leaver);
}

void fs_migrate_round(uint64_t now_ns)
{
	struct leaver **at = &leavers;

	while (*at) {
		move_all((*at)->listener, (*at)->queue);
		if ((*at)->listener->half || now_ns < (*at)->until_ns)
			at = &(*at)->next;
		else
			end(at, true);
	}
}

bool fs_migrate_waits(void)
{
	return leavers;
}

void fs_migrate_stop(bool abort)
{
	while (leavers)
		end(&leavers, abort);
}
