// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel.c - the life of a connection that the kernel has: accepted, told of,
 * closed.
 *
 * Edge-triggered: each change is told once, and no connection that the
 * application does not read keeps the stack awake.
 */
#include "tcp/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/twin.h"

#define RETRY_NS	(100 * NSEC_PER_MSEC)	/* accept(), when descriptors ran out */
#define PATIENCE_NS	(60 * NSEC_PER_SEC)	/* without a handle, and nothing goes */

/* --- life ------------------------------------------------------------------------------ */

/* All but the descriptor. */
static void forget(struct fs_tcp_kernel *k)
{
	struct fs_tcp *tcp = k->tcp;
	struct fs_host *host = fs_tcp_host(tcp);

	host->ops->unwatch(host, &k->watch);
	fs_timer_cancel(tcp->table->wheel, &k->timer);
	fs_tcp_kernel_drop_unsent(k);
	*k->at = k->next;
	if (k->next)
		k->next->at = k->at;
	fs_host_unready(host, &tcp->ready);
	fs_slab_put(&tcp->table->conns, tcp);
	free(k);
}

/* The kernel goes on by itself: FIN, or RST if something was not read. */
static void discard(struct fs_tcp_kernel *k)
{
	const int fd = k->watch.fd;

	forget(k);
	close(fd);
}

static void reset(struct fs_tcp_kernel *k)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(k->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	discard(k);
}

static void time_is_up(struct fs_timer *timer, uint64_t now_ns)
{
	struct fs_tcp_kernel *k = container_of(timer, struct fs_tcp_kernel, timer);

	(void)now_ns;
	if (k->unsent || fs_tcp_kernel_outq(k))
		reset(k);
	else
		discard(k);
}

static void arm(struct fs_tcp_kernel *k, uint64_t ns)
{
	fs_timer_arm(k->tcp->table->wheel, &k->timer, fs_tcp_now(k->tcp) + ns);
}

void fs_tcp_kernel_close(struct fs_tcp *tcp)
{
	struct fs_tcp_kernel *k = tcp->kernel;
	const bool lingers = tcp->linger_s > 0;

	if (!tcp->linger_s) {
		reset(k);
		return;
	}
	if (tcp->error || fs_tcp_kernel_inq(k) || (!k->unsent && !lingers)) {
		discard(k);
		return;
	}
	/* close() with a linger time would block: the time is kept here. */
	fs_tcp_kernel_shutdown(tcp);
	tcp->flags |= FS_TCP_ORPHAN;
	tcp->flags &= ~(uint32_t)FS_TCP_HELD;
	fs_host_unready(fs_tcp_host(tcp), &tcp->ready);
	arm(k, lingers ? (uint32_t)tcp->linger_s * NSEC_PER_SEC : PATIENCE_NS);
}

void fs_tcp_kernel_abort(struct fs_tcp *tcp)
{
	reset(tcp->kernel);
}

