// SPDX-License-Identifier: BSD-2-Clause
/*
 * More that waits than there are frames: it waits on the heap, nothing that was
 * promised is dropped, and who does not read stops nobody else.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "tcp/conn.h"
#include "tests/lib/must.h"
#include "tests/lib/talk.h"
#include "tests/lib/suite.h"

enum {
	FRAMES = 512,
	MANY = 100,
	BYTES = 100000,
	PORT = 9,
};

static struct test_net net;

static const struct test_net_opts few_frames = {
	.frames = FRAMES,
	.wire = { .a_to_b = { .delay_ns = NSEC_PER_MSEC, .rate_bps = 1000000000 },
		  .b_to_a = { .delay_ns = NSEC_PER_MSEC, .rate_bps = 1000000000 },
		  .ring_size = 64 },
};

static void open_with_heap(uint64_t heap_max)
{
	test_net_open(&net, &few_frames);
	net.a.pool->heap_max = net.b.pool->heap_max = heap_max;
}

static void heap_is_empty(void)
{
	ck_assert_uint_eq(net.a.pool->heap_bytes, 0);
	ck_assert_uint_eq(net.b.pool->heap_bytes, 0);
}

static void all_talk(unsigned int n)
{
	const struct talk_opts how = { .a_bytes = BYTES, .b_bytes = BYTES, .copying = true };
	struct talk *talks = calloc(n, sizeof(*talks));

	talk_open(&net, talks, n, &how);
	ck_assert_uint_eq(talk_run(&net, 600 * NSEC_PER_SEC), n);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(talks[i].a.error, 0);
		ck_assert_int_eq(talks[i].b.error, 0);
		ck_assert_uint_eq(talks[i].a.received, BYTES);
		ck_assert_uint_eq(talks[i].b.received, BYTES);
	}
	talk_close(&net);
	free(talks);
}

START_TEST(busy_connections_need_no_frame_each)
{
	const struct fs_stack_stats *a, *b;

	open_with_heap(64 << 20);
	all_talk(MANY);
	a = &net.a.stack->host.stats;
	b = &net.b.stack->host.stats;
	ck_assert_uint_eq(a->rx_drop_pressure + b->rx_drop_pressure, 0);
	ck_assert_uint_eq(a->rx_pressure + b->rx_pressure, 0);
	heap_is_empty();
	test_net_close(&net);
}
END_TEST

/* Windows shrink then, and all comes to its end nevertheless. */
START_TEST(without_a_heap_they_share_the_frames)
{
	open_with_heap(_i * FRAMES * 1024);
	all_talk(MANY / 2);
	heap_is_empty();
	test_net_close(&net);
}
END_TEST

static struct fs_tcp *connect_to(struct fs_tcp_listener *listener, struct fs_tcp **to)
{
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts), .remote = test_with_port(net.b.ip4, PORT),
	};
	struct fs_tcp *from;

	must(!fs_tcp_connect(&from, net.a.stack, &opts));
	test_net_run(&net, 10 * NSEC_PER_MSEC);
	must(fs_tcp_accept(listener, to, 1) == 1);
	return from;
}

static struct fs_tcp_listener *listen_there(void)
{
	struct fs_tcp_listen_opts opts = { .sz = sizeof(opts), .local.port = PORT };
	struct fs_tcp_listener *listener;

	must(!fs_tcp_listen(&listener, net.b.stack, &opts));
	return listener;
}

/* All that a case with one connection leaves. */
static void end_of(struct fs_tcp_listener *listener, struct fs_tcp *from, struct fs_tcp *to)
{
	fs_tcp_abort(from);
	fs_tcp_close(to);
	fs_tcp_listener_close(listener);
	test_net_run(&net, NSEC_PER_SEC);
	heap_is_empty();
	test_net_close(&net);
}

/* As much as is taken. */
static uint64_t stuff(struct fs_tcp *tcp, uint64_t salt)
{
	uint64_t all = 0;
	uint8_t bytes[1000];
	ssize_t n;

	do {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((all + i) * 7 + salt);
		n = fs_tcp_send(tcp, bytes, sizeof(bytes));
		all += n > 0 ? (uint64_t)n : 0;
		test_net_run(&net, 50 * NSEC_PER_MSEC);
	} while (n > 0);
	return all;
}

