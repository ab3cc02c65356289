// SPDX-License-Identifier: BSD-2-Clause
/*
 * file.c - descriptors come and go.
 */
#include "sock/file.h"

#include <errno.h>
#include <sys/mman.h>

#include "sock/set.h"

struct fs_file **fs_files;
int fs_files_end, fs_files_known;
__thread int fs_inside __attribute__((tls_model("initial-exec")));

int fs_file_table_open(void)
{
	void *table;

	if (fs_files)
		return 0;
	/* 8 MiB of address space, of which a program touches a page or two. */
	table = mmap(NULL, FS_FILES_MAX * sizeof(*fs_files), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED)
		return -ENOMEM;
	fs_files = table;
	return 0;
}

/* Without the lock: several threads may be here. */
void fs_file_known(int fd)
{
	int before = fs_files_known_end();

	while (fd >= before && !__atomic_compare_exchange_n(&fs_files_known, &before, fd + 1, false,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void mark_ours(struct fs_file *file, int fd)
{
	fs_files_end = MAX(fs_files_end, fd + 1);
	fs_file_mark(fd, file);
}

void fs_file_init(struct fs_file *file, enum fs_file_kind kind, const struct fs_file_ops *ops,
		  int fd)
{
	file->ops = ops;
	file->kind = kind;
	file->fd = fd;
	file->also = -1;
	file->n_fds = 1;
	file->refs = 1;
	mark_ours(file, fd);
}

void fs_file_add(struct fs_file *file, int fd)
{
	file->n_fds++;
	mark_ours(file, fd);
}

void fs_file_put(struct fs_file *file)
{
	if (--file->refs)
		return;
	file->ops->close(file);
	file->ops->free(file);
}

static int any_fd(const struct fs_file *file)
{
	for (int fd = 0; fd < fs_files_end; fd++)
		if (fs_file_at(fd) == file)
			return fd;
	return -1;
}

static void last_one_gone(struct fs_file *file, int fd)
{
	const bool goes_on = file->refs > 1 && file->ops->outlives(file);

	file->fd = -1;
	fs_items_forget(file, goes_on);
	fs_file_mark(fd, NULL);
	if (!goes_on) {
		file->ops->close(file);
		fs_file_news(file);
	}
	fs_file_put(file);
}

void fs_file_remove(struct fs_file *file, int fd)
{
	if (!--file->n_fds) {
		last_one_gone(file, fd);
		return;
	}
	fs_file_mark(fd, NULL);
	if (file->fd == fd)
		file->fd = any_fd(file);
}

void fs_file_leave(struct fs_file *file)
{
	while (file->items)
		fs_item_to_kernel(file->items);
	while (file->n_fds--) {
		fs_file_mark(file->fd, FS_FILE_KERNEL);
		if (file->n_fds)
			file->fd = any_fd(file);
	}
	file->n_fds = 0;
	file->fd = -1;
	file->left = true;
	file->ops->close(file);
	fs_file_put(file);
}
