// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - packets that wait for their neighbour; see state.h for the lists.
 *
 * Invariants: a waiter has at least one slot and stands in one bucket and in
 * the list by age; a slot is free, in one waiter, or done; next_ns is not
 * later than any deadline. Slots of a waiter are in order of deadline, for
 * all wait equally long.
 */
#include <errno.h>
#include <net/if.h>

#include "base/hash.h"
#include "mem/pool.h"
#include "net/state.h"

#define NIL FS_NET_NIL

void fs_net_wait_init(struct fs_net *net)
{
	struct fs_net_wait *w = &net->wait;

	for (unsigned int i = 0; i < FS_NET_WAIT_MAX; i++) {
		w->bucket[i] = NIL;
		w->slot[i].next = w->waiter[i].chain =
			i + 1 < FS_NET_WAIT_MAX ? (uint16_t)(i + 1) : NIL;
	}
	w->free_slot = w->free_waiter = 0;
	w->oldest = w->newest = w->done_first = w->done_last = NIL;
	w->next_ns = FS_NEVER;
}

static uint16_t *bucket_of(struct fs_net *net, uint32_t ifindex, uint8_t family,
			   const uint8_t ip[16])
{
	uint64_t hash = fs_hash_ip(net->seed, ip, (uint64_t)ifindex << 8 | family);

	return &net->wait.bucket[hash % FS_NET_WAIT_MAX];
}

static struct fs_net_waiter *find(struct fs_net *net, const struct fs_dst *dst)
{
	struct fs_net_wait *w = &net->wait;
	uint16_t i = *bucket_of(net, dst->ifindex, dst->hop_family, dst->next_hop);

	for (; i != NIL; i = w->waiter[i].chain) {
		struct fs_net_waiter *waiter = &w->waiter[i];

		if (waiter->ifindex == dst->ifindex && waiter->family == dst->hop_family &&
		    !memcmp(waiter->ip, dst->next_hop, 16))
			return waiter;
	}
	return NULL;
}

static struct fs_net_waiter *make(struct fs_net *net, const struct fs_dst *dst)
{
	struct fs_net_wait *w = &net->wait;
	uint16_t *bucket = bucket_of(net, dst->ifindex, dst->hop_family, dst->next_hop);
	uint16_t i = w->free_waiter;
	struct fs_net_waiter *waiter = &w->waiter[i];

	w->free_waiter = waiter->chain;
	*waiter = (struct fs_net_waiter){
		.ifindex = dst->ifindex, .family = dst->hop_family,
		.first = NIL, .last = NIL, .chain = *bucket,
		.older = w->newest, .newer = NIL,
	};
	memcpy(waiter->ip, dst->next_hop, 16);
	*bucket = i;
	if (w->newest != NIL)
		w->waiter[w->newest].newer = i;
	else
		w->oldest = i;
	w->newest = i;
	return waiter;
}

static void drop(struct fs_net *net, struct fs_net_waiter *waiter)
{
	struct fs_net_wait *w = &net->wait;
	uint16_t *link = bucket_of(net, waiter->ifindex, waiter->family, waiter->ip);
	uint16_t i = (uint16_t)(waiter - w->waiter);

	while (*link != i)
		link = &w->waiter[*link].chain;
	*link = waiter->chain;
	*(waiter->older != NIL ? &w->waiter[waiter->older].newer : &w->oldest) = waiter->newer;
	*(waiter->newer != NIL ? &w->waiter[waiter->newer].older : &w->newest) = waiter->older;
	waiter->chain = w->free_waiter;
	w->free_waiter = i;
}

int fs_net_wait(struct fs_net *net, const struct fs_dst *dst, struct fs_buf *buf,
		uint64_t now_ns)
{
	struct fs_net_wait *w = &net->wait;
	struct fs_net_waiter *waiter = find(net, dst);
	uint16_t i = w->free_slot;
	bool first = !waiter;

	assert(dst->state == FS_DST_WAIT);
	if (i == NIL || (waiter && waiter->count >= FS_NET_WAIT_PER_NEIGH))
		return -ENOBUFS;
	if (first) {
		waiter = make(net, dst);
		waiter->probe_ns = now_ns + FS_NET_PROBE_NS;
	}
	w->free_slot = w->slot[i].next;
	w->slot[i] = (struct fs_net_slot){ .buf = buf, .until_ns = now_ns + FS_NET_WAIT_NS,
					   .next = NIL };
	if (waiter->last != NIL)
		w->slot[waiter->last].next = i;
	else
		waiter->first = i;
	waiter->last = i;
	waiter->count++;
	w->count++;
	w->next_ns = MIN(w->next_ns, waiter->probe_ns);
	if (first)
		fs_net_probe(net, waiter->ifindex, waiter->family, waiter->ip);
	return 0;
}

