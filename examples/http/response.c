// SPDX-License-Identifier: BSD-2-Clause
/*
 * response.c - the bytes of a response (RFC 9110, RFC 9112): status line,
 * fields, and the body where it is in memory. Larger ones are output_body()'s.
 */
#include <stdio.h>
#include <string.h>

#include "conn.h"

static void text(const char *t)
{
	output_add(t, strlen(t));
}

static const char *date(void)
{
	static char text[64];
	static time_t at;
	const time_t now = time(NULL);
	struct tm tm;

	if (now != at)
		strftime(text, sizeof(text), "Date: %a, %d %b %Y %T GMT\r\n", gmtime_r(&now, &tm));
	at = now;
	return text;
}

static void add_location(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";
	char coded[4];

	text("Location: /");
	for (; *path; path++)
		if (strchr(plain, *path))
			output_add(path, 1);
		else
			output_add(coded, (size_t)snprintf(coded, sizeof(coded), "%%%02X",
							   (uint8_t)*path));
	text("/\r\n");
}

static const char *reason(int status)
{
	return status == 200 ? "200 OK" : status == 301 ? "301 Moved Permanently" :
	       status == 404 ? "404 Not Found" : status == 405 ? "405 Method Not Allowed" :
	       status == 431 ? "431 Request Header Fields Too Large" :
	       status == 505 ? "505 HTTP Version Not Supported" : "400 Bad Request";
}

void response(struct conn *c, const struct request *r, int status, struct file *file)
{
	char type[80];

	text("HTTP/1.1 ");
	text(reason(status));
	text("\r\nServer: fastsock\r\n");
	text(date());
	if (file)
		output_add(file->fields, file->fields_len);
	else
		output_add(type, (size_t)snprintf(type, sizeof(type), "Content-Type: text/plain\r\n"
						  "Content-Length: %zu\r\n",
						  strlen(reason(status)) + 1));
	if (status == 301)
		add_location(r->path);
	if (status == 405)
		text("Allow: GET, HEAD\r\n");
	if (c->last || r->old)
		text(c->last ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
	text("\r\n");
	if (!file && !r->head) {
		text(reason(status));
		text("\n");
	} else if (file && !r->head && file->body) {
		output_add(file->body, (size_t)file->size);
	}
	if (file && !r->head && !file->body)
		c->file = file;
	else
		file_put(file);
	c->offset = 0;
}
