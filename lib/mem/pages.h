/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.h - zeroed memory by pages; what is large lies on huge ones where there are some,
 * so that many scattered looks do not cost a TLB miss each.
 */
#ifndef FS_MEM_PAGES_H
#define FS_MEM_PAGES_H

#include "base/types.h"

#define FS_HUGE_PAGE	(2ull << 20)

/* From a huge page on it is aligned to one. NULL without memory. */
void *fs_pages_map(size_t size);
/* NULL is fine; @size is that of the call above. */
void fs_pages_unmap(void *area, size_t size);

#endif
