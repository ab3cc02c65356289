/* SPDX-License-Identifier: BSD-2-Clause */
/* udp.h - the UDP header (RFC 768): check at the door, then read; build. */
#ifndef FS_WIRE_UDP_H
#define FS_WIRE_UDP_H

#include "wire/frame.h"

struct fs_wire_udp {
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t payload_off;	/* in the frame */
	uint16_t payload_len;
};

/*
 * Lengths: the UDP length may be smaller than what IP carries (RFC 768 lets
 * it), never larger. Returns FS_WIRE_OK or FS_WIRE_SHORT.
 */
static inline enum fs_wire_verdict fs_wire_udp_parse(const uint8_t *frame,
						     const struct fs_wire_frame *f,
						     struct fs_wire_udp *out)
{
	const uint8_t *p = frame + f->l4_off;
	uint16_t len;

	if (f->l4_len < FS_UDP_LEN)
		return FS_WIRE_SHORT;
	len = get_be16(p + 4);
	if (len < FS_UDP_LEN || len > f->l4_len)
		return FS_WIRE_SHORT;
	out->src_port = get_be16(p);
	out->dst_port = get_be16(p + 2);
	out->payload_off = (uint16_t)(f->l4_off + FS_UDP_LEN);
	out->payload_len = (uint16_t)(len - FS_UDP_LEN);
	return FS_WIRE_OK;
}

/*
 * RFC 1122 4.1.3.4: IPv4 may send 0 for none; RFC 8200 8.1: IPv6 must not.
 */
enum fs_csum_verdict fs_wire_udp_csum(const uint8_t *frame, const struct fs_wire_frame *f,
				      const struct fs_wire_udp *udp);

/* Write the header at @p, the payload right behind it; @pseudo as fs_csum_pseudo*(). */
void fs_wire_put_udp(uint8_t *p, uint16_t src_port, uint16_t dst_port, uint16_t l4_len,
		     uint64_t pseudo);

#endif
