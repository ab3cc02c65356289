// SPDX-License-Identifier: BSD-2-Clause
/* test_wait.c - packets that wait for their neighbour. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "house.h"
#include "tests/lib/leak.h"
#include "tests/lib/suite.h"

static struct fs_pool *pool;

static void setup(void)
{
	house_open();
	pool = test_pool(4096);
}

static void teardown(void)
{
	house_close();
	test_pool_close(pool);
}

static struct fs_buf *buffer(uint32_t id)
{
	struct fs_buf *buf = fs_pool_take(pool, FS_BUF_STAGED);

	ck_assert_ptr_nonnull(buf);
	buf->len = id;
	return buf;
}

static int wait_for(const char *remote, uint32_t id)
{
	struct fs_buf *buf = buffer(id);
	int ret = fs_net_wait(h.net, house_dst(remote), buf, h.now_ns);

	if (ret)
		fs_pool_put(buf);
	return ret;
}

/* Pop one and give it back: its id, or 0 when there is none. */
static uint32_t pop(int *error)
{
	struct fs_buf *buf = fs_net_wait_pop(h.net, h.now_ns, error);
	uint32_t id = buf ? buf->len : 0;

	if (buf)
		fs_pool_put(buf);
	return id;
}

static unsigned int pop_all(int want_error)
{
	unsigned int n = 0;
	int error;

	while (pop(&error)) {
		ck_assert_int_eq(error, want_error);
		n++;
	}
	return n;
}

START_TEST(the_first_to_wait_probes_and_the_next_does_not)
{
	ck_assert_int_eq(wait_for("192.0.2.7", 1), 0);
	ck_assert_int_eq(wait_for("192.0.2.7", 2), 0);
	ck_assert_uint_eq(h.probes, 1);
	ck_assert_uint_eq(h.probe_ifindex, FS0);
	ck_assert_mem_eq(h.probe_ip, house_ip("192.0.2.7"), 16);
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	ck_assert_uint_eq(pop_all(0), 2);
}
END_TEST

START_TEST(behind_a_gateway_the_gateway_is_probed_once_for_all)
{
	ck_assert_int_eq(wait_for("8.8.8.8", 1), 0);
	ck_assert_int_eq(wait_for("8.8.4.4", 2), 0);
	ck_assert_uint_eq(h.probes, 1);
	ck_assert_mem_eq(h.probe_ip, house_ip("192.0.2.254"), 16);
	house_neigh(FS0, "192.0.2.254", NUD_REACHABLE, 7);
	ck_assert_uint_eq(pop_all(0), 2);
}
END_TEST

START_TEST(an_answer_lets_all_go_in_order_and_others_stay)
{
	int error;

	for (uint32_t i = 1; i <= 10; i++) {
		ck_assert_int_eq(wait_for("192.0.2.7", i), 0);
		ck_assert_int_eq(wait_for("192.0.2.8", 100 + i), 0);
	}
	ck_assert_uint_eq(pop(&error), 0);
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	for (uint32_t i = 1; i <= 10; i++) {
		ck_assert_uint_eq(pop(&error), i);
		ck_assert_int_eq(error, 0);
	}
	ck_assert_uint_eq(pop(&error), 0);
	ck_assert_uint_eq(fs_net_waiting(h.net), 10);
	house_neigh(FS0, "192.0.2.8", NUD_REACHABLE, 8);
	ck_assert_uint_eq(pop_all(0), 10);
}
END_TEST

START_TEST(without_an_answer_it_probes_every_second_and_gives_up_after_three)
{
	uint64_t start = h.now_ns;
	int error;

	ck_assert_int_eq(wait_for("192.0.2.7", 1), 0);
	h.now_ns += NSEC_PER_SEC / 2;
	ck_assert_int_eq(wait_for("192.0.2.7", 2), 0);
	for (unsigned int second = 1; second < 3; second++) {
		h.now_ns = fs_net_next_ns(h.net);
		ck_assert_uint_eq(h.now_ns, start + second * NSEC_PER_SEC);
		ck_assert_uint_eq(pop(&error), 0);
		ck_assert_uint_eq(h.probes, 1 + second);
	}
	h.now_ns = start + 3 * NSEC_PER_SEC - 1;
	ck_assert_uint_eq(pop(&error), 0);
	h.now_ns = fs_net_next_ns(h.net);
	ck_assert_uint_eq(h.now_ns, start + 3 * NSEC_PER_SEC);
	ck_assert_uint_eq(pop(&error), 1);
	ck_assert_int_eq(error, -EHOSTUNREACH);
	ck_assert_uint_eq(pop(&error), 0);
	h.now_ns = fs_net_next_ns(h.net);
	ck_assert_uint_eq(h.now_ns, start + 3 * NSEC_PER_SEC + NSEC_PER_SEC / 2);
	ck_assert_uint_eq(pop(&error), 2);
	ck_assert_int_eq(error, -EHOSTUNREACH);
}
END_TEST

