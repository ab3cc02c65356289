// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_mirror.c - the mirror's tables: keys, generation, and the longest
 * prefix against a plain scan over all routes.
 */
#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "nl/mirror.h"
#include "tests/lib/suite.h"

static struct fs_nl_mirror *m;

static void setup(void)
{
	ck_assert_int_eq(fs_nl_mirror_open(&m), 0);
}

/* Leaks are the sanitizer's to find: everything is inside the mirror. */
static void teardown(void)
{
	fs_nl_mirror_sync_begin(m);
	fs_nl_mirror_sync_end(m, FS_NL_SYNC_ALL);
	ck_assert_ptr_null(fs_nl_mirror_link_next(m, NULL));
	fs_nl_mirror_close(m);
}

static uint32_t rand_state;

static uint32_t rnd(uint32_t below)
{
	rand_state = rand_state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(rand_state >> 8) * below) >> 24);
}

static void link_up(uint32_t ifindex)
{
	struct fs_nl_link link = { .ifindex = ifindex, .mtu = 1500, .flags = IFF_UP,
				   .mac = { 2, 0, 0, 0, 0, (uint8_t)ifindex },
				   .running = true };

	ck_assert_int_eq(fs_nl_mirror_link_set(m, &link), 0);
}

static struct fs_nl_route route4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t len,
				 uint32_t oif)
{
	return (struct fs_nl_route){ .family = AF_INET, .prefix_len = len, .oif = oif,
				     .dst = { a, b, c, d } };
}

static uint32_t oif_to(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	uint8_t dst[16] = { a, b, c, d };
	const struct fs_nl_route *r = fs_nl_mirror_route(m, AF_INET, dst, 0);

	return r ? r->oif : 0;
}

START_TEST(a_link_is_found_by_index_until_it_is_deleted)
{
	for (uint32_t i = 1; i <= 1000; i++)
		link_up(i);
	for (uint32_t i = 1; i <= 1000; i++)
		ck_assert_uint_eq(fs_nl_mirror_link(m, i)->ifindex, i);
	ck_assert_ptr_null(fs_nl_mirror_link(m, 1001));
	ck_assert_int_eq(fs_nl_mirror_link_del(m, 7), 0);
	ck_assert_int_eq(fs_nl_mirror_link_del(m, 7), -ENOENT);
	ck_assert_ptr_null(fs_nl_mirror_link(m, 7));
}
END_TEST

START_TEST(repeating_what_is_known_moves_no_generation)
{
	struct fs_nl_addr addr = { .ifindex = 1, .family = AF_INET, .prefix_len = 24,
				   .ip = { 192, 0, 2, 1 } };
	struct fs_nl_neigh neigh = { .ifindex = 1, .family = AF_INET, .ip = { 192, 0, 2, 2 },
				     .state = NUD_REACHABLE, .mac = { 2 } };
	struct fs_nl_route route = route4(192, 0, 2, 0, 24, 1);
	uint64_t before;

	for (int i = 0; i < 2; i++) {
		before = m->generation;
		link_up(1);
		fs_nl_mirror_addr_set(m, &addr);
		fs_nl_mirror_neigh_set(m, &neigh);
		fs_nl_mirror_route_set(m, &route);
	}
	ck_assert_uint_eq(m->generation, before);
}
END_TEST

START_TEST(a_neighbour_that_ages_alters_no_decision_but_a_new_mac_does)
{
	struct fs_nl_neigh neigh = { .ifindex = 1, .family = AF_INET, .ip = { 192, 0, 2, 2 },
				     .state = NUD_REACHABLE, .mac = { 2 } };
	uint64_t before;

	fs_nl_mirror_neigh_set(m, &neigh);
	before = m->generation;
	neigh.state = NUD_STALE;
	fs_nl_mirror_neigh_set(m, &neigh);
	ck_assert_uint_eq(m->generation, before);
	ck_assert_uint_eq(fs_nl_mirror_neigh(m, 1, AF_INET, neigh.ip)->state, NUD_STALE);
	neigh.mac[5] = 1;
	fs_nl_mirror_neigh_set(m, &neigh);
	ck_assert_uint_gt(m->generation, before);
	before = m->generation;
	neigh.state = NUD_FAILED;
	fs_nl_mirror_neigh_set(m, &neigh);
	ck_assert_uint_gt(m->generation, before);
}
END_TEST

