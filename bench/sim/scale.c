// SPDX-License-Identifier: BSD-2-Clause
/*
 * scale - what a request costs as connections become many.
 *
 *	scale [--sizes N,N...] [--rounds N] [--requests N] [--window N] [--short]
 *
 * Two stacks on one simulated wire for each size, all of them open at the same
 * time: every round asks each size in turn, so that a neighbour on the machine
 * disturbs all alike. A request of 64 bytes and its echo go over a connection chosen
 * at random, --window of them at a time and one on each; the client acknowledges
 * at once, so that a request is three segments however rarely a connection is used.
 * What is counted is the CPU time of the server, its stack and its application; that
 * of the client is shown beside it.
 *
 * --short adds connections that ask once and end, beside those that are idle. For
 * instructions instead of time:
 *
 *	valgrind --tool=callgrind --toggle-collect=ask scale --sizes 1000 --rounds 1
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "tcp/conn.h"
#include "tests/lib/fixture.h"
#include "tests/lib/must.h"

enum {
	SIZES_MAX = 16,
	ROUNDS_MAX = 1000,
	PORT = 1000,
	PORTS = 64,		/* of the server: one has too few of the client's for all */
	EVENTS = 64,
	OPENING = 512,
	BYTES = 64,
};

/* What is measured; the short ones last. */
enum kind {
	SERVER = 0,		/* of a request */
	CLIENT,
	SHORT_SERVER,		/* of a connection that asks once */
	SHORT_CLIENT,
	KINDS
};

struct scale {
	struct test_net net;
	struct fs_tcp_listener *listeners[PORTS];
	struct fs_tcp **clients;
	bool *asked;		/* and not answered yet, of each client */
	uint32_t n;		/* connections that stay */
	uint32_t next;		/* slot of a short one */
	double idle_bytes;	/* of an end of one */
	double ns[KINDS][ROUNDS_MAX];
};

static struct {
	uint32_t sizes[SIZES_MAX], n_sizes, rounds, requests, window;
	bool with_short;
} opts = { .rounds = 5, .requests = 20000, .window = 64 };

static struct scale *now_at;	/* whose events these are */
static uint64_t answers, connected;
static uint64_t server_ns, client_ns;
static bool closes;		/* the client, after its answer */
static struct fs_random chance = { 1 };

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static void echo(struct fs_tcp *tcp)
{
	struct fs_buf *bufs[4];
	int n;

	while ((n = fs_tcp_recv_zc(tcp, bufs, 4)) > 0)
		must(fs_tcp_send_zc(tcp, bufs, (unsigned int)n) == n);
	if (!n)
		fs_tcp_close(tcp);
}

static void on_server(const struct fs_event *event)
{
	struct fs_tcp *tcp;

	if (event->type == FS_EV_READABLE)
		echo(event->endpoint);
	else if (event->type == FS_EV_ACCEPT)
		while (fs_tcp_accept(event->endpoint, &tcp, 1))
			fs_tcp_set(tcp, FS_TCP_NODELAY, 1);
	else
		must(event->type != FS_EV_ERROR);
}

static void request(struct fs_tcp *tcp)
{
	static const uint8_t bytes[BYTES];

	must(fs_tcp_send(tcp, bytes, sizeof(bytes)) == sizeof(bytes));
}

static void on_client(const struct fs_event *event)
{
	uint8_t bytes[BYTES];

	if (event->type == FS_EV_READABLE) {
		must(fs_tcp_recv(event->endpoint, bytes, sizeof(bytes)) == sizeof(bytes));
		answers++;
		if (closes)
			fs_tcp_close(event->endpoint);
		else
			now_at->asked[(uintptr_t)event->user] = false;
	} else if (event->type == FS_EV_CONNECTED) {
		connected++;
		if (closes)
			request(event->endpoint);
	} else {
		must(event->type != FS_EV_ERROR);
	}
}

