// SPDX-License-Identifier: BSD-2-Clause
/*
 * table.c - endpoints: their life, and how a datagram finds one.
 *
 * Open binds the twin first, because the kernel hands out ports, then enters
 * the table, then steers: packets may arrive only when all is ready. Close
 * goes the other way.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/ip.h"
#include "udp/udp_priv.h"

static const uint8_t any_ip[16];

static struct fs_udp **bucket_of(struct fs_udp_table *table, uint8_t family,
				 const uint8_t ip[16], uint16_t port)
{
	uint64_t hash = fs_hash_ip(table->host->seed, ip, (uint64_t)family << 16 | port);

	return &table->bucket[fs_udp_link_index(family)][hash % FS_UDP_BUCKETS];
}

static struct fs_udp *find(struct fs_udp_table *table, uint8_t family, const uint8_t ip[16],
			   uint16_t port)
{
	const int i = fs_udp_link_index(family);
	struct fs_udp *udp = *bucket_of(table, family, ip, port);

	for (; udp; udp = udp->link[i].next)
		if (udp->local.port == port && udp->link[i].linked &&
		    !memcmp(udp->local.ip, ip, 16))
			break;
	return udp;
}

/* The exact address first, then any. @ip has its unused bytes zero. */
struct fs_udp *fs_udp_look_up(struct fs_udp_table *table, uint8_t family, const uint8_t ip[16],
			      uint16_t port)
{
	struct fs_udp_memo *memo = &table->memo;
	struct fs_udp *udp = find(table, family, ip, port);

	if (!udp)
		udp = find(table, family, any_ip, port);
	*memo = (struct fs_udp_memo){ .udp = udp, .family = family, .port = port };
	memcpy(memo->ip, ip, 16);
	return udp;
}

static void link_endpoint(struct fs_udp *udp, uint8_t family)
{
	struct fs_udp **bucket = bucket_of(udp->table, family, udp->local.ip, udp->local.port);
	struct fs_udp_link *link = &udp->link[fs_udp_link_index(family)];

	udp->table->memo.udp = NULL;
	link->next = *bucket;
	link->linked = true;
	*bucket = udp;
}

static void unlink_endpoint(struct fs_udp *udp, uint8_t family)
{
	struct fs_udp **at = bucket_of(udp->table, family, udp->local.ip, udp->local.port);
	const int i = fs_udp_link_index(family);

	if (!udp->link[i].linked)
		return;
	udp->table->memo.udp = NULL;
	while (*at != udp)
		at = &(*at)->link[i].next;
	*at = udp->link[i].next;
	udp->link[i].linked = false;
}

static bool has_family(const struct fs_udp *udp, uint8_t family)
{
	return udp->local.family == family || udp->local.family == AF_UNSPEC;
}

static struct fs_host_flow flow_of(const struct fs_udp *udp, uint8_t family)
{
	struct fs_host_flow flow = {
		.family = family,
		.proto = FS_IPPROTO_UDP,
		.port = udp->local.port,
	};

	memcpy(flow.ip, udp->local.ip, sizeof(flow.ip));
	return flow;
}

static void unclaim(struct fs_udp *udp, uint8_t family)
{
	struct fs_host_flow flow = flow_of(udp, family);

	if (udp->host->ops && has_family(udp, family))
		udp->host->ops->unclaim(udp->host, &flow);
}

static int claim(struct fs_udp *udp, uint8_t family)
{
	struct fs_host_flow flow = flow_of(udp, family);

	if (!udp->host->ops || !has_family(udp, family))
		return 0;
	return udp->host->ops->claim(udp->host, &flow);
}

static int claim_both(struct fs_udp *udp)
{
	int err = claim(udp, AF_INET);

	if (err)
		return err;
	err = claim(udp, AF_INET6);
	if (err)
		unclaim(udp, AF_INET);
	return err;
}

