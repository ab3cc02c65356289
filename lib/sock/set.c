// SPDX-License-Identifier: BSD-2-Clause
/*
 * set.c - items of a set, and the list of those that may have news.
 */
#include "sock/set.h"

#include "sock/engine.h"
#include "sock/item.h"
#include "sock/libc.h"

#define ONCE	(EPOLLET | EPOLLONESHOT)
#define ALWAYS	(EPOLLERR | EPOLLHUP)	/* asked for or not */
#define MODES	(EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

/* --- sets ---------------------------------------------------------------------------------- */

static struct fs_set *sets;
static uint32_t generation;	/* how many forks there are from the first process to here */

void fs_set_init(struct fs_set *set, int epfd)
{
	memset(set, 0, sizeof(*set));
	set->epfd = epfd;
	set->wake_fd = -1;
	set->ready_tail = &set->ready_head;
	set->next = sets;
	set->at = &sets;
	if (set->next)
		set->next->at = &set->next;
	sets = set;
}

static void close_wake(struct fs_set *set)
{
	if (set->wake_fd >= 0)
		FS_LIBC(close, set->wake_fd);
	set->wake_fd = -1;
}

static void push_ready(struct fs_item *item)
{
	struct fs_set *set = item->set;

	if (item->ready)
		return;
	item->ready = true;
	item->ready_next = NULL;
	*set->ready_tail = item;
	set->ready_tail = &item->ready_next;
}

static struct fs_item *pop_ready(struct fs_set *set)
{
	struct fs_item *item = set->ready_head;

	set->ready_head = item->ready_next;
	if (!set->ready_head)
		set->ready_tail = &set->ready_head;
	item->ready = false;
	return item;
}

static void unready(struct fs_item *item)
{
	struct fs_item **at = &item->set->ready_head;

	if (!item->ready)
		return;
	while (*at != item)
		at = &(*at)->ready_next;
	*at = item->ready_next;
	if (!*at)
		item->set->ready_tail = at;
	item->ready = false;
}

bool fs_set_has_news(const struct fs_set *set)
{
	return set->ready_head;
}

bool fs_set_is_ready(const struct fs_set *set)
{
	struct pollfd fd = { .fd = set->epfd, .events = POLLIN };

	return FS_LIBC(poll, &fd, 1, 0) > 0;
}

bool fs_set_is_known(const struct fs_set *set)
{
	return set->n_items || set->known;
}

static uint32_t holds(const struct fs_item *item)
{
	if (!(item->events & ~MODES))
		return 0;	/* a one-shot that has fired */
	return item->file->ops->ready(item->file) & item->events;
}

bool fs_set_holds(const struct fs_set *set)
{
	const struct fs_item *item = set->ready_head;

	while (item && !holds(item))
		item = item->ready_next;
	return item;
}

/* --- the kernel's half of an item ------------------------------------------------------------ */

/* The number may be somebody else's by now, while a double keeps the file: epoll(7), Q6. */
static bool is_stale(const struct fs_item *item)
{
	return fs_file_at(item->fd) != item->file;
}

static int enter_kernel(struct fs_item *item, int op)
{
	struct epoll_event event = {
		.events = item->events, .data.u64 = fs_item_data(item),
	};

	if (item->also_in_kernel)
		FS_LIBC(epoll_ctl, item->set->epfd, op, item->file->also, &event);
	return is_stale(item) ? 0 : FS_LIBC(epoll_ctl, item->set->epfd, op, item->fd, &event);
}

static void leave_also(struct fs_item *item)
{
	if (item->also_in_kernel)
		FS_LIBC(epoll_ctl, item->set->epfd, EPOLL_CTL_DEL, item->file->also, NULL);
	item->also_in_kernel = false;
}

static void leave_kernel(struct fs_item *item)
{
	if (item->in_kernel && !is_stale(item))
		FS_LIBC(epoll_ctl, item->set->epfd, EPOLL_CTL_DEL, item->fd, NULL);
	leave_also(item);
}

