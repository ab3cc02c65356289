// SPDX-License-Identifier: BSD-2-Clause
/*
 * open.c - a look at the pins of a program that is there, whoever attached it:
 * fs_steer_attach(), or `xdp-loader load -p`, whose configuration is still all
 * zero and is filled here.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "steer/config.h"
#include "steer/priv.h"
#include "steer/program.h"
#include "steer/quiet.h"
#include "steer/recorder.h"

static int fail_permission(const struct fs_steer *steer)
{
	return fs_base_fail(&steer->log, -EPERM,
		"%s: no permission to look into %s; run as root, or let root give this user the directory",
		steer->info.ifname, steer->pins.dir);
}

/* Whose pins are these? config is all zero when nobody has set them up. */
static int read_config(struct fs_steer *steer)
{
	int fd = fs_steer_pins_open(&steer->pins, FS_MAP_CONFIG);
	int err;

	if (fd == -EACCES || fd == -EPERM)
		return fail_permission(steer);
	if (fd < 0)
		return fd;
	err = fs_steer_config_read(fd, &steer->config);
	close(fd);
	return err;
}

static int describe(struct fs_steer *steer, const struct fs_steer_iface *iface,
		    struct fs_steer_program *program)
{
	struct fs_steer_info *info = &steer->info;
	int err = fs_steer_program_get(program, iface->ifindex, &steer->pins);

	if (err)
		return fs_base_fail(&steer->log, err,
				    "%s: the kernel does not say what is attached: %s", iface->name,
				    strerror(-err));
	info->ifindex = iface->ifindex;
	info->mtu = iface->mtu;
	info->queues = steer->config.queues ? steer->config.queues : iface->queues;
	memcpy(info->driver, iface->driver, sizeof(info->driver));
	info->prog_id = program->ours;
	info->skb_mode = program->skb_mode;
	info->dispatcher = program->is_dispatcher;
	info->user_answers = fs_steer_pins_has(&steer->pins, FS_MAP_ANSWERS);
	return 0;
}

/* A recorder that was killed left its flag: each packet would be copied for nobody. */
static bool end_dead_recording(const struct fs_steer *steer, struct fs_config *config)
{
	if (!(config->flags & FS_CONFIG_F_CAPTURE) || fs_steer_recorder_lives(config->ifindex))
		return false;
	config->flags &= ~(uint32_t)FS_CONFIG_F_CAPTURE;
	fs_base_log(&steer->log, FS_LOG_WARN,
		    "%s: a recorder (fastsock capture) ended without switching itself off; done now",
		    steer->info.ifname);
	return true;
}

static bool refresh(const struct fs_steer *steer, const struct fs_steer_iface *iface,
		    struct fs_config *config)
{
	const bool ended = end_dead_recording(steer, config);

	return fs_steer_config_refresh(config, iface, steer->info.skb_mode) || ended;
}

/* First use of what xdp-loader attached, or a MAC or sysctl that changed. */
static int update_config(struct fs_steer *steer, const struct fs_steer_iface *iface)
{
	struct fs_config config;
	int err;

	if (fs_steer_lock(steer))
		return steer->config.abi_version ? 0 : fail_permission(steer);
	err = fs_steer_config_read(steer->map[FS_STEER_CONFIG], &config);
	if (!err && !config.abi_version) {
		err = fs_steer_config_make(&config, iface, steer->info.skb_mode);
		if (!err)
			err = fs_steer_config_write(steer->map[FS_STEER_CONFIG], &config);
	} else if (!err && refresh(steer, iface, &config)) {
		err = fs_steer_config_write(steer->map[FS_STEER_CONFIG], &config);
	}
	fs_steer_unlock(steer);
	if (err)
		return fs_base_fail(&steer->log, err, "%s: its configuration cannot be written: %s",
				    iface->name, strerror(-err));
	steer->config = config;
	steer->info.queues = config.queues;
	return 0;
}

static int check_version(const struct fs_steer *steer)
{
	if (!steer->config.abi_version || steer->config.abi_version == FS_ABI_VERSION)
		return 0;
	return fs_base_fail(&steer->log, -EPROTO,
		"%s: the attached program speaks version %u of the interface, this library %u; run `fastsock "
		"detach %s` and attach again", steer->info.ifname, steer->config.abi_version,
		FS_ABI_VERSION, steer->info.ifname);
}

/* Pins of another network namespace, and still in use there? */
static bool is_elsewhere(struct fs_steer *steer)
{
	const struct fs_config *config = &steer->config;

	if (!config->netns || config->netns == fs_steer_iface_netns())
		return false;
	return fs_steer_iface_runs_elsewhere(config->netns, config->ifindex, 0, steer->info.where,
					     sizeof(steer->info.where)) != 0;
}

static int open_attached(struct fs_steer *steer, const struct fs_steer_iface *iface, bool any)
{
	struct fs_steer_info *info = &steer->info;
	struct fs_steer_program program;
	int err;

	err = check_version(steer);
	if (!err)
		err = describe(steer, iface, &program);
	if (err)
		return err;
	info->elsewhere = !info->prog_id && is_elsewhere(steer);
	if (info->elsewhere && !any)
		return fs_base_fail(&steer->log, -EBUSY,
			"%s: the pins in %s belong to an interface of that name in another network namespace "
			"(%s); set FASTSOCK_PIN_ROOT to another directory of a BPF file system for one of them",
			iface->name, steer->pins.dir, *info->where ? info->where : "unknown");
	if (info->elsewhere)
		return 0;
	if (!info->prog_id && !any)
		return -ENOENT;
	err = fs_steer_maps_open(steer);
	if (!err && steer->info.prog_id)
		err = update_config(steer, iface);
	return err;
}

