// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_proxy - forward TCP connections to another host without copying.
 *
 *	tcp_proxy -i IFACE [-i IFACE]... -p PORT -t HOST:PORT
 *
 * What comes in on one side goes out on the other, in the frame that it came in.
 * Each direction ends by its own FIN; a reset goes on as a reset.
 *	client -- sides[0] == pair == sides[1] -- HOST:PORT
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

struct side {
	struct fs_tcp *tcp;
	struct side *other;
	struct pair *pair;
	bool finished;		/* its FIN went on */
	unsigned int first, end;	/* received here, not sent there yet */
	struct fs_buf *bufs[BATCH];
};

struct pair {
	struct side sides[2];
	struct pair *next;	/* of those ended in this round */
	bool ended;
};

static struct fs_addr target;
static struct fs_stack *stack;
static struct pair *ended;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	alarm(1);	/* again, should this one have come just before a sleep */
}

/* Later events of the round may still name it: it is freed after them. */
static void end(struct pair *pair, void (*how)(struct fs_tcp *))
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &pair->sides[i];

		fs_buf_release(side->bufs + side->first, side->end - side->first);
		if (side->tcp)
			how(side->tcp);
	}
	pair->ended = true;
	pair->next = ended;
	ended = pair;
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
	struct pair *pair = calloc(1, sizeof(*pair));
	FS_OPTS(fs_tcp_connect_opts, opts, .remote = target);
	struct side *client, *server;

	if (!pair) {
		fs_tcp_abort(tcp);
		return;
	}
	client = &pair->sides[0];
	opts.user = server = &pair->sides[1];
	*client = (struct side){ .tcp = tcp, .other = server, .pair = pair };
	*server = (struct side){ .other = client, .pair = pair };
	fs_tcp_set_user(tcp, client);
	fs_tcp_set(tcp, FS_TCP_NODELAY, 1);
	if (fs_tcp_connect(&server->tcp, stack, &opts))
		end(pair, fs_tcp_abort);
	else
		fs_tcp_set(server->tcp, FS_TCP_NODELAY, 1);
}

static void handle(const struct fs_event *event)
{
	struct side *side = event->user;
	struct fs_tcp *tcp;

	if (event->type == FS_EV_ACCEPT) {
		while (fs_tcp_accept(event->endpoint, &tcp, 1))
			take_up(tcp);
	} else if (side->pair->ended) {
		return;
	} else if (event->type == FS_EV_ERROR || !forward(side) || !forward(side->other)) {
		end(side->pair, fs_tcp_abort);
	} else if (side->finished && side->other->finished) {
		end(side->pair, fs_tcp_close);
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
	signal(SIGALRM, on_signal);
	if (fs_stack_open(&stack, &stack_opts))
		return 1;
	n = fs_tcp_listen(&listener, stack, &opts);
	if (!n)
		printf("tcp_proxy: port %u\n", opts.local.port), fflush(stdout);
	while (!n && !stop) {
		got = fs_stack_poll(stack, events, EVENTS, -1);
		for (int i = 0; i < got; i++)
			handle(&events[i]);
		for (struct pair *pair; (pair = ended); free(pair))
			ended = pair->next;
		n = got == -ENETDOWN ? got : 0;
	}
	if (n)
		fprintf(stderr, "tcp_proxy: port %u: %s\n", opts.local.port, strerror(-n));
	fs_stack_close(stack);
	return n != 0;
}
