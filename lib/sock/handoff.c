// SPDX-License-Identifier: BSD-2-Clause
/*
 * handoff.c - a connection becomes an ordinary kernel socket, on the same
 * descriptors.
 */
#include <fcntl.h>
#include <time.h>

#include "sock/sock.h"
#include "tcp/conn.h"
#include "tcp/move.h"

#define PATIENCE_NS	(2 * NSEC_PER_SEC)
#define NAP_NS		NSEC_PER_MSEC

/* Every descriptor of the file is made one of @fresh. */
static void replace(struct fs_file *file, int fresh)
{
	uint32_t left = file->n_fds;

	/* Most have one only, which is known. */
	for (int i = 0; left && i < fs_files_end; i++) {
		const int fd = (file->fd + i) % fs_files_end;
		int flags;

		if (fs_file_at(fd) != file)
			continue;
		flags = FS_LIBC(fcntl, fd, F_GETFD);
		FS_LIBC(dup3, fresh, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
		left--;
	}
}

static int fresh_socket(const struct fs_sock *s)
{
	return FS_LIBC(socket, s->family, SOCK_STREAM | SOCK_CLOEXEC |
		       (s->nonblock ? SOCK_NONBLOCK : 0), 0);
}

int fs_sock_move(struct fs_sock *s, enum fs_socket_reason reason)
{
	int fd = fresh_socket(s), err;

	if (fd < 0)
		return fd;
	fs_sock_copy_options(s, fd);
	err = fs_tcp_handoff(s->tcp, fd);
	if (err >= 0) {
		s->tcp = NULL;
		replace(&s->file, fd);
		fs_sock_give_up(s, reason);
	}
	FS_LIBC(close, fd);
	return MIN(err, 0);
}

/* Without the privilege to move them: wait for them, as long as somebody may be patient. */
void fs_sock_move_orphans(void)
{
	const uint64_t end_ns = fs_engine_clock_ns() + PATIENCE_NS;
	struct fs_tcp_table *table = fs_engine.stack->tcp;
	const struct timespec nap = { .tv_nsec = NAP_NS };

	fs_engine_poll();
	while ((fs_tcp_move_all(table, NULL, NULL) || fs_migrate_waits()) &&
	       fs_engine_clock_ns() < end_ns) {
		nanosleep(&nap, NULL);
		fs_engine_poll();
	}
}

void fs_sock_pass(int fd)
{
	struct fs_sock *s = fs_sock_enter(fd);

	if (!s)
		return;
	if (s->tcp && s->state == FS_SOCK_CONNECTED)
		fs_sock_move(s, FS_SOCKET_passed);
	fs_sock_leave();
}

int fs_handoff(int fd)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int err = -EOPNOTSUPP;

	if (!s) {
		int type;
		socklen_t len = sizeof(type);

		return FS_LIBC(getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len);
	}
	if (s->tcp && s->state == FS_SOCK_CONNECTED)
		err = fs_sock_move(s, FS_SOCKET_handed_off);
	else if (s->state == FS_SOCK_NEW)
		err = 0;
	fs_sock_leave();
	return err;
}
