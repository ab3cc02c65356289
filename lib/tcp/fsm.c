// SPDX-License-Identifier: BSD-2-Clause
/*
 * fsm.c - the states of RFC 9293 3.3.2 as a table, and a segment's way
 * through a row of it, in the order of 3.10.7.4: sequence, RST, SYN, ACK,
 * data, FIN.
 *
 *	             passive open      active open
 *	   LISTEN (listen.c)            SYN-SENT (connect.c)
 *	        \                      /      |
 *	         +-----> SYN-RCVD <---+       |
 *	                    |                 |
 *	                    +--> ESTABLISHED <+
 *	        we close   /                \  the peer closes
 *	        FIN-WAIT-1                   CLOSE-WAIT
 *	       /     |     \                     | we close
 *	 CLOSING FIN-WAIT-2 |                 LAST-ACK
 *	       \     |     /                     |
 *	        TIME-WAIT (timewait.c) ------> CLOSED
 */
#include <errno.h>

#include "tcp/conn.h"

/* False: the segment is done with, and the connection may be gone. */
typedef bool on_segment(struct fs_tcp *tcp, struct fs_tcp_rx *rx);
/* False: the connection is gone. */
typedef bool on_event(struct fs_tcp *tcp);

static on_segment challenge, open_by_ack, take_ack, take_data;
static on_event close_wait, closing, time_wait, fin_wait_2, closed, refused, reset, broken;

struct row {
	on_segment *syn;
	on_segment *ack;
	on_segment *data;	/* NULL: payload is not taken */
	on_event *fin;		/* the peer's, in its turn; NULL: it was taken before */
	on_event *fin_acked;	/* ours; NULL: there is none */
	on_event *rst;
	uint8_t on_shutdown;	/* where we go when the application closes; 0: nowhere */
};

static const struct row fsm[FS_TCP_STATE_COUNT] = {
	/*                          syn        ack          data       fin         fin_acked   rst      on_shutdown */
	[FS_TCP_CLOSED]        = { NULL,      NULL,        NULL,      NULL,       NULL,       NULL,    0 },
	[FS_TCP_LISTEN]        = { NULL,      NULL,        NULL,      NULL,       NULL,       NULL,    0 },
	[FS_TCP_SYN_SENT]      = { NULL,      NULL,        NULL,      NULL,       NULL,       refused, 0 },
	[FS_TCP_SYN_RCVD]      = { challenge, open_by_ack, take_data, close_wait, NULL,       refused, 0 },
	[FS_TCP_ESTABLISHED]   = { challenge, take_ack,    take_data, close_wait, NULL,       reset,   FS_TCP_FIN_WAIT_1 },
	[FS_TCP_FIN_WAIT_1]    = { challenge, take_ack,    take_data, closing,    fin_wait_2, reset,   0 },
	[FS_TCP_FIN_WAIT_2]    = { challenge, take_ack,    take_data, time_wait,  NULL,       reset,   0 },
	[FS_TCP_CLOSE_WAIT]    = { challenge, take_ack,    NULL,      NULL,       NULL,       broken,  FS_TCP_LAST_ACK },
	[FS_TCP_CLOSING]       = { challenge, take_ack,    NULL,      NULL,       time_wait,  closed,  0 },
	[FS_TCP_LAST_ACK]      = { challenge, take_ack,    NULL,      NULL,       closed,     closed,  0 },
	[FS_TCP_TIME_WAIT]     = { NULL,      NULL,        NULL,      NULL,       NULL,       NULL,    0 },
};

static const struct row *row_of(const struct fs_tcp *tcp)
{
	return &fsm[tcp->flow.state];
}

/* --- transitions ----------------------------------------------------------------- */

static bool close_wait(struct fs_tcp *tcp)
{
	tcp->flow.state = FS_TCP_CLOSE_WAIT;
	return true;
}

