// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - the fastsock command: verbs, options, sentences.
 *
 * Exit status 0: done, 1: it failed and stderr says why, 2: wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "attach", cmd_attach },
	{ "detach", cmd_detach },
	{ "status", cmd_status },
	{ "rule", cmd_rule },
	{ "answer", cmd_answer },
	{ "kv", cmd_kv },
	{ "stats", cmd_stats },
	{ "capture", cmd_capture },
	{ "run", cmd_run },
	{ "help", cmd_help },
};

bool cmd_verbose;
static bool told;

void cmd_log(void *ctx, enum fs_log_level level, const char *text)
{
	if (level == FS_LOG_ERROR)
		told = true;
	if (level == FS_LOG_INFO && cmd_verbose)
		fprintf(stderr, "fastsock: %s\n", text);
	else
		fs_log_stderr(ctx, level, text);
}

int cmd_fail(int err, const char *format, ...)
{
	va_list args;

	if (told)
		return EXIT_FAILED;
	fprintf(stderr, "fastsock: error: ");
	if (format) {
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
	}
	if (err == -EPERM || err == -EACCES)
		fprintf(stderr, "%sno permission; run as root", format ? ": " : "");
	else if (err)
		fprintf(stderr, "%s%s", format ? ": " : "", strerror(-err));
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int cmd_usage(const char *verb, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "usage: fastsock ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n`fastsock help%s%s` explains it, with examples\n", *verb ? " " : "", verb);
	return EXIT_USAGE;
}

bool cmd_number(const char *text, uint32_t *out)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

bool cmd_options(int argc, char **argv, const char **ifname)
{
	static const struct option longopts[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt != 'i')
			return false;
		*ifname = optarg;
	}
	return true;
}

bool cmd_is_attached(const char *name)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = name, .any = 1, .log = cmd_log);
	struct fs_ctl_info info = { .sz = sizeof(info) };
	struct fs_ctl *ctl;

	if (fs_ctl_open(&ctl, &opts))
		return false;
	fs_ctl_info(ctl, &info);
	fs_ctl_close(ctl);
	return info.state == FS_CTL_ATTACHED && info.prog_id;
}

bool cmd_iface(const char *ifname, char name[16])
{
	unsigned int found = 0;
	char other[16];
	int err = 0;

	if (ifname) {
		snprintf(name, 16, "%.15s", ifname);
		return true;
	}
	for (unsigned int i = 0; !(err = fs_ctl_iface_name(i, other)); i++)
		if (cmd_is_attached(other) && !found++)
			memcpy(name, other, sizeof(other));
	if (err == -EPERM || err == -EACCES)
		cmd_fail(err, "the attached interfaces cannot be listed");
	else if (!found)
		cmd_fail(0, "no interface here has fastsock; run `fastsock attach IFACE`");
	else if (found > 1)
		cmd_fail(0, "several interfaces have fastsock; name one with -i, `fastsock status` lists them");
	return found == 1;
}

struct fs_ctl *cmd_open(const char *ifname)
{
	char name[16];
	FS_OPTS(fs_ctl_opts, opts, .ifname = name, .log = cmd_log);
	struct fs_ctl *ctl = NULL;
	int err;

	if (!cmd_iface(ifname, name))
		return NULL;
	err = fs_ctl_open(&ctl, &opts);
	if (err)
		cmd_fail(err, "%s", name);
	return err ? NULL : ctl;
}

/* --help among a verb's arguments, but for what stands behind "--". */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help"))
			return true;
	return false;
}

static int run_verb(int argc, char **argv)
{
	char *help[] = { "help", argv[0], NULL };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[0], verbs[i].name) != 0)
			continue;
		/* run's arguments may be another program's. */
		if (verbs[i].run == cmd_run || !wants_help(argc, argv))
			return verbs[i].run(argc, argv);
		return cmd_help(verbs[i].run == cmd_help ? 1 : 2, help);
	}
	fprintf(stderr, "fastsock: error: there is no verb \"%s\"; `fastsock help` lists them\n", argv[0]);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "-v")) {
		cmd_verbose = true;
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	if (argc < 2)
		return cmd_help(0, NULL) | EXIT_USAGE;
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		printf("fastsock %s\n", fs_version());
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	return run_verb(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	/* A full disk shows only now. */
	if ((fflush(stdout) || ferror(stdout)) && !status)
		return cmd_fail(-errno, "standard output");
	return status;
}
