// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_rtnl.c - the mirror against the kernel, in a namespace of its own.
 *
 *	fa0 <--veth--> pa0	fa1 <--veth--> pa1	lo
 *
 * All four ends are in the same namespace; what is compared are tables, not
 * packets. The kernel's own RTM_GETROUTE, and `ip`, are the oracle.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/net.h"
#include "nl/rtnl.h"
#include "tests/lib/suite.h"

static struct fs_nl *nl;
static struct fs_net *net;
static struct fs_nl_mirror *m;
static uint64_t now_ns = NSEC_PER_SEC;

/* Run a shell command; its failure is the test's when @must. */
__attribute__((format(printf, 2, 3)))
static int sh(bool must, const char *format, ...)
{
	char command[512];
	va_list args;
	int ret;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ret = system(command);
	if (must)
		ck_assert_msg(!ret, "%s", command);
	return ret;
}

static long count(const char *command)
{
	FILE *pipe = popen(command, "r");
	long n = -1;

	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_eq(fscanf(pipe, "%ld", &n), 1);
	pclose(pipe);
	return n;
}

static int probe(void *ctx, uint32_t ifindex, uint8_t family, const uint8_t ip[16])
{
	return fs_nl_neigh_probe(ctx, ifindex, family, ip);
}

static int route_get(void *ctx, const struct fs_nl_route_query *query, struct fs_nl_route *out)
{
	return fs_nl_route_get(ctx, query, out);
}

static void setup(void)
{
	struct fs_net_ops ops = { .probe = probe, .route_get = route_get };

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	sh(true, "ip link set lo up");
	for (int i = 0; i < 2; i++) {
		sh(true, "ip link add fa%d type veth peer name pa%d", i, i);
		sh(true, "ip link set fa%d up", i);
		sh(true, "ip link set pa%d up", i);
	}
	ck_assert_int_eq(fs_nl_open(&nl, NULL), 0);
	ops.ctx = nl;
	m = fs_nl_mirror_of(nl);
	ck_assert_int_eq(fs_net_open(&net, m, &ops, 1), 0);
}

static void teardown(void)
{
	int fd = fs_nl_fd(nl);

	fs_net_close(net);
	fs_nl_close(nl);
	ck_assert_int_lt(dup(fd), 0);	/* the socket is gone */
}

/* Events are queued before `ip` returns, but for those of timers. */
static void process(void)
{
	ck_assert_int_ge(fs_nl_process(nl), 0);
}

static void parse_ip(uint8_t family, const char *text, uint8_t ip[16])
{
	memset(ip, 0, 16);
	ck_assert_int_eq(inet_pton(family, text, ip), 1);
}

static bool is_local(uint8_t family, const char *text)
{
	uint8_t ip[16];

	parse_ip(family, text, ip);
	return fs_nl_mirror_is_local(m, family, ip);
}

static const struct fs_nl_neigh *neigh_of(const char *dev, uint8_t family, const char *text)
{
	uint8_t ip[16];

	parse_ip(family, text, ip);
	return fs_nl_mirror_neigh(m, if_nametoindex(dev), family, ip);
}

/* NULL when the mirror decides as the kernel does, else what differs. */
static const char *differs(uint8_t family, const uint8_t ip[16])
{
	struct fs_nl_route_query query = { .family = family };
	const struct fs_nl_route *got = fs_nl_mirror_route(m, family, ip, 0);
	struct fs_nl_route want = { 0 };
	int ret;

	memcpy(query.dst, ip, 16);
	ret = fs_nl_route_get(nl, &query, &want);
	if (fs_nl_mirror_is_local(m, family, ip) != (!ret && want.type == RTN_LOCAL))
		return "local or not";
	if (ret == 0 && want.type != RTN_UNREACHABLE) {
		if (!got || got->type != want.type)
			return "type";
		if (want.type != RTN_UNICAST)
			return NULL;
		if (got->oif != want.oif)
			return "interface";
		if (got->has_gateway != want.has_gateway || memcmp(got->gateway, want.gateway, 16))
			return "gateway";
	} else if (got && got->type == RTN_UNICAST) {
		const struct fs_nl_link *link = fs_nl_mirror_link(m, got->oif);

		/* The mirror keeps what is down, to be able to say so. */
		if (link && link->flags & IFF_UP)
			return "no route in the kernel";
	}
	return NULL;
}

