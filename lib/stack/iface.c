// SPDX-License-Identifier: BSD-2-Clause
/*
 * iface.c - an interface of the stack: its program, its slot, and the rules
 * that endpoints claim on it.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "nl/diag.h"
#include "stack/world.h"

enum {
	VLAN_ROOM = 8,		/* two tags */
};

/* Links whose other end is on this host and may leave checksums out. */
static bool is_virtual(const struct fs_nl_link *link, const char *driver)
{
	static const char *const kinds[] = { "veth", "tun", "tap", "netkit", "macvlan", "bridge" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(link->kind, kinds[i]))
			return true;
	return !strcmp(driver, "tun") || !strcmp(driver, "veth") || !strcmp(driver, "virtio_net");
}

static int choose_queues(struct fs_iface *iface, const struct fs_stack_opts *opts,
			 const struct fs_logger *log)
{
	const uint32_t queues = iface->info.queues;

	if (opts->queue_first >= queues || opts->queue_count > queues - opts->queue_first)
		return fs_base_fail(log, -ENODEV,
			"%s: it has %u receive queue%s, so queues %u to %u do not exist; `ethtool -l %s` "
			"shows them", iface->name, queues, queues == 1 ? "" : "s", opts->queue_first,
			opts->queue_first + MAX(opts->queue_count, 1u) - 1, iface->name);
	iface->queue_first = opts->queue_first;
	iface->queue_count = opts->queue_count ? opts->queue_count : queues - opts->queue_first;
	return 0;
}

static int open_program(struct fs_iface *iface, const struct fs_stack_opts *opts,
			const struct fs_logger *log)
{
	int err = fs_steer_open(&iface->steer, iface->name, log);

	if (err == -ENOENT && opts->attach == FS_ATTACH_NEVER)
		return fs_base_fail(log, err,
			"%s: no fastsock program is attached; run `fastsock attach %s`",
			iface->name, iface->name);
	if (err != -ENOENT)
		return err;
	err = fs_steer_attach(iface->name, FS_STEER_AUTO, log);
	if (err)
		return err;
	iface->attached_here = true;
	return fs_steer_open(&iface->steer, iface->name, log);
}

static int check_mtu(const struct fs_iface *iface, const struct fs_logger *log)
{
	const uint32_t most = 4096 - FS_POOL_XDP_HEADROOM - 14 - VLAN_ROOM;

	if (iface->mtu <= most)
		return 0;
	return fs_base_fail(log, -EMSGSIZE,
		"%s: its MTU of %u does not fit in a frame; set it to %u or less: ip link set %s mtu %u",
		iface->name, iface->mtu, most, iface->name, most);
}

int fs_stack_iface_open(struct fs_world *world, const char *ifname,
			const struct fs_stack_opts *opts)
{
	const struct fs_logger *log = &world->log;
	struct fs_iface *iface = &world->ifaces[world->n_ifaces];
	const struct fs_nl_link *link;
	uint32_t ifindex = if_nametoindex(ifname);
	int err;

	if (!ifindex)
		return fs_base_fail(log, -ENODEV,
			"there is no interface %s in this network namespace; `ip link` lists them",
			ifname);
	link = fs_nl_mirror_link(fs_nl_mirror_of(world->nl), ifindex);
	if (!link)
		return fs_base_fail(log, -ENODEV, "%s: the interface is gone", ifname);
	*iface = (struct fs_iface){ .ifindex = ifindex, .mtu = link->mtu, .capture_fd = -1 };
	snprintf(iface->name, sizeof(iface->name), "%s", ifname);
	err = check_mtu(iface, log);
	if (err)
		return err;
	/* From here on fs_stack_iface_close() cleans up. */
	world->n_ifaces++;
	err = open_program(iface, opts, log);
	if (err)
		return err;
	err = fs_steer_info(iface->steer, &iface->info);
	if (err)
		return err;
	iface->virtual_link = is_virtual(link, iface->info.driver);
	err = choose_queues(iface, opts, log);
	if (err)
		return err;
	err = fs_steer_slot_take(iface->steer, &iface->slot);
	if (err)
		return err;
	iface->has_slot = true;
	fs_stack_capture_open(iface);
	return 0;
}

void fs_stack_iface_mtu(const struct fs_world *world, struct fs_iface *iface, uint32_t mtu)
{
	const uint32_t most = world->pool->chunk_size - FS_POOL_XDP_HEADROOM - 14 - VLAN_ROOM;

	if (mtu == iface->mtu)
		return;
	if (mtu > most)
		fs_base_log(&world->log, FS_LOG_WARN,
			    "%s: its MTU is %u now, but this process started with frames for %u: longer "
			    "packets for it are lost; start it anew, or: ip link set %s mtu %u",
			    iface->name, mtu, most, iface->name, most);
	iface->mtu = mtu;
}

void fs_stack_iface_close(struct fs_iface *iface, const struct fs_logger *log)
{
	fs_stack_capture_close(iface);
	if (iface->has_slot)
		fs_steer_slot_put(iface->steer, iface->slot);
	fs_steer_close(iface->steer);
	if (iface->attached_here)
		fs_steer_detach(iface->name, log);
}

