/* SPDX-License-Identifier: BSD-2-Clause */
/* numbered.h - frames that are told apart by the number in every byte. */
#ifndef TESTS_UNIT_PORT_NUMBERED_H
#define TESTS_UNIT_PORT_NUMBERED_H

#include "port/port.h"

/* One frame, without a kick. 1, or 0 when the port had no room. */
unsigned int queue_frame(struct fs_port *port, uint8_t number, uint32_t len);

/* One frame with a kick; it must go. */
void emit(struct fs_port *port, uint8_t number, uint32_t len);

/* The number of the next received frame, intact; -1: none. */
int rx(struct fs_port *port);

#endif