/* The second descriptor comes later than the item, if it does. */
static void enter_also(struct fs_item *item)
{
	struct epoll_event event = {
		.events = item->events, .data.u64 = fs_item_data(item),
	};

	if (item->file->also >= 0 && !item->also_in_kernel)
		item->also_in_kernel = !FS_LIBC(epoll_ctl, item->set->epfd, EPOLL_CTL_ADD,
						item->file->also, &event);
}

static int rewire(struct fs_item *item)
{
	const bool wanted = item->file->ops->in_kernel(item->file);
	int err = 0;

	if (wanted && !item->in_kernel)
		err = enter_kernel(item, EPOLL_CTL_ADD);
	else if (!wanted)
		leave_kernel(item);
	if (!err)
		item->in_kernel = wanted;
	if (item->in_kernel)
		enter_also(item);
	return err;
}

void fs_file_rewire(struct fs_file *file)
{
	for (struct fs_item *item = file->items; item; item = item->next)
		rewire(item);
}

/* --- items ----------------------------------------------------------------------------------- */

struct fs_item *fs_set_find(const struct fs_set *set, const struct fs_file *file, int fd)
{
	struct fs_item *item = file->items;

	while (item && (item->set != set || item->fd != fd))
		item = item->next;
	return item;
}

static void unlink_item(struct fs_item *item)
{
	unready(item);
	*item->at = item->next;
	if (item->next)
		item->next->at = item->at;
	*item->set_at = item->set_next;
	if (item->set_next)
		item->set_next->set_at = item->set_at;
	item->set->n_items--;
}

static void link_item(struct fs_item *item)
{
	item->next = item->file->items;
	item->at = &item->file->items;
	if (item->next)
		item->next->at = &item->next;
	item->file->items = item;
	item->set_next = item->set->items;
	item->set_at = &item->set->items;
	if (item->set_next)
		item->set_next->set_at = &item->set_next;
	item->set->items = item;
	item->set->n_items++;
}

static void announce(struct fs_item *item)
{
	push_ready(item);
	fs_engine_wake(item->set);
	if (item->set->file.ops)
		fs_file_news(&item->set->file);	/* a set in a set */
}

int fs_set_add(struct fs_set *set, struct fs_file *file, int fd, uint32_t events, uint64_t data)
{
	struct fs_item *item;
	int err;

	if (fs_set_find(set, file, fd))
		return -EEXIST;
	item = fs_item_take();
	if (!item)
		return -ENOMEM;
	*item = (struct fs_item){
		.set = set, .file = file, .fd = fd, .events = events | ALWAYS, .data = data,
		.born = generation,
	};
	err = rewire(item);
	if (err) {
		fs_item_put(item);
		return err;
	}
	link_item(item);
	if (set->file.ops && set->wake_fd < 0)
		fs_engine_meet(set);
	if (holds(item))
		announce(item);
	return 0;
}

int fs_item_modify(struct fs_item *item, uint32_t events, uint64_t data)
{
	int err = 0;

	item->events = events | ALWAYS;
	item->data = data;
	if (item->in_kernel)
		err = enter_kernel(item, EPOLL_CTL_MOD);
	if (!err && holds(item))
		announce(item);
	return err;
}

static void discard(struct fs_item *item)
{
	unlink_item(item);
	fs_item_put(item);
}

void fs_item_drop(struct fs_item *item)
{
	leave_kernel(item);
	discard(item);
}

/* As in the kernel, what a parent has put into the set stays there as long as it has it. */
static void drop_closed(struct fs_item *item)
{
	if (item->born == generation)
		leave_kernel(item);
	discard(item);
}

void fs_items_forget(struct fs_file *file, bool goes_on)
{
	struct fs_item *item = file->items, *next;

	for (; item; item = next) {
		next = item->next;
		if (item->holds && !goes_on)
			fs_engine_wake(item->set);
		if (!item->holds || !goes_on)
			drop_closed(item);
	}
}

