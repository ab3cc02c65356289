// SPDX-License-Identifier: BSD-2-Clause
/*
 * process.c - calls after which a process may no longer open AF_XDP sockets,
 * or is another one: the stack is opened before, or closed.
 */
#include <linux/capability.h>
#include <unistd.h>

#include "door.h"

/* A worker is about to give away what opening a stack needs. */
#define BEFORE_LOSS(name, ...)						\
	({								\
		if (!fs_preload_bypassed())				\
			fs_sockets_start();				\
		FS_NEXT(name)(__VA_ARGS__);				\
	})

FS_DOOR(int, setuid, uid_t uid)
{
	return BEFORE_LOSS(setuid, uid);
}

FS_DOOR(int, setgid, gid_t gid)
{
	return BEFORE_LOSS(setgid, gid);
}

FS_DOOR(int, setreuid, uid_t real, uid_t effective)
{
	return BEFORE_LOSS(setreuid, real, effective);
}

FS_DOOR(int, setregid, gid_t real, gid_t effective)
{
	return BEFORE_LOSS(setregid, real, effective);
}

FS_DOOR(int, setresuid, uid_t real, uid_t effective, uid_t saved)
{
	return BEFORE_LOSS(setresuid, real, effective, saved);
}

FS_DOOR(int, setresgid, gid_t real, gid_t effective, gid_t saved)
{
	return BEFORE_LOSS(setresgid, real, effective, saved);
}

FS_DOOR(int, seteuid, uid_t uid)
{
	return BEFORE_LOSS(seteuid, uid);
}

FS_DOOR(int, setegid, gid_t gid)
{
	return BEFORE_LOSS(setegid, gid);
}

FS_DOOR(int, initgroups, const char *user, gid_t group)
{
	return BEFORE_LOSS(initgroups, user, group);
}

FS_DOOR(int, setgroups, size_t n, const gid_t *groups)
{
	return BEFORE_LOSS(setgroups, n, groups);
}

FS_DOOR(int, capset, cap_user_header_t header, cap_user_data_t data)
{
	return BEFORE_LOSS(capset, header, data);
}

FS_DOOR(int, chroot, const char *path)
{
	return BEFORE_LOSS(chroot, path);
}

FS_DOOR(int, unshare, int flags)
{
	return BEFORE_LOSS(unshare, flags);
}

FS_DOOR(int, setns, int fd, int kind)
{
	return BEFORE_LOSS(setns, fd, kind);
}

/*
 * The process that calls ends within the call, without a word to us: it gives
 * up queues and ports first, which the child takes at its first need.
 */
FS_DOOR(int, daemon, int no_chdir, int no_close)
{
	if (!fs_preload_bypassed())
		fs_sockets_exec();
	return FS_NEXT(daemon)(no_chdir, no_close);
}