static int check_opts(const struct fs_udp_opts *opts)
{
	const struct fs_addr *local = &opts->local, *remote = &opts->remote;

	if (!opts->sz)
		return -EINVAL;
	if (local->family != AF_UNSPEC && local->family != AF_INET && local->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (local->family == AF_UNSPEC && !fs_ip_is_any(local->ip))
		return -EINVAL;
	if (remote->family == AF_UNSPEC)
		return 0;
	if (local->family != AF_UNSPEC && remote->family != local->family)
		return -EAFNOSUPPORT;
	return remote->port && !fs_ip_is_any(remote->ip) ? 0 : -EINVAL;
}

static struct fs_udp *allocate(struct fs_udp_table *table, const struct fs_udp_opts *opts)
{
	struct fs_udp *udp = calloc(1, sizeof(*udp));
	uint32_t pkts = opts->queue_pkts ? opts->queue_pkts : FS_UDP_QUEUE_PKTS;

	if (!udp)
		return NULL;
	pkts = round_up_pow2(MIN(pkts, 1u << 20));
	udp->queue = calloc(pkts, sizeof(*udp->queue));
	if (!udp->queue) {
		free(udp);
		return NULL;
	}
	udp->queue_mask = pkts - 1;
	udp->table = table;
	udp->host = table->host;
	udp->local = opts->local;
	udp->remote = opts->remote;
	udp->connected = opts->remote.family != AF_UNSPEC;
	udp->ready.endpoint = udp;
	udp->ready.user = opts->user;
	udp->twin.fd = -1;
	return udp;
}

static int check_free(struct fs_udp *udp)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (has_family(udp, families[i]) &&
		    find(udp->table, families[i], udp->local.ip, udp->local.port))
			return -EADDRINUSE;
	return 0;
}

int fs_udp_create(struct fs_udp **out, struct fs_udp_table *table,
		  const struct fs_udp_opts *opts)
{
	struct fs_udp *udp;
	int err = check_opts(opts);

	if (err)
		return err;
	udp = allocate(table, opts);
	if (!udp)
		return -ENOMEM;
	err = fs_udp_twin_open(udp, opts->twin);
	if (err)
		goto err_free;
	err = check_free(udp);
	if (err)
		goto err_twin;
	if (has_family(udp, AF_INET))
		link_endpoint(udp, AF_INET);
	if (has_family(udp, AF_INET6))
		link_endpoint(udp, AF_INET6);
	err = claim_both(udp);
	if (err)
		goto err_unlink;
	table->endpoints++;
	*out = udp;
	return 0;

err_unlink:
	unlink_endpoint(udp, AF_INET);
	unlink_endpoint(udp, AF_INET6);
err_twin:
	fs_udp_twin_close(udp);
err_free:
	free(udp->queue);
	free(udp);
	return err;
}

void fs_udp_close(struct fs_udp *udp)
{
	if (!udp)
		return;
	unclaim(udp, AF_INET);
	unclaim(udp, AF_INET6);
	unlink_endpoint(udp, AF_INET);
	unlink_endpoint(udp, AF_INET6);
	fs_host_unready(udp->host, &udp->ready);
	fs_udp_twin_close(udp);
	while (udp->head != udp->tail)
		fs_pool_put(udp->queue[udp->head++ & udp->queue_mask]);
	udp->table->endpoints--;
	free(udp->queue);
	free(udp);
}

int fs_udp_table_open(struct fs_udp_table **out, struct fs_host *host)
{
	struct fs_udp_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->host = host;
	*out = table;
	return 0;
}

void fs_udp_table_close(struct fs_udp_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < FS_UDP_BUCKETS; i++) {
		while (table->bucket[0][i])
			fs_udp_close(table->bucket[0][i]);
		while (table->bucket[1][i])
			fs_udp_close(table->bucket[1][i]);
	}
	assert(!table->endpoints);
	free(table);
}

struct fs_addr fs_udp_local(const struct fs_udp *udp)
{
	return udp->local;
}