START_TEST(a_deleted_link_takes_its_addresses_and_neighbours_along)
{
	struct fs_nl_addr addr = { .ifindex = 1, .family = AF_INET, .prefix_len = 24,
				   .ip = { 192, 0, 2, 1 } };
	struct fs_nl_neigh neigh = { .ifindex = 1, .family = AF_INET, .ip = { 192, 0, 2, 2 },
				     .state = NUD_REACHABLE };

	link_up(1);
	link_up(2);
	fs_nl_mirror_addr_set(m, &addr);
	fs_nl_mirror_neigh_set(m, &neigh);
	neigh.ifindex = 2;
	fs_nl_mirror_neigh_set(m, &neigh);
	fs_nl_mirror_link_del(m, 1);
	ck_assert(!fs_nl_mirror_is_local(m, AF_INET, addr.ip));
	ck_assert_ptr_null(fs_nl_mirror_neigh(m, 1, AF_INET, neigh.ip));
	ck_assert_ptr_nonnull(fs_nl_mirror_neigh(m, 2, AF_INET, neigh.ip));
}
END_TEST

START_TEST(an_address_is_local_and_so_is_all_of_a_local_route)
{
	struct fs_nl_addr addr = { .ifindex = 1, .family = AF_INET, .prefix_len = 24,
				   .ip = { 192, 0, 2, 1 } };
	struct fs_nl_route lo = route4(127, 0, 0, 0, 8, 1);
	uint8_t loopback[16] = { 127, 9, 9, 9 }, other[16] = { 192, 0, 2, 3 };

	lo.type = RTN_LOCAL;
	lo.table = RT_TABLE_LOCAL;
	fs_nl_mirror_route_set(m, &lo);
	fs_nl_mirror_addr_set(m, &addr);
	ck_assert(fs_nl_mirror_is_local(m, AF_INET, addr.ip));
	ck_assert(fs_nl_mirror_is_local(m, AF_INET, loopback));
	ck_assert(!fs_nl_mirror_is_local(m, AF_INET, other));
	ck_assert(!fs_nl_mirror_is_local(m, AF_INET6, addr.ip));
	addr.prefix_len = 32;	/* the same address twice, as IPv4 allows */
	fs_nl_mirror_addr_set(m, &addr);
	fs_nl_mirror_addr_del(m, &addr);
	ck_assert(fs_nl_mirror_is_local(m, AF_INET, addr.ip));
}
END_TEST

START_TEST(bytes_behind_an_ipv4_address_do_not_count)
{
	struct fs_nl_addr addr = { .ifindex = 1, .family = AF_INET, .prefix_len = 24,
				   .ip = { 192, 0, 2, 1, 9, 9 } };
	uint8_t ip[16] = { 192, 0, 2, 1, 7, 7, 7 };

	fs_nl_mirror_addr_set(m, &addr);
	ck_assert(fs_nl_mirror_is_local(m, AF_INET, ip));
}
END_TEST

START_TEST(the_lower_priority_number_wins_and_its_deletion_uncovers_the_next)
{
	struct fs_nl_route slow = route4(10, 0, 0, 0, 8, 1), fast = route4(10, 0, 0, 0, 8, 2);

	link_up(1);
	link_up(2);
	slow.priority = 200;
	fast.priority = 100;
	fs_nl_mirror_route_set(m, &slow);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 1);
	fs_nl_mirror_route_set(m, &fast);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 2);
	ck_assert_int_eq(fs_nl_mirror_route_del(m, &fast), 0);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 1);
	ck_assert_int_eq(fs_nl_mirror_route_del(m, &fast), -ENOENT);
}
END_TEST

START_TEST(a_route_over_a_link_that_is_down_gives_way_to_a_shorter_prefix)
{
	struct fs_nl_route near = route4(10, 0, 0, 0, 24, 1), far = route4(0, 0, 0, 0, 0, 2);
	struct fs_nl_link down = { .ifindex = 1 };

	link_up(1);
	fs_nl_mirror_route_set(m, &near);
	fs_nl_mirror_link_set(m, &down);
	ck_assert_uint_eq(oif_to(10, 0, 0, 9), 1);	/* better than none */
	link_up(2);
	fs_nl_mirror_route_set(m, &far);
	ck_assert_uint_eq(oif_to(10, 0, 0, 9), 2);
}
END_TEST

