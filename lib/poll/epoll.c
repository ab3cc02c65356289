// SPDX-License-Identifier: BSD-2-Clause
/*
 * epoll.c - epoll sets over both worlds (sock/set.h draws them). A set is the
 * kernel's alone until a socket that may be fast is put into it.
 */
#include <fastsock/epoll.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "sock/sock.h"

enum {
	TAKEN_MAX = 256,	/* from the kernel in one go */
	NOT_FAST = INT_MIN,
};

/* As in fs/eventpoll.c. */
#define EXCLUSIVE_OK	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | \
			 EPOLLEXCLUSIVE)
#define KERNEL_LOOK_NS	(100 * NSEC_PER_USEC)	/* while the fast path has news all the time */

/* --- a set as a file: it may be in another set ---------------------------------------------------- */

static struct fs_set *set_of(struct fs_file *file)
{
	return container_of(file, struct fs_set, file);
}

static uint32_t ready(struct fs_file *file)
{
	return fs_set_holds(set_of(file)) ? EPOLLIN | EPOLLRDNORM : 0;
}

static bool in_kernel(const struct fs_file *file)
{
	(void)file;
	return true;
}

static bool outlives(const struct fs_file *file)
{
	(void)file;
	return false;
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
	.outlives = outlives,
	.close = close_set,
	.free = free_set,
};

static struct fs_set *make_set(int epfd)
{
	struct fs_set *set;

	if (epfd < 0 || epfd >= FS_FILES_MAX)
		return NULL;
	set = malloc(sizeof(*set));
	if (!set)
		return NULL;
	fs_set_init(set, epfd);
	fs_file_init(&set->file, FS_FILE_SET, &ops, epfd);
	return set;
}

/*
 * With the lock held: the set behind @epfd, or NULL and -errno. One that nobody
 * told us of must show first that it is one: it does not know @fd.
 */
static struct fs_set *find_or_make(int epfd, int fd, int *err)
{
	struct fs_file *file = fs_file_locked(epfd);

	*err = -EINVAL;
	if (file)
		return file->kind == FS_FILE_SET ? set_of(file) : NULL;
	*err = FS_LIBC(epoll_ctl, epfd, EPOLL_CTL_MOD, fd, &(struct epoll_event){ 0 });
	if (*err != -ENOENT)
		return NULL;
	*err = -ENOMEM;
	return make_set(epfd);
}

int fs_epoll_create1(int flags)
{
	const int epfd = FS_LIBC(epoll_create1, flags);

	if (epfd < 0 || fs_inside || !fs_sock_configured())
		return epfd;
	fs_engine_lock();
	make_set(epfd);
	fs_engine_unlock();
	return epfd;
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

	if (event && event->events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || file->kind == FS_FILE_SET ||
	     event->events & ~EXCLUSIVE_OK))
		return -EINVAL;
	if (op == EPOLL_CTL_ADD)
		return item ? -EEXIST :
			fs_set_add(set, file, fd, event->events, event->data.u64);
	if (!item)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		fs_item_drop(item);
		return 0;
	}
	if (op != EPOLL_CTL_MOD || item->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	return fs_item_modify(item, event->events, event->data.u64);
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
		return FS_LIBC(epoll_ctl, epfd, op, fd, event);
	s = fs_sock_enter(fd);
	if (!s)
		fs_engine_lock();
	else if (op != EPOLL_CTL_DEL)
		fs_sock_ready_to_wait(s);
	file = fs_file_locked(fd);
	if (file && epfd != fd)
		set = find_or_make(epfd, fd, &err);
	if (set)
		err = control(set, file, op, fd, event);
	fs_engine_unlock();
	return err == 1 ? FS_LIBC(epoll_ctl, epfd, op, fd, event) : err;
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

static int wait_on(int epfd, struct epoll_event *events, int max, uint64_t deadline_ns,
		   const sigset_t *mask)
{
	struct fs_file *file;
	int n;

	fs_engine_lock();
	file = fs_file_locked(epfd);
	if (!file || file->kind != FS_FILE_SET || !fs_set_is_known(set_of(file))) {
		if (file && file->kind == FS_FILE_SET)
			set_of(file)->strangers++;
		fs_engine_unlock();
		return NOT_FAST;
	}
	fs_file_get(file);
	n = wait_on_set(set_of(file), events, max, deadline_ns, mask);
	fs_file_put(file);
	fs_engine_unlock();
	return n;
}

/*
 * A set of the kernel's alone, into which another thread may put a fast socket
 * meanwhile: then fs_set_add() wakes us, with an event of its own.
 */
static int wait_in_kernel(int epfd, struct epoll_event *events, int max,
			  const struct timespec *timeout, uint64_t deadline_ns,
			  const sigset_t *mask)
{
	int n = FS_LIBC(epoll_pwait2, epfd, events, max, timeout, mask);
	struct fs_file *file;

	bool sifted = false;

	fs_engine_lock();
	file = fs_file_locked(epfd);
	if (file && file->kind == FS_FILE_SET) {
		set_of(file)->strangers--;
		sifted = n > 0;
		if (sifted)
			n = fs_set_sift(set_of(file), events, n);
	}
	fs_engine_unlock();
	return n || !sifted ? n : wait_on(epfd, events, max, deadline_ns, mask);
}

int fs_epoll_pwait2(int epfd, struct epoll_event *events, int n, const struct timespec *timeout,
		    const sigset_t *mask)
{
	uint64_t deadline_ns = FS_NEVER;
	int got;

	if (!fs_file_is_ours(epfd) || n <= 0)
		return FS_LIBC(epoll_pwait2, epfd, events, n, timeout, mask);
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
			timeout->tv_nsec >= (long)NSEC_PER_SEC))
		return -EINVAL;
	if (timeout)
		deadline_ns = (uint64_t)timeout->tv_sec * NSEC_PER_SEC + (uint64_t)timeout->tv_nsec;
	if (timeout && deadline_ns)
		deadline_ns += fs_engine_clock_ns();
	got = wait_on(epfd, events, n, deadline_ns, mask);
	return got == NOT_FAST ? wait_in_kernel(epfd, events, n, timeout, deadline_ns, mask) : got;
}

int fs_epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout_ms,
		   const sigset_t *mask)
{
	const struct timespec timeout = {
		.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L,
	};

	if (!fs_file_is_ours(epfd) || n <= 0)
		return FS_LIBC(epoll_pwait, epfd, events, n, timeout_ms, mask);
	return fs_epoll_pwait2(epfd, events, n, timeout_ms < 0 ? NULL : &timeout, mask);
}

int fs_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout_ms)
{
	return fs_epoll_pwait(epfd, events, n, timeout_ms, NULL);
}
