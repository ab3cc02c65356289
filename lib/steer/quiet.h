/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quiet.h - libbpf and libxdp print to stderr, even on success: while a
 * quiet is held, what they say goes to the log as debug, and the kernel's
 * own error message is kept for our sentence.
 */
#ifndef FS_STEER_QUIET_H
#define FS_STEER_QUIET_H

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "base/log.h"

struct fs_steer_quiet {
	libbpf_print_fn_t libbpf;
	libxdp_print_fn_t libxdp;
	const struct fs_logger *outer;
};

void fs_steer_quiet_begin(struct fs_steer_quiet *quiet, const struct fs_logger *log);
void fs_steer_quiet_end(const struct fs_steer_quiet *quiet);

/* ": " and what the kernel said last on this thread, or "". Asking clears it. */
const char *fs_steer_quiet_said(void);

#endif
