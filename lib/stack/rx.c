// SPDX-License-Identifier: BSD-2-Clause
/*
 * rx.c - a received frame to the protocol that owns it.
 *
 * The steering program has let through what rules name and ICMP errors about
 * it; everything is checked again here, because a rule may be newer or older
 * than the packet, and because the bytes are a stranger's.
 */
#include <sys/socket.h>

#include "stack/stack.h"
#include "wire/frame.h"
#include "wire/icmp.h"

static void drop(struct fs_buf *buf, uint64_t *counter)
{
	(*counter)++;
	fs_pool_put(buf);
}

static bool is_ours(struct fs_stack *stack, const struct fs_wire_frame *f)
{
	uint8_t ip[16] = { 0 };

	if (f->addr_len == 16)
		return fs_host_is_local(&stack->host, f->family, f->dst);
	memcpy(ip, f->dst, 4);
	return fs_host_is_local(&stack->host, f->family, ip);
}

static void rx_icmp(struct fs_stack *stack, struct fs_buf *buf, const struct fs_wire_frame *f)
{
	struct fs_host *host = &stack->host;
	struct fs_wire_icmp_error e;

	switch (fs_wire_icmp_parse(buf->data, f, &e)) {
	case FS_WIRE_OK:
		break;
	case FS_WIRE_SHORT:
		drop(buf, &host->stats.rx_drop_short);
		return;
	case FS_WIRE_IP_CSUM:
		drop(buf, &host->stats.rx_drop_csum);
		return;
	default:
		drop(buf, &host->stats.rx_drop_proto);
		return;
	}
	if (!fs_net_is_local(host->net, e.family, e.local)) {
		drop(buf, &host->stats.rx_drop_addr);
		return;
	}
	/* Of TCP the connection knows whether it is about anything that was sent. */
	if (e.proto == FS_IPPROTO_TCP)
		fs_tcp_icmp(stack->tcp, &e);
	else if (e.mtu)
		fs_net_pmtu(host->net, e.family, e.remote, e.mtu, host->now_ns);
	if (e.proto == FS_IPPROTO_UDP)
		fs_udp_icmp(stack->udp, &e);
	host->stats.rx_icmp++;
	fs_pool_put(buf);
}

static uint64_t *drop_counter(struct fs_stack_stats *stats, enum fs_wire_verdict verdict)
{
	switch (verdict) {
	case FS_WIRE_SHORT:
		return &stats->rx_drop_short;
	case FS_WIRE_IP_CSUM:
		return &stats->rx_drop_ip_csum;
	case FS_WIRE_FRAGMENT:
		return &stats->rx_drop_fragment;
	default:
		return &stats->rx_drop_proto;
	}
}

void fs_stack_rx(struct fs_stack *stack, const struct fs_port *port, struct fs_buf *buf)
{
	struct fs_host *host = &stack->host;
	struct fs_wire_frame f;
	enum fs_wire_verdict verdict = fs_wire_parse(buf->data, buf->len, &f);

	if (unlikely(verdict != FS_WIRE_OK)) {
		drop(buf, drop_counter(&host->stats, verdict));
		return;
	}
	if (unlikely(!is_ours(stack, &f))) {
		drop(buf, &host->stats.rx_drop_addr);
		return;
	}
	if (likely(f.proto == FS_IPPROTO_UDP))
		fs_udp_rx(stack->udp, buf, &f, port->partial_csum);
	else if (f.proto == FS_IPPROTO_TCP)
		fs_tcp_rx(stack->tcp, buf, &f, port->partial_csum);
	else if (f.proto == (f.family == AF_INET ? FS_IPPROTO_ICMP : FS_IPPROTO_ICMP6))
		rx_icmp(stack, buf, &f);
	else
		drop(buf, &host->stats.rx_drop_proto);
}
