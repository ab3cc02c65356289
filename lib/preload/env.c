// SPDX-License-Identifier: BSD-2-Clause
/*
 * env.c - our variables, as the program got them.
 *
 * Programs clear their environment or write their title over it; nginx gives
 * its next version, on an upgrade, an environment of two variables. So they are
 * copied at the start, and a program that executes itself gets them again. What
 * else it executes gets the environment that it was given: who clears that
 * for a shell or a helper does not mean us less than the rest.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "door.h"

static const char *const names[] = {
	"LD_PRELOAD", "FASTSOCK_IFACES", "FASTSOCK_ONLY", "FASTSOCK_SPIN", "FASTSOCK_QUEUES",
	"FASTSOCK_FRAMES", "FASTSOCK_LOG", "FASTSOCK_WHY", "FASTSOCK_PIN_ROOT",
};

enum {
	N_NAMES = sizeof(names) / sizeof(names[0]),
};

static char *saved[N_NAMES];	/* "NAME=value", or NULL */
const char *fs_preload_why;

static char *variable(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env;
	return NULL;
}

__attribute__((constructor)) static void save(void)
{
	const char *why;

	/* Nothing is to be fast here: nothing to hand on. */
	if (!getenv("FASTSOCK_IFACES") && !getenv("FASTSOCK_WHY"))
		return;
	for (unsigned int i = 0; i < N_NAMES; i++) {
		char *found = variable(environ, names[i]);

		saved[i] = found ? strdup(found) : NULL;
		if (found && !strcmp(names[i], "FASTSOCK_WHY")) {
			why = saved[i] ? strchr(saved[i], '=') + 1 : "";
			fs_preload_why = *why && strcmp(why, "0") != 0 ? why : NULL;
		}
	}
}

static bool is_self(const char *path)
{
	struct stat self, other;
	char name[PATH_MAX];
	ssize_t len;

	if (!path || stat(path, &other))
		return false;
	if (!stat("/proc/self/exe", &self) && self.st_dev == other.st_dev &&
	    self.st_ino == other.st_ino)
		return true;
	/* A new version under the old one's name. */
	len = readlink("/proc/self/exe", name, sizeof(name) - 1);
	if (len < 0)
		return false;
	name[len] = '\0';
	len = (ssize_t)strlen(path);
	return !strncmp(name, path, (size_t)len) && !strcmp(name + len, " (deleted)");
}

/* It is not freed: exec follows, or a child's end. */
char *const *fs_preload_env(const char *path, char *const *envp)
{
	size_t n = 0, added = 0;
	char **copy;

	if (!saved[0] || variable(envp, names[0]) || !is_self(path))
		return envp;
	while (envp && envp[n])
		n++;
	copy = malloc((n + N_NAMES + 1) * sizeof(*copy));
	if (!copy)
		return envp;
	for (unsigned int i = 0; i < N_NAMES; i++)
		if (saved[i] && !variable(envp, names[i]))
			copy[added++] = saved[i];
	if (n)
		memcpy(copy + added, envp, n * sizeof(*copy));
	copy[added + n] = NULL;
	return copy;
}
