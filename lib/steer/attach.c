// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach.c - fs_steer_attach(), in this order: look what is there, load the
 * object for itself (which makes and pins the maps), fill the configuration,
 * attach. All under the lock; whatever fails, the pins go again.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer/caps.h"
#include "steer/ladder.h"
#include "steer/program.h"
#include "steer/quiet.h"
#include "steer/steer.h"

/* One fs_steer_attach() on its way. */
struct attempt {
	struct fs_steer_iface iface;
	struct fs_steer_pins pins;
	const struct fs_logger *log;
	enum fs_steer_mode mode;
	bool alone;
	bool pass;		/* the program that passes everything */
	int config_fd;
	struct fs_config config;
};

/* Pins are there. They may go when they are left over. */
static int check_pins(const struct attempt *a, uint32_t prog_id)
{
	struct fs_config config = { 0 };
	char where[64];
	int fd = fs_steer_pins_open(&a->pins, FS_MAP_CONFIG);
	int runs;

	if (fd >= 0) {
		fs_steer_config_read(fd, &config);
		close(fd);
	}
	if (!config.ifindex || config.netns == a->iface.netns)
		return 0;
	runs = fs_steer_iface_runs_elsewhere(config.netns, config.ifindex, prog_id, where,
					     sizeof(where));
	if (!runs)
		return 0;
	return fs_base_fail(a->log, -EBUSY,
		"%s: an interface of that name in another network namespace (%s) holds %s; detach it "
		"there, or set FASTSOCK_PIN_ROOT to another directory of a BPF file system",
		a->iface.name, *where ? where : "unknown", a->pins.dir);
}

static int refuse_foreign(const struct attempt *a, const struct fs_steer_program *there)
{
	if (!strncmp(there->name, FS_PROG_NAME, strlen(FS_PROG_NAME)))
		return fs_base_fail(a->log, -EBUSY,
			"%s: a fastsock program (id %u) is attached whose pins are not in %s; if nobody uses "
			"it, remove it: ip link set %s %s off", a->iface.name, there->id, a->pins.dir,
			a->iface.name, there->skb_mode ? "xdpgeneric" : "xdp");
	return fs_base_fail(a->log, -EBUSY,
		"%s: another XDP program, \"%s\" (id %u), is attached and cannot share the interface; it was "
		"left alone. Detach it by its own tool (or: ip link set %s %s off), then try again",
		a->iface.name, there->name, there->id, a->iface.name,
		there->skb_mode ? "xdpgeneric" : "xdp");
}

/* Nothing of ours may be there, and nobody who does not share. */
static int make_room(const struct attempt *a)
{
	struct fs_steer_program there;
	int err;

	err = fs_steer_program_get(&there, a->iface.ifindex, &a->pins);
	if (err)
		return fs_base_fail(a->log, err, "%s: the kernel does not say what is attached: %s",
				    a->iface.name, strerror(-err));
	if (there.ours && fs_steer_pins_has(&a->pins, FS_PIN_PASS))
		return fs_base_fail(a->log, -EEXIST,
			"%s: fastsock's pass program is attached; run `fastsock detach %s` first",
			a->iface.name, a->iface.name);
	if (there.ours)
		return fs_base_fail(a->log, -EEXIST,
			"%s: fastsock is attached already (program id %u); `fastsock status %s` shows it",
			a->iface.name, there.ours, a->iface.name);
	if (!access(a->pins.dir, F_OK)) {
		err = check_pins(a, fs_steer_program_pinned_id(&a->pins));
		if (err)
			return err;
		fs_base_log(a->log, FS_LOG_INFO,
			    "%s: removing what an earlier program left behind in %s", a->iface.name,
			    a->pins.dir);
		err = fs_steer_pins_clear(&a->pins);
		if (err)
			return fs_base_fail(a->log, err, "%s cannot be removed: %s", a->pins.dir,
					    strerror(-err));
	}
	if (there.id && (!there.is_dispatcher || a->alone))
		return refuse_foreign(a, &there);
	return 0;
}