static void check_rest(struct fs_tcp *tcp, uint64_t salt, uint64_t all)
{
	uint64_t at = 0;
	uint8_t bytes[3000];

	while (at < all) {
		const ssize_t n = fs_tcp_recv(tcp, bytes, sizeof(bytes));

		if (n == -EAGAIN) {
			test_net_run(&net, 300 * NSEC_PER_MSEC);
			continue;
		}
		ck_assert_int_gt(n, 0);
		for (ssize_t i = 0; i < n; i++)
			must(bytes[i] == (uint8_t)((at + (uint64_t)i) * 7 + salt));
		at += (uint64_t)n;
	}
}

START_TEST(who_does_not_read_stops_nobody)
{
	struct fs_tcp *from[MANY / 4], *to[MANY / 4], *quick, *quick_to;
	uint64_t all[MANY / 4];
	struct fs_tcp_listener *listener;
	uint64_t begin_ns;
	uint8_t byte;

	open_with_heap(64 << 20);
	listener = listen_there();
	for (unsigned int i = 0; i < ARRAY_SIZE(from); i++) {
		from[i] = connect_to(listener, &to[i]);
		all[i] = stuff(from[i], i);
		ck_assert_uint_gt(all[i], 100000);
	}
	quick = connect_to(listener, &quick_to);
	fs_tcp_set(quick, FS_TCP_NODELAY, 1);
	begin_ns = net.now_ns;
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(fs_tcp_send(quick, "x", 1), 1);
		test_net_run(&net, 4 * NSEC_PER_MSEC);
		ck_assert_int_eq(fs_tcp_recv(quick_to, &byte, 1), 1);
	}
	ck_assert_uint_le(net.now_ns - begin_ns, 400 * NSEC_PER_MSEC);
	ck_assert_uint_eq(net.b.stack->host.stats.rx_drop_pressure, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(from); i++)
		check_rest(to[i], i, all[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(from); i++) {
		fs_tcp_abort(from[i]);
		fs_tcp_close(to[i]);
	}
	fs_tcp_abort(quick);
	fs_tcp_close(quick_to);
	fs_tcp_listener_close(listener);
	test_net_run(&net, NSEC_PER_SEC);
	heap_is_empty();
	test_net_close(&net);
}
END_TEST

/* What is lent may lie on the heap; it can be sent on as it is. */
START_TEST(buffers_on_the_heap_are_lent_and_sent)
{
	struct fs_tcp_listener *listener;
	struct fs_tcp *from, *to;
	struct fs_buf *held[FRAMES], *buf;
	unsigned int n = 0;
	uint8_t byte;

	open_with_heap(64 << 20);
	listener = listen_there();
	from = connect_to(listener, &to);
	while (!fs_pool_short(net.b.pool))
		held[n++] = fs_buf_alloc(net.b.stack, 1);
	ck_assert_int_eq(fs_tcp_send(from, "y", 1), 1);
	test_net_run(&net, 10 * NSEC_PER_MSEC);
	ck_assert_int_eq(fs_tcp_recv_zc(to, &buf, 1), 1);
	ck_assert_int_eq(buf->kind, FS_BUF_HEAP);
	ck_assert_uint_eq(buf->len, 1);
	ck_assert_int_eq(fs_tcp_send_zc(to, &buf, 1), 1);
	test_net_run(&net, 10 * NSEC_PER_MSEC);
	ck_assert_int_eq(fs_tcp_recv(from, &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	fs_buf_release(held, n);
	end_of(listener, from, to);
}
END_TEST

START_TEST(few_bytes_at_the_end_of_a_large_block_are_sent)
{
	struct fs_tcp_listener *listener;
	struct fs_tcp *from, *to;
	struct fs_buf *block;
	uint8_t bytes[16];

	open_with_heap(64 << 20);
	listener = listen_there();
	from = connect_to(listener, &to);
	block = fs_buf_alloc(net.a.stack, 65507);
	memset(block->data, 'n', 65507);
	block->data += 65497;
	block->len = 10;
	memset(block->data, 'y', 10);
	ck_assert_int_eq(fs_tcp_send_zc(from, &block, 1), 1);
	test_net_run(&net, 10 * NSEC_PER_MSEC);
	ck_assert_int_eq(fs_tcp_recv(to, bytes, sizeof(bytes)), 10);
	ck_assert_mem_eq(bytes, "yyyyyyyyyy", 10);
	end_of(listener, from, to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/memory");
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, busy_connections_need_no_frame_each);
	tcase_add_loop_test(tc, without_a_heap_they_share_the_frames, 0, 2);
	tcase_add_test(tc, who_does_not_read_stops_nobody);
	tcase_add_test(tc, buffers_on_the_heap_are_lent_and_sent);
	tcase_add_test(tc, few_bytes_at_the_end_of_a_large_block_are_sent);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
