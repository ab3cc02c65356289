// SPDX-License-Identifier: BSD-2-Clause
/*
 * file.c - the files below the root, and a cache of those asked for lately.
 *
 * A slot holds one file, for a second; what is being sent keeps its file longer. Files
 * are read and not mapped: one that is truncated meanwhile must not be a SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http.h"

enum { SLOTS = 256 };

static struct file *slots[SLOTS];
static int root = -1;

int file_root(const char *path)
{
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : 0;
}

static struct file **slot_of(const char *path)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return &slots[h % SLOTS];
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{ ".html", "text/html; charset=utf-8" }, { ".css", "text/css" },
		{ ".js", "text/javascript" }, { ".json", "application/json" },
		{ ".txt", "text/plain; charset=utf-8" }, { ".xml", "application/xml" },
		{ ".svg", "image/svg+xml" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" },
		{ ".gif", "image/gif" }, { ".webp", "image/webp" }, { ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" }, { ".wasm", "application/wasm" },
		{ ".pdf", "application/pdf" }, { ".mp4", "video/mp4" },
	};
	const char *suffix = strrchr(path, '.');

	for (size_t i = 0; suffix && i < sizeof(types) / sizeof(*types); i++)
		if (!strcasecmp(suffix, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}

/* No symbolic link leads out of the root; a FIFO does not block. */
static int open_below(const char *path)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void read_small(struct file *file)
{
	if (file->size > SMALL_FILE)
		return;
	file->body = malloc((size_t)file->size + 1);
	if (!file->body || pread(file->fd, file->body, (size_t)file->size, 0) != file->size) {
		free(file->body);
		file->body = NULL;	/* it will be read when it is sent */
	}
}

/* Takes @fd over, whatever comes of it. */
static struct file *make(const char *path, const char *type, int fd, const struct stat *st,
			 time_t now)
{
	struct file *file = calloc(1, sizeof(*file));
	char date[64];
	struct tm tm;

	if (!file || !(file->path = strdup(path))) {
		free(file);
		close(fd);
		return NULL;
	}
	file->refs = 1;
	file->fd = fd;
	file->size = st->st_size;
	file->checked = now;
	strftime(date, sizeof(date), "%a, %d %b %Y %T GMT", gmtime_r(&st->st_mtime, &tm));
	file->fields_len = (size_t)snprintf(file->fields, sizeof(file->fields),
		"Content-Type: %s\r\nContent-Length: %lld\r\nLast-Modified: %s\r\n",
		type, (long long)file->size, date);
	read_small(file);
	return file;
}

static int look_up(struct file **out, const char *path, time_t now)
{
	const size_t len = strlen(path);
	const bool folder = !len || path[len - 1] == '/';
	char full[PATH_BYTES + 16];
	struct stat st = { 0 };
	int fd;

	snprintf(full, sizeof(full), "%s%s", path, folder ? "index.html" : "");
	fd = open_below(full);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return !folder && S_ISDIR(st.st_mode) ? 301 : 404;
	}
	*out = make(path, type_of(full), fd, &st, now);
	return *out ? 200 : 404;
}

int file_get(struct file **out, const char *path, time_t now)
{
	struct file **slot = slot_of(path), *file = *slot;
	int status;

	if (!file || file->checked != now || strcmp(file->path, path)) {
		status = look_up(&file, path, now);
		if (status != 200)
			return status;
		file_put(*slot);
		*slot = file;
	}
	file->refs++;
	*out = file;
	return 200;
}

void file_put(struct file *file)
{
	if (!file || --file->refs)
		return;
	close(file->fd);
	free(file->body);
	free(file->path);
	free(file);
}
