// SPDX-License-Identifier: BSD-2-Clause
/*
 * io.c - libc's calls that read and write whatever a descriptor is, and what
 * _FORTIFY_SOURCE makes of them. pread() and pwrite() are not here: on a
 * socket they fail, and the twin is one.
 */
#include "door.h"

_Static_assert(sizeof(off_t) == 8, "sendfile64() is sendfile()");

FS_DOOR(ssize_t, read, int fd, void *data, size_t len)
{
	return FS_PASS(read, fd, data, len);
}

FS_DOOR_ALIAS(__read, read);

FS_DOOR(ssize_t, readv, int fd, const struct iovec *iov, int n)
{
	return FS_PASS(readv, fd, iov, n);
}

FS_DOOR(ssize_t, write, int fd, const void *data, size_t len)
{
	return FS_PASS(write, fd, data, len);
}

FS_DOOR_ALIAS(__write, write);

FS_DOOR(ssize_t, writev, int fd, const struct iovec *iov, int n)
{
	return FS_PASS(writev, fd, iov, n);
}

FS_DOOR(ssize_t, sendfile, int out, int in, off_t *offset, size_t len)
{
	return FS_PASS(sendfile, out, in, offset, len);
}

FS_DOOR_ALIAS(sendfile64, sendfile);

FS_DOOR(ssize_t, splice, int in, off_t *in_offset, int out, off_t *out_offset, size_t len,
	unsigned int flags)
{
	return FS_PASS(splice, in, in_offset, out, out_offset, len, flags);
}

FS_DOOR(ssize_t, __read_chk, int fd, void *data, size_t len, size_t size)
{
	if (len > size)
		fs_preload_chk_fail();
	return FS_PASS(read, fd, data, len);
}
