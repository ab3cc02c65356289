// SPDX-License-Identifier: BSD-2-Clause
/*
 * idle.c - an ordinary server with many connections in one epoll set, most of
 * which never say anything: what it costs to have them, and to be woken by one.
 *
 *	idle PORT CONNECTIONS MESSAGES
 *
 * says "listening", then, with all connections there, what two seconds of
 * silence cost ("idle CPU_US SWITCHES"); then echoes MESSAGES single bytes, and
 * says what that was ("busy CPU_US SWITCHES INSTRUCTIONS", the last 0 where
 * the machine does not count them).
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct cost {
	long cpu_us, switches;
	long long instructions;
};

static int counter_fd = -1;

static void count_instructions(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS, .inherit = 1, .exclude_hv = 1,
	};

	counter_fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static struct cost now(void)
{
	struct cost cost = { 0 };
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	cost.cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	cost.switches = usage.ru_nvcsw;
	if (counter_fd < 0 || read(counter_fd, &cost.instructions, 8) != 8)
		cost.instructions = 0;
	return cost;
}

static void say(const char *what, struct cost before)
{
	const struct cost after = now();

	printf("%s %ld %ld %lld\n", what, after.cpu_us - before.cpu_us,
	       after.switches - before.switches, after.instructions - before.instructions);
	fflush(stdout);
}

static int listening(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 4096))
		exit(3);
	return fd;
}

static void watch(int ep, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event))
		exit(4);
}

static void take_all(int ep, int lfd, int wanted)
{
	struct epoll_event event;
	int n = 0;

	while (n < wanted) {
		int fd;

		epoll_wait(ep, &event, 1, -1);
		while ((fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
			watch(ep, fd);
			n++;
		}
	}
}

static void echo(int ep, int messages)
{
	struct epoll_event events[64];

	while (messages > 0) {
		const int n = epoll_wait(ep, events, 64, -1);

		for (int i = 0; i < n; i++) {
			char byte;

			if (recv(events[i].data.fd, &byte, 1, 0) == 1 &&
			    send(events[i].data.fd, &byte, 1, 0) == 1)
				messages--;
		}
	}
}

int main(int argc, char **argv)
{
	struct epoll_event event;
	struct cost before;
	int ep, lfd;

	if (argc != 4)
		return 2;
	count_instructions();
	lfd = listening((uint16_t)atoi(argv[1]));
	ep = epoll_create1(0);
	watch(ep, lfd);
	puts("listening");
	fflush(stdout);
	take_all(ep, lfd, atoi(argv[2]));
	sleep(1);
	before = now();
	if (epoll_wait(ep, &event, 1, 2000) != 0)
		return 5;
	say("idle", before);
	before = now();
	echo(ep, atoi(argv[3]));
	say("busy", before);
	return 0;
}