static bool closing(struct fs_tcp *tcp)
{
	tcp->flow.state = FS_TCP_CLOSING;
	return true;
}

static bool time_wait(struct fs_tcp *tcp)
{
	fs_tcp_timewait_enter(tcp);
	return false;
}

static bool fin_wait_2(struct fs_tcp *tcp)
{
	tcp->flow.state = FS_TCP_FIN_WAIT_2;
	/* The peer may take its time, but not for ever when nobody listens. */
	if (fs_tcp_has(tcp, FS_TCP_ORPHAN) && tcp->linger_s <= 0)
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_LINGER, fs_tcp_now(tcp) + FS_TCP_FIN_WAIT_2_NS);
	return true;
}

static bool closed(struct fs_tcp *tcp)
{
	fs_tcp_conn_end(tcp, 0);
	return false;
}

static bool refused(struct fs_tcp *tcp)
{
	fs_tcp_conn_end(tcp, -ECONNREFUSED);
	return false;
}

static bool reset(struct fs_tcp *tcp)
{
	fs_tcp_conn_end(tcp, -ECONNRESET);
	return false;
}

/* As Linux says it: nobody will read what we have still to write. */
static bool broken(struct fs_tcp *tcp)
{
	fs_tcp_conn_end(tcp, -EPIPE);
	return false;
}

void fs_tcp_fsm_shutdown(struct fs_tcp *tcp)
{
	const uint8_t next = row_of(tcp)->on_shutdown;

	tcp->flags |= FS_TCP_SHUT_WR;
	/* In SYN-SENT and SYN-RCVD the FIN waits for the connection (RFC 9293 3.10.4). */
	if (!next)
		return;
	tcp->flow.state = next;
	fs_tcp_sendq_fin(tcp);
	fs_tcp_dirty(tcp);
}

bool fs_tcp_fsm_connected(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	if (tcp->listener && !fs_tcp_listener_established(tcp))
		return false;
	tcp->flow.state = FS_TCP_ESTABLISHED;
	tcp->snd_una = fs_seq_max(tcp->snd_una, fs_seq_add(tcp->iss, 1));
	tcp->snd_wnd = (uint32_t)seg->window <<
		(seg->flags & FS_TCP_F_SYN ? 0 : tcp->snd_wscale);
	tcp->snd_wl1 = seg->seq;
	tcp->snd_wl2 = seg->ack;
	if (tcp->listener && fs_tcp_has(tcp, FS_TCP_FASTOPEN_DATA)) {
		/* It has been sending since the SYN: what is in flight goes on. */
		tcp->retries = 0;
		fs_tcp_timers_acked(tcp);
		fs_tcp_timers_keepalive(tcp);
	} else {
		if (!tcp->retries)
			fs_tcp_rtt_sample(&tcp->rtt,
					  MAX(fs_tcp_now(tcp) - tcp->last_tx_ns, 1ull), 1,
					  fs_tcp_now(tcp));
		fs_tcp_conn_established(tcp);
	}
	fs_tcp_tell(tcp, FS_NEWS_CONNECTED);
	if (fs_tcp_has(tcp, FS_TCP_SHUT_WR))
		fs_tcp_fsm_shutdown(tcp);
	fs_tcp_dirty(tcp);
	return true;
}

bool fs_tcp_fsm_advanced(struct fs_tcp *tcp)
{
	if (!fs_tcp_has(tcp, FS_TCP_FIN_AHEAD) || !fs_seq_eq(tcp->fin_seq, tcp->flow.rcv_nxt))
		return true;
	tcp->flags &= ~(uint32_t)FS_TCP_FIN_AHEAD;
	tcp->flags |= FS_TCP_FIN_RCVD;
	tcp->flow.rcv_nxt = fs_seq_add(tcp->flow.rcv_nxt, 1);
	fs_tcp_ooo_flush(tcp);	/* beyond the end there is nothing: it was made up */
	fs_tcp_ack_now(tcp);
	fs_tcp_tell(tcp, FS_NEWS_READABLE);
	return row_of(tcp)->fin(tcp);
}

