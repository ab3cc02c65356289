// SPDX-License-Identifier: BSD-2-Clause
/*
 * move.c - a connection leaves for the kernel.
 *
 *	prepare a kernel socket (repair.c)	may fail, and nothing has changed
 *	the program asks the kernel first	likewise
 *	the socket speaks; the handle is gone
 *	its place in the flow table is a TIME-WAIT entry's, which answers nothing
 *
 * What arrives meanwhile, and what lies in the receive ring, is lost as on the
 * wire: the peer sends it again, and the kernel takes it. What is in a transmit ring
 * still goes out: it is as the kernel would say it.
 *
 * The port of an outgoing connection takes no new ones here, which might be those
 * that the kernel has; when the last of the old is gone, its rule goes, too.
 */
#include "tcp/move.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/kernel.h"
#include "tcp/repair.h"
#include "tcp/timewait.h"

static int share(const struct fs_tcp *tcp)
{
	struct fs_host *host = fs_tcp_host(tcp);
	struct fs_host_flow flow = {
		.family = tcp->flow.id.family,
		.proto = FS_IPPROTO_TCP,
		.port = tcp->flow.id.local_port,
	};

	memcpy(flow.ip, tcp->flow.id.local, sizeof(flow.ip));
	return host->ops->share(host, &flow);
}

static void leave(struct fs_tcp *tcp, struct fs_tcp_timewait *tw)
{
	struct fs_tcp_table *table = tcp->table;
	const struct fs_tcp_flow_id *id = &tcp->flow.id;

	table->host->stats.tcp_moved++;
	if (tcp->listener)
		fs_tcp_listener_shared(tcp->listener);
	if (fs_tcp_has(tcp, FS_TCP_ACTIVE))
		fs_tcp_ports_retire(table->ports, id->family, id->local, id->local_port);
	fs_tcp_conn_orphan(tcp);
	fs_tcp_timewait_moved(tcp, tw);
}

static int move_to(struct fs_tcp *tcp, int fd)
{
	struct fs_tcp_table *table = tcp->table;
	struct fs_tcp_timewait *tw;
	int err;

	if (tcp->flow.state < FS_TCP_ESTABLISHED || !table->host->ops)
		return -EOPNOTSUPP;
	tw = fs_slab_take(&table->timewaits);
	if (!tw)
		return -ENOMEM;
	/* The kernel does not know that there is something to acknowledge. */
	if (!fs_seq_eq(tcp->rcv_acked, tcp->flow.rcv_nxt))
		fs_tcp_xmit_ack(tcp);
	err = fs_tcp_repair_prepare(tcp, fd);
	if (!err)
		err = share(tcp);
	if (!err)
		err = fs_tcp_repair_start(tcp, fd);
	if (err) {
		fs_slab_put(&table->timewaits, tw);
		return err;
	}
	/* The kernel asks the peer where it is only while nothing is shut. */
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		fs_tcp_xmit_probe(tcp, fs_seq_sub(tcp->snd_una, 1));
	leave(tcp, tw);
	return 0;
}

static int move_to_new(struct fs_tcp *tcp)
{
	const int fd = socket(tcp->flow.id.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : move_to(tcp, fd);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

int fs_tcp_handoff(struct fs_tcp *tcp, int fd)
{
	int err;

	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_handoff(tcp, fd);
	if (fd < 0)
		return move_to_new(tcp);
	err = move_to(tcp, fd);
	return err ? err : fd;
}

/* --- all of them ------------------------------------------------------------------------ */

static bool wants(const struct fs_tcp_flow *flow, bool held_too)
{
	const struct fs_tcp *tcp;

	if (flow->state < FS_TCP_ESTABLISHED || flow->state >= FS_TCP_TIME_WAIT)
		return false;
	tcp = container_of((struct fs_tcp_flow *)flow, struct fs_tcp, flow);
	return fs_tcp_has(tcp, FS_TCP_ORPHAN) || (held_too && fs_tcp_has(tcp, FS_TCP_HELD));
}

/* Before any of them moves: the flow table changes then. */
static size_t collect(struct fs_tcp_table *table, struct fs_tcp **conns, bool held_too)
{
	struct fs_tcp_flow *flow;
	uint64_t cursor = 0;
	size_t n = 0;

	for (; (flow = fs_tcp_flow_any(&table->flows, &cursor)); cursor++)
		for (; flow; flow = flow->chain)
			if (wants(flow, held_too))
				conns[n++] = container_of(flow, struct fs_tcp, flow);
	return n;
}

int fs_tcp_move_all(struct fs_tcp_table *table, fs_tcp_moved_fn *fn, void *ctx)
{
	struct fs_tcp **conns;
	int failed = 0;
	size_t n;

	if (!table->flows.count)
		return 0;
	conns = malloc(table->flows.count * sizeof(struct fs_tcp *));
	if (!conns)
		return -ENOMEM;
	n = collect(table, conns, fn);
	for (size_t i = 0; i < n; i++) {
		const bool orphan = fs_tcp_has(conns[i], FS_TCP_ORPHAN);
		void *user = conns[i]->ready.user;
		const int fd = move_to_new(conns[i]);

		failed += fd < 0 && !(orphan && conns[i]->flow.state == FS_TCP_FIN_WAIT_2);
		if (!orphan)
			fn(ctx, user, fd);
		else if (fd >= 0)
			close(fd);
	}
	free(conns);
	return failed;
}
