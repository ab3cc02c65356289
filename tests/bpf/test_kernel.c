/* SPDX-License-Identifier: BSD-2-Clause */
/* test_kernel.c - connections that the kernel has of a port that is steered. */
#include <bpf/bpf.h>
#include <check.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "rig.h"
#include "xsk.h"
#include "tests/lib/suite.h"

static const char *const objects[] = { "fastsock.bpf.o", "fastsock-user.bpf.o" };
static struct rig rig;

/* The segment's connection has two ends: 10.0.0.2:40000 and our 10.0.0.1:7777. */
static socklen_t end(struct sockaddr_storage *sa, int ip6, const char *four, const char *six,
		     uint16_t port)
{
	struct sockaddr_in *in = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	if (ip6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		inet_pton(AF_INET6, six, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	inet_pton(AF_INET, four, &in->sin_addr);
	return sizeof(*in);
}

static int bound(int ip6)
{
	struct sockaddr_storage sa;
	socklen_t len = end(&sa, ip6, "10.0.0.1", "fd00::1", 7777);
	int fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0), on = 1;

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* In repair mode a connection needs no peer. */
static int connection(int ip6)
{
	struct sockaddr_storage sa;
	socklen_t len = end(&sa, ip6, "10.0.0.2", "fd00::2", 40000);
	int fd = bound(ip6), on = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void open_lab(int object, uint8_t ip6, uint32_t flags)
{
	struct fs_config config;
	uint32_t index = 0;
	int xsk;

	rig_open(&rig, objects[object]);
	rig.ifindex = lab_open(1, 0);
	config = rig.set;
	config.queues = 1;
	rig_config(&rig, &config);
	xsk = xsk_bind(rig.ifindex, 0);
	ck_assert_int_eq(bpf_map_update_elem(rig.xsks, &index, &xsk, BPF_ANY), 0);
	rig_rule(&rig, ip6, IPPROTO_TCP, NULL, 7777,
		 (struct fs_rule){ .action = FS_ACTION_STEER, .flags = flags });
}

static void done(void)
{
	rig_close(&rig);
}

START_TEST(connection_of_the_kernel_passes_and_others_are_steered)
{
	const int ip6 = _i & 1;
	struct packet ours = packet(.ip6 = ip6, .proto = IPPROTO_TCP);
	struct packet port = packet(.ip6 = ip6, .proto = IPPROTO_TCP, .sport = 40001);
	struct packet host = packet(.ip6 = ip6, .proto = IPPROTO_TCP,
				    .src = ip6 ? "fd00::3" : "10.0.0.3");
	int fd;

	open_lab(_i >> 1, ip6, FS_RULE_F_KERNEL_FIRST);
	expect_verdict(&rig, &ours, steer);
	fd = connection(ip6);
	expect_verdict(&rig, &ours, pass_kernel);
	expect_verdict(&rig, &port, steer);
	expect_verdict(&rig, &host, steer);
	close(fd);
	expect_verdict(&rig, &ours, steer);
}
END_TEST

START_TEST(who_only_listens_has_no_connection)
{
	struct packet p = packet(.ip6 = _i, .proto = IPPROTO_TCP);
	int fd;

	open_lab(0, (uint8_t)_i, FS_RULE_F_KERNEL_FIRST);
	fd = bound(_i);
	ck_assert_int_eq(listen(fd, 1), 0);
	expect_verdict(&rig, &p, steer);
	close(fd);
}
END_TEST

START_TEST(rule_that_does_not_share_steers_everything)
{
	struct packet p = packet(.ip6 = _i, .proto = IPPROTO_TCP);
	int fd;

	open_lab(0, (uint8_t)_i, 0);
	fd = connection(_i);
	expect_verdict(&rig, &p, steer);
	close(fd);
}
END_TEST

START_TEST(icmp_errors_go_where_the_connection_is)
{
	struct packet out = packet(.ip6 = _i, .proto = IPPROTO_TCP, .sport = 7777, .dport = 40000,
				   .src = _i ? "fd00::1" : "10.0.0.1",
				   .dst = _i ? "fd00::2" : "10.0.0.2", .payload_len = 100);
	struct packet other = packet(.ip6 = _i, .proto = IPPROTO_TCP, .sport = 7777,
				     .dport = 40001, .src = _i ? "fd00::1" : "10.0.0.1",
				     .dst = _i ? "fd00::2" : "10.0.0.2", .payload_len = 100);
	struct packet p = packet_icmp_error(&out, _i ? 2 : 3, _i ? 48 : 28);
	int fd;

	open_lab(0, (uint8_t)_i, FS_RULE_F_KERNEL_FIRST);
	expect_verdict(&rig, &p, steer_icmp);
	fd = connection(_i);
	expect_verdict(&rig, &p, pass_kernel);
	p = packet_icmp_error(&other, _i ? 2 : 3, _i ? 48 : 28);
	expect_verdict(&rig, &p, steer_icmp);
	close(fd);
}
END_TEST

START_TEST(fragments_of_the_kernels_connection_pass)
{
	struct packet p = packet(.proto = IPPROTO_TCP, .payload_len = 16, .fragment = 0x2000);
	int fd;

	open_lab(0, 0, FS_RULE_F_KERNEL_FIRST);
	expect_verdict(&rig, &p, drop_tcp_frag);
	fd = connection(0);
	expect_verdict(&rig, &p, pass_kernel);
	close(fd);
}
END_TEST

START_TEST(hot_copy_of_a_rule_shares_as_well)
{
	const struct fs_rule_key key = {
		.family = _i ? AF_INET6 : AF_INET, .proto = IPPROTO_TCP, .port = htons(7777),
	};
	const struct fs_rule rule = {
		.action = FS_ACTION_STEER, .flags = FS_RULE_F_KERNEL_FIRST,
	};
	struct packet p = packet(.ip6 = _i, .proto = IPPROTO_TCP);
	struct fs_hot hot = { 0 };
	uint32_t zero = 0;
	int fd;

	/* The table says otherwise: it is not asked. */
	open_lab(0, (uint8_t)_i, 0);
	memcpy(&hot.entry[0].key, &key, sizeof(uint32_t));
	hot.entry[0].rule = rule;
	ck_assert_int_eq(bpf_map_update_elem(rig_map(&rig, FS_MAP_HOT), &zero, &hot, BPF_ANY), 0);
	fd = connection(_i);
	expect_verdict(&rig, &p, pass_kernel);
	close(fd);
}
END_TEST

START_TEST(only_tcp_has_connections)
{
	struct packet p = packet(.ip6 = _i);
	int fd;

	open_lab(0, (uint8_t)_i, 0);
	rig_rule(&rig, _i, IPPROTO_UDP, NULL, 7777,
		 (struct fs_rule){ .action = FS_ACTION_STEER, .flags = FS_RULE_F_KERNEL_FIRST });
	fd = connection(_i);
	expect_verdict(&rig, &p, steer);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel");
	TCase *tc = tcase_create("kernel");

	tcase_add_checked_fixture(tc, NULL, done);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, connection_of_the_kernel_passes_and_others_are_steered, 0, 4);
	tcase_add_loop_test(tc, who_only_listens_has_no_connection, 0, 2);
	tcase_add_loop_test(tc, rule_that_does_not_share_steers_everything, 0, 2);
	tcase_add_loop_test(tc, icmp_errors_go_where_the_connection_is, 0, 2);
	tcase_add_test(tc, fragments_of_the_kernels_connection_pass);
	tcase_add_loop_test(tc, hot_copy_of_a_rule_shares_as_well, 0, 2);
	tcase_add_loop_test(tc, only_tcp_has_connections, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
