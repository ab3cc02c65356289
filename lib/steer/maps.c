// SPDX-License-Identifier: BSD-2-Clause
/*
 * maps.c - the pinned maps of an interface as descriptors.
 *
 * Their layouts are compared with fs_abi.h when they are opened: an object of
 * another version is refused here, not misread later.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "steer/priv.h"

static const struct {
	const char *name;
	uint32_t key_size, value_size;
} maps[FS_STEER_MAP_COUNT] = {
	[FS_STEER_CONFIG] = { FS_MAP_CONFIG, 4, sizeof(struct fs_config) },
	[FS_STEER_HOT] = { FS_MAP_HOT, sizeof(uint32_t), sizeof(struct fs_hot) },
	[FS_STEER_RULES] = { FS_MAP_RULES, sizeof(struct fs_rule_key), sizeof(struct fs_rule) },
	[FS_STEER_SLOTS] = { FS_MAP_SLOTS, 4, sizeof(struct fs_slot) },
	[FS_STEER_XSKS] = { FS_MAP_XSKS, 4, 4 },
	[FS_STEER_STATS] = { FS_MAP_STATS, 4, sizeof(struct fs_stats) },
	[FS_STEER_RATES] = { FS_MAP_RATES, sizeof(struct fs_rate_key), sizeof(struct fs_rate) },
	[FS_STEER_KV_SMALL] = { FS_MAP_KV_SMALL, 8, sizeof(struct fs_kv_small) },
	[FS_STEER_KV_LARGE] = { FS_MAP_KV_LARGE, 8, sizeof(struct fs_kv_large) },
	[FS_STEER_KV_HOT] = { FS_MAP_KV_HOT, 4, sizeof(struct fs_kv_hot) },
	[FS_STEER_SCRATCH] = { FS_MAP_SCRATCH, 4, sizeof(struct fs_scratch) },
	[FS_STEER_CAPTURES] = { FS_MAP_CAPTURES, 4, 4 },
	[FS_STEER_ANSWERS] = { FS_MAP_ANSWERS, 4, 4 },
};

static int open_one(struct fs_steer *steer, unsigned int i)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = fs_steer_pins_open(&steer->pins, maps[i].name);

	if (fd == -ENOENT && i == FS_STEER_ANSWERS)
		return 0;
	if (fd == -EACCES || fd == -EPERM)
		return fs_base_fail(&steer->log, -EPERM,
			"%s: no permission to open %s/%s; run as root, or let root give this user the directory",
			steer->info.ifname, steer->pins.dir, maps[i].name);
	if (fd == -EMFILE || fd == -ENFILE)
		return fs_base_fail(&steer->log, fd,
			"%s: too many open files; raise the limit (ulimit -n, LimitNOFILE=)",
			steer->info.ifname);
	if (fd < 0)
		return fs_base_fail(&steer->log, fd,
			"%s: %s/%s cannot be opened: %s; run `fastsock detach %s` and attach again",
			steer->info.ifname, steer->pins.dir, maps[i].name, strerror(-fd),
			steer->info.ifname);
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.key_size != maps[i].key_size ||
	    info.value_size != maps[i].value_size) {
		close(fd);
		return fs_base_fail(&steer->log, -EPROTO,
			"%s: the map %s is of another version of fastsock than this library; run `fastsock "
			"detach %s` and attach again", steer->info.ifname, maps[i].name,
			steer->info.ifname);
	}
	steer->map[i] = fd;
	return 0;
}

int fs_steer_maps_open(struct fs_steer *steer)
{
	for (unsigned int i = 0; i < FS_STEER_MAP_COUNT; i++) {
		int err = open_one(steer, i);

		if (err)
			return err;
	}
	return 0;
}

void fs_steer_maps_close(struct fs_steer *steer)
{
	for (unsigned int i = 0; i < FS_STEER_MAP_COUNT; i++)
		if (steer->map[i] >= 0)
			close(steer->map[i]);
}

int fs_steer_map(struct fs_steer *steer, const char *name)
{
	for (unsigned int i = 0; i < FS_STEER_MAP_COUNT; i++)
		if (!strcmp(maps[i].name, name))
			return steer->map[i] < 0 ? -ENOENT : steer->map[i];
	return -ENOENT;
}

int fs_steer_stats(struct fs_steer *steer, uint64_t stats[FS_STAT_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;
	uint64_t *all;

	if (cpus < 0)
		return cpus;
	all = calloc((size_t)cpus, sizeof(struct fs_stats));
	if (!all)
		return -ENOMEM;
	if (bpf_map_lookup_elem(steer->map[FS_STEER_STATS], &zero, all)) {
		int err = -errno;

		free(all);
		return err;
	}
	memset(stats, 0, FS_STAT_COUNT * sizeof(*stats));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (unsigned int i = 0; i < FS_STAT_COUNT; i++)
			stats[i] += all[(unsigned int)cpu * FS_STAT_COUNT + i];
	free(all);
	return 0;
}
