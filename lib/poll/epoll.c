// SPDX-License-Identifier: BSD-2-Clause
/*
 * epoll.c - epoll sets over both worlds (sock/set.h draws them). A set is the
 * kernel's alone until a socket that may be fast is put into it.
 */
#include <fastsock/epoll.h>

#include <errno.h>
#include <stdlib.h>

#include "sock/sock.h"

enum {
	TAKEN_MAX = 256,	/* from the kernel in one go */
};

#define KERNEL_LOOK_NS	(100 * NSEC_PER_USEC)	/* while the fast path has news all the time */

/* --- a set as a file: it may be in another set ---------------------------------------------------- */

static struct fs_set *set_of(struct fs_file *file)
{
	return container_of(file, struct fs_set, file);
}

static uint32_t ready(struct fs_file *file)
{
	const struct fs_set *set = set_of(file);

	for (struct fs_item *item = set->ready_head; item; item = item->ready_next)
		if (item->file->ops->ready(item->file) & (item->events | EPOLLERR | EPOLLHUP))
			return EPOLLIN | EPOLLRDNORM;
	return 0;
}

static bool in_kernel(const struct fs_file *file)
{
	(void)file;
	return true;
}

static void close_set(struct fs_file *file)
{
	fs_set_fini(set_of(file));
}

static void free_set(struct fs_file *file)
{
	free(set_of(file));
}

static const struct fs_file_ops ops = {
	.ready = ready,
	.in_kernel = in_kernel,
	.close = close_set,
	.free = free_set,
};

/* With the lock held: the set behind @epfd, made if it is not there. */
static struct fs_set *find_or_make(int epfd)
{
	struct fs_file *file = fs_file_locked(epfd);
	struct fs_set *set;

	if (file)
		return file->kind == FS_FILE_SET ? set_of(file) : NULL;
	if (epfd < 0 || epfd >= FS_FILES_MAX)
		return NULL;
	set = malloc(sizeof(*set));
	if (!set)
		return NULL;
	fs_set_init(set, epfd);
	fs_file_init(&set->file, FS_FILE_SET, &ops, epfd);
	set->n_kernel = 1;	/* what it had before we looked at it */
	return set;
}

int fs_epoll_create1(int flags)
{
	return FS_LIBC(epoll_create1, flags);
}

int fs_epoll_create(int size)
{
	return size > 0 ? fs_epoll_create1(0) : -EINVAL;
}

/* --- epoll_ctl ----------------------------------------------------------------------------------------- */

static int control(struct fs_set *set, struct fs_file *file, int op, int fd,
		   const struct epoll_event *event)
{
	struct fs_item *item = fs_set_find(set, file, fd);

	if (op == EPOLL_CTL_ADD)
		return item ? -EEXIST :
			fs_set_add(set, file, fd, event->events, event->data.u64);
	if (!item)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		fs_item_drop(item);
		return 0;
	}
	if (op != EPOLL_CTL_MOD || event->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	return fs_item_modify(item, event->events, event->data.u64);
}

/* What is not ours: the kernel's set alone. */
static int control_kernel(int epfd, int op, int fd, struct epoll_event *event)
{
	const int err = FS_LIBC(epoll_ctl, epfd, op, fd, event);
	struct fs_file *file;

	if (err || op == EPOLL_CTL_MOD || !fs_file_is_ours(epfd))
		return err;
	fs_engine_lock();
	file = fs_file_locked(epfd);
	if (file && file->kind == FS_FILE_SET)
		set_of(file)->n_kernel += op == EPOLL_CTL_ADD ? 1 : UINT32_MAX;
	fs_engine_unlock();
	return 0;
}

