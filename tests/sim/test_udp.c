// SPDX-License-Identifier: BSD-2-Clause
/* UDP between two stacks on one wire: delivery, loss, neighbours, full queues. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/lib/fixture.h"
#include "tests/lib/leak.h"
#include "tests/lib/suite.h"

static struct test_net net;
static struct fs_udp *at_a, *at_b;

static void open_net(const struct test_net_opts *opts)
{
	test_net_open(&net, opts);
	at_a = test_udp(&net.a, (struct fs_addr){ .port = 1000 }, NULL);
	at_b = test_udp(&net.b, (struct fs_addr){ .port = 2000 }, NULL);
}

static void setup(void)
{
	open_net(NULL);
}

static void teardown(void)
{
	test_net_close(&net);
}

static struct fs_addr b4(void)
{
	return test_with_port(net.b.ip4, 2000);
}

static struct fs_addr b6(void)
{
	return test_with_port(net.b.ip6, 2000);
}

static struct fs_buf *take(struct fs_udp *udp)
{
	struct fs_buf *buf = NULL;

	return fs_udp_recv(udp, &buf, 1) ? buf : NULL;
}

static void give(struct fs_buf *buf)
{
	fs_buf_release(&buf, 1);
}

static int next_event(struct test_host *host, struct fs_event *event)
{
	return fs_stack_events(host->stack, event, 1);
}

static void expect_text(struct fs_udp *udp, const char *text, const struct fs_addr *from)
{
	struct fs_buf *buf = take(udp);

	ck_assert_ptr_nonnull(buf);
	ck_assert_uint_eq(buf->len, strlen(text));
	ck_assert_mem_eq(buf->data, text, buf->len);
	ck_assert_mem_eq(&buf->remote, from, sizeof(*from));
	give(buf);
	ck_assert_ptr_null(take(udp));
}

START_TEST(datagram_arrives_with_its_addresses_in_both_families)
{
	struct fs_addr from4 = test_with_port(net.a.ip4, 1000);
	struct fs_addr from6 = test_with_port(net.a.ip6, 1000);
	struct fs_addr to4 = b4(), to6 = b6();
	struct fs_event event;

	ck_assert_int_eq(test_send(&net.a, at_a, &to4, "four", 4), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	ck_assert_int_eq(next_event(&net.b, &event), 1);
	ck_assert_int_eq(event.type, FS_EV_READABLE);
	ck_assert_ptr_eq(event.endpoint, at_b);
	expect_text(at_b, "four", &from4);
	ck_assert_int_eq(test_send(&net.a, at_a, &to6, "sixsix", 6), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	expect_text(at_b, "sixsix", &from6);
	ck_assert_int_eq(test_send(&net.a, at_a, &to6, "", 0), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	expect_text(at_b, "", &from6);
}
END_TEST

START_TEST(received_buffer_sent_as_it_is_answers_the_sender)
{
	struct fs_addr to = b4();
	struct fs_buf *buf;
	uint8_t *bytes;

	ck_assert_int_eq(test_send(&net.a, at_a, &to, "ping", 4), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	buf = take(at_b);
	bytes = buf->data;
	ck_assert_int_eq(fs_udp_send(at_b, &buf, 1), 1);
	ck_assert_ptr_eq(buf->data + buf->len - 4, bytes);	/* not copied */
	test_net_run(&net, NSEC_PER_MSEC);
	expect_text(at_a, "ping", &to);
}
END_TEST

static const struct fs_fault_odds weather = {
	.loss_ppm = 20000, .burst_begin_ppm = 5000, .duplicate_ppm = 30000,
	.reorder_ppm = 50000, .corrupt_ppm = 30000, .corrupt_bits = 1,
	.truncate_ppm = 20000, .ce_ppm = 100000,
};

struct message {
	uint32_t number;
	uint32_t len;
	uint8_t fill[1400];
};

static size_t write_message(struct message *m, uint32_t number, struct fs_random *random)
{
	m->number = number;
	m->len = (uint32_t)fs_random_below(random, sizeof(m->fill));
	memset(m->fill, (int)(number * 7), m->len);
	return offsetof(struct message, fill) + m->len;
}

static uint32_t read_message(const struct fs_buf *buf)
{
	struct message m;
	bool good = true;

	ck_assert_uint_ge(buf->len, offsetof(struct message, fill));
	memcpy(&m, buf->data, buf->len);
	ck_assert_uint_eq(buf->len, offsetof(struct message, fill) + m.len);
	for (uint32_t i = 0; i < m.len; i++)
		good &= m.fill[i] == (uint8_t)(m.number * 7);
	ck_assert(good);
	return m.number;
}

