// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer.c - the bare end of the wire: segments of the script to frames, frames
 * of the stack to segments, checked byte by byte.
 */
#include "tests/lib/must.h"
#include "tests/pkt/play.h"
#include "wire/icmp.h"

enum { BURST = 64 };

static bool is_four(const struct pkt_play *play)
{
	return play->family == AF_INET;
}

static const uint8_t *our_ip(const struct pkt_play *play)
{
	return is_four(play) ? play->net.a.ip4.ip : play->net.a.ip6.ip;
}

static const uint8_t *peer_ip(const struct pkt_play *play)
{
	return is_four(play) ? play->net.b.ip4.ip : play->net.b.ip6.ip;
}

void pkt_forget(struct pkt_play *play, int conn, uint32_t peer_isn)
{
	struct pkt_conn *c = &play->conn[conn];

	c->isn_known = c->ts_known = false;
	c->our_isn = (seq32){ 0 };
	c->our_ts = c->last_ts = (ts32){ 0 };
	c->peer_isn = (seq32){ peer_isn };
	c->given = c->taken = 0;
}

/* --- to the stack ---------------------------------------------------------------- */

static struct fs_wire_tcp to_wire(const struct pkt_play *play, const struct pkt_conn *c,
				  const struct pkt_seg *seg)
{
	struct fs_wire_tcp tcp = {
		.src_port = c->peer_port,
		.dst_port = c->our_port,
		.seq = fs_seq_add(c->peer_isn, seg->seq),
		.window = (uint16_t)seg->win,
		.urgent = seg->urgent,
		.payload_len = (uint16_t)seg->len,
		.flags = seg->flags,
		.opts = seg->opts,
	};

	if (seg->flags & FS_TCP_F_ACK)
		tcp.ack = fs_seq_add(c->our_isn, seg->ack);
	for (int i = 0; i < tcp.opts.n_sacks; i++) {
		tcp.opts.sacks[i].from = fs_seq_add(c->our_isn, tcp.opts.sacks[i].from.raw);
		tcp.opts.sacks[i].to = fs_seq_add(c->our_isn, tcp.opts.sacks[i].to.raw);
	}
	if (seg->ecr_last)
		tcp.opts.ts_ecr = c->last_ts;
	else if (tcp.opts.has & FS_TCP_OPT_TS)
		tcp.opts.ts_ecr = fs_ts_add(c->our_ts, tcp.opts.ts_ecr.raw);
	if (tcp.opts.cookie_len == PKT_COOKIE_LAST) {
		tcp.opts.cookie_len = play->cookie_len;
		memcpy(tcp.opts.cookie, play->cookie, play->cookie_len);
	}
	return tcp;
}

static uint8_t *put_headers(const struct pkt_play *play, uint8_t *frame, uint16_t l4_len,
			    uint8_t proto, uint8_t tos)
{
	const struct fs_wire_ip ip = {
		.src = peer_ip(play), .dst = our_ip(play), .l4_len = l4_len,
		.proto = proto, .tos = tos, .ttl = 64,
	};

	memcpy(frame, play->net.a.mac, 6);
	memcpy(frame + 6, play->net.b.mac, 6);
	if (is_four(play)) {
		put_be16(frame + 12, FS_ETHERTYPE_IP4);
		fs_wire_put_ip4(frame + FS_ETH_LEN, &ip);
		return frame + FS_ETH_LEN + FS_IP4_LEN;
	}
	put_be16(frame + 12, FS_ETHERTYPE_IP6);
	fs_wire_put_ip6(frame + FS_ETH_LEN, &ip);
	return frame + FS_ETH_LEN + FS_IP6_LEN;
}

static uint64_t pseudo(const struct pkt_play *play, uint8_t proto, uint16_t l4_len)
{
	return is_four(play) ?
		fs_csum_pseudo4(peer_ip(play), our_ip(play), proto, l4_len) :
		fs_csum_pseudo6(peer_ip(play), our_ip(play), proto, l4_len);
}

static struct fs_buf *take_frame(struct pkt_play *play)
{
	struct fs_buf *buf = fs_pool_take(play->net.b.pool, FS_BUF_TX);

	must(buf);
	buf->data = buf->area + FS_POOL_HEADROOM;
	return buf;
}

static void send_frame(struct pkt_play *play, struct fs_buf *buf, const uint8_t *end)
{
	struct fs_port *wire = play->net.b.wire;

	buf->len = (uint32_t)(end - buf->data);
	must(wire->ops->tx(wire, &buf, 1) == 1);
	wire->ops->kick(wire);
}

