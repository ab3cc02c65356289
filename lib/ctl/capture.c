// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture.c - write the fast path's packets to a file.
 *
 *	XDP program --- perf buffers of "captures" ---+
 *						      +--> pcapng
 *	stacks' sends --- unix datagrams -------------+
 *
 * The flag in the configuration switches both on, and costs a load when it is
 * off. The unix socket's address is also what keeps a second recorder away. A
 * recorder that was killed leaves the flag behind; who opens the interface next
 * clears it (steer/recorder.h).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "port/pcap.h"
#include "steer/quiet.h"
#include "steer/recorder.h"

enum {
	PAGES_PER_CPU = 64,
	DATAGRAM_MAX = 4096 + sizeof(struct fs_capture),
	SOCKET_BUFFER = 4 << 20,
};

struct fs_ctl_capture {
	struct fs_ctl *ctl;
	struct fs_pcap *pcap;
	struct perf_buffer *perf;
	uint32_t iface;
	int socket, epoll;
	bool flag_set;
	uint64_t packets, lost;
	uint8_t datagram[DATAGRAM_MAX];
};

static void write_packet(struct fs_ctl_capture *c, const void *record, size_t size)
{
	struct fs_capture head;

	if (size < sizeof(head))
		return;
	memcpy(&head, record, sizeof(head));
	fs_pcap_write(c->pcap, c->iface, head.time_ns, (const uint8_t *)record + sizeof(head),
		      MIN(head.len, (uint32_t)(size - sizeof(head))),
		      head.dir == FS_CAPTURE_OUT ? FS_PCAP_OUT : FS_PCAP_IN);
	c->packets++;
}

static void on_sample(void *ctx, int cpu, void *record, uint32_t size)
{
	(void)cpu;
	write_packet(ctx, record, size);
}

static void on_lost(void *ctx, int cpu, __u64 n)
{
	struct fs_ctl_capture *c = ctx;

	(void)cpu;
	c->lost += n;
}

static int set_flag(struct fs_ctl *ctl, bool on)
{
	int fd = fs_steer_map(ctl->steer, FS_MAP_CONFIG);
	int err = fs_steer_lock(ctl->steer);
	struct fs_config config;
	uint32_t zero = 0;

	if (err)
		return err;
	if (bpf_map_lookup_elem(fd, &zero, &config))
		err = -errno;
	config.flags &= ~(uint32_t)FS_CONFIG_F_CAPTURE;
	if (on)
		config.flags |= FS_CONFIG_F_CAPTURE;
	if (!err && bpf_map_update_elem(fd, &zero, &config, BPF_ANY))
		err = -errno;
	fs_steer_unlock(ctl->steer);
	return err;
}

static int open_socket(struct fs_ctl_capture *c)
{
	struct sockaddr_un sun;
	socklen_t len = fs_steer_recorder_address(&sun, c->ctl->info.ifindex);
	int size = SOCKET_BUFFER;

	c->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->socket < 0)
		return -errno;
	setsockopt(c->socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (!bind(c->socket, (const struct sockaddr *)&sun, len))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	return fs_base_fail(&c->ctl->log, -EBUSY,
			    "%s: another process records it; end that one first", c->ctl->info.ifname);
}

static int open_perf(struct fs_ctl_capture *c)
{
	struct fs_steer_quiet quiet;
	int err = 0;

	fs_steer_quiet_begin(&quiet, &c->ctl->log);
	c->perf = perf_buffer__new(fs_steer_map(c->ctl->steer, FS_MAP_CAPTURES), PAGES_PER_CPU,
				   on_sample, on_lost, c, NULL);
	if (!c->perf)
		err = -errno;
	fs_steer_quiet_end(&quiet);
	if (err == -EACCES || err == -EPERM)
		return fs_base_fail(&c->ctl->log, err,
				    "%s: recording takes CAP_PERFMON; run as root", c->ctl->info.ifname);
	return err;
}

static int open_epoll(struct fs_ctl_capture *c)
{
	struct epoll_event event = { .events = EPOLLIN };

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0 || epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->socket, &event) ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, perf_buffer__epoll_fd(c->perf), &event))
		return -errno;
	return 0;
}

static int open_file(struct fs_ctl_capture *c, const char *path)
{
	struct fs_pcap_opts opts = { 0 };
	int err;

	opts.epoch_ns = fs_clock_epoch_ns();
	err = fs_pcap_open(&c->pcap, path, &opts);
	if (err)
		return fs_base_fail(&c->ctl->log, err, "%s cannot be written: %s", path, strerror(-err));
	c->iface = fs_pcap_iface(c->pcap, c->ctl->info.ifname);
	fs_pcap_flush(c->pcap);
	return 0;
}

int fs_ctl_capture_open(struct fs_ctl_capture **out, struct fs_ctl *ctl, const char *path)
{
	struct fs_ctl_capture *c;
	int err = fs_ctl_need_maps(ctl);

	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->ctl = ctl;
	c->socket = -1;
	c->epoll = -1;
	err = open_socket(c);
	if (!err)
		err = open_perf(c);
	if (!err)
		err = open_epoll(c);
	if (!err)
		err = open_file(c, path);
	if (!err)
		err = set_flag(ctl, true);
	if (err) {
		fs_ctl_capture_close(c);
		return err;
	}
	c->flag_set = true;
	*out = c;
	return 0;
}

static void drain(struct fs_ctl_capture *c)
{
	ssize_t got;

	perf_buffer__consume(c->perf);
	while ((got = recv(c->socket, c->datagram, sizeof(c->datagram), MSG_DONTWAIT)) > 0)
		write_packet(c, c->datagram, (size_t)got);
}

int fs_ctl_capture_poll(struct fs_ctl_capture *c, int timeout_ms)
{
	uint64_t before = c->packets;
	struct epoll_event event;
	int err;

	if (epoll_wait(c->epoll, &event, 1, timeout_ms) < 0)
		return -errno;
	drain(c);
	err = fs_pcap_flush(c->pcap);
	return err ? err : (int)(c->packets - before);
}

int fs_ctl_capture_stats(const struct fs_ctl_capture *c, struct fs_ctl_capture_stats *user)
{
	struct fs_ctl_capture_stats stats = { .packets = c->packets };
	uint64_t unwritten;

	if (!user->sz)
		return -EINVAL;
	fs_pcap_error(c->pcap, &unwritten);
	stats.sz = user->sz;
	stats.lost = c->lost + unwritten;
	memcpy(user, &stats, MIN(user->sz, sizeof(stats)));
	return 0;
}

int fs_ctl_capture_close(struct fs_ctl_capture *c)
{
	int err = 0;

	if (!c)
		return 0;
	if (c->flag_set) {
		set_flag(c->ctl, false);
		drain(c);
	}
	perf_buffer__free(c->perf);
	if (c->pcap)
		err = fs_pcap_close(c->pcap);
	if (c->epoll >= 0)
		close(c->epoll);
	if (c->socket >= 0)
		close(c->socket);
	free(c);
	return err;
}
