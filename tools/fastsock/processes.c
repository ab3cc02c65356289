// SPDX-License-Identifier: BSD-2-Clause
/*
 * processes.c - the last part of status: which processes use the socket door,
 * and what became of their sockets.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/socket.h>

#include "cmd.h"

static const struct {
	const char *text, *name;
} sorts[] = {
	{ "TCP connections", "tcp" },
	{ "TCP listeners", "listeners" },
	{ "UDP sockets", "udp" },
};

static void name_of(int pid, char name[16])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	snprintf(name, 16, "?");
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, 16, f))
		name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

static const uint64_t *counts_of(const struct fs_sockets_stats *stats, size_t sort)
{
	const uint64_t *const of[] = { stats->tcp, stats->listeners, stats->udp };

	return of[sort];
}

static void text(int pid, const struct fs_sockets_stats *stats)
{
	char name[16];

	name_of(pid, name);
	printf("process %d (%s)\n", pid, name);
	for (size_t s = 0; s < sizeof(sorts) / sizeof(sorts[0]); s++)
		for (unsigned int r = 0; r < FS_SOCKET_REASON_COUNT; r++)
			if (counts_of(stats, s)[r])
				printf("    %" PRIu64 " %s: %s\n", counts_of(stats, s)[r],
				       sorts[s].text, fs_socket_reason_text(r));
}

static void json(int pid, const struct fs_sockets_stats *stats)
{
	char name[16];

	name_of(pid, name);
	json_open(NULL, '{');
	json_number("pid", (uint64_t)pid);
	json_string("name", name);
	for (size_t s = 0; s < sizeof(sorts) / sizeof(sorts[0]); s++) {
		json_open(sorts[s].name, '{');
		for (unsigned int r = 0; r < FS_SOCKET_REASON_COUNT; r++)
			if (counts_of(stats, s)[r])
				json_number(fs_socket_reason_name(r), counts_of(stats, s)[r]);
		json_close('}');
	}
	json_number("rx_bytes", stats->rx_bytes);
	json_number("tx_bytes", stats->tx_bytes);
	json_close('}');
}

/* Those of other users are theirs: root sees all. */
static void show(int pid, bool as_json)
{
	struct fs_sockets_stats stats = { .sz = sizeof(stats) };

	if (pid > 0 && !fs_sockets_stats_of(pid, &stats))
		(as_json ? json : text)(pid, &stats);
}

void show_processes(bool as_json)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)))
		show(atoi(entry->d_name), as_json);
	if (proc)
		closedir(proc);
}

static int show_slot(void *ctx, const struct fs_ctl_slot *slot)
{
	const bool *as_json = ctx;

	if (slot->alive)
		show((int)slot->pid, *as_json);
	return 0;
}

/* Quiet: what there is to be said of the interface has been said. */
static void quiet(void *ctx, enum fs_log_level level, const char *sentence)
{
	(void)ctx;
	(void)level;
	(void)sentence;
}

void show_processes_on(const char *ifname, bool as_json)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = ifname, .any = 1, .log = quiet);
	struct fs_ctl *ctl;

	if (fs_ctl_open(&ctl, &opts))
		return;
	fs_ctl_slot_each(ctl, show_slot, &as_json);
	fs_ctl_close(ctl);
}
