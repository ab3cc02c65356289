// SPDX-License-Identifier: BSD-2-Clause
/*
 * A flood of SYNs from addresses that do not exist, and of ACKs that guess at
 * cookies (RFC 4987): memory stays bounded, and real clients connect.
 *
 *	a, real clients   ----+
 *	                      +---- wire ---- b, the server; a is its router, too
 *	198.18.0.0/15, forged +
 */
#include <check.h>
#include <stdio.h>

#include "tests/lib/forge.h"
#include "tests/lib/must.h"
#include "tests/lib/talk.h"
#include "tests/lib/tcp_check.h"
#include "tests/lib/suite.h"

enum {
	PORT = 7,		/* where talk.h listens */
	BACKLOG = 64,
	CLIENTS = 40,
	BURST = 20,		/* in BURST_NS: 200,000 in a second */
	BURSTS = 15000,
	KEPT = BACKLOG + 2 * CLIENTS,
};

#define BURST_NS (100 * NSEC_PER_USEC)

static struct test_net net;
static struct talk talks[CLIENTS];
static struct fs_random chance;
static uint32_t most_conns, most_flows;
static uint64_t syns, acks;

static void route_all_by_a(void)
{
	struct fs_nl_route route = {
		.family = AF_INET, .oif = net.b.ifindex, .has_gateway = true,
	};

	memcpy(route.gateway, net.a.ip4.ip, 16);
	must(!fs_nl_mirror_route_set(net.b.mirror, &route));
}

static void send_raw(const struct forge_frame *frame)
{
	struct fs_buf *buf = fs_pool_take(net.a.pool, FS_BUF_TX);

	if (!buf)
		return;
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = frame->len;
	memcpy(buf->data, frame->bytes, frame->len);
	if (!net.a.wire->ops->tx(net.a.wire, &buf, 1))
		fs_pool_put(buf);
}

static void forge_one(struct forge *f)
{
	const uint64_t number = fs_random_next(&chance);
	struct forge_frame frame;

	memcpy(f->src, (uint8_t[]){ 198, (uint8_t)(18 + number % 2), (uint8_t)(number >> 8),
				    (uint8_t)(number >> 16) }, 4);
	f->tcp.src_port = (uint16_t)(number >> 24 | 1);
	f->tcp.seq.raw = (uint32_t)(number >> 32);
	f->tcp.flags = number >> 4 & 3 ? FS_TCP_F_SYN : FS_TCP_F_ACK;
	f->tcp.ack.raw = f->tcp.flags == FS_TCP_F_ACK ? (uint32_t)fs_random_next(&chance) : 0;
	f->tcp.opts.ts_val.raw = (uint32_t)fs_random_next(&chance);
	f->tcp.opts.ts_ecr.raw = f->tcp.ack.raw;
	forge_put(f, &frame);
	send_raw(&frame);
	if (f->tcp.flags == FS_TCP_F_SYN)
		syns++;
	else
		acks++;
}

static void burst(void)
{
	struct forge f = {
		.family = AF_INET,
		.tcp = { .dst_port = PORT, .window = 65535, .opts = {
			.has = FS_TCP_OPT_MSS | FS_TCP_OPT_TS | FS_TCP_OPT_SACK_OK, .mss = 1460,
		} },
	};
	const struct fs_tcp_table *table = net.b.stack->tcp;

	memcpy(f.eth, net.b.mac, 6);
	memcpy(f.eth + 6, net.a.mac, 6);
	memcpy(f.dst, net.b.ip4.ip, 4);
	for (int i = 0; i < BURST; i++)
		forge_one(&f);
	net.a.wire->ops->kick(net.a.wire);
	most_conns = MAX(most_conns, table->conns.used);
	most_flows = MAX(most_flows, table->flows.count);
}

static void flood(unsigned int bursts)
{
	while (bursts--) {
		const uint64_t until_ns = net.now_ns + BURST_NS;

		burst();
		talk_run(&net, BURST_NS);
		if (net.now_ns < until_ns)
			test_net_run(&net, until_ns - net.now_ns);
	}
}

static void open_net(void)
{
	const struct fs_sim_link link = { .delay_ns = NSEC_PER_MSEC };
	const struct test_net_opts opts = {
		.seed = 11, .frames = 4096, .wire = { .a_to_b = link, .b_to_a = link },
	};

	most_conns = most_flows = 0;
	syns = acks = 0;
	chance.state = 11;
	test_net_open(&net, &opts);
	route_all_by_a();
}

/* Their SYNs are answered with cookies, which must tell all that a SYN had said. */
static void is_as_good_as_any(const struct talk *talk)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };

	ck_assert(talk_over(talk));
	ck_assert_int_eq(talk->a.error, 0);
	ck_assert_int_eq(talk->b.error, 0);
	must(!fs_tcp_info(talk->b.tcp, &info));
	ck_assert_uint_eq(info.timestamps, 1);
	ck_assert_uint_eq(info.sack, 1);
	ck_assert_uint_gt(info.wscale_snd, 0);
	ck_assert_uint_ge(info.mss, 1400);
}

START_TEST(real_clients_connect_during_a_flood)
{
	const struct fs_stack_stats *stats;
	uint32_t objects;

	open_net();
	stats = &net.b.stack->host.stats;
	talk_open(&net, talks, 0, &(struct talk_opts){ .backlog = BACKLOG });
	flood(1000);
	/* The backlog is full of strangers now. */
	talk_connect(&net, talks, CLIENTS, &(struct talk_opts){ .a_bytes = 20000, .b_bytes = 50000 });
	flood(BURSTS);
	for (int i = 0; i < CLIENTS; i++)
		is_as_good_as_any(&talks[i]);
	ck_assert_uint_gt(stats->tcp_cookies_sent, syns * 8 / 10);
	/* A guess is right once in so many million: never here. */
	ck_assert_uint_gt(acks, 1000);
	ck_assert_uint_le(stats->tcp_cookies_good, CLIENTS);
	ck_assert_uint_ge(stats->tcp_cookies_good, CLIENTS / 2);
	ck_assert_uint_le(most_conns, KEPT);
	ck_assert_uint_le(most_flows, KEPT);
	objects = net.b.stack->tcp->conns.made;
	ck_assert_uint_le(objects, KEPT);
	talk_close(&net);
	ck_assert_ptr_null(tcp_check_empty(net.b.stack->tcp));
	test_net_close(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/flood");
	TCase *tc = tcase_create("flood");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, real_clients_connect_during_a_flood);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
