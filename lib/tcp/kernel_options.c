// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel_options.c - options of a connection that the kernel has, by the kernel's
 * own: their ranges are ours.
 */
#include "tcp/kernel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct sockopt {
	int level;
	int name;
};

/* Those without a name here are made of several, or not the kernel's. */
static const struct sockopt sockopts[FS_TCP_OPTION_COUNT] = {
	[FS_TCP_NODELAY] = { IPPROTO_TCP, TCP_NODELAY },
	[FS_TCP_CORK] = { IPPROTO_TCP, TCP_CORK },
	[FS_TCP_QUICKACK] = { IPPROTO_TCP, TCP_QUICKACK },
	[FS_TCP_KEEPALIVE] = { IPPROTO_TCP, TCP_KEEPIDLE },
	[FS_TCP_KEEPINTVL] = { IPPROTO_TCP, TCP_KEEPINTVL },
	[FS_TCP_KEEPCNT] = { IPPROTO_TCP, TCP_KEEPCNT },
	[FS_TCP_USER_TIMEOUT] = { IPPROTO_TCP, TCP_USER_TIMEOUT },
	[FS_TCP_SNDBUF] = { SOL_SOCKET, SO_SNDBUF },
	[FS_TCP_RCVBUF] = { SOL_SOCKET, SO_RCVBUF },
	[FS_TCP_TOS] = { IPPROTO_IP, IP_TOS },
	[FS_TCP_TTL] = { IPPROTO_IP, IP_TTL },
};

static const struct sockopt tos6 = { IPPROTO_IPV6, IPV6_TCLASS };
static const struct sockopt ttl6 = { IPPROTO_IPV6, IPV6_UNICAST_HOPS };

static const struct sockopt keepalive = { SOL_SOCKET, SO_KEEPALIVE };

static int set(int fd, struct sockopt opt, int value)
{
	return setsockopt(fd, opt.level, opt.name, &value, sizeof(value)) ? -errno : 0;
}

static int get(int fd, struct sockopt opt)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, opt.level, opt.name, &value, &len) ? -errno : value;
}

static bool is_six(int fd)
{
	static const struct sockopt domain = { SOL_SOCKET, SO_DOMAIN };

	return get(fd, domain) == AF_INET6;
}

/* An IPv6 socket may have an IPv4 connection: then the first of the two counts. */
static int set_below(int fd, enum fs_tcp_option option, int value)
{
	int err;

	if (value < (option == FS_TCP_TTL) || value > UINT8_MAX)
		return -EINVAL;
	err = set(fd, sockopts[option], value);
	return is_six(fd) ? set(fd, option == FS_TCP_TTL ? ttl6 : tos6, value) : err;
}

void fs_tcp_kernel_set_way(int fd, struct fs_tcp_way way)
{
	set_below(fd, FS_TCP_TOS, way.tos);
	set_below(fd, FS_TCP_TTL, way.ttl);
}

static int set_keepalive(int fd, int value)
{
	int err = value ? set(fd, sockopts[FS_TCP_KEEPALIVE], value) : 0;

	return err ? err : set(fd, keepalive, value != 0);
}

int fs_tcp_kernel_set(struct fs_tcp *tcp, enum fs_tcp_option option, int value)
{
	const int fd = tcp->kernel->watch.fd;

	if ((unsigned int)option >= FS_TCP_OPTION_COUNT)
		return -ENOPROTOOPT;
	switch (option) {
	case FS_TCP_LINGER:
		if (value < -1)
			return -EINVAL;
		tcp->linger_s = value;
		return 0;
	case FS_TCP_KEEPALIVE:
		return set_keepalive(fd, value);
	case FS_TCP_TOS:
	case FS_TCP_TTL:
		return set_below(fd, option, value);
	case FS_TCP_NODELAY:
	case FS_TCP_CORK:
	case FS_TCP_QUICKACK:
		return set(fd, sockopts[option], value != 0);
	case FS_TCP_SNDBUF:
	case FS_TCP_RCVBUF:
		/* The kernel takes 0 for its least, and anything negative for much. */
		return value > 0 ? set(fd, sockopts[option], value) : -EINVAL;
	default:
		return sockopts[option].name ? set(fd, sockopts[option], value) : -ENOPROTOOPT;
	}
}

