// SPDX-License-Identifier: BSD-2-Clause
/*
 * Very many connections: 100,000 at once, a million when it may take long, and
 * short ones in a row. What each costs is counted twice, by the objects made
 * and by what the process has become larger.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tcp/conn.h"
#include "tests/lib/must.h"
#include "tests/lib/tcp_check.h"

#include "tests/lib/fixture.h"
#include "tests/lib/suite.h"

enum {
	PORT = 1000,
	PORTS = 64,		/* of the server: one has too few of the client's for all */
	BATCH = 64,
	OPENING = 512,
	SHORT_IN_FLIGHT = 64,
	BYTES = 64,
};

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static struct test_net net;
static struct fs_tcp_listener *listeners[PORTS];
static struct fs_tcp **clients, **servers;
static uint32_t n_accepted, n_connected, n_answered, n_errors;
static bool closes_first;	/* the server, after its answer */
static bool asks_once;		/* the client, and closes first */

static bool is_long(void)
{
	const char *text = getenv("FS_TEST_LONG");

	return text && atoi(text);
}

static void echo(struct fs_tcp *tcp)
{
	struct fs_buf *bufs[4];
	int n = fs_tcp_recv_zc(tcp, bufs, 4);

	if (n > 0) {
		must(fs_tcp_send_zc(tcp, bufs, (unsigned int)n) == n);
		if (!closes_first)
			return;
	}
	if (n >= 0)
		fs_tcp_close(tcp);
}

static void on_server(const struct fs_event *event)
{
	struct fs_tcp *tcp;

	if (event->type == FS_EV_ACCEPT) {
		while (fs_tcp_accept(event->endpoint, &tcp, 1)) {
			if (servers)
				servers[n_accepted] = tcp;
			n_accepted++;
		}
	} else if (event->type == FS_EV_READABLE) {
		echo(event->endpoint);
	} else if (event->type == FS_EV_ERROR) {
		n_errors++;
	}
}

static void send_request(struct fs_tcp *tcp)
{
	static const uint8_t bytes[BYTES];

	must(fs_tcp_send(tcp, bytes, sizeof(bytes)) == sizeof(bytes));
}

/* The answer, and then perhaps the end. */
static void on_answer(struct fs_tcp *tcp)
{
	uint8_t bytes[2 * BYTES];
	ssize_t n = fs_tcp_recv(tcp, bytes, sizeof(bytes));

	if (n > 0) {
		must(n == BYTES);
		n_answered++;
		if (closes_first)
			n = fs_tcp_recv(tcp, bytes, sizeof(bytes));
	}
	if (!n || asks_once)
		fs_tcp_close(tcp);
}

static void on_client(const struct fs_event *event)
{
	if (event->type == FS_EV_CONNECTED) {
		n_connected++;
		if (closes_first || asks_once)
			send_request(event->endpoint);
	} else if (event->type == FS_EV_READABLE) {
		on_answer(event->endpoint);
	} else if (event->type == FS_EV_ERROR) {
		n_errors++;
	}
}

/* One batch of each: what applications do between two rounds. */
static int pump_once(void)
{
	struct fs_event events[BATCH];
	int n = fs_stack_events(net.b.stack, events, BATCH), m;

	for (int i = 0; i < n; i++)
		on_server(&events[i]);
	m = fs_stack_events(net.a.stack, events, BATCH);
	for (int i = 0; i < m; i++)
		on_client(&events[i]);
	return n + m;
}

static void pump(void)
{
	while (pump_once())
		;
}

static void settle(uint64_t span_ns)
{
	const uint64_t until_ns = net.now_ns + span_ns;

	pump();
	while (test_net_step(&net, until_ns))
		pump();
	pump();
}

static void open_all(void)
{
	const struct fs_sim_link link = { .delay_ns = 50 * NSEC_PER_USEC };
	const struct test_net_opts opts = {
		.seed = 5, .frames = 8192,
		.wire = { .a_to_b = link, .b_to_a = link, .ring_size = 2048 },
	};

	n_accepted = n_connected = n_answered = n_errors = 0;
	test_net_open(&net, &opts);
	for (int i = 0; i < PORTS; i++) {
		struct fs_tcp_listen_opts listen = {
			.sz = sizeof(listen), .local.port = (uint16_t)(PORT + i),
		};

		must(!fs_tcp_listen(&listeners[i], net.b.stack, &listen));
	}
}

static void close_all(void)
{
	for (int i = 0; i < PORTS; i++)
		fs_tcp_listener_close(listeners[i]);
	settle(130 * NSEC_PER_SEC);
	ck_assert_ptr_null(tcp_check_empty(net.a.stack->tcp));
	ck_assert_ptr_null(tcp_check_empty(net.b.stack->tcp));
	test_net_close(&net);
}

