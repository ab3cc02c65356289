/* SPDX-License-Identifier: BSD-2-Clause */
/* log.h - the logger that set-up code carries; the packet path has none. */
#ifndef FS_BASE_LOG_H
#define FS_BASE_LOG_H

#include <fastsock/fastsock.h>

struct fs_logger {
	fs_log_fn *fn;		/* NULL: fs_log_stderr */
	void *ctx;
};

/* One sentence, without newline or final full stop. */
void fs_base_log(const struct fs_logger *log, enum fs_log_level level,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Log an error sentence and return @error, so that a failing call can say
 * why and leave in one statement: return fs_base_fail(log, -EBUSY, "...").
 */
int fs_base_fail(const struct fs_logger *log, int error,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