int fs_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct fs_set *set = NULL;
	struct fs_file *file;
	struct fs_sock *s;
	int err = 1;

	if (op == EPOLL_CTL_ADD && fs_sock_configured() && fs_file_is_unknown(fd))
		fs_sock_adopt(fd);
	if (!fs_file_is_ours(fd) || (op != EPOLL_CTL_DEL && !event))
		return control_kernel(epfd, op, fd, event);
	s = fs_sock_enter(fd);
	if (s)
		fs_sock_ready_to_wait(s);
	else
		fs_engine_lock();
	file = fs_file_locked(fd);
	if (file)
		set = find_or_make(epfd);
	if (set)
		err = control(set, file, op, fd, event);
	fs_engine_unlock();
	return err == 1 ? control_kernel(epfd, op, fd, event) : err;
}

/* --- epoll_wait ----------------------------------------------------------------------------------------- */

/* The kernel's half has not been asked for a while: ask it, without waiting. */
static int look_at_kernel(struct fs_set *set, struct epoll_event *events, int have, int max)
{
	struct epoll_event taken[TAKEN_MAX];
	int n;

	if (have == max || fs_engine.now_ns - set->looked_ns < KERNEL_LOOK_NS)
		return have;
	set->looked_ns = fs_engine.now_ns;
	n = FS_LIBC(epoll_pwait, set->epfd, taken, MIN(max - have, TAKEN_MAX), 0, NULL);
	return n > 0 ? fs_set_merge(set, taken, n, events, have, max) : have;
}

static int wait_on_set(struct fs_set *set, struct epoll_event *events, int max,
		       uint64_t deadline_ns, const sigset_t *mask)
{
	struct epoll_event taken[TAKEN_MAX];
	struct fs_wait wait = {
		.deadline_ns = deadline_ns, .mask = mask, .events = taken,
		.n = MIN(max, TAKEN_MAX),
	};
	int have, n = 0;

	for (;;) {
		fs_engine_poll();
		have = fs_set_take(set, events, max);
		have = fs_set_merge(set, taken, n, events, have, max);
		if (have)
			return n ? have : look_at_kernel(set, events, have, max);
		if (wait.over || set->file.fd < 0)
			return 0;
		n = fs_set_wait(set, &wait);
		if (n < 0)
			return n;
		wait.n = MIN(max, TAKEN_MAX);
	}
}

static int wait_on(int epfd, struct epoll_event *events, int max, uint64_t timeout_ns,
		   const sigset_t *mask)
{
	struct fs_file *file;
	struct fs_set *set;
	int n;

	fs_engine_lock();
	file = fs_file_locked(epfd);
	if (!file || file->kind != FS_FILE_SET) {
		fs_engine_unlock();
		return 1;
	}
	set = set_of(file);
	fs_file_get(file);
	if (timeout_ns != FS_NEVER && timeout_ns)
		timeout_ns += fs_engine_clock_ns();
	n = wait_on_set(set, events, max, timeout_ns, mask);
	fs_file_put(file);
	fs_engine_unlock();
	return n;
}

static bool is_fast(int epfd, int n)
{
	return fs_file_is_ours(epfd) && n > 0;
}

int fs_epoll_pwait2(int epfd, struct epoll_event *events, int n, const struct timespec *timeout,
		    const sigset_t *mask)
{
	uint64_t timeout_ns = FS_NEVER;

	if (!is_fast(epfd, n))
		return FS_LIBC(epoll_pwait2, epfd, events, n, timeout, mask);
	if (timeout)
		timeout_ns = (uint64_t)timeout->tv_sec * NSEC_PER_SEC + (uint64_t)timeout->tv_nsec;
	return wait_on(epfd, events, n, timeout_ns, mask);
}

int fs_epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout_ms,
		   const sigset_t *mask)
{
	if (!is_fast(epfd, n))
		return FS_LIBC(epoll_pwait, epfd, events, n, timeout_ms, mask);
	return wait_on(epfd, events, n,
		       timeout_ms < 0 ? FS_NEVER : (uint64_t)timeout_ms * NSEC_PER_MSEC, mask);
}

int fs_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout_ms)
{
	return fs_epoll_pwait(epfd, events, n, timeout_ms, NULL);
}
