// SPDX-License-Identifier: BSD-2-Clause
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/lib/leak.h"
#include "tests/lib/must.h"
#include "tests/unit/tcp/door.h"

enum { FRAMES = 64, PATIENCE_MS = 2000, QUIET_MS = 20 };

struct door d;

static int claim(struct fs_host *host, const struct fs_host_flow *flow)
{
	(void)host;
	(void)flow;
	return 0;
}

static void unclaim(struct fs_host *host, const struct fs_host_flow *flow)
{
	(void)host;
	(void)flow;
}

static int settle(struct fs_host *host, const struct fs_host_flow *flows, int n)
{
	(void)host;
	(void)flows;
	(void)n;
	return 0;
}

/* As lib/stack/iface.c does it. */
static int watch(struct fs_host *host, struct fs_watch *w)
{
	struct epoll_event event = { .events = w->events ? w->events : EPOLLIN, .data.ptr = w };

	(void)host;
	return epoll_ctl(d.epfd, EPOLL_CTL_ADD, w->fd, &event) ? -errno : 0;
}

static void unwatch(struct fs_host *host, struct fs_watch *w)
{
	(void)host;
	must(!epoll_ctl(d.epfd, EPOLL_CTL_DEL, w->fd, NULL));
}

static const struct fs_host_ops ops = {
	.claim = claim, .unclaim = unclaim, .settle = settle, .watch = watch, .unwatch = unwatch,
};

static void keep_log(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(d.log, sizeof(d.log), "%s", text);
}

/* A port that is free now: the twin's must be named. */
static uint16_t free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!bind(fd, (struct sockaddr *)&sin, len));
	must(!getsockname(fd, (struct sockaddr *)&sin, &len));
	close(fd);
	return ntohs(sin.sin_port);
}

void door_open(uint8_t family)
{
	FS_OPTS(fs_tcp_listen_opts, opts, .user = &d);
	struct fs_stack_core core = {
		.host_ops = &ops, .seed = 1, .log.fn = keep_log, .now_ns = NSEC_PER_SEC,
	};

	memset(&d, 0, sizeof(d));
	d.fds = test_open_fds();
	d.client = -1;
	d.now_ns = core.now_ns;
	d.epfd = epoll_create1(EPOLL_CLOEXEC);
	d.pool = core.pool = test_pool(FRAMES);
	must(!fs_nl_mirror_open(&d.mirror));
	core.mirror = d.mirror;
	must(!fs_stack_create(&d.stack, &core));
	d.port = opts.local.port = free_port();
	opts.local.family = family;
	if (family == AF_INET)
		memcpy(opts.local.ip, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	must(!fs_tcp_listen(&d.listener, d.stack, &opts));
}

void door_close(void)
{
	fs_tcp_close(d.tcp);
	fs_tcp_listener_close(d.listener);
	fs_stack_destroy(d.stack);
	fs_nl_mirror_close(d.mirror);
	if (d.client >= 0)
		close(d.client);
	close(d.epfd);
	test_pool_close(d.pool);
	test_check_fds(d.fds);
}

int door_client(const char *to)
{
	struct sockaddr_storage sa;
	struct fs_addr addr;
	socklen_t len;
	int fd;

	must(!fs_addr_parse(&addr, to));
	addr.port = d.port;
	fd = socket(addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(fd >= 0);
	len = (socklen_t)fs_addr_to_sockaddr(&addr, &sa);
	must(!connect(fd, (struct sockaddr *)&sa, len) || errno == EINPROGRESS);
	return fd;
}

void door_connect(void)
{
	d.client = door_client("127.0.0.1");
	door_expect(FS_EV_ACCEPT);
	ck_assert_uint_eq(fs_tcp_accept(d.listener, &d.tcp, 1), 1);
	fs_tcp_set_user(d.tcp, &d.tcp);
	door_expect_nothing();
}

struct fs_event door_wait(int ms)
{
	struct fs_event event = { 0 };
	struct epoll_event got[16];

	for (;;) {
		int n;

		fs_stack_run(d.stack, d.now_ns);
		if (fs_stack_events(d.stack, &event, 1))
			return event;
		n = epoll_wait(d.epfd, got, 16, ms);
		if (n <= 0)
			return event;
		for (int i = 0; i < n; i++) {
			struct fs_watch *w = got[i].data.ptr;

			w->got = got[i].events;
			w->fn(w);
		}
	}
}

struct fs_event door_expect(enum fs_event_type type)
{
	struct fs_event event = door_wait(PATIENCE_MS);

	ck_assert_int_eq(event.type, type);
	return event;
}

void door_expect_nothing(void)
{
	ck_assert_int_eq(door_wait(QUIET_MS).type, 0);
}

void door_pass(uint64_t ns)
{
	d.now_ns += ns;
	fs_stack_run(d.stack, d.now_ns);
}

static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 251 + (at >> 8) * 7 + (at >> 16));
}

void door_fill(uint8_t *bytes, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(at + i);
}

void door_check(const uint8_t *bytes, size_t len, uint64_t at)
{
	size_t i = 0;

	while (i < len && bytes[i] == byte_at(at + i))
		i++;
	ck_assert_msg(i == len, "byte %llu is wrong", (unsigned long long)(at + i));
}

ssize_t door_client_read(uint64_t at)
{
	static uint8_t bytes[65536];
	ssize_t n = recv(d.client, bytes, sizeof(bytes), 0);

	if (n < 0)
		return -errno;
	door_check(bytes, (size_t)n, at);
	return n;
}
