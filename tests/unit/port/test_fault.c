// SPDX-License-Identifier: BSD-2-Clause
/* The port of faults: each fault alone, both ways, and everything given back. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "numbered.h"
#include "port/fault.h"
#include "port/sim.h"
#include "tests/lib/leak.h"
#include "wire/frame.h"
#include "wire/udp.h"
#include "tests/lib/suite.h"

enum {
	ALWAYS = 1000000,
};

static struct fs_pool *pool_a, *pool_b;
static struct fs_sim *sim;
static struct fs_port *a, *b;
static struct fs_fault_stats rx_stats, tx_stats;

static void setup(void)
{
	pool_a = test_pool(512);
	pool_b = test_pool(512);
	ck_assert_int_eq(fs_sim_open(&sim, 1), 0);
	ck_assert_int_eq(fs_sim_pair(sim, pool_a, pool_b, NULL, &a, &b), 0);
}

static void teardown(void)
{
	a->ops->close(a);
	b->ops->close(b);
	fs_sim_close(sim);
	test_pool_close(pool_a);
	test_pool_close(pool_b);
}

static void fault(struct fs_port **port, struct fs_fault_opts opts)
{
	opts.now_ns = fs_sim_clock(sim);
	ck_assert_int_eq(fs_port_fault_open(port, *port, &opts), 0);
}

/* Frames 0 .. n-1 from a to b; the numbers that arrive, in order. */
static unsigned int run(unsigned int n, uint8_t *got, unsigned int size)
{
	unsigned int count = 0;
	int number;

	for (unsigned int i = 0; i < n; i++) {
		emit(a, (uint8_t)i, 60);
		fs_sim_advance(sim, *fs_sim_clock(sim) + 1000);
		while ((number = rx(b)) >= 0)
			if (count++ < size)
				got[count - 1] = (uint8_t)number;
	}
	return count;
}

START_TEST(without_odds_everything_passes_in_order)
{
	uint8_t got[200];

	fault(&a, (struct fs_fault_opts){ .seed = 1 });
	fault(&b, (struct fs_fault_opts){ .seed = 1 });
	ck_assert_uint_eq(run(200, got, 200), 200);
	for (unsigned int i = 0; i < 200; i++)
		ck_assert_uint_eq(got[i], i);
	fs_port_fault_stats(a, NULL, &tx_stats);
	fs_port_fault_stats(b, &rx_stats, NULL);
	ck_assert_uint_eq(tx_stats.pkts, 200);
	ck_assert_uint_eq(rx_stats.pkts, 200);
}
END_TEST

START_TEST(loss_is_as_likely_as_asked_on_both_sides)
{
	unsigned int count;

	fault(&a, (struct fs_fault_opts){ .seed = 7, .tx.loss_ppm = 100000 });
	fault(&b, (struct fs_fault_opts){ .seed = 8, .rx.loss_ppm = 100000 });
	count = run(10000, NULL, 0);
	fs_port_fault_stats(a, NULL, &tx_stats);
	fs_port_fault_stats(b, &rx_stats, NULL);
	ck_assert_uint_eq(count, 10000 - tx_stats.lost - rx_stats.lost);
	ck_assert(tx_stats.lost > 850 && tx_stats.lost < 1150);
	ck_assert(rx_stats.lost > 750 && rx_stats.lost < 1050);
}
END_TEST

START_TEST(same_seed_gives_the_same_faults)
{
	const struct fs_fault_odds odds = {
		.loss_ppm = 100000, .duplicate_ppm = 100000, .reorder_ppm = 100000,
	};
	uint8_t got[3][300];
	unsigned int count[3];

	fault(&a, (struct fs_fault_opts){ .seed = 5, .tx = odds });
	count[0] = run(200, got[0], 300);
	for (int i = 1; i < 3; i++) {
		teardown();
		setup();
		fault(&a, (struct fs_fault_opts){ .seed = i == 1 ? 5 : 6, .tx = odds });
		count[i] = run(200, got[i], 300);
	}
	ck_assert_uint_eq(count[0], count[1]);
	ck_assert_mem_eq(got[0], got[1], count[0]);
	ck_assert(count[0] != count[2] || memcmp(got[0], got[2], count[0]));
}
END_TEST

