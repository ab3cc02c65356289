// SPDX-License-Identifier: BSD-2-Clause
/*
 * run_config.c - how `fastsock run` is told what to do: by options, by the
 * environment, by a file. The first that says something wins.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "run.h"

#define DEFAULT_FILE "/etc/fastsock.conf"

static const struct {
	const char *key, *variable;
	bool number;
} settings[] = {
	{ "ifaces", "FASTSOCK_IFACES", false },
	{ "only", "FASTSOCK_ONLY", false },
	{ "spin", "FASTSOCK_SPIN", true },
	{ "queues", "FASTSOCK_QUEUES", true },
	{ "frames", "FASTSOCK_FRAMES", true },
	{ "log", "FASTSOCK_LOG", false },
	{ "why", "FASTSOCK_WHY", false },
};

/* The program may change its directory: a file's name becomes absolute. */
static void set_why(const char *value, bool replace)
{
	char name[4096], here[4096];

	if (*value == '/' || !strcmp(value, "1") || !strcmp(value, "0") || !*value ||
	    !getcwd(here, sizeof(here)) ||
	    snprintf(name, sizeof(name), "%s/%s", here, value) >= (int)sizeof(name))
		setenv("FASTSOCK_WHY", value, replace);
	else
		setenv("FASTSOCK_WHY", name, replace);
}

/* Without making it: that is the program's, which may be another user's by then. */
bool run_check_why(void)
{
	const char *name = getenv("FASTSOCK_WHY");
	char dir[4096];
	int fd;

	if (!name || !*name || !strcmp(name, "1") || !strcmp(name, "0"))
		return true;
	fd = open(name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return !close(fd);
	snprintf(dir, sizeof(dir), "%s", name);
	if (errno == ENXIO)	/* a FIFO: its reader may come yet */
		return true;
	if (errno == ENOENT && !access(dirname(dir), W_OK | X_OK))
		return true;
	cmd_fail(-errno, "--why: %s cannot be written", name);
	return false;
}

bool run_set(const char *key, const char *value, bool replace)
{
	uint32_t number;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcasecmp(key, settings[i].key) && strcmp(key, settings[i].variable) != 0)
			continue;
		if (settings[i].number && !cmd_number(value, &number)) {
			cmd_fail(0, "%s: \"%s\" is not a number", settings[i].key, value);
			return false;
		}
		if (!strcmp(settings[i].key, "why"))
			set_why(value, replace);
		else
			setenv(settings[i].variable, value, replace);
		return true;
	}
	cmd_fail(0, "there is no setting \"%s\"", key);
	return false;
}

/* Without the blanks around it. */
static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* "key = value", nothing, or a comment. */
static bool read_line(char *line)
{
	char *value;

	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (!*line)
		return true;
	value = strchr(line, '=');
	if (!value) {
		cmd_fail(0, "\"%s\" is not of the form key = value", line);
		return false;
	}
	*value++ = '\0';
	return run_set(trim(line), trim(value), false);
}

bool run_read_config(const struct run *run)
{
	const char *path = run->config ? run->config : DEFAULT_FILE;
	FILE *file = fopen(path, "re");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	if (!file) {
		if (run->config || errno != ENOENT)
			cmd_fail(-errno, "%s", path);
		return !run->config && errno == ENOENT;
	}
	while (good && getline(&line, &size, file) >= 0) {
		number++;
		good = read_line(line);
	}
	if (!good)
		fprintf(stderr, "fastsock: that was line %u of %s\n", number, path);
	free(line);
	fclose(file);
	return good;
}
