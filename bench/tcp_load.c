// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_load - a closed-loop TCP load generator for echo servers, that looks at
 * every byte.
 *
 *	tcp_load --to ADDR:PORT [-i IFACE] [--mode echo|connect|bulk] [--window N]
 *		 [--conns N] [--seconds S] [--size BYTES] [--spin] [--watch PID]
 *
 * Kernel sockets, or with -i the stack door on that interface. Each of the first
 * N connections (--window) has one request under way:
 *
 *	echo	and sends the next one when its reply is complete
 *	connect	connects, asks once, closes, and connects anew; the time is of all that
 *	bulk	sends and takes back as fast as it goes; a reply is 64 KiB then
 *
 * --conns opens more connections that stay idle (--window 0: all of them). The result is one JSON object
 * with the fields of load's; `lost` are connections that failed.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bench/cpu.h"
#include "bench/histogram.h"
#include "bench/request.h"
#include "bench/tcp_kernel.h"
#include "bench/tcp_stack.h"

enum mode { ECHO, CONNECT, BULK };

enum {
	SLOTS_MAX = 1 << 20,
	CONNECT_SECONDS = 30,
	WARM_UP_MS = 100,
	OPENING = 256,		/* connections being opened at the same time */
	PATTERN = 65521,	/* a prime: what is shifted by any power of two is noticed */
	CHUNK = 65536,
};

struct slot {
	uint64_t since_ns;	/* the request was sent, or the connection begun */
	uint64_t sent, received;	/* bytes: of the request, or of a bulk stream */
	uint32_t id;
	bool open, connected;
	uint8_t *pieces;	/* of a reply that came in several */
};

static struct {
	const struct tcp_client *client;
	const char *mode_name;
	enum mode mode;
	struct request request;
	unsigned int window, conns, n_open, n_connected, n_broken;
	struct slot *slots;
	struct histogram times;
	uint64_t replies, bytes, lost, wrong;
	uint8_t pattern[PATTERN + CHUNK];
} load;