START_TEST(bursts_are_as_long_as_asked)
{
	uint64_t bursts = 0;
	bool lost, before = false;

	fault(&a, (struct fs_fault_opts){ .seed = 3, .tx = {
		.burst_begin_ppm = 20000, .burst_end_ppm = 200000 } });
	for (int i = 0; i < 20000; i++) {
		lost = run(1, NULL, 0) == 0;
		bursts += lost && !before;
		before = lost;
	}
	fs_port_fault_stats(a, NULL, &tx_stats);
	ck_assert_uint_eq(tx_stats.lost, 0);
	ck_assert(bursts > 250);
	/* Five frames on average. */
	ck_assert(tx_stats.lost_burst > 4 * bursts && tx_stats.lost_burst < 6 * bursts);
}
END_TEST

START_TEST(duplicate_arrives_twice_in_frames_of_its_own)
{
	uint8_t got[8];

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx.duplicate_ppm = ALWAYS });
	fault(&b, (struct fs_fault_opts){ .seed = 1, .rx.duplicate_ppm = ALWAYS });
	ck_assert_uint_eq(run(2, got, 8), 8);
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(got[i], i / 4);
}
END_TEST

START_TEST(duplicate_without_a_frame_is_counted_and_not_made)
{
	struct fs_buf *taken[512];
	unsigned int n = 0;

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx.duplicate_ppm = ALWAYS });
	while (pool_a->n_free > 1)
		taken[n++] = fs_pool_take(pool_a, FS_BUF_STAGED);
	ck_assert_uint_eq(run(1, NULL, 0), 1);
	while (n)
		fs_pool_put(taken[--n]);
	fs_port_fault_stats(a, NULL, &tx_stats);
	ck_assert_uint_eq(tx_stats.duplicated, 0);
	ck_assert_uint_eq(tx_stats.no_frame, 1);
}
END_TEST

static const struct fs_fault_odds none;

START_TEST(held_frame_comes_after_those_that_overtake_it)
{
	const struct fs_fault_odds hold = { .reorder_ppm = ALWAYS, .reorder_pkts = 2 };
	uint8_t got[4];

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx = hold });
	emit(a, 100, 60);
	fs_port_fault_set(a, &none, &none);
	ck_assert_uint_eq(run(3, got, 4), 4);
	ck_assert_mem_eq(got, ((uint8_t[]){ 0, 1, 100, 2 }), 4);
}
END_TEST

START_TEST(held_frame_comes_when_its_time_is_over)
{
	const struct fs_fault_odds hold = { .reorder_ppm = ALWAYS, .reorder_ns = 5000 };

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx = hold });
	fault(&b, (struct fs_fault_opts){ .seed = 1, .rx = hold });
	emit(a, 100, 60);
	ck_assert_uint_eq(a->ops->next_ns(a), 5000);
	fs_sim_advance(sim, 5000);
	ck_assert_int_eq(rx(a), -1);	/* a stack polls all its ports */
	fs_sim_advance(sim, fs_sim_next_ns(sim));
	ck_assert_int_eq(rx(b), -1);
	ck_assert_uint_eq(b->ops->next_ns(b), 10000);
	fs_sim_advance(sim, 10000);
	ck_assert_int_eq(rx(b), 100);
}
END_TEST

START_TEST(reordering_needs_a_clock)
{
	const struct fs_fault_opts opts = { .rx.reorder_ppm = 1 };
	struct fs_port *port = NULL;

	ck_assert_int_eq(fs_port_fault_open(&port, a, &opts), -EINVAL);
	ck_assert_ptr_null(port);
}
END_TEST

static unsigned int bits_set(const struct fs_buf *buf)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < buf->len; i++)
		n += (unsigned int)__builtin_popcount(buf->data[i]);
	return n;
}