enum {
	CHALLENGE_PAUSE_MS = 500,	/* as Linux has it */
};

/*
 * RFC 5961 7: whoever provokes them gets no flood. Counted for each connection:
 * a count for all of them would tell a stranger of the others (CVE-2016-5696).
 */
void fs_tcp_challenge_ack(struct fs_tcp *tcp)
{
	const uint32_t now_ms = fs_tcp_ts_clock(fs_tcp_now(tcp));

	if (tcp->challenge_ms && now_ms - tcp->challenge_ms < CHALLENGE_PAUSE_MS)
		return;
	tcp->table->host->stats.tcp_challenge++;
	tcp->challenge_ms = MAX(now_ms, 1u);
	fs_tcp_ack_now(tcp);
}

/* --- what a segment brings ---------------------------------------------------------- */

static void drop_state(struct fs_tcp *tcp)
{
	tcp->table->host->stats.rx_drop_state++;
}

/* RFC 5961 3.2 and 4.2: a blind attacker learns nothing, an honest peer resets exactly. */
static bool challenge(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	(void)rx;
	drop_state(tcp);
	fs_tcp_challenge_ack(tcp);
	return false;
}

/* As if there was no connection: from the segment alone. */
static void answer_rst(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	struct fs_wire_tcp rst;

	if (fs_wire_tcp_reset(seg, &rst) &&
	    !fs_tcp_xmit_bare(tcp->table, &tcp->flow.id, &rst, tcp->flow.scope))
		fs_tcp_host(tcp)->stats.tx_tcp_rst++;
}

/* RFC 9293 3.10.7.4, SYN-RECEIVED: the ACK of our SYN. */
static bool open_by_ack(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	if (!fs_seq_after(rx->seg.ack, tcp->iss) ||
	    fs_seq_after(rx->seg.ack, tcp->flow.snd_nxt)) {
		drop_state(tcp);
		answer_rst(tcp, &rx->seg);
		return false;
	}
	return fs_tcp_fsm_connected(tcp, &rx->seg) && take_ack(tcp, rx);
}

static bool take_ack(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const seq32 ack = rx->seg.ack;
	on_event *fin_acked;

	if (unlikely(fs_seq_after(ack, tcp->flow.snd_nxt) ||
		     fs_seq_before(ack, fs_seq_sub(tcp->snd_una, tcp->max_snd_wnd)))) {
		drop_state(tcp);
		fs_tcp_challenge_ack(tcp);	/* RFC 5961 5.2 */
		return false;
	}
	if (!fs_tcp_ack_rx(tcp, rx))
		return true;
	fin_acked = row_of(tcp)->fin_acked;
	return !fin_acked || fin_acked(tcp);
}

/* Nobody will read it: the peer should know (RFC 1122 4.2.2.13, RFC 2525 2.16). */
static bool data_for_nobody(struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	if (!fs_tcp_has(tcp, FS_TCP_ORPHAN) || !rx->seg.payload_len)
		return false;
	return fs_seq_after(fs_seq_add(rx->seg.seq, rx->seg.payload_len), tcp->flow.rcv_nxt);
}

/*
 * RFC 3168 6.1.3: echo a mark until CWR says that it was heard. DCTCP wants to
 * know of each segment (RFC 8257 3.2): what came before the change is
 * acknowledged first.
 */
static void take_mark(struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	const bool due = fs_tcp_has(tcp, FS_TCP_ECE_DUE);

	if (tcp->cc.ops->needs_ecn) {
		if (due != rx->ce && !fs_seq_eq(tcp->rcv_acked, tcp->flow.rcv_nxt))
			fs_tcp_xmit_ack(tcp);
		tcp->flags &= ~(uint32_t)FS_TCP_ECE_DUE;
	} else if (rx->seg.flags & FS_TCP_F_CWR) {
		tcp->flags &= ~(uint32_t)FS_TCP_ECE_DUE;
	}
	if (rx->ce)
		tcp->flags |= FS_TCP_ECE_DUE;
}

