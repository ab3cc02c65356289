// SPDX-License-Identifier: BSD-2-Clause
/*
 * objects.c - open the embedded objects.
 *
 * The program's expected attach type is 0, not BPF_XDP: the program array
 * belongs to the type of its first user, and a program that libxdp chains
 * (an extension) has 0.
 */
#include <errno.h>

#include "base/types.h"
#include "steer/objects.h"

extern const char fs_steer_object_plain[], fs_steer_object_plain_end[];
extern const char fs_steer_object_user[], fs_steer_object_user_end[];
extern const char fs_steer_object_pass[], fs_steer_object_pass_end[];

static const struct {
	const char *name, *start, *end;
} objects[FS_STEER_OBJECT_COUNT] = {
	[FS_STEER_OBJECT_USER] = {
		"fastsock_user", fs_steer_object_user, fs_steer_object_user_end },
	[FS_STEER_OBJECT_PLAIN] = {
		"fastsock_plain", fs_steer_object_plain, fs_steer_object_plain_end },
	[FS_STEER_OBJECT_PASS] = {
		"fastsock_pass", fs_steer_object_pass, fs_steer_object_pass_end },
};

struct bpf_program *fs_steer_object_program(struct bpf_object *object)
{
	return bpf_object__next_program(object, NULL);
}

int fs_steer_object_open(struct bpf_object **out, enum fs_steer_object which,
			 const char *pin_dir)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		.object_name = objects[which].name,
		.pin_root_path = pin_dir);
	struct bpf_object *object;

	object = bpf_object__open_mem(objects[which].start,
				      (size_t)(objects[which].end - objects[which].start), &opts);
	if (!object)
		return -errno;
	if (!fs_steer_object_program(object)) {
		bpf_object__close(object);
		return -ENOEXEC;
	}
	bpf_program__set_expected_attach_type(fs_steer_object_program(object), 0);
	*out = object;
	return 0;
}
