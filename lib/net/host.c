// SPDX-License-Identifier: BSD-2-Clause
/* host.c - the part of the host contract that is not on the packet path. */
#include "net/host.h"

void fs_host_unready(struct fs_host *host, struct fs_ready *ready)
{
	struct fs_ready **at = &host->ready_head;

	if (!ready->queued)
		return;
	while (*at != ready)
		at = &(*at)->next;
	*at = ready->next;
	if (host->ready_tail == &ready->next)
		host->ready_tail = at;
	ready->queued = false;
}
