/* SPDX-License-Identifier: BSD-2-Clause */
/* ladder.h - the ways to get a program onto an interface, best first. */
#ifndef FS_STEER_LADDER_H
#define FS_STEER_LADDER_H

#include "steer/config.h"
#include "steer/objects.h"
#include "steer/pins.h"
#include "steer/steer.h"

struct fs_steer_ladder {
	const struct fs_steer_iface *iface;
	const struct fs_steer_pins *pins;
	const struct fs_logger *log;
	struct bpf_object *loaded;	/* loaded for itself; its maps are pinned */
	enum fs_steer_object object;	/* in: the best. out: the one that runs */
	bool alone;			/* do not try the dispatcher */
	char said[200];			/* the kernel's words on the last failure */
};

/*
 * Attach in one mode and pin the program under @pin. -errno without a
 * sentence and with nothing attached.
 */
int fs_steer_ladder_attach(struct fs_steer_ladder *ladder, bool skb_mode, const char *pin);

#endif
