// SPDX-License-Identifier: BSD-2-Clause
/*
 * vfork.c - a child in its parent's memory, and the way past this library.
 *
 *	parent	vfork() -> remember our pid -> libc's vfork()
 *	child	any call: another pid than remembered, so to libc
 *	parent	first call afterwards: the remembered pid, so forget it
 *
 * Only the thread that called vfork() stands still meanwhile, so that the mark
 * is the thread's. libc's vfork() must return to our caller and not to us,
 * whose frame the child would destroy: it is entered by a jump.
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "door.h"

__thread pid_t fs_preload_vforked __attribute__((tls_model("initial-exec")));

void *fs_preload_next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

bool fs_preload_is_vforked(void)
{
	if (getpid() != fs_preload_vforked)
		return true;
	fs_preload_vforked = 0;
	return false;
}

/* Entered from the assembly below. */
__attribute__((used, visibility("hidden"))) void *fs_preload_before_vfork(void);

void *fs_preload_before_vfork(void)
{
	static void *next;
	int before = errno;

	if (!next)
		next = fs_preload_next("vfork");
	/* A child that calls vfork() again stays a child. */
	if (!fs_preload_bypassed())
		fs_preload_vforked = getpid();
	errno = before;
	return next;
}

#if defined(__x86_64__)
#define VFORK								\
	"	sub $8, %rsp\n"						\
	"	call fs_preload_before_vfork\n"				\
	"	add $8, %rsp\n"						\
	"	jmp *%rax\n"
#define ENTRY	"	endbr64\n"
#elif defined(__aarch64__)
#define VFORK								\
	"	stp x29, x30, [sp, #-16]!\n"				\
	"	bl fs_preload_before_vfork\n"				\
	"	ldp x29, x30, [sp], #16\n"				\
	"	mov x16, x0\n"						\
	"	br x16\n"
#define ENTRY	"	hint #34\n"
#else
#error "vfork() is to be written for this processor"
#endif

__asm__("	.text\n"
	"	.globl vfork, __vfork\n"
	"	.type vfork, %function\n"
	"	.type __vfork, %function\n"
	"vfork:\n"
	"__vfork:\n"
	ENTRY
	VFORK
	"	.size vfork, . - vfork\n"
	"	.size __vfork, . - __vfork\n");
