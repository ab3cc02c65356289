/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * door.h - how a call of libc's name becomes one of the socket door.
 *
 * FS_DOOR defines a function under a C name of our own and gives it libc's
 * name for the linker only: libc's headers have attributes, unions and macros
 * for these names that a definition would have to repeat.
 *
 * A child of vfork() runs in its parent's memory, and a process that filters its
 * system calls must not make any of ours: for them the door does not exist, and every
 * call goes to libc (bypassed).
 */
#ifndef FS_PRELOAD_DOOR_H
#define FS_PRELOAD_DOOR_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include <fastsock/epoll.h>
#include <fastsock/socket.h>

#define FS_DOOR(result, name, ...)					\
	FS_API result door_##name(__VA_ARGS__) __asm__(#name);		\
	result door_##name(__VA_ARGS__)

/* Another name that libc has for the same function. */
#define FS_DOOR_ALIAS(name, target)					\
	FS_API extern __typeof__(door_##target) door_##name __asm__(#name) __attribute__((alias(#target)))

/* What libc, or the next library that interposes it, has under this name. */
#define FS_NEXT(name)							\
	({								\
		static __typeof__(door_##name) *next_;			\
		if (!next_)						\
			next_ = (__typeof__(next_))fs_preload_next(#name);	\
		next_;							\
	})

/* -errno to -1 and errno, which success leaves as it was. */
#define FS_ANSWER(call)							\
	({								\
		int before_ = errno;					\
		fs_preload_answer(call, before_);			\
	})

/* The whole of most calls: of the door's namesake, and no more. */
#define FS_PASS(name, ...)						\
	(fs_preload_bypassed() ? FS_NEXT(name)(__VA_ARGS__) : FS_ANSWER(fs_##name(__VA_ARGS__)))

/* The one place where the library's errors become libc's. */
static inline ssize_t fs_preload_answer(ssize_t result, int before)
{
	errno = result < 0 ? (int)-result : before;
	return result < 0 ? -1 : result;
}

/* The parent's process id since vfork(); 0 when there was none. */
extern __thread pid_t fs_preload_vforked __attribute__((tls_model("initial-exec")));
bool fs_preload_is_vforked(void);

/* syscall.c: the process filters its system calls. */
extern bool fs_preload_shut;

static inline bool fs_preload_bypassed(void)
{
	if (__builtin_expect(__atomic_load_n(&fs_preload_shut, __ATOMIC_RELAXED), 0))
		return true;
	return __builtin_expect(fs_preload_vforked != 0, 0) && fs_preload_is_vforked();
}

void *fs_preload_next(const char *name);

/* libc's end of a process that would have overrun a buffer. */
extern void fs_preload_chk_fail(void) __asm__("__chk_fail") __attribute__((noreturn));

/* exit.c: what the process has to say and to give back before it ends. */
void fs_preload_report(void);

/* env.c: @envp, or a copy with our variables when @path is this program itself. */
char *const *fs_preload_env(const char *path, char *const *envp);
/* env.c: FASTSOCK_WHY as it was at the start; NULL: not wanted. */
extern const char *fs_preload_why;

#endif
