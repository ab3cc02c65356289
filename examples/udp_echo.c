// SPDX-License-Identifier: BSD-2-Clause
/*
 * udp_echo - a UDP echo server (RFC 862) on the stack door.
 *
 *	udp_echo -i IFACE [-p PORT] [--spin]
 *
 * A received buffer goes back as it is: its addresses already point the
 * right way, and the payload is not copied. With --spin it busy-polls,
 * without it sleeps until a packet comes. Replies that there is no room for,
 * or no way, are dropped, and counted when it ends. It answers whatever comes,
 * from another echo server, too: do not let such talk to it.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/stack.h>
#include <fastsock/udp.h>

enum {
	BATCH = 64,
};

static volatile sig_atomic_t stop;
static struct fs_stack *open_stack;
static unsigned long unsent;

static void on_signal(int sig)
{
	stop = sig;
	fs_stack_wake(open_stack);
}

/* A reply that does not go now is dropped: a client that waits asks again. */
static void send_all(struct fs_stack *stack, struct fs_udp *udp, struct fs_buf **bufs,
		     unsigned int n)
{
	while (n) {
		int sent = fs_udp_send(udp, bufs, n);

		if (sent == -EAGAIN) {	/* make room */
			fs_stack_flush(stack);
			sent = fs_udp_send(udp, bufs, n);
		}
		if (sent < 0) {
			int lost = sent == -EAGAIN ? (int)n : 1;

			fs_buf_release(bufs, (unsigned int)lost);
			unsent += (unsigned int)lost;
			sent = lost;
		}
		bufs += sent;
		n -= (unsigned int)sent;
	}
}

static void echo(struct fs_stack *stack, struct fs_udp *udp)
{
	struct fs_buf *bufs[BATCH];
	unsigned int n;

	while ((n = fs_udp_recv(udp, bufs, BATCH)))
		send_all(stack, udp, bufs, n);
}

static void usage(void)
{
	fprintf(stderr, "usage: udp_echo -i IFACE [-p PORT] [--spin]\n");
	exit(2);
}

static uint16_t read_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*end || port < 1 || port > UINT16_MAX)
		usage();
	return (uint16_t)port;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "spin", no_argument, NULL, 's' },
		{ 0 },
	};
	FS_OPTS(fs_stack_opts, stack_opts, .ifname = NULL);
	FS_OPTS(fs_udp_opts, udp_opts, .local.port = 7, .twin = FS_TWIN_OPTIONAL);
	const struct sigaction action = { .sa_handler = on_signal };
	struct fs_event event;
	struct fs_stack *stack;
	struct fs_udp *udp;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "i:p:", longopts, NULL)) != -1) {
		if (opt == 'i')
			stack_opts.ifname = optarg;
		else if (opt == 'p')
			udp_opts.local.port = read_port(optarg);
		else if (opt == 's')
			stack_opts.spin_us = UINT32_MAX;
		else
			usage();
	}
	if (!stack_opts.ifname || optind != argc)
		usage();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	err = fs_stack_open(&stack, &stack_opts);
	if (err)
		return 1;	/* the library has said why */
	err = fs_udp_open(&udp, stack, &udp_opts);
	if (err) {
		fprintf(stderr, "udp_echo: port %u: %s\n", udp_opts.local.port, strerror(-err));
		fs_stack_close(stack);
		return 1;
	}
	printf("udp_echo: port %u on %s\n", fs_udp_local(udp).port, stack_opts.ifname);
	fflush(stdout);
	open_stack = stack;
	while (!stop && (err = fs_stack_poll(stack, &event, 1, -1)) != -ENETDOWN)
		echo(stack, udp);
	if (err == -ENETDOWN)
		fprintf(stderr, "udp_echo: %s is gone\n", stack_opts.ifname);
	if (unsent)
		fprintf(stderr, "udp_echo: %lu replies could not be sent\n", unsent);
	fs_stack_close(stack);
	return err == -ENETDOWN;
}