/* The oldest slot of @waiter gets its fate. */
static void settle_first(struct fs_net *net, struct fs_net_waiter *waiter, int error)
{
	struct fs_net_wait *w = &net->wait;
	uint16_t i = waiter->first;

	waiter->first = w->slot[i].next;
	if (waiter->first == NIL)
		waiter->last = NIL;
	waiter->count--;
	w->slot[i].next = NIL;
	w->slot[i].error = error;
	if (w->done_last != NIL)
		w->slot[w->done_last].next = i;
	else
		w->done_first = i;
	w->done_last = i;
}

/* -EAGAIN: no answer yet. */
static int answer_for(struct fs_net *net, struct fs_net_waiter *waiter)
{
	const struct fs_nl_link *link = fs_nl_mirror_link(net->mirror, waiter->ifindex);
	const struct fs_nl_neigh *neigh;

	if (!link || !(link->flags & IFF_UP) || !link->running)
		return -ENETDOWN;
	neigh = fs_nl_mirror_neigh(net->mirror, waiter->ifindex, waiter->family, waiter->ip);
	if (!neigh)
		return -EAGAIN;
	if (fs_nl_neigh_usable(neigh))
		return 0;
	if (neigh->state & NUD_FAILED && waiter->seen_incomplete)
		return -EHOSTUNREACH;
	if (neigh->state & NUD_INCOMPLETE)
		waiter->seen_incomplete = true;
	return -EAGAIN;
}

static void look_at(struct fs_net *net, struct fs_net_waiter *waiter, uint64_t now_ns)
{
	struct fs_net_wait *w = &net->wait;
	int answer = answer_for(net, waiter);

	if (answer != -EAGAIN) {
		while (waiter->count)
			settle_first(net, waiter, answer);
	}
	while (waiter->count && now_ns >= w->slot[waiter->first].until_ns)
		settle_first(net, waiter, -EHOSTUNREACH);
	if (!waiter->count) {
		drop(net, waiter);
		return;
	}
	if (now_ns >= waiter->probe_ns) {
		waiter->probe_ns = now_ns + FS_NET_PROBE_NS;
		fs_net_probe(net, waiter->ifindex, waiter->family, waiter->ip);
	}
	w->next_ns = MIN(w->next_ns, MIN(waiter->probe_ns, w->slot[waiter->first].until_ns));
}

static void scan(struct fs_net *net, uint64_t now_ns)
{
	struct fs_net_wait *w = &net->wait;
	uint16_t i = w->oldest;

	w->generation = net->mirror->generation;
	w->next_ns = FS_NEVER;
	while (i != NIL) {
		uint16_t newer = w->waiter[i].newer;

		look_at(net, &w->waiter[i], now_ns);
		i = newer;
	}
}

struct fs_buf *fs_net_wait_pop(struct fs_net *net, uint64_t now_ns, int *error)
{
	struct fs_net_wait *w = &net->wait;
	struct fs_net_slot *slot;
	uint16_t i;

	if (!w->count)
		return NULL;
	if (w->generation != net->mirror->generation || now_ns >= w->next_ns)
		scan(net, now_ns);
	i = w->done_first;
	if (i == NIL)
		return NULL;
	slot = &w->slot[i];
	w->done_first = slot->next;
	if (w->done_first == NIL)
		w->done_last = NIL;
	slot->next = w->free_slot;
	w->free_slot = i;
	w->count--;
	*error = slot->error;
	return slot->buf;
}

uint64_t fs_net_next_ns(const struct fs_net *net)
{
	const struct fs_net_wait *w = &net->wait;

	if (!w->count)
		return FS_NEVER;
	return w->done_first != NIL ? 0 : w->next_ns;
}

uint32_t fs_net_waiting(const struct fs_net *net)
{
	return net->wait.count;
}

void fs_net_wait_fini(struct fs_net *net)
{
	struct fs_net_wait *w = &net->wait;

	while (w->oldest != NIL) {
		while (w->waiter[w->oldest].count)
			settle_first(net, &w->waiter[w->oldest], -ECANCELED);
		drop(net, &w->waiter[w->oldest]);
	}
	for (uint16_t i = w->done_first; i != NIL; i = w->slot[i].next)
		fs_pool_put(w->slot[i].buf);
	w->done_first = w->done_last = NIL;
	w->count = 0;
}