static uint64_t now(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

static void open_slot(unsigned int i)
{
	struct slot *s = &load.slots[i];

	s->sent = s->received = 0;
	s->since_ns = now();
	s->connected = false;
	s->open = !load.client->connect(i);
	load.n_open += s->open;
	load.n_broken += !s->open;
	load.lost += !s->open;
}

static void close_slot(unsigned int i)
{
	struct slot *s = &load.slots[i];

	load.client->close(i);
	load.n_open--;
	load.n_connected -= s->connected;
	s->open = s->connected = false;
}

static void break_slot(unsigned int i)
{
	close_slot(i);
	load.lost++;
	load.n_broken++;
}

/* Those that failed begin again, not before the next round. */
static void mend(void)
{
	unsigned int left = load.n_broken;

	load.n_broken = 0;
	for (unsigned int i = 0; left && i < load.conns; i++)
		if (!load.slots[i].open) {
			open_slot(i);
			left--;
		}
}

static bool is_fatal(ssize_t n)
{
	return n < 0 && n != -EAGAIN && n != -ENOTCONN;
}

/* True: an error. */
static bool send_request(unsigned int i)
{
	struct request *r = &load.request;
	struct slot *s = &load.slots[i];
	ssize_t n = 0;

	request_put_id(r, r->bytes, s->id);
	while (s->sent < r->len && n >= 0) {
		n = load.client->send(i, r->bytes + s->sent, r->len - s->sent);
		s->sent += n > 0 ? (uint64_t)n : 0;
	}
	return is_fatal(n);
}

static bool finish(unsigned int i, const uint8_t *reply)
{
	struct slot *s = &load.slots[i];
	uint64_t at = now();
	uint32_t id;

	if (!request_check(&load.request, reply, load.request.reply_len, &id) || id != s->id)
		load.wrong++;
	histogram_add(&load.times, at - s->since_ns);
	load.replies++;
	s->id += load.window;
	s->sent = s->received = 0;
	if (load.mode == CONNECT) {
		close_slot(i);
		open_slot(i);
		return false;
	}
	s->since_ns = at;
	return send_request(i);
}

static bool take_reply(unsigned int i)
{
	const size_t want = load.request.reply_len;
	struct slot *s = &load.slots[i];
	const uint8_t *data;

	for (;;) {
		ssize_t n = load.client->recv(i, &data);

		if (n <= 0)
			return !n || is_fatal(n);
		if ((size_t)n > want - s->received)
			return true;
		if ((size_t)n == want)
			return finish(i, data);
		if (!s->pieces && !(s->pieces = malloc(want)))
			err(1, "malloc");
		memcpy(s->pieces + s->received, data, (size_t)n);
		s->received += (uint64_t)n;
		if (s->received == want)
			return finish(i, s->pieces);
	}
}

static bool move_bulk(unsigned int i)
{
	struct slot *s = &load.slots[i];
	const uint8_t *data;
	ssize_t n, out;

	do {
		out = load.client->send(i, load.pattern + s->sent % PATTERN, CHUNK);
		s->sent += out > 0 ? (uint64_t)out : 0;
		while ((n = load.client->recv(i, &data)) > 0) {
			if (memcmp(data, load.pattern + s->received % PATTERN, (size_t)n))
				load.wrong++;
			s->received += (uint64_t)n;
			load.bytes += (uint64_t)n;
		}
	} while (out > 0 && n);
	return !n || is_fatal(n) || is_fatal(out);
}

static void handle(const struct tcp_event *event)
{
	const unsigned int i = event->slot;
	struct slot *s = &load.slots[i];
	bool broken = event->type == TCP_FAILED;

	if (!s->open)
		return;
	if (!broken && !s->connected) {
		s->connected = true;
		load.n_connected++;
	}
	if (!broken && i < load.window) {
		if (load.mode == BULK)
			broken = move_bulk(i);
		else if (s->sent < load.request.len)
			broken = send_request(i);
		else
			broken = take_reply(i);
	}
	if (broken)
		break_slot(i);
}

static void turn(void)
{
	struct tcp_event events[TCP_EVENTS];
	int n = load.client->poll(events);

	for (int i = 0; i < n; i++)
		handle(&events[i]);
	if (load.n_broken)
		mend();
}

static void open_all(void)
{
	const uint64_t end = now() + CONNECT_SECONDS * 1000000000ull;
	unsigned int next = 0;

	while (load.n_connected < load.conns && load.mode != CONNECT) {
		while (next < load.conns && next - load.n_connected < OPENING)
			open_slot(next++);
		turn();
		if (now() > end)
			errx(1, "%u of %u connections are open after %d s", load.n_connected,
			     load.conns, CONNECT_SECONDS);
	}
	while (next < load.conns)
		open_slot(next++);
	if (load.conns > load.window)
		fprintf(stderr, "tcp_load: %u connections are open\n", load.conns);
}

static void run_until(uint64_t end_ns)
{
	while (now() < end_ns)
		turn();
}

static void print(double s, bool spin, const struct cpu_seconds *from,
		  const struct cpu_seconds *to)
{
	const struct histogram *h = &load.times;
	const bool bulk = load.mode == BULK;
	const double replies = bulk ? (double)load.bytes / CHUNK : (double)load.replies;

	printf("{\"client\": \"%s\", \"mode\": \"%s\", \"spin\": %s, \"window\": %u, "
	       "\"conns\": %u, \"request_bytes\": %zu, \"reply_bytes\": %zu, \"seconds\": %.6f, "
	       "\"replies\": %.0f, \"rate\": %.1f, \"bytes_per_second\": %.0f, "
	       "\"rtt_us\": {\"p50\": %.3f, \"p99\": %.3f, \"p99.9\": %.3f, \"max\": %.3f}, "
	       "\"lost\": %llu, \"late\": 0, \"duplicate\": 0, \"wrong\": %llu, "
	       "\"cpu_seconds\": {\"own\": %.6f, \"all\": %.2f, \"watched\": %.6f, "
	       "\"waited\": %.6f}}\n",
	       load.client->name, load.mode_name, spin ? "true" : "false", load.window,
	       load.conns, load.request.len, bulk ? (size_t)CHUNK : load.request.reply_len, s,
	       replies, replies / s,
	       (bulk ? (double)load.bytes : replies * (double)load.request.reply_len) / s,
	       histogram_percentile(h, 0.5) / 1e3, histogram_percentile(h, 0.99) / 1e3,
	       histogram_percentile(h, 0.999) / 1e3, (double)h->max_ns / 1e3,
	       (unsigned long long)load.lost, (unsigned long long)load.wrong,
	       to->own - from->own, to->all - from->all, to->watched - from->watched,
	       to->waited - from->waited);
}

static void run(const struct tcp_opts *o, double seconds, int watch)
{
	struct cpu_seconds from, to;
	uint64_t begin;

	load.client->open(o);
	open_all();
	run_until(now() + WARM_UP_MS * 1000000ull);
	load.replies = load.bytes = load.lost = 0;
	load.times = (struct histogram){ 0 };
	from = cpu_seconds(watch);
	begin = now();
	run_until(begin + (uint64_t)(seconds * 1e9));
	to = cpu_seconds(watch);
	print((double)(now() - begin) / 1e9, o->spin, &from, &to);
	load.client->end();
}

static void set_mode(const char *name)
{
	load.mode_name = name;
	load.mode = !strcmp(name, "connect") ? CONNECT : !strcmp(name, "bulk") ? BULK : ECHO;
	if (load.mode == ECHO && strcmp(name, "echo"))
		errx(2, "--mode is echo, connect or bulk");
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "to", required_argument, NULL, 't' },
		{ "mode", required_argument, NULL, 'm' },
		{ "window", required_argument, NULL, 'w' },
		{ "conns", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'b' },
		{ "spin", no_argument, NULL, 'S' },
		{ "watch", required_argument, NULL, 'W' },
		{ 0 },
	};
	struct tcp_opts o = { 0 };
	size_t size = 64;
	double seconds = 1;
	int opt, watch = 0;

	load.window = 1;
	set_mode("echo");
	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == 'i')
			o.ifname = optarg;
		else if (opt == 't' && fs_addr_parse(&o.server, optarg))
			errx(2, "%s is not ADDR:PORT", optarg);
		else if (opt == 'm')
			set_mode(optarg);
		else if (opt == 'w')
			load.window = (unsigned int)atoi(optarg);
		else if (opt == 'c')
			load.conns = (unsigned int)atoi(optarg);
		else if (opt == 's')
			seconds = atof(optarg);
		else if (opt == 'b')
			size = (size_t)atoi(optarg);
		else if (opt == 'S')
			o.spin = true;
		else if (opt == 'W')
			watch = atoi(optarg);
	}
	if (load.conns < load.window)
		load.conns = load.window;
	if (!o.server.port || optind != argc || !load.conns || load.conns > SLOTS_MAX ||
	    seconds <= 0)
		errx(2, "usage: tcp_load --to ADDR:PORT [-i IFACE] [--mode echo|connect|bulk]\n"
			"                [--window N] [--conns N] [--seconds S] [--size BYTES]\n"
			"                [--spin] [--watch PID]");
	request_echo(&load.request, size);
	for (size_t i = 0; i < sizeof(load.pattern); i++)
		load.pattern[i] = (uint8_t)((i % PATTERN * 2654435761u) >> 13);
	load.slots = calloc(load.conns, sizeof(*load.slots));
	if (!load.slots)
		err(1, "calloc");
	for (unsigned int i = 0; i < load.conns; i++)
		load.slots[i].id = i;
	o.slots = load.conns;
	load.client = o.ifname ? &tcp_stack_client : &tcp_kernel_client;
	run(&o, seconds, watch);
	return 0;
}