void fs_item_to_kernel(struct fs_item *item)
{
	struct epoll_event event = { .events = item->events, .data.u64 = item->data };

	if (!item->set->file.ops) {	/* a call that waits: it looks for itself */
		fs_engine_wake(item->set);
		fs_item_drop(item);
		return;
	}
	FS_LIBC(epoll_ctl, item->set->epfd, item->in_kernel ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		item->fd, &event);
	leave_also(item);
	discard(item);
}

void fs_file_news(struct fs_file *file)
{
	for (struct fs_item *item = file->items; item; item = item->next)
		announce(item);
}

/* --- the end of a set, and its double in a child ------------------------------------------------ */

/* A thread that was cancelled has left its call, and what the call kept, here. */
static void abandon(struct fs_item *item)
{
	struct fs_file *kept = item->holds ? item->file : NULL;

	discard(item);
	if (kept)
		fs_file_put(kept);
}

void fs_set_fini(struct fs_set *set)
{
	while (set->items)
		abandon(set->items);
	close_wake(set);
	if (!set->at)
		return;		/* for the second time */
	*set->at = set->next;
	if (set->next)
		set->next->at = set->at;
	set->at = NULL;
}

void fs_set_renew(struct fs_set *set, int epfd)
{
	set->epfd = epfd;
	for (struct fs_item *item = set->items; item; item = item->set_next) {
		item->in_kernel = item->also_in_kernel = false;
		rewire(item);
	}
}

void fs_sets_forked(void (*own)(struct fs_set *set))
{
	generation++;
	for (struct fs_set *set = sets, *next; set; set = next) {
		next = set->next;
		close_wake(set);
		set->woken = false;
		set->sleepers = set->strangers = 0;
		if (!set->file.ops)
			own(set);
	}
}

/* --- taking ------------------------------------------------------------------------------------ */

static void fired(struct fs_item *item)
{
	if (item->events & EPOLLONESHOT) {
		item->events &= MODES;
		if (item->in_kernel)
			enter_kernel(item, EPOLL_CTL_MOD);
	}
	if (!(item->events & ONCE))
		push_ready(item);
}

static void report(struct fs_item *item, struct epoll_event *event, uint32_t events, int place)
{
	event->events = events;
	event->data.u64 = item->data;
	item->batch = item->set->batch;
	item->place = place;
}

int fs_set_take(struct fs_set *set, struct epoll_event *events, int n)
{
	struct fs_item **last = set->ready_tail;
	int count = 0;

	set->batch++;
	while (count < n && set->ready_head) {
		const bool is_last = &set->ready_head->ready_next == last;
		struct fs_item *item = pop_ready(set);
		const uint32_t now = holds(item);

		if (now) {
			report(item, &events[count], now, count);
			count++;
			fired(item);
		}
		if (is_last)
			break;
	}
	return count;
}

/* True if it is an event for the application, completed. */
static bool merge_item(struct fs_set *set, struct fs_item *item, uint32_t events,
		       struct epoll_event *to, int *have, int max)
{
	if (item->set != set || !(item->events & ~MODES))
		return false;
	if (item->batch == set->batch && item->place < *have) {
		to[item->place].events |= events;
		return true;
	}
	if (*have == max)
		return false;
	if (item->file->kind == FS_FILE_SET && !holds(item) &&
	    !fs_set_is_ready(container_of(item->file, struct fs_set, file)))
		return false;
	report(item, &to[*have], events | holds(item), *have);
	++*have;
	if (item->events & EPOLLONESHOT)
		fired(item);
	return true;
}

int fs_set_merge(struct fs_set *set, const struct epoll_event *from, int n,
		 struct epoll_event *to, int have, int max)
{
	for (int i = 0; i < n; i++) {
		struct fs_item *item;

		if (!fs_item_of(from[i].data.u64, &item)) {
			if (have < max)
				to[have++] = from[i];
		} else if (item) {
			merge_item(set, item, from[i].events, to, &have, max);
		}
	}
	return have;
}

int fs_set_sift(struct fs_set *set, struct epoll_event *events, int n)
{
	set->batch++;
	return fs_set_merge(set, events, n, events, 0, n);
}