static bool take_data(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	if (data_for_nobody(tcp, rx)) {
		drop_state(tcp);
		answer_rst(tcp, &rx->seg);
		fs_tcp_conn_end(tcp, -ECONNRESET);
		return false;
	}
	if (fs_tcp_has(tcp, FS_TCP_ECN_OK) && rx->seg.payload_len)
		take_mark(tcp, rx);
	if (rx->len)
		fs_tcp_rcvq_data(tcp, rx);
	return fs_tcp_fsm_advanced(tcp);
}

/* --- the way of a segment -------------------------------------------------------------- */

enum {
	PAWS_MAX_TICKS = 24 * 24 * 3600 * 1000u,	/* RFC 7323 5.5 */
};

/* Older than TS.Recent, unless that has grown old itself (RFC 7323 5.5). */
static bool is_old(const struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	if (!fs_ts_before(seg->opts.ts_val, tcp->ts_recent))
		return false;
	return fs_tcp_ts_clock(fs_tcp_now(tcp)) - tcp->ts_recent_age < PAWS_MAX_TICKS;
}

/* RFC 7323 5.3 R1. */
static bool paws_refuses(const struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	return fs_tcp_has(tcp, FS_TCP_TS_OK) && !(seg->flags & FS_TCP_F_RST) &&
		is_old(tcp, seg);
}

/*
 * RFC 9293 3.10.7.4, first check, with Linux's allowances for bare ACKs: one
 * that was overtaken by the data behind it still counts, and so does one at
 * the right edge, from a peer that has filled the window.
 */
static bool in_window(const struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	const seq32 end = fs_seq_add(rx->seg.seq, rx->len);

	if (rx->len ? fs_seq_before_eq(end, tcp->flow.rcv_nxt) :
	    fs_seq_before(end, tcp->rcv_acked))
		return false;
	return fs_seq_before_eq(rx->seg.seq, fs_seq_max(tcp->rcv_adv, tcp->flow.rcv_nxt));
}

/* Old, or from beyond the window: tell the peer where we are. */
static void out_of_window(struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	const seq32 end = fs_seq_add(rx->seg.seq, rx->len);

	tcp->table->host->stats.rx_drop_window++;
	if (rx->seg.flags & FS_TCP_F_RST)
		return;
	/* The byte before the next: so probe those that keep alive, or wait for a window. */
	if (!rx->len && fs_seq_eq(fs_seq_add(rx->seg.seq, 1), tcp->flow.rcv_nxt)) {
		fs_tcp_ack_now(tcp);
		return;
	}
	if (!rx->seg.payload_len && !(rx->seg.flags & FS_TCP_F_FIN)) {
		fs_tcp_challenge_ack(tcp);	/* RFC 5961 4.2: a SYN wherever it stands */
		return;
	}
	if (rx->seg.payload_len && fs_seq_before_eq(end, tcp->flow.rcv_nxt))
		fs_tcp_ooo_duplicate(tcp, rx->seg.seq, end);
	fs_tcp_ack_now(tcp);
}

/* RFC 7323 4.3 (3). */
static void remember_ts(struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	if (!fs_tcp_has(tcp, FS_TCP_TS_OK) || !fs_seq_before_eq(seg->seq, tcp->rcv_acked) ||
	    is_old(tcp, seg))
		return;
	tcp->ts_recent = seg->opts.ts_val;
	tcp->ts_recent_age = fs_tcp_ts_clock(fs_tcp_now(tcp));
}

