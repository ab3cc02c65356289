// SPDX-License-Identifier: BSD-2-Clause
/*
 * quiet.c - the print functions of libbpf and libxdp are process-wide, so they
 * are borrowed for the duration of a call and given back. Another thread that
 * uses libbpf meanwhile keeps its messages: without a quiet of its own, a
 * thread's text goes to the function that was there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/types.h"
#include "steer/quiet.h"

static _Thread_local const struct fs_logger *current;
static _Thread_local char said[200];
static libbpf_print_fn_t former_libbpf;
static libxdp_print_fn_t former_libxdp;

static void keep_kernel_message(const char *text)
{
	static const char mark[] = "Kernel error message: ";
	const char *message = strstr(text, mark);

	if (message)
		snprintf(said, sizeof(said), ": %s", message + sizeof(mark) - 1);
}

static void take_line(char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		line[--len] = '\0';
	if (!len)
		return;
	keep_kernel_message(line);
	fs_base_log(current, FS_LOG_DEBUG, "%s", line);
}

/* The verifier's words are one message of many lines, the last of which says why. */
static void take(const char *format, va_list args)
{
	char *text, *rest, *line;

	if (vasprintf(&text, format, args) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		take_line(line);
	free(text);
}

static int on_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (current)
		take(format, args);
	else if (former_libbpf)
		return former_libbpf(level, format, args);
	return 0;
}

static int on_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (current)
		take(format, args);
	else if (former_libxdp)
		return former_libxdp(level, format, args);
	return 0;
}

void fs_steer_quiet_begin(struct fs_steer_quiet *quiet, const struct fs_logger *log)
{
	static const struct fs_logger to_stderr;

	quiet->outer = current;
	quiet->libbpf = libbpf_set_print(on_libbpf);
	quiet->libxdp = libxdp_set_print(on_libxdp);
	if (quiet->libbpf != on_libbpf)
		former_libbpf = quiet->libbpf;
	if (quiet->libxdp != on_libxdp)
		former_libxdp = quiet->libxdp;
	current = log ? log : &to_stderr;
	said[0] = '\0';
}

void fs_steer_quiet_end(const struct fs_steer_quiet *quiet)
{
	current = quiet->outer;
	libbpf_set_print(quiet->libbpf);
	libxdp_set_print(quiet->libxdp);
}

const char *fs_steer_quiet_said(void)
{
	static _Thread_local char copy[sizeof(said)];

	memcpy(copy, said, sizeof(copy));
	said[0] = '\0';
	return copy;
}
