// SPDX-License-Identifier: BSD-2-Clause
/*
 * reason.c - the counters, and their text.
 */
#include "sock/reason.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sock/config.h"
#include "sock/file.h"
#include "sock/libc.h"
#include "sock/page.h"

#define REASON_NAME(name, text) #name,
static const char *const names[] = { FS_SOCKET_REASONS(REASON_NAME) };
#define REASON_TEXT(name, text) text,
static const char *const texts[] = { FS_SOCKET_REASONS(REASON_TEXT) };
static const char *const sorts[] = { "TCP connections", "TCP listeners", "UDP sockets" };

static uint64_t *counter(enum fs_socket_sort sort, enum fs_socket_reason reason)
{
	struct fs_sockets_stats *stats = fs_page_stats();
	uint64_t *const of[] = { stats->tcp, stats->listeners, stats->udp };

	return &of[sort][reason];
}

void fs_reason_count(enum fs_socket_sort sort, enum fs_socket_reason reason)
{
	const uint64_t before = __atomic_fetch_add(counter(sort, reason), 1, __ATOMIC_RELAXED);

	if (!before && reason != FS_SOCKET_fast)
		fs_base_log(&fs_sock_config.log, FS_LOG_INFO, "%s: %s", sorts[sort],
			    texts[reason]);
}

void fs_reason_rx(uint64_t bytes)
{
	fs_page_stats()->rx_bytes += bytes;
}

void fs_reason_tx(uint64_t bytes)
{
	fs_page_stats()->tx_bytes += bytes;
}

/* A child of fork() counts for itself. */
void fs_reason_reset(void)
{
	fs_page_forked();
}

int fs_sockets_stats(struct fs_sockets_stats *out)
{
	/* A child that the stack itself has forked has no page, and has counted nothing. */
	const struct fs_sockets_stats *stats = fs_page_stats();
	const size_t sz = out->sz;

	if (!sz)
		return -EINVAL;
	if (fs_inside)
		memset(out, 0, MIN(sz, sizeof(*stats)));
	else
		memcpy(out, stats, MIN(sz, sizeof(*stats)));
	out->sz = sz;
	return 0;
}

const char *fs_socket_reason_name(unsigned int reason)
{
	return reason < FS_SOCKET_REASON_COUNT ? names[reason] : NULL;
}

const char *fs_socket_reason_text(unsigned int reason)
{
	return reason < FS_SOCKET_REASON_COUNT ? texts[reason] : NULL;
}

static int write_all(int fd, const char *text, int len)
{
	while (len > 0) {
		ssize_t n = FS_LIBC(write, fd, text, (size_t)len);

		if (n < 0)
			return (int)n;
		text += n;
		len -= (int)n;
	}
	return 0;
}

int fs_sockets_report(int fd)
{
	const struct fs_sockets_stats *stats = fs_page_stats();
	char line[256];
	int err = 0;

	/* A child that the stack itself has forked has nothing to tell. */
	if (fs_inside)
		return 0;
	for (int sort = 0; sort < FS_SORT_COUNT; sort++)
		for (unsigned int r = 0; !err && r < FS_SOCKET_REASON_COUNT; r++) {
			const uint64_t n = *counter((enum fs_socket_sort)sort,
						    (enum fs_socket_reason)r);

			if (!n)
				continue;
			err = write_all(fd, line, snprintf(line, sizeof(line),
					"fastsock[%d]: %llu %s: %s (%s)\n", (int)getpid(),
					(unsigned long long)n, sorts[sort], texts[r], names[r]));
		}
	if (!err && (stats->rx_bytes || stats->tx_bytes))
		err = write_all(fd, line, snprintf(line, sizeof(line),
				"fastsock[%d]: %llu bytes received and %llu sent by the fast path\n",
				(int)getpid(), (unsigned long long)stats->rx_bytes,
				(unsigned long long)stats->tx_bytes));
	return err;
}