/* Load without attaching: the program is verified, the maps are pinned. */
static int load(const struct attempt *a, struct bpf_object **out, enum fs_steer_object *which)
{
	struct bpf_object *object;
	int err;

	*which = a->pass ? FS_STEER_OBJECT_PASS : FS_STEER_OBJECT_USER;
	for (;;) {
		err = fs_steer_object_open(&object, *which, a->pins.dir);
		if (err)
			break;
		err = bpf_object__load(object);
		if (!err) {
			*out = object;
			return 0;
		}
		bpf_object__close(object);
		if (*which != FS_STEER_OBJECT_USER || err == -EPERM)
			break;
		*which = FS_STEER_OBJECT_PLAIN;
	}
	if (err == -EPERM || err == -EACCES)
		return fs_base_fail(a->log, -EPERM,
			"%s: the kernel does not let this process load BPF programs (%s); it takes CAP_BPF, "
			"CAP_NET_ADMIN and CAP_PERFMON outside of any user namespace", a->iface.name,
			strerror(-err));
	if (err == -ENOMEM)
		return fs_base_fail(a->log, err, "%s: no memory for the program's maps; a memory "
				    "cgroup may be too small", a->iface.name);
	return fs_base_fail(a->log, err == -EINVAL ? -EOPNOTSUPP : err,
		"%s: this kernel does not load the program (%s); it takes Linux 6.1 or later with "
		"CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS; FASTSOCK_LOG=debug shows the verifier's words",
		a->iface.name, strerror(-err));
}

/* The pass program has no maps; its config only says whose pins these are. */
static int open_config(struct attempt *a)
{
	int err;

	if (!a->pass)
		a->config_fd = fs_steer_pins_open(&a->pins, FS_MAP_CONFIG);
	else
		a->config_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, FS_MAP_CONFIG, sizeof(uint32_t),
					      sizeof(struct fs_config), 1, NULL);
	if (a->config_fd < 0)
		return a->pass ? -errno : a->config_fd;
	err = a->pass ? fs_steer_pins_add(&a->pins, FS_MAP_CONFIG, a->config_fd) : 0;
	return err ? err : fs_steer_config_make(&a->config, &a->iface, false);
}

static int attach_in_mode(struct attempt *a, struct fs_steer_ladder *ladder, bool skb_mode)
{
	int err;

	fs_steer_config_refresh(&a->config, &a->iface, skb_mode);
	err = fs_steer_config_write(a->config_fd, &a->config);
	if (err)
		return err;
	return fs_steer_ladder_attach(ladder, skb_mode, a->pass ? FS_PIN_PASS : FS_PIN_PROGRAM);
}

static bool is_about_mtu(int err, const char *said)
{
	return err == -ERANGE || strcasestr(said, "mtu");
}

/* What the other mode would not cure. */
static bool is_final(int err, const char *said)
{
	return err == -EBUSY || err == -EEXIST || err == -EPERM || err == -EACCES ||
	       err == -ENOMEM || err == -ENODEV || is_about_mtu(err, said);
}

static int explain(const struct attempt *a, int err, const char *said)
{
	const char *name = a->iface.name;

	if (is_about_mtu(err, said))
		return fs_base_fail(a->log, -EMSGSIZE,
			"%s: an MTU is too large for XDP, which takes packets of one buffer (this interface's "
			"is %u; on veth the peer's counts)%s; most drivers take up to 3498, some 3046 or "
			"1500: ip link set %s mtu 1500", name, a->iface.mtu, said, name);
	if (err == -EBUSY || err == -EEXIST)
		return fs_base_fail(a->log, -EBUSY,
			"%s: another XDP program is attached and cannot share the interface%s; it was left "
			"alone. `ip link show %s` names it; detach it by its own tool, then try again",
			name, said, name);
	if (err == -EPERM || err == -EACCES)
		return fs_base_fail(a->log, -EPERM,
			"%s: the kernel does not let this process attach (%s); it takes CAP_NET_ADMIN in the "
			"interface's network namespace", name, strerror(-err));
	if (err == -ENOSPC)
		return fs_base_fail(a->log, err,
			"%s: too few queues for native XDP%s; give it more receive queues, or its veth peer "
			"fewer transmit queues: ethtool -L PEER tx %u", name, said, a->iface.queues);
	if (err == -EOPNOTSUPP || err == -EINVAL)
		return fs_base_fail(a->log, -EOPNOTSUPP,
			"%s: driver %s does not run XDP %s%s%s", name, a->iface.driver,
			a->mode == FS_STEER_SKB ? "programs" : "natively", said,
			a->pass || a->mode == FS_STEER_SKB ? "" :
			"; `fastsock attach --mode skb` runs it slower, in the kernel's generic mode");
	return fs_base_fail(a->log, err, "%s: attaching failed: %s%s", name, strerror(-err), said);
}

