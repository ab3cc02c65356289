// SPDX-License-Identifier: BSD-2-Clause
/*
 * engine.c - the stack of the process: its life, its rounds, its sleepers.
 */
#include "sock/engine.h"

#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "sock/aside.h"
#include "sock/deputy.h"
#include "sock/ending.h"
#include "sock/helper.h"
#include "sock/libc.h"
#include "sock/reason.h"
#include "sock/sock.h"
#include "stack/world.h"

enum {
	EVENTS = 64,
	OWED_MAX = 32,
	AT_ONCE = 1000,		/* sends that are not held back */
};

#define RETRY_NS	NSEC_PER_SEC
#define OWED_NS		(50 * NSEC_PER_USEC)

struct fs_engine fs_engine = { .failed = FS_SOCKET_fast };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void fs_engine_lock(void)
{
	pthread_mutex_lock(&mutex);
	fs_inside++;
}

void fs_engine_unlock(void)
{
	fs_inside--;
	pthread_mutex_unlock(&mutex);
}

uint64_t fs_engine_clock_ns(void)
{
	return fs_clock_ns();
}

/* --- a thread's own set ----------------------------------------------------------------------------- */

static pthread_key_t own_key;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;

static int own_epfd(void)
{
	return fs_aside(FS_LIBC(epoll_create1, EPOLL_CLOEXEC));
}

static struct fs_set *make_own(void)
{
	const int epfd = own_epfd();
	struct fs_set *set = epfd >= 0 ? malloc(sizeof(*set)) : NULL;

	if (set)
		fs_set_init(set, epfd);
	else
		FS_LIBC(close, epfd);
	return set;
}

static void free_own(struct fs_set *set)
{
	fs_set_fini(set);
	FS_LIBC(close, set->epfd);
	free(set);
}

static void drop_own(void *ptr)
{
	fs_engine_lock();
	free_own(ptr);
	fs_engine_unlock();
}

static void make_key(void)
{
	pthread_key_create(&own_key, drop_own);
}

struct fs_set *fs_engine_own_set(void)
{
	struct fs_set *set;

	pthread_once(&own_once, make_key);
	set = pthread_getspecific(own_key);
	if (set && set->epfd < 0)
		fs_set_renew(set, own_epfd());	/* there was no descriptor, after a fork */
	if (set)
		return set->epfd >= 0 ? set : NULL;
	set = make_own();
	if (set && pthread_setspecific(own_key, set)) {
		free_own(set);
		return NULL;
	}
	return set;
}

/* In a child of fork(): other threads are not here. */
static void own_forked(struct fs_set *set)
{
	pthread_once(&own_once, make_key);
	if (set != pthread_getspecific(own_key)) {
		free_own(set);
		return;
	}
	FS_LIBC(close, set->epfd);
	fs_set_renew(set, own_epfd());
}

/* --- life ----------------------------------------------------------------------------------- */

static bool all_there(void)
{
	for (int i = 0; fs_sock_config.ifaces[i]; i++)
		if (!if_nametoindex(fs_sock_config.ifaces[i]))
			return false;
	return true;
}

static enum fs_socket_reason reason_of(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return FS_SOCKET_no_privilege;
	case -EBUSY:
	case -ENOSPC:
		return FS_SOCKET_no_queue;
	case -ENOMEM:
	case -ENOBUFS:
	case -EMFILE:
	case -ENFILE:
		return FS_SOCKET_no_memory;
	default:
		return all_there() ? FS_SOCKET_no_stack : FS_SOCKET_no_iface;
	}
}

static void set_stack(struct fs_stack *stack)
{
	__atomic_store_n(&fs_engine.stack, stack, __ATOMIC_RELAXED);
}

static bool may_try(void)
{
	if (fs_engine.failed == FS_SOCKET_fast)
		return true;
	return fs_engine.failed == FS_SOCKET_no_queue &&
	       fs_engine_clock_ns() >= fs_engine.retry_ns;
}