/*
 * The kernel adds IPv6 addresses and their routes from a work queue: what
 * differs is looked at again after the events that may still come. Without
 * events the mirror does not change, so an error does not go away.
 */
static void compare_route(uint8_t family, const uint8_t ip[16])
{
	const char *what;
	char text[64];

	for (int try = 0; (what = differs(family, ip)) && try < 40; try++) {
		usleep(25000);
		process();
	}
	inet_ntop(family, ip, text, sizeof(text));
	ck_assert_msg(!what, "%s: %s", text, what);
}

static bool same_source(uint8_t family, const char *remote)
{
	struct fs_nl_route_query query = { .family = family };
	struct fs_nl_route want;

	parse_ip(family, remote, query.dst);
	ck_assert_int_eq(fs_nl_route_get(nl, &query, &want), 0);
	return !memcmp(fs_net_dst(net, family, query.dst, 0, now_ns)->src, want.prefsrc, 16);
}

static void compare_source(uint8_t family, const char *remote)
{
	for (int try = 0; !same_source(family, remote); try++) {
		ck_assert_msg(try < 40, "source for %s", remote);
		usleep(25000);
		process();
	}
}

START_TEST(the_first_copy_has_what_ip_shows)
{
	const struct fs_nl_link *link = fs_nl_mirror_link(m, if_nametoindex("fa0"));
	long links = 0;

	ck_assert_ptr_nonnull(link);
	ck_assert_str_eq(link->name, "fa0");
	ck_assert_str_eq(link->kind, "veth");
	ck_assert_uint_eq(link->mtu, 1500);
	ck_assert(link->running);
	ck_assert(is_local(AF_INET, "127.0.0.1"));
	ck_assert(is_local(AF_INET, "127.1.2.3"));
	ck_assert(is_local(AF_INET6, "::1"));
	for (link = NULL; (link = fs_nl_mirror_link_next(m, link));)
		links++;
	ck_assert_int_eq(links, count("ip -j link | grep -o ifindex | wc -l"));
}
END_TEST

START_TEST(an_address_and_its_routes_come_and_go)
{
	uint8_t ip[16];

	parse_ip(AF_INET, "192.0.2.9", ip);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	process();
	ck_assert(is_local(AF_INET, "192.0.2.1"));
	compare_route(AF_INET, ip);
	ck_assert_uint_eq(fs_nl_mirror_route(m, AF_INET, ip, 0)->oif, if_nametoindex("fa0"));
	sh(true, "ip addr del 192.0.2.1/24 dev fa0");
	process();
	ck_assert(!is_local(AF_INET, "192.0.2.1"));
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
}
END_TEST

START_TEST(ipv4_routes_that_vanish_silently_with_a_link_are_noticed)
{
	uint8_t ip[16];

	parse_ip(AF_INET, "198.51.100.1", ip);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip route add 198.51.100.0/24 via 192.0.2.2");
	process();
	ck_assert_ptr_nonnull(fs_nl_mirror_route(m, AF_INET, ip, 0));
	sh(true, "ip link set fa0 down");
	process();
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
	sh(true, "ip link set fa0 up");
	process();
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
	compare_route(AF_INET, ip);
}
END_TEST

START_TEST(a_replaced_route_leaves_nothing_behind)
{
	uint8_t ip[16];

	parse_ip(AF_INET, "198.51.100.1", ip);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip addr add 203.0.113.1/24 dev fa1");
	sh(true, "ip route add 198.51.100.0/24 via 192.0.2.2");
	process();
	sh(true, "ip route replace 198.51.100.0/24 via 203.0.113.2 mtu 1400");
	process();
	compare_route(AF_INET, ip);
	ck_assert_uint_eq(fs_nl_mirror_route(m, AF_INET, ip, 0)->mtu, 1400);
	ck_assert_uint_eq(fs_nl_mirror_route_hops(m, fs_nl_mirror_route(m, AF_INET, ip, 0)), 1);
	sh(true, "ip route prepend 198.51.100.0/24 via 192.0.2.3");
	process();
	compare_route(AF_INET, ip);
	sh(true, "ip route del 198.51.100.0/24 via 192.0.2.3");
	process();
	compare_route(AF_INET, ip);
	sh(true, "ip route replace 198.51.100.0/24 nexthop via 192.0.2.2 nexthop via 203.0.113.2");
	process();
	ck_assert_uint_eq(fs_nl_mirror_route_hops(m, fs_nl_mirror_route(m, AF_INET, ip, 0)), 2);
	sh(true, "ip route del 198.51.100.0/24");
	process();
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
}
END_TEST

