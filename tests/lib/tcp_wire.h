/* SPDX-License-Identifier: BSD-2-Clause */
/* tcp_wire.h - TCP segments as bytes: made, read exactly, compared. */
#ifndef TESTS_LIB_TCP_WIRE_H
#define TESTS_LIB_TCP_WIRE_H

#include "wire/tcp.h"

/*
 * An Ethernet frame from 10.0.0.1 / fd00::1 to 10.0.0.2 / fd00::2, its
 * payload counting up. Returns its length.
 */
uint32_t tcp_wire_build(uint8_t *frame, uint8_t family, const struct fs_wire_tcp *tcp);

/* Parse @len bytes from the TCP header on, in a heap block of exactly that size. */
enum fs_wire_verdict tcp_wire_parse(const uint8_t *l4, uint16_t len, struct fs_wire_tcp *out);

/* The same of a header with @flags and @n bytes of options, n a multiple of 4. */
void tcp_wire_parse_opts(const uint8_t *opts, uint16_t n, uint8_t flags,
			 struct fs_wire_tcp_opts *out);

bool tcp_wire_same_opts(const struct fs_wire_tcp_opts *a, const struct fs_wire_tcp_opts *b);

/* All but the place of the payload. */
bool tcp_wire_same(const struct fs_wire_tcp *a, const struct fs_wire_tcp *b);

/*
 * What must be true of whatever parses, from @l4_off to @end in its frame:
 * the payload ends where the segment does, options keep their limits, and
 * building it again gives the same.
 */
bool tcp_wire_sane(const struct fs_wire_tcp *tcp, uint32_t l4_off, uint32_t end);

#endif
