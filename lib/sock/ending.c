// SPDX-License-Identifier: BSD-2-Clause
/*
 * ending.c - the handler, and what it leaves to the helper.
 */
#include "sock/ending.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "sock/engine.h"
#include "sock/helper.h"

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

#define PATIENCE_S	3

static volatile sig_atomic_t come;

static void by_default(int number)
{
	signal(number, SIG_DFL);
	raise(number);		/* once this handler has returned */
}

/*
 * The thread does nothing more meanwhile, unless it is in the midst of the stack, where
 * the helper has to come: then it goes on until it leaves.
 */
static void on_signal(int number)
{
	const struct timespec patience = { .tv_sec = PATIENCE_S };
	const int before = errno;

	if (fs_engine.pid != (int)getpid()) {
		by_default(number);
	} else if (!come) {
		come = number;
		if (!fs_helper_summon()) {
			by_default(number);
		} else if (!fs_inside) {
			nanosleep(&patience, NULL);
			by_default(number);
		}
	}
	errno = before;
}

void fs_ending_watch(void)
{
	struct sigaction there, ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &there) && there.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

bool fs_ending_has_come(void)
{
	return come;
}

void fs_ending_end(void)
{
	const int number = come;
	struct sigaction there;
	sigset_t one;

	come = 0;
	if (sigaction(number, NULL, &there) || there.sa_handler != on_signal)
		return;
	fs_sockets_stop();
	signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	kill(getpid(), number);
}
