// SPDX-License-Identifier: BSD-2-Clause
/*
 * elsewhere.c - is a program still at work in another network namespace?
 *
 * Pins are named by the interface only, and outlive the namespace that they
 * were made for. A child process enters that namespace, because a thread of
 * the caller's must not be seen there.
 */
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer/iface.h"
#include "steer/process.h"

enum {
	RUNS_NOT = 0,
	RUNS = 1,
	MAY_NOT_LOOK = 2,
};

/* Open @format filled with each entry of @dir until one is the namespace. */
static int find_in(const char *dir, const char *suffix, uint64_t netns, char *where, size_t size)
{
	struct dirent *entry;
	DIR *list = opendir(dir);
	int found = -1;

	if (!list)
		return -1;
	while (found < 0 && (entry = readdir(list))) {
		char path[320];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", dir, entry->d_name, suffix);
		if (stat(path, &st) || st.st_ino != netns)
			continue;
		found = open(path, O_RDONLY | O_CLOEXEC);
		snprintf(where, size, "%s%.40s", *suffix ? "of process " : "", entry->d_name);
	}
	closedir(list);
	return found;
}

struct question {
	uint32_t ifindex, prog_id;
	int ns;
};

static int look(void *ctx)
{
	const struct question *q = ctx;
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (setns(q->ns, CLONE_NEWNET))
		return MAY_NOT_LOOK;
	if (bpf_xdp_query((int)q->ifindex, 0, &query))
		return RUNS_NOT;
	if (!q->prog_id)	/* it was not pinned: whatever runs there */
		return query.drv_prog_id || query.skb_prog_id ? RUNS : RUNS_NOT;
	return query.drv_prog_id == q->prog_id || query.skb_prog_id == q->prog_id ?
		RUNS : RUNS_NOT;
}

int fs_steer_iface_runs_elsewhere(uint64_t netns, uint32_t ifindex, uint32_t prog_id,
				  char *where, size_t size)
{
	struct question q = { .ifindex = ifindex, .prog_id = prog_id };
	int runs;

	where[0] = '\0';
	q.ns = find_in("/run/netns", "", netns, where, size);
	if (q.ns < 0)
		q.ns = find_in("/proc", "/ns/net", netns, where, size);
	if (q.ns < 0)
		return 0;
	runs = fs_steer_process_child(look, &q);
	close(q.ns);
	return runs == MAY_NOT_LOOK || runs == -EIO ? -EPERM : runs;
}
