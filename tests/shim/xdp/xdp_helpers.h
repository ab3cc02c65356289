/* SPDX-License-Identifier: BSD-2-Clause */
/* xdp_helpers.h - in place of libxdp's; see bpf/bpf_helpers.h here. */
#ifndef FS_TESTS_SHIM_XDP_HELPERS_H
#define FS_TESTS_SHIM_XDP_HELPERS_H

#define XDP_RUN_CONFIG(name) run_config_of_##name

#endif
