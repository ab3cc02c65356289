// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_twin.c - the kernel half of a listener, on loopback, with a host that
 * remembers what it watches.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/leak.h"
#include "tcp/twin.h"
#include "tests/lib/suite.h"

static struct fs_host host;
static struct fs_watch watch, *watched;
static struct fs_addr local, bound;
static int watch_err;
static int fds;

static int start_watch(struct fs_host *h, struct fs_watch *w)
{
	ck_assert_ptr_eq(h, &host);
	ck_assert_ptr_null(watched);
	if (watch_err)
		return watch_err;
	watched = w;
	return 0;
}

static void stop_watch(struct fs_host *h, struct fs_watch *w)
{
	ck_assert_ptr_eq(h, &host);
	ck_assert_ptr_eq(watched, w);
	ck_assert_int_ge(w->fd, 0);
	watched = NULL;
}

static const struct fs_host_ops ops = { .watch = start_watch, .unwatch = stop_watch };

static void quiet(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	(void)text;
	ck_assert_int_ge(level, FS_LOG_INFO);
}

static void setup(void)
{
	fds = test_open_fds();
	memset(&host, 0, sizeof(host));
	host.ops = &ops;
	host.log.fn = quiet;
	watch_err = 0;
}

static void teardown(void)
{
	fs_tcp_twin_close(&watch, &host);
	ck_assert_ptr_null(watched);
	test_check_fds(fds);
}

static int open_at(const char *text, enum fs_twin need)
{
	ck_assert_int_eq(fs_addr_parse(&local, text), 0);
	return fs_tcp_twin_open(&watch, &host, &local, need, 128, &bound);
}

