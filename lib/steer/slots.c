// SPDX-License-Identifier: BSD-2-Clause
/*
 * slots.c - which process owns which part of the XSKMAP.
 *
 *	slot s owns entries [s * queues, s * queues + queues)
 *
 * A process that dies leaves its slot; its sockets vanish from the XSKMAP by
 * themselves, so its traffic is the kernel's at once. What remains (the slot,
 * its rules) is cleared by the next one that takes the slot. Process id and
 * start time together tell a living owner from a recycled id.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "steer/priv.h"
#include "steer/process.h"

bool fs_steer_slot_lives(const struct fs_slot *slot)
{
	return slot->pid && fs_steer_process_start(slot->pid) == slot->start_time;
}

uint32_t fs_steer_slot_count(const struct fs_steer *steer)
{
	uint32_t fit = FS_XSKS_MAX / MAX(steer->info.queues, 1u);

	return MIN(fit, (uint32_t)FS_SLOTS_MAX);
}

int fs_steer_slot_get(struct fs_steer *steer, uint32_t slot, struct fs_slot *out)
{
	if (slot >= fs_steer_slot_count(steer))
		return -ENOENT;
	if (bpf_map_lookup_elem(steer->map[FS_STEER_SLOTS], &slot, out))
		return -errno;
	return fs_steer_slot_lives(out);
}

static int write_slot(struct fs_steer *steer, uint32_t slot, const struct fs_slot *value)
{
	return bpf_map_update_elem(steer->map[FS_STEER_SLOTS], &slot, value, BPF_ANY) ? -errno : 0;
}

static void clear_slot(struct fs_steer *steer, uint32_t slot)
{
	static const struct fs_slot none;

	fs_steer_rules_forget(steer, slot);
	for (uint32_t queue = 0; queue < steer->info.queues; queue++) {
		uint32_t entry = slot * steer->info.queues + queue;

		bpf_map_delete_elem(steer->map[FS_STEER_XSKS], &entry);
	}
	write_slot(steer, slot, &none);
}

static int take_locked(struct fs_steer *steer, uint32_t *slot)
{
	struct fs_slot mine = { .pid = (uint32_t)getpid() };
	uint32_t count = fs_steer_slot_count(steer), i;
	int fd, err;

	for (i = 0; i < count; i++) {
		struct fs_slot there;
		int lives = fs_steer_slot_get(steer, i, &there);

		if (lives < 0)
			return lives;
		if (!lives)
			break;
	}
	if (i == count)
		return fs_base_fail(&steer->log, -ENOSPC,
			"%s: all %u slots are taken by living processes; `fastsock status %s` lists them",
			steer->info.ifname, count, steer->info.ifname);
	clear_slot(steer, i);
	mine.start_time = fs_steer_process_start(mine.pid);
	fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t len = read(fd, mine.comm, sizeof(mine.comm) - 1);

		mine.comm[len > 0 ? len - 1 : 0] = '\0';
		close(fd);
	}
	err = write_slot(steer, i, &mine);
	if (!err)
		*slot = i;
	return err;
}

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static int fail_lock(const struct fs_steer *steer, int err)
{
	return fs_base_fail(&steer->log, err == -EACCES ? -EPERM : err,
			    "%s: %s cannot be locked: %s; run as root, or let root give this user the "
			    "directory", steer->info.ifname, steer->pins.root, strerror(-err));
}

int fs_steer_slot_take(struct fs_steer *steer, uint32_t *slot)
{
	int err = fs_steer_lock(steer);

	if (err)
		return fail_lock(steer, err);
	err = take_locked(steer, slot);
	fs_steer_unlock(steer);
	return err;
}

void fs_steer_slot_put(struct fs_steer *steer, uint32_t slot)
{
	const bool locked = !fs_steer_lock(steer);

	clear_slot(steer, slot);
	if (locked)
		fs_steer_unlock(steer);
}

/* The kernel decides at bind; not every kernel lists sockets by sock_diag. */
static bool is_zerocopy(int xsk_fd)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	return !getsockopt(xsk_fd, SOL_XDP, XDP_OPTIONS, &options, &len) &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

int fs_steer_xsk_set(struct fs_steer *steer, uint32_t slot, uint32_t queue, int xsk_fd,
		     uint32_t frame_max)
{
	uint32_t entry = slot * steer->info.queues + queue;
	struct fs_slot mine;
	int err;

	if (queue >= steer->info.queues || slot >= fs_steer_slot_count(steer))
		return fs_base_fail(&steer->log, -ENODEV,
			"%s: queue %u does not exist, the program was attached with %u; after `ethtool -L`, "
			"detach and attach again", steer->info.ifname, queue, steer->info.queues);
	err = fs_steer_lock(steer);
	if (err)
		return fail_lock(steer, err);
	if (bpf_map_update_elem(steer->map[FS_STEER_XSKS], &entry, &xsk_fd, BPF_ANY))
		err = fs_base_fail(&steer->log, -errno,
			"%s: the AF_XDP socket of queue %u cannot be put into the XSKMAP: %s",
			steer->info.ifname, queue, strerror(errno));
	if (!err && fs_steer_slot_get(steer, slot, &mine) >= 0) {
		mine.queues++;
		mine.frame_max = frame_max;
		mine.zerocopy = (uint16_t)(mine.zerocopy + is_zerocopy(xsk_fd));
		write_slot(steer, slot, &mine);
	}
	fs_steer_unlock(steer);
	return err;
}