static struct fs_rule_key key_of(const struct fs_host_flow *flow)
{
	struct fs_rule_key key = {
		.family = flow->family,
		.proto = flow->proto,
		.port = be16_from(flow->port).raw,
	};

	memcpy(key.addr, flow->ip, sizeof(key.addr));
	return key;
}

static struct fs_stack *to_stack(struct fs_host *host)
{
	return container_of(host, struct fs_stack, host);
}

static void unclaim(struct fs_host *host, const struct fs_host_flow *flow)
{
	struct fs_world *world = to_stack(host)->world;
	const struct fs_rule_key key = key_of(flow);

	for (unsigned int i = 0; i < world->n_ifaces; i++)
		fs_steer_rule_unsteer(world->ifaces[i].steer, &key, world->ifaces[i].slot);
}

static int claim_each(struct fs_world *world, const struct fs_rule_key *key, bool share)
{
	for (unsigned int i = 0; i < world->n_ifaces; i++) {
		struct fs_iface *iface = &world->ifaces[i];
		int err = fs_steer_rule_steer(iface->steer, key, iface->slot, share);

		if (!err)
			continue;
		while (i-- > 0)
			fs_steer_rule_unsteer(world->ifaces[i].steer, key,
					      world->ifaces[i].slot);
		return err;
	}
	return 0;
}

static int flags_each(struct fs_world *world, const struct fs_rule_key *key, uint32_t set,
		      uint32_t clear)
{
	int err = 0;

	for (unsigned int i = 0; i < world->n_ifaces && !err; i++)
		err = fs_steer_rule_flags(world->ifaces[i].steer, key, world->ifaces[i].slot, set,
					  clear);
	return err;
}

/* Who has the port already may have connections: they are shared until settle() says no. */
static int claim(struct fs_host *host, const struct fs_host_flow *flow)
{
	const struct fs_rule_key key = key_of(flow);

	return claim_each(to_stack(host)->world, &key,
			  flow->proto == IPPROTO_TCP && !flow->reserved);
}

/* By whichever of the two rules that the program would find. */
static int share(struct fs_host *host, const struct fs_host_flow *flow)
{
	struct fs_world *world = to_stack(host)->world;
	struct fs_rule_key key = key_of(flow);
	int err = flags_each(world, &key, FS_RULE_F_KERNEL_FIRST, 0);

	memset(key.addr, 0, sizeof(key.addr));
	return err ? err : flags_each(world, &key, FS_RULE_F_KERNEL_FIRST, 0);
}

/*
 * Once the program looks, no new ones come by these interfaces, but from here; so
 * none is none. When the kernel does not tell, there may be some.
 */
static int settle(struct fs_host *host, const struct fs_host_flow *flows, int n)
{
	struct fs_world *world = to_stack(host)->world;
	int perhaps = fs_nl_diag_tcp(world->diag_fd, flows->port) != 0;

	for (int i = 0; i < n && !perhaps; i++) {
		const struct fs_rule_key key = key_of(&flows[i]);

		perhaps = flags_each(world, &key, 0, FS_RULE_F_KERNEL_FIRST) != 0;
	}
	return perhaps;
}

static void retire(struct fs_host *host, const struct fs_host_flow *flow, bool retired)
{
	struct fs_world *world = to_stack(host)->world;
	const struct fs_rule_key key = key_of(flow);

	if (retired)
		flags_each(world, &key, FS_RULE_F_KERNEL_FIRST | FS_RULE_F_NO_NEW, 0);
	else
		flags_each(world, &key, 0, FS_RULE_F_NO_NEW);
}

/* One lock for the rules of all interfaces. Without it each claim takes its own. */
static void claim_many(struct fs_host *host, bool begin)
{
	struct fs_world *world = to_stack(host)->world;
	struct fs_steer *steer = world->ifaces[0].steer;
	const bool locked = begin && !fs_steer_lock(steer);

	if (world->claims_locked)
		fs_steer_unlock(steer);
	world->claims_locked = locked;
	for (unsigned int i = 0; i < world->n_ifaces; i++)
		fs_steer_hold(world->ifaces[i].steer, locked);
}

static int watch(struct fs_host *host, struct fs_watch *w)
{
	struct epoll_event event = { .events = w->events ? w->events : EPOLLIN, .data.ptr = w };

	return epoll_ctl(to_stack(host)->world->side, EPOLL_CTL_ADD, w->fd, &event) ? -errno : 0;
}

static void unwatch(struct fs_host *host, struct fs_watch *w)
{
	epoll_ctl(to_stack(host)->world->side, EPOLL_CTL_DEL, w->fd, NULL);
}

const struct fs_host_ops fs_stack_world_ops = {
	.claim = claim,
	.unclaim = unclaim,
	.share = share,
	.settle = settle,
	.retire = retire,
	.claim_many = claim_many,
	.watch = watch,
	.unwatch = unwatch,
	.sent = fs_stack_capture_sent,
};