/* Everything that came is delivered or counted. */
static void check_accounts(struct test_host *host)
{
	struct fs_stack_stats s = { .sz = sizeof(s) };

	ck_assert_int_eq(fs_stack_stats(host->stack, &s), 0);
	ck_assert_uint_eq(s.rx_pkts, s.rx_udp + s.rx_icmp + s.rx_drop_short + s.rx_drop_proto +
			  s.rx_drop_ip_csum + s.rx_drop_csum + s.rx_drop_fragment +
			  s.rx_drop_addr + s.rx_drop_no_endpoint + s.rx_drop_queue_full);
	ck_assert_uint_eq(s.frames_total, s.frames_free + s.frames_fill + s.frames_rx +
			  s.frames_lent + s.frames_tx);
}

/* As TCP lends it while frames are short; there is no twin here that could send it. */
START_TEST(small_block_of_ordinary_memory_goes_as_a_frame_does)
{
	const struct fs_addr from = test_with_port(net.a.ip4, 1000);
	struct fs_buf *buf = fs_pool_take_heap(net.a.pool, 4);

	buf->remote = b4();
	buf->port = UINT8_MAX;
	memcpy(buf->data, "ping", 4);
	ck_assert_int_eq(fs_udp_send(at_a, &buf, 1), 1);
	ck_assert_ptr_null(net.a.pool->heap);
	test_net_run(&net, NSEC_PER_MSEC);
	expect_text(at_b, "ping", &from);
}
END_TEST

START_TEST(a_round_again_is_one_only_if_something_came)
{
	struct fs_addr from = test_with_port(net.a.ip4, 1000), to = b4();

	test_net_run(&net, NSEC_PER_MSEC);
	ck_assert(!fs_stack_run_again(net.b.stack));
	ck_assert_int_eq(test_send(&net.a, at_a, &to, "soon", 4), 1);
	fs_stack_transmit(net.a.stack);
	fs_sim_advance(net.sim, net.now_ns);
	ck_assert(fs_stack_run_again(net.b.stack));
	expect_text(at_b, "soon", &from);
	ck_assert(!fs_stack_run_again(net.b.stack));
}
END_TEST

START_TEST(bad_weather_loses_and_repeats_but_delivers_nothing_wrong)
{
	const struct test_net_opts opts = {
		.seed = 42, .a_to_b = weather, .b_to_a = weather,
		.wire.a_to_b = { .delay_ns = 100000, .jitter_ns = 50000 },
	};
	struct fs_random random = { 42 };
	struct fs_fault_stats faults;
	unsigned int got = 0, echoed = 0;
	struct message m;

	teardown();
	open_net(&opts);
	for (uint32_t i = 0; i < 20000; i++) {
		struct fs_addr to = i & 1 ? b4() : b6();
		size_t len = write_message(&m, i, &random);
		struct fs_buf *buf;

		ck_assert_int_eq(test_send(&net.a, at_a, &to, &m, len), 1);
		test_net_run(&net, 20000);
		while ((buf = take(at_b))) {
			read_message(buf);
			got++;
			if (fs_udp_send(at_b, &buf, 1) != 1)
				give(buf);
		}
		while ((buf = take(at_a))) {
			read_message(buf);
			echoed++;
			give(buf);
		}
	}
	test_net_run(&net, NSEC_PER_SEC);
	fs_port_fault_stats(net.a.fault, NULL, &faults);
	ck_assert_uint_gt(faults.lost, 300);
	ck_assert_uint_gt(faults.truncated, 300);
	ck_assert_uint_gt(got, 17000);
	ck_assert_uint_gt(echoed, 14000);
	check_accounts(&net.a);
	check_accounts(&net.b);
}
END_TEST

/* A hash of all that both hosts saw. */
static uint64_t trace(uint64_t seed)
{
	const struct test_net_opts opts = { .seed = seed, .a_to_b = weather, .b_to_a = weather };
	char path[] = "/tmp/fs-trace-XXXXXX";
	int fd = mkstemp(path), byte;
	struct fs_random random = { 1 };
	uint64_t hash = 0;
	struct message m;
	FILE *file;

	close(fd);
	setenv("FASTSOCK_CAPTURE", path, 1);
	open_net(&opts);
	for (uint32_t i = 0; i < 500; i++) {
		struct fs_addr to = b4();

		test_send(&net.a, at_a, &to, &m, write_message(&m, i, &random));
		test_net_run(&net, 20000);
	}
	teardown();
	unsetenv("FASTSOCK_CAPTURE");
	file = fopen(path, "rb");
	while ((byte = getc(file)) != EOF)
		hash = hash * 1099511628211ull + (uint64_t)byte;
	fclose(file);
	unlink(path);
	return hash;
}

START_TEST(same_seed_gives_the_same_bytes_at_the_same_times)
{
	uint64_t first;

	teardown();
	first = trace(9);
	ck_assert_uint_eq(trace(9), first);
	ck_assert_uint_ne(trace(10), first);
	setup();
}
END_TEST

