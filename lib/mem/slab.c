// SPDX-License-Identifier: BSD-2-Clause
/*
 * slab.c - slabs of pages, objects cut from them in order and then recycled
 * through a list that lies in the free objects themselves.
 *
 * Not malloc(): its chunks are neither on huge pages nor of one size
 * beside each other, and its cost is not the same each time. Under ASan
 * all that is not taken is poisoned, the list included.
 */
#include "mem/slab.h"

#include <errno.h>

#include "mem/pages.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)		((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n)	((void)(p), (void)(n))
#endif

enum {
	FIRST_SIZE = 64 << 10,
	SLAB_SIZE = 2 << 20,
	LINE = 64,
	OBJECT_MAX = 16 << 10,
};

/* The last line of a slab; in front it would cost the objects' alignment to pages. */
struct fs_slab_link {
	struct fs_slab_link *next;
	uint8_t *area;
	size_t size;
};

_Static_assert(sizeof(struct fs_slab_link) <= LINE, "a slab's link");

int fs_slab_init(struct fs_slab *slab, size_t object_size, uint32_t max_objects)
{
	if (!object_size || object_size % LINE || object_size > OBJECT_MAX)
		return -EINVAL;
	*slab = (struct fs_slab){ .object_size = object_size, .max_objects = max_objects };
	return 0;
}

static bool grow(struct fs_slab *slab)
{
	const size_t size = slab->slabs ? SLAB_SIZE : FIRST_SIZE;
	uint8_t *area = fs_pages_map(size);
	struct fs_slab_link *link;

	if (!area)
		return false;
	link = (struct fs_slab_link *)(area + size - LINE);
	*link = (struct fs_slab_link){ .next = slab->slabs, .area = area, .size = size };
	slab->slabs = link;
	slab->next = area;
	slab->left = (uint32_t)((size - LINE) / slab->object_size);
	ASAN_POISON_MEMORY_REGION(area, size - LINE);
	return true;
}

static void *cut(struct fs_slab *slab)
{
	void *object;

	if (slab->made == slab->max_objects || (!slab->left && !grow(slab)))
		return NULL;
	object = slab->next;
	slab->next += slab->object_size;
	slab->left--;
	slab->made++;
	ASAN_UNPOISON_MEMORY_REGION(object, slab->object_size);
	return object;
}

void *fs_slab_take(struct fs_slab *slab)
{
	void *object = slab->free;

	if (likely(object)) {
		ASAN_UNPOISON_MEMORY_REGION(object, slab->object_size);
		memcpy(&slab->free, object, sizeof(slab->free));
	} else {
		object = cut(slab);
		if (!object)
			return NULL;
	}
	slab->used++;
	return object;
}

void fs_slab_put(struct fs_slab *slab, void *object)
{
	assert(slab->used);
	memcpy(object, &slab->free, sizeof(slab->free));
	slab->free = object;
	slab->used--;
	ASAN_POISON_MEMORY_REGION(object, slab->object_size);
}

void fs_slab_fini(struct fs_slab *slab)
{
	assert(!slab->used);
	while (slab->slabs) {
		struct fs_slab_link link = *slab->slabs;

		/* The address may be somebody else's next. */
		ASAN_UNPOISON_MEMORY_REGION(link.area, link.size);
		fs_pages_unmap(link.area, link.size);
		slab->slabs = link.next;
	}
	slab->free = NULL;
	slab->next = NULL;
	slab->left = 0;
	slab->made = 0;
}
