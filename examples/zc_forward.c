// SPDX-License-Identifier: BSD-2-Clause
/*
 * zc_forward - relay UDP datagrams between two interfaces without a copy.
 *
 *	zc_forward -i IFACE -o IFACE -p PORT -d HOST:PORT
 *
 * What clients send to PORT goes on to HOST:PORT through the other
 * interface, in the frame it came in; each client gets an endpoint of its own
 * upstream, so that replies find the way back.
 *
 *	client -- down (PORT) == this == up[client] -- HOST:PORT
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastsock/stack.h>
#include <fastsock/udp.h>

enum {
	BATCH = 64,
	SESSIONS = 256,
	EVENTS = 16,
};

struct session {
	struct fs_addr client;
	struct fs_addr local;	/* the address that the client talks to */
	struct fs_udp *up;
};

static struct session sessions[SESSIONS];
static unsigned int n_sessions;
static struct fs_addr upstream;
static struct fs_stack *stack;
static struct fs_udp *down;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	fs_stack_wake(stack);
}

static void send_or_drop(struct fs_udp *udp, struct fs_buf *buf)
{
	if (fs_udp_send(udp, &buf, 1) < 0)
		fs_buf_release(&buf, 1);
}

static struct session *session_of(const struct fs_buf *buf)
{
	struct session *s;

	for (unsigned int i = 0; i < n_sessions; i++)
		if (!memcmp(&sessions[i].client, &buf->remote, sizeof(buf->remote)))
			return &sessions[i];
	if (n_sessions == SESSIONS)
		return NULL;
	s = &sessions[n_sessions];
	FS_OPTS(fs_udp_opts, opts, .local.family = upstream.family, .remote = upstream,
		.user = s);
	if (fs_udp_open(&s->up, stack, &opts))
		return NULL;
	s->client = buf->remote;
	s->local = buf->local;
	n_sessions++;
	return s;
}

static void go_up(struct fs_buf *buf)
{
	struct session *s = session_of(buf);

	if (!s) {
		fs_buf_release(&buf, 1);
		return;
	}
	buf->remote = upstream;
	buf->local.family = AF_UNSPEC;
	send_or_drop(s->up, buf);
}

static void go_down(const struct session *s, struct fs_buf *buf)
{
	buf->remote = s->client;
	buf->local = s->local;
	send_or_drop(down, buf);
}

static void relay(const struct fs_event *event)
{
	struct fs_buf *bufs[BATCH];
	unsigned int n;

	if (event->type != FS_EV_READABLE)
		return;
	while ((n = fs_udp_recv(event->endpoint, bufs, BATCH)))
		for (unsigned int i = 0; i < n; i++)
			if (event->user)
				go_down(event->user, bufs[i]);
			else
				go_up(bufs[i]);
}

int main(int argc, char **argv)
{
	const char *ifaces[3] = { 0 };
	FS_OPTS(fs_stack_opts, opts, .ifnames = ifaces);
	FS_OPTS(fs_udp_opts, down_opts, .twin = FS_TWIN_OPTIONAL);
	const struct sigaction action = { .sa_handler = on_signal };
	struct fs_event events[EVENTS];
	int opt, n = 0;

	while ((opt = getopt(argc, argv, "i:o:p:d:")) != -1) {
		if (opt == 'i')
			ifaces[0] = optarg;
		else if (opt == 'o')
			ifaces[1] = optarg;
		else if (opt == 'p')
			down_opts.local.port = (uint16_t)atoi(optarg);
		else if (opt == 'd' && fs_addr_parse(&upstream, optarg))
			upstream.port = 0;
	}
	if (!ifaces[0] || !ifaces[1] || !down_opts.local.port || !upstream.port) {
		fprintf(stderr, "usage: zc_forward -i IFACE -o IFACE -p PORT -d HOST:PORT\n");
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (fs_stack_open(&stack, &opts))
		return 1;
	n = fs_udp_open(&down, stack, &down_opts);
	if (n)
		fprintf(stderr, "zc_forward: port %u: %s\n", down_opts.local.port, strerror(-n));
	else
		printf("zc_forward: ready\n"), fflush(stdout);
	while (!stop && n >= 0 && (n = fs_stack_poll(stack, events, EVENTS, -1)) != -ENETDOWN) {
		for (int i = 0; i < n; i++)
			relay(&events[i]);
		n = 0;
	}
	fs_stack_close(stack);
	return n < 0;
}
