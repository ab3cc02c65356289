/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http.h - the rooms of http_server.
 *
 *	request.c	bytes -> struct request, pure
 *	path.c		its target -> a path below the root
 *	file.c		path -> struct file, by a small cache
 *	input.c		what was received
 *	serve.c		requests in, responses out, one after another
 *	response.c	the bytes of a response
 *	output.c	what is to be sent
 *	conn.c		the life of connections
 */
#ifndef EXAMPLES_HTTP_H
#define EXAMPLES_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <fastsock/tcp.h>

enum {
	HEAD_MAX = 8192,	/* of a request; beyond: 431 */
	PATH_BYTES = 1024,
	SMALL_FILE = 16384,	/* up to here a file is kept in memory */
};

struct request {
	bool head;		/* HEAD, not GET */
	bool keep_alive;
	bool old;		/* HTTP/1.0 */
	uint64_t body;		/* bytes that follow, to be skipped */
	char path[PATH_BYTES];	/* "" or "a/b" or "a/b/": decoded, below the root */
};

struct text {
	const char *p;
	size_t len;
};

/* Take off what stands before @sep, and @sep. All of it when there is none. */
struct text http_cut(struct text *rest, char sep);

/* http_path - decoded and without "." and ".."; false: malformed, or out of the root. */
bool http_path(char path[PATH_BYTES], struct text target);

/*
 * http_head_len - bytes of the head at @data with its empty line, 0 when it
 * is not complete. The first @seen bytes were looked at before.
 */
size_t http_head_len(const char *data, size_t len, size_t seen);

/* http_parse - read a complete head. 200, or the status to refuse it with. */
int http_parse(struct request *r, const char *head, size_t len);

struct file {
	char *path;
	unsigned int refs;
	int fd;
	char *body;		/* of a small one, else NULL */
	off_t size;
	time_t checked;
	size_t fields_len;
	char fields[192];	/* Content-Type, Content-Length, Last-Modified */
};

/* file_root - what is served lies below this folder. 0 or -errno. */
int file_root(const char *path);

/*
 * file_get - open, or find in the cache, where nothing is older than a second.
 * 200, 301 (a folder without its slash) or 404; *out only with 200.
 */
int file_get(struct file **out, const char *path, time_t now);
void file_put(struct file *file);

/* conn_open - take over an accepted connection. */
void conn_open(struct fs_tcp *tcp);

/* conn_event - go on as far as it goes. */
void conn_event(const struct fs_event *event);

/* conn_clock - look at the clock: before the events of a round. */
void conn_clock(void);

/*
 * conn_tick - after a round: an end for connections without progress for @idle
 * seconds. Returns for how many seconds nothing is due, -1: ever.
 */
time_t conn_tick(time_t idle);

extern struct conn_count {
	unsigned long long accepted, requests, refused, timeouts, failed;
} conn_count;

#endif
