// SPDX-License-Identifier: BSD-2-Clause
/*
 * recorder.c - who records the fast path has an abstract unix socket bound from
 * before the flag in the configuration is set until after it is cleared. The
 * kernel closes it with its process, so it tells whether the flag has an owner.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/fs_abi.h"
#include "steer/recorder.h"

socklen_t fs_steer_recorder_address(struct sockaddr_un *address, uint32_t ifindex)
{
	int len;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, FS_CAPTURE_SOCKET,
		       ifindex);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

bool fs_steer_recorder_lives(uint32_t ifindex)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct sockaddr_un address;
	socklen_t len = fs_steer_recorder_address(&address, ifindex);

	if (fd < 0)
		return true;
	err = connect(fd, (const struct sockaddr *)&address, len) ? errno : 0;
	close(fd);
	return err != ECONNREFUSED;
}