bool fs_engine_start(void)
{
	const struct fs_sock_config *config = &fs_sock_config;
	struct fs_stack_opts opts = {
		.sz = sizeof(opts),
		.ifnames = config->ifaces,
		.queue_count = config->queues,
		.frames = config->frames,
		.log = config->log.fn,
		.log_ctx = config->log.ctx,
	};
	struct fs_stack *stack;
	struct fs_aside aside;
	int err;

	if (fs_engine.stack)
		return true;
	if (!may_try())
		return false;
	fs_aside_begin(&aside);
	err = fs_stack_open(&stack, &opts);
	fs_aside_end(&aside);
	if (err) {
		fs_engine.failed = reason_of(err);
		fs_engine.retry_ns = fs_engine_clock_ns() + RETRY_NS;
		return false;
	}
	stack->host.aside = fs_aside;
	stack->host.deputy = fs_deputy_ask;
	set_stack(stack);
	fs_engine.pid = (int)getpid();
	fs_engine.failed = FS_SOCKET_fast;
	fs_engine.cut_off = false;
	fs_engine.generation++;
	fs_helper_start();
	fs_ending_watch();
	return true;
}

void fs_engine_stop(void)
{
	struct fs_stack *stack = fs_engine.stack;

	if (!stack)
		return;
	set_stack(NULL);
	fs_engine.generation++;
	fs_stack_close(stack);
}

