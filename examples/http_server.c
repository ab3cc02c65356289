// SPDX-License-Identifier: BSD-2-Clause
/*
 * http_server - a web server of static files on the stack door (HTTP/1.1).
 *
 *	http_server -i IFACE [-i IFACE]... [-p PORT] --root DIR [--spin] [--idle SECONDS]
 *
 * Keep-alive, pipelining, GET and HEAD; requests in any number of segments, and
 * files of any size, read as the send space allows. A client that makes no
 * progress for 30 seconds is cut off. The parts are in examples/http/.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

enum { EVENTS = 64 };

static struct fs_stack *stack;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	fs_stack_wake(stack);
}

static void handle(const struct fs_event *event)
{
	struct fs_tcp *tcp;

	if (event->type != FS_EV_ACCEPT)
		conn_event(event);
	else
		while (fs_tcp_accept(event->endpoint, &tcp, 1))
			conn_open(tcp);
}

static int run(time_t idle)
{
	struct fs_event events[EVENTS];
	time_t left = -1;
	int n = 0;

	while (!stop && n != -ENETDOWN) {
		n = fs_stack_poll(stack, events, EVENTS, left < 0 ? -1 : left * 1000000);
		conn_clock();
		for (int i = 0; i < n; i++)
			handle(&events[i]);
		left = conn_tick(idle);
	}
	printf("http_server: %llu accepted, %llu requests, %llu refused, %llu timeouts, "
	       "%llu failed\n", conn_count.accepted, conn_count.requests, conn_count.refused,
	       conn_count.timeouts, conn_count.failed);
	return stop ? 0 : n;
}

static void usage(void)
{
	fprintf(stderr, "usage: http_server -i IFACE... [-p PORT] --root DIR [--spin] "
		"[--idle SECONDS]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "spin", no_argument, NULL, 's' },
		{ "idle", required_argument, NULL, 't' },
		{ 0 },
	};
	const char *ifnames[FS_STACK_IFACES_MAX + 1] = { 0 }, *root = NULL;
	FS_OPTS(fs_stack_opts, stack_opts, .ifnames = ifnames);
	FS_OPTS(fs_tcp_listen_opts, opts, .local.port = 80, .twin = FS_TWIN_OPTIONAL);
	struct fs_tcp_listener *listener;
	int opt, n = 0, err;
	time_t idle = 30;

	while ((opt = getopt_long(argc, argv, "i:p:", longopts, NULL)) != -1) {
		if (opt == 'i' && n < FS_STACK_IFACES_MAX)
			ifnames[n++] = optarg;
		else if (opt == 'p')
			opts.local.port = (uint16_t)atoi(optarg);
		else if (opt == 'r')
			root = optarg;
		else if (opt == 's')
			stack_opts.spin_us = UINT32_MAX;
		else if (opt == 't')
			idle = atoi(optarg);
		else
			usage();
	}
	if (!n || !root || !opts.local.port || idle < 1 || optind != argc)
		usage();
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = file_root(root);
	if (err)
		return fprintf(stderr, "http_server: %s: %s\n", root, strerror(-err)), 1;
	if (fs_stack_open(&stack, &stack_opts))
		return 1;	/* the library has said why */
	err = fs_tcp_listen(&listener, stack, &opts);
	if (!err) {
		printf("http_server: port %u on %s\n", opts.local.port, ifnames[0]);
		fflush(stdout);
		err = run(idle);
	}
	if (err)
		fprintf(stderr, "http_server: port %u: %s\n", opts.local.port, strerror(-err));
	fs_stack_close(stack);
	return err != 0;
}
