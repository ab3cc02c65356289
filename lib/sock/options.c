// SPDX-License-Identifier: BSD-2-Clause
/*
 * options.c - socket options. Each is set on the twin, which judges it and
 * remembers it; those that the stack has a part in are then told to it. So an
 * option that nobody here knows is answered as the kernel answers it.
 */
#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/time.h>

#include "sock/sock.h"
#include "sock/twin.h"
#include "tcp/conn.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

/* --- from the twin to the connection --------------------------------------------------------------- */

static void tell(struct fs_sock *s, enum fs_tcp_option option, int name, int otherwise)
{
	const int value = fs_sock_twin_int(s->file.fd, IPPROTO_TCP, name, otherwise);

	fs_tcp_set(s->tcp, option, value);
}

/* The kernel says twice what was asked: half is its own use. */
static void tell_buffer(struct fs_sock *s, enum fs_tcp_option option, int name)
{
	fs_tcp_set(s->tcp, option, fs_sock_twin_int(s->file.fd, SOL_SOCKET, name, 0) / 2);
}

static void apply_keepalive(struct fs_sock *s)
{
	if (!fs_sock_twin_has(s->file.fd, SOL_SOCKET, SO_KEEPALIVE)) {
		fs_tcp_set(s->tcp, FS_TCP_KEEPALIVE, 0);
		return;
	}
	tell(s, FS_TCP_KEEPINTVL, TCP_KEEPINTVL, 75);
	tell(s, FS_TCP_KEEPCNT, TCP_KEEPCNT, 9);
	tell(s, FS_TCP_KEEPALIVE, TCP_KEEPIDLE, 7200);
}

static void apply_cc(struct fs_sock *s)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;

	if (!FS_LIBC(getsockopt, s->file.fd, IPPROTO_TCP, TCP_CONGESTION, name, &len))
		fs_tcp_set_cc(s->tcp, strcmp(name, "reno") ? name : "newreno");
}

/* An IPv6 socket has both, and IPv4's for a connection of that kind. */
static void tell_below(struct fs_sock *s, enum fs_tcp_option option, int name, int name6)
{
	const bool six = fs_tcp_remote(s->tcp).family == AF_INET6;
	const int value = fs_sock_twin_int(s->file.fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
					   six ? name6 : name, -1);

	if (value >= 0)
		fs_tcp_set(s->tcp, option, value);
}

static void apply(struct fs_sock *s, uint32_t options)
{
	if (options & FS_SOCK_NODELAY)
		tell(s, FS_TCP_NODELAY, TCP_NODELAY, 0);
	if (options & FS_SOCK_CORK)
		tell(s, FS_TCP_CORK, TCP_CORK, 0);
	if (options & FS_SOCK_KEEPALIVE)
		apply_keepalive(s);
	if (options & FS_SOCK_LINGER)
		fs_tcp_set(s->tcp, FS_TCP_LINGER, fs_sock_twin_linger(s->file.fd));
	if (options & FS_SOCK_SNDBUF)
		tell_buffer(s, FS_TCP_SNDBUF, SO_SNDBUF);
	if (options & FS_SOCK_RCVBUF)
		tell_buffer(s, FS_TCP_RCVBUF, SO_RCVBUF);
	if (options & FS_SOCK_USER_TIMEOUT)
		tell(s, FS_TCP_USER_TIMEOUT, TCP_USER_TIMEOUT, 0);
	if (options & FS_SOCK_CC)
		apply_cc(s);
	if (options & FS_SOCK_TOS)
		tell_below(s, FS_TCP_TOS, IP_TOS, IPV6_TCLASS);
	if (options & FS_SOCK_TTL)
		tell_below(s, FS_TCP_TTL, IP_TTL, IPV6_UNICAST_HOPS);
	if (options & FS_SOCK_CORK && !fs_sock_twin_has(s->file.fd, IPPROTO_TCP, TCP_CORK))
		s->options &= ~(uint32_t)FS_SOCK_CORK;
}

void fs_sock_apply_options(struct fs_sock *s)
{
	if (s->options)
		apply(s, s->options);
}

