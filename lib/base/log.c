// SPDX-License-Identifier: BSD-2-Clause
/*
 * log.c - sentences for people, from set-up and fallback decisions.
 *
 * Nothing on the packet path logs: it counts. A sentence names the device,
 * the queue or the kernel feature, and what to do next.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static enum fs_log_level stderr_level(void)
{
	const char *text = getenv("FASTSOCK_LOG");

	if (!text)
		return FS_LOG_WARN;
	if (!strcmp(text, "debug"))
		return FS_LOG_DEBUG;
	if (!strcmp(text, "info"))
		return FS_LOG_INFO;
	return !strcmp(text, "error") ? FS_LOG_ERROR : FS_LOG_WARN;
}

void fs_log_stderr(void *ctx, enum fs_log_level level, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	(void)ctx;
	if (level <= stderr_level())
		fprintf(stderr, "fastsock: %s: %s\n", names[level & 3], text);
}

static void log_va(const struct fs_logger *log, enum fs_log_level level,
		   const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	if (log && log->fn)
		log->fn(log->ctx, level, text);
	else
		fs_log_stderr(NULL, level, text);
}

void fs_base_log(const struct fs_logger *log, enum fs_log_level level,
		 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_va(log, level, format, args);
	va_end(args);
}

int fs_base_fail(const struct fs_logger *log, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_va(log, FS_LOG_ERROR, format, args);
	va_end(args);
	return error;
}
