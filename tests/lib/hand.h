/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hand.h - a port whose wire is the hand of a test: each frame that the stack
 * sends is shown to a function, and what it receives is put in one by one.
 */
#ifndef TESTS_LIB_HAND_H
#define TESTS_LIB_HAND_H

#include "port/port.h"

typedef void hand_sent_fn(void *ctx, const uint8_t *frame, uint32_t len);

/* Aborts without memory. */
struct fs_port *hand_open(struct fs_pool *pool, uint32_t ifindex, hand_sent_fn *sent, void *ctx);

/* False: it is dropped, as the pool is empty or nobody has received for long. */
bool hand_put(struct fs_port *port, const uint8_t *frame, uint32_t len);

/* Keep what was sent, as a NIC that is slow to say that frames have left. */
void hand_keep(struct fs_port *port, bool keep);

/* Give it back only when there is nothing to receive, or when asked: as AF_XDP does. */
void hand_be_lazy(struct fs_port *port);

#endif