void fs_engine_disown(void)
{
	struct fs_stack *stack = fs_engine.stack;

	pthread_mutex_init(&mutex, NULL);
	fs_inside = 0;
	set_stack(NULL);
	fs_engine.failed = FS_SOCKET_fast;
	fs_engine.timekeepers = 0;
	fs_engine.owed = 0;
	fs_engine.generation++;
	fs_helper_forked();
	fs_sets_forked(own_forked);
	if (stack)
		fs_stack_disown(stack);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void tell(const struct fs_event *events, int n)
{
	for (int i = 0; i < n; i++)
		if (events[i].user)
			fs_sock_event(events[i].user, &events[i]);
}

/* Once for each stack: there is nothing that the program would do about it. */
static void tell_of_the_end(void)
{
	const struct fs_stack *stack = fs_engine.stack;

	for (unsigned int i = 0; !fs_engine.cut_off && i < stack->world->n_ifaces; i++) {
		const struct fs_iface *iface = &stack->world->ifaces[i];

		if (!fs_nl_mirror_link(stack->mirror, iface->ifindex))
			fs_base_log(&fs_sock_config.log, FS_LOG_WARN,
				    "%s: the interface is gone, and the fast path by it; one of that "
				    "name is the kernel's until the program is restarted",
				    iface->name);
	}
	fs_engine.cut_off = true;
}

static void poll_stack(void)
{
	struct fs_event events[EVENTS];
	int n;

	if (!fs_engine.stack)
		return;
	fs_engine.owed = 0;
	n = fs_stack_poll(fs_engine.stack, events, EVENTS, 0);
	if (unlikely(n == -ENETDOWN))
		tell_of_the_end();
	while (n > 0) {
		tell(events, n);
		n = fs_stack_events(fs_engine.stack, events, EVENTS);
	}
	fs_engine.now_ns = fs_engine.stack->host.now_ns;
	if (unlikely(fs_migrate_waits()))
		fs_migrate_round(fs_engine.now_ns);
}

void fs_engine_poll(void)
{
	fs_engine.polls++;
	poll_stack();
}

void fs_engine_flush(void)
{
	if (!fs_engine.stack)
		return;
	fs_engine.owed = 0;
	fs_stack_flush(fs_engine.stack);
}

/*
 * A program that answers an event will soon wait for the next: what it sends
 * until then leaves in one system call, and small pieces in one segment. One that
 * computes instead is found out by the helper, and then trusted no more for a while.
 */
void fs_engine_send(void)
{
	const uint64_t now_ns = fs_engine_clock_ns();

	if (!fs_engine.owed++)
		fs_engine.owed_ns = now_ns;
	if (fs_engine.at_once) {
		fs_engine.at_once--;
		fs_engine_flush();
	} else if (fs_engine.timekeepers) {
		fs_engine_flush();	/* who sleeps does not look, and the helper leaves it to him */
	} else if (fs_engine.owed >= OWED_MAX || now_ns - fs_engine.owed_ns >= OWED_NS) {
		fs_engine_flush();
	}
}

void fs_engine_overdue(void)
{
	if (!fs_engine.owed)
		return;
	fs_engine.at_once = AT_ONCE;
	fs_engine_flush();
}

/* --- sleepers ---------------------------------------------------------------------------------- */

void fs_engine_wake(struct fs_set *set)
{
	if (!set->sleepers || set->woken)
		return;
	set->woken = true;
	eventfd_write(set->wake_fd, 1);
}

static int watch(struct fs_set *set, int fd, uint32_t events, int mark)
{
	struct epoll_event event = {
		.events = events, .data.u64 = fs_set_mark_data(mark),
	};
	int err = FS_LIBC(epoll_ctl, set->epfd, EPOLL_CTL_ADD, fd, &event);

	return err == -EEXIST ? 0 : err;
}

/* What a closed stack had in there, the kernel has taken out. */
static void wire(struct fs_set *set)
{
	const struct fs_host *host;

	if (set->wake_fd < 0) {
		set->wake_fd = fs_aside(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		watch(set, set->wake_fd, EPOLLIN, FS_SET_MARK_WAKE);
		set->known = true;
	}
	if (!fs_engine.stack || set->wired == fs_engine.generation)
		return;
	host = &fs_engine.stack->host;
	for (unsigned int i = 0; i < host->n_ports; i++) {
		struct fs_port *port = host->txq[i].port;

		watch(set, port->ops->fd(port), EPOLLIN | EPOLLEXCLUSIVE, FS_SET_MARK_STACK);
	}
	watch(set, fs_engine.stack->world->side, EPOLLIN, FS_SET_MARK_STACK);
	set->wired = fs_engine.generation;
}

struct fs_set *fs_engine_helper_set(void)
{
	struct fs_set *set = make_own();

	if (set)
		wire(set);
	return set;
}

void fs_engine_meet(struct fs_set *set)
{
	wire(set);
	if (!set->strangers || set->woken)
		return;
	set->woken = true;
	eventfd_write(set->wake_fd, 1);
}

static uint64_t stack_patience_ns(void)
{
	int64_t us;

	if (!fs_engine.stack || fs_engine.timekeepers)
		return FS_NEVER;
	us = fs_stack_timeout_us(fs_engine.stack);
	return us < 0 ? FS_NEVER : (uint64_t)us * NSEC_PER_USEC;
}

uint64_t fs_engine_sleep(struct fs_set *set, bool *keeps_time)
{
	uint64_t patience_ns;

	*keeps_time = false;
	wire(set);
	if (fs_set_has_news(set))
		return 0;
	if (fs_engine.owed)
		fs_engine_flush();
	patience_ns = stack_patience_ns();
	if (!patience_ns)
		return 0;
	*keeps_time = fs_engine.stack && !fs_engine.timekeepers;
	fs_engine.timekeepers += *keeps_time;
	set->sleepers++;
	fs_helper_relieve(set);
	return patience_ns;
}

void fs_engine_woke(struct fs_set *set, bool keeps_time)
{
	eventfd_t count;

	set->sleepers--;
	fs_engine.timekeepers -= keeps_time;
	if (set->woken) {
		set->woken = false;
		eventfd_read(set->wake_fd, &count);
	}
	if (!fs_engine.timekeepers)
		fs_helper_call();
}
