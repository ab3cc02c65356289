// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c - fastsock run: a program under the preload library.
 *
 * Where nothing has to be cleared up afterwards, this process becomes the
 * program. Otherwise it stays as its parent, passes signals on, and ends as the
 * program did. It is the reaper of what the program leaves behind, which tells
 * a daemon that went into the background from a program that is done.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fastsock/socket.h>

#include "run.h"

enum {
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
};

#define LIBRARY "libfastsock-preload.so"

static int usage(void)
{
	return cmd_usage("run", "run [-i IFACE]... [--spin USEC] [--only PORTS] [--queues N] "
				"[--why[=FILE]] [--config FILE] [--] COMMAND ...");
}

/* --- the library, and the environment that loads it ----------------------------- */

/* Beside the build's bin/, or in the library folder that belongs to the installed one. */
static bool find_library(char path[PATH_MAX])
{
	static const char *const places[] = {
		"/../" LIBRARY, "/../lib/fastsock/" LIBRARY, "/../lib/*/fastsock/" LIBRARY,
		"/../lib64/fastsock/" LIBRARY,
	};
	char here[PATH_MAX], pattern[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", here, sizeof(here) - 1);
	bool found = false;
	glob_t matches;

	if (getenv("FASTSOCK_PRELOAD"))
		return realpath(getenv("FASTSOCK_PRELOAD"), path);
	if (len < 0)
		return false;
	here[len] = '\0';
	*strrchr(here, '/') = '\0';
	for (size_t i = 0; !found && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(pattern, sizeof(pattern), "%s%s", here, places[i]);
		if (glob(pattern, 0, NULL, &matches))
			continue;
		found = realpath(matches.gl_pathv[0], path);
		globfree(&matches);
	}
	return found;
}

static bool set_preload(void)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], *list;

	if (!find_library(path)) {
		cmd_fail(0, LIBRARY " is not where it belongs; FASTSOCK_PRELOAD may name it");
		return false;
	}
	if (strpbrk(path, " :")) {
		cmd_fail(0, "%s: the loader cannot take a name with a blank or a colon", path);
		return false;
	}
	if (before && strstr(before, path))
		return true;
	if (asprintf(&list, "%s%s%s", before ? before : "", before && *before ? ":" : "", path) < 0)
		return false;
	setenv("LD_PRELOAD", list, 1);
	free(list);
	return true;
}

static void set_ifaces(const struct run *run)
{
	char list[RUN_IFACES_MAX * sizeof(run->ifaces[0].name)];
	size_t len = 0;

	for (unsigned int i = 0; i < run->n_ifaces; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? "," : "",
					run->ifaces[i].name);
	if (run->n_ifaces)
		setenv("FASTSOCK_IFACES", list, 1);
	else
		unsetenv("FASTSOCK_IFACES");
}

/* What the library cannot read is better known before than after. */
static bool check_ports(void)
{
	FS_OPTS(fs_sockets_opts, opts);

	if (fs_sockets_setup(&opts) != -EINVAL)
		return true;
	cmd_fail(0, "%s: that is no list of ports", getenv("FASTSOCK_ONLY") ?: "");
	return false;
}

/* --- the program --------------------------------------------------------------- */

static int become(char **argv)
{
	int err;

	execvp(argv[0], argv);
	err = errno;
	cmd_fail(-err, "%s", argv[0]);
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* Everything that may be meant for the program. */
static void signals_to_pass(sigset_t *set)
{
	static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
				      SIGWINCH, SIGCONT, SIGCHLD };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		sigaddset(set, passed[i]);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		sigaddset(set, sig);
}

/* True once @child has ended; other children are orphans of its own. */
static bool reap(pid_t child, int *status)
{
	bool ended = false;
	pid_t pid;
	int other;

	while ((pid = waitpid(-1, &other, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		*status = other;
		ended = true;
	}
	return ended;
}

/* What the terminal sends, it sends to both of us; the rest is passed on. */
static int attend(pid_t child, const sigset_t *set)
{
	int status = 0, sig;
	siginfo_t info;

	for (;;) {
		sig = sigwaitinfo(set, &info);
		if (sig == SIGCHLD && reap(child, &status))
			return status;
		if (sig > 0 && sig != SIGCHLD && info.si_code <= 0)
			kill(child, sig);
	}
}

/* End as the program did. */
static int end_alike(int status)
{
	const struct rlimit none = { 0 };
	sigset_t one;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* One core is enough. */
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static int supervise(struct run *run, char **argv)
{
	sigset_t set, before;
	pid_t child;
	int status;

	signals_to_pass(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = fork();
	if (child < 0) {
		status = cmd_fail(-errno, "a new process");
		run_detach(run, false);
		return status;
	}
	if (!child) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		_exit(become(argv));
	}
	status = attend(child, &set);
	run_detach(run, waitpid(-1, NULL, WNOHANG) == 0);
	return end_alike(status);
}

/* --- options ------------------------------------------------------------------- */

static int read_options(struct run *run, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "spin", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "queues", required_argument, NULL, 'q' },
		{ "why", optional_argument, NULL, 'w' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *help[] = { "help", argv[0], NULL };
	bool good = true;
	int opt;

	while (good && (opt = getopt_long(argc, argv, "+i:", longopts, NULL)) != -1) {
		switch (opt) {
		case 'i': good = run_add_ifaces(run, optarg); break;
		case 's': good = run_set("spin", optarg, true); break;
		case 'o': good = run_set("only", optarg, true); break;
		case 'q': good = run_set("queues", optarg, true); break;
		case 'w': good = run_set("why", optarg ? optarg : "1", true); break;
		case 'c': run->config = optarg; break;
		case 'h': exit(cmd_help(2, help));
		default: return usage();
		}
	}
	if (!good)
		return EXIT_FAILED;
	return optind < argc ? EXIT_OK : usage();
}

int cmd_run(int argc, char **argv)
{
	struct run run = { 0 };
	int status = read_options(&run, argc, argv);
	const char *ifaces;

	if (status)
		return status;
	if (!run_read_config(&run) || !check_ports() || !run_check_why() || !set_preload())
		return EXIT_FAILED;
	ifaces = getenv("FASTSOCK_IFACES");
	if (!run.n_ifaces && ifaces && !run_add_ifaces(&run, ifaces))
		return EXIT_FAILED;
	if (!run.n_ifaces)
		run_choose_ifaces(&run);
	else if (!run_attach(&run))
		status = EXIT_FAILED;
	set_ifaces(&run);
	if (!status)
		return run_attached_any(&run) ? supervise(&run, argv + optind) : become(argv + optind);
	run_detach(&run, false);
	return status;
}