/* One round, and what the application does then. Returns the CPU time of both. */
static uint64_t run_stack(struct fs_stack *stack, void (*handle)(const struct fs_event *))
{
	const uint64_t begin = cpu_ns();
	struct fs_event events[EVENTS];
	int n;

	fs_stack_run(stack, now_at->net.now_ns);
	while ((n = fs_stack_events(stack, events, EVENTS)))
		for (int i = 0; i < n; i++)
			handle(&events[i]);
	return cpu_ns() - begin;
}

/* On to the next time at which something is due; false: there is none. */
static bool step(void)
{
	struct test_net *net = &now_at->net;
	const uint64_t a_ns = fs_stack_next_ns(net->a.stack);
	const uint64_t b_ns = fs_stack_next_ns(net->b.stack);
	uint64_t next_ns = fs_sim_next_ns(net->sim);

	next_ns = MIN(next_ns, MIN(a_ns, b_ns));
	if (next_ns == FS_NEVER)
		return false;
	net->now_ns = MAX(net->now_ns, next_ns);
	fs_sim_advance(net->sim, net->now_ns);
	client_ns += run_stack(net->a.stack, on_client);
	server_ns += run_stack(net->b.stack, on_server);
	return true;
}

static struct fs_tcp *connect_one(struct scale *s)
{
	const uint32_t number = s->next++;
	struct fs_tcp_connect_opts o = {
		.sz = sizeof(o),
		.user = (void *)(uintptr_t)number,
		.remote = test_with_port(s->net.b.ip4, (uint16_t)(PORT + number % PORTS)),
	};
	struct fs_tcp *tcp;

	must(!fs_tcp_connect(&tcp, s->net.a.stack, &o));
	fs_tcp_set(tcp, FS_TCP_QUICKACK, 1);
	return tcp;
}

static void ask_anyone(struct scale *s)
{
	uint32_t i;

	do
		i = (uint32_t)fs_random_below(&chance, s->n);
	while (s->asked[i]);
	s->asked[i] = true;
	request(s->clients[i]);
}

/* Until @n requests more are answered. */
static void ask(struct scale *s, uint32_t n)
{
	const uint32_t window = closes ? opts.window : MIN(opts.window, s->n);
	const uint64_t end = answers + n;
	uint64_t asked = answers;

	while (answers < end) {
		while (asked < end && asked - answers < window) {
			if (closes)
				connect_one(s);
			else
				ask_anyone(s);
			asked++;
		}
		step();
	}
}

/* Requests on random connections, or connections that ask once. */
static void measure(struct scale *s, bool is_short, uint32_t round)
{
	const enum kind kind = is_short ? SHORT_SERVER : SERVER;

	now_at = s;
	closes = is_short;
	ask(s, opts.requests / 10);
	server_ns = client_ns = 0;
	ask(s, opts.requests);
	s->ns[kind][round] = (double)server_ns / opts.requests;
	s->ns[kind + 1][round] = (double)client_ns / opts.requests;
}

static uint64_t resident_bytes(void)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	must(f && fscanf(f, "%lu %lu", &size, &resident) == 2);
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void open_net(struct scale *s)
{
	const struct fs_sim_link link = { .delay_ns = 20 * NSEC_PER_USEC };
	const struct test_net_opts net_opts = {
		.seed = 5, .frames = 8192,
		.wire = { .a_to_b = link, .b_to_a = link, .ring_size = 2048 },
	};

	test_net_open(&s->net, &net_opts);
	for (int i = 0; i < PORTS; i++) {
		struct fs_tcp_listen_opts listen = {
			.sz = sizeof(listen), .local.port = (uint16_t)(PORT + i),
		};

		must(!fs_tcp_listen(&s->listeners[i], s->net.b.stack, &listen));
	}
	/* Frames belong to traffic, not to connections. */
	memset(s->net.a.pool->area, 0, s->net.a.pool->area_size);
	memset(s->net.b.pool->area, 0, s->net.b.pool->area_size);
}