/* RFC 7323 3.2: once negotiated, every segment but a reset carries one. */
static bool lacks_ts(const struct fs_tcp *tcp, const struct fs_wire_tcp *seg)
{
	return fs_tcp_has(tcp, FS_TCP_TS_OK) && !(seg->opts.has & FS_TCP_OPT_TS) &&
	       !(seg->flags & FS_TCP_F_RST);
}

/* RFC 5961 3.2: at exactly the next byte expected, or not at all. */
static void rst_rcvd(struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	if (fs_seq_eq(rx->seg.seq, tcp->flow.rcv_nxt)) {
		row_of(tcp)->rst(tcp);
		return;
	}
	drop_state(tcp);
	fs_tcp_challenge_ack(tcp);
}

/* Our SYN-ACK was lost: the same SYN again. */
static bool syn_again(const struct fs_tcp *tcp, const struct fs_tcp_rx *rx)
{
	return tcp->flow.state == FS_TCP_SYN_RCVD && fs_seq_eq(rx->seg.seq, tcp->irs) &&
	       (rx->seg.flags & (FS_TCP_F_SYN | FS_TCP_F_ACK | FS_TCP_F_RST)) == FS_TCP_F_SYN;
}

/*
 * RFC 9293 figure 8: of a simultaneous open, the peer's SYN once more, now with
 * the ACK of ours. It stands before the window, and is its ACK only.
 */
static void take_crossed_syn(const struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const uint8_t both = FS_TCP_F_SYN | FS_TCP_F_ACK;

	if (tcp->flow.state != FS_TCP_SYN_RCVD || !fs_tcp_has(tcp, FS_TCP_ACTIVE) ||
	    (rx->seg.flags & both) != both || !fs_seq_eq(rx->seg.seq, tcp->irs) ||
	    !fs_seq_eq(rx->seg.ack, tcp->flow.snd_nxt))
		return;
	rx->seg.flags &= (uint8_t)~FS_TCP_F_SYN;
	rx->seg.seq = fs_seq_add(rx->seg.seq, 1);
	rx->seg.window = (uint16_t)(rx->seg.window >> tcp->snd_wscale);
	rx->len--;
}

void fs_tcp_segment(struct fs_tcp *tcp, struct fs_tcp_rx *rx)
{
	const uint8_t flags = rx->seg.flags;

	if (unlikely(tcp->flow.state == FS_TCP_SYN_SENT)) {
		tcp->way.port = rx->buf->port;
		fs_tcp_connect_rx(tcp, rx);
		return;
	}
	if (unlikely(syn_again(tcp, rx))) {
		tcp->retries = MAX(tcp->retries, (uint8_t)1);	/* Karn: no RTT of it */
		fs_tcp_xmit_syn(tcp);
		return;
	}
	if (unlikely(flags & FS_TCP_F_SYN))
		take_crossed_syn(tcp, rx);
	if (unlikely(lacks_ts(tcp, &rx->seg))) {
		drop_state(tcp);
		return;
	}
	if (unlikely(paws_refuses(tcp, &rx->seg) || !in_window(tcp, rx))) {
		out_of_window(tcp, rx);
		return;
	}
	tcp->way.port = rx->buf->port;
	tcp->last_rx_ns = fs_tcp_now(tcp);
	tcp->keep_probes = 0;
	if (unlikely(flags & FS_TCP_F_RST)) {
		rst_rcvd(tcp, rx);
		return;
	}
	if (unlikely(rx->seg.flags & FS_TCP_F_SYN && !row_of(tcp)->syn(tcp, rx)))
		return;
	if (unlikely(!(flags & FS_TCP_F_ACK))) {
		drop_state(tcp);
		return;
	}
	if (!row_of(tcp)->ack(tcp, rx))
		return;
	remember_ts(tcp, &rx->seg);
	if (!rx->len)
		return;
	if (row_of(tcp)->data)
		row_of(tcp)->data(tcp, rx);
	else
		fs_tcp_ack_now(tcp);	/* the FIN again: our ACK of it was lost */
}
