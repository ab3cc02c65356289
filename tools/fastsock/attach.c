// SPDX-License-Identifier: BSD-2-Clause
/* attach.c - fastsock attach, fastsock detach. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd.h"

static int usage_attach(void)
{
	return cmd_usage("attach", "attach IFACE [--mode native|skb|auto] [--alone] | attach --pass IFACE");
}

static bool read_mode(const char *text, enum fs_ctl_mode *mode)
{
	static const char *const names[] = { "auto", "native", "skb" };

	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*mode = (enum fs_ctl_mode)i;
		return true;
	}
	return false;
}

static int report(const char *ifname)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = ifname, .any = 1, .log = cmd_log);
	struct fs_ctl_info info = { .sz = sizeof(info) };
	struct fs_ctl *ctl;

	if (fs_ctl_open(&ctl, &opts))
		return EXIT_OK;		/* attached it is; somebody is quick */
	fs_ctl_info(ctl, &info);
	fs_ctl_close(ctl);
	printf("%s: %s attached, %s, %s\n", ifname,
	       info.state == FS_CTL_PASS_ONLY ? "the pass program is" : "fastsock is",
	       info.skb_mode ? "generic (skb) mode" : "native mode",
	       info.dispatcher ? "in libxdp's dispatcher" : "alone");
	return EXIT_OK;
}

int cmd_attach(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "pass", no_argument, NULL, 'p' },
		{ "alone", no_argument, NULL, 'a' },
		{ "interface", required_argument, NULL, 'i' },
		{ 0 },
	};
	FS_OPTS(fs_ctl_opts, opts, .log = cmd_log);
	int opt, err;

	while ((opt = getopt_long(argc, argv, "m:i:", longopts, NULL)) != -1) {
		if (opt == 'm' && !read_mode(optarg, &opts.mode))
			return usage_attach();
		if (opt == '?')
			return usage_attach();
		if (opt == 'p')
			opts.pass = 1;
		if (opt == 'a')
			opts.alone = 1;
		if (opt == 'i')
			opts.ifname = optarg;
	}
	if (optind < argc && !opts.ifname)
		opts.ifname = argv[optind++];
	if (!opts.ifname || optind != argc)
		return usage_attach();
	cmd_verbose = true;
	err = fs_ctl_attach(&opts);
	return err ? cmd_fail(err, "%s", opts.ifname) : report(opts.ifname);
}

static int detach(const char *ifname)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = ifname, .log = cmd_log);
	int err = fs_ctl_detach(&opts);

	if (err)
		return cmd_fail(err, "%s", ifname);
	printf("%s: detached\n", ifname);
	return EXIT_OK;
}

static bool is_elsewhere(const char *ifname)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = ifname, .any = 1, .log = cmd_log);
	struct fs_ctl_info info = { .sz = sizeof(info) };
	struct fs_ctl *ctl;

	if (fs_ctl_open(&ctl, &opts))
		return false;
	fs_ctl_info(ctl, &info);
	fs_ctl_close(ctl);
	return info.state == FS_CTL_ELSEWHERE;
}

/* A name that is detached vanishes from the list; others move up. */
static int detach_all(void)
{
	int result = EXIT_OK, err;
	unsigned int i = 0;
	char name[16];

	while (!(err = fs_ctl_iface_name(i, name))) {
		if (is_elsewhere(name)) {
			i++;
		} else if (detach(name) != EXIT_OK) {
			result = EXIT_FAILED;
			i++;
		}
	}
	return err == -ENOENT ? result : cmd_fail(err, "the attached interfaces cannot be listed");
}

int cmd_detach(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "interface", required_argument, NULL, 'i' },
		{ 0 },
	};
	const char *ifname = NULL;
	bool all = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "ai:", longopts, NULL)) != -1) {
		if (opt == '?')
			return cmd_usage("detach", "detach IFACE | detach --all");
		if (opt == 'a')
			all = true;
		if (opt == 'i')
			ifname = optarg;
	}
	if (optind < argc && !ifname)
		ifname = argv[optind++];
	if (optind != argc || all == !!ifname)
		return cmd_usage("detach", "detach IFACE | detach --all");
	cmd_verbose = true;
	return all ? detach_all() : detach(ifname);
}