START_TEST(datagrams_wait_for_their_neighbour_and_go_in_order)
{
	const struct test_net_opts opts = { .no_neigh = true };
	struct fs_addr to;
	struct fs_buf *buf;

	teardown();
	open_net(&opts);
	to = b4();
	for (char c = 'a'; c < 'f'; c++)
		ck_assert_int_eq(test_send(&net.a, at_a, &to, &c, 1), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	ck_assert_uint_eq(net.a.probes, 1);
	ck_assert_ptr_null(take(at_b));
	test_net_resolve(&net, NUD_REACHABLE);
	test_net_run(&net, NSEC_PER_MSEC);
	for (char c = 'a'; c < 'f'; c++) {
		buf = take(at_b);
		ck_assert_ptr_nonnull(buf);
		ck_assert_int_eq(buf->data[0], c);
		give(buf);
	}
}
END_TEST

START_TEST(send_beyond_what_may_wait_is_refused_and_nothing_is_dropped)
{
	const struct test_net_opts opts = { .no_neigh = true };
	const struct fs_stack_stats *stats;
	unsigned int sent = 0, got = 0;
	struct fs_addr to;
	struct fs_buf *buf;
	int err;

	teardown();
	open_net(&opts);
	stats = &net.a.stack->host.stats;
	to = b4();
	while ((err = test_send(&net.a, at_a, &to, "x", 1)) == 1)
		sent++;
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert_uint_eq(stats->tx_again_neigh, 1);
	ck_assert_uint_eq(stats->tx_full, 1);
	test_net_resolve(&net, NUD_REACHABLE);
	test_net_run(&net, NSEC_PER_MSEC);
	for (; (buf = take(at_b)); got++)
		give(buf);
	ck_assert_uint_eq(got, sent);
	ck_assert_uint_eq(stats->tx_again_neigh, 1);
}
END_TEST

START_TEST(silent_neighbour_becomes_an_error_event)
{
	const struct test_net_opts opts = { .no_neigh = true };
	struct fs_event event;
	struct fs_addr to;

	teardown();
	open_net(&opts);
	to = b6();
	ck_assert_int_eq(test_send(&net.a, at_a, &to, "x", 1), 1);
	test_net_run(&net, 2 * NSEC_PER_SEC);
	ck_assert_int_eq(next_event(&net.a, &event), 0);
	test_net_run(&net, 2 * NSEC_PER_SEC);
	ck_assert_int_eq(next_event(&net.a, &event), 1);
	ck_assert_int_eq(event.type, FS_EV_ERROR);
	ck_assert_int_eq(event.error, -EHOSTUNREACH);
	ck_assert_ptr_eq(event.endpoint, at_a);
	ck_assert_uint_ge(net.a.probes, 3);
}
END_TEST

START_TEST(waiting_datagrams_are_given_back_when_the_stack_closes)
{
	const struct test_net_opts opts = { .no_neigh = true };
	struct fs_addr to;

	teardown();
	open_net(&opts);
	to = b4();
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(test_send(&net.a, at_a, &to, "x", 1), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	/* Teardown proves it. */
}
END_TEST

START_TEST(receiver_that_does_not_receive_drops_and_counts)
{
	struct fs_addr to = b4();
	struct fs_udp_opts opts = { .sz = sizeof(opts), .local.port = 3000, .queue_pkts = 8 };
	struct fs_udp *small;

	ck_assert_int_eq(fs_udp_create(&small, net.b.stack->udp, &opts), 0);
	to.port = 3000;
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(test_send(&net.a, at_a, &to, "x", 1), 1);
	test_net_run(&net, NSEC_PER_MSEC);
	ck_assert_uint_eq(net.b.stack->host.stats.rx_drop_queue_full, 12);
	for (int i = 0; i < 8; i++)
		give(take(small));
	ck_assert_ptr_null(take(small));
	fs_udp_close(small);
}
END_TEST

START_TEST(stack_whose_frames_are_all_lent_stops_and_goes_on)
{
	const struct test_net_opts opts = { .frames = 64 };
	struct fs_buf *lent[64];
	unsigned int n = 0;
	struct fs_addr to;

	teardown();
	open_net(&opts);
	to = b4();
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(test_send(&net.a, at_a, &to, "x", 1), 1);
		test_net_run(&net, 1000);
		if (n < 64 && (lent[n] = take(at_b)))
			n++;
	}
	ck_assert_uint_eq(n, 62);	/* of 64; two are kept for sending */
	while (n)
		give(lent[--n]);
	test_net_run(&net, 1000);
	ck_assert_int_eq(test_send(&net.a, at_a, &to, "again", 5), 1);
	test_net_run(&net, 1000);
	to = test_with_port(net.a.ip4, 1000);
	expect_text(at_b, "again", &to);
}
END_TEST

START_TEST(every_endpoint_of_many_is_found_in_its_family)
{
	enum { MANY = 3000 };
	static struct fs_udp *four[MANY], *six[MANY];

	for (uint16_t i = 0; i < MANY; i++) {
		four[i] = test_udp(&net.b, test_with_port(net.b.ip4, 10000 + i), NULL);
		six[i] = test_udp(&net.b, test_with_port(net.b.ip6, 10000 + i), NULL);
	}
	for (uint16_t i = 0; i < MANY; i++) {
		struct fs_addr to4 = test_with_port(net.b.ip4, 10000 + i);
		struct fs_addr to6 = test_with_port(net.b.ip6, 10000 + i);

		ck_assert_int_eq(test_send(&net.a, at_a, &to4, "4", 1), 1);
		ck_assert_int_eq(test_send(&net.a, at_a, &to6, "6", 1), 1);
		test_net_run(&net, 1000);
		to4 = test_with_port(net.a.ip4, 1000);
		to6 = test_with_port(net.a.ip6, 1000);
		expect_text(four[i], "4", &to4);
		expect_text(six[i], "6", &to6);
	}
	for (uint16_t i = 0; i < MANY; i++) {
		fs_udp_close(four[i]);
		fs_udp_close(six[MANY - 1 - i]);
	}
}
END_TEST

START_TEST(sender_faster_than_the_wire_fills_it_and_no_more)
{
	/* 10 Mbit/s, frames of 1042 bytes: 1200 a second. */
	const struct test_net_opts opts = {
		.wire.a_to_b = { .rate_bps = 10000000, .delay_ns = 1000000, .queue_pkts = 50 },
	};
	static const uint8_t data[1000];
	unsigned int got = 0;
	struct fs_sim_stats s;
	struct fs_addr to;
	struct fs_buf *buf;

	teardown();
	open_net(&opts);
	to = b4();
	for (int i = 0; i < 10000; i++) {
		int sent = test_send(&net.a, at_a, &to, data, sizeof(data));

		ck_assert(sent == 1 || sent == -EAGAIN || sent == -ENOBUFS);
		test_net_run(&net, 100000);
		while ((buf = take(at_b))) {
			give(buf);
			got++;
		}
	}
	fs_sim_stats(net.a.wire, &s);
	ck_assert_uint_gt(s.drop_queue, 8000);
	ck_assert(got > 1190 && got < 1210);
}
END_TEST

START_TEST(strangers_and_closed_ports_are_dropped_by_reason)
{
	struct fs_addr to = test_with_port(net.b.ip4, 4242), from_b = b4();
	struct fs_udp *connected;

	ck_assert_int_eq(test_send(&net.a, at_a, &to, "x", 1), 1);
	test_net_run(&net, 1000);
	ck_assert_uint_eq(net.b.stack->host.stats.rx_drop_no_endpoint, 1);
	from_b.port = 7;
	connected = test_udp(&net.a, test_with_port(net.a.ip4, 5000), &from_b);
	to = test_with_port(net.a.ip4, 5000);
	ck_assert_int_eq(test_send(&net.b, at_b, &to, "x", 1), 1);
	test_net_run(&net, 1000);
	ck_assert_ptr_null(take(connected));
	ck_assert_uint_eq(net.a.stack->host.stats.rx_drop_no_endpoint, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/udp");
	TCase *tc = tcase_create("udp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, datagram_arrives_with_its_addresses_in_both_families);
	tcase_add_test(tc, received_buffer_sent_as_it_is_answers_the_sender);
	tcase_add_test(tc, small_block_of_ordinary_memory_goes_as_a_frame_does);
	tcase_add_test(tc, a_round_again_is_one_only_if_something_came);
	tcase_add_test(tc, bad_weather_loses_and_repeats_but_delivers_nothing_wrong);
	tcase_add_test(tc, same_seed_gives_the_same_bytes_at_the_same_times);
	tcase_add_test(tc, datagrams_wait_for_their_neighbour_and_go_in_order);
	tcase_add_test(tc, send_beyond_what_may_wait_is_refused_and_nothing_is_dropped);
	tcase_add_test(tc, silent_neighbour_becomes_an_error_event);
	tcase_add_test(tc, waiting_datagrams_are_given_back_when_the_stack_closes);
	tcase_add_test(tc, receiver_that_does_not_receive_drops_and_counts);
	tcase_add_test(tc, stack_whose_frames_are_all_lent_stops_and_goes_on);
	tcase_add_test(tc, every_endpoint_of_many_is_found_in_its_family);
	tcase_add_test(tc, sender_faster_than_the_wire_fills_it_and_no_more);
	tcase_add_test(tc, strangers_and_closed_ports_are_dropped_by_reason);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
