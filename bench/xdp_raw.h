/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp_raw.h - load one of the bench's XDP objects and attach it in native
 * mode by a bpf_link, which the kernel takes away with the process however it
 * ends. Objects are looked for beside the executable.
 */
#ifndef FS_BENCH_XDP_RAW_H
#define FS_BENCH_XDP_RAW_H

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

static inline unsigned int xdp_raw_ifindex(const char *ifname)
{
	unsigned int ifindex = if_nametoindex(ifname);

	if (!ifindex)
		err(1, "interface %s", ifname);
	return ifindex;
}

static inline struct bpf_object *xdp_raw_open(const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	struct bpf_object *object;

	if (len < 0)
		err(1, "/proc/self/exe");
	dir[len] = 0;
	*strrchr(dir, '/') = 0;
	snprintf(path, sizeof(path), "%s/%s.bpf.o", dir, name);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		err(1, "%s", path);
	return object;
}

static inline void xdp_raw_load(struct bpf_object *object)
{
	if (bpf_object__load(object))
		err(1, "loading the XDP program");
}

/* The link lives as long as the process: its fd is never closed. */
static inline void xdp_raw_attach(struct bpf_object *object, const char *prog, unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct bpf_program *program = bpf_object__find_program_by_name(object, prog);

	if (!program)
		errx(1, "the object has no program %s", prog);
	if (bpf_link_create(bpf_program__fd(program), (int)ifindex, BPF_XDP, &opts) < 0)
		err(1, "attaching %s in native mode", prog);
}

static inline void xdp_raw_put_socket(struct bpf_object *object, int fd, uint32_t queue)
{
	int map = bpf_object__find_map_fd_by_name(object, "xsks");

	if (map < 0 || bpf_map_update_elem(map, &queue, &fd, 0))
		err(1, "putting the socket into the XSKMAP");
}

#endif
