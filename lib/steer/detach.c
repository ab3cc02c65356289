// SPDX-License-Identifier: BSD-2-Clause
/*
 * detach.c - undo fs_steer_attach(): the program first, then the pins, so that
 * no program runs whose maps nobody can find. Also clears up after a program
 * or an interface that somebody else took away.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "steer/config.h"
#include "steer/program.h"
#include "steer/quiet.h"
#include "steer/steer.h"

static int fail_nothing(const char *ifname, const struct fs_logger *log)
{
	if (!if_nametoindex(ifname))
		return fs_base_fail(log, -ENODEV,
			"there is no interface %s in this network namespace, and nothing is left of one; "
			"`fastsock status` lists what is attached", ifname);
	return fs_base_fail(log, -ENOENT,
		"%s: fastsock is not attached; `fastsock status` lists where it is", ifname);
}

static void read_config(const struct fs_steer_pins *pins, struct fs_config *config)
{
	int fd = fs_steer_pins_open(pins, FS_MAP_CONFIG);

	*config = (struct fs_config){ 0 };
	if (fd < 0)
		return;
	fs_steer_config_read(fd, config);
	close(fd);
}

/* Nothing of it runs here: may the pins go? */
static int check_elsewhere(const char *ifname, const struct fs_steer_pins *pins,
			   const struct fs_logger *log)
{
	struct fs_config config;
	char where[64];
	int runs;

	read_config(pins, &config);
	if (!config.netns || config.netns == fs_steer_iface_netns())
		return 0;
	runs = fs_steer_iface_runs_elsewhere(config.netns, config.ifindex, fs_steer_program_pinned_id(pins), where,
					     sizeof(where));
	if (runs <= 0)
		return 0;
	return fs_base_fail(log, -EBUSY,
		"%s: the program runs on an interface of that name in another network namespace (%s); run "
		"there: ip netns exec NAME fastsock detach %s", ifname, where, ifname);
}

static int detach_locked(const char *ifname, const struct fs_steer_pins *pins,
			 const struct fs_logger *log)
{
	uint32_t ifindex = if_nametoindex(ifname);
	struct fs_steer_program there = { 0 };
	int err;

	if (access(pins->dir, F_OK))
		return errno == EACCES ? -EPERM : fail_nothing(ifname, log);
	if (ifindex) {
		err = fs_steer_program_get(&there, ifindex, pins);
		if (err)
			return fs_base_fail(log, err,
				"%s: the kernel does not say what is attached: %s", ifname,
				strerror(-err));
	}
	if (!there.ours) {
		err = check_elsewhere(ifname, pins, log);
		if (err)
			return err;
		fs_base_log(log, FS_LOG_INFO, "%s: no program was attached; removing what was left in %s",
			    ifname, pins->dir);
	} else {
		err = fs_steer_program_detach(&there, ifindex, pins);
		if (err)
			return fs_base_fail(log, err == -EACCES ? -EPERM : err,
				"%s: program %u cannot be detached: %s%s", ifname, there.ours,
				strerror(-err), fs_steer_quiet_said());
	}
	err = fs_steer_pins_remove(pins);
	return err ? fs_base_fail(log, err, "%s cannot be removed: %s", pins->dir, strerror(-err)) : 0;
}

int fs_steer_detach(const char *ifname, const struct fs_logger *log)
{
	struct fs_steer_quiet quiet;
	struct fs_steer_pins pins;
	int lock, err;

	if (!ifname || !*ifname || strchr(ifname, '/') || *ifname == '.' || strlen(ifname) > 15)
		return fs_base_fail(log, -ENODEV, "\"%s\" is no interface name", ifname ? ifname : "");
	err = fs_steer_pins_find(&pins, ifname, false, log);
	if (err == -ENOENT)
		return fail_nothing(ifname, log);
	if (err)
		return err;
	if (access(pins.root, F_OK) && errno != EACCES)
		return fail_nothing(ifname, log);
	lock = fs_steer_pins_lock(&pins);
	if (lock < 0)
		return fs_base_fail(log, lock == -EACCES ? -EPERM : lock,
				    "%s: no permission to change %s; run as root", ifname, pins.root);
	fs_steer_quiet_begin(&quiet, log);
	err = detach_locked(ifname, &pins, log);
	fs_steer_quiet_end(&quiet);
	close(lock);
	return err;
}