/* A connected kernel socket; the address family is that of @to. */
static int connect_to(const char *to, uint16_t port)
{
	struct sockaddr_storage sa;
	struct fs_addr addr;
	int fd, len;

	ck_assert_int_eq(fs_addr_parse(&addr, to), 0);
	addr.port = port;
	len = fs_addr_to_sockaddr(&addr, &sa);
	fd = socket(addr.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (!connect(fd, (struct sockaddr *)&sa, (socklen_t)len))
		return fd;
	len = -errno;
	close(fd);
	return len;
}

/* Accept what @client has connected, and compare both ends with its. */
static void accept_from(int client)
{
	struct pollfd p = { .fd = watch.fd, .events = POLLIN };
	struct fs_addr mine, peer;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr name;
	int fd;

	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	fd = fs_tcp_twin_accept(&watch, &mine, &peer);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(getsockname(client, (struct sockaddr *)&sa, &len), 0);
	fs_addr_from_sockaddr(&name, (struct sockaddr *)&sa, len);
	ck_assert_mem_eq(&name, &peer, sizeof(name));
	len = sizeof(sa);
	ck_assert_int_eq(getpeername(client, (struct sockaddr *)&sa, &len), 0);
	fs_addr_from_sockaddr(&name, (struct sockaddr *)&sa, len);
	ck_assert_mem_eq(&name, &mine, sizeof(name));
	ck_assert_int_eq(recv(fd, &mine, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
}

START_TEST(connections_of_loopback_are_accepted_with_their_addresses)
{
	int fd;

	ck_assert_int_eq(open_at("127.0.0.1", FS_TWIN_REQUIRED), 0);
	ck_assert_ptr_eq(watched, &watch);
	ck_assert_mem_eq(bound.ip, local.ip, 16);
	ck_assert_uint_ne(bound.port, 0);
	ck_assert_int_eq(fs_tcp_twin_accept(&watch, &local, &local), -EAGAIN);
	fd = connect_to("127.0.0.1", bound.port);
	ck_assert_int_ge(fd, 0);
	accept_from(fd);
	close(fd);
}
END_TEST

START_TEST(without_a_family_it_listens_on_both_and_ipv4_stays_ipv4)
{
	int fd4, fd6;

	memset(&local, 0, sizeof(local));
	ck_assert_int_eq(fs_tcp_twin_open(&watch, &host, &local, FS_TWIN_REQUIRED, 128, &bound), 0);
	ck_assert_uint_eq(bound.family, AF_UNSPEC);
	fd4 = connect_to("127.0.0.1", bound.port);
	accept_from(fd4);
	fd6 = connect_to("::1", bound.port);
	accept_from(fd6);
	close(fd4);
	close(fd6);
}
END_TEST

START_TEST(of_ipv6_only_it_leaves_ipv4_alone)
{
	ck_assert_int_eq(open_at("::", FS_TWIN_REQUIRED), 0);
	ck_assert_int_eq(connect_to("127.0.0.1", bound.port), -ECONNREFUSED);
}
END_TEST

/* The port of a kernel listener of somebody else's. */
static int occupy(void)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fs_addr addr = { .family = AF_INET, .ip = { 127, 0, 0, 1 } };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	len = (socklen_t)fs_addr_to_sockaddr(&addr, &sa);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	fs_addr_from_sockaddr(&local, (struct sockaddr *)&sa, len);
	return fd;
}

START_TEST(a_required_twin_needs_its_port)
{
	int fd = occupy();

	ck_assert_int_eq(fs_tcp_twin_open(&watch, &host, &local, FS_TWIN_REQUIRED, 128, &bound),
			 -EADDRINUSE);
	ck_assert_int_eq(watch.fd, -1);
	close(fd);
}
END_TEST

START_TEST(an_optional_twin_gives_way)
{
	int fd = occupy();

	ck_assert_int_eq(fs_tcp_twin_open(&watch, &host, &local, FS_TWIN_OPTIONAL, 128, &bound), 0);
	ck_assert_int_eq(watch.fd, -1);
	ck_assert_mem_eq(&bound, &local, sizeof(bound));
	close(fd);
}
END_TEST

START_TEST(an_optional_twin_is_there_when_the_port_is_free)
{
	ck_assert_int_eq(open_at("127.0.0.1", FS_TWIN_OPTIONAL), 0);
	ck_assert_int_ge(watch.fd, 0);
}
END_TEST

START_TEST(an_address_that_is_not_local_is_refused)
{
	ck_assert_int_eq(open_at("192.0.2.77:7", FS_TWIN_OPTIONAL), -EADDRNOTAVAIL);
	ck_assert_int_eq(watch.fd, -1);
}
END_TEST

START_TEST(what_cannot_be_watched_is_closed)
{
	watch_err = -ENOSPC;
	ck_assert_int_eq(open_at("127.0.0.1", FS_TWIN_REQUIRED), -ENOSPC);
	ck_assert_int_eq(watch.fd, -1);
}
END_TEST

START_TEST(a_connection_that_is_gone_again_is_no_trouble)
{
	const struct linger reset = { .l_onoff = 1 };
	struct fs_addr a, b;
	int fd, got;

	ck_assert_int_eq(open_at("127.0.0.1", FS_TWIN_REQUIRED), 0);
	fd = connect_to("127.0.0.1", bound.port);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	got = fs_tcp_twin_accept(&watch, &a, &b);
	if (got >= 0)
		close(got);
	else
		ck_assert_int_eq(got, -EAGAIN);
}
END_TEST

START_TEST(a_server_starts_again_beside_its_old_connections)
{
	struct fs_addr a, b, again;
	int client, server;

	ck_assert_int_eq(open_at("127.0.0.1", FS_TWIN_REQUIRED), 0);
	client = connect_to("127.0.0.1", bound.port);
	server = fs_tcp_twin_accept(&watch, &a, &b);
	ck_assert_int_ge(server, 0);
	again = bound;
	fs_tcp_twin_close(&watch, &host);
	ck_assert_int_eq(fs_tcp_twin_open(&watch, &host, &again, FS_TWIN_REQUIRED, 1, &bound), 0);
	close(server);
	close(client);
}
END_TEST

START_TEST(without_a_kernel_there_is_none_but_the_port_must_be_named)
{
	host.ops = NULL;
	ck_assert_int_eq(open_at("10.0.0.1", FS_TWIN_REQUIRED), -EINVAL);
	ck_assert_int_eq(open_at("10.0.0.1:80", FS_TWIN_REQUIRED), 0);
	ck_assert_int_eq(watch.fd, -1);
	ck_assert_mem_eq(&bound, &local, sizeof(bound));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp/twin");
	TCase *tc = tcase_create("twin");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, connections_of_loopback_are_accepted_with_their_addresses);
	tcase_add_test(tc, without_a_family_it_listens_on_both_and_ipv4_stays_ipv4);
	tcase_add_test(tc, of_ipv6_only_it_leaves_ipv4_alone);
	tcase_add_test(tc, a_required_twin_needs_its_port);
	tcase_add_test(tc, an_optional_twin_gives_way);
	tcase_add_test(tc, an_optional_twin_is_there_when_the_port_is_free);
	tcase_add_test(tc, an_address_that_is_not_local_is_refused);
	tcase_add_test(tc, what_cannot_be_watched_is_closed);
	tcase_add_test(tc, a_connection_that_is_gone_again_is_no_trouble);
	tcase_add_test(tc, a_server_starts_again_beside_its_old_connections);
	tcase_add_test(tc, without_a_kernel_there_is_none_but_the_port_must_be_named);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