START_TEST(corruption_leaves_what_another_holder_keeps_alone)
{
	struct fs_buf *kept = fs_pool_take(pool_a, FS_BUF_UNACKED), *got;

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx = {
		.corrupt_ppm = ALWAYS, .corrupt_bits = 1, .truncate_ppm = 0 } });
	kept->data = kept->area + FS_POOL_HEADROOM;
	kept->len = 200;
	memset(kept->data, 0, kept->len);
	kept->holders++;	/* ours, as TCP keeps it */
	ck_assert_uint_eq(a->ops->tx(a, &kept, 1), 1);
	a->ops->kick(a);
	fs_sim_advance(sim, 0);
	ck_assert_uint_eq(b->ops->rx(b, &got, 1), 1);
	ck_assert_uint_eq(bits_set(got), 1);
	fs_pool_put(got);
	ck_assert_uint_eq(bits_set(kept), 0);
	ck_assert_uint_eq(kept->holders, 1);
	ck_assert_int_eq(kept->state, FS_BUF_UNACKED);
	fs_pool_put(kept);
}
END_TEST

START_TEST(truncated_frames_are_shorter_and_sent_ones_keep_their_ethernet_header)
{
	struct fs_buf *got;

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx.truncate_ppm = ALWAYS });
	for (int i = 0; i < 1000; i++) {
		emit(a, 1, 20);
		fs_sim_advance(sim, (uint64_t)i);
		ck_assert_uint_eq(b->ops->rx(b, &got, 1), 1);
		ck_assert(got->len >= 14 && got->len < 20);
		fs_pool_put(got);
	}
	fs_port_fault_stats(a, NULL, &tx_stats);
	ck_assert_uint_eq(tx_stats.truncated, 1000);
}
END_TEST

static struct fs_buf *udp_frame(uint8_t family, uint8_t tos)
{
	static const uint8_t zero[16];
	const struct fs_wire_ip ip = {
		.src = zero, .dst = zero, .l4_len = 8, .proto = FS_IPPROTO_UDP, .tos = tos, .ttl = 64,
	};
	struct fs_buf *buf = fs_pool_take(pool_a, FS_BUF_TX);
	uint32_t l3_len = family == AF_INET ? FS_IP4_LEN : FS_IP6_LEN;

	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = FS_ETH_LEN + l3_len + 8;
	memset(buf->data, 0, buf->len);
	put_be16(buf->data + 12, family == AF_INET ? FS_ETHERTYPE_IP4 : FS_ETHERTYPE_IP6);
	if (family == AF_INET)
		fs_wire_put_ip4(buf->data + FS_ETH_LEN, &ip);
	else
		fs_wire_put_ip6(buf->data + FS_ETH_LEN, &ip);
	fs_wire_put_udp(buf->data + FS_ETH_LEN + l3_len, 1, 2, 8, 0);
	return buf;
}

START_TEST(only_ecn_capable_frames_are_marked_and_stay_valid)
{
	static const struct { uint8_t family, sent, got; } cases[] = {
		{ AF_INET, 0x00, 0x00 }, { AF_INET, 0xb9, 0xbb }, { AF_INET, 0x02, 0x03 },
		{ AF_INET, 0x03, 0x03 }, { AF_INET6, 0x00, 0x00 }, { AF_INET6, 0xb9, 0xbb },
		{ AF_INET6, 0x02, 0x03 },
	};

	fault(&a, (struct fs_fault_opts){ .seed = 1, .tx.ce_ppm = ALWAYS });
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fs_buf *buf = udp_frame(cases[i].family, cases[i].sent);
		struct fs_wire_frame frame;

		ck_assert_uint_eq(a->ops->tx(a, &buf, 1), 1);
		a->ops->kick(a);
		fs_sim_advance(sim, i);
		ck_assert_uint_eq(b->ops->rx(b, &buf, 1), 1);
		ck_assert_int_eq(fs_wire_parse(buf->data, buf->len, &frame), FS_WIRE_OK);
		ck_assert_uint_eq(frame.tos, cases[i].got);
		fs_pool_put(buf);
	}
	fs_port_fault_stats(a, NULL, &tx_stats);
	ck_assert_uint_eq(tx_stats.ce, 4);
}
END_TEST

