// SPDX-License-Identifier: BSD-2-Clause
/*
 * ctl.c - the public face of lib/steer: attach, detach, look.
 *
 * Public structs repeat what bpf/fs_abi.h says, so that the public header
 * needs nothing of bpf/; the asserts keep both the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctl.h"

_Static_assert(FS_CTL_PASS == (int)FS_ACTION_PASS, "action");
_Static_assert(FS_CTL_STEER == (int)FS_ACTION_STEER, "action");
_Static_assert(FS_CTL_ANSWER == (int)FS_ACTION_ANSWER, "action");
_Static_assert(FS_CTL_DROP == (int)FS_ACTION_DROP, "action");
_Static_assert(FS_CTL_AUTO == (int)FS_STEER_AUTO, "mode");
_Static_assert(FS_CTL_NATIVE == (int)FS_STEER_NATIVE, "mode");
_Static_assert(FS_CTL_SKB == (int)FS_STEER_SKB, "mode");

static int take_opts(struct fs_ctl_opts *opts, struct fs_logger *log,
		     const struct fs_ctl_opts *user)
{
	if (!user || !user->sz)
		return -EINVAL;
	*opts = (struct fs_ctl_opts){ 0 };
	memcpy(opts, user, MIN(user->sz, sizeof(*opts)));
	*log = (struct fs_logger){ .fn = opts->log, .ctx = opts->log_ctx };
	return opts->mode > FS_CTL_SKB ? -EINVAL : 0;
}

int fs_ctl_attach(const struct fs_ctl_opts *user)
{
	struct fs_ctl_opts opts;
	struct fs_logger log;
	enum fs_steer_mode mode;
	int err = take_opts(&opts, &log, user);

	if (err)
		return err;
	if (opts.pass)
		return fs_steer_attach_pass(opts.ifname, &log);
	mode = (enum fs_steer_mode)opts.mode;
	return fs_steer_attach(opts.ifname, opts.alone ? mode | FS_STEER_ALONE : mode, &log);
}

int fs_ctl_detach(const struct fs_ctl_opts *user)
{
	struct fs_ctl_opts opts;
	struct fs_logger log;
	int err = take_opts(&opts, &log, user);

	return err ? err : fs_steer_detach(opts.ifname, &log);
}

static int fail_not_attached(const struct fs_ctl *ctl, const char *ifname)
{
	struct fs_steer_info info = { 0 };
	struct fs_steer *steer;

	if (!fs_steer_open_any(&steer, ifname, &ctl->log)) {
		fs_steer_info(steer, &info);
		fs_steer_close(steer);
	}
	if (info.pass_only)
		return fs_base_fail(&ctl->log, -ENOENT,
			"%s: only the pass program is attached there; detach it, then run `fastsock attach %s`",
			ifname, ifname);
	if (info.ifname[0])
		return fs_base_fail(&ctl->log, -ENOENT,
			"%s: its XDP program was removed, only pins are left; run `fastsock attach %s` to start "
			"afresh, or `fastsock detach %s` to clear up", ifname, ifname, ifname);
	return fs_base_fail(&ctl->log, -ENOENT,
		"%s: no fastsock program is attached; run `fastsock attach %s`", ifname, ifname);
}

int fs_ctl_open(struct fs_ctl **out, const struct fs_ctl_opts *user)
{
	struct fs_logger quiet = { .fn = fs_log_stderr };
	struct fs_ctl_opts opts;
	struct fs_ctl *ctl;
	int err;

	err = take_opts(&opts, &quiet, user);
	if (err)
		return err;
	ctl = calloc(1, sizeof(*ctl));
	if (!ctl)
		return -ENOMEM;
	ctl->log = quiet;
	if (opts.any)
		err = fs_steer_open_any(&ctl->steer, opts.ifname, &ctl->log);
	else
		err = fs_steer_open(&ctl->steer, opts.ifname, &ctl->log);
	if (err == -ENOENT && !opts.any)
		err = fail_not_attached(ctl, opts.ifname);
	if (err) {
		free(ctl);
		return err;
	}
	fs_steer_info(ctl->steer, &ctl->info);
	*out = ctl;
	return 0;
}

void fs_ctl_close(struct fs_ctl *ctl)
{
	if (!ctl)
		return;
	fs_steer_close(ctl->steer);
	free(ctl);
}

int fs_ctl_need_maps(const struct fs_ctl *ctl)
{
	return fs_steer_map(ctl->steer, FS_MAP_RULES) < 0 ? -ENOENT : 0;
}

int fs_ctl_iface_name(unsigned int index, char name[16])
{
	return fs_steer_iface_name(index, name);
}

static enum fs_ctl_state state_of(const struct fs_steer_info *info)
{
	if (info->elsewhere)
		return FS_CTL_ELSEWHERE;
	if (!info->prog_id || !info->ifindex)
		return FS_CTL_STALE;
	return info->pass_only ? FS_CTL_PASS_ONLY : FS_CTL_ATTACHED;
}

int fs_ctl_info(struct fs_ctl *ctl, struct fs_ctl_info *user)
{
	const struct fs_steer_info *info = &ctl->info;
	struct fs_ctl_info out = {
		.ifindex = info->ifindex,
		.state = state_of(info),
		.prog_id = info->prog_id,
		.skb_mode = info->skb_mode,
		.dispatcher = info->dispatcher,
		.user_answers = info->user_answers,
		.queues = info->queues,
		.mtu = info->mtu,
	};

	if (!user->sz)
		return -EINVAL;
	out.sz = user->sz;
	memcpy(out.ifname, info->ifname, sizeof(out.ifname));
	memcpy(out.driver, info->driver, sizeof(out.driver));
	out.slots = fs_steer_slot_count(ctl->steer);
	out.forwards = info->ifindex && !(fs_steer_config(ctl->steer)->flags & FS_CONFIG_F_HOST);
	snprintf(out.pins, sizeof(out.pins), "%s", fs_steer_dir(ctl->steer));
	memcpy(out.netns, info->where, sizeof(out.netns));
	memcpy(user, &out, MIN(user->sz, sizeof(out)));
	return 0;
}

int fs_ctl_slot_each(struct fs_ctl *ctl, fs_ctl_slot_fn *fn, void *ctx)
{
	if (fs_ctl_need_maps(ctl))
		return 0;
	for (uint32_t i = 0; i < fs_steer_slot_count(ctl->steer); i++) {
		struct fs_ctl_slot out = { .sz = sizeof(out), .index = i };
		struct fs_slot slot;
		int alive = fs_steer_slot_get(ctl->steer, i, &slot), end;

		if (alive < 0)
			return alive;
		if (!slot.pid)
			continue;
		out.pid = slot.pid;
		out.alive = alive;
		out.queues = slot.queues;
		out.zerocopy = slot.zerocopy;
		out.frame_max = slot.frame_max;
		snprintf(out.comm, sizeof(out.comm), "%.15s", slot.comm);
		end = fn(ctx, &out);
		if (end)
			return end;
	}
	return 0;
}
