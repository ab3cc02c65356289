/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab.h - many objects of one size, close together: connections.
 *
 *	first slab, 64 KiB:   | object | object | ... |
 *	further slabs, 2 MiB: | object | object | ...        ... | link |
 *	free: object -> object -> NULL, the last given back taken first
 *
 * An idle stack pays for the first slab only, and of that for the pages it
 * has touched. The others are aligned for huge pages, so that a table of a
 * million connections does not cost a TLB miss for each. A slab that has become
 * wholly free stays: all are given back at fini, as connections come in waves.
 */
#ifndef FS_MEM_SLAB_H
#define FS_MEM_SLAB_H

#include "base/types.h"

struct fs_slab_link;

struct fs_slab {
	size_t object_size;
	uint32_t max_objects;
	uint32_t used;			/* objects taken and not put back */
	uint32_t made;			/* objects ever cut from a slab */
	void *free;
	uint8_t *next;			/* in the newest slab, not cut yet */
	uint32_t left;			/* objects not cut yet, from @next on */
	struct fs_slab_link *slabs;	/* newest first */
};

/*
 * fs_slab_init - no memory is taken yet.
 *
 * @object_size is a multiple of 64, at most 16 KiB; objects are aligned to
 * 64 bytes. Returns 0, or -EINVAL.
 */
int fs_slab_init(struct fs_slab *slab, size_t object_size, uint32_t max_objects);

/* The caller's own bytes to set, all of them. NULL: full, or no memory. */
void *fs_slab_take(struct fs_slab *slab);

/* Its memory must not be touched afterwards; ASan builds see to it. */
void fs_slab_put(struct fs_slab *slab, void *object);

/* Every object must be back: asserts it. Fine before anything was taken. */
void fs_slab_fini(struct fs_slab *slab);

#endif