START_TEST(ipv6_next_hops_are_added_and_taken_away_one_by_one)
{
	uint8_t ip[16];
	const struct fs_nl_route *route;

	parse_ip(AF_INET6, "2001:db8:9::1", ip);
	sh(true, "ip addr add 2001:db8::1/64 dev fa0 nodad");
	sh(true, "ip route add 2001:db8:9::/48 via 2001:db8::2");
	sh(true, "ip route append 2001:db8:9::/48 via 2001:db8::3");
	process();
	route = fs_nl_mirror_route(m, AF_INET6, ip, 0);
	ck_assert_ptr_nonnull(route);
	ck_assert_uint_eq(fs_nl_mirror_route_hops(m, route), 2);
	sh(true, "ip route del 2001:db8:9::/48 via 2001:db8::2");
	process();
	compare_route(AF_INET6, ip);
	sh(true, "ip route del 2001:db8:9::/48");
	process();
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET6, ip, 0));
}
END_TEST

START_TEST(local_and_main_routes_are_weighed_as_the_kernel_does)
{
	static const char *const remotes[] = { "10.9.0.7", "10.9.0.8", "10.8.1.1", "10.9.0.0" };
	uint8_t ip[16];

	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip route add local 10.8.0.0/15 dev lo");
	sh(true, "ip route add 10.9.0.7/32 via 192.0.2.2");
	sh(true, "ip route add local 2001:db8:a::/48 dev lo");
	sh(true, "ip route add 2001:db8:a::7/128 dev fa0");
	process();
	for (size_t i = 0; i < ARRAY_SIZE(remotes); i++) {
		parse_ip(AF_INET, remotes[i], ip);
		compare_route(AF_INET, ip);
	}
	parse_ip(AF_INET6, "2001:db8:a::7", ip);
	compare_route(AF_INET6, ip);
	parse_ip(AF_INET6, "2001:db8:a::8", ip);
	compare_route(AF_INET6, ip);
}
END_TEST

START_TEST(an_ipv4_route_by_an_ipv6_gateway_is_understood)
{
	uint8_t ip[16];
	const struct fs_nl_route *route;

	parse_ip(AF_INET, "198.51.100.1", ip);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip route add 198.51.100.0/24 via inet6 fe80::9 dev fa0");
	process();
	route = fs_nl_mirror_route(m, AF_INET, ip, 0);
	ck_assert_uint_eq(route->gw_family, AF_INET6);
	ck_assert_uint_eq(route->gateway[15], 9);
	compare_source(AF_INET, "198.51.100.1");
}
END_TEST

START_TEST(neighbours_are_those_that_ip_shows)
{
	for (int i = 2; i < 60; i++)
		sh(true, "ip neigh add 192.0.2.%d lladdr 02:00:00:00:00:%02x dev fa0", i, i);
	sh(true, "ip neigh add 2001:db8::7 lladdr 02:00:00:00:00:07 dev fa1");
	process();
	for (int i = 2; i < 60; i++) {
		char text[32];

		snprintf(text, sizeof(text), "192.0.2.%d", i);
		ck_assert_uint_eq(neigh_of("fa0", AF_INET, text)->mac[5], i);
		ck_assert(fs_nl_neigh_usable(neigh_of("fa0", AF_INET, text)));
	}
	ck_assert_uint_eq(neigh_of("fa1", AF_INET6, "2001:db8::7")->state, NUD_PERMANENT);
	sh(true, "ip neigh flush all nud permanent");
	process();
	ck_assert_ptr_null(neigh_of("fa0", AF_INET, "192.0.2.2"));
	ck_assert_ptr_null(neigh_of("fa1", AF_INET6, "2001:db8::7"));
}
END_TEST

static void pause_in_namespace(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET))
		_exit(1);
	pause();
}