START_TEST(of_a_multipath_route_the_first_next_hop_that_runs_is_taken)
{
	struct fs_nl_route hop = route4(10, 0, 0, 0, 8, 1);
	struct fs_nl_link no_carrier = { .ifindex = 1, .flags = IFF_UP };

	fs_nl_mirror_link_set(m, &no_carrier);
	link_up(2);
	link_up(3);
	for (hop.oif = 1; hop.oif <= 3; hop.oif++)
		fs_nl_mirror_route_set(m, &hop);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 2);
	ck_assert_uint_eq(fs_nl_mirror_route_clear(m, &hop), 3);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 0);
}
END_TEST

START_TEST(a_named_interface_passes_over_routes_of_others)
{
	uint8_t ip[16] = { 0xfe, 0x80, [15] = 9 };
	struct fs_nl_route ll = { .family = AF_INET6, .prefix_len = 64, .dst = { 0xfe, 0x80 } };

	for (ll.oif = 1; ll.oif <= 3; ll.oif++) {
		link_up(ll.oif);
		fs_nl_mirror_route_set(m, &ll);
	}
	ck_assert_uint_eq(fs_nl_mirror_route(m, AF_INET6, ip, 3)->oif, 3);
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET6, ip, 4));
}
END_TEST

START_TEST(throw_ends_the_main_table_and_the_default_table_goes_on)
{
	struct fs_nl_route all = route4(0, 0, 0, 0, 0, 1), hole = route4(10, 0, 0, 0, 8, 0);
	struct fs_nl_route last = route4(0, 0, 0, 0, 0, 2);

	link_up(1);
	link_up(2);
	hole.type = RTN_THROW;
	last.table = RT_TABLE_DEFAULT;
	fs_nl_mirror_route_set(m, &all);
	fs_nl_mirror_route_set(m, &hole);
	fs_nl_mirror_route_set(m, &last);
	ck_assert_uint_eq(oif_to(11, 1, 1, 1), 1);
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 2);
}
END_TEST

START_TEST(a_sync_removes_what_it_has_not_seen_and_keeps_the_rest)
{
	struct fs_nl_route a = route4(10, 1, 0, 0, 16, 1), b = route4(10, 2, 0, 0, 16, 1);

	link_up(1);
	link_up(2);
	fs_nl_mirror_route_set(m, &a);
	fs_nl_mirror_route_set(m, &b);
	fs_nl_mirror_sync_begin(m);
	link_up(1);
	fs_nl_mirror_route_set(m, &b);
	fs_nl_mirror_sync_end(m, FS_NL_SYNC_LINK | FS_NL_SYNC_ROUTE4);
	ck_assert_ptr_null(fs_nl_mirror_link(m, 2));
	ck_assert_uint_eq(oif_to(10, 1, 1, 1), 0);
	ck_assert_uint_eq(oif_to(10, 2, 1, 1), 1);
}
END_TEST

/* --- longest prefix against a scan ------------------------------------------- */

enum { ROUTES = 3000, LOOKUPS = 20000 };

struct model {
	struct fs_nl_route route[ROUTES];
	bool there[ROUTES];
};