START_TEST(everything_at_once_loses_no_frame)
{
	const struct fs_fault_odds odds = {
		.loss_ppm = 50000, .burst_begin_ppm = 10000, .duplicate_ppm = 300000,
		.reorder_ppm = 300000, .reorder_pkts = 9, .corrupt_ppm = 100000,
		.corrupt_bits = 3, .truncate_ppm = 100000, .ce_ppm = 100000,
	};
	struct fs_buf *burst[64];
	unsigned int n;

	fault(&a, (struct fs_fault_opts){ .seed = 11, .tx = odds, .rx = odds });
	fault(&b, (struct fs_fault_opts){ .seed = 12, .tx = odds, .rx = odds });
	for (uint64_t i = 0; i < 20000; i++) {
		struct fs_port *from = i & 1 ? a : b;

		if (from->pool->n_free && queue_frame(from, (uint8_t)i, 40 + i % 1000) &&
		    i % 7 == 0)
			from->ops->kick(from);
		fs_sim_advance(sim, i * 1000);
		for (int side = 0; i % 50 == 49 && side < 2; side++) {
			struct fs_port *port = side ? a : b;

			while ((n = port->ops->rx(port, burst, 64)))
				while (n)
					fs_pool_put(burst[--n]);
		}
	}
	fs_port_fault_stats(a, &rx_stats, &tx_stats);
	ck_assert(tx_stats.lost && tx_stats.lost_burst && tx_stats.duplicated &&
		  tx_stats.reordered && tx_stats.corrupted && tx_stats.truncated);
	ck_assert(rx_stats.lost && rx_stats.lost_burst && rx_stats.duplicated &&
		  rx_stats.reordered && rx_stats.corrupted && rx_stats.truncated);
	/* Teardown: those held back and not sent yet come home, too. */
}
END_TEST

START_TEST(full_inner_port_pushes_back_and_takes_the_rest_later)
{
	const struct fs_sim_pair_opts opts = { .ring_size = 4 };
	unsigned int queued = 0, arrived = 0;

	a->ops->close(a);
	b->ops->close(b);
	ck_assert_int_eq(fs_sim_pair(sim, pool_a, pool_b, &opts, &a, &b), 0);
	fault(&a, (struct fs_fault_opts){ .seed = 1 });
	while (queue_frame(a, 5, 60))
		queued++;
	ck_assert_uint_gt(queued, 4);
	ck_assert_uint_lt(queued, 400);
	for (uint64_t now = 1; arrived < queued && now < 1000; now++) {
		a->ops->kick(a);
		fs_sim_advance(sim, now);
		while (rx(b) == 5)
			arrived++;
	}
	ck_assert_uint_eq(arrived, queued);
	ck_assert(!a->ops->kick(a));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("port/fault");
	TCase *tc = tcase_create("fault");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, without_odds_everything_passes_in_order);
	tcase_add_test(tc, loss_is_as_likely_as_asked_on_both_sides);
	tcase_add_test(tc, same_seed_gives_the_same_faults);
	tcase_add_test(tc, bursts_are_as_long_as_asked);
	tcase_add_test(tc, duplicate_arrives_twice_in_frames_of_its_own);
	tcase_add_test(tc, duplicate_without_a_frame_is_counted_and_not_made);
	tcase_add_test(tc, held_frame_comes_after_those_that_overtake_it);
	tcase_add_test(tc, held_frame_comes_when_its_time_is_over);
	tcase_add_test(tc, reordering_needs_a_clock);
	tcase_add_test(tc, corruption_leaves_what_another_holder_keeps_alone);
	tcase_add_test(tc, truncated_frames_are_shorter_and_sent_ones_keep_their_ethernet_header);
	tcase_add_test(tc, only_ecn_capable_frames_are_marked_and_stay_valid);
	tcase_add_test(tc, everything_at_once_loses_no_frame);
	tcase_add_test(tc, full_inner_port_pushes_back_and_takes_the_rest_later);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
