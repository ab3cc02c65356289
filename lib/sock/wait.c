// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - spinning and sleeping, for whoever waits on a set.
 */
#include <time.h>

#include "base/cpu.h"
#include "sock/sock.h"

enum {
	EVENTS = 16,
};

#define KERNEL_LOOK_NS	(50 * NSEC_PER_USEC)	/* while spinning */

static int sleep_on_set(struct fs_wait *wait, struct fs_set *set, const struct timespec *timeout)
{
	return FS_LIBC(epoll_pwait2, set->epfd, wait->events, wait->n, timeout, wait->mask);
}

static int sleep_for(struct fs_set *set, struct fs_wait *wait, uint64_t ns)
{
	const struct timespec t = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	return (wait->sleep ? wait->sleep : sleep_on_set)(wait, set, ns == FS_NEVER ? NULL : &t);
}

/* Let others have the lock. */
static void breathe(void)
{
	fs_engine_unlock();
	fs_cpu_relax();
	fs_engine_lock();
}

/* True when there is news, @got events of the kernel's among it. */
static bool spin(struct fs_set *set, struct fs_wait *wait, int *got)
{
	const uint64_t end_ns = MIN(wait->spin_until_ns, wait->deadline_ns);

	while (fs_engine.now_ns < end_ns) {
		breathe();
		fs_engine_poll();
		if (fs_set_has_news(set))
			return true;
		if (fs_engine.now_ns - set->looked_ns < KERNEL_LOOK_NS)
			continue;
		set->looked_ns = fs_engine.now_ns;
		*got = sleep_for(set, wait, 0);
		if (*got)
			return true;
	}
	return false;
}

static bool is_over(struct fs_wait *wait, uint64_t now_ns)
{
	wait->over = wait->deadline_ns <= now_ns;
	return wait->over;
}

int fs_set_wait(struct fs_set *set, struct fs_wait *wait)
{
	uint64_t now_ns = fs_engine_clock_ns(), patience_ns;
	bool keeps_time;
	int got = 0;

	if (!fs_engine.stack)
		fs_engine.now_ns = now_ns;
	if (fs_sock_config.spin_ns && fs_engine.stack) {
		if (!wait->spin_until_ns)
			wait->spin_until_ns = now_ns + fs_sock_config.spin_ns;
		if (spin(set, wait, &got))
			return got;
		now_ns = fs_engine_clock_ns();
	}
	if (is_over(wait, now_ns))
		return sleep_for(set, wait, 0);
	patience_ns = fs_engine_sleep(set, &keeps_time);
	if (!patience_ns)
		return 0;
	if (wait->deadline_ns != FS_NEVER)
		patience_ns = MIN(patience_ns, wait->deadline_ns - now_ns);
	fs_engine_unlock();
	got = sleep_for(set, wait, patience_ns);
	fs_engine_lock();
	fs_engine_woke(set, keeps_time);
	return got;
}

int fs_sock_wait(struct fs_sock *s, uint32_t events, uint64_t timeout_ns)
{
	struct fs_set *set = fs_engine_own_set();
	struct epoll_event kernel[EVENTS], got;
	struct fs_wait wait = { .events = kernel, .n = EVENTS };
	int n = 0, err;

	if (!set)
		return -ENOMEM;
	wait.deadline_ns = timeout_ns == FS_NEVER ? FS_NEVER : fs_engine_clock_ns() + timeout_ns;
	err = fs_set_add(set, &s->file, s->file.fd, events, 0);
	if (err)
		return err;
	fs_file_get(&s->file);
	for (;;) {
		fs_engine_poll();
		if (s->file.fd < 0 || fs_set_take(set, &got, 1) ||
		    fs_set_merge(set, kernel, n, &got, 0, 1))
			break;
		if (wait.over) {
			err = -EAGAIN;
			break;
		}
		n = fs_set_wait(set, &wait);
		if (n < 0) {
			err = n;
			break;
		}
	}
	if (s->file.fd < 0)
		err = -EBADF;
	else if (fs_set_find(set, &s->file, s->file.fd))
		fs_item_drop(fs_set_find(set, &s->file, s->file.fd));
	fs_file_put(&s->file);
	return err;
}
