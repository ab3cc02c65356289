// SPDX-License-Identifier: BSD-2-Clause
/*
 * net.c - the destination cache and the life of a struct fs_net.
 *
 * An entry is right as long as its generation is the mirror's. Once a second
 * of use the generation is moved on purpose, which makes every entry prove
 * itself again; that replaces timers for neighbours that turn STALE and for
 * path MTUs that expire, at one route lookup per entry in use and second.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "net/state.h"

int fs_net_open(struct fs_net **out, struct fs_nl_mirror *mirror,
		const struct fs_net_ops *ops, uint32_t seed)
{
	struct fs_net *net = aligned_alloc(64, (sizeof(*net) + 63) & ~(size_t)63);

	if (!net)
		return -ENOMEM;
	memset(net, 0, sizeof(*net));
	net->mirror = mirror;
	if (ops)
		net->ops = *ops;
	net->seed = fs_hash_word(0xa0761d6478bd642full, seed);
	fs_net_wait_init(net);
	*out = net;
	return 0;
}

void fs_net_close(struct fs_net *net)
{
	if (!net)
		return;
	fs_net_wait_fini(net);
	free(net);
}

int fs_net_iface_add(struct fs_net *net, uint32_t ifindex)
{
	fs_net_iface_del(net, ifindex);
	if (net->n_ifaces == FS_NET_IFACES)
		return -ENOSPC;
	net->iface[net->n_ifaces++] = ifindex;
	net->mirror->generation++;
	return 0;
}

void fs_net_iface_del(struct fs_net *net, uint32_t ifindex)
{
	for (uint32_t i = 0; i < net->n_ifaces; i++) {
		if (net->iface[i] != ifindex)
			continue;
		net->iface[i] = net->iface[--net->n_ifaces];
		net->mirror->generation++;
		return;
	}
}

bool fs_net_is_local(const struct fs_net *net, uint8_t family, const uint8_t ip[16])
{
	return fs_nl_mirror_is_local(net->mirror, family, ip);
}

static struct fs_dst *evict(struct fs_net *net, uint32_t set, uint16_t tag)
{
	uint32_t way;

	for (way = 0; way < FS_NET_WAYS; way++)
		if (!net->tag[set][way])
			break;
	if (way == FS_NET_WAYS)
		way = net->victim++ % FS_NET_WAYS;
	net->tag[set][way] = tag;
	return &net->dst[set][way];
}

/* An address in registers: two words as they lie in memory. */
struct key {
	uint64_t word[2];
};

static inline struct key key_of(uint8_t family, const uint8_t ip[16])
{
	struct key key = { { 0 } };
	uint32_t ip4;

	if (family == AF_INET6) {
		memcpy(&key.word[0], ip, 8);
		memcpy(&key.word[1], ip + 8, 8);
		return key;
	}
	memcpy(&ip4, ip, 4);
	key.word[0] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? (uint64_t)ip4 << 32 : ip4;
	return key;
}

static inline bool is_for(const struct fs_dst *dst, struct key key, const struct key *from,
			  uint8_t family, uint32_t scope_ifindex)
{
	struct key its = key_of(AF_INET6, dst->remote);

	return its.word[0] == key.word[0] && its.word[1] == key.word[1] &&
	       dst->family == family && dst->scope_ifindex == scope_ifindex &&
	       dst->has_from == !!from && (!from || !memcmp(dst->from, from, 16));
}

/* @from: NULL but under policy rules. */
static struct fs_dst *find(struct fs_net *net, uint8_t family, struct key key,
			   const struct key *from, uint32_t scope_ifindex, uint64_t now_ns)
{
	struct fs_dst *dst;
	uint64_t hash;
	uint32_t set;
	uint16_t tag;

	hash = fs_hash_word(fs_hash_word(net->seed, key.word[0]), key.word[1]);
	hash = fs_hash_word(hash, (uint64_t)scope_ifindex << 8 | family);
	if (from)
		hash = fs_hash_word(fs_hash_word(hash, from->word[0]), from->word[1]);
	hash = fs_hash_end(hash);
	set = hash % FS_NET_SETS;
	tag = (uint16_t)(hash >> 48 | 1);
	for (int way = 0; way < FS_NET_WAYS; way++) {
		if (net->tag[set][way] != tag)
			continue;
		dst = &net->dst[set][way];
		if (!is_for(dst, key, from, family, scope_ifindex))
			continue;
		if (unlikely(dst->generation != net->mirror->generation))
			fs_net_decide(net, dst, now_ns);
		net->last = dst;
		return dst;
	}
	dst = evict(net, set, tag);
	memcpy(dst->remote, &key, 16);
	dst->family = family;
	dst->scope_ifindex = scope_ifindex;
	dst->has_from = from;
	if (from)
		memcpy(dst->from, from, 16);
	fs_net_decide(net, dst, now_ns);
	return dst;
}

static inline struct fs_dst *ask(struct fs_net *net, uint8_t family, const uint8_t remote[16],
				 const struct key *from, uint32_t scope_ifindex, uint64_t now_ns)
{
	const struct key key = key_of(family, remote);
	struct fs_dst *last = net->last;

	if (unlikely(now_ns >= net->recheck_ns)) {
		net->recheck_ns = now_ns + FS_NET_RECHECK_NS;
		net->mirror->generation++;
	}
	if (likely(last && last->generation == net->mirror->generation &&
		   is_for(last, key, from, family, scope_ifindex)))
		return last;
	return find(net, family, key, from, scope_ifindex, now_ns);
}

const struct fs_dst *fs_net_dst(struct fs_net *net, uint8_t family, const uint8_t remote[16],
				uint32_t scope_ifindex, uint64_t now_ns)
{
	return ask(net, family, remote, NULL, scope_ifindex, now_ns);
}

const struct fs_dst *fs_net_dst_from(struct fs_net *net, uint8_t family,
				     const uint8_t remote[16], const uint8_t local[16],
				     uint32_t scope_ifindex, uint64_t now_ns)
{
	const struct fs_dst *dst = ask(net, family, remote, NULL, scope_ifindex, now_ns);
	struct key from;

	if (likely(!dst->by_rules))
		return dst;
	from = key_of(family, local);
	return from.word[0] || from.word[1] ?
		ask(net, family, remote, &from, scope_ifindex, now_ns) : dst;
}
