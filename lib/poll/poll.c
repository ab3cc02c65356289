// SPDX-License-Identifier: BSD-2-Clause
/*
 * poll.c - poll() over both worlds: fast descriptors are put into a set of the
 * thread's own, the kernel's are given to its ppoll(), with that set as one more.
 */
#include <fastsock/epoll.h>

#include <errno.h>
#include <stdlib.h>

#include "sock/sock.h"

enum {
	ON_STACK = 64,
};

struct polling {
	struct fs_wait wait;		/* first */
	struct pollfd *fds;		/* the application's */
	struct pollfd *kernel;		/* what the kernel gets: as many, and one more */
	nfds_t n;
	int got;			/* of the kernel's last answer */
};

static bool any_ours(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && fs_file_is_ours(fds[i].fd))
			return true;
	return false;
}

/* Listeners that somebody waits for become fast: perhaps not, and then they leave us. */
static void get_ready(const struct pollfd *fds, nfds_t n)
{
	if (!fs_sock_configured())
		return;
	for (nfds_t i = 0; i < n; i++) {
		struct fs_sock *s;

		if (fds[i].fd < 0)
			continue;
		if (fds[i].events & POLLIN && fs_file_is_unknown(fds[i].fd))
			fs_sock_adopt(fds[i].fd);
		s = fs_sock_enter(fds[i].fd);
		if (s) {
			fs_sock_ready_to_wait(s);
			fs_sock_leave();
		}
	}
}

static int sleep_on_both(struct fs_wait *wait, struct fs_set *set, const struct timespec *timeout)
{
	struct polling *p = (struct polling *)wait;

	p->kernel[p->n] = (struct pollfd){ .fd = set->epfd, .events = POLLIN };
	p->got = FS_LIBC(ppoll, p->kernel, p->n + 1, timeout, wait->mask);
	return p->got;
}

static uint32_t to_epoll(short events)
{
	/* The numbers are the same, but for what epoll does not have. */
	return (uint32_t)(unsigned short)events;
}

/* Fast ones into the set; the kernel's stay in @p->kernel. The last of equals has the item. */
static int enter(struct fs_set *set, struct polling *p)
{
	for (nfds_t i = 0; i < p->n; i++) {
		const int fd = p->fds[i].fd;
		struct fs_file *file = fs_file_locked(fd);
		int err;

		p->kernel[i] = p->fds[i];
		p->kernel[i].revents = 0;
		if (!file)
			continue;
		if (!file->ops->in_kernel(file))
			p->kernel[i].fd = -1;
		err = fs_set_add(set, file, fd, to_epoll(p->fds[i].events) | EPOLLONESHOT,
				 i);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* A shared listener's queue is in the kernel, too, behind a descriptor of its own. */
static short from_queue(const struct fs_file *file, short events)
{
	struct pollfd queue = { .fd = file->also, .events = POLLIN };

	if (file->also < 0 || !(events & POLLIN))
		return 0;
	return FS_LIBC(poll, &queue, 1, 0) > 0 ? events & (POLLIN | POLLRDNORM) : 0;
}

/* What holds now, of both. */
static int count(struct polling *p)
{
	int n = 0;

	for (nfds_t i = 0; i < p->n; i++) {
		struct pollfd *fd = &p->fds[i];
		struct fs_file *file = fs_file_locked(fd->fd);

		fd->revents = p->got > 0 ? p->kernel[i].revents : 0;
		if (fd->revents && file && file->kind == FS_FILE_SET &&
		    !fs_set_is_ready(container_of(file, struct fs_set, file)))
			fd->revents = 0;
		if (file)
			fd->revents |= (short)(file->ops->ready(file) &
					       (to_epoll(fd->events) | EPOLLERR | EPOLLHUP)) |
				from_queue(file, fd->events);
		else
			p->kernel[i].fd = fd->fd;	/* it may have been moved */
		n += fd->revents != 0;
	}
	return n;
}

/* Can the kernel add to what is known of them? */
static bool kernel_has_a_say(const struct polling *p)
{
	for (nfds_t i = 0; i < p->n; i++)
		if (p->kernel[i].fd >= 0 &&
		    (!fs_file_locked(p->kernel[i].fd) || p->fds[i].events & ~p->fds[i].revents))
			return true;
	return false;
}

/* The fast path has news: what the kernel has belongs to the same answer. */
static int look_at_kernel(struct polling *p, int n)
{
	static const struct timespec now;

	if (!kernel_has_a_say(p))
		return n;
	p->got = FS_LIBC(ppoll, p->kernel, p->n, &now, NULL);
	return count(p);
}

static int wait_for_any(struct fs_set *set, struct polling *p)
{
	struct epoll_event waste;
	bool asked = false;
	int n, err;

	for (;;) {
		fs_engine_poll();
		n = count(p);
		if (n && !asked)
			n = look_at_kernel(p, n);
		if (n || p->wait.over)
			return n;
		while (fs_set_has_news(set))
			fs_set_take(set, &waste, 1);
		err = fs_set_wait(set, &p->wait);
		if (err < 0)
			return err;
		asked = p->got > 0;
	}
}

/* Interest that was used up comes back with the next call: items are for one. */
static int poll_both(struct polling *p)
{
	struct fs_set *set;
	int n;

	fs_engine_lock();
	set = fs_engine_own_set();
	n = set ? enter(set, p) : -ENOMEM;
	if (!n)
		n = wait_for_any(set, p);
	while (set && set->items)
		fs_item_drop(set->items);
	fs_engine_unlock();
	return n;
}

static int poll_ns(struct pollfd *fds, nfds_t n, uint64_t timeout_ns, const sigset_t *mask)
{
	struct pollfd few[ON_STACK + 1];
	struct polling p = {
		.wait = { .mask = mask, .sleep = sleep_on_both },
		.fds = fds, .kernel = few, .n = n,
	};
	int result;

	p.wait.deadline_ns = timeout_ns == FS_NEVER ? FS_NEVER :
		timeout_ns ? fs_engine_clock_ns() + timeout_ns : 0;
	if (n > ON_STACK)
		p.kernel = malloc((n + 1) * sizeof(*p.kernel));
	if (!p.kernel)
		return -ENOMEM;
	result = poll_both(&p);
	if (p.kernel != few)
		free(p.kernel);
	return result;
}

int fs_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t timeout_ns = FS_NEVER;

	if (!fds)
		return FS_LIBC(ppoll, fds, n, timeout, mask);
	get_ready(fds, n);
	if (!any_ours(fds, n))
		return FS_LIBC(ppoll, fds, n, timeout, mask);
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
			timeout->tv_nsec >= (long)NSEC_PER_SEC))
		return -EINVAL;
	if (timeout)
		timeout_ns = (uint64_t)timeout->tv_sec * NSEC_PER_SEC + (uint64_t)timeout->tv_nsec;
	return poll_ns(fds, n, timeout_ns, mask);
}

int fs_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (!fds)
		return FS_LIBC(poll, fds, n, timeout_ms);
	get_ready(fds, n);
	if (!any_ours(fds, n))
		return FS_LIBC(poll, fds, n, timeout_ms);
	return poll_ns(fds, n, timeout_ms < 0 ? FS_NEVER : (uint64_t)timeout_ms * NSEC_PER_MSEC,
		       NULL);
}
