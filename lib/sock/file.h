/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - the table of descriptors: which of them are ours.
 *
 *	fs_files[fd] --+--> struct fs_file  a socket (sock.h) or an epoll set (set.h)
 *	               +--> FS_FILE_KERNEL  known, and nothing to us
 *	               +--> NULL            not looked at yet
 *
 * Several descriptors may name one file, as dup() makes them. A file lives
 * until the last is closed and nobody waits in it (refs).
 *
 * Looking whether a descriptor is ours takes no lock; everything else of this
 * folder is done under the one lock of the engine (engine.h).
 */
#ifndef FS_SOCK_FILE_H
#define FS_SOCK_FILE_H

#include "base/types.h"

enum {
	FS_FILES_MAX = 1 << 20,
};

enum fs_file_kind {
	FS_FILE_SOCK = 1,
	FS_FILE_SET = 2,
};

struct fs_file;
struct fs_item;

struct fs_file_ops {
	/* EPOLL* that hold now, as far as the fast path knows. */
	uint32_t (*ready)(struct fs_file *file);
	/* Has the kernel something of its own to tell of the descriptor? */
	bool (*in_kernel)(const struct fs_file *file);
	/* Who waits in it keeps it going, though its last descriptor is closed. */
	bool (*outlives)(const struct fs_file *file);
	/* The last descriptor is closed, or for the second time, nobody waits any more: give back what it holds, but not the memory. */
	void (*close)(struct fs_file *file);
	void (*free)(struct fs_file *file);
};

struct fs_file {
	const struct fs_file_ops *ops;
	enum fs_file_kind kind;
	int fd;			/* one of its descriptors; -1: closed */
	uint32_t n_fds;
	uint32_t refs;		/* 1 for all descriptors together, 1 for each that waits */
	int also;		/* the kernel may have news of it on this one, too; -1: there is none */
	bool left;		/* for the kernel: fs_file_leave() */
	struct fs_item *items;	/* who waits for it: set.h */
};

#define FS_FILE_KERNEL ((struct fs_file *)1)

extern struct fs_file **fs_files;	/* FS_FILES_MAX; NULL: nothing is configured */

/* No file of ours has this number, nor a higher one. */
extern int fs_files_end;

/* Nothing is known of this number, nor of a higher one: files_end for the kernel's as well. */
extern int fs_files_known;
static inline int fs_files_known_end(void)
{
	return __atomic_load_n(&fs_files_known, __ATOMIC_RELAXED);
}

/* Non-zero while this thread is inside the stack: its calls are the kernel's. */
extern __thread int fs_inside __attribute__((tls_model("initial-exec")));

/* Without the lock: ours, FS_FILE_KERNEL, or NULL. */
static inline struct fs_file *fs_file_at(int fd)
{
	if (unlikely((unsigned int)fd >= FS_FILES_MAX || !fs_files))
		return FS_FILE_KERNEL;
	return __atomic_load_n(&fs_files[fd], __ATOMIC_ACQUIRE);
}

static inline bool fs_file_is_ours(int fd)
{
	return (uintptr_t)fs_file_at(fd) > (uintptr_t)FS_FILE_KERNEL && !fs_inside;
}

/* The file, by who holds the lock; NULL: the kernel's. */
static inline struct fs_file *fs_file_locked(int fd)
{
	struct fs_file *file = fs_file_at(fd);

	return (uintptr_t)file > (uintptr_t)FS_FILE_KERNEL ? file : NULL;
}

/* Has anybody asked what this descriptor is? */
static inline bool fs_file_is_unknown(int fd)
{
	return !fs_file_at(fd) && !fs_inside;
}

/* For the highest number so far. */
void fs_file_known(int fd);

/* 0, or -ENOMEM. Called once there is something to configure. */
int fs_file_table_open(void);

static inline void fs_file_mark(int fd, struct fs_file *file)
{
	if ((unsigned int)fd >= FS_FILES_MAX || !fs_files)
		return;
	if (unlikely(file && fd >= fs_files_known_end()))
		fs_file_known(fd);
	__atomic_store_n(&fs_files[fd], file, __ATOMIC_RELEASE);
}

/* With the lock held, all below. */

/* A new file of one descriptor. */
void fs_file_init(struct fs_file *file, enum fs_file_kind kind, const struct fs_file_ops *ops,
		  int fd);
/* Another descriptor for it. */
void fs_file_add(struct fs_file *file, int fd);
/* This descriptor is gone (the caller closes it). */
void fs_file_remove(struct fs_file *file, int fd);
/* Its descriptors are the kernel's from now on; who waits for it goes on there. */
void fs_file_leave(struct fs_file *file);
static inline void fs_file_get(struct fs_file *file)
{
	file->refs++;
}

void fs_file_put(struct fs_file *file);

#endif
