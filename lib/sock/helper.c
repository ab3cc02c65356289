// SPDX-License-Identifier: BSD-2-Clause
/*
 * helper.c - the thread, and how it is told to come and go.
 */
#include "sock/helper.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sock/ending.h"
#include "sock/engine.h"
#include "sock/libc.h"

enum {
	STACK_BYTES = 256 * 1024,
};

#define TICK_NS	(10 * NSEC_PER_MSEC)

static struct {
	int pid;		/* that it runs in */
	bool dormant;
	bool driving;
	struct fs_set *set;
	sem_t call;
} helper;

static void tick(void)
{
	const struct timespec t = { .tv_nsec = TICK_NS };

	nanosleep(&t, NULL);
}

static void sleep_on(struct fs_set *set, uint64_t ns)
{
	struct epoll_event events[4];
	const struct timespec t = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	FS_LIBC(epoll_pwait2, set->epfd, events, 4, ns == FS_NEVER ? NULL : &t, NULL);
}

/* Until somebody else polls, or sleeps on the stack. With the lock held. */
static void drive(struct fs_set *set)
{
	const uint64_t polls = fs_engine.polls;

	helper.driving = true;
	while (fs_engine.polls == polls && !fs_engine.timekeepers && fs_engine.stack &&
	       !fs_ending_has_come()) {
		bool keeps_time;
		uint64_t ns;

		fs_engine_poll();
		fs_engine.polls = polls;
		ns = fs_engine_sleep(set, &keeps_time);
		if (!ns)
			continue;
		fs_engine_unlock();
		sleep_on(set, ns);
		fs_engine_lock();
		set->sleepers--;
		fs_engine.timekeepers -= keeps_time;
	}
	helper.driving = false;
	if (set->woken) {
		set->woken = false;
		FS_LIBC(read, set->wake_fd, &(uint64_t){ 0 }, 8);
	}
}

/* One look. True: nothing to do until somebody calls. */
static bool look(uint64_t *polls)
{
	fs_engine_overdue();
	if (fs_engine.timekeepers || !fs_engine.stack) {
		helper.dormant = true;
		return true;
	}
	if (fs_engine.polls == *polls)
		drive(helper.set);
	*polls = fs_engine.polls;
	return false;
}

static void *run(void *unused)
{
	uint64_t polls = 0;

	(void)unused;
	for (;;) {
		bool rest;

		tick();
		fs_engine_lock();
		rest = !helper.set || look(&polls);
		fs_engine_unlock();
		while (rest && !fs_ending_has_come() && sem_wait(&helper.call))
			;
		if (fs_ending_has_come())
			fs_ending_end();
	}
	return NULL;
}

void fs_helper_start(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	if (helper.pid == fs_engine.pid) {
		fs_helper_call();	/* it has rested since the last stack, or sleeps on that */
		fs_helper_relieve(NULL);
		return;
	}
	helper.pid = fs_engine.pid;
	helper.dormant = helper.driving = false;
	if (!helper.set)
		helper.set = fs_engine_helper_set();
	sem_init(&helper.call, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (pthread_create(&thread, &attr, run, NULL))
		helper.pid = 0;
	else
		pthread_setname_np(thread, "fastsock");
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void fs_helper_forked(void)
{
	helper.dormant = helper.driving = false;
	helper.set = NULL;
}

bool fs_helper_summon(void)
{
	const struct fs_set *set = helper.set;

	if (helper.pid != (int)getpid() || !set)
		return false;
	sem_post(&helper.call);
	if (set->wake_fd >= 0)
		eventfd_write(set->wake_fd, 1);
	return true;
}

void fs_helper_call(void)
{
	if (!helper.dormant)
		return;
	helper.dormant = false;
	sem_post(&helper.call);
}

void fs_helper_relieve(const struct fs_set *sleeper)
{
	if (sleeper != helper.set && helper.driving && helper.set && helper.set->sleepers)
		fs_engine_wake(helper.set);
}
