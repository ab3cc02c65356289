/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h - the process' stack: opened when first needed, run by whichever
 * thread is here, under one lock.
 *
 *	a call on a fast socket   lock, do it, unlock
 *	a call that waits         lock, poll, look, unlock, sleep in the kernel ...
 *	nobody comes for 10 ms    the helper thread polls (helper.c)
 *
 * Every thread that sleeps has the AF_XDP sockets in its kernel epoll set, so
 * the kernel wakes one of them for a packet; that one polls the stack and wakes
 * those whose sockets have news. One of the sleepers keeps the stack's time.
 */
#ifndef FS_SOCK_ENGINE_H
#define FS_SOCK_ENGINE_H

#include <fastsock/socket.h>

#include "sock/config.h"
#include "sock/set.h"
#include "stack/stack.h"

struct fs_engine {
	struct fs_stack *stack;		/* NULL: not opened, or could not be; set atomically */
	enum fs_socket_reason failed;	/* why it could not be; FS_SOCKET_fast: not tried yet */
	uint64_t retry_ns;		/* when to try again */
	bool cut_off;			/* an interface of it is gone */
	int pid;			/* whose stack it is */
	uint32_t generation;		/* of the stack: what sets are wired to */
	uint64_t now_ns;		/* of the last poll */
	uint64_t polls;			/* by applications' threads */
	uint32_t timekeepers;		/* sleepers that wake up for the stack's timers: 0 or 1 */
	uint32_t owed;			/* sends that go out with the next poll */
	uint64_t owed_ns;		/* since when */
	uint32_t at_once;		/* so many sends more are not held back */
};

extern struct fs_engine fs_engine;

/* For those who look without the lock. */
static inline bool fs_engine_is_open(void)
{
	return __atomic_load_n(&fs_engine.stack, __ATOMIC_RELAXED);
}

void fs_engine_lock(void);
void fs_engine_unlock(void);

uint64_t fs_engine_clock_ns(void);

/* With the lock held, all below. */

/* Open the stack if it is not: true when there is one. */
bool fs_engine_start(void);
/* In a child of fork(): the stack is the parent's. */
void fs_engine_disown(void);
/* Everything has been closed or moved. */
void fs_engine_stop(void);

/* One round of the stack, and its news to the files. */
void fs_engine_poll(void);
/* Something was given to be sent: now, or soon, together with more. */
void fs_engine_send(void);
/* The helper has come by: what is still held back has been for too long. */
void fs_engine_overdue(void);
void fs_engine_flush(void);

/* Somebody sleeps on this set: it has news. */
void fs_engine_wake(struct fs_set *set);

/* Who sleeps on it in the kernel alone comes back, and does so here. */
void fs_engine_meet(struct fs_set *set);

/*
 * fs_engine_sleep - begin: what to wait for is in set->epfd. Returns how long the
 * stack can wait, in ns, FS_NEVER without limit; 0: do not sleep, there is news.
 * fs_engine_woke - the end.
 */
uint64_t fs_engine_sleep(struct fs_set *set, bool *keeps_time);
void fs_engine_woke(struct fs_set *set, bool keeps_time);

/* This thread's own set. NULL: no descriptors or memory. */
struct fs_set *fs_engine_own_set(void);
/*
 * The helper's, with all its descriptors open: it must not open any beside a thread of
 * the program, which may be about to use the number, or to close it for the second time.
 */
struct fs_set *fs_engine_helper_set(void);

#endif
