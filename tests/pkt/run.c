// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c - play packet scripts, each against a stack of its own in a process
 * of its own: an assertion of the stack fails one script.
 *
 *	run [-v] [-4 | -6] [-s SEED] [SCRIPT...]
 *
 * Without names it plays tests/pkt/FOLDER/NAME.pkt. A script is one test in each
 * family it is for, named by its path: "close: both sides at once (IPv6)".
 * -v shows the trace of those that pass, too; with -s all random numbers differ,
 * the initial sequence numbers first. README.md describes the language.
 */
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/must.h"
#include "tests/pkt/play.h"

enum {
	STATUS_SYNTAX = 2,
	STATUS_OTHER_FAMILY = 3,
	REAL_SECONDS_MAX = 60,
};

static struct pkt_play play;
static bool verbose;
static uint64_t seed;		/* 0: the script's */
static unsigned int families = PKT_FAMILY_4 | PKT_FAMILY_6;
static unsigned int passed, failed;

static void child(const char *path, unsigned int family)
{
	struct pkt_script script;

	alarm(REAL_SECONDS_MAX);
	pkt_load(&script, path);
	script.seed = seed ? seed : script.seed;
	if (script.families & family)
		pkt_play(&play, &script, family == PKT_FAMILY_4 ? AF_INET : AF_INET6, verbose);
	else
		family = 0;
	pkt_unload(&script);
	exit(family ? 0 : STATUS_OTHER_FAMILY);
}

/* "tests/pkt/close/both-sides-at-once.pkt": "close: both sides at once". */
static void print_name(const char *path, unsigned int family)
{
	const char *name = strrchr(path, '/'), *topic = name;
	int len;

	while (topic && topic > path && topic[-1] != '/')
		topic--;
	if (topic)
		printf("%.*s: ", (int)(name - topic), topic);
	name = name ? name + 1 : path;
	len = (int)strcspn(name, ".");
	for (int i = 0; i < len; i++)
		putchar(name[i] == '-' ? ' ' : name[i]);
	printf(" (%s)\n", family == PKT_FAMILY_4 ? "IPv4" : "IPv6");
}

static void judge(const char *path, unsigned int family, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OTHER_FAMILY)
		return;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		passed++;
		if (!verbose)
			return;
		fputs("ok   ", stdout);
	} else {
		failed++;
		if (WIFSIGNALED(status))
			printf("%s: killed by signal %d (%s)\n", path, WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
		fputs("FAIL ", stdout);
	}
	print_name(path, family);
}

static void run(const char *path, unsigned int family)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		child(path, family);
	must(waitpid(pid, &status, 0) == pid);
	judge(path, family, status);
}

static void run_families(const char *path)
{
	for (unsigned int family = PKT_FAMILY_4; family <= PKT_FAMILY_6; family <<= 1)
		if (families & family)
			run(path, family);
}

static void run_all(void)
{
	glob_t found;

	if (glob("tests/pkt/*/*.pkt", 0, NULL, &found))
		must(!"there are no scripts; run it from the top of the tree");
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_families(found.gl_pathv[i]);
	globfree(&found);
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "v46s:")) != -1)
		if (c == 'v')
			verbose = true;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == '4' || c == '6')
			families = c == '4' ? PKT_FAMILY_4 : PKT_FAMILY_6;
		else
			return STATUS_SYNTAX;
	for (int i = optind; i < argc; i++)
		run_families(argv[i]);
	if (optind == argc)
		run_all();
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
