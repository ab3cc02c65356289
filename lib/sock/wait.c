// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - spinning and sleeping, for whoever waits on a set.
 */
#include <signal.h>
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

/* --- signals while spinning ---------------------------------------------------------------- */

/*
 * The kernel ends a call that sleeps when a handler has run. Who spins would not
 * hear of it, so it shuts them out meanwhile and looks now and then.
 */
static void shut_signals(sigset_t *before)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_SIZE(synchronous); i++)
		sigdelset(&all, synchronous[i]);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

/* One of those that are ignored interrupts nothing. */
static bool is_handled(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) && action.sa_handler != SIG_DFL &&
		action.sa_handler != SIG_IGN;
}

/* Has one come that a sleeping call would have let in? */
static bool is_interrupted(const sigset_t *mask)
{
	sigset_t pending;

	if (sigpending(&pending) || sigisemptyset(&pending))
		return false;
	for (int i = 1; i < _NSIG; i++)
		if (sigismember(&pending, i) == 1 && !sigismember(mask, i) && is_handled(i))
			return true;
	return false;
}

/* --- the wait --------------------------------------------------------------------------------- */

/* True when there is news, @got events of the kernel's among it; or -EINTR. */
static bool spin(struct fs_set *set, struct fs_wait *wait, const sigset_t *mask, int *got)
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
		if (!*got && is_interrupted(mask))
			*got = -EINTR;
		if (*got)
			return true;
	}
	*got = is_interrupted(mask) ? -EINTR : 0;
	return *got;
}

static bool spin_without_signals(struct fs_set *set, struct fs_wait *wait, int *got)
{
	sigset_t before;
	bool news;

	shut_signals(&before);
	news = spin(set, wait, wait->mask ? wait->mask : &before, got);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return news;
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
		if (spin_without_signals(set, wait, &got))
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

/*
 * A system call that a handler with SA_RESTART interrupted goes on; epoll_wait()
 * does not, and nobody says which handler it was. So: if all are of that kind.
 */
static bool handlers_restart(void)
{
	for (int i = 1; i < _NSIG; i++) {
		struct sigaction action;

		if (sigaction(i, NULL, &action) || action.sa_handler == SIG_DFL ||
		    action.sa_handler == SIG_IGN)
			continue;
		if (!(action.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

static void hold(struct fs_sock *s)
{
	if (fs_sock_held == &s->file)
		return;
	fs_file_get(&s->file);
	fs_sock_held = &s->file;
}

/* Nobody has closed it, or somebody has, and this call goes on all the same. */
static int is_there(const struct fs_sock *s)
{
	if (s->file.fd >= 0 || s->tcp)
		return 0;
	return s->file.left ? -ERESTART : -EBADF;
}

static int wait_in(struct fs_sock *s, struct fs_set *set, struct fs_wait *wait)
{
	struct epoll_event got;
	int n = 0, err;

	for (;;) {
		fs_engine_poll();
		err = is_there(s);
		if (err || fs_set_take(set, &got, 1) ||
		    fs_set_merge(set, wait->events, n, &got, 0, 1))
			return err;
		if (wait->over)
			return -EAGAIN;
		n = fs_set_wait(set, wait);
		if (n == -EINTR && wait->deadline_ns == FS_NEVER && handlers_restart())
			n = 0;
		if (n < 0)
			return n;
	}
}

int fs_sock_wait(struct fs_sock *s, uint32_t events, uint64_t timeout_ns)
{
	struct fs_set *set = fs_engine_own_set();
	struct epoll_event kernel[EVENTS];
	struct fs_wait wait = { .events = kernel, .n = EVENTS };
	const int fd = s->file.fd;
	struct fs_item *item;
	int err;

	if (!set)
		return -ENOMEM;
	wait.deadline_ns = timeout_ns == FS_NEVER ? FS_NEVER : fs_engine_clock_ns() + timeout_ns;
	err = fs_set_add(set, &s->file, fd, events, 0);
	if (err)
		return err;
	fs_set_find(set, &s->file, fd)->holds = true;
	hold(s);
	err = wait_in(s, set, &wait);
	item = fs_set_find(set, &s->file, fd);
	if (item)
		fs_item_drop(item);
	return err;
}
