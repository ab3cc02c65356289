// SPDX-License-Identifier: BSD-2-Clause
/* options.c - what an application may choose for a connection, and ask of it. */
#include <errno.h>
#include <stdio.h>

#include "tcp/kernel.h"

enum {
	ECN_BITS = 3,
};

static void set_flag(struct fs_tcp *tcp, uint32_t flag, int on)
{
	if (on)
		tcp->flags |= flag;
	else
		tcp->flags &= ~flag;
}

static int set_buffer(struct fs_tcp *tcp, uint32_t *buffer, uint32_t first, uint32_t flag,
		      int value)
{
	if (value <= 0)
		return -EINVAL;
	if (!fs_tcp_has(tcp, flag))
		tcp->table->grown_bytes -= *buffer - first;
	*buffer = (uint32_t)MIN(MAX(value, (int)FS_TCP_BUF_MIN), (int)FS_TCP_BUF_MAX);
	tcp->flags |= flag;
	return 0;
}

static int set_seconds(struct fs_tcp *tcp, uint32_t *field, int value, int least)
{
	if (value < least || value > 32767)
		return -EINVAL;
	*field = (uint32_t)value;
	fs_tcp_timers_keepalive(tcp);
	return 0;
}

static int set_number(struct fs_tcp *tcp, enum fs_tcp_option option, int value)
{
	switch (option) {
	case FS_TCP_KEEPALIVE:
		return set_seconds(tcp, &tcp->keep_idle_s, value, 0);
	case FS_TCP_KEEPINTVL:
		return set_seconds(tcp, &tcp->keep_interval_s, value, 1);
	case FS_TCP_KEEPCNT:
		if (value < 1 || value > 127)
			return -EINVAL;
		tcp->keep_count = (uint8_t)value;
		return 0;
	case FS_TCP_USER_TIMEOUT:
		if (value < 0)
			return -EINVAL;
		tcp->user_timeout_ms = (uint32_t)value;
		return 0;
	case FS_TCP_LINGER:
		if (value < -1)
			return -EINVAL;
		tcp->linger_s = value;
		return 0;
	case FS_TCP_SNDBUF:
		return set_buffer(tcp, &tcp->sndbuf, FS_TCP_SNDBUF_FIRST, FS_TCP_SNDBUF_SET, value);
	case FS_TCP_RCVBUF:
		return set_buffer(tcp, &tcp->rcvbuf, FS_TCP_RCVBUF_FIRST, FS_TCP_RCVBUF_SET, value);
	case FS_TCP_TOS:
		if (value < 0 || value > UINT8_MAX)
			return -EINVAL;
		tcp->way.tos = (uint8_t)(value & ~ECN_BITS);
		return 0;
	case FS_TCP_TTL:
		if (value < 1 || value > UINT8_MAX)
			return -EINVAL;
		tcp->way.ttl = (uint8_t)value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int fs_tcp_set(struct fs_tcp *tcp, enum fs_tcp_option option, int value)
{
	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_set(tcp, option, value);
	switch (option) {
	case FS_TCP_NODELAY:
		set_flag(tcp, FS_TCP_NODELAY_ON, value);
		break;
	case FS_TCP_CORK:
		set_flag(tcp, FS_TCP_CORKED, value);
		if (!value)
			fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_CORK);
		break;
	case FS_TCP_QUICKACK:
		set_flag(tcp, FS_TCP_QUICKACK_ON, value);
		if (value && !fs_seq_eq(tcp->rcv_acked, tcp->flow.rcv_nxt))
			tcp->flags |= FS_TCP_ACK_NOW;
		break;
	default:
		return set_number(tcp, option, value);
	}
	if (tcp->flow.state != FS_TCP_CLOSED)
		fs_tcp_dirty(tcp);
	return 0;
}

int fs_tcp_get(const struct fs_tcp *tcp, enum fs_tcp_option option)
{
	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_get(tcp, option);
	switch (option) {
	case FS_TCP_NODELAY:
		return fs_tcp_has(tcp, FS_TCP_NODELAY_ON);
	case FS_TCP_CORK:
		return fs_tcp_has(tcp, FS_TCP_CORKED);
	case FS_TCP_QUICKACK:
		return fs_tcp_has(tcp, FS_TCP_QUICKACK_ON);
	case FS_TCP_KEEPALIVE:
		return (int)tcp->keep_idle_s;
	case FS_TCP_KEEPINTVL:
		return (int)tcp->keep_interval_s;
	case FS_TCP_KEEPCNT:
		return tcp->keep_count;
	case FS_TCP_USER_TIMEOUT:
		return (int)tcp->user_timeout_ms;
	case FS_TCP_SNDBUF:
		return (int)tcp->sndbuf;
	case FS_TCP_RCVBUF:
		return (int)tcp->rcvbuf;
	case FS_TCP_TOS:
		return tcp->way.tos;
	case FS_TCP_TTL:
		return tcp->way.ttl;
	default:
		return -ENOPROTOOPT;
	}
}

int fs_tcp_set_cc(struct fs_tcp *tcp, const char *name)
{
	const struct fs_tcp_cc_ops *ops = fs_tcp_cc_find(name);

	if (!ops)
		return -ENOENT;
	if (unlikely(fs_tcp_is_kernel(tcp)))
		return fs_tcp_kernel_set_cc(tcp->kernel->watch.fd, name);
	tcp->cc.ops = ops;
	if (tcp->flow.state >= FS_TCP_ESTABLISHED)
		fs_tcp_cc_init(&tcp->cc, ops, tcp->mss, fs_tcp_now(tcp));
	return 0;
}

/* What is in TIME-WAIT is an entry of its own; the handle only knows that it ended. */
static enum fs_tcp_state state_of(const struct fs_tcp *tcp)
{
	const struct fs_tcp_flow *flow;

	if (tcp->flow.state != FS_TCP_CLOSED)
		return tcp->flow.state;
	flow = fs_tcp_flow_find(&tcp->table->flows, &tcp->flow.id);
	return flow && flow->state == FS_TCP_TIME_WAIT ? FS_TCP_TIME_WAIT : FS_TCP_CLOSED;
}

static void fill_path(const struct fs_tcp *tcp, struct fs_tcp_info *info)
{
	const uint64_t min_ns = fs_tcp_min_rtt_ns(&tcp->rtt.min, fs_tcp_now(tcp));

	info->mss = tcp->mss;
	info->srtt_us = (uint32_t)(tcp->rtt.srtt_ns / NSEC_PER_USEC);
	info->rttvar_us = (uint32_t)(tcp->rtt.rttvar_ns / NSEC_PER_USEC);
	info->rto_us = (uint32_t)(fs_tcp_rto_ns(&tcp->rtt) / NSEC_PER_USEC);
	info->min_rtt_us = min_ns == FS_NEVER ? 0 : (uint32_t)(min_ns / NSEC_PER_USEC);
	info->cwnd = tcp->cc.cwnd;
	info->ssthresh = tcp->cc.ssthresh;
	info->snd_wnd = tcp->snd_wnd;
	info->rcv_wnd = fs_seq_after(tcp->rcv_adv, tcp->flow.rcv_nxt) ?
		fs_seq_span(tcp->flow.rcv_nxt, tcp->rcv_adv) : 0;
	info->wscale_snd = tcp->snd_wscale;
	info->wscale_rcv = tcp->rcv_wscale;
	info->timestamps = fs_tcp_has(tcp, FS_TCP_TS_OK);
	info->sack = fs_tcp_has(tcp, FS_TCP_SACK_OK);
	info->ecn = fs_tcp_has(tcp, FS_TCP_ECN_OK);
	info->fastopen = fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA);
}

static void fill_info(const struct fs_tcp *tcp, struct fs_tcp_info *info)
{
	info->state = state_of(tcp);
	info->linger = tcp->linger_s;
	snprintf(info->cc, sizeof(info->cc), "%s", tcp->cc.ops->name);
	fill_path(tcp, info);
	if (tcp->flow.state >= FS_TCP_ESTABLISHED) {
		info->unacked = fs_tcp_outstanding(tcp);
		info->queued = fs_seq_span(tcp->flow.snd_nxt, tcp->snd_end);
	}
	info->readable = tcp->rx_bytes;
	info->bytes_acked = tcp->bytes_acked;
	info->bytes_received = tcp->bytes_received;
	info->retransmits = tcp->retransmits;
	info->timeouts = tcp->timeouts;
}

int fs_tcp_info(const struct fs_tcp *tcp, struct fs_tcp_info *user)
{
	struct fs_tcp_info info = { .sz = user->sz };

	if (!user->sz)
		return -EINVAL;
	if (unlikely(fs_tcp_is_kernel(tcp)))
		fs_tcp_kernel_info(tcp, &info);
	else
		fill_info(tcp, &info);
	memcpy(user, &info, MIN(user->sz, sizeof(info)));
	return 0;
}
