// SPDX-License-Identifier: BSD-2-Clause
/*
 * path.c - from the target of a request to a path below the root.
 *
 * Decoded first and normalised then, so that no coding hides a "..". That no
 * symbolic link leads out either is the kernel's doing, in file.c.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http.h"

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ?
		(c | 0x20) - 'a' + 10 : -1;
}

static bool decode(struct text from, char *to, size_t *len)
{
	for (*len = 0; from.len && *from.p != '?' && *from.p != '#'; from.p++, from.len--) {
		char c = *from.p;

		if (c == '%') {
			if (from.len < 3 || hex(from.p[1]) < 0 || hex(from.p[2]) < 0)
				return false;
			c = (char)(hex(from.p[1]) << 4 | hex(from.p[2]));
			from.p += 2, from.len -= 2;
		}
		if (!c || *len == PATH_BYTES - 2)
			return false;
		to[(*len)++] = c;
	}
	return true;
}

/* RFC 3986 5.2.4, but ".." above the root is an error. */
static bool normalise(char *path, size_t len)
{
	struct text rest = { path, len };
	size_t out = 0;

	while (rest.len) {
		const bool last = !memchr(rest.p, '/', rest.len);
		struct text part = http_cut(&rest, '/');

		if (part.len == 2 && !memcmp(part.p, "..", 2)) {
			if (!out)
				return false;
			for (out--; out && path[out - 1] != '/'; )
				out--;
		} else if (part.len && !(part.len == 1 && *part.p == '.')) {
			memmove(path + out, part.p, part.len);
			out += part.len;
			if (!last)
				path[out++] = '/';
		}
	}
	path[out] = 0;
	return true;
}

/* "/path", or "http://host/path" as to a proxy (RFC 9112 3.2.2). */
bool http_path(char path[PATH_BYTES], struct text target)
{
	size_t len;

	if (target.len > 7 && !strncasecmp(target.p, "http://", 7)) {
		target.p += 7, target.len -= 7;
		while (target.len && *target.p != '/')
			target.p++, target.len--;
		if (!target.len)
			target = (struct text){ "/", 1 };
	}
	return target.len && *target.p == '/' && decode(target, path, &len) &&
	       normalise(path, len);
}
