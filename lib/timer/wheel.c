// SPDX-License-Identifier: BSD-2-Clause
/*
 * wheel.c - see wheel.h for the picture.
 *
 * Invariants: no timer stands at a tick below wheel->tick; slots at or
 * before the wheel's own index on each level above 0 are empty; used has a
 * bit for exactly the slots that are not empty.
 */
#include "timer/wheel.h"

enum { SLOT_BITS = 6, SLOT_MASK = FS_TIMER_SLOTS - 1 };

/* 2^48 ms are 8,900 years; later ones stand there. */
#define LAST_TICK	((1ull << FS_TIMER_LEVELS * SLOT_BITS) - 1)

static void list_init(struct fs_timer_list *head)
{
	head->next = head->prev = head;
}

static bool list_empty(const struct fs_timer_list *head)
{
	return head->next == head;
}

static void list_append(struct fs_timer_list *head, struct fs_timer_list *item)
{
	item->next = head;
	item->prev = head->prev;
	head->prev->next = item;
	head->prev = item;
}

static void list_remove(struct fs_timer_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = NULL;
}

/* Move everything from @from to the empty @to. */
static void list_take(struct fs_timer_list *to, struct fs_timer_list *from)
{
	if (list_empty(from)) {
		list_init(to);
		return;
	}
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

/* Expiries round up; without overflow for FS_NEVER. */
static uint64_t tick_of(uint64_t expires_ns)
{
	uint64_t tick = expires_ns / FS_TIMER_TICK_NS + (expires_ns % FS_TIMER_TICK_NS != 0);

	return MIN(tick, LAST_TICK);
}

static void place(struct fs_timer_wheel *wheel, struct fs_timer *timer)
{
	uint64_t tick = MAX(tick_of(timer->expires_ns), wheel->tick);
	uint64_t differs = tick ^ wheel->tick;
	/* The | 1 gives level 0 to the present tick, and changes nothing else. */
	unsigned int level = (63 - (unsigned int)__builtin_clzll(differs | 1)) / SLOT_BITS;
	unsigned int slot = (tick >> level * SLOT_BITS) & SLOT_MASK;

	list_append(&wheel->slot[level][slot], &timer->list);
	wheel->used[level] |= 1ull << slot;
}

void fs_timer_wheel_init(struct fs_timer_wheel *wheel, uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->tick = MIN(now_ns / FS_TIMER_TICK_NS, LAST_TICK);
	list_init(&wheel->firing);
	for (int level = 0; level < FS_TIMER_LEVELS; level++)
		for (int slot = 0; slot < FS_TIMER_SLOTS; slot++)
			list_init(&wheel->slot[level][slot]);
}

void fs_timer_arm(struct fs_timer_wheel *wheel, struct fs_timer *timer, uint64_t expires_ns)
{
	fs_timer_cancel(wheel, timer);
	timer->expires_ns = expires_ns;
	place(wheel, timer);
	wheel->armed++;
}

/* @head has become empty: clear its bit, unless it is the firing list. */
static void note_empty(struct fs_timer_wheel *wheel, const struct fs_timer_list *head)
{
	size_t index;

	if (head == &wheel->firing)
		return;
	index = (size_t)(head - &wheel->slot[0][0]);
	wheel->used[index / FS_TIMER_SLOTS] &= ~(1ull << index % FS_TIMER_SLOTS);
}

void fs_timer_cancel(struct fs_timer_wheel *wheel, struct fs_timer *timer)
{
	struct fs_timer_list *next = timer->list.next;

	if (!next)
		return;
	list_remove(&timer->list);
	wheel->armed--;
	if (list_empty(next))
		note_empty(wheel, next);
}

/*
 * Make @tick the wheel's present. Slots whose span it enters are spread; the
 * caller makes sure that no timer stands between here and there.
 */
static void advance(struct fs_timer_wheel *wheel, uint64_t tick)
{
	uint64_t differs = wheel->tick ^ tick;

	wheel->tick = tick;
	for (unsigned int level = FS_TIMER_LEVELS - 1; level; level--) {
		unsigned int slot = (tick >> level * SLOT_BITS) & SLOT_MASK;
		struct fs_timer_list spread;

		if (!(differs >> level * SLOT_BITS) || !(wheel->used[level] >> slot & 1))
			continue;
		list_take(&spread, &wheel->slot[level][slot]);
		wheel->used[level] &= ~(1ull << slot);
		while (!list_empty(&spread)) {
			struct fs_timer_list *item = spread.next;

			list_remove(item);
			place(wheel, container_of(item, struct fs_timer, list));
		}
	}
}

/* The first tick at which there is something to fire or to spread. */
static uint64_t next_tick(const struct fs_timer_wheel *wheel)
{
	uint64_t ahead = wheel->used[0] >> (wheel->tick & SLOT_MASK);

	if (ahead)
		return wheel->tick + (uint64_t)__builtin_ctzll(ahead);
	for (unsigned int level = 1; level < FS_TIMER_LEVELS; level++) {
		uint64_t block = wheel->tick >> level * SLOT_BITS;
		unsigned int slot = block & SLOT_MASK;

		if (slot == SLOT_MASK)
			continue;
		ahead = wheel->used[level] >> (slot + 1);
		if (ahead)
			return (block + 1 + (uint64_t)__builtin_ctzll(ahead)) << level * SLOT_BITS;
	}
	return UINT64_MAX;
}

uint64_t fs_timer_wheel_next_ns(const struct fs_timer_wheel *wheel)
{
	uint64_t tick = next_tick(wheel);

	if (tick > LAST_TICK || tick > FS_NEVER / FS_TIMER_TICK_NS)
		return FS_NEVER;
	return tick * FS_TIMER_TICK_NS;
}

static unsigned int fire(struct fs_timer_wheel *wheel, uint64_t now_ns)
{
	unsigned int n = 0;

	while (!list_empty(&wheel->firing)) {
		struct fs_timer *timer = container_of(wheel->firing.next, struct fs_timer, list);

		list_remove(&timer->list);
		wheel->armed--;
		timer->fn(timer, now_ns);
		n++;
	}
	return n;
}

unsigned int fs_timer_wheel_run(struct fs_timer_wheel *wheel, uint64_t now_ns)
{
	uint64_t now = MIN(now_ns / FS_TIMER_TICK_NS, LAST_TICK - 1);
	unsigned int n = 0;
	uint64_t tick;

	if (now < wheel->tick)
		return 0;	/* most often, for who spins */
	while ((tick = next_tick(wheel)) <= now) {
		unsigned int slot = tick & SLOT_MASK;

		advance(wheel, tick);
		list_take(&wheel->firing, &wheel->slot[0][slot]);
		wheel->used[0] &= ~(1ull << slot);
		advance(wheel, tick + 1);
		n += fire(wheel, now_ns);
	}
	if (wheel->tick <= now)
		advance(wheel, now + 1);
	return n;
}