void pkt_inject(struct pkt_play *play, int conn, const struct pkt_seg *seg)
{
	struct pkt_conn *c = &play->conn[conn];
	struct fs_wire_tcp tcp = to_wire(play, c, seg);
	uint16_t header_len = fs_wire_tcp_header_len(&tcp.opts);
	uint16_t l4_len = (uint16_t)(header_len + seg->len);
	struct fs_buf *buf = take_frame(play);
	uint8_t *l4;

	if (seg->len > 1460)
		pkt_fail(play, "a segment of more than 1460 bytes does not fit the wire");
	l4 = put_headers(play, buf->data, l4_len, FS_IPPROTO_TCP, seg->ecn);
	for (uint32_t i = 0; i < seg->len; i++)
		l4[header_len + i] = pkt_byte(seg->seq + !!(seg->flags & FS_TCP_F_SYN) + i);
	fs_wire_put_tcp(l4, &tcp, pseudo(play, FS_IPPROTO_TCP, l4_len));
	if (seg->bad_csum)
		l4[16] ^= 1;
	send_frame(play, buf, l4 + l4_len);
}

static const struct icmp_kind {
	const char *name;
	uint8_t type4, code4, type6, code6;
} icmp_kinds[] = {
	{ "net_unreachable", 3, 0, 1, 0 },
	{ "host_unreachable", 3, 1, 1, 3 },
	{ "proto_unreachable", 3, 2, 4, 1 },
	{ "port_unreachable", 3, 3, 1, 4 },
	{ "frag_needed", 3, 4, 2, 0 },
	{ "admin_prohibited", 3, 13, 1, 1 },
	{ "ttl_exceeded", 11, 0, 3, 0 },
};

static const struct icmp_kind *find_kind(struct pkt_play *play, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(icmp_kinds); i++)
		if (!strcmp(icmp_kinds[i].name, name))
			return &icmp_kinds[i];
	pkt_fail(play, "no ICMP error is called %s", name);
}

/* The packet that the error is about: our header, and the first 20 bytes behind. */
static uint8_t *put_embedded(const struct pkt_play *play, const struct pkt_step *step, uint8_t *p)
{
	const struct pkt_conn *c = &play->conn[step->conn];
	const struct fs_wire_ip ip = {
		.src = our_ip(play), .dst = peer_ip(play), .l4_len = 1400,
		.proto = FS_IPPROTO_TCP, .ttl = 63,
	};
	const struct fs_wire_tcp tcp = {
		.src_port = c->our_port, .dst_port = c->peer_port,
		.seq = fs_seq_add(c->our_isn, (uint32_t)step->n), .flags = FS_TCP_F_ACK,
	};

	if (is_four(play))
		fs_wire_put_ip4(p, &ip);
	else
		fs_wire_put_ip6(p, &ip);
	p += is_four(play) ? FS_IP4_LEN : FS_IP6_LEN;
	return p + fs_wire_put_tcp(p, &tcp, 0);
}

void pkt_inject_icmp(struct pkt_play *play, const struct pkt_step *step)
{
	const struct icmp_kind *kind = find_kind(play, step->word);
	uint8_t proto = is_four(play) ? FS_IPPROTO_ICMP : FS_IPPROTO_ICMP6;
	uint16_t len = (uint16_t)(FS_ICMP_LEN + (is_four(play) ? FS_IP4_LEN : FS_IP6_LEN) +
				  FS_TCP_LEN);
	struct fs_buf *buf = take_frame(play);
	uint8_t *l4 = put_headers(play, buf->data, len, proto, 0);
	uint32_t mtu = (uint32_t)step->m;
	uint16_t csum;

	if (step->cmp)
		mtu += FS_TCP_LEN + (is_four(play) ? FS_IP4_LEN : FS_IP6_LEN);
	memset(l4, 0, FS_ICMP_LEN);
	l4[0] = is_four(play) ? kind->type4 : kind->type6;
	l4[1] = is_four(play) ? kind->code4 : kind->code6;
	put_be32(l4 + 4, mtu);
	put_embedded(play, step, l4 + FS_ICMP_LEN);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(is_four(play) ? 0 : pseudo(play, proto, len),
						   l4, len));
	memcpy(l4 + 2, &csum, 2);
	send_frame(play, buf, l4 + len);
}

/* --- from the stack ---------------------------------------------------------------- */

static int find_conn(const struct pkt_play *play, const struct fs_wire_tcp *tcp)
{
	for (int i = 0; i < PKT_CONNS; i++)
		if (play->conn[i].our_port == tcp->src_port &&
		    play->conn[i].peer_port == tcp->dst_port)
			return i;
	return -1;
}