void fs_sock_inherit_options(struct fs_sock *s, const struct fs_sock *listener)
{
	s->rcvtimeo_ns = listener->rcvtimeo_ns;
	s->sndtimeo_ns = listener->sndtimeo_ns;
	s->rcvlowat = listener->rcvlowat;
	s->zerocopy = listener->zerocopy;
	s->touched = listener->touched;
	s->options = listener->options & ~(uint32_t)FS_SOCK_FASTOPEN;
	fs_inherit_give(s, listener);
	if (!s->options)
		return;
	fs_inherit_settle(s);
	apply(s, s->options);
}

/* --- setsockopt -------------------------------------------------------------------------------------- */

static uint32_t bit_of(int level, int name)
{
	if (level == SOL_SOCKET)
		return name == SO_KEEPALIVE ? FS_SOCK_KEEPALIVE :
		       name == SO_LINGER ? FS_SOCK_LINGER :
		       name == SO_SNDBUF || name == SO_SNDBUFFORCE ? FS_SOCK_SNDBUF :
		       name == SO_RCVBUF || name == SO_RCVBUFFORCE ? FS_SOCK_RCVBUF : 0;
	if (level == IPPROTO_IP)
		return name == IP_TOS ? FS_SOCK_TOS : name == IP_TTL ? FS_SOCK_TTL : 0;
	if (level == IPPROTO_IPV6)
		return name == IPV6_TCLASS ? FS_SOCK_TOS :
		       name == IPV6_UNICAST_HOPS ? FS_SOCK_TTL : 0;
	if (level != IPPROTO_TCP)
		return 0;
	switch (name) {
	case TCP_NODELAY:
		return FS_SOCK_NODELAY;
	case TCP_CORK:
		return FS_SOCK_CORK;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return FS_SOCK_KEEPALIVE;
	case TCP_USER_TIMEOUT:
		return FS_SOCK_USER_TIMEOUT;
	case TCP_CONGESTION:
		return FS_SOCK_CC;
	case TCP_FASTOPEN:
		return FS_SOCK_FASTOPEN;
	default:
		return 0;
	}
}

static uint64_t timeout_of(const void *value, socklen_t len)
{
	struct timeval t;

	if (len < sizeof(t))
		return FS_NEVER;
	memcpy(&t, value, sizeof(t));
	if (!t.tv_sec && !t.tv_usec)
		return FS_NEVER;
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_usec * NSEC_PER_USEC;
}

static int int_of(const void *value, socklen_t len)
{
	int n = 0;

	memcpy(&n, value, MIN((size_t)len, sizeof(n)));
	return n;
}

/* What concerns the door and not the connection. */
static void note(struct fs_sock *s, int name, const void *value, socklen_t len)
{
	switch (name) {
	case SO_RCVTIMEO:
		s->rcvtimeo_ns = timeout_of(value, len);
		break;
	case SO_SNDTIMEO:
		s->sndtimeo_ns = timeout_of(value, len);
		break;
	case SO_RCVLOWAT:
		s->rcvlowat = (uint32_t)MAX(int_of(value, len), 1);
		break;
	case SO_ZEROCOPY:
		s->zerocopy = int_of(value, len);
		break;
	default:
		break;
	}
}

/* Numbers that both families share, and their own. */
static bool is_join(int level, int name)
{
	switch (name) {
	case MCAST_JOIN_GROUP:
	case MCAST_JOIN_SOURCE_GROUP:
		return level == IPPROTO_IP || level == IPPROTO_IPV6;
	case IP_ADD_MEMBERSHIP:
	case IP_ADD_SOURCE_MEMBERSHIP:
		return level == IPPROTO_IP;
	case IPV6_JOIN_GROUP:
		return level == IPPROTO_IPV6;
	default:
		return false;
	}
}

void fs_sock_option_set(struct fs_sock *s, int level, int name, const void *value, socklen_t len)
{
	s->touched = true;
	if (level == SOL_SOCKET)
		note(s, name, value, len);
	if (s->type != SOCK_STREAM) {
		if (is_join(level, name))
			fs_reason_count(FS_SORT_UDP, FS_SOCKET_multicast);
		return;
	}
	s->options |= bit_of(level, name);
	if (level == IPPROTO_TCP && name == TCP_DEFER_ACCEPT)
		fs_defer_set(s);
	if (s->state == FS_SOCK_NEW || s->state == FS_SOCK_LISTENING)
		fs_inherit_note(s, level, name, value, len);
}

