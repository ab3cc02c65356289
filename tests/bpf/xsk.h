/* SPDX-License-Identifier: BSD-2-Clause */
/* xsk.h - a network namespace of the test's own, and AF_XDP sockets to redirect to. */
#ifndef FS_TESTS_BPF_XSK_H
#define FS_TESTS_BPF_XSK_H

#include <stdint.h>

/*
 * Move this process to a fresh namespace with the veth pair bp-a, bp-b of
 * @queues queues, up, 10.0.0.1/24 and fd00::1/64 on bp-a, which forwards when
 * @forward is set. Returns bp-a's index.
 */
uint32_t lab_open(unsigned int queues, int forward);

/* A socket in copy mode, bound to the interface's queue. */
int xsk_bind(uint32_t ifindex, uint32_t queue);

#endif