static int open_pins(struct fs_steer *steer, const char *ifname, bool any)
{
	struct fs_steer_program program;
	struct fs_steer_iface iface;
	int err;

	err = fs_steer_pins_find(&steer->pins, ifname, false, &steer->log);
	if (!err)
		err = read_config(steer);
	if (err)
		return err;
	if (any && !fs_steer_iface_exists(ifname)) {
		steer->info.pass_only = fs_steer_pins_has(&steer->pins, FS_PIN_PASS);
		steer->info.elsewhere = is_elsewhere(steer);
		return 0;
	}
	err = fs_steer_iface_get(&iface, ifname, &steer->log);
	if (err)
		return err;
	if (!fs_steer_pins_has(&steer->pins, FS_PIN_PASS))
		return open_attached(steer, &iface, any);
	if (!any)
		return -ENOENT;
	steer->info.pass_only = true;
	err = describe(steer, &iface, &program);
	steer->info.elsewhere = !err && !steer->info.prog_id && is_elsewhere(steer);
	return err;
}

static int open_common(struct fs_steer **out, const char *ifname, const struct fs_logger *log,
		       bool any)
{
	struct fs_steer *steer = calloc(1, sizeof(*steer));
	struct fs_steer_quiet quiet;
	int err;

	if (!steer)
		return -ENOMEM;
	if (log)
		steer->log = *log;
	for (unsigned int i = 0; i < FS_STEER_MAP_COUNT; i++)
		steer->map[i] = -1;
	steer->root_fd = -1;
	snprintf(steer->info.ifname, sizeof(steer->info.ifname), "%.15s", ifname);
	fs_steer_quiet_begin(&quiet, log);
	err = open_pins(steer, ifname, any);
	fs_steer_quiet_end(&quiet);
	if (err) {
		fs_steer_close(steer);
		return err;
	}
	if (steer->root_fd < 0)
		steer->root_fd = open(steer->pins.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*out = steer;
	return 0;
}

static bool is_name(const char *ifname)
{
	return ifname && *ifname && strlen(ifname) < 16 && !strchr(ifname, '/') &&
	       strcmp(ifname, ".") != 0 && strcmp(ifname, "..") != 0;
}

int fs_steer_open(struct fs_steer **out, const char *ifname, const struct fs_logger *log)
{
	struct fs_steer_iface iface;

	/* For its sentence: without the interface nothing can be attached later. */
	if (!is_name(ifname))
		return fs_steer_iface_get(&iface, ifname, log);
	return open_common(out, ifname, log, false);
}

int fs_steer_open_any(struct fs_steer **out, const char *ifname, const struct fs_logger *log)
{
	struct fs_steer_iface iface;

	if (!is_name(ifname))
		return fs_steer_iface_get(&iface, ifname, log);
	return open_common(out, ifname, log, true);
}

void fs_steer_close(struct fs_steer *steer)
{
	if (!steer)
		return;
	fs_steer_maps_close(steer);
	if (steer->root_fd >= 0)
		close(steer->root_fd);
	free(steer);
}

int fs_steer_refresh(struct fs_steer *steer)
{
	struct fs_steer_iface iface;
	int err = fs_steer_iface_get(&iface, steer->info.ifname, &steer->log);

	if (err || iface.ifindex != steer->info.ifindex)
		return err;
	return update_config(steer, &iface);
}

int fs_steer_info(struct fs_steer *steer, struct fs_steer_info *info)
{
	*info = steer->info;
	return 0;
}

const struct fs_config *fs_steer_config(const struct fs_steer *steer)
{
	return &steer->config;
}

const struct fs_logger *fs_steer_log(const struct fs_steer *steer)
{
	return &steer->log;
}

const char *fs_steer_dir(const struct fs_steer *steer)
{
	return steer->pins.dir;
}

/*
 * By one descriptor, open from the first time on: a thread of the library takes the lock, too,
 * and what it opened would for a moment have a number that the program expects for itself.
 * Without the last interface the root is another's, but so are the maps then.
 */
int fs_steer_lock(struct fs_steer *steer)
{
	if (steer->root_fd < 0) {
		const int fd = fs_steer_pins_lock(&steer->pins);

		if (fd < 0)
			return fd;
		steer->root_fd = fd;
		return 0;
	}
	while (flock(steer->root_fd, LOCK_EX))
		if (errno != EINTR)
			return -errno;
	return 0;
}

void fs_steer_unlock(struct fs_steer *steer)
{
	flock(steer->root_fd, LOCK_UN);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_iface_dir(const struct dirent *entry)
{
	return is_name(entry->d_name);
}

int fs_steer_iface_name(unsigned int index, char name[16])
{
	char root[FS_STEER_PATH_MAX];
	struct dirent **names;
	int n, err;

	err = fs_steer_bpffs_root(root, false, NULL);
	if (err)
		return err;
	n = scandir(root, &names, is_iface_dir, compare_names);
	if (n < 0)
		return errno == EACCES ? -EPERM : -ENOENT;
	err = (int)index < n ? 0 : -ENOENT;
	if (!err)
		snprintf(name, 16, "%.15s", names[index]->d_name);
	while (n-- > 0)
		free(names[n]);
	free(names);
	return err;
}
