// SPDX-License-Identifier: BSD-2-Clause
/* capture.c - fastsock capture: the packets that tcpdump does not see. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "cmd.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int record(struct fs_ctl *ctl, const char *path, uint32_t count)
{
	struct fs_ctl_capture_stats stats = { .sz = sizeof(stats) };
	const struct sigaction action = { .sa_handler = on_signal };
	struct fs_ctl_capture *capture;
	int err;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	err = fs_ctl_capture_open(&capture, ctl, path);
	if (err)
		return cmd_fail(err, "%s", path);
	fprintf(stderr, "fastsock: recording to %s; end with ^C\n", path);
	while (!stop && (!count || stats.packets < count)) {
		err = fs_ctl_capture_poll(capture, 500);
		if (err < 0 && err != -EINTR)
			break;
		fs_ctl_capture_stats(capture, &stats);
	}
	fs_ctl_capture_stats(capture, &stats);
	err = fs_ctl_capture_close(capture);
	fprintf(stderr, "fastsock: %" PRIu64 " packets recorded, %" PRIu64 " lost\n", stats.packets,
		stats.lost);
	return err ? cmd_fail(err, "%s", path) : EXIT_OK;
}

int cmd_capture(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "write", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ 0 },
	};
	const char *ifname = NULL, *path = NULL;
	uint32_t count = 0;
	struct fs_ctl *ctl;
	bool bad = false;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "i:w:c:", longopts, NULL)) != -1) {
		bad |= opt == '?' || (opt == 'c' && !cmd_number(optarg, &count));
		if (opt == 'i')
			ifname = optarg;
		if (opt == 'w')
			path = optarg;
	}
	if (bad || !path || optind != argc)
		return cmd_usage("capture", "capture [-i IFACE] -w FILE.pcapng|- [-c COUNT]");
	ctl = cmd_open(ifname);
	if (!ctl)
		return EXIT_FAILED;
	status = record(ctl, strcmp(path, "-") ? path : "/dev/stdout", count);
	fs_ctl_close(ctl);
	return status;
}