int fs_tcp_kernel_handoff(struct fs_tcp *tcp, int fd)
{
	struct fs_tcp_kernel *k = tcp->kernel;
	const int ours = k->watch.fd;
	int err = k->unsent ? fs_tcp_kernel_flush(k) : 0;

	if (err)
		return err;
	if (fd >= 0) {
		const int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || dup3(ours, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			return -errno;
	}
	forget(k);
	if (fd < 0)
		return ours;
	close(ours);
	return fd;
}

void fs_tcp_kernel_close_all(struct fs_tcp_table *table)
{
	while (table->kernel)
		discard(table->kernel);
}

/* --- events ------------------------------------------------------------------------------ */

/* True: the connection is gone. */
static bool on_writable(struct fs_tcp_kernel *k)
{
	struct fs_tcp *tcp = k->tcp;
	int err = k->unsent ? fs_tcp_kernel_flush(k) : 0;

	if (err == -EAGAIN) {
		if (fs_tcp_has(tcp, FS_TCP_ORPHAN) && tcp->linger_s < 0)
			arm(k, PATIENCE_NS);
		return false;
	}
	if (fs_tcp_has(tcp, FS_TCP_ORPHAN) && (err || tcp->linger_s < 0)) {
		discard(k);
		return true;
	}
	if (fs_tcp_has(tcp, FS_TCP_WANT_SPACE)) {
		tcp->flags &= ~(uint32_t)FS_TCP_WANT_SPACE;
		fs_tcp_tell(tcp, FS_NEWS_WRITABLE);
	}
	return false;
}

static void on_error(struct fs_tcp_kernel *k)
{
	struct fs_tcp *tcp = k->tcp;
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(k->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (!err)
		return;
	fs_tcp_kernel_drop_unsent(k);
	tcp->error = -err;
	tcp->ready.error = -err;
	fs_tcp_tell(tcp, 0);
}

static void on_event(struct fs_watch *watch)
{
	struct fs_tcp_kernel *k = container_of(watch, struct fs_tcp_kernel, watch);
	struct fs_tcp *tcp = k->tcp;
	const uint32_t got = watch->got;

	if (fs_tcp_has(tcp, FS_TCP_ORPHAN) && got & (EPOLLHUP | EPOLLERR)) {
		discard(k);
		return;
	}
	if (got & EPOLLERR)
		on_error(k);
	if (got & EPOLLOUT && on_writable(k))
		return;
	if (got & (EPOLLIN | EPOLLRDHUP | EPOLLHUP) && !k->ended && !tcp->error)
		fs_tcp_tell(tcp, FS_NEWS_READABLE);
}

/* --- accept ------------------------------------------------------------------------------- */

static void tell_accept(struct fs_tcp_listener *l)
{
	l->kernel_waits = true;
	l->ready.news |= FS_NEWS_ACCEPT;
	fs_host_ready(l->table->host, &l->ready);
}

static void on_connection(struct fs_watch *watch)
{
	tell_accept(container_of(watch, struct fs_tcp_listener, twin));
}

static void try_again(struct fs_timer *timer, uint64_t now_ns)
{
	(void)now_ns;
	tell_accept(container_of(timer, struct fs_tcp_listener, kernel_retry));
}

/* No edge will tell that there is a descriptor, or memory, again. */
static void come_back(struct fs_tcp_listener *l, int err)
{
	struct fs_host *host = l->table->host;

	fs_timer_arm(l->table->wheel, &l->kernel_retry, host->now_ns + RETRY_NS);
	if (l->kernel_complained)
		return;
	l->kernel_complained = true;
	fs_base_log(&host->log, FS_LOG_WARN,
		    "TCP port %u: connections wait in the kernel, for want of %s", l->local.port,
		    err == -EMFILE || err == -ENFILE ? "descriptors: ulimit -n" : "memory");
}

static void set_id(struct fs_tcp_flow_id *id, const struct fs_addr *local,
		   const struct fs_addr *remote)
{
	memset(id, 0, sizeof(*id));
	id->family = remote->family;
	id->local_port = local->port;
	id->remote_port = remote->port;
	memcpy(id->local, local->ip, 16);
	memcpy(id->remote, remote->ip, 16);
}

/* Of loopback it is 64 KiB: more than what a frame, and what we name an MSS, holds. */
static uint16_t mss_of(int fd, const struct fs_pool *pool)
{
	const uint32_t room = fs_tcp_frame_room(pool);
	socklen_t len = sizeof(int);
	int mss = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) || mss <= 0)
		return FS_TCP_MSS_DEFAULT4;
	return (uint16_t)MIN((uint32_t)mss, room);
}

/* A handle for @fd, which is taken over in any case. */
static int adopt(struct fs_tcp **out, struct fs_tcp_listener *l, int fd,
		 const struct fs_addr *local, const struct fs_addr *remote)
{
	struct fs_tcp_table *table = l->table;
	struct fs_tcp_kernel *k = calloc(1, sizeof(*k));
	struct fs_tcp_flow_id id;
	struct fs_tcp *tcp;
	int err = -ENOMEM;

	set_id(&id, local, remote);
	tcp = k ? fs_tcp_conn_take(table, &id, l->cc) : NULL;
	if (!tcp)
		goto err_free;
	k->tcp = tcp;
	k->timer.fn = time_is_up;
	k->watch = (struct fs_watch){
		.fn = on_event, .fd = fd, .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	};
	err = table->host->ops->watch(table->host, &k->watch);
	if (err)
		goto err_put;
	tcp->flow.state = FS_TCP_IN_KERNEL;
	tcp->kernel = k;
	tcp->flags |= FS_TCP_HELD;
	tcp->flow.scope = remote->scope;
	tcp->mss = mss_of(fd, table->host->pool);
	k->next = table->kernel;
	k->at = &table->kernel;
	if (k->next)
		k->next->at = &k->next;
	table->kernel = k;
	table->host->stats.tcp_kernel++;
	*out = tcp;
	return 0;

err_put:
	fs_slab_put(&table->conns, tcp);
err_free:
	free(k);
	close(fd);
	return err;
}

struct fs_tcp *fs_tcp_kernel_accept(struct fs_tcp_listener *l)
{
	struct fs_addr local, remote;
	struct fs_tcp *tcp = NULL;
	int err = fs_tcp_twin_accept(&l->twin, &local, &remote);

	if (err >= 0)
		err = adopt(&tcp, l, err, &local, &remote);
	if (!err)
		return tcp;
	l->kernel_waits = false;
	if (err != -EAGAIN)
		come_back(l, err);
	return NULL;
}

int fs_tcp_kernel_listen(struct fs_tcp_listener *l, enum fs_twin need, int backlog,
			 struct fs_addr *bound)
{
	int err;

	l->twin.fn = on_connection;
	l->twin.events = EPOLLIN | EPOLLET;
	l->kernel_retry.fn = try_again;
	err = fs_tcp_twin_open(&l->twin, l->table->host, &l->local, need, backlog, bound);
	/* Inherited by what is accepted. The kernel may not have it: then its own. */
	if (!err && l->twin.fd >= 0)
		fs_tcp_kernel_set_cc(l->twin.fd, l->cc->name);
	return err;
}

void fs_tcp_kernel_unlisten(struct fs_tcp_listener *l)
{
	l->kernel_waits = false;
	fs_timer_cancel(l->table->wheel, &l->kernel_retry);
	fs_tcp_twin_close(&l->twin, l->table->host);
}
