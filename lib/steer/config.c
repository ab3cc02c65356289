// SPDX-License-Identifier: BSD-2-Clause
/* config.c - fill the program's configuration from what the interface is. */
#include <bpf/bpf.h>
#include <errno.h>
#include <sys/random.h>

#include "steer/config.h"

int fs_steer_config_read(int fd, struct fs_config *config)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(fd, &zero, config) ? -errno : 0;
}

int fs_steer_config_write(int fd, const struct fs_config *config)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(fd, &zero, config, BPF_ANY) ? -errno : 0;
}

bool fs_steer_config_refresh(struct fs_config *config, const struct fs_steer_iface *iface,
			     bool skb_mode)
{
	const struct fs_config was = *config;

	config->flags &= FS_CONFIG_F_EXACT | FS_CONFIG_F_CAPTURE;
	if (skb_mode)
		config->flags |= FS_CONFIG_F_SKB_MODE;
	if (!iface->forwards)
		config->flags |= FS_CONFIG_F_HOST;
	if (iface->has_mac)
		config->flags |= FS_CONFIG_F_MAC;
	memcpy(config->mac, iface->mac, sizeof(config->mac));
	return memcmp(&was, config, sizeof(was)) != 0;
}

int fs_steer_config_make(struct fs_config *config, const struct fs_steer_iface *iface,
			 bool skb_mode)
{
	*config = (struct fs_config){
		.abi_version = FS_ABI_VERSION,
		.queues = iface->queues,
		.ifindex = iface->ifindex,
		.netns = iface->netns,
	};
	fs_steer_config_refresh(config, iface, skb_mode);
	if (getrandom(&config->kv_seed, sizeof(config->kv_seed), 0) != sizeof(config->kv_seed))
		return -EIO;
	return 0;
}
