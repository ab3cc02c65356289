// SPDX-License-Identifier: BSD-2-Clause
/*
 * defer.c - TCP_DEFER_ACCEPT: connections that accept() does not give yet, as
 * nothing has come on them.
 *
 *	stack's queue --collect--> silent <-> silent    no descriptor so far, no file of the table
 *	                  |          | news of one
 *	                  +----------+--> due -> due --take--> accept()
 *
 * The kernel gives up after the time that the option says, and so tells the
 * program of a connection that stays silent; here it stays where it is until
 * its peer speaks or ends it.
 */
#include "sock/defer.h"

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

void fs_defer_collect(struct fs_sock *listener)
{
	const uint32_t most = (uint32_t)MAX(listener->backlog, 1);
	struct fs_tcp *tcp;

	while (listener->listener && listener->silent.n + listener->due.n < most &&
	       fs_tcp_listener_has(listener->listener)) {
		struct fs_sock *conn = fs_sock_alloc(listener->family, SOCK_STREAM);

		if (!conn || !fs_tcp_accept(listener->listener, &tcp, 1)) {
			free(conn);
			return;
		}
		conn->tcp = tcp;
		conn->state = FS_SOCK_CONNECTED;
		conn->deferred_at = listener;
		fs_tcp_set_user(tcp, conn);
		conn->is_due = has_spoken(tcp);
		append(conn->is_due ? &listener->due : &listener->silent, conn);
	}
}

void fs_defer_news(struct fs_sock *conn)
{
	struct fs_sock *listener = conn->deferred_at;

	if (conn->is_due || !has_spoken(conn->tcp))
		return;
	conn->is_due = true;
	take_out(&listener->silent, conn);
	append(&listener->due, conn);
	fs_file_news(&listener->file);
}

struct fs_sock *fs_defer_take(struct fs_sock *listener, bool silent)
{
	struct fs_defer_list *list = silent && !listener->due.n ? &listener->silent :
								   &listener->due;
	struct fs_sock *conn = list->first;

	if (!conn)
		return NULL;
	take_out(list, conn);
	conn->deferred_at = NULL;
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
	drop_all(&listener->silent, abort);
	drop_all(&listener->due, abort);
}
