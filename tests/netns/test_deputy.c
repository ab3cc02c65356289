// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_deputy.c - what a process that gave its privileges away still gets done,
 * and what not. Each case is a process of its own, in a network namespace of its own.
 */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sock/aside.h"
#include "sock/deputy.h"
#include "tests/lib/suite.h"

enum {
	NOBODY = 65534,
	PATIENCE_MS = 5000,
};

static void setup(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(system("ip link set lo up"), 0);
}

static void become_nobody(void)
{
	fs_deputy_start();
	ck_assert_int_eq(setgid(NOBODY), 0);
	ck_assert_int_eq(setuid(NOBODY), 0);
}

static int repair(int fd, int value)
{
	const struct fs_host_ask ask = { .what = FS_HOST_REPAIR, .value = value };

	return fs_deputy_ask(fd, &ask);
}

static int is_in_repair(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &value, &len), 0);
	return value;
}

/* How many instructions its filter has. */
static socklen_t filter_of(int fd)
{
	struct sock_filter there[8];
	socklen_t n = ARRAY_SIZE(there);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, there, &n), 0);
	return n;
}

static struct fs_host_ask bind_to(uint16_t port)
{
	struct fs_host_ask ask = { .what = FS_HOST_BIND, .addr_len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *sin = (struct sockaddr_in *)&ask.addr;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	return ask;
}

/* The process id of ours, from its name; 0: there is none. */
static int deputy_pid(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int found = 0;

	while (!found && (entry = readdir(proc))) {
		char path[300], text[400] = "";
		int pid = 0, parent = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		f = atoi(entry->d_name) ? fopen(path, "r") : NULL;
		if (f && fgets(text, sizeof(text), f) &&
		    sscanf(text, "%d (fastsock-deputy) %*c %d", &pid, &parent) == 2 &&
		    parent == getpid() && !strstr(text, ") Z "))
			found = pid;
		if (f)
			fclose(f);
	}
	closedir(proc);
	return found;
}

static bool gone_soon(int pid)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (!deputy_pid())
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return kill(pid, 0) != 0;
}

START_TEST(it_does_what_takes_a_privilege)
{
	const struct fs_host_ask deaf = { .what = FS_HOST_DEAFEN, .value = 1 };
	const struct fs_host_ask hears = { .what = FS_HOST_DEAFEN }, low = bind_to(80);
	const struct fs_host_ask much = { .what = FS_HOST_SNDBUF, .value = 64 << 20 };
	const int fd = socket(AF_INET, SOCK_STREAM, 0), one = TCP_REPAIR_ON;
	socklen_t bytes_len = sizeof(int);
	int bytes = 0;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	become_nobody();
	ck_assert_int_lt(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)), 0);
	ck_assert_int_lt(bind(fd, (const struct sockaddr *)&low.addr, low.addr_len), 0);
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);
	ck_assert_int_eq(is_in_repair(fd), 1);
	ck_assert_int_eq(fs_deputy_ask(fd, &deaf), 0);
	ck_assert_uint_eq(filter_of(fd), 1);
	ck_assert_int_eq(fs_deputy_ask(fd, &low), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(ntohs(sin.sin_port), 80);
	ck_assert_int_eq(fs_deputy_ask(fd, &low), -EINVAL);	/* as bind() says it */
	ck_assert_int_eq(fs_deputy_ask(fd, &hears), 0);
	ck_assert_uint_eq(filter_of(fd), 0);
	ck_assert_int_eq(fs_deputy_ask(fd, &much), 0);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &bytes_len), 0);
	ck_assert_int_eq(bytes, 2 * much.value);
	ck_assert_int_eq(repair(fd, TCP_REPAIR_OFF_NO_WP), 0);
	ck_assert_int_eq(is_in_repair(fd), 0);
	close(fd);
}
END_TEST