/* What a connection refuses, and its twin, which has none, would not. */
static bool is_too_late(const struct fs_sock *s, int level, int name)
{
	if (s->state != FS_SOCK_CONNECTED && s->state != FS_SOCK_CONNECTING)
		return false;
	return (level == IPPROTO_TCP && (name == TCP_FASTOPEN || name == TCP_FASTOPEN_CONNECT)) ||
	       (level == IPPROTO_IPV6 && name == IPV6_V6ONLY);
}

static void tell_stack(struct fs_sock *s, int level, int name, const void *value, socklen_t len)
{
	const uint32_t bit = bit_of(level, name);

	if (bit)
		apply(s, bit);
	if (level == IPPROTO_TCP && name == TCP_QUICKACK)
		fs_tcp_set(s->tcp, FS_TCP_QUICKACK, !!int_of(value, len));
	if (bit & (FS_SOCK_NODELAY | FS_SOCK_CORK))
		fs_engine_flush();
}

int fs_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int err;

	if (!s)
		return FS_LIBC(setsockopt, fd, level, name, value, len);
	fs_inherit_settle(s);
	err = is_too_late(s, level, name) ? -EINVAL :
		FS_LIBC(setsockopt, fd, level, name, value, len);
	if (!err) {
		fs_sock_option_set(s, level, name, value, len);
		if (s->tcp)
			tell_stack(s, level, name, value, len);
		fs_udp_sock_option_set(s);
	}
	fs_sock_leave();
	return err;
}

static const struct {
	int level, name;
	socklen_t len;
} known[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, sizeof(int) },
	{ SOL_SOCKET, SO_REUSEADDR, sizeof(int) },
	{ SOL_SOCKET, SO_LINGER, sizeof(struct linger) },
	{ SOL_SOCKET, SO_RCVLOWAT, sizeof(int) },
	{ SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval) },
	{ SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval) },
	{ SOL_SOCKET, SO_OOBINLINE, sizeof(int) },
	{ IPPROTO_IP, IP_TOS, sizeof(int) },
	{ IPPROTO_IPV6, IPV6_TCLASS, sizeof(int) },
	{ IPPROTO_TCP, TCP_NODELAY, sizeof(int) },
	{ IPPROTO_TCP, TCP_CORK, sizeof(int) },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, sizeof(int) },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, sizeof(int) },
	{ IPPROTO_TCP, TCP_LINGER2, sizeof(int) },
	{ IPPROTO_TCP, TCP_KEEPIDLE, sizeof(int) },
	{ IPPROTO_TCP, TCP_KEEPINTVL, sizeof(int) },
	{ IPPROTO_TCP, TCP_KEEPCNT, sizeof(int) },
};

/* What the twin has, one by one; those that are zero are as in a new socket. */
static void each_known(const struct fs_sock *s, void (*fn)(void *ctx, size_t i, const void *value),
		       void *ctx)
{
	static const uint8_t none[16];
	uint8_t value[16];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		socklen_t len = known[i].len;

		if (!FS_LIBC(getsockopt, s->file.fd, known[i].level, known[i].name, value, &len) &&
		    memcmp(value, none, len))
			fn(ctx, i, value);
	}
}

static void adopt(void *ctx, size_t i, const void *value)
{
	struct fs_sock *s = ctx;

	/* The times of keepalive always have a value: that alone is no wish. */
	if (bit_of(known[i].level, known[i].name) == FS_SOCK_KEEPALIVE &&
	    !fs_sock_twin_has(s->file.fd, SOL_SOCKET, SO_KEEPALIVE))
		return;
	fs_sock_option_set(s, known[i].level, known[i].name, value, known[i].len);
}

void fs_sock_adopt_options(struct fs_sock *s)
{
	each_known(s, adopt, s);
}

static void copy(void *ctx, size_t i, const void *value)
{
	FS_LIBC(setsockopt, *(const int *)ctx, known[i].level, known[i].name, value, known[i].len);
}

void fs_sock_copy_options(struct fs_sock *s, int fd)
{
	fs_inherit_settle(s);
	if (s->touched)
		each_known(s, copy, &fd);
}

/* --- getsockopt --------------------------------------------------------------------------------------- */

