// SPDX-License-Identifier: BSD-2-Clause
/*
 * pmtu.c - path MTUs learnt from ICMP (RFC 1191, RFC 8201), apart from the
 * destination cache so that a flood of other remotes does not forget them.
 * Fixed size: in a full set the entry that expires first goes.
 */
#include "base/hash.h"
#include "net/state.h"

static struct fs_net_pmtu *set_of(const struct fs_net *net, uint8_t family,
				  const uint8_t remote[16])
{
	uint64_t hash = fs_hash_ip(~net->seed, remote, family);

	return (struct fs_net_pmtu *)net->pmtu[hash % FS_NET_PMTU_SETS];
}

static bool is_for(const struct fs_net_pmtu *entry, uint8_t family, const uint8_t remote[16])
{
	return entry->expires_ns && entry->family == family && !memcmp(entry->remote, remote, 16);
}

uint32_t fs_net_pmtu_clamp(const struct fs_net *net, uint8_t family, const uint8_t remote[16],
			   uint32_t mtu, uint64_t now_ns)
{
	const struct fs_net_pmtu *set;

	if (!net->has_pmtu)
		return mtu;
	set = set_of(net, family, remote);
	for (int way = 0; way < FS_NET_WAYS; way++)
		if (is_for(&set[way], family, remote) && now_ns < set[way].expires_ns)
			return MIN(mtu, set[way].mtu);
	return mtu;
}

/* The entry for @remote, or the one to give up for it. */
static struct fs_net_pmtu *make_entry(struct fs_net *net, uint8_t family,
				      const uint8_t remote[16])
{
	struct fs_net_pmtu *set = set_of(net, family, remote), *first = set;

	for (int way = 0; way < FS_NET_WAYS; way++) {
		if (is_for(&set[way], family, remote))
			return &set[way];
		if (set[way].expires_ns < first->expires_ns)
			first = &set[way];
	}
	return first;
}

/* RFC 1191 7.1: for routers that do not say what would fit. */
static uint32_t plateau_below(uint32_t mtu)
{
	static const uint16_t plateau[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006 };

	for (size_t i = 0; i < ARRAY_SIZE(plateau); i++)
		if (plateau[i] < mtu)
			return plateau[i];
	return 0;
}

void fs_net_pmtu(struct fs_net *net, uint8_t family, const uint8_t remote[16], uint32_t mtu,
		 uint64_t now_ns)
{
	const struct fs_dst *dst = fs_net_dst(net, family, remote, 0, now_ns);
	uint32_t least = family == AF_INET6 ? 1280 : 576;
	struct fs_net_pmtu *entry;

	if (dst->state != FS_DST_READY && dst->state != FS_DST_WAIT)
		return;
	if (!mtu)
		mtu = plateau_below(dst->mtu);
	mtu = MAX(mtu, least);
	if (mtu >= dst->mtu)
		return;
	entry = make_entry(net, family, dst->remote);
	memcpy(entry->remote, dst->remote, 16);
	entry->family = family;
	entry->mtu = mtu;
	entry->expires_ns = now_ns + FS_NET_PMTU_NS;
	net->has_pmtu = true;
	net->mirror->generation++;	/* cached entries under any scope are old now */
}
