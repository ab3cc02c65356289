/* SPDX-License-Identifier: BSD-2-Clause */
/* config.h - the one entry of the config map. */
#ifndef FS_STEER_CONFIG_H
#define FS_STEER_CONFIG_H

#include "bpf/fs_abi.h"
#include "steer/iface.h"

int fs_steer_config_read(int fd, struct fs_config *config);
int fs_steer_config_write(int fd, const struct fs_config *config);

/* A new one, with a random seed. */
int fs_steer_config_make(struct fs_config *config, const struct fs_steer_iface *iface,
			 bool skb_mode);

/* What may have changed since: MAC, forwarding. True when it has. */
bool fs_steer_config_refresh(struct fs_config *config, const struct fs_steer_iface *iface,
			     bool skb_mode);

#endif