START_TEST(when_the_kernel_gives_up_so_do_we)
{
	int error;

	house_neigh(FS0, "192.0.2.7", NUD_FAILED, 0);	/* of an earlier attempt */
	ck_assert_int_eq(wait_for("192.0.2.7", 1), 0);
	h.now_ns += NSEC_PER_SEC;
	ck_assert_uint_eq(pop(&error), 0);
	house_neigh(FS0, "192.0.2.7", NUD_INCOMPLETE, 0);
	h.now_ns += NSEC_PER_SEC;
	ck_assert_uint_eq(pop(&error), 0);
	house_neigh(FS0, "192.0.2.7", NUD_FAILED, 0);
	h.mirror->generation++;	/* anything that makes it look again */
	ck_assert_uint_eq(pop_all(-EHOSTUNREACH), 1);
}
END_TEST

START_TEST(a_link_that_goes_takes_its_packets_along)
{
	ck_assert_int_eq(wait_for("192.0.2.7", 1), 0);
	ck_assert_int_eq(wait_for("203.0.113.7", 2), 0);
	house_link(FS0, 1500, false);
	ck_assert_uint_eq(pop_all(-ENETDOWN), 1);
	fs_nl_mirror_link_del(h.mirror, FS1);
	ck_assert_uint_eq(pop_all(-ENETDOWN), 1);
}
END_TEST

START_TEST(a_neighbour_keeps_64_and_the_rest_stays_the_callers)
{
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(wait_for("192.0.2.7", i + 1), 0);
	ck_assert_int_eq(wait_for("192.0.2.7", 65), -ENOBUFS);
	ck_assert_int_eq(wait_for("192.0.2.8", 1), 0);
	h.now_ns += FS_NET_WAIT_NS;
	ck_assert_uint_eq(pop_all(-EHOSTUNREACH), 65);
}
END_TEST

START_TEST(in_all_1024_wait_and_room_comes_back)
{
	char ip[32];

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < FS_NET_WAIT_MAX; i++) {
			snprintf(ip, sizeof(ip), "2001:db8::%x", 16 + i);
			ck_assert_int_eq(wait_for(ip, i + 1), 0);
		}
		ck_assert_int_eq(wait_for("192.0.2.7", 1), -ENOBUFS);
		ck_assert_uint_eq(fs_net_waiting(h.net), FS_NET_WAIT_MAX);
		h.now_ns += FS_NET_WAIT_NS;
		ck_assert_uint_eq(pop_all(-EHOSTUNREACH), FS_NET_WAIT_MAX);
	}
}
END_TEST

START_TEST(closing_gives_back_what_waits)
{
	struct fs_net *net;

	ck_assert_int_eq(fs_net_open(&net, h.mirror, NULL, 1), 0);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_int_eq(fs_net_wait(net, fs_net_dst(net, AF_INET, house_ip("192.0.2.7"),
							     0, h.now_ns), buffer(i), h.now_ns), 0);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_int_eq(fs_net_wait(net, fs_net_dst(net, AF_INET, house_ip("192.0.2.8"),
							     0, h.now_ns), buffer(i), h.now_ns), 0);
	house_neigh(FS0, "192.0.2.7", NUD_REACHABLE, 7);
	int error;
	struct fs_buf *buf = fs_net_wait_pop(net, h.now_ns, &error);

	ck_assert_ptr_nonnull(buf);
	fs_pool_put(buf);
	fs_net_close(net);	/* two are done, three still wait */
}
END_TEST

/* Random arrivals, answers and time: every buffer comes back exactly once. */
START_TEST(nothing_is_lost_and_nothing_waits_longer_than_three_seconds)
{
	static uint64_t since[100000];
	uint32_t id = 0, back = 0;
	char ip[32];
	int error;

	srand(99 + (unsigned int)_i);
	for (int step = 0; step < 20000; step++) {
		snprintf(ip, sizeof(ip), "192.0.2.%d", 2 + rand() % 40);
		if (rand() % 3) {
			if (house_dst(ip)->state == FS_DST_WAIT) {
				since[++id] = h.now_ns;
				if (wait_for(ip, id))
					id--;
			}
		} else if (rand() % 8 == 0) {
			house_neigh(FS0, ip, rand() % 2 ? NUD_REACHABLE : NUD_FAILED, 1);
		}
		h.now_ns += (uint64_t)rand() % (20 * NSEC_PER_MSEC);
		for (uint32_t got; (got = pop(&error)); back++) {
			ck_assert_uint_ne(since[got], 0);
			ck_assert_uint_le(h.now_ns - since[got], FS_NET_WAIT_NS + 20 * NSEC_PER_MSEC);
			since[got] = 0;
		}
	}
	h.now_ns += FS_NET_WAIT_NS;
	while (pop(&error))
		back++;
	ck_assert_uint_eq(back, id);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net/wait");
	TCase *tc = tcase_create("wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_first_to_wait_probes_and_the_next_does_not);
	tcase_add_test(tc, behind_a_gateway_the_gateway_is_probed_once_for_all);
	tcase_add_test(tc, an_answer_lets_all_go_in_order_and_others_stay);
	tcase_add_test(tc, without_an_answer_it_probes_every_second_and_gives_up_after_three);
	tcase_add_test(tc, when_the_kernel_gives_up_so_do_we);
	tcase_add_test(tc, a_link_that_goes_takes_its_packets_along);
	tcase_add_test(tc, a_neighbour_keeps_64_and_the_rest_stays_the_callers);
	tcase_add_test(tc, in_all_1024_wait_and_room_comes_back);
	tcase_add_test(tc, closing_gives_back_what_waits);
	tcase_add_loop_test(tc, nothing_is_lost_and_nothing_waits_longer_than_three_seconds, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
