// SPDX-License-Identifier: BSD-2-Clause
/*
 * defer.c - TCP_DEFER_ACCEPT: connections that accept() does not give yet, as
 * nothing has come on them.
 *
 *	stack's queue --collect--> silent <-> silent    no descriptor so far, no file of the table
 *	                  |          | news of one
 *	                  +----------+--> due -> due --take--> accept()
 *
 * As the kernel has it, who stays silent for as long as the option says is given
 * all the same. The kernel rounds that up to the times at which it would send
 * SYN-ACKs again, and tells: the twin is asked.
 */
#include "sock/defer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "sock/sock.h"
#include "tcp/conn.h"

static bool has_spoken(const struct fs_tcp *tcp)
{
	return tcp->rx_bytes || fs_tcp_has(tcp, FS_TCP_FIN_RCVD) ||
		tcp->flow.state == FS_TCP_CLOSED;
}

static void append(struct fs_defer_list *list, struct fs_sock *conn)
{
	conn->defer_next = NULL;
	conn->defer_prev = list->last;
	if (list->last)
		list->last->defer_next = conn;
	else
		list->first = conn;
	list->last = conn;
	list->n++;
}

static void take_out(struct fs_defer_list *list, struct fs_sock *conn)
{
	if (conn->defer_prev)
		conn->defer_prev->defer_next = conn->defer_next;
	else
		list->first = conn->defer_next;
	if (conn->defer_next)
		conn->defer_next->defer_prev = conn->defer_prev;
	else
		list->last = conn->defer_prev;
	list->n--;
}

static void arm(struct fs_defer *defer)
{
	const struct fs_sock *first = defer->silent.first;

	if (first)
		fs_timer_arm(&fs_engine.stack->host.wheel, &defer->timer, first->due_ns);
	else if (fs_timer_armed(&defer->timer))
		fs_timer_cancel(&fs_engine.stack->host.wheel, &defer->timer);
}

static void become_due(struct fs_defer *defer, struct fs_sock *conn)
{
	conn->is_due = true;
	take_out(&defer->silent, conn);
	append(&defer->due, conn);
	fs_file_news(&defer->listener->file);
}

static void on_time(struct fs_timer *timer, uint64_t now_ns)
{
	struct fs_defer *defer = container_of(timer, struct fs_defer, timer);

	while (defer->silent.first && defer->silent.first->due_ns <= now_ns)
		become_due(defer, defer->silent.first);
	arm(defer);
}

void fs_defer_set(struct fs_sock *listener)
{
	socklen_t len = sizeof(int);
	int seconds = 0;

	FS_LIBC(getsockopt, listener->file.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &len);
	if (!listener->defer && seconds > 0)
		listener->defer = calloc(1, sizeof(*listener->defer));
	if (!listener->defer)
		return;
	listener->defer->listener = listener;
	listener->defer->timer.fn = on_time;
	listener->defer->limit_ns = (uint64_t)seconds * NSEC_PER_SEC;
	if (listener->listener && !seconds)
		on_time(&listener->defer->timer, FS_NEVER);
	fs_defer_collect(listener);
}

void fs_defer_free(struct fs_sock *listener)
{
	free(listener->defer);
	listener->defer = NULL;
}

bool fs_defer_has(const struct fs_sock *listener)
{
	return listener->defer->due.n;
}

static void collect(struct fs_defer *defer, struct fs_sock *conn, struct fs_tcp *tcp)
{
	conn->tcp = tcp;
	conn->state = FS_SOCK_CONNECTED;
	conn->deferred_at = defer->listener;
	conn->due_ns = fs_engine.stack->host.now_ns + defer->limit_ns;
	conn->is_due = !defer->limit_ns || has_spoken(tcp);
	fs_tcp_set_user(tcp, conn);
	append(conn->is_due ? &defer->due : &defer->silent, conn);
}

void fs_defer_collect(struct fs_sock *listener)
{
	const uint32_t most = (uint32_t)MAX(listener->backlog, 1);
	struct fs_defer *defer = listener->defer;
	struct fs_tcp *tcp;

	while (listener->listener && defer->silent.n + defer->due.n < most &&
	       fs_tcp_listener_has(listener->listener)) {
		struct fs_sock *conn = fs_sock_alloc(listener->family, SOCK_STREAM);

		if (!conn || !fs_tcp_accept(listener->listener, &tcp, 1)) {
			free(conn);
			return;
		}
		collect(defer, conn, tcp);
		if (!fs_timer_armed(&defer->timer))
			arm(defer);
	}
}

void fs_defer_news(struct fs_sock *conn)
{
	struct fs_defer *defer = conn->deferred_at->defer;

	if (conn->is_due || !has_spoken(conn->tcp))
		return;
	become_due(defer, conn);
	arm(defer);
}

struct fs_sock *fs_defer_take(struct fs_sock *listener, bool silent)
{
	struct fs_defer *defer = listener->defer;
	struct fs_defer_list *list;
	struct fs_sock *conn;

	if (!defer)
		return NULL;
	list = silent && !defer->due.n ? &defer->silent : &defer->due;
	conn = list->first;
	if (!conn)
		return NULL;
	take_out(list, conn);
	conn->deferred_at = NULL;
	arm(defer);
	fs_defer_collect(listener);
	return conn;
}

static void drop_all(struct fs_defer_list *list, bool abort)
{
	while (list->first) {
		struct fs_sock *conn = list->first;

		take_out(list, conn);
		if (abort)
			fs_tcp_abort(conn->tcp);
		free(conn);
	}
}

void fs_defer_drop(struct fs_sock *listener, bool abort)
{
	struct fs_defer *defer = listener->defer;

	if (!defer)
		return;
	drop_all(&defer->silent, abort);
	drop_all(&defer->due, abort);
	if (abort)
		arm(defer);
	else
		defer->timer.list.next = NULL;	/* of a wheel that is the parent's */
}
