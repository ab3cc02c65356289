// SPDX-License-Identifier: BSD-2-Clause
/* item.c - see item.h. */
#include "sock/item.h"

#include <sys/mman.h>
#include <sys/random.h>

enum {
	ITEMS_MAX = 1 << 22,
	PLACE_BITS = 23,
};

static struct fs_item *arena, *free_items;
static uint32_t arena_used;

struct fs_item *fs_item_take(void)
{
	struct fs_item *item = free_items;

	if (item) {
		free_items = item->next;
		return item;
	}
	if (!arena) {
		void *map = mmap(NULL, ITEMS_MAX * sizeof(*arena), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (map == MAP_FAILED)
			return NULL;
		arena = map;
	}
	return arena_used < ITEMS_MAX ? &arena[arena_used++] : NULL;
}

void fs_item_put(struct fs_item *item)
{
	item->set = NULL;
	item->file = NULL;
	item->next = free_items;
	free_items = item;
}

static uint64_t secret;

/* Before any fork: sets are shared with children. */
__attribute__((constructor)) static void choose_secret(void)
{
	/* Where there is no chance to be had, it is still no address. */
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) < 0)
		secret = 0;
	secret = (secret << PLACE_BITS & INT64_MAX) | 1ull << 62;
}

static uint64_t token(uint64_t place)
{
	return secret | place;
}

uint64_t fs_item_data(const struct fs_item *item)
{
	return token((uint64_t)(item - arena));
}

uint64_t fs_set_mark_data(enum fs_set_mark mark)
{
	return token(ITEMS_MAX + mark);
}

bool fs_item_of(uint64_t data, struct fs_item **item)
{
	const uint64_t place = data & ((1ull << PLACE_BITS) - 1);

	*item = place < arena_used ? &arena[place] : NULL;
	return data == token(place);
}
