// SPDX-License-Identifier: BSD-2-Clause
/* udp.c - UDP bytes to values and back, with the checksum both ways. */
#include <sys/socket.h>

#include "wire/udp.h"

enum fs_csum_verdict fs_wire_udp_csum(const uint8_t *frame, const struct fs_wire_frame *f,
				      const struct fs_wire_udp *udp)
{
	const uint16_t len = (uint16_t)(udp->payload_len + FS_UDP_LEN);
	const uint8_t *p = frame + f->l4_off;
	uint64_t pseudo;
	uint16_t field;

	memcpy(&field, p + 6, 2);
	if (!field)
		return f->family == AF_INET ? FS_CSUM_GOOD : FS_CSUM_BAD;
	pseudo = fs_wire_pseudo_of(f, len);
	if (fs_csum_fold(fs_csum_add(pseudo, p, len)) == 0xffff)
		return FS_CSUM_GOOD;
	return field == fs_csum_fold(pseudo) ? FS_CSUM_PARTIAL : FS_CSUM_BAD;
}

void fs_wire_put_udp(uint8_t *p, uint16_t src_port, uint16_t dst_port, uint16_t l4_len,
		     uint64_t pseudo)
{
	uint16_t csum;

	put_be16(p, src_port);
	put_be16(p + 2, dst_port);
	put_be16(p + 4, l4_len);
	memset(p + 6, 0, 2);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(pseudo, p, l4_len));
	if (!csum)	/* RFC 768: zero means none, send all ones */
		csum = 0xffff;
	memcpy(p + 6, &csum, 2);
}
