// SPDX-License-Identifier: BSD-2-Clause
/* json.c - JSON on stdout, one value after another. */
#include <inttypes.h>

#include "cmd.h"

static bool first = true;

static void put_string(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void begin(const char *name)
{
	if (!first)
		printf(", ");
	first = false;
	if (!name)
		return;
	put_string(name);
	printf(": ");
}

void json_open(const char *name, char bracket)
{
	begin(name);
	putchar(bracket);
	first = true;
}

void json_close(char bracket)
{
	putchar(bracket);
	first = false;
}

void json_string(const char *name, const char *value)
{
	begin(name);
	put_string(value);
}

void json_number(const char *name, uint64_t value)
{
	begin(name);
	printf("%" PRIu64, value);
}

void json_bool(const char *name, bool value)
{
	begin(name);
	printf(value ? "true" : "false");
}

void json_end(void)
{
	putchar('\n');
	fflush(stdout);
	first = true;
}
