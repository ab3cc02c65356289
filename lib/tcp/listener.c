// SPDX-License-Identifier: BSD-2-Clause
/*
 * listener.c - the life of a listener: found by its address, opened with its
 * twin and its steering, closed.
 *
 * One that was closed stays in the table while connections of it live: they
 * need the steering of its port. A new one on the same address takes it over.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/ip.h"
#include "tcp/kernel.h"

/* Until then the kernel may still get a SYN that came before there was a rule. */
#define SETTLE_NS	(20 * NSEC_PER_MSEC)

static const uint8_t any_ip[16];

static int family_index(uint8_t family)
{
	return family == AF_INET6;
}

static struct fs_tcp_listener **bucket_of(struct fs_tcp_table *table, uint8_t family,
					  uint16_t port)
{
	return &table->listeners[family_index(family)][port % FS_TCP_LISTEN_BUCKETS];
}

static struct fs_tcp_listener *find(struct fs_tcp_table *table, uint8_t family,
				    const uint8_t ip[16], uint16_t port)
{
	const int i = family_index(family);
	struct fs_tcp_listener *l = *bucket_of(table, family, port);

	while (l && (l->local.port != port || memcmp(l->local.ip, ip, 16)))
		l = l->next[i];
	return l;
}

struct fs_tcp_listener *fs_tcp_listener_find(struct fs_tcp_table *table, uint8_t family,
					     const uint8_t ip[16], uint16_t port)
{
	struct fs_tcp_listener *exact = find(table, family, ip, port), *any;

	if (exact && exact->open)
		return exact;
	any = find(table, family, any_ip, port);
	return any ? any : exact;
}

static bool has_family(const struct fs_tcp_listener *l, uint8_t family)
{
	return l->local.family == family || l->local.family == AF_UNSPEC;
}

static void link_in(struct fs_tcp_listener *l, uint8_t family)
{
	struct fs_tcp_listener **bucket = bucket_of(l->table, family, l->local.port);
	const int i = family_index(family);

	if (!has_family(l, family))
		return;
	l->next[i] = *bucket;
	l->linked[i] = true;
	*bucket = l;
}

static void unlink_from(struct fs_tcp_listener *l, uint8_t family)
{
	struct fs_tcp_listener **at = bucket_of(l->table, family, l->local.port);
	const int i = family_index(family);

	if (!l->linked[i])
		return;
	while (*at != l)
		at = &(*at)->next[i];
	*at = l->next[i];
	l->linked[i] = false;
}

static struct fs_host_flow flow_of(const struct fs_tcp_listener *l, uint8_t family)
{
	struct fs_host_flow flow = {
		.family = family, .proto = FS_IPPROTO_TCP, .port = l->local.port,
	};

	memcpy(flow.ip, l->local.ip, sizeof(flow.ip));
	return flow;
}

static int claim(struct fs_tcp_listener *l, uint8_t family)
{
	struct fs_host *host = l->table->host;
	const struct fs_host_flow flow = flow_of(l, family);

	return host->ops && has_family(l, family) ? host->ops->claim(host, &flow) : 0;
}

static void unclaim(struct fs_tcp_listener *l, uint8_t family)
{
	struct fs_host *host = l->table->host;
	const struct fs_host_flow flow = flow_of(l, family);

	if (host->ops && has_family(l, family))
		host->ops->unclaim(host, &flow);
}

static int claim_both(struct fs_tcp_listener *l)
{
	int err = claim(l, AF_INET);

	if (err)
		return err;
	err = claim(l, AF_INET6);
	if (err)
		unclaim(l, AF_INET);
	return err;
}

static bool kernel_has(struct fs_tcp_listener *l)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };
	struct fs_host *host = l->table->host;
	struct fs_host_flow flows[ARRAY_SIZE(families)];
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (has_family(l, families[i]))
			flows[n++] = flow_of(l, families[i]);
	return host->ops->settle(host, flows, n);
}

/* It costs each segment a look, and such connections end. While it is closed, new
 * ones are the kernel's. */
static void settle(struct fs_timer *timer, uint64_t now_ns)
{
	struct fs_tcp_listener *l = container_of(timer, struct fs_tcp_listener, shared);

	if (!l->open || l->leaving || kernel_has(l))
		fs_timer_arm(l->table->wheel, timer, now_ns + FS_TCP_SHARED_NS);
}

void fs_tcp_listener_shared(struct fs_tcp_listener *l)
{
	fs_timer_arm(l->table->wheel, &l->shared, l->table->host->now_ns + FS_TCP_SHARED_NS);
}

/* Connections live on without the listener; or it has come back. */
static void retire(struct fs_tcp_listener *l, bool retired)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };
	struct fs_host *host = l->table->host;

	for (size_t i = 0; host->ops && i < ARRAY_SIZE(families); i++) {
		const struct fs_host_flow flow = flow_of(l, families[i]);

		if (has_family(l, families[i]))
			host->ops->retire(host, &flow, retired);
	}
}

void fs_tcp_listener_leave(struct fs_tcp_listener *l)
{
	l->leaving = true;
	l->ready.user = NULL;
	retire(l, true);
}

