/* SPDX-License-Identifier: BSD-2-Clause */
/* objects.h - the BPF objects that object.S carries. */
#ifndef FS_STEER_OBJECTS_H
#define FS_STEER_OBJECTS_H

#include <bpf/libbpf.h>

enum fs_steer_object {
	FS_STEER_OBJECT_USER = 0,	/* with the program array for users' answers */
	FS_STEER_OBJECT_PLAIN,
	FS_STEER_OBJECT_PASS,
	FS_STEER_OBJECT_COUNT
};

/*
 * Open an object, not loaded yet, whose maps are to be pinned under, or are
 * taken from, @pin_dir. -errno; the caller closes it.
 */
int fs_steer_object_open(struct bpf_object **out, enum fs_steer_object which,
			 const char *pin_dir);

/* Its one program. */
struct bpf_program *fs_steer_object_program(struct bpf_object *object);

#endif
