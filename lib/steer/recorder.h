/* SPDX-License-Identifier: BSD-2-Clause */
/* recorder.h - the socket of who records an interface's fast path. */
#ifndef FS_STEER_RECORDER_H
#define FS_STEER_RECORDER_H

#include <sys/un.h>

#include "base/types.h"

/* Its address (FS_CAPTURE_SOCKET) to bind, or to send to. Returns the length. */
socklen_t fs_steer_recorder_address(struct sockaddr_un *address, uint32_t ifindex);

/* Has somebody bound it in this network namespace? Yes, when that cannot be found out. */
bool fs_steer_recorder_lives(uint32_t ifindex);

#endif
