// SPDX-License-Identifier: BSD-2-Clause
/* pages.c - see pages.h. */
#include "mem/pages.h"

#include <sys/mman.h>

static uint8_t *map(size_t size)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

/* With a huge page more it holds an aligned one; what is around that goes back. */
static uint8_t *map_aligned(size_t size)
{
	uint8_t *area = map(size + FS_HUGE_PAGE);
	size_t before;

	if (!area)
		return NULL;
	before = (size_t)(-(uintptr_t)area % FS_HUGE_PAGE);
	if (before)
		munmap(area, before);
	munmap(area + before + size, FS_HUGE_PAGE - before);
	area += before;
	/* Refused where huge pages are off: then it works with small ones. */
	madvise(area, size, MADV_HUGEPAGE);
	return area;
}

/* Of the small ones the kernel makes whole pages. */
static size_t whole(size_t size)
{
	return size < FS_HUGE_PAGE ? size : (size + FS_HUGE_PAGE - 1) & ~(FS_HUGE_PAGE - 1);
}

void *fs_pages_map(size_t size)
{
	return size < FS_HUGE_PAGE ? map(size) : map_aligned(whole(size));
}

void fs_pages_unmap(void *area, size_t size)
{
	if (area)
		munmap(area, whole(size));
}
