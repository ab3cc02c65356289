/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pins.h - the pin directory of an interface, and the lock on all of them.
 *
 *	ROOT/			locked by flock() while anybody changes something
 *	ROOT/IFACE/rules	a map by its name
 *	ROOT/IFACE/program	the attached program, unless xdp-loader attached it
 *	ROOT/IFACE/pass		instead: only the program that passes everything
 *	ROOT/IFACE/answer_NAME	a user's answer program
 */
#ifndef FS_STEER_PINS_H
#define FS_STEER_PINS_H

#include "steer/bpffs.h"

struct fs_steer_pins {
	char root[FS_STEER_PATH_MAX];
	char dir[FS_STEER_PATH_MAX];
};

/* Where they are, or would be; errors as of fs_steer_bpffs_root(). */
int fs_steer_pins_find(struct fs_steer_pins *pins, const char *ifname, bool create,
		       const struct fs_logger *log);

/* Waits for the lock. A descriptor to close, or -errno. */
int fs_steer_pins_lock(const struct fs_steer_pins *pins);

bool fs_steer_pins_has(const struct fs_steer_pins *pins, const char *name);
/* A descriptor of a pinned map or program; -ENOENT, -EACCES, -EPERM. */
int fs_steer_pins_open(const struct fs_steer_pins *pins, const char *name);
int fs_steer_pins_add(const struct fs_steer_pins *pins, const char *name, int fd);
void fs_steer_pins_del(const struct fs_steer_pins *pins, const char *name);
/* The directory and all in it; remove: and the root when it is empty then. */
int fs_steer_pins_clear(const struct fs_steer_pins *pins);
int fs_steer_pins_remove(const struct fs_steer_pins *pins);

#endif
