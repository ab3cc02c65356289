// SPDX-License-Identifier: BSD-2-Clause
/*
 * page.c - makes the page, and reads that of another process.
 */
#include "sock/page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sock/aside.h"
#include "sock/libc.h"

#define NAME	"fastsock-sockets"
#define LINK	"/memfd:" NAME " (deleted)"

static struct fs_sockets_stats own;		/* where there is no page */
static struct fs_sockets_stats *stats;
static int page_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* NULL: as good as it gets is private. */
static struct fs_sockets_stats *make(void)
{
	const int fd = fs_aside(memfd_create(NAME, MFD_CLOEXEC));
	void *map;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(own))) {
		FS_LIBC(close, fd);
		return NULL;
	}
	map = mmap(NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		FS_LIBC(close, fd);
		return NULL;
	}
	madvise(map, sizeof(own), MADV_DONTFORK);
	page_fd = fd;
	return map;
}

struct fs_sockets_stats *fs_page_stats(void)
{
	struct fs_sockets_stats *there = __atomic_load_n(&stats, __ATOMIC_ACQUIRE);

	if (likely(there))
		return there;
	pthread_mutex_lock(&mutex);
	if (!stats) {
		there = make();
		there = there ? there : &own;
		there->sz = sizeof(own);
		__atomic_store_n(&stats, there, __ATOMIC_RELEASE);
	}
	there = stats;
	pthread_mutex_unlock(&mutex);
	return there;
}

void fs_page_forked(void)
{
	if (page_fd >= 0)
		FS_LIBC(close, page_fd);
	page_fd = -1;
	pthread_mutex_init(&mutex, NULL);
	memset(&own, 0, sizeof(own));
	stats = NULL;
}

/* --- another process ------------------------------------------------------------------- */

static bool is_page(int dir, const char *name)
{
	char link[sizeof(LINK) + 1];
	const ssize_t len = readlinkat(dir, name, link, sizeof(link));

	return len == sizeof(LINK) - 1 && !memcmp(link, LINK, sizeof(LINK) - 1);
}

static int read_page(int dir, const char *name, struct fs_sockets_stats *out)
{
	struct fs_sockets_stats theirs = { 0 };
	const size_t sz = out->sz;
	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, &theirs, sizeof(theirs));
	FS_LIBC(close, fd);
	if (n < (ssize_t)sizeof(theirs) || theirs.sz != sizeof(theirs))
		return -ENOENT;		/* of another version */
	memcpy(out, &theirs, MIN(sz, sizeof(theirs)));
	out->sz = sz;
	return 0;
}

int fs_sockets_stats_of(int pid, struct fs_sockets_stats *out)
{
	char path[64], found[32] = "";
	struct dirent *entry;
	DIR *dir;
	int err;

	if (!out->sz)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!*found && (entry = readdir(dir)))
		if (is_page(dirfd(dir), entry->d_name))
			snprintf(found, sizeof(found), "%.31s", entry->d_name);
	err = *found ? read_page(dirfd(dir), found, out) : -ENOENT;
	closedir(dir);
	return err;
}
