// SPDX-License-Identifier: BSD-2-Clause
/*
 * run_iface.c - the interfaces of `fastsock run`: which, and whose program.
 *
 * What was attached before stays attached. What we attach we detach, when the
 * command has ended and no process receives there any more.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "run.h"

static bool add(struct run *run, const char *name, size_t len)
{
	struct run_iface *iface = &run->ifaces[run->n_ifaces];

	if (len >= sizeof(iface->name)) {
		cmd_fail(0, "\"%.*s\" is no name of an interface", (int)len, name);
		return false;
	}
	for (unsigned int i = 0; i < run->n_ifaces; i++)
		if (strlen(run->ifaces[i].name) == len && !memcmp(run->ifaces[i].name, name, len))
			return true;
	if (run->n_ifaces == RUN_IFACES_MAX) {
		cmd_fail(0, "more than %d interfaces", RUN_IFACES_MAX);
		return false;
	}
	memcpy(iface->name, name, len);
	iface->name[len] = '\0';
	run->n_ifaces++;
	return true;
}

bool run_add_ifaces(struct run *run, const char *list)
{
	while (*list) {
		size_t len = strcspn(list, ", \t");

		if (len && !add(run, list, len))
			return false;
		list += len;
		list += strspn(list, ", \t");
	}
	return true;
}

static bool is_up(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0)
		return false;
	memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
	up = !ioctl(fd, SIOCGIFFLAGS, &request) && request.ifr_flags & IFF_UP &&
	     !(request.ifr_flags & IFF_LOOPBACK);
	close(fd);
	return up;
}

/* Nobody asked for this interface: nobody needs to hear that it cannot. */
static void quiet(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	if (cmd_verbose)
		fprintf(stderr, "fastsock: %s\n", text);
}

static int attach(struct run_iface *iface, bool chosen)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = iface->name,
		.mode = chosen ? FS_CTL_NATIVE : FS_CTL_AUTO, .log = chosen ? quiet : cmd_log);
	int err;

	if (cmd_is_attached(iface->name))
		return 0;
	err = fs_ctl_attach(&opts);
	iface->ours = !err;
	return err == -EEXIST ? 0 : err;
}

/* In native mode or not at all: nobody has asked for a slow one. */
static void attach_all(struct run *run)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_name; i++)
		if (is_up(i->if_name) && add(run, i->if_name, strlen(i->if_name)) &&
		    attach(&run->ifaces[run->n_ifaces - 1], true))
			run->n_ifaces--;
	if (all)
		if_freenameindex(all);
}

void run_choose_ifaces(struct run *run)
{
	char name[16];

	run->chosen = true;
	for (unsigned int i = 0; !fs_ctl_iface_name(i, name); i++)
		if (cmd_is_attached(name))
			add(run, name, strlen(name));
	if (!run->n_ifaces)
		attach_all(run);
	if (!run->n_ifaces)
		fprintf(stderr, "fastsock: warning: no interface here has fastsock or can have it; "
				"the program runs on the kernel's sockets\n");
}

bool run_attach(struct run *run)
{
	for (unsigned int i = 0; i < run->n_ifaces; i++) {
		struct run_iface *iface = &run->ifaces[i];
		int err;

		if (!if_nametoindex(iface->name)) {
			cmd_fail(0, "there is no interface %s", iface->name);
			return false;
		}
		err = attach(iface, false);
		if (err) {
			cmd_fail(err, "%s", iface->name);
			fprintf(stderr, "fastsock: warning: on %s the program uses the kernel's sockets\n",
				iface->name);
		}
	}
	return true;
}

bool run_attached_any(const struct run *run)
{
	for (unsigned int i = 0; i < run->n_ifaces; i++)
		if (run->ifaces[i].ours)
			return true;
	return false;
}

static int copy_living(void *ctx, const struct fs_ctl_slot *slot)
{
	if (!slot->alive)
		return 0;
	*(struct fs_ctl_slot *)ctx = *slot;
	return 1;
}

/* Does a process still receive there? */
static bool is_used(const char *name, struct fs_ctl_slot *slot)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = name, .any = 1, .log = quiet);
	struct fs_ctl *ctl;
	bool used;

	if (fs_ctl_open(&ctl, &opts))
		return false;
	used = fs_ctl_slot_each(ctl, copy_living, slot) == 1;
	fs_ctl_close(ctl);
	return used;
}

void run_detach(struct run *run, bool in_background)
{
	for (unsigned int i = 0; i < run->n_ifaces; i++) {
		const struct run_iface *iface = &run->ifaces[i];
		FS_OPTS(fs_ctl_opts, opts, .ifname = iface->name, .log = cmd_log);
		struct fs_ctl_slot slot = { .sz = sizeof(slot) };
		int err;

		if (!iface->ours)
			continue;
		if (is_used(iface->name, &slot)) {
			fprintf(stderr, "fastsock: %s stays attached: process %u (%s) receives there; "
					"then: fastsock detach %s\n",
				iface->name, slot.pid, slot.comm, iface->name);
			continue;
		}
		if (in_background) {
			fprintf(stderr, "fastsock: %s stays attached: the command goes on in the "
					"background; then: fastsock detach %s\n",
				iface->name, iface->name);
			continue;
		}
		err = fs_ctl_detach(&opts);
		if (err && err != -ENOENT)
			cmd_fail(err, "%s", iface->name);
	}
}
