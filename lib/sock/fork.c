// SPDX-License-Identifier: BSD-2-Clause
/*
 * fork.c - the ends and doublings of a process.
 *
 *	fork()    connections move into the kernel, where both can use them; the
 *	          stack stays the parent's; the child opens its own when it waits
 *	execve()  connections move into the kernel, the stack is closed; should it
 *	          fail, the sockets go on as their twins
 *	exit()    what is still on its way is given to the kernel, likewise
 */
#include <fcntl.h>
#include <pthread.h>

#include "sock/deputy.h"
#include "sock/sock.h"
#include "sock/twin.h"
#include "tcp/conn.h"

/* @fn may make an end of the socket, but of no other. */
static void each_sock(void (*fn)(struct fs_sock *s))
{
	for (struct fs_sock *s = fs_socks, *next; s; s = next) {
		next = s->next;
		fn(s);
	}
}

/* What can be moved; of a connection that has ended, nothing is left to be. */
static bool is_established(const struct fs_sock *s)
{
	return s->tcp && s->state == FS_SOCK_CONNECTED && s->file.fd >= 0 &&
	       s->tcp->flow.state >= FS_TCP_ESTABLISHED;
}

static void move(struct fs_sock *s, enum fs_socket_reason reason)
{
	if (is_established(s) && fs_sock_move(s, reason))
		fs_reason_count(FS_SORT_TCP, FS_SOCKET_stuck);
}

static void move_forked(struct fs_sock *s)
{
	move(s, FS_SOCKET_forked);
}

static void move_executed(struct fs_sock *s)
{
	move(s, FS_SOCKET_executed);
}

static void move_ended(struct fs_sock *s)
{
	move(s, FS_SOCKET_at_exit);
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

/* A connection that this process has no longer. */
static void lose(struct fs_sock *s)
{
	const bool ended = s->tcp->flow.state == FS_TCP_CLOSED && !s->tcp->rx_bytes;

	if (!s->error)
		s->error = s->tcp->error || ended ? s->tcp->error : -ECONNABORTED;
	s->tcp = NULL;
	s->state = FS_SOCK_FAILED;
}

/*
 * What the stack had of a socket is the parent's, or has been given back. The
 * twin goes on alone, until somebody waits and there is a stack again.
 */
static void forget_stack(struct fs_sock *s)
{
	if (s->tcp)
		lose(s);
	fs_defer_drop(s, false);
	s->listener = NULL;
	s->udp = NULL;
	if (s->state == FS_SOCK_DATAGRAM)
		s->state = FS_SOCK_NEW;
	s->tried = false;
}

static void in_child(void)
{
	if (!forking)
		return;
	forking = false;
	fs_migrate_stop(false);
	each_sock(forget_stack);
	fs_engine_disown();
	fs_reason_reset();
}

__attribute__((constructor)) static void at_load(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

/* --- execve, exit --------------------------------------------------------------------------------------- */

/* A connection that could not be moved is closed in order: who reads it has it all. */
static void part(struct fs_sock *s)
{
	struct fs_tcp *tcp = s->tcp;
	struct fs_udp *udp = s->udp;

	/* First: once the port is free, the next to have it wants the twin as it is now. */
	if (s->listener && !s->nonblock)
		fs_sock_twin_nonblock(s, false);
	fs_migrate_out(s);
	fs_sock_unlisten(s);
	forget_stack(s);
	fs_udp_close(udp);
	fs_tcp_close(tcp);
	fs_file_news(&s->file);
}

static void end(void (*move_one)(struct fs_sock *s))
{
	if (!fs_engine.stack)
		return;
	each_sock(move_one);
	each_sock(part);
	fs_sock_move_orphans();
	fs_migrate_stop(true);
	fs_engine_stop();
}

void fs_sockets_exec(void)
{
	if (fs_inside)
		return;
	fs_engine_lock();
	each_sock(fs_migrate_keep);
	end(move_executed);
	fs_engine_unlock();
}

void fs_sockets_stop(void)
{
	if (fs_inside)
		return;
	fs_engine_lock();
	end(move_ended);
	fs_engine.failed = FS_SOCKET_at_exit;	/* no other stack for what time is left */
	fs_engine_unlock();
}

static void move_inherited(struct fs_sock *s)
{
	if (is_established(s) && !(FS_LIBC(fcntl, s->file.fd, F_GETFD) & FD_CLOEXEC))
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
	if (wants_stack && fs_engine_start())
		fs_deputy_start();
	fs_engine_unlock();
}
