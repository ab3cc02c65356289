/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * set.h - who waits for what: the fast path's half of an epoll set.
 *
 *	struct fs_set --ready--> item -> item         those that may have news
 *	    |  ^                  |
 *	  epfd |                  +--file--> fs_file --items--> item -> item
 *	    |  +------set------------------------------------------+
 *	    v
 *	kernel epoll set: what the kernel waits for, and
 *	    AF_XDP sockets (EPOLLEXCLUSIVE: a packet wakes one sleeper)
 *	    the stack's side set (rtnetlink)
 *	    wake_fd: another thread has found news for this set
 *
 * Semantics as in fs/eventpoll.c: what happens to a file puts its items on
 * the ready lists of their sets; who waits takes them off and asks the file
 * what holds now. A level-triggered item that was reported goes back to the
 * end of the list, so that the next look asks again.
 *
 * A file that also has news in the kernel (a listener's twin) is in epfd too,
 * with a token that names the item in place of the application's data.
 *
 * poll() and blocking calls wait on a set of the thread's own.
 */
#ifndef FS_SOCK_SET_H
#define FS_SOCK_SET_H

#include <sys/epoll.h>

#include "sock/file.h"

struct fs_set;

struct fs_item {
	struct fs_set *set;		/* NULL: free */
	struct fs_file *file;
	struct fs_item *next, **at;	/* of the file */
	struct fs_item *set_next, **set_at;	/* of the set */
	struct fs_item *ready_next;
	uint64_t data;			/* the application's */
	uint32_t events;		/* EPOLL*, as given */
	int fd;
	uint32_t batch;			/* in which it was last reported, and where */
	int place;
	uint32_t born;			/* in which generation of processes */
	bool in_kernel, also_in_kernel;	/* epfd has it too, and file->also */
	bool ready;			/* on the ready list */
	bool holds;			/* of a call that waits, and keeps the file */
};

struct fs_set {
	struct fs_file file;		/* first; of an epoll descriptor. A thread's own: unused */
	int epfd;
	int wake_fd;			/* -1: not wired yet */
	struct fs_item *items;
	struct fs_item *ready_head, **ready_tail;
	uint32_t n_items;
	uint32_t sleepers;
	uint32_t strangers;		/* who sleep in the kernel, as the set was its alone */
	uint32_t batch;
	uint32_t wired;			/* the engine's generation that is in epfd; 0: none */
	uint64_t looked_ns;		/* when the kernel's half was last asked */
	bool woken;			/* wake_fd was written */
	bool known;			/* has been wired */
	struct fs_set *next, **at;	/* of all of the process */
};

/* Events with the data of one of these are the engine's own. */
enum fs_set_mark {
	FS_SET_MARK_STACK,
	FS_SET_MARK_WAKE,
	FS_SET_MARK_COUNT
};
uint64_t fs_set_mark_data(enum fs_set_mark mark);

void fs_set_init(struct fs_set *set, int epfd);
/* Drops items and descriptors of its own; epfd is the caller's, who closes it. */
void fs_set_fini(struct fs_set *set);
/* It has another epfd: what the kernel has a say in goes there. */
void fs_set_renew(struct fs_set *set, int epfd);
/*
 * In a child of fork(). The kernel's half of an epoll set is the parent's, too, and
 * what the child closes does not leave it. What is ours must not be shared: who
 * sleeps is woken by a descriptor of his own, and of a thread's own set @own is told.
 */
void fs_sets_forked(void (*own)(struct fs_set *set));

/* 0, -ENOMEM, or what epoll_ctl(2) says. */
int fs_set_add(struct fs_set *set, struct fs_file *file, int fd, uint32_t events, uint64_t data);
struct fs_item *fs_set_find(const struct fs_set *set, const struct fs_file *file, int fd);
int fs_item_modify(struct fs_item *item, uint32_t events, uint64_t data);
void fs_item_drop(struct fs_item *item);
/* The file is becoming the kernel's: so does this wait for it. */
void fs_item_to_kernel(struct fs_item *item);

/* Its last descriptor is gone: only who @holds it goes on. */
void fs_items_forget(struct fs_file *file, bool goes_on);

/* Something happened to the file: everybody who waits looks again. */
void fs_file_news(struct fs_file *file);
/* Whether the kernel has a say in it has changed. */
void fs_file_rewire(struct fs_file *file);

/* Up to @n of what holds now into @events. */
int fs_set_take(struct fs_set *set, struct epoll_event *events, int n);
/*
 * What the kernel said, @n in @from, added to the @have events of @to (at most
 * @max): the engine's own are left out, an item's merged. Returns how many there are.
 */
int fs_set_merge(struct fs_set *set, const struct epoll_event *from, int n,
		 struct epoll_event *to, int have, int max);
/* The same in place, of what somebody took from the kernel who did not know better. */
int fs_set_sift(struct fs_set *set, struct epoll_event *events, int n);
/* Has there ever been anything but the kernel's in it? */
bool fs_set_is_known(const struct fs_set *set);
/* The kernel says that a set in a set has events: are they not the engine's? */
bool fs_set_is_ready(const struct fs_set *set);
bool fs_set_has_news(const struct fs_set *set);
/* Is any of the news still true? */
bool fs_set_holds(const struct fs_set *set);

#endif
