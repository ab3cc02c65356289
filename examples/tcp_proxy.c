// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_proxy - forward TCP connections to another host without copying.
 *
 *	tcp_proxy -i IFACE [-i IFACE]... -p PORT -t HOST:PORT
 *
 * What comes in on one side goes out on the other, in the frame that it came in.
 * Each direction ends by its own FIN; a reset goes on as a reset.
 *	client -- side == other -- HOST:PORT
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastsock/tcp.h>

enum { BATCH = 16, EVENTS = 64 };

struct side {			/* two stand side by side in memory */
	struct fs_tcp *tcp;	/* NULL: ended in this round */
	struct side *other;
	struct side *next;	/* of those ended in this round */
	bool finished;		/* its FIN went on */
	unsigned int first, end;	/* received here, not sent there yet */
	struct fs_buf *bufs[BATCH];
};

static struct fs_addr target;
static struct fs_stack *stack;
static struct side *ended;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	fs_stack_wake(stack);
}

/* Later events of the round may still name them: they are freed after them. */
static void end(struct side *first, void (*how)(struct fs_tcp *))
{
	for (struct side *side = first; side < first + 2; side++) {
		fs_buf_release(side->bufs + side->first, side->end - side->first);
		how(side->tcp);
		side->tcp = NULL;
	}
	first->next = ended;
	ended = first;
}

/* As far as it goes. False: an error, so that neither direction can go on. */
static bool forward(struct side *from)
{
	struct fs_tcp *to = from->other->tcp;
	int n;

	while (!from->finished) {
		while (from->first < from->end) {
			n = fs_tcp_send_zc(to, from->bufs + from->first, from->end - from->first);
			if (n < 0)
				return n == -EAGAIN;
			from->first += (unsigned int)n;
		}
		n = fs_tcp_recv_zc(from->tcp, from->bufs, BATCH);
		if (n < 0)
			return n == -EAGAIN || n == -ENOTCONN;
		from->first = 0, from->end = (unsigned int)n;
		if (!n && fs_tcp_shutdown(to) == -ENOTCONN)
			return true;	/* CONNECTED comes; then it reads the FIN again */
		from->finished = !n;
	}
	return true;
}

static void take_up(struct fs_tcp *tcp)
{
	FS_OPTS(fs_tcp_connect_opts, opts, .remote = target);
	struct side *sides = calloc(2, sizeof(*sides));

	if (!sides || fs_tcp_connect(&sides[1].tcp, stack, &opts)) {
		fs_tcp_abort(tcp);
		free(sides);
		return;
	}
	sides[0].tcp = tcp;
	for (int i = 0; i < 2; i++) {
		sides[i].other = &sides[!i];
		fs_tcp_set_user(sides[i].tcp, &sides[i]);
		fs_tcp_set(sides[i].tcp, FS_TCP_NODELAY, 1);
	}
}

static void handle(const struct fs_event *event)
{
	struct side *side = event->user, *first = side && side > side->other ? side->other : side;
	struct fs_tcp *tcp;

	if (event->type == FS_EV_ACCEPT) {
		while (fs_tcp_accept(event->endpoint, &tcp, 1))
			take_up(tcp);
	} else if (side->tcp) {
		if (event->type == FS_EV_ERROR || !forward(side) || !forward(side->other))
			end(first, fs_tcp_abort);
		else if (side->finished && side->other->finished)
			end(first, fs_tcp_close);
	}
}

int main(int argc, char **argv)
{
	const char *ifnames[FS_STACK_IFACES_MAX + 1] = { 0 };
	FS_OPTS(fs_stack_opts, stack_opts, .ifnames = ifnames);
	FS_OPTS(fs_tcp_listen_opts, opts, .twin = FS_TWIN_OPTIONAL);
	struct fs_event events[EVENTS];
	struct fs_tcp_listener *listener;
	int opt, got, n = 0;

	while ((opt = getopt(argc, argv, "i:p:t:")) != -1)
		if (opt == 'i' && n < FS_STACK_IFACES_MAX)
			ifnames[n++] = optarg;
		else if (opt == 'p')
			opts.local.port = (uint16_t)atoi(optarg);
		else if (opt == 't' && fs_addr_parse(&target, optarg))
			target.port = 0;
	if (!n || !opts.local.port || !target.port || optind != argc)
		return fprintf(stderr, "usage: tcp_proxy -i IFACE... -p PORT -t HOST:PORT\n"), 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (fs_stack_open(&stack, &stack_opts))
		return 1;
	n = fs_tcp_listen(&listener, stack, &opts);
	if (!n)
		printf("tcp_proxy: port %u\n", opts.local.port), fflush(stdout);
	while (!n && !stop) {
		got = fs_stack_poll(stack, events, EVENTS, -1);
		for (int i = 0; i < got; i++)
			handle(&events[i]);
		for (struct side *first; (first = ended); free(first))
			ended = first->next;
		n = got == -ENETDOWN ? got : 0;
	}
	if (n)
		fprintf(stderr, "tcp_proxy: port %u: %s\n", opts.local.port, strerror(-n));
	fs_stack_close(stack);
	return n != 0;
}
