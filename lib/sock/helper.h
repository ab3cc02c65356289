/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.h - a thread that keeps the stack going while the application
 * computes: acknowledges, retransmits, sends what is due.
 *
 *	dormant   some thread sleeps on the stack, and will do it
 *	watching  every 10 ms: has anybody polled since?
 *	driving   nobody has: it polls, and sleeps on the stack itself
 *
 * A program that sleeps costs it nothing, one that polls often 100 looks a second.
 */
#ifndef FS_SOCK_HELPER_H
#define FS_SOCK_HELPER_H

#include <stdbool.h>

struct fs_set;

/* With the engine's lock held. */
void fs_helper_start(void);
/* From a signal handler: come, whatever you do. False: there is no helper. */
bool fs_helper_summon(void);
/* In a child of fork(), where there is none. */
void fs_helper_forked(void);
/* The last sleeper has left. */
void fs_helper_call(void);
/* A sleeper has come; or, with NULL, another stack than it sleeps on. */
void fs_helper_relieve(const struct fs_set *sleeper);

#endif
