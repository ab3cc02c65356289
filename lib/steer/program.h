/* SPDX-License-Identifier: BSD-2-Clause */
/* program.h - which XDP program an interface runs, and whether it is ours. */
#ifndef FS_STEER_PROGRAM_H
#define FS_STEER_PROGRAM_H

#include "steer/pins.h"

struct fs_steer_program {
	uint32_t id;		/* what the interface runs; 0: nothing */
	uint32_t ours;		/* our program, perhaps inside a dispatcher; 0: none */
	bool skb_mode;
	bool is_dispatcher;	/* @id is libxdp's dispatcher */
	bool unsure;		/* we may not look: ours, if pins tell the truth */
	char name[20];		/* of @id, or "?" */
};

/*
 * Look at the interface, and compare with what is pinned. -errno only when
 * the kernel does not answer at all. Call under a quiet.
 */
int fs_steer_program_get(struct fs_steer_program *out, uint32_t ifindex,
			 const struct fs_steer_pins *pins);

/* Take ours away, atomically: -EBUSY or -ENOENT when it is another by now. */
int fs_steer_program_detach(const struct fs_steer_program *program, uint32_t ifindex,
			    const struct fs_steer_pins *pins);

/* The id of a program descriptor, 0 on failure. */
uint32_t fs_steer_program_id(int fd);
/* Of the program that is pinned, ours or the one that only passes; 0: none. */
uint32_t fs_steer_program_pinned_id(const struct fs_steer_pins *pins);

#endif
