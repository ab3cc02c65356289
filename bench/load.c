// SPDX-License-Identifier: BSD-2-Clause
/*
 * load - a closed-loop UDP load generator that looks at every reply.
 *
 *	load --to IP:PORT [-i IFACE [--peer-mac MAC]] [--window N] [--seconds S]
 *	     [--size BYTES] [--spin] [--kv KEY=VALUE] [--timeout MS] [--watch PID]
 *
 * A kernel socket, or with -i an AF_XDP socket on that interface. It keeps N
 * requests under way. Each has a slot, and an id that tells the slot:
 * id % N. A reply that is right frees its slot for the next request. After
 * the timeout a request counts as lost and the slot sends the next one, so a
 * loss slows the loop but does not stop it.
 *
 * The result is one JSON object on stdout. It covers the time after a short
 * warm-up, except `wrong`, which counts from the first packet. Over the same
 * time it tells the CPU seconds of itself, of all CPUs and of process PID, and
 * how long the two waited for a CPU that somebody else had: noise.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/client_kernel.h"
#include "bench/client_xdp.h"
#include "bench/cpu.h"
#include "bench/histogram.h"

enum {
	WARM_UP_MS = 100,
	TIMEOUT_MS = 200,
	SCAN_MS = 10,		/* between two looks for lost requests */
	DRAIN_MS = 200,		/* at the end, for what is under way */
};

#define MS 1000000ull

struct slot {
	uint64_t sent_ns;
	uint32_t id;		/* of the last request */
	uint32_t lost_id;	/* of the last one that timed out */
	bool waiting, has_lost;
};

struct result {
	struct histogram rtt;
	uint64_t lost;		/* no reply within the timeout */
	uint64_t late;		/* a lost one's reply, after all */
	uint64_t duplicate;	/* a second reply */
};

static struct {
	const struct client_ops *ops;
	struct request request;
	unsigned int window;
	uint64_t timeout_ns, scan_ns;
	int watch;		/* a process, or 0 */
	struct slot slots[CLIENT_WINDOW_MAX];
	struct result result;
	uint64_t wrong;
} load;

static void start(uint32_t *ids, unsigned int n)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	for (unsigned int i = 0; i < n; i++) {
		struct slot *slot = &load.slots[ids[i] % load.window];

		slot->id = ids[i];
		slot->sent_ns = now;
		slot->waiting = true;
	}
	load.ops->send(ids, n);
}

/* Returns true when the slot of @id is free for its next request. */
static bool take(const struct client_reply *reply, uint64_t now, uint32_t *id)
{
	struct slot *slot;

	if (!request_check(&load.request, reply->bytes, reply->len, id)) {
		load.wrong++;
		return false;
	}
	slot = &load.slots[*id % load.window];
	if (slot->waiting && slot->id == *id) {
		slot->waiting = false;
		histogram_add(&load.result.rtt, now - slot->sent_ns);
		return true;
	}
	if (slot->has_lost && slot->lost_id == *id) {
		slot->has_lost = false;
		load.result.late++;
	} else {
		load.result.duplicate++;
	}
	return false;
}

static unsigned int find_lost(uint64_t now, uint32_t *ids)
{
	unsigned int n = 0;

	if (now < load.scan_ns)
		return 0;
	load.scan_ns = now + SCAN_MS * MS;
	for (unsigned int i = 0; i < load.window; i++) {
		struct slot *slot = &load.slots[i];

		if (!slot->waiting || now - slot->sent_ns < load.timeout_ns)
			continue;
		slot->waiting = false;
		slot->lost_id = slot->id;
		slot->has_lost = true;
		load.result.lost++;
		ids[n++] = slot->id;
	}
	return n;
}

/* Take what has come; with @again, each free slot sends its next request. */
static uint64_t turn(bool again)
{
	struct client_reply replies[CLIENT_BATCH];
	uint32_t ids[CLIENT_WINDOW_MAX];
	unsigned int n = load.ops->recv(replies), next = 0;
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	for (unsigned int i = 0; i < n; i++)
		next += take(&replies[i], now, &ids[next]);
	load.ops->done();
	next += find_lost(now, ids + next);
	if (!again || !next)
		return now;
	for (unsigned int i = 0; i < next; i++)
		ids[i] += load.window;
	start(ids, next);
	return now;
}

static void drain(uint64_t until)
{
	unsigned int waiting;

	do {
		waiting = 0;
		for (unsigned int i = 0; i < load.window; i++)
			waiting += load.slots[i].waiting;
	} while (waiting && turn(false) < until);
	load.result.lost += waiting;
}

