/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forge.h - TCP segments that nobody sent: recorded ones taken apart,
 * changed, and put together again with right checksums, or with wrong ones.
 */
#ifndef TESTS_LIB_FORGE_H
#define TESTS_LIB_FORGE_H

#include "base/random.h"
#include "wire/tcp.h"

enum {
	FORGE_FRAME_MAX = 1514,
};

struct forge_frame {
	uint16_t len;
	uint8_t bytes[FORGE_FRAME_MAX];
};

/* A segment taken apart. */
struct forge {
	uint8_t eth[12];
	uint8_t family;
	uint8_t tos;
	uint8_t src[16], dst[16];
	struct fs_wire_tcp tcp;
	uint8_t payload[FORGE_FRAME_MAX];
};

/* False: it is no TCP. */
bool forge_take(struct forge *f, const struct forge_frame *frame);
/* What does not fit into a frame is left out. */
void forge_put(const struct forge *f, struct forge_frame *frame);

/* A line about it, to read what has happened. */
void forge_print(const char *who, const struct forge_frame *frame);

/* Any field may become anything; the checksum is right. */
void forge_hostile(struct forge_frame *frame, struct fs_random *random);

/* Bits are flipped or bytes cut off: the checksum is wrong. */
void forge_spoil(struct forge_frame *frame, struct fs_random *random);

/*
 * The same bytes of the stream cut in another way: the end of @frame, and the
 * beginning of what followed it, if @next is that. False: neither has data.
 */
bool forge_reslice(struct forge_frame *frame, const struct forge_frame *next,
		   struct fs_random *random);

/*
 * What an attacker sends who knows addresses and ports only: every number is
 * a guess. @near: the sequence number is good enough to be in the window.
 */
void forge_blind(struct forge_frame *frame, struct fs_random *random, bool near);

/* An ICMP error to who sent @frame, about it: an MTU, or that it cannot be delivered. */
void forge_icmp(struct forge_frame *frame, struct fs_random *random);

#endif
