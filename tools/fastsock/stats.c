// SPDX-License-Identifier: BSD-2-Clause
/* stats.c - fastsock stats: what became of each packet. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cmd.h"

enum {
	COUNTERS_MAX = 128,
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void print_json(const char *ifname, const uint64_t *values, unsigned int n)
{
	json_open(NULL, '{');
	json_string("ifname", ifname);
	json_open("counters", '{');
	for (unsigned int i = 0; i < n; i++)
		json_number(fs_ctl_counter_name(i), values[i]);
	json_close('}');
	json_close('}');
	json_end();
}

/* Verdicts add up to the first line; the rest is beside them. */
static void print_table(const uint64_t *values, unsigned int n, bool all)
{
	bool details = false;

	for (unsigned int i = 0; i < n; i++) {
		if (i && !fs_ctl_counter_is_verdict(i) && !details) {
			details = true;
			putchar('\n');
		}
		if (values[i] || all || !i)
			printf("%-16s %14" PRIu64 "  %s\n", fs_ctl_counter_name(i), values[i],
			       fs_ctl_counter_text(i));
	}
}

static void print_rates(const uint64_t *now, const uint64_t *before, unsigned int n, double seconds)
{
	bool any = false;

	for (unsigned int i = 0; i < n; i++) {
		if (now[i] == before[i])
			continue;
		printf("%s%s %.0f/s", any ? "  " : "", fs_ctl_counter_name(i),
		       (double)(now[i] - before[i]) / seconds);
		any = true;
	}
	printf("%s\n", any ? "" : "no packets");
	fflush(stdout);
}

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

static int watch(struct fs_ctl *ctl, const char *ifname, uint32_t interval_s, bool json)
{
	const struct sigaction action = { .sa_handler = on_signal };
	uint64_t now[COUNTERS_MAX] = { 0 }, before[COUNTERS_MAX];
	struct timespec then, time;
	int n = fs_ctl_counters(ctl, now, COUNTERS_MAX);

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	clock_gettime(CLOCK_MONOTONIC, &then);
	while (n >= 0 && !stop) {
		struct timespec pause = { .tv_sec = interval_s };

		if (json)
			print_json(ifname, now, (unsigned int)n);
		memcpy(before, now, sizeof(before));
		if (nanosleep(&pause, NULL) && errno == EINTR)
			break;
		n = fs_ctl_counters(ctl, now, COUNTERS_MAX);
		clock_gettime(CLOCK_MONOTONIC, &time);
		if (n >= 0 && !json)
			print_rates(now, before, (unsigned int)n, seconds_between(&then, &time));
		then = time;
	}
	return n < 0 ? cmd_fail(n, "%s", ifname) : EXIT_OK;
}

static int once(struct fs_ctl *ctl, const char *ifname, bool json, bool all)
{
	uint64_t values[COUNTERS_MAX] = { 0 };
	int n = fs_ctl_counters(ctl, values, COUNTERS_MAX);

	if (n < 0)
		return cmd_fail(n, "%s", ifname);
	if (json)
		print_json(ifname, values, (unsigned int)n);
	else
		print_table(values, (unsigned int)n, all);
	return EXIT_OK;
}

int cmd_stats(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ 0 },
	};
	struct fs_ctl_info info = { .sz = sizeof(info) };
	bool json = false, all = false, bad = false;
	const char *ifname = NULL;
	uint32_t interval_s = 0;
	struct fs_ctl *ctl;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		bad |= opt == '?';
		json |= opt == 'j';
		all |= opt == 'a';
		if (opt == 'i')
			ifname = optarg;
		if (opt == 'w' && !optarg)
			interval_s = 1;
		if (opt == 'w' && optarg)
			bad |= !cmd_number(optarg, &interval_s) || !interval_s;
	}
	if (optind < argc && !ifname)
		ifname = argv[optind++];
	if (bad || optind != argc)
		return cmd_usage("stats", "stats [-i IFACE] [--all] [--watch[=SECONDS]] [--json]");
	ctl = cmd_open(ifname);
	if (!ctl)
		return EXIT_FAILED;
	fs_ctl_info(ctl, &info);
	if (interval_s)
		status = watch(ctl, info.ifname, interval_s, json);
	else
		status = once(ctl, info.ifname, json, all);
	fs_ctl_close(ctl);
	return status;
}
