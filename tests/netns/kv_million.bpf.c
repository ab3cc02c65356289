// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* kv_million.bpf.c - the steering program with room for a million small entries. */
#include "fs_abi.h"

#define FS_KV_SMALL_DEFAULT FS_KV_SMALL_MAX
#include "fastsock.bpf.c"