START_TEST(a_probe_makes_the_kernel_ask_and_its_answer_arrives)
{
	struct pollfd fd = { .fd = fs_nl_fd(nl), .events = POLLIN };
	uint32_t fa0 = if_nametoindex("fa0");
	uint8_t ip[16];
	pid_t peer;

	/* The other end gets a namespace of its own, so that it answers. */
	peer = fork();
	if (!peer) {
		pause_in_namespace();
		_exit(0);
	}
	usleep(100000);
	sh(true, "ip link set pa0 netns %d", peer);
	sh(true, "nsenter -t %d -n ip addr add 192.0.2.2/24 dev pa0", peer);
	sh(true, "nsenter -t %d -n ip link set pa0 up", peer);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	process();
	parse_ip(AF_INET, "192.0.2.2", ip);
	ck_assert_int_eq(fs_net_dst(net, AF_INET, ip, 0, now_ns)->state, FS_DST_WAIT);
	ck_assert_int_eq(fs_nl_neigh_probe(nl, fa0, AF_INET, ip), 0);
	for (int i = 0; i < 50 && !fs_nl_neigh_usable(neigh_of("fa0", AF_INET, "192.0.2.2")); i++) {
		poll(&fd, 1, 100);
		process();
	}
	ck_assert_int_eq(fs_net_dst(net, AF_INET, ip, 0, now_ns)->state, FS_DST_READY);
	kill(peer, SIGKILL);
	waitpid(peer, NULL, 0);
}
END_TEST

START_TEST(a_probe_on_no_interface_says_so)
{
	uint8_t ip[16] = { 192, 0, 2, 2 };

	ck_assert_int_eq(fs_nl_neigh_probe(nl, 9999, AF_INET, ip), -ENODEV);
}
END_TEST

START_TEST(policy_rules_are_noticed_and_the_kernel_is_asked)
{
	const struct fs_dst *dst;
	uint8_t ip[16];

	ck_assert(!fs_nl_mirror_rules(m, AF_INET));
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip addr add 203.0.113.1/24 dev fa1");
	sh(true, "ip route add default via 192.0.2.2");
	sh(true, "ip route add default via 203.0.113.2 table 100");
	sh(true, "ip rule add to 198.51.100.0/24 table 100");
	process();
	ck_assert(fs_nl_mirror_rules(m, AF_INET));
	ck_assert(!fs_nl_mirror_rules(m, AF_INET6));
	parse_ip(AF_INET, "198.51.100.1", ip);
	dst = fs_net_dst(net, AF_INET, ip, 0, now_ns);
	ck_assert_int_eq(dst->state, FS_DST_WAIT);
	ck_assert_uint_eq(dst->ifindex, if_nametoindex("fa1"));
	ck_assert_uint_eq(dst->next_hop[3], 2);
	ck_assert_uint_eq(dst->src[0], 203);
	sh(true, "ip rule del to 198.51.100.0/24 table 100");
	process();
	ck_assert(!fs_nl_mirror_rules(m, AF_INET));
	dst = fs_net_dst(net, AF_INET, ip, 0, now_ns);
	ck_assert_uint_eq(dst->ifindex, if_nametoindex("fa0"));
}
END_TEST

START_TEST(the_source_address_is_the_one_the_kernel_chooses)
{
	sh(true, "ip addr add 192.0.2.1/25 dev fa0");
	sh(true, "ip addr add 192.0.2.129/25 dev fa0");
	sh(true, "ip addr add 192.0.2.2/25 dev fa0");
	sh(true, "ip route add 198.51.100.0/25 via 192.0.2.9");
	sh(true, "ip route add 198.51.100.128/25 via 192.0.2.130");
	sh(true, "ip route add 203.0.113.0/24 via 192.0.2.9 src 192.0.2.2");
	sh(true, "ip addr add 2001:db8:1::1/64 dev fa0 nodad");
	sh(true, "ip addr add 2001:db8:2::1/64 dev fa0 nodad");
	sh(true, "ip addr add fd00::1/64 dev fa0 nodad");
	sh(true, "ip addr add 2001:db8:3::1/64 dev fa0 nodad preferred_lft 0");
	sh(true, "ip route add default via 2001:db8:1::9");
	sh(true, "ip route add 2001:db8:5::/48 dev fa1");
	process();
	compare_source(AF_INET, "192.0.2.9");
	compare_source(AF_INET, "192.0.2.200");
	compare_source(AF_INET, "198.51.100.1");
	compare_source(AF_INET, "198.51.100.129");
	compare_source(AF_INET, "203.0.113.5");
	compare_source(AF_INET6, "2001:db8:1::5");
	compare_source(AF_INET6, "2001:db8:2::5");
	compare_source(AF_INET6, "2001:db8:2:1::5");
	compare_source(AF_INET6, "2001:db8:3::5");
	compare_source(AF_INET6, "2001:db8:5::5");
	compare_source(AF_INET6, "2600::1");
	compare_source(AF_INET6, "fd00:1::1");
	compare_source(AF_INET6, "fd00::5");
}
END_TEST

