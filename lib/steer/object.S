/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF objects, embedded, so that a program needs no file beside it.
 * Declared in lib/steer/objects.h.
 */
	.section .rodata
	.macro	embed name, file
	.global fs_steer_\name, fs_steer_\name\()_end
	.hidden fs_steer_\name, fs_steer_\name\()_end
	.balign 16
fs_steer_\name:
	.incbin "\file"
fs_steer_\name\()_end:
	.byte 0
	.endm

	embed	object_plain, "fastsock.bpf.o"
	embed	object_user, "fastsock-user.bpf.o"
	embed	object_pass, "pass.bpf.o"
	.section .note.GNU-stack, "", %progbits
