// SPDX-License-Identifier: BSD-2-Clause
/*
 * pins.c - pinned maps and programs as files.
 *
 * The lock is on the root and not on an interface's directory, because that
 * one is removed while the lock is held. The root may vanish, too, when the
 * last interface is detached: whoever waited for it starts again.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer/pins.h"

int fs_steer_pins_find(struct fs_steer_pins *pins, const char *ifname, bool create,
		       const struct fs_logger *log)
{
	int err = fs_steer_bpffs_root(pins->root, create, log);

	if (err)
		return err;
	if ((size_t)snprintf(pins->dir, sizeof(pins->dir), "%s/%s", pins->root, ifname) >=
	    sizeof(pins->dir))
		return -ENAMETOOLONG;
	return 0;
}

static bool still_there(const struct fs_steer_pins *pins, int fd)
{
	struct stat mine, now;

	return !fstat(fd, &mine) && !stat(pins->root, &now) && mine.st_ino == now.st_ino &&
	       mine.st_dev == now.st_dev;
}

int fs_steer_pins_lock(const struct fs_steer_pins *pins)
{
	for (;;) {
		int fd = open(pins->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX)) {
			if (errno != EINTR) {
				int err = -errno;

				close(fd);
				return err;
			}
		}
		if (still_there(pins, fd))
			return fd;
		close(fd);
		mkdir(pins->root, 0700);
	}
}

static const char *path_of(char path[FS_STEER_PATH_MAX + 80], const struct fs_steer_pins *pins,
			   const char *name)
{
	snprintf(path, FS_STEER_PATH_MAX + 80, "%s/%.70s", pins->dir, name);
	return path;
}

bool fs_steer_pins_has(const struct fs_steer_pins *pins, const char *name)
{
	char path[FS_STEER_PATH_MAX + 80];

	return !faccessat(AT_FDCWD, path_of(path, pins, name), F_OK, AT_EACCESS);
}

int fs_steer_pins_open(const struct fs_steer_pins *pins, const char *name)
{
	char path[FS_STEER_PATH_MAX + 80];
	int fd = bpf_obj_get(path_of(path, pins, name));

	return fd < 0 ? -errno : fd;
}

int fs_steer_pins_add(const struct fs_steer_pins *pins, const char *name, int fd)
{
	char path[FS_STEER_PATH_MAX + 80];

	return bpf_obj_pin(fd, path_of(path, pins, name)) ? -errno : 0;
}

void fs_steer_pins_del(const struct fs_steer_pins *pins, const char *name)
{
	char path[FS_STEER_PATH_MAX + 80];

	unlink(path_of(path, pins, name));
}

int fs_steer_pins_clear(const struct fs_steer_pins *pins)
{
	DIR *list = opendir(pins->dir);
	struct dirent *entry;

	if (!list)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(list), entry->d_name, 0);
	closedir(list);
	return rmdir(pins->dir) ? -errno : 0;
}

int fs_steer_pins_remove(const struct fs_steer_pins *pins)
{
	int err = fs_steer_pins_clear(pins);

	rmdir(pins->root);	/* not when another interface is there */
	return err;
}