/* The first SYN of a connection tells where its numbers begin. */
static void learn(struct pkt_play *play, struct pkt_conn *c, const struct fs_wire_tcp *tcp)
{
	if ((tcp->flags & FS_TCP_F_SYN) && !c->isn_known) {
		c->isn_known = true;
		c->our_isn = tcp->seq;
	}
	if ((tcp->opts.has & FS_TCP_OPT_TS) && !(tcp->flags & FS_TCP_F_RST)) {
		if (!c->ts_known)
			c->our_ts = tcp->opts.ts_val;
		c->ts_known = true;
		c->last_ts = tcp->opts.ts_val;
	}
	if (tcp->opts.cookie_len) {
		play->cookie_len = tcp->opts.cookie_len;
		memcpy(play->cookie, tcp->opts.cookie, tcp->opts.cookie_len);
	}
}

static struct pkt_seg from_wire(const struct pkt_conn *c, const struct fs_wire_tcp *tcp,
				const struct fs_wire_frame *f)
{
	struct pkt_seg seg = {
		.flags = tcp->flags,
		.ecn = f->tos & 3,
		.seq = fs_seq_span(c->our_isn, tcp->seq),
		.len = tcp->payload_len,
		.win = tcp->window,
		.win_cmp = PKT_EQ,
		.urgent = tcp->urgent,
		.opts = tcp->opts,
	};

	if (tcp->flags & FS_TCP_F_ACK)
		seg.ack = fs_seq_span(c->peer_isn, tcp->ack);
	for (int i = 0; i < seg.opts.n_sacks; i++) {
		seg.opts.sacks[i].from.raw -= c->peer_isn.raw;
		seg.opts.sacks[i].to.raw -= c->peer_isn.raw;
	}
	if (c->ts_known)
		seg.opts.ts_val.raw -= c->our_ts.raw;
	return seg;
}

static void check_payload(struct pkt_play *play, const struct pkt_seg *seg, const uint8_t *p)
{
	uint32_t first = seg->seq + !!(seg->flags & FS_TCP_F_SYN);

	for (uint32_t i = 0; i < seg->len; i++)
		if (p[i] != pkt_byte(first + i))
			pkt_fail(play, "byte %u of the stream is wrong in what was sent",
				 first + i);
}

static void see(struct pkt_play *play, const uint8_t *frame, const struct fs_wire_frame *f)
{
	struct pkt_seen *seen = &play->seen[play->seen_tail % PKT_SEEN_MAX];
	static const struct pkt_conn stranger;
	const struct pkt_conn *c = &stranger;
	struct fs_wire_tcp tcp;

	if (fs_wire_tcp_parse(frame, f, &tcp) != FS_WIRE_OK)
		pkt_fail(play, "the stack sent a TCP header that is none");
	if (fs_wire_tcp_csum(frame, f) != FS_CSUM_GOOD)
		pkt_fail(play, "the stack sent a wrong TCP checksum");
	must(play->seen_tail - play->seen_head < PKT_SEEN_MAX);
	play->seen_tail++;
	seen->conn = find_conn(play, &tcp);
	if (seen->conn >= 0) {
		learn(play, &play->conn[seen->conn], &tcp);
		c = &play->conn[seen->conn];
	}
	seen->at_ns = play->net.now_ns;
	seen->seg = from_wire(c, &tcp, f);
	if (seen->conn > 0)
		fprintf(pkt_trace(play, ">"), "c%d ", seen->conn);
	else
		pkt_trace(play, seen->conn ? "> (no connection of the script) " : ">");
	pkt_print_seg(play->trace, &seen->seg);
	if (c->isn_known)
		check_payload(play, &seen->seg, frame + tcp.payload_off);
}

static void take(struct pkt_play *play, const struct fs_buf *buf)
{
	struct fs_wire_frame f;

	if (fs_wire_parse(buf->data, buf->len, &f) != FS_WIRE_OK)
		pkt_fail(play, "the stack sent a frame that is no IP packet");
	if (memcmp(buf->data, play->net.b.mac, 6) || memcmp(buf->data + 6, play->net.a.mac, 6))
		pkt_fail(play, "the stack sent a frame with wrong Ethernet addresses");
	if (f.family != play->family || memcmp(f.src, our_ip(play), f.addr_len) ||
	    memcmp(f.dst, peer_ip(play), f.addr_len))
		pkt_fail(play, "the stack sent a packet with wrong IP addresses");
	if (buf->len != (uint32_t)(f.l4_off + f.l4_len))
		pkt_fail(play, "the stack sent bytes behind the packet");
	if (f.proto != FS_IPPROTO_TCP)
		pkt_fail(play, "the stack sent protocol %u", f.proto);
	see(play, buf->data, &f);
}

void pkt_collect(struct pkt_play *play)
{
	struct fs_port *wire = play->net.b.wire;
	struct fs_buf *burst[BURST];
	unsigned int n;

	while ((n = wire->ops->rx(wire, burst, BURST)))
		for (unsigned int i = 0; i < n; i++) {
			take(play, burst[i]);
			fs_pool_put(burst[i]);
		}
}
