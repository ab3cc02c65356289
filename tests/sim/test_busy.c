// SPDX-License-Identifier: BSD-2-Clause
/*
 * A stack that finds something to receive in every round: ports give frames
 * back when they have nothing better to do, and here that never comes.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/fixture.h"
#include "tests/lib/must.h"
#include "tests/lib/suite.h"

enum {
	PORT = 9,
	SEGMENTS = 16,
	LOST = 3,		/* which of them the wire loses, once */
	STEP_NS = NSEC_PER_MSEC,
	ROUNDS = 12,		/* so many steps: far from a timeout */
};

static struct test_net net;
static struct {
	unsigned int data, lost;
} seen;

static void on_sent(void *ctx, const uint8_t *frame, uint32_t len)
{
	const bool from_a = ctx == &net.a;

	if (from_a && len > 1000 && seen.data++ == LOST) {
		seen.lost++;
		return;
	}
	must(hand_put(from_a ? net.b.wire : net.a.wire, frame, len));
}

/* Something for a to receive, and to drop. */
static void disturb(void)
{
	static const uint8_t noise[60] = { 2, 0, 0, 0, 0, 10 };

	must(hand_put(net.a.wire, noise, sizeof(noise)));
}

/* Whoever is told of data is waited for, with the ACK. */
static void step(unsigned int rounds)
{
	struct fs_event events[4];

	while (rounds--) {
		net.now_ns += STEP_NS;
		disturb();
		fs_stack_run(net.a.stack, net.now_ns);
		fs_stack_run(net.b.stack, net.now_ns);
		fs_stack_events(net.a.stack, events, 4);
		fs_stack_events(net.b.stack, events, 4);
	}
}

static struct fs_tcp *accepted(struct fs_tcp_listener *listener)
{
	struct fs_tcp *tcp;

	must(fs_tcp_accept(listener, &tcp, 1) == 1);
	return tcp;
}

static void send_segments(struct fs_tcp *tcp)
{
	const size_t len = fs_tcp_mss(tcp) * (size_t)SEGMENTS;
	uint8_t *data = calloc(1, len);

	must(data && fs_tcp_send(tcp, data, len) == (ssize_t)len);
	free(data);
}

static size_t received(struct fs_tcp *tcp)
{
	static uint8_t data[SEGMENTS * 1500];
	ssize_t n = fs_tcp_recv(tcp, data, sizeof(data));

	return n > 0 ? (size_t)n : 0;
}

START_TEST(what_was_lost_is_sent_again_though_there_is_always_more_to_receive)
{
	const struct fs_tcp_listen_opts listen = { .sz = sizeof(listen), .local.port = PORT };
	struct fs_tcp_connect_opts connect = { .sz = sizeof(connect) };
	struct fs_tcp_listener *listener;
	struct fs_tcp *from, *to;
	size_t len;

	test_net_open(&net, &(struct test_net_opts){ .sent = on_sent });
	connect.remote = test_with_port(net.b.ip4, PORT);
	hand_be_lazy(net.a.wire);
	must(!fs_tcp_listen(&listener, net.b.stack, &listen));
	must(!fs_tcp_connect(&from, net.a.stack, &connect));
	step(3);
	to = accepted(listener);
	len = fs_tcp_mss(from) * (size_t)SEGMENTS;
	send_segments(from);
	step(ROUNDS);
	ck_assert_uint_eq(seen.lost, 1);
	ck_assert_uint_eq(received(to), len);
	fs_tcp_abort(from);
	fs_tcp_abort(to);
	fs_tcp_listener_close(listener);
	test_net_run(&net, NSEC_PER_SEC);
	test_net_close(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/busy");
	TCase *tc = tcase_create("busy");

	tcase_add_test(tc, what_was_lost_is_sent_again_though_there_is_always_more_to_receive);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
