// SPDX-License-Identifier: BSD-2-Clause
/*
 * bpffs.c - find the BPF file system, in this order:
 *
 *   1. FASTSOCK_PIN_ROOT in the environment (not for set-uid programs)
 *   2. /sys/fs/bpf, when that is one
 *   3. /proc/1/root/sys/fs/bpf: `ip netns exec` gives its command a mount
 *      namespace with a fresh /sys, which hides the bpffs that everybody uses.
 *      Where process 1 may not be looked at (a container), the oldest ancestor
 *      that may be takes its place
 *   4. mount one, where that process will see it
 *
 * So that all processes of a host agree on one place, whatever started them. To
 * mount in a namespace of our own would lose the pins together with it.
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
#include <unistd.h>

#include "bpf/fs_abi.h"
#include "steer/bpffs.h"
#include "steer/process.h"

#define HERE		"/sys/fs/bpf"
#define SUBDIR		(&FS_PIN_ROOT[sizeof(HERE) - 1])

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static bool may_enter(unsigned int pid)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	if (stat(path, &st))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/root/", pid);
	return !stat(path, &st);
}

/* The process whose mount namespace everybody shares: 1, if we may look. */
static unsigned int elder(void)
{
	unsigned int best = (unsigned int)getpid();

	if (may_enter(1))
		return 1;
	for (unsigned int pid = best; pid && may_enter(pid); pid = fs_steer_process_parent(pid))
		best = pid;
	return best;
}

static bool shares_our_mounts(unsigned int pid)
{
	struct stat ours, theirs;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	if (stat("/proc/self/ns/mnt", &ours) || stat(path, &theirs))
		return true;	/* nothing better to try */
	return ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static int mount_here(void)
{
	return mount("bpf", HERE, "bpf", 0, "mode=0700") ? -errno : 0;
}

static int mount_in(void *ctx)
{
	return setns(*(const int *)ctx, CLONE_NEWNS) ? errno & 0x7f : -mount_here() & 0x7f;
}

static int mount_there(unsigned int pid)
{
	char path[40];
	int ns, err;

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	err = fs_steer_process_child(mount_in, &ns);
	close(ns);
	return err > 0 ? -err : err;
}

/* Where the others' is or would be, as we can reach it. */
static void find_base(char base[FS_STEER_PATH_MAX], unsigned int *pid)
{
	*pid = elder();
	if (shares_our_mounts(*pid))
		snprintf(base, FS_STEER_PATH_MAX, HERE);
	else
		snprintf(base, FS_STEER_PATH_MAX, "/proc/%u/root" HERE, *pid);
}

static int mount_bpffs(const char *base, unsigned int pid, const struct fs_logger *log)
{
	int err = !strcmp(base, HERE) ? mount_here() : mount_there(pid);

	if (!err && is_bpffs(base))
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
	if (access(parent, F_OK) && errno == ENOENT)
		return fs_base_fail(log, -ENOENT,
			"FASTSOCK_PIN_ROOT=%s: there is no directory %s, on a BPF file system", named, parent);
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
	char base[FS_STEER_PATH_MAX] = HERE;
	unsigned int pid = 1;
	int err;

	if (named && *named)
		return use_named(root, named, create, log);
	if (!is_bpffs(HERE))
		find_base(base, &pid);
	if (!is_bpffs(base)) {
		if (!create)
			return -ENOENT;
		err = mount_bpffs(base, pid, log);
		if (err)
			return err;
	}
	/* libxdp keeps its pins beside ours; it reads this before its first use. */
	if (create && strcmp(base, HERE) != 0)
		setenv("LIBXDP_BPFFS", base, 0);
	if ((size_t)snprintf(root, FS_STEER_PATH_MAX, "%s%s", base, SUBDIR) >= FS_STEER_PATH_MAX)
		return -ENAMETOOLONG;
	return create ? make_dir(root, log) : 0;
}
