/* SPDX-License-Identifier: BSD-2-Clause */
/* iface.h - what steering wants to know about a network interface. */
#ifndef FS_STEER_IFACE_H
#define FS_STEER_IFACE_H

#include "base/log.h"
#include "base/types.h"

struct fs_steer_iface {
	char name[16];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t queues;	/* receive queues, at least 1 */
	uint8_t mac[6];
	bool has_mac;		/* Ethernet, with an address */
	bool forwards;		/* IPv4 or IPv6 packets that are not ours */
	uint64_t netns;		/* inode of the caller's network namespace */
	char driver[32];
};

/* -ENODEV with a sentence for a name that is none here. */
int fs_steer_iface_get(struct fs_steer_iface *out, const char *ifname,
		       const struct fs_logger *log);

/* The inode of this thread's network namespace, 0 without /proc. */
uint64_t fs_steer_iface_netns(void);

/*
 * Whether program @prog_id runs on interface @ifindex of the namespace with
 * inode @netns, which is not ours: 1, 0 (no such namespace, interface or
 * program), or -errno when we may not look. @where gets the namespace's name
 * or "" - at least 64 bytes.
 */
int fs_steer_iface_runs_elsewhere(uint64_t netns, uint32_t ifindex, uint32_t prog_id,
				  char *where, size_t size);

#endif