static bool covers(const struct fs_nl_route *r, const uint8_t *ip)
{
	for (int bit = 0; bit < r->prefix_len; bit++)
		if ((r->dst[bit / 8] ^ ip[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* Few different bits, so that prefixes nest and repeat. */
static void random_ip(uint8_t ip[16], unsigned int len)
{
	memset(ip, 0, 16);
	for (unsigned int i = 0; i < len; i++)
		ip[i] = (uint8_t)(rnd(4) ? rnd(2) * 0x80 : rnd(256));
}

static const struct fs_nl_route *scan(const struct model *model, const uint8_t *ip)
{
	const struct fs_nl_route *best = NULL;

	for (int i = 0; i < ROUTES; i++) {
		const struct fs_nl_route *r = &model->route[i];

		if (model->there[i] && covers(r, ip) &&
		    (!best || r->prefix_len > best->prefix_len ||
		     (r->prefix_len == best->prefix_len && r->priority < best->priority)))
			best = r;
	}
	return best;
}

static void compare_lookups(const struct model *model, uint8_t family, unsigned int ip_len)
{
	for (int i = 0; i < LOOKUPS / 10; i++) {
		const struct fs_nl_route *want, *got;
		uint8_t ip[16];

		random_ip(ip, ip_len);
		want = scan(model, ip);
		got = fs_nl_mirror_route(m, family, ip, 0);
		ck_assert_int_eq(!want, !got);
		if (!want)
			continue;
		ck_assert_uint_eq(want->prefix_len, got->prefix_len);
		ck_assert_uint_eq(want->priority, got->priority);
	}
}

START_TEST(the_longest_prefix_is_what_a_scan_over_all_routes_finds)
{
	uint8_t family = _i ? AF_INET6 : AF_INET;
	unsigned int ip_len = fs_nl_ip_len(family);
	static struct model model;

	memset(&model, 0, sizeof(model));
	rand_state = 42 + (uint32_t)_i;
	link_up(1);
	for (int i = 0; i < ROUTES; i++) {
		struct fs_nl_route *r = &model.route[i];

		r->family = family;
		r->oif = 1;
		r->prefix_len = (uint8_t)rnd(ip_len * 8 + 1);
		r->priority = (uint32_t)i;	/* no two equal */
		random_ip(r->dst, ip_len);
		ck_assert_int_eq(fs_nl_mirror_route_set(m, r), 0);
		model.there[i] = true;
	}
	for (int round = 0; round < 10; round++) {
		compare_lookups(&model, family, ip_len);
		for (int i = 0; i < ROUTES / 10; i++) {
			uint32_t victim = rnd(ROUTES);

			if (model.there[victim])
				ck_assert_int_eq(fs_nl_mirror_route_del(m, &model.route[victim]), 0);
			else
				fs_nl_mirror_route_set(m, &model.route[victim]);
			model.there[victim] = !model.there[victim];
		}
	}
}
END_TEST

START_TEST(thousands_of_neighbours_come_and_go)
{
	struct fs_nl_neigh n = { .family = AF_INET6, .state = NUD_REACHABLE };

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 20000; i++) {
			n.ifindex = i % 3;
			put_be32(n.ip, i);
			ck_assert_int_eq(fs_nl_mirror_neigh_set(m, &n), 0);
		}
		for (uint32_t i = 0; i < 20000; i++) {
			put_be32(n.ip, i);
			ck_assert_ptr_nonnull(fs_nl_mirror_neigh(m, i % 3, AF_INET6, n.ip));
			ck_assert_ptr_null(fs_nl_mirror_neigh(m, 3, AF_INET6, n.ip));
		}
		for (uint32_t i = 0; i < 20000; i++) {
			n.ifindex = i % 3;
			put_be32(n.ip, i);
			ck_assert_int_eq(fs_nl_mirror_neigh_del(m, &n), 0);
		}
		ck_assert_ptr_null(fs_nl_mirror_neigh(m, 0, AF_INET6, n.ip));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nl/mirror");
	TCase *tc = tcase_create("mirror");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_link_is_found_by_index_until_it_is_deleted);
	tcase_add_test(tc, repeating_what_is_known_moves_no_generation);
	tcase_add_test(tc, a_neighbour_that_ages_alters_no_decision_but_a_new_mac_does);
	tcase_add_test(tc, a_deleted_link_takes_its_addresses_and_neighbours_along);
	tcase_add_test(tc, an_address_is_local_and_so_is_all_of_a_local_route);
	tcase_add_test(tc, bytes_behind_an_ipv4_address_do_not_count);
	tcase_add_test(tc, the_lower_priority_number_wins_and_its_deletion_uncovers_the_next);
	tcase_add_test(tc, a_route_over_a_link_that_is_down_gives_way_to_a_shorter_prefix);
	tcase_add_test(tc, of_a_multipath_route_the_first_next_hop_that_runs_is_taken);
	tcase_add_test(tc, a_named_interface_passes_over_routes_of_others);
	tcase_add_test(tc, throw_ends_the_main_table_and_the_default_table_goes_on);
	tcase_add_test(tc, a_sync_removes_what_it_has_not_seen_and_keeps_the_rest);
	tcase_add_loop_test(tc, the_longest_prefix_is_what_a_scan_over_all_routes_finds, 0, 2);
	tcase_add_test(tc, thousands_of_neighbours_come_and_go);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