void fs_tcp_listener_free(struct fs_tcp_listener *l)
{
	fs_timer_cancel(l->table->wheel, &l->shared);
	unclaim(l, AF_INET);
	unclaim(l, AF_INET6);
	unlink_from(l, AF_INET);
	unlink_from(l, AF_INET6);
	fs_host_unready(l->table->host, &l->ready);
	fs_tcp_kernel_unlisten(l);
	free(l);
}

void fs_tcp_listener_put(struct fs_tcp_listener *l)
{
	if (!--l->refs && !l->open)
		fs_tcp_listener_free(l);
}

static struct fs_tcp *any_half(struct fs_tcp_listener *l, uint64_t *cursor)
{
	struct fs_tcp_flow *flow;

	for (; (flow = fs_tcp_flow_any(&l->table->flows, cursor)); ++*cursor)
		for (; flow; flow = flow->chain) {
			struct fs_tcp *tcp = container_of(flow, struct fs_tcp, flow);

			if (flow->state == FS_TCP_SYN_RCVD && tcp->listener == l &&
			    !fs_tcp_has(tcp, FS_TCP_HELD))
				return tcp;
		}
	return NULL;
}

void fs_tcp_listener_close(struct fs_tcp_listener *l)
{
	struct fs_tcp *tcp;
	uint64_t cursor = 0;

	if (!l)
		return;
	l->open = false;
	l->refs++;
	while (l->accept_head)
		fs_tcp_conn_abort(l->accept_head);
	while (l->half && (tcp = any_half(l, &cursor)))
		fs_tcp_conn_abort(tcp);
	fs_host_unready(l->table->host, &l->ready);
	fs_tcp_kernel_unlisten(l);
	if (l->refs > 1)
		retire(l, true);
	fs_tcp_listener_put(l);
}

static int check_opts(const struct fs_tcp_listen_opts *opts, const struct fs_tcp_cc_ops **cc)
{
	const struct fs_addr *local = &opts->local;

	if (!opts->sz || !local->port)
		return -EINVAL;
	if (local->family != AF_UNSPEC && local->family != AF_INET && local->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (local->family == AF_UNSPEC && !fs_ip_is_any(local->ip))
		return -EINVAL;
	*cc = fs_tcp_cc_find(opts->cc ? opts->cc : FS_TCP_CC_NAME_DEFAULT);
	return *cc ? 0 : -EINVAL;
}

/* One on the same address: open is in use, closed can be had again. */
static int find_old(struct fs_tcp_table *table, const struct fs_addr *local,
		    struct fs_tcp_listener **old)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	*old = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct fs_tcp_listener *l;

		if (local->family != families[i] && local->family != AF_UNSPEC)
			continue;
		l = find(table, families[i], local->ip, local->port);
		if (!l)
			continue;
		if (l->open || l->local.family != local->family)
			return -EADDRINUSE;
		*old = l;
	}
	return 0;
}

static struct fs_tcp_listener *allocate(struct fs_tcp_table *table, const struct fs_addr *local)
{
	struct fs_tcp_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->table = table;
	l->local = *local;
	l->twin.fd = -1;
	l->ready.endpoint = l;
	l->shared.fn = settle;
	return l;
}

/* Segments may come from here on. */
static int enter(struct fs_tcp_listener *l)
{
	int err = claim_both(l);

	if (err)
		return err;
	link_in(l, AF_INET);
	link_in(l, AF_INET6);
	return 0;
}

int fs_tcp_listener_open(struct fs_tcp_listener **out, struct fs_tcp_table *table,
			 const struct fs_tcp_listen_opts *opts)
{
	const uint32_t backlog = opts->backlog ? opts->backlog : FS_TCP_BACKLOG;
	const struct fs_tcp_cc_ops *cc;
	struct fs_tcp_listener *old, *l;
	struct fs_addr bound;
	int err = check_opts(opts, &cc);

	if (!err)
		err = find_old(table, &opts->local, &old);
	if (err)
		return err;
	l = old ? old : allocate(table, &opts->local);
	if (!l)
		return -ENOMEM;
	l->cc = cc;
	err = fs_tcp_kernel_listen(l, opts->twin, (int)MIN(backlog, 65535u), &bound);
	if (err)
		goto err_free;
	err = old ? 0 : enter(l);
	if (err)
		goto err_twin;
	if (old)
		retire(l, false);
	l->open = true;
	l->leaving = false;
	l->backlog = backlog;
	l->fastopen = opts->fastopen;
	l->ready.user = opts->user;
	if (table->host->ops)
		fs_timer_arm(table->wheel, &l->shared, table->host->now_ns + SETTLE_NS);
	*out = l;
	return 0;

err_twin:
	fs_tcp_kernel_unlisten(l);
err_free:
	if (!old)
		free(l);
	return err;
}

struct fs_addr fs_tcp_listener_local(const struct fs_tcp_listener *l)
{
	return l->local;
}

bool fs_tcp_listener_has(const struct fs_tcp_listener *l)
{
	return l->accept_head;
}