static int climb(struct attempt *a, struct fs_steer_ladder *ladder)
{
	int err = -EOPNOTSUPP;

	if (a->mode != FS_STEER_SKB)
		err = attach_in_mode(a, ladder, false);
	if (err && a->mode == FS_STEER_AUTO && !is_final(err, ladder->said)) {
		fs_base_log(a->log, FS_LOG_WARN,
			"%s: driver %s does not run XDP natively (%s%s): using the kernel's generic mode, which "
			"is slower", a->iface.name, a->iface.driver, strerror(-err), ladder->said);
		a->mode = FS_STEER_SKB;
	}
	if (err && a->mode == FS_STEER_SKB)
		err = attach_in_mode(a, ladder, true);
	return err ? explain(a, err, ladder->said) : 0;
}

static int attach_loaded(struct attempt *a, struct bpf_object *object, enum fs_steer_object which)
{
	struct fs_steer_ladder ladder = {
		.iface = &a->iface,
		.pins = &a->pins,
		.log = a->log,
		.loaded = object,
		.object = which,
		.alone = a->alone,
	};
	int err = open_config(a);

	if (err)
		return fs_base_fail(a->log, err, "%s: its configuration cannot be pinned: %s",
				    a->iface.name, strerror(-err));
	err = climb(a, &ladder);
	if (!err && ladder.object == FS_STEER_OBJECT_PLAIN && which != ladder.object)
		fs_base_log(a->log, FS_LOG_INFO,
			"%s: libxdp cannot chain a program with tail calls on this kernel, so users' own "
			"answer programs are not available; `fastsock attach --alone` makes them so",
			a->iface.name);
	if (!err && ladder.object == FS_STEER_OBJECT_PLAIN)
		fs_steer_pins_del(&a->pins, FS_MAP_ANSWERS);
	if (a->config_fd >= 0)
		close(a->config_fd);
	return err;
}

static int attach_locked(struct attempt *a)
{
	enum fs_steer_object which;
	struct bpf_object *object = NULL;
	int err;

	err = make_room(a);
	if (err)
		return err;
	if (mkdir(a->pins.dir, 0700))
		return fs_base_fail(a->log, -errno, "%s cannot be created: %s", a->pins.dir,
				    strerror(errno));
	err = load(a, &object, &which);
	if (!err) {
		err = attach_loaded(a, object, which);
		bpf_object__close(object);
	}
	if (err)
		fs_steer_pins_remove(&a->pins);
	return err;
}

static int attach(struct attempt *a, const char *ifname)
{
	struct fs_steer_quiet quiet;
	int lock, err;

	err = fs_steer_iface_get(&a->iface, ifname, a->log);
	if (err)
		return err;
	err = fs_steer_caps_check(ifname, a->log);
	if (err)
		return err;
	err = fs_steer_pins_find(&a->pins, ifname, true, a->log);
	if (err)
		return err;
	lock = fs_steer_pins_lock(&a->pins);
	if (lock < 0)
		return fs_base_fail(a->log, lock, "%s cannot be locked: %s; it takes root",
				    a->pins.root, strerror(-lock));
	fs_steer_quiet_begin(&quiet, a->log);
	err = attach_locked(a);
	fs_steer_quiet_end(&quiet);
	if (err)
		rmdir(a->pins.root);	/* not when it is in use */
	close(lock);
	return err;
}

int fs_steer_attach(const char *ifname, enum fs_steer_mode mode, const struct fs_logger *log)
{
	struct attempt a = {
		.log = log,
		.mode = mode & ~FS_STEER_ALONE,
		.alone = mode & FS_STEER_ALONE,
		.config_fd = -1,
	};
	int err = attach(&a, ifname);

	/* In skb mode the kernel transmits them as any packet. */
	if (!err && !strcmp(a.iface.driver, "veth") && !(a.config.flags & FS_CONFIG_F_SKB_MODE))
		fs_base_log(log, FS_LOG_INFO,
			"%s: it is a veth: answers by XDP reach the peer only if that has a native XDP program, "
			"too; where the peer is, run `fastsock attach --pass PEER`", ifname);
	return err;
}

int fs_steer_attach_pass(const char *ifname, const struct fs_logger *log)
{
	struct attempt a = {
		.log = log,
		.mode = FS_STEER_NATIVE,
		.pass = true,
		.config_fd = -1,
	};

	return attach(&a, ifname);
}
