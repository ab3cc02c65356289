/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aside.h - the stack's own descriptors stand aside.
 *
 * A program expects the low numbers for itself: wrk makes an event loop of a
 * dozen, others count on select()'s 1,024. What the stack opens gets numbers
 * from there on, or from the end of what the process may have.
 */
#ifndef FS_SOCK_ASIDE_H
#define FS_SOCK_ASIDE_H

#include "base/types.h"

enum {
	FS_ASIDE_MAX = 1024,
};

/* The numbers below, as far as they were free: taken. */
struct fs_aside {
	uint64_t taken[FS_ASIDE_MAX / 64];
};

/* Between the two, whatever is opened stands aside. */
void fs_aside_begin(struct fs_aside *aside);
void fs_aside_end(const struct fs_aside *aside);

/* One descriptor, just opened: its new number, or @fd itself when there is no other. */
int fs_aside(int fd);

/* None of ours has a lower number; INT_MAX: none was opened. */
int fs_aside_base(void);

#endif
