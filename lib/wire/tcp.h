/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - the TCP header and its options (RFC 9293 3.1, 3.2): check at the
 * door, then read; build; and the reset that answers a stray segment.
 *
 * One struct serves both ways: what fs_wire_put_tcp() writes is what
 * fs_wire_tcp_parse() reads. What an option means on a connection, and
 * whether it was negotiated, is not known here.
 */
#ifndef FS_WIRE_TCP_H
#define FS_WIRE_TCP_H

#include "base/seq.h"
#include "wire/frame.h"

/* Byte 13. AE (RFC 9768) and the reserved bits beside it are ignored, and sent as 0. */
enum fs_tcp_flag {
	FS_TCP_F_FIN = 1 << 0,
	FS_TCP_F_SYN = 1 << 1,
	FS_TCP_F_RST = 1 << 2,
	FS_TCP_F_PSH = 1 << 3,
	FS_TCP_F_ACK = 1 << 4,
	FS_TCP_F_URG = 1 << 5,
	FS_TCP_F_ECE = 1 << 6,	/* RFC 3168 6.1 */
	FS_TCP_F_CWR = 1 << 7,
};

/* Which options are there. SACK blocks are counted instead. */
enum fs_tcp_opt {
	FS_TCP_OPT_MSS = 1 << 0,	/* RFC 9293 3.7.1; SYN only */
	FS_TCP_OPT_WSCALE = 1 << 1,	/* RFC 7323 2.2; SYN only */
	FS_TCP_OPT_SACK_OK = 1 << 2,	/* SACK permitted, RFC 2018 2; SYN only */
	FS_TCP_OPT_TS = 1 << 3,		/* RFC 7323 3.2 */
	FS_TCP_OPT_TFO = 1 << 4,	/* fast open, RFC 7413 4.1.1; SYN only */
	FS_TCP_OPT_ALL = (1 << 5) - 1
};

enum {
	FS_TCP_OPTS_MAX = 40,		/* bytes: the data offset has four bits */
	FS_TCP_HEADER_MAX = FS_TCP_LEN + FS_TCP_OPTS_MAX,
	FS_TCP_WSCALE_MAX = 14,		/* RFC 7323 2.3 */
	FS_TCP_SACKS_MAX = 4,		/* without timestamps; 3 with */
	FS_TCP_COOKIE_MIN = 4,
	FS_TCP_COOKIE_MAX = 16,
};

struct fs_wire_tcp_opts {
	uint8_t has;		/* of enum fs_tcp_opt; the rest reads as 0 */
	uint8_t wscale;
	uint8_t n_sacks;
	uint8_t cookie_len;	/* even, 4 to 16; 0 with FS_TCP_OPT_TFO asks for a cookie */
	uint16_t mss;
	ts32 ts_val;
	ts32 ts_ecr;		/* means something with FS_TCP_F_ACK only: RFC 7323 3.2 */
	/*
	 * In the order of the wire: a duplicate's block stands first (RFC 2883
	 * 4). Each is sane in itself; whether it names what was sent, the
	 * connection must judge.
	 */
	struct fs_seq_range sacks[FS_TCP_SACKS_MAX];
	uint8_t cookie[FS_TCP_COOKIE_MAX];
};

struct fs_wire_tcp {
	uint16_t src_port;
	uint16_t dst_port;
	seq32 seq;
	seq32 ack;		/* means something with FS_TCP_F_ACK only */
	uint16_t window;	/* as on the wire, not scaled */
	uint16_t urgent;	/* means something with FS_TCP_F_URG only */
	uint16_t payload_off;	/* in the frame; not read by the builder */
	uint16_t payload_len;
	uint8_t flags;		/* of enum fs_tcp_flag */
	struct fs_wire_tcp_opts opts;
};

/*
 * fs_wire_tcp_parse - the header of a frame that fs_wire_parse() accepted.
 *
 * Returns FS_WIRE_OK, or FS_WIRE_SHORT when the header is cut or its length
 * contradicts the segment's. Options never make a segment fail (RFC 9293
 * MUST-6, MUST-7):
 *
 *   - a length below 2 or beyond the header ends the options, as in Linux:
 *     what was read before counts, what follows does not;
 *   - an unknown option, a known one whose length is not its own, and one that
 *     has no place in such a segment (with or without SYN) are stepped over;
 *   - of several of one kind the last good one counts: no RFC chooses, and
 *     Linux does it so;
 *   - a window scale above 14 is 14 (RFC 7323 2.3), an MSS of 0 is none;
 *   - a SACK block that is empty or backwards is left out.
 *
 * Only kind 34 is fast open: the experimental kind 254 is unknown here.
 */
enum fs_wire_verdict fs_wire_tcp_parse(const uint8_t *frame, const struct fs_wire_frame *f,
				       struct fs_wire_tcp *out);

/* RFC 9293 MUST-3: always there, and always checked; 0 is no exception. */
enum fs_csum_verdict fs_wire_tcp_csum(const uint8_t *frame, const struct fs_wire_frame *f);

/*
 * How many bytes the options take, padding included: a multiple of 4, at most
 * 40. SACK blocks get what the others leave: 4 alone, 3 beside timestamps.
 */
uint16_t fs_wire_tcp_opts_len(const struct fs_wire_tcp_opts *opts);

static inline uint16_t fs_wire_tcp_header_len(const struct fs_wire_tcp_opts *opts)
{
	return (uint16_t)(FS_TCP_LEN + fs_wire_tcp_opts_len(opts));
}

/*
 * fs_wire_put_tcp - write header and options at @p.
 *
 * The payload, @tcp->payload_len bytes, stands right behind: at @p +
 * fs_wire_tcp_header_len(). @pseudo is fs_csum_pseudo*() over both. SACK
 * blocks that do not fit are left out, the last ones first. What belongs on
 * a SYN is the caller's to know. Returns the header's length.
 */
uint16_t fs_wire_put_tcp(uint8_t *p, const struct fs_wire_tcp *tcp, uint64_t pseudo);

/* RFC 9293 3.4: SEG.LEN, how much sequence space it takes. */
static inline uint32_t fs_wire_tcp_seg_len(const struct fs_wire_tcp *seg)
{
	uint32_t len = seg->payload_len;

	if (seg->flags & FS_TCP_F_SYN)
		len++;
	if (seg->flags & FS_TCP_F_FIN)
		len++;
	return len;
}

/*
 * fs_wire_tcp_reset - the reset for a segment that no connection takes.
 *
 * Fills *rst whole, ports exchanged, without options or payload, and returns
 * true; or returns false: a reset is never answered (RFC 9293 3.10.7.1).
 * LISTEN (3.10.7.2) and SYN-SENT (3.10.7.3) answer a bad ACK in the same way.
 */
bool fs_wire_tcp_reset(const struct fs_wire_tcp *seg, struct fs_wire_tcp *rst);

#endif
