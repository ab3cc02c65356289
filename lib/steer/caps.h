/* SPDX-License-Identifier: BSD-2-Clause */
/* caps.h - the privileges that loading and attaching take. */
#ifndef FS_STEER_CAPS_H
#define FS_STEER_CAPS_H

#include "base/log.h"

/* 0, or -EPERM with a sentence that names what is missing. */
int fs_steer_caps_check(const char *ifname, const struct fs_logger *log);

#endif