START_TEST(it_does_nothing_else)
{
	const struct fs_host_ask odd = { .what = (enum fs_host_asked)99 };
	struct fs_host_ask low = bind_to(80);
	const int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	const int file = open("/dev/null", O_RDWR);

	become_nobody();
	ck_assert_int_eq(fs_deputy_ask(tcp, &odd), -EINVAL);
	ck_assert_int_eq(fs_deputy_ask(udp, &low), -EPERM);
	ck_assert_int_eq(repair(file, TCP_REPAIR_ON), -EPERM);
	ck_assert_int_lt(repair(-1, TCP_REPAIR_ON), 0);
	low.addr_len = 100000;
	ck_assert_int_eq(fs_deputy_ask(tcp, &low), 0);		/* no longer than there is */
	ck_assert_int_eq(repair(tcp, TCP_REPAIR_ON), 0);
	close(tcp);
	close(udp);
	close(file);
}
END_TEST

static unsigned long long capabilities(int pid, const char *which)
{
	unsigned long long found = ~0ull;
	char path[64], line[200];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, which, strlen(which)))
			found = strtoull(line + strlen(which), NULL, 16);
	fclose(f);
	return found;
}

static int open_ones_of(int pid)
{
	struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	ck_assert_ptr_nonnull(fds);
	while ((entry = readdir(fds)))
		n += *entry->d_name != '.';
	closedir(fds);
	return n;
}

START_TEST(it_keeps_little)
{
	const unsigned long long kept = 1 << 12 | 1 << 10;	/* NET_ADMIN, NET_BIND_SERVICE */
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	int pid;

	fs_deputy_start();
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);		/* so it is ready */
	pid = deputy_pid();
	ck_assert_int_gt(pid, 0);
	ck_assert_uint_eq(capabilities(pid, "CapEff:"), kept);
	ck_assert_uint_eq(capabilities(pid, "CapPrm:"), kept);
	ck_assert_uint_eq(capabilities(pid, "Uid:"), 0x65534);
	ck_assert_uint_eq(capabilities(pid, "NoNewPrivs:"), 1);
	/* It answers, and then closes what it was sent. */
	for (int ms = 0; ms < PATIENCE_MS && open_ones_of(pid) != 1; ms++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	ck_assert_int_eq(open_ones_of(pid), 1);
	/* It is no child that a program waits for. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	close(fd);
}
END_TEST

START_TEST(children_have_it_too_and_it_ends_with_the_last)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	int status, pid, child;

	become_nobody();
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);
	pid = deputy_pid();
	ck_assert_int_gt(pid, 0);
	child = fork();
	if (!child) {
		for (int i = 0; i < 100; i++)
			if (repair(fd, TCP_REPAIR_ON))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	/* Whatever the program closes, and opens at that number. */
	close_range(3, ~0u, 0);
	while (dup(0) >= 0)
		;
	close_range(3, 20, 0);		/* for two to ask with */
	ck_assert_int_eq(repair(0, TCP_REPAIR_ON), -EPERM);
	ck_assert(gone_soon(pid));
}
END_TEST

static void on_alarm(int number)
{
	(void)number;
}

START_TEST(who_asks_may_be_interrupted)
{
	const struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { 0 };
	const struct sigaction action = { .sa_handler = on_alarm };
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	become_nobody();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	close(fd);
}
END_TEST

START_TEST(one_that_does_not_answer_is_asked_no_more)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	int pid;

	become_nobody();
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), 0);
	pid = deputy_pid();
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), -ETIMEDOUT);
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), -EPERM);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert(gone_soon(pid));
	close(fd);
}
END_TEST

START_TEST(without_one_nothing_is_done)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), -EPERM);
	ck_assert_int_eq(setuid(NOBODY), 0);
	fs_deputy_start();
	ck_assert_int_eq(deputy_pid(), 0);
	ck_assert_int_eq(repair(fd, TCP_REPAIR_ON), -EPERM);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/deputy");
	TCase *tc = tcase_create("deputy");

	if (geteuid()) {
		printf("skip: needs root to give something away\n");
		return 77;
	}
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, it_does_what_takes_a_privilege);
	tcase_add_test(tc, it_does_nothing_else);
	tcase_add_test(tc, it_keeps_little);
	tcase_add_test(tc, children_have_it_too_and_it_ends_with_the_last);
	tcase_add_test(tc, who_asks_may_be_interrupted);
	tcase_add_test(tc, one_that_does_not_answer_is_asked_no_more);
	tcase_add_test(tc, without_one_nothing_is_done);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
