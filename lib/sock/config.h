/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - what the socket door may use: from fs_sockets_setup() or the
 * environment, read once.
 */
#ifndef FS_SOCK_CONFIG_H
#define FS_SOCK_CONFIG_H

#include <fastsock/stack.h>
#include <fastsock/socket.h>

#include "base/log.h"
#include "base/types.h"

struct fs_sock_config {
	bool on;			/* some interface is named */
	const char *ifaces[FS_STACK_IFACES_MAX + 1];	/* NULL-terminated */
	char names[FS_STACK_IFACES_MAX * 16];
	uint64_t spin_ns;
	uint32_t queues;
	uint32_t frames;
	struct fs_logger log;
	bool all_ports;
	uint8_t ports[65536 / 8];
};

extern struct fs_sock_config fs_sock_config;

/* Reads the environment, the first time. */
bool fs_sock_configured(void);

static inline bool fs_sock_port_chosen(uint16_t port)
{
	return fs_sock_config.all_ports || fs_sock_config.ports[port / 8] & 1u << port % 8;
}

#endif
