// SPDX-License-Identifier: BSD-2-Clause
/*
 * libc.c - finds them, at the first call or when the library is loaded.
 */
#include "sock/libc.h"

#include <dlfcn.h>

struct fs_libc fs_libc_calls;

/* ISO C has no conversion from void * to a function; POSIX says that this is one. */
static void resolve(void *field, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(field, &symbol, sizeof(symbol));
}

#define FS_LIBC_RESOLVE(ret, name, args) resolve(&fs_libc_calls.name, #name);

/* Twice is as good as once. */
void fs_libc_resolve(void)
{
	FS_LIBC_CALLS(FS_LIBC_RESOLVE)
	__atomic_store_n(&fs_libc_calls.resolved, true, __ATOMIC_RELEASE);
}

__attribute__((constructor)) static void at_load(void)
{
	fs_libc();
}
