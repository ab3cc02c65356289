// SPDX-License-Identifier: BSD-2-Clause
/*
 * mock.c - the socket door's calls, for test_calls.c: each writes down that it
 * was called and fails. Linked with the preload library's own objects, so that
 * what they call is seen and nothing is opened.
 *
 * The prototypes are not those of the headers, which are not included: only
 * names matter, and a result that fits in a word.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define EXPORT __attribute__((visibility("default")))

/* In memory that forked children share: test_calls.c says where. */
EXPORT char *mock_said;

static long said(const char *name)
{
	if (mock_said) {
		strcat(mock_said, name);
		strcat(mock_said, " ");
	}
	return -EXDEV;
}

#define MOCK(name)							\
	long fs_##name(void);						\
	long fs_##name(void)						\
	{								\
		return said("fs_" #name);				\
	}

MOCK(accept)
MOCK(accept4)
MOCK(bind)
MOCK(close_range)
MOCK(connect)
MOCK(dup)
MOCK(dup2)
MOCK(dup3)
MOCK(epoll_create)
MOCK(epoll_create1)
MOCK(epoll_ctl)
MOCK(epoll_pwait)
MOCK(epoll_pwait2)
MOCK(epoll_wait)
MOCK(fcntl)
MOCK(getpeername)
MOCK(getsockname)
MOCK(handoff)
MOCK(ioctl)
MOCK(listen)
MOCK(poll)
MOCK(ppoll)
MOCK(pselect)
MOCK(read)
MOCK(readv)
MOCK(recv)
MOCK(recvfrom)
MOCK(recvmmsg)
MOCK(recvmsg)
MOCK(select)
MOCK(send)
MOCK(sendfile)
MOCK(sendmmsg)
MOCK(sendmsg)
MOCK(sendto)
MOCK(setsockopt)
MOCK(shutdown)
MOCK(socket)
MOCK(sockets_exec)
MOCK(sockets_report)
MOCK(sockets_start)
MOCK(sockets_stop)
MOCK(splice)
MOCK(write)
MOCK(writev)

int fs_close(int fd);
int fs_close(int fd)
{
	(void)fd;
	return (int)said("fs_close");
}

/* Every descriptor is an IPv4 socket for streams: that is what stdio asks. */
int fs_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int fs_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	(void)fd;
	(void)len;
	if (level != SOL_SOCKET || name != SO_DOMAIN || !value)
		return (int)said("fs_getsockopt");
	*(int *)value = AF_INET;
	return 0;
}