static void print(const struct client_opts *o, uint64_t elapsed_ns,
		  const struct cpu_seconds *from, const struct cpu_seconds *to)
{
	const struct result *r = &load.result;
	const struct histogram *h = &r->rtt;
	const double s = (double)elapsed_ns / 1e9;

	printf("{\"client\": \"%s\", \"spin\": %s, \"window\": %u, \"request_bytes\": %zu, "
	       "\"reply_bytes\": %zu, \"seconds\": %.6f, \"replies\": %llu, \"rate\": %.1f, "
	       "\"rtt_us\": {\"p50\": %.3f, \"p99\": %.3f, \"p99.9\": %.3f, \"max\": %.3f}, "
	       "\"lost\": %llu, \"late\": %llu, \"duplicate\": %llu, \"wrong\": %llu, "
	       "\"cpu_seconds\": {\"own\": %.6f, \"all\": %.2f, \"watched\": %.6f, "
	       "\"waited\": %.6f}}\n",
	       load.ops->name, o->spin ? "true" : "false", load.window, load.request.len,
	       load.request.reply_len, s, (unsigned long long)h->count, (double)h->count / s,
	       histogram_percentile(h, 0.5) / 1e3, histogram_percentile(h, 0.99) / 1e3,
	       histogram_percentile(h, 0.999) / 1e3, (double)h->max_ns / 1e3,
	       (unsigned long long)r->lost, (unsigned long long)r->late,
	       (unsigned long long)r->duplicate, (unsigned long long)load.wrong,
	       to->own - from->own, to->all - from->all, to->watched - from->watched,
	       to->waited - from->waited);
}

static void run(const struct client_opts *o, double seconds)
{
	struct cpu_seconds from, to;
	uint64_t begin, end;
	uint32_t ids[CLIENT_WINDOW_MAX];

	load.ops->open(o);
	for (uint32_t i = 0; i < load.window; i++)
		ids[i] = i;
	begin = now_ns(CLOCK_MONOTONIC);
	start(ids, load.window);
	while (turn(true) < begin + WARM_UP_MS * MS)
		;
	load.result = (struct result){ 0 };
	from = cpu_seconds(load.watch);
	begin = now_ns(CLOCK_MONOTONIC);
	end = begin + (uint64_t)(seconds * 1e9);
	while (turn(true) < end)
		;
	end = now_ns(CLOCK_MONOTONIC);
	to = cpu_seconds(load.watch);
	drain(end + DRAIN_MS * MS);
	print(o, end - begin, &from, &to);
}

static void parse_server(struct sockaddr_in *addr, const char *text)
{
	char ip[INET_ADDRSTRLEN];
	unsigned int port;

	if (sscanf(text, "%15[0-9.]:%u", ip, &port) != 2 || !port || port > UINT16_MAX ||
	    inet_pton(AF_INET, ip, &addr->sin_addr) != 1)
		errx(2, "%s is not IP:PORT", text);
	addr->sin_family = AF_INET;
	addr->sin_port = htons((uint16_t)port);
}

static void usage(void)
{
	errx(2, "usage: load --to IP:PORT [-i IFACE [--peer-mac MAC]] [--window N] [--seconds S]\n"
		"            [--size BYTES] [--spin] [--kv KEY=VALUE] [--timeout MS]\n"
		"            [--watch PID]");
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "to", required_argument, NULL, 't' },
		{ "peer-mac", required_argument, NULL, 'm' },
		{ "window", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'b' },
		{ "spin", no_argument, NULL, 'S' },
		{ "kv", required_argument, NULL, 'k' },
		{ "watch", required_argument, NULL, 'W' },
		{ "timeout", required_argument, NULL, 'T' },
		{ 0 },
	};
	struct client_opts o = { .window = 1, .request = &load.request };
	char *key = NULL, *value = NULL;
	double seconds = 1;
	size_t size = 0;
	int opt;

	load.timeout_ns = TIMEOUT_MS * MS;
	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == 'i') {
			o.ifname = optarg;
		} else if (opt == 't') {
			parse_server(&o.server, optarg);
		} else if (opt == 'm') {
			o.peer_mac = optarg;
		} else if (opt == 'w') {
			o.window = (unsigned int)atoi(optarg);
		} else if (opt == 's') {
			seconds = atof(optarg);
		} else if (opt == 'b') {
			size = (size_t)atoi(optarg);
		} else if (opt == 'S') {
			o.spin = true;
		} else if (opt == 'W') {
			load.watch = atoi(optarg);
		} else if (opt == 'T') {
			load.timeout_ns = (uint64_t)atoi(optarg) * MS;
		} else if (opt == 'k' && strchr(optarg, '=')) {
			key = strtok_r(optarg, "=", &value);
		} else {
			usage();
		}
	}
	if (!o.server.sin_port || optind != argc || !o.window || o.window > CLIENT_WINDOW_MAX ||
	    seconds <= 0)
		usage();
	if (key)
		request_kv(&load.request, key, value, size);
	else
		request_echo(&load.request, size ? size : 64);
	load.ops = o.ifname ? &xdp_client : &kernel_client;
	load.window = o.window;
	run(&o, seconds);
	return 0;
}
