// SPDX-License-Identifier: BSD-2-Clause
/*
 * program.c - look through libxdp's dispatcher, if there is one, for ours.
 *
 * Ours is the pinned program or, when xdp-loader attached it and pinned only
 * the maps, the one that uses the pinned rules map. To follow ids to programs
 * takes CAP_SYS_ADMIN; without it the pinned program's id must do, and where
 * that does not decide, "unsure" says so.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "bpf/fs_abi.h"
#include "steer/program.h"

enum {
	MAP_IDS_MAX = 32,
};

/* What identifies ours. */
struct mark {
	uint32_t prog_id;
	uint32_t rules_id;
};

uint32_t fs_steer_program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

uint32_t fs_steer_program_pinned_id(const struct fs_steer_pins *pins)
{
	int fd = fs_steer_pins_open(pins, FS_PIN_PROGRAM);
	uint32_t id;

	if (fd < 0)
		fd = fs_steer_pins_open(pins, FS_PIN_PASS);
	if (fd < 0)
		return 0;
	id = fs_steer_program_id(fd);
	close(fd);
	return id;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static struct mark mark_of(const struct fs_steer_pins *pins)
{
	struct mark mark = { 0 };
	int fd;

	fd = fs_steer_pins_open(pins, FS_PIN_PROGRAM);
	if (fd < 0)
		fd = fs_steer_pins_open(pins, FS_PIN_PASS);
	if (fd >= 0) {
		mark.prog_id = fs_steer_program_id(fd);
		close(fd);
	}
	fd = fs_steer_pins_open(pins, FS_MAP_RULES);
	if (fd >= 0) {
		mark.rules_id = map_id(fd);
		close(fd);
	}
	return mark;
}

static bool is_ours(int fd, const struct mark *mark)
{
	uint32_t ids[MAP_IDS_MAX];
	struct bpf_prog_info info = {
		.nr_map_ids = MAP_IDS_MAX,
		.map_ids = (uintptr_t)ids,
	};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	if (mark->prog_id && info.id == mark->prog_id)
		return true;
	if (!mark->rules_id || strcmp(info.name, FS_PROG_NAME) != 0)
		return false;
	for (uint32_t i = 0; i < MIN(info.nr_map_ids, (uint32_t)MAP_IDS_MAX); i++)
		if (ids[i] == mark->rules_id)
			return true;
	return false;
}

static struct xdp_program *find_ours(struct xdp_multiprog *multi, const struct mark *mark)
{
	struct xdp_program *program = NULL;

	if (xdp_multiprog__is_legacy(multi)) {
		program = xdp_multiprog__main_prog(multi);
		return program && is_ours(xdp_program__fd(program), mark) ? program : NULL;
	}
	while ((program = xdp_multiprog__next_prog(program, multi)))
		if (is_ours(xdp_program__fd(program), mark))
			return program;
	return NULL;
}

static void look_inside(struct fs_steer_program *out, uint32_t ifindex, const struct mark *mark)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *program;

	if (libxdp_get_error(multi)) {
		out->unsure = !out->ours;
		out->ours = out->ours ? out->ours : mark->prog_id;
		return;
	}
	out->is_dispatcher = !xdp_multiprog__is_legacy(multi);
	program = find_ours(multi, mark);
	if (program)
		out->ours = xdp_program__id(program);
	program = xdp_multiprog__main_prog(multi);
	if (program && xdp_program__name(program))
		snprintf(out->name, sizeof(out->name), "%s", xdp_program__name(program));
	xdp_multiprog__close(multi);
}

int fs_steer_program_get(struct fs_steer_program *out, uint32_t ifindex,
			 const struct fs_steer_pins *pins)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	const struct mark mark = mark_of(pins);
	struct fs_steer_program program = { .name = "?" };

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return -errno;
	program.skb_mode = query.attach_mode == XDP_ATTACHED_SKB;
	program.id = query.drv_prog_id ? query.drv_prog_id :
		     query.skb_prog_id ? query.skb_prog_id : query.prog_id;
	/* Both at once: look at the one that is ours. */
	if (mark.prog_id && query.skb_prog_id == mark.prog_id) {
		program.id = mark.prog_id;
		program.skb_mode = true;
	}
	if (mark.prog_id && program.id == mark.prog_id)
		program.ours = mark.prog_id;
	if (program.id)
		look_inside(&program, ifindex, &mark);
	if (program.unsure && !program.ours && mark.rules_id)
		program.ours = program.id;
	*out = program;
	return 0;
}

static int detach_from_dispatcher(uint32_t ifindex, const struct mark *mark)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *program;
	int err = (int)libxdp_get_error(multi);

	if (err)
		return err;
	program = find_ours(multi, mark);
	if (!program)
		err = -ENOENT;
	else
		err = xdp_program__detach(program, (int)ifindex,
					  xdp_multiprog__attach_mode(multi), 0);
	xdp_multiprog__close(multi);
	return err;
}

int fs_steer_program_detach(const struct fs_steer_program *program, uint32_t ifindex,
			    const struct fs_steer_pins *pins)
{
	const uint32_t flags = program->skb_mode ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	const struct mark mark = mark_of(pins);
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int fd, err;

	if (program->is_dispatcher)
		return detach_from_dispatcher(ifindex, &mark);
	fd = mark.prog_id == program->id ? fs_steer_pins_open(pins, FS_PIN_PROGRAM) :
					   bpf_prog_get_fd_by_id(program->id);
	if (fd == -ENOENT)
		fd = fs_steer_pins_open(pins, FS_PIN_PASS);
	if (fd < 0)
		return -EPERM;
	opts.old_prog_fd = fd;
	err = bpf_xdp_detach((int)ifindex, flags | XDP_FLAGS_REPLACE, &opts) ? -errno : 0;
	close(fd);
	return err;
}