START_TEST(a_deleted_link_takes_everything_with_it)
{
	uint32_t fa0 = if_nametoindex("fa0");
	uint8_t ip[16];

	parse_ip(AF_INET, "198.51.100.1", ip);
	sh(true, "ip addr add 192.0.2.1/24 dev fa0");
	sh(true, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev fa0");
	sh(true, "ip route add 198.51.100.0/24 via 192.0.2.2");
	process();
	sh(true, "ip link del fa0");
	process();
	ck_assert_ptr_null(fs_nl_mirror_link(m, fa0));
	ck_assert(!is_local(AF_INET, "192.0.2.1"));
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
	ck_assert_ptr_null(fs_nl_mirror_neigh(m, fa0, AF_INET, ip));
}
END_TEST

/* More events than the socket holds, in one `ip -batch`. */
START_TEST(a_flood_of_events_ends_in_the_kernels_state)
{
	int small = 4096;
	uint8_t ip[16];

	ck_assert_int_eq(setsockopt(fs_nl_fd(nl), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	sh(true, "ip addr add 10.0.0.1/8 dev fa0");
	process();
	sh(true, "{ for i in $(seq 0 15); do for j in $(seq 0 255); do "
	   "echo route add 172.16.$i.$j/32 via 10.0.$i.$j; done; done; "
	   "for j in $(seq 0 255); do echo route del 172.16.3.$j/32; done; } | ip -batch -");
	process();
	for (int i = 0; i < 16; i++) {
		for (int j = 0; j < 256; j += 5) {
			memset(ip, 0, 16);
			ip[0] = 172;
			ip[1] = 16;
			ip[2] = (uint8_t)i;
			ip[3] = (uint8_t)j;
			ck_assert_int_eq(fs_nl_mirror_route(m, AF_INET, ip, 0) != NULL, i != 3);
			if (j % 50 == 0)
				compare_route(AF_INET, ip);
		}
	}
	process();	/* and events flow again */
	sh(true, "ip route del 172.16.0.0/32");
	process();
	parse_ip(AF_INET, "172.16.0.0", ip);
	ck_assert_ptr_null(fs_nl_mirror_route(m, AF_INET, ip, 0));
}
END_TEST

static uint32_t rand_state;

static unsigned int rnd(unsigned int below)
{
	rand_state = rand_state * 1664525 + 1013904223;
	return (unsigned int)(((uint64_t)(rand_state >> 8) * below) >> 24);
}

/* One random command into @out; many of them fail, which is fine. */
static void random_command(FILE *out)
{
	static const char *const verb[] = { "add", "replace", "append", "prepend", "del", "del" };
	static const unsigned int lengths[] = { 8, 12, 16, 20, 24, 28, 32, 0 };
	unsigned int dev = rnd(2), len = lengths[rnd(8)];

	switch (rnd(12)) {
	case 0:
		fprintf(out, "addr %s 10.%u.0.1/16 dev fa%u\n", rnd(2) ? "add" : "del", rnd(3), dev);
		break;
	case 1:
		fprintf(out, "addr %s 2001:db8:%u::1/64 dev fa%u nodad\n", rnd(2) ? "add" : "del",
			rnd(3), dev);
		break;
	case 2:
		fprintf(out, "link set fa%u %s\n", dev, rnd(3) ? "up" : "down");
		break;
	case 3:
	case 4:
		fprintf(out, "route %s 2001:db8:%x::/%u dev fa%u metric %u\n", verb[rnd(6)],
			rnd(8) << 12, 33 + rnd(16), dev, 100 + rnd(3));
		break;
	case 5:
		fprintf(out, "route %s %s 20.%u.0.0/16 metric %u\n", rnd(2) ? "add" : "del",
			rnd(2) ? "unreachable" : "blackhole", rnd(4), rnd(3));
		break;
	case 6:
		fprintf(out, "route %s 20.%u.0.0/16 metric %u nexthop via 10.%u.0.9 "
			"nexthop via 10.%u.0.8\n", verb[rnd(6)], rnd(4), rnd(3), rnd(3), rnd(3));
		break;
	default:
		fprintf(out, "route %s 20.%u.%u.%u/%u dev fa%u metric %u\n", verb[rnd(6)],
			len > 8 ? rnd(4) << (16 - MIN(len, 16u)) & 255 : 0,
			len > 16 ? rnd(4) << (24 - MIN(len, 24u)) & 255 : 0,
			len > 24 ? rnd(4) << (32 - len) & 255 : 0, len, dev, rnd(3));
	}
}

static void compare_all(void)
{
	uint8_t ip[16];

	for (int i = 0; i < 200; i++) {
		memset(ip, 0, 16);
		ip[0] = rnd(4) ? 20 : 10;
		ip[1] = (uint8_t)(rnd(2) ? rnd(4) : rnd(256));
		ip[2] = (uint8_t)(rnd(2) ? rnd(4) : rnd(256));
		ip[3] = (uint8_t)rnd(256);
		/* A multipath route is hashed by flow there, and not here. */
		const struct fs_nl_route *r = fs_nl_mirror_route(m, AF_INET, ip, 0);

		if (!r || fs_nl_mirror_route_hops(m, r) == 1)
			compare_route(AF_INET, ip);
		memset(ip, 0, 16);
		ip[0] = 0x20;
		ip[1] = 1;
		ip[2] = 0x0d;
		ip[3] = 0xb8;
		ip[4] = (uint8_t)(rnd(2) ? rnd(16) << 4 : 0);
		ip[5] = (uint8_t)rnd(4);
		ip[15] = (uint8_t)rnd(3);
		r = fs_nl_mirror_route(m, AF_INET6, ip, 0);
		if (!r || fs_nl_mirror_route_hops(m, r) == 1)
			compare_route(AF_INET6, ip);
	}
}

START_TEST(after_random_changes_the_mirror_decides_as_the_kernel_does)
{
	rand_state = 12345 + (uint32_t)_i;
	for (int round = 0; round < 60; round++) {
		FILE *batch = popen("ip -force -batch - >/dev/null 2>&1", "w");

		ck_assert_ptr_nonnull(batch);
		for (unsigned int n = 1 + rnd(12); n; n--)
			random_command(batch);
		pclose(batch);
		process();
		compare_all();
	}
}
END_TEST

/* The copy and the events race with the changes they are about. */
START_TEST(following_while_the_kernel_changes_ends_in_the_kernels_state)
{
	int small = 8192;

	rand_state = 777 + (uint32_t)_i;
	if (_i % 2)
		setsockopt(fs_nl_fd(nl), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int round = 0; round < 8; round++) {
		pid_t child = fork();

		rand_state += 1000;
		if (!child) {
			FILE *batch = popen("ip -force -batch - >/dev/null 2>&1", "w");

			for (int n = 0; n < 400; n++)
				random_command(batch);
			pclose(batch);
			_exit(0);
		}
		while (!waitpid(child, NULL, WNOHANG))
			ck_assert_int_ge(fs_nl_process(nl), -EINTR);
		process();
		compare_all();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/rtnl");
	TCase *tc = tcase_create("rtnl");

	if (geteuid()) {
		printf("skip: needs root for a network namespace\n");
		return 77;
	}
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_first_copy_has_what_ip_shows);
	tcase_add_test(tc, an_address_and_its_routes_come_and_go);
	tcase_add_test(tc, ipv4_routes_that_vanish_silently_with_a_link_are_noticed);
	tcase_add_test(tc, a_replaced_route_leaves_nothing_behind);
	tcase_add_test(tc, ipv6_next_hops_are_added_and_taken_away_one_by_one);
	tcase_add_test(tc, local_and_main_routes_are_weighed_as_the_kernel_does);
	tcase_add_test(tc, an_ipv4_route_by_an_ipv6_gateway_is_understood);
	tcase_add_test(tc, neighbours_are_those_that_ip_shows);
	tcase_add_test(tc, a_probe_makes_the_kernel_ask_and_its_answer_arrives);
	tcase_add_test(tc, a_probe_on_no_interface_says_so);
	tcase_add_test(tc, policy_rules_are_noticed_and_the_kernel_is_asked);
	tcase_add_test(tc, the_source_address_is_the_one_the_kernel_chooses);
	tcase_add_test(tc, a_deleted_link_takes_everything_with_it);
	tcase_add_test(tc, a_flood_of_events_ends_in_the_kernels_state);
	tcase_add_loop_test(tc, after_random_changes_the_mirror_decides_as_the_kernel_does, 0, 4);
	tcase_add_loop_test(tc, following_while_the_kernel_changes_ends_in_the_kernels_state, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