int fs_tcp_kernel_get(const struct fs_tcp *tcp, enum fs_tcp_option option)
{
	const int fd = tcp->kernel->watch.fd;

	if ((unsigned int)option >= FS_TCP_OPTION_COUNT || !sockopts[option].name)
		return -ENOPROTOOPT;
	if (option == FS_TCP_KEEPALIVE && !get(fd, keepalive))
		return 0;
	if (option >= FS_TCP_TOS && is_six(fd))
		return get(fd, option == FS_TCP_TTL ? ttl6 : tos6);
	/* Half of these the kernel keeps for its own bookkeeping (socket(7)). */
	if (option == FS_TCP_SNDBUF || option == FS_TCP_RCVBUF)
		return get(fd, sockopts[option]) / 2;
	return get(fd, sockopts[option]);
}

int fs_tcp_kernel_set_cc(int fd, const char *name)
{
	if (!strcmp(name, "newreno"))
		name = "reno";
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) ?
		-ENOENT : 0;
}

static enum fs_tcp_state state_of(const struct tcp_info *ti)
{
	/* linux/tcp.h has no names for them; include/net/tcp_states.h counts from 1. */
	static const enum fs_tcp_state states[] = {
		FS_TCP_CLOSED, FS_TCP_ESTABLISHED, FS_TCP_SYN_SENT, FS_TCP_SYN_RCVD,
		FS_TCP_FIN_WAIT_1, FS_TCP_FIN_WAIT_2, FS_TCP_TIME_WAIT, FS_TCP_CLOSED,
		FS_TCP_CLOSE_WAIT, FS_TCP_LAST_ACK, FS_TCP_LISTEN, FS_TCP_CLOSING,
	};

	return ti->tcpi_state < ARRAY_SIZE(states) ? states[ti->tcpi_state] : FS_TCP_CLOSED;
}

static uint32_t bytes_of(uint32_t segments, uint32_t mss)
{
	return (uint32_t)MIN((uint64_t)segments * mss, (uint64_t)UINT32_MAX);
}

static void fill(struct fs_tcp_info *info, const struct tcp_info *ti)
{
	info->state = state_of(ti);
	info->srtt_us = ti->tcpi_rtt;
	info->rttvar_us = ti->tcpi_rttvar;
	info->rto_us = ti->tcpi_rto;
	info->min_rtt_us = ti->tcpi_min_rtt == UINT32_MAX ? 0 : ti->tcpi_min_rtt;
	info->cwnd = bytes_of(ti->tcpi_snd_cwnd, ti->tcpi_snd_mss);
	info->ssthresh = bytes_of(ti->tcpi_snd_ssthresh, ti->tcpi_snd_mss);
	info->snd_wnd = ti->tcpi_snd_wnd;
	info->rcv_wnd = ti->tcpi_rcv_space;
	info->bytes_acked = ti->tcpi_bytes_acked;
	info->bytes_received = ti->tcpi_bytes_received;
	info->retransmits = ti->tcpi_total_retrans;
	if (ti->tcpi_options & TCPI_OPT_WSCALE) {
		info->wscale_snd = ti->tcpi_snd_wscale;
		info->wscale_rcv = ti->tcpi_rcv_wscale;
	}
	info->timestamps = !!(ti->tcpi_options & TCPI_OPT_TIMESTAMPS);
	info->sack = !!(ti->tcpi_options & TCPI_OPT_SACK);
	info->ecn = !!(ti->tcpi_options & TCPI_OPT_ECN);
	info->fastopen = !!(ti->tcpi_options & TCPI_OPT_SYN_DATA);
}

void fs_tcp_kernel_info(const struct fs_tcp *tcp, struct fs_tcp_info *info)
{
	const struct fs_tcp_kernel *k = tcp->kernel;
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti), name_len = sizeof(info->cc) - 1;
	int unsent = 0;

	/* What an older kernel does not know stays 0. */
	getsockopt(k->watch.fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
	fill(info, &ti);
	getsockopt(k->watch.fd, IPPROTO_TCP, TCP_CONGESTION, info->cc, &name_len);
	if (!strcmp(info->cc, "reno"))
		snprintf(info->cc, sizeof(info->cc), "newreno");
	ioctl(k->watch.fd, SIOCOUTQNSD, &unsent);
	info->mss = tcp->mss;
	info->linger = tcp->linger_s;
	info->unacked = fs_tcp_kernel_outq(k) - (uint32_t)unsent;
	info->queued = (uint32_t)unsent + (k->unsent ? k->unsent->len : 0);
	info->readable = fs_tcp_kernel_inq(k);
}