/* RFC 9293's numbers are not Linux's. */
static const uint8_t linux_state[FS_TCP_STATE_COUNT] = {
	[FS_TCP_CLOSED] = 7, [FS_TCP_LISTEN] = 10, [FS_TCP_SYN_SENT] = 2, [FS_TCP_SYN_RCVD] = 3,
	[FS_TCP_ESTABLISHED] = 1, [FS_TCP_FIN_WAIT_1] = 4, [FS_TCP_FIN_WAIT_2] = 5,
	[FS_TCP_CLOSE_WAIT] = 8, [FS_TCP_CLOSING] = 11, [FS_TCP_LAST_ACK] = 9,
	[FS_TCP_TIME_WAIT] = 7,	/* the socket has none: a time-wait socket took over */
};

static void fill_info(const struct fs_tcp *tcp, struct tcp_info *out)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };

	fs_tcp_info(tcp, &info);
	memset(out, 0, sizeof(*out));
	out->tcpi_state = linux_state[info.state];
	out->tcpi_options = (uint8_t)((info.timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				      (info.sack ? TCPI_OPT_SACK : 0) | TCPI_OPT_WSCALE |
				      (info.ecn ? TCPI_OPT_ECN : 0));
	out->tcpi_snd_wscale = info.wscale_snd & 15;
	out->tcpi_rcv_wscale = info.wscale_rcv & 15;
	out->tcpi_rto = info.rto_us;
	out->tcpi_snd_mss = info.mss;
	out->tcpi_rcv_mss = tcp->rcv_mss;
	out->tcpi_pmtu = tcp->path_mss + fs_tcp_headers_len(tcp->flow.id.family);
	out->tcpi_unacked = info.mss ? info.unacked / info.mss : 0;
	out->tcpi_rtt = info.srtt_us;
	out->tcpi_rttvar = info.rttvar_us;
	out->tcpi_min_rtt = info.min_rtt_us;
	out->tcpi_snd_ssthresh = info.mss ? info.ssthresh / info.mss : 0;
	out->tcpi_snd_cwnd = info.mss ? info.cwnd / info.mss : 0;
	out->tcpi_advmss = info.mss;
	out->tcpi_rcv_space = info.rcv_wnd;
	out->tcpi_snd_wnd = info.snd_wnd;
	out->tcpi_total_retrans = (uint32_t)info.retransmits;
	out->tcpi_bytes_acked = info.bytes_acked;
	out->tcpi_bytes_received = info.bytes_received;
	out->tcpi_notsent_bytes = info.queued;
}

static int answer(const void *data, size_t size, void *value, socklen_t *len)
{
	const size_t n = MIN(size, (size_t)*len);

	memcpy(value, data, n);
	*len = (socklen_t)n;
	return 0;
}

/* 1: the twin knows. */
static int get_tcp(struct fs_sock *s, int level, int name, void *value, socklen_t *len)
{
	struct tcp_info info;
	int number;

	if (level == SOL_SOCKET && name == SO_ERROR) {
		number = -fs_sock_take_error(s);
		return answer(&number, sizeof(number), value, len);
	}
	if (level != IPPROTO_TCP || !s->tcp)
		return 1;
	if (name == TCP_INFO) {
		fill_info(s->tcp, &info);
		return answer(&info, sizeof(info), value, len);
	}
	if (name == TCP_MAXSEG && s->state == FS_SOCK_CONNECTED) {
		number = (int)fs_tcp_mss(s->tcp);
		return answer(&number, sizeof(number), value, len);
	}
	return 1;
}

int fs_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct fs_sock *s = fs_sock_enter(fd);
	int err = 1;

	if (!s)
		return FS_LIBC(getsockopt, fd, level, name, value, len);
	fs_inherit_settle(s);
	if (s->state == FS_SOCK_CONNECTING)
		fs_engine_poll();
	if (((s->type == SOCK_STREAM && s->state != FS_SOCK_NEW &&
	      s->state != FS_SOCK_LISTENING) || s->error) && value && len)
		err = (int)*len < 0 ? -EINVAL : get_tcp(s, level, name, value, len);
	fs_sock_leave();
	return err == 1 ? FS_LIBC(getsockopt, fd, level, name, value, len) : err;
}
