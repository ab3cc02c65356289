// SPDX-License-Identifier: BSD-2-Clause
/*
 * request.c - the head of an HTTP/1 request (RFC 9112). What two readers could
 * understand differently is refused, not guessed: folded lines, blanks before a
 * colon, two lengths, a length beside a transfer coding.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http.h"

struct fields {
	unsigned int hosts, lengths;
	bool coded, close, keep;
};

size_t http_head_len(const char *data, size_t len, size_t seen)
{
	const char *end = data + len, *p = data + (seen > 3 ? seen - 3 : 0);

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		if (p < end && *p == '\n')
			return (size_t)(p - data) + 1;
		if (p + 1 < end && p[0] == '\r' && p[1] == '\n')
			return (size_t)(p - data) + 2;
	}
	return 0;
}

static bool is(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.p, word, t.len);
}

struct text http_cut(struct text *rest, char sep)
{
	const char *at = memchr(rest->p, sep, rest->len);
	struct text got = { rest->p, at ? (size_t)(at - rest->p) : rest->len };
	size_t taken = got.len + (at != NULL);

	rest->p += taken;
	rest->len -= taken;
	return got;
}

static struct text trim(struct text t)
{
	for (; t.len && (*t.p == ' ' || *t.p == '\t'); t.p++)
		t.len--;
	while (t.len && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
		t.len--;
	return t;
}

static struct text line(struct text *rest)
{
	struct text got = http_cut(rest, '\n');

	got.len -= got.len && got.p[got.len - 1] == '\r';
	return got;
}

static bool is_token(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!isalnum((unsigned char)t.p[i]) && !memchr("!#$%&'*+-.^_`|~", t.p[i], 15))
			return false;
	return t.len;
}

static bool has_control(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.p[i] < ' ' ? t.p[i] != '\t' : t.p[i] == 0x7f)
			return true;
	return false;
}

static int read_version(struct request *r, struct text version)
{
	if (version.len != 8 || memcmp(version.p, "HTTP/", 5) || version.p[6] != '.' ||
	    !isdigit((unsigned char)version.p[5]) || !isdigit((unsigned char)version.p[7]))
		return 400;
	r->old = version.p[7] == '0';
	return version.p[5] == '1' ? 200 : 505;
}

static bool read_length(struct request *r, struct text value)
{
	r->body = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (!isdigit((unsigned char)value.p[i]) || i == 18)
			return false;
		r->body = r->body * 10 + (uint64_t)(value.p[i] - '0');
	}
	return value.len;
}

static bool read_field(struct request *r, struct fields *f, struct text field)
{
	struct text name = http_cut(&field, ':'), value = trim(field);

	if (!is_token(name) || has_control(value) || name.p + name.len == field.p)
		return false;
	if (is(name, "host"))
		return ++f->hosts == 1;
	if (is(name, "content-length"))
		return ++f->lengths == 1 && read_length(r, value);
	if (is(name, "transfer-encoding"))
		f->coded = true;
	while (is(name, "connection") && value.len) {
		struct text option = trim(http_cut(&value, ','));

		f->close |= is(option, "close");
		f->keep |= is(option, "keep-alive");
	}
	return true;
}

int http_parse(struct request *r, const char *head, size_t len)
{
	struct text rest = { head, len }, first = line(&rest), method, target, field;
	struct fields f = { 0 };
	int status;

	*r = (struct request){ 0 };
	method = http_cut(&first, ' ');
	target = http_cut(&first, ' ');
	status = is_token(method) ? read_version(r, first) : 400;
	if (status != 200)
		return status;
	while ((field = line(&rest)).len)
		if (!read_field(r, &f, field))
			return 400;
	if (f.coded || (!r->old && !f.hosts) || !http_path(r->path, target))
		return 400;
	r->head = method.len == 4 && !memcmp(method.p, "HEAD", 4);
	r->keep_alive = !f.close && (!r->old || f.keep);
	return r->head || (method.len == 3 && !memcmp(method.p, "GET", 3)) ? 200 : 405;
}
