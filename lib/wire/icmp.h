/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h - ICMP errors about packets we sent (RFC 792, RFC 4443): what went
 * wrong, and which flow the embedded header names.
 */
#ifndef FS_WIRE_ICMP_H
#define FS_WIRE_ICMP_H

#include "wire/frame.h"

struct fs_wire_icmp_error {
	int error;		/* -errno that the flow's owner gets; 0: none */
	uint32_t mtu;		/* packet too big: the next hop's MTU, else 0 */
	uint8_t family;		/* of the packet that caused it */
	uint8_t proto;
	uint8_t local[16];	/* its source: us */
	uint8_t remote[16];	/* its destination */
	uint16_t local_port;
	uint16_t remote_port;
	/*
	 * TCP: where the segment began that the error is about. An error about
	 * what is not outstanding is forged or stale (RFC 5927 4).
	 */
	seq32 seq;
};

/*
 * FS_WIRE_OK with *out filled, FS_WIRE_PROTO when it is no error message or
 * tells of a protocol without ports, FS_WIRE_SHORT when truncated,
 * FS_WIRE_IP_CSUM when the ICMP checksum is wrong.
 */
enum fs_wire_verdict fs_wire_icmp_parse(const uint8_t *frame, const struct fs_wire_frame *f,
					struct fs_wire_icmp_error *out);

#endif
