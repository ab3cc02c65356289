// SPDX-License-Identifier: BSD-2-Clause
/*
 * fork.c - the ends and doublings of a process.
 *
 *	fork()    connections move into the kernel, where both can use them; the
 *	          stack stays the parent's; the child opens its own when it waits
 *	execve()  connections move into the kernel, the stack is closed
 *	exit()    what is still on its way is given to the kernel, likewise
 */
#include <fcntl.h>
#include <pthread.h>

#include "sock/sock.h"

/* Every socket of the process once, as the list may change under the walk. */
static void each_sock(void (*fn)(struct fs_sock *s))
{
	for (int fd = 0; fd < fs_files_end; fd++) {
		struct fs_file *file = fs_file_at(fd);

		if ((uintptr_t)file > (uintptr_t)FS_FILE_KERNEL && file->kind == FS_FILE_SOCK &&
		    file->fd == fd)
			fn(container_of(file, struct fs_sock, file));
	}
}

static void move_or_reset(struct fs_sock *s, enum fs_socket_reason reason)
{
	if (!s->tcp || s->state != FS_SOCK_CONNECTED || !fs_sock_move(s, reason))
		return;
	fs_reason_count(FS_SORT_TCP, FS_SOCKET_stuck);
}

static void move_forked(struct fs_sock *s)
{
	move_or_reset(s, FS_SOCKET_forked);
}

static void move_executed(struct fs_sock *s)
{
	move_or_reset(s, FS_SOCKET_executed);
}

static void move_ended(struct fs_sock *s)
{
	move_or_reset(s, FS_SOCKET_at_exit);
}

/* --- fork ------------------------------------------------------------------------------------------- */

/*
 * lib/steer forks, with our lock held, a child that looks into another network
 * namespace and ends: for it the door stays closed (fs_inside).
 */
static __thread bool forking;

static void before_fork(void)
{
	if (fs_inside)
		return;
	fs_engine_lock();
	forking = true;
	each_sock(fs_migrate_share);
	if (fs_engine.stack)
		each_sock(move_forked);
}

static void in_parent(void)
{
	if (!forking)
		return;
	forking = false;
	fs_engine_unlock();
}

/* What the stack had of a socket is the parent's. */
static void forget_stack(struct fs_sock *s)
{
	const bool was_fast = s->listener || s->udp;

	s->tcp = NULL;
	fs_defer_drop(s, false);
	s->listener = NULL;
	s->udp = NULL;
	if (s->type == SOCK_STREAM && s->state != FS_SOCK_NEW && s->state != FS_SOCK_LISTENING) {
		s->state = FS_SOCK_FAILED;
		s->error = -ECONNABORTED;
	}
	if (s->type == SOCK_DGRAM)
		s->state = FS_SOCK_NEW;
	s->tried = was_fast ? false : s->tried;
	s->retry_ns = FS_NEVER;
}

static void in_child(void)
{
	if (!forking)
		return;
	forking = false;
	fs_migrate_stop(false);
	if (fs_engine.stack)
		each_sock(forget_stack);
	fs_engine_disown();
	fs_reason_reset();
}

__attribute__((constructor)) static void at_load(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

/* --- execve, exit --------------------------------------------------------------------------------------- */

static void end(void (*move)(struct fs_sock *s))
{
	if (fs_inside)
		return;
	fs_engine_lock();
	if (fs_engine.stack) {
		each_sock(move);
		fs_sock_move_orphans();
		fs_engine_stop();
	}
	fs_engine_unlock();
}

void fs_sockets_exec(void)
{
	if (!fs_inside && fs_files) {
		fs_engine_lock();
		each_sock(fs_migrate_keep);
		fs_engine_unlock();
	}
	end(move_executed);
}

void fs_sockets_stop(void)
{
	end(move_ended);
}

static void move_inherited(struct fs_sock *s)
{
	if (s->tcp && s->state == FS_SOCK_CONNECTED &&
	    !(FS_LIBC(fcntl, s->file.fd, F_GETFD) & FD_CLOEXEC))
		fs_sock_move(s, FS_SOCKET_executed);
}

void fs_sockets_spawn(void)
{
	if (fs_inside || !fs_files)
		return;
	fs_engine_lock();
	if (fs_engine.stack)
		each_sock(move_inherited);
	fs_engine_unlock();
}

static bool wants_stack;

static void look(struct fs_sock *s)
{
	wants_stack |= s->state == FS_SOCK_LISTENING || s->type == SOCK_DGRAM;
}

void fs_sockets_start(void)
{
	if (fs_inside || !fs_files || !fs_sock_configured())
		return;
	fs_engine_lock();
	wants_stack = false;
	each_sock(look);
	if (wants_stack)
		fs_engine_start();
	fs_engine_unlock();
}