static void open_size(struct scale *s, uint32_t n)
{
	uint64_t before;

	s->n = n;
	s->clients = calloc(n, sizeof(*s->clients));
	s->asked = calloc(n, sizeof(*s->asked));
	must(s->clients && s->asked);
	memset(s->clients, 1, n * sizeof(*s->clients));	/* resident before it is counted */
	open_net(s);
	now_at = s;
	closes = false;
	connected = 0;
	before = resident_bytes();
	for (uint32_t i = 0; i < n; i++) {
		s->clients[i] = connect_one(s);
		while (i + 1 - connected >= OPENING || (i + 1 == n && connected < n))
			step();
	}
	while (step())	/* the timers of the opening */
		;
	s->idle_bytes = (double)(resident_bytes() - before) / n / 2;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of @values, each over that of @to in the same round, if there is one. */
static void print_spread(const char *format, const double *values, const double *to)
{
	double sorted[ROUNDS_MAX];

	for (uint32_t i = 0; i < opts.rounds; i++)
		sorted[i] = to ? values[i] / to[i] : values[i];
	qsort(sorted, opts.rounds, sizeof(*sorted), compare);
	printf(format, sorted[opts.rounds / 2], sorted[0], sorted[opts.rounds - 1]);
}

/* What others are compared with: 1,000, or the first. */
static const struct scale *base_of(const struct scale *all)
{
	for (uint32_t i = 0; i < opts.n_sizes; i++)
		if (all[i].n == 1000)
			return &all[i];
	return all;
}

static void print_table(const struct scale *all, enum kind kind, const char *what)
{
	printf("\n%11s%28s%26s%28s\n", "connections", what, "to 1,000", "client");
	for (uint32_t i = 0; i < opts.n_sizes; i++) {
		printf("%11u", all[i].n);
		print_spread("%10.0f (%6.0f .. %6.0f)", all[i].ns[kind], NULL);
		print_spread("%8.2f (%6.2f .. %6.2f)", all[i].ns[kind], base_of(all)->ns[kind]);
		print_spread("%10.0f (%6.0f .. %6.0f)\n", all[i].ns[kind + 1], NULL);
	}
}

static void run(struct scale *all)
{
	for (uint32_t i = 0; i < opts.n_sizes; i++)
		open_size(&all[i], opts.sizes[i]);
	for (uint32_t round = 0; round < opts.rounds; round++)
		for (uint32_t i = 0; i < opts.n_sizes; i++)
			for (int is_short = 0; is_short <= opts.with_short; is_short++)
				measure(&all[i], is_short, round);
	print_table(all, SERVER, "ns of CPU for a request");
	if (opts.with_short)
		print_table(all, SHORT_SERVER, "ns for one that asks once");
	printf("\n%11s%28s\n", "connections", "bytes of an end, idle");
	for (uint32_t i = 0; i < opts.n_sizes; i++)
		printf("%11u%28.0f\n", all[i].n, all[i].idle_bytes);
}

static void parse_sizes(const char *text)
{
	char *end;

	for (opts.n_sizes = 0; opts.n_sizes < SIZES_MAX && *text; text = end + (*end == ',')) {
		opts.sizes[opts.n_sizes++] = (uint32_t)strtoul(text, &end, 10);
		if (end == text || (*end && *end != ',') || !opts.sizes[opts.n_sizes - 1])
			errx(2, "--sizes are numbers with commas");
	}
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "sizes", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "requests", required_argument, NULL, 'n' },
		{ "window", required_argument, NULL, 'w' },
		{ "short", no_argument, NULL, 'S' },
		{ 0 },
	};
	struct scale *all;
	int opt;

	parse_sizes("100,1000,10000,100000,1000000");
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (opt == 's')
			parse_sizes(optarg);
		else if (opt == 'r')
			opts.rounds = (uint32_t)atoi(optarg);
		else if (opt == 'n')
			opts.requests = (uint32_t)atoi(optarg);
		else if (opt == 'w')
			opts.window = (uint32_t)atoi(optarg);
		else if (opt == 'S')
			opts.with_short = true;
	}
	if (optind != argc || !opts.rounds || opts.rounds > ROUNDS_MAX || !opts.requests ||
	    !opts.window || !opts.n_sizes)
		errx(2, "usage: scale [--sizes N,N...] [--rounds N] [--requests N] [--window N] "
			"[--short]");
	all = calloc(opts.n_sizes, sizeof(*all));
	must(all);
	run(all);
	return 0;
}