static struct fs_tcp *connect_to(uint32_t number)
{
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts),
		.remote = test_with_port(net.b.ip4, (uint16_t)(PORT + number % PORTS)),
	};
	struct fs_tcp *tcp;

	must(!fs_tcp_connect(&tcp, net.a.stack, &opts));
	return tcp;
}

static uint64_t resident_bytes(void)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	must(f && fscanf(f, "%lu %lu", &size, &resident) == 2);
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Objects and buckets, as they are made. */
static double counted_bytes(const struct fs_tcp_table *table)
{
	return (double)table->conns.made * (double)table->conns.object_size +
	       (double)table->ooos.made * (double)table->ooos.object_size +
	       (table->flows.mask + 1.0) * sizeof(*table->flows.bucket);
}

static void ask_some(uint32_t n)
{
	const uint32_t step = MAX(n / 1000, 1u), before = n_answered;
	uint32_t asked = 0;

	for (uint32_t i = 0; i < n; i += step) {
		send_request(clients[i]);
		if (++asked % BATCH == 0)
			settle(NSEC_PER_MSEC);
	}
	settle(NSEC_PER_SEC);
	ck_assert_uint_eq(n_answered - before, asked);
}

/* So that they are not counted: frames belong to traffic, not to connections. */
static void touch_frames(void)
{
	memset(net.a.pool->area, 0, net.a.pool->area_size);
	memset(net.b.pool->area, 0, net.b.pool->area_size);
}

static void is_small(uint32_t n, uint64_t before)
{
	const double resident = (double)(resident_bytes() - before) / n / 2;

	printf("%u connections, each end of them: %.0f bytes counted, %.0f resident\n", n,
	       counted_bytes(net.a.stack->tcp) / n, resident);
	ck_assert(counted_bytes(net.a.stack->tcp) / n <= 1024);
	ck_assert(counted_bytes(net.b.stack->tcp) / n <= 1024);
	ck_assert(SANITIZED || resident <= 1024);
}

static void hold(uint32_t n)
{
	uint64_t before;

	closes_first = false;
	clients = calloc(n, sizeof(*clients));
	servers = calloc(n, sizeof(*servers));
	must(clients && servers);
	open_all();
	touch_frames();
	before = resident_bytes();
	for (uint32_t i = 0; i < n; i++) {
		clients[i] = connect_to(i);
		if (i % OPENING == OPENING - 1)
			settle(2 * NSEC_PER_MSEC);
	}
	settle(NSEC_PER_SEC);
	ck_assert_uint_eq(n_connected, n);
	ck_assert_uint_eq(n_accepted, n);
	ask_some(n);
	settle(200 * NSEC_PER_SEC);	/* all timers have had their time: they are idle */
	is_small(n, before);
	for (uint32_t i = 0; i < n; i++) {
		fs_tcp_close(clients[i]);
		if (i % OPENING == OPENING - 1)
			settle(2 * NSEC_PER_MSEC);
	}
	ck_assert_uint_eq(n_errors, 0);
	close_all();
	free(clients);
	free(servers);
	clients = servers = NULL;
}

START_TEST(an_idle_connection_costs_less_than_a_kilobyte)
{
	hold(SANITIZED ? 10000 : is_long() ? 1000000 : 100000);
}
END_TEST

/* The ports come round while the server has them in TIME-WAIT: RFC 6191. */
START_TEST(short_connections_in_a_row_all_succeed)
{
	const uint32_t n = SANITIZED ? 10000 : is_long() ? 1000000 : 50000;
	uint32_t opened = 0;

	closes_first = true;
	open_all();
	while (n_answered < n && !n_errors) {
		while (opened < n && opened - n_answered < SHORT_IN_FLIGHT)
			connect_to(opened++);
		must(test_net_step(&net, net.now_ns + NSEC_PER_SEC));
		pump();
	}
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(n_answered, n);
	ck_assert_uint_eq(n_accepted, n);
	close_all();
}
END_TEST

/*
 * SYN, ACK and request, FIN, ACK; SYN-ACK, answer, FIN. The request is there when
 * the connection is accepted: its ACK waits for the answer all the same.
 */
START_TEST(a_short_connection_costs_seven_segments)
{
	const uint64_t until_ns = 10 * NSEC_PER_SEC;

	closes_first = false;
	asks_once = true;
	open_all();
	connect_to(0);
	do
		pump_once();
	while (test_net_step(&net, net.now_ns + until_ns));
	ck_assert_uint_eq(n_answered, 1);
	ck_assert_uint_eq(net.a.stack->host.stats.tx_tcp, 4);
	ck_assert_uint_eq(net.b.stack->host.stats.tx_tcp, 3);
	close_all();
	asks_once = false;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/many");
	TCase *tc = tcase_create("many");

	tcase_set_timeout(tc, is_long() ? 400 : 60);
	tcase_add_test(tc, an_idle_connection_costs_less_than_a_kilobyte);
	tcase_add_test(tc, short_connections_in_a_row_all_succeed);
	tcase_add_test(tc, a_short_connection_costs_seven_segments);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
