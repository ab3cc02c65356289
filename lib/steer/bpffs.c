// SPDX-License-Identifier: BSD-2-Clause
/*
 * bpffs.c - find the BPF file system, in this order:
 *
 *   1. FASTSOCK_PIN_ROOT in the environment (not for set-uid programs)
 *   2. /sys/fs/bpf, when that is one
 *   3. /proc/1/root/sys/fs/bpf: `ip netns exec` gives its command a mount
 *      namespace with a fresh /sys, which hides the bpffs that everybody uses
 *   4. mount one, where process 1 will see it
 *
 * So that all processes of a host agree on one place, whatever started them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/fs_abi.h"
#include "steer/bpffs.h"

#define HERE		"/sys/fs/bpf"
#define INITS		"/proc/1/root"
#define SUBDIR		(FS_PIN_ROOT + sizeof(HERE) - 1)

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static bool same_mount_namespace(void)
{
	struct stat ours, inits;

	if (stat("/proc/self/ns/mnt", &ours) || stat("/proc/1/ns/mnt", &inits))
		return true;	/* nothing better to try */
	return ours.st_ino == inits.st_ino && ours.st_dev == inits.st_dev;
}

static int mount_here(void)
{
	return mount("bpf", HERE, "bpf", 0, "mode=0700") ? -errno : 0;
}

/* In a child: a thread of many may not change its mount namespace. */
static int mount_for_init(void)
{
	int ns = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	int status;
	pid_t child;

	if (ns < 0)
		return -errno;
	child = fork();
	if (!child)
		_exit(setns(ns, CLONE_NEWNS) ? errno & 0x7f : -mount_here() & 0x7f);
	close(ns);
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int mount_bpffs(const char **base, const struct fs_logger *log)
{
	bool ours = same_mount_namespace();
	int err = ours ? mount_here() : mount_for_init();

	*base = ours ? HERE : INITS HERE;
	if (!err && is_bpffs(*base))
		return 0;
	err = err ? err : -ENODEV;
	return fs_base_fail(log, err,
		"no BPF file system on " HERE ", and it cannot be mounted (%s); as root run: "
		"mount -t bpf bpf " HERE, strerror(-err));
}

static int make_dir(const char *root, const struct fs_logger *log)
{
	if (!mkdir(root, 0700) || errno == EEXIST)
		return 0;
	return fs_base_fail(log, -errno,
		"%s cannot be created: %s; it needs root, or a FASTSOCK_PIN_ROOT that you may write to",
		root, strerror(errno));
}

/* The parent must be on a bpffs: the directory itself may not exist yet. */
static int use_named(char *root, const char *named, bool create, const struct fs_logger *log)
{
	char parent[FS_STEER_PATH_MAX];
	char *slash;

	if (*named != '/' || strlen(named) >= FS_STEER_PATH_MAX - 64)
		return fs_base_fail(log, -EINVAL,
			"FASTSOCK_PIN_ROOT=%.200s is no absolute path of ordinary length", named);
	snprintf(parent, sizeof(parent), "%s", named);
	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	if (!is_bpffs(named) && !is_bpffs(parent))
		return fs_base_fail(log, -ENODEV,
			"FASTSOCK_PIN_ROOT=%s is not on a BPF file system; mount one: mount -t bpf bpf %s",
			named, parent);
	strcpy(root, named);
	return create ? make_dir(root, log) : 0;
}

int fs_steer_bpffs_root(char root[FS_STEER_PATH_MAX], bool create, const struct fs_logger *log)
{
	const char *named = secure_getenv("FASTSOCK_PIN_ROOT");
	const char *base = NULL;
	int err;

	if (named && *named)
		return use_named(root, named, create, log);
	if (is_bpffs(HERE))
		base = HERE;
	else if (is_bpffs(INITS HERE))
		base = INITS HERE;
	else if (!create)
		return -ENOENT;
	if (!base) {
		err = mount_bpffs(&base, log);
		if (err)
			return err;
	}
	/* libxdp keeps its pins beside ours; it reads this before its first use. */
	if (create && strcmp(base, HERE) != 0)
		setenv("LIBXDP_BPFFS", base, 0);
	snprintf(root, FS_STEER_PATH_MAX, "%s%s", base, SUBDIR);
	return create ? make_dir(root, log) : 0;
}
