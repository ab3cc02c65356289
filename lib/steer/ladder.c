// SPDX-License-Identifier: BSD-2-Clause
/*
 * ladder.c - attach one program in one mode:
 *
 *   1. by libxdp, the object with users' answers. Where the kernel has no
 *      freplace, libxdp attaches it alone.
 *   2. by libxdp, the plain object: libxdp before 1.5.5 cannot chain a program
 *      with tail calls on Linux 6.12 and later.
 *   3. alone, the object that was loaded for itself. Only if nothing is there.
 *
 * libxdp loads an object of its own each time, because a program in its chain
 * is of another type; all of them use the same pinned maps.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "steer/ladder.h"
#include "steer/quiet.h"

static int attach_chained(struct fs_steer_ladder *ladder, enum fs_steer_object which,
			  bool skb_mode, const char *pin)
{
	enum xdp_attach_mode mode = skb_mode ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	int ifindex = (int)ladder->iface->ifindex;
	struct xdp_program *program;
	struct bpf_object *object;
	int err;

	err = fs_steer_object_open(&object, which, ladder->pins->dir);
	if (err)
		return err;
	program = xdp_program__from_bpf_obj(object, "xdp");
	err = (int)libxdp_get_error(program);
	if (err)
		goto out_object;
	err = xdp_program__attach(program, ifindex, mode, 0);
	if (!err) {
		err = fs_steer_pins_add(ladder->pins, pin, xdp_program__fd(program));
		if (err)
			xdp_program__detach(program, ifindex, mode, 0);
	}
	xdp_program__close(program);
out_object:
	bpf_object__close(object);
	return err;
}

static int attach_alone(struct fs_steer_ladder *ladder, bool skb_mode, const char *pin)
{
	const uint32_t flags = skb_mode ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int fd = bpf_program__fd(fs_steer_object_program(ladder->loaded));
	int ifindex = (int)ladder->iface->ifindex;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = fd);
	int err;

	if (bpf_xdp_attach(ifindex, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL))
		return -errno;
	err = fs_steer_pins_add(ladder->pins, pin, fd);
	if (err)
		bpf_xdp_detach(ifindex, flags | XDP_FLAGS_REPLACE, &opts);
	return err;
}

int fs_steer_ladder_attach(struct fs_steer_ladder *ladder, bool skb_mode, const char *pin)
{
	enum fs_steer_object best = ladder->object;
	int err = -ENOTSUP;

	if (!ladder->alone) {
		err = attach_chained(ladder, best, skb_mode, pin);
		if (err && err != -EBUSY && best == FS_STEER_OBJECT_USER) {
			ladder->object = FS_STEER_OBJECT_PLAIN;
			err = attach_chained(ladder, ladder->object, skb_mode, pin);
		}
	}
	if (err && err != -EBUSY) {
		fs_steer_quiet_said();
		ladder->object = best;
		err = attach_alone(ladder, skb_mode, pin);
	}
	if (err)
		snprintf(ladder->said, sizeof(ladder->said), "%s", fs_steer_quiet_said());
	return err;
}
