/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.h - a connection, and the table of all. Private to lib/tcp.
 *
 *	struct fs_tcp
 *	+-- flow     line 0: found by, state, rcv_nxt, snd_nxt
 *	+-- windows  line 1: what nearly every segment reads and writes
 *	+-- queues   line 2: frames received, frames sent
 *	+-- rest     RTT, congestion, recovery, timers, options: once per ACK or less
 *	+-- ooo      apart, only while something is missing (ooo.h)
 *
 * Names as in RFC 9293 3.3.1. Send queue, oldest first:
 *
 *	 sendq                 unsent                 sendq_tail
 *	  |  UNACKED, in flight  |  UNACKED, not sent    |
 *	 [seg][seg][seg][seg]...[seg][seg]..............[seg]
 *	 ^snd_una               ^snd_nxt                     ^snd_end
 *
 * Each entry is one frame and one segment; what TCP knows of it stands in
 * struct fs_tcp_seg, laid over the two addresses of its struct fs_buf, which
 * mean nothing while TCP owns the frame.
 */
#ifndef FS_TCP_CONN_H
#define FS_TCP_CONN_H

#include <fastsock/tcp.h>

#include "mem/slab.h"
#include "net/host.h"
#include "tcp/cc.h"
#include "tcp/fastopen.h"
#include "tcp/flow.h"
#include "tcp/ports.h"
#include "tcp/prr.h"
#include "tcp/ranges.h"
#include "tcp/rtt.h"
#include "tcp/tcp.h"
#include "timer/wheel.h"
#include "wire/tcp.h"

enum {
	FS_TCP_MSS_MIN = 88,		/* what Linux takes as the least: forged small ones cost CPU */
	FS_TCP_MSS_DEFAULT4 = 536,	/* RFC 9293 3.7.1 */
	FS_TCP_MSS_DEFAULT6 = 1220,
	FS_TCP_MSS_BLACK_HOLE4 = 1024,	/* for BASE_PLPMTU of RFC 8899, as Linux has it */
	FS_TCP_MSS_BLACK_HOLE6 = 1220,	/* every IPv6 link carries 1280 bytes */
	FS_TCP_BACKLOG = 4096,
	FS_TCP_WSCALE = 7,		/* so that the largest buffer can be told */
	FS_TCP_QUICKACKS = 16,
	FS_TCP_RCVBUF_FIRST = 64 * 1024,
	FS_TCP_SNDBUF_FIRST = 64 * 1024,
	FS_TCP_BUF_MIN = 2048,
	FS_TCP_BUF_MAX = UINT16_MAX << FS_TCP_WSCALE,
	FS_TCP_DUPTHRESH = 3,		/* RFC 5681 3.2 */
	FS_TCP_TIMEWAITS_MAX = 262144,
};

#define FS_TCP_DELACK_NS	(40 * NSEC_PER_MSEC)
#define FS_TCP_CORK_NS		(200 * NSEC_PER_MSEC)
#define FS_TCP_TIMEWAIT_NS	(60 * NSEC_PER_SEC)	/* 2 MSL */
#define FS_TCP_FIN_WAIT_2_NS	(60 * NSEC_PER_SEC)	/* without a handle */
#define FS_TCP_TICK_NS		NSEC_PER_MSEC		/* of timestamps */

/* Each is an event by name: timers.c. */
enum fs_tcp_timer {
	FS_TCP_TIMER_PROBE = 0,		/* tail loss probe, RFC 8985 7; it puts off an RTO due then */
	FS_TCP_TIMER_RTO,		/* RFC 6298; also SYN and SYN-ACK */
	FS_TCP_TIMER_REORDER,		/* RACK's reordering window, RFC 8985 6.3 */
	FS_TCP_TIMER_PERSIST,		/* zero-window probe, RFC 9293 3.8.6.1 */
	FS_TCP_TIMER_DELACK,		/* RFC 9293 3.8.6.3 */
	FS_TCP_TIMER_CORK,
	FS_TCP_TIMER_KEEPALIVE,		/* RFC 9293 3.8.4 */
	FS_TCP_TIMER_LINGER,		/* nobody holds it: FIN-WAIT-2, linger time */
	FS_TCP_TIMER_COUNT
};

/* A segment in the send queue, or one that waits out of order. */
struct fs_tcp_seg {
	struct fs_buf *next;		/* in stream order */
	struct fs_buf *later, *earlier;	/* by last transmission: rack.c */
	uint64_t tx_ns;			/* of the last transmission */
	seq32 seq;
	uint16_t len;			/* payload */
	uint16_t payload_off;		/* in the frame's area */
	uint16_t flags;
	uint16_t rsvd;
} __attribute__((may_alias));

_Static_assert(sizeof(struct fs_tcp_seg) <= 2 * sizeof(struct fs_addr), "fits its place");
_Static_assert(offsetof(struct fs_buf, local) ==
	       offsetof(struct fs_buf, remote) + sizeof(struct fs_addr), "one after the other");

enum fs_tcp_seg_flag {
	FS_TCP_SEG_FIN = 1 << 0,
	FS_TCP_SEG_SACKED = 1 << 1,	/* the peer has it */
	FS_TCP_SEG_LOST = 1 << 2,	/* as it was sent first, it is deemed lost */
	FS_TCP_SEG_RETRANS = 1 << 3,	/* a retransmission is in flight */
	FS_TCP_SEG_EVER_RETRANS = 1 << 4, /* Karn: its RTT is ambiguous */
	FS_TCP_SEG_TIMED = 1 << 5,	/* stands in the list by transmission */
	FS_TCP_SEG_CUT = 1 << 6,	/* what was left of a larger one */
};

static inline struct fs_tcp_seg *fs_tcp_seg(struct fs_buf *buf)
{
	return (struct fs_tcp_seg *)(void *)&buf->remote;
}

/* How much sequence space it takes. */
static inline uint32_t fs_tcp_seg_span(const struct fs_tcp_seg *seg)
{
	return seg->len + (seg->flags & FS_TCP_SEG_FIN ? 1u : 0u);
}

static inline seq32 fs_tcp_seg_end(const struct fs_tcp_seg *seg)
{
	return fs_seq_add(seg->seq, fs_tcp_seg_span(seg));
}

enum fs_tcp_conn_flag {
	FS_TCP_TS_OK = 1 << 0,
	FS_TCP_SACK_OK = 1 << 1,
	FS_TCP_ECN_OK = 1 << 2,
	FS_TCP_ECE_DUE = 1 << 3,	/* echo congestion until CWR (RFC 3168 6.1.3) */
	FS_TCP_CWR_DUE = 1 << 4,	/* the next new segment carries CWR */
	FS_TCP_ACK_NOW = 1 << 5,
	FS_TCP_FIN_RCVD = 1 << 6,	/* and everything before it: rcv_nxt is past it */
	FS_TCP_FIN_AHEAD = 1 << 7,	/* received, at fin_seq, with a hole before it */
	FS_TCP_FIN_QUEUED = 1 << 8,
	FS_TCP_NODELAY_ON = 1 << 9,
	FS_TCP_CORKED = 1 << 10,
	FS_TCP_QUICKACK_ON = 1 << 11,
	FS_TCP_ORPHAN = 1 << 12,	/* the application has closed it */
	FS_TCP_ACTIVE = 1 << 13,	/* opened by connect: holds a local port */
	FS_TCP_WANT_SPACE = 1 << 14,	/* a send was refused: WRITABLE is due */
	FS_TCP_DIRTY = 1 << 15,		/* on the table's list of those with output */
	FS_TCP_WAITS = 1 << 16,		/* in the accept queue */
	FS_TCP_SNDBUF_SET = 1 << 17,
	FS_TCP_RCVBUF_SET = 1 << 18,
	FS_TCP_SYN_LOST = 1 << 19,
	FS_TCP_WITHHELD = 1 << 20,	/* memory was short: a smaller window was told */
	FS_TCP_REORDER_SEEN = 1 << 21,	/* RFC 8985 RACK.reordering_seen */
	FS_TCP_PROBE_RETRANS = 1 << 22,	/* the tail loss probe was a retransmission */
	FS_TCP_PROBE_OUT = 1 << 23,	/* a tail loss probe is outstanding */
	FS_TCP_MSS_CLAMPED = 1 << 24,	/* black hole: RFC 8899 4.2 */
	FS_TCP_FASTOPEN = 1 << 25,	/* the SYN carries or carried data, or asks */
	FS_TCP_FASTOPEN_DATA = 1 << 26,	/* data of the SYN was accepted */
	FS_TCP_HELD = 1 << 27,		/* the application has the handle */
	FS_TCP_SHUT_WR = 1 << 28,
	FS_TCP_HALF = 1 << 29,		/* counts as half open at its listener */
	FS_TCP_PUSHED = 1 << 30,	/* nothing waits for more data */
};

/* RFC 8985 5.3; the times of segments stand in fs_tcp_seg. */
struct fs_tcp_rack {
	uint64_t xmit_ns;		/* of the segment delivered that was sent last */
	uint64_t rtt_ns;		/* its RTT */
	seq32 end_seq;
	seq32 fack;			/* highest end delivered */
	seq32 dsack_round;		/* SND.NXT when the window was widened */
	uint8_t reo_wnd_mult;
	uint8_t reo_wnd_persist;	/* recoveries until it is narrowed again */
};

struct fs_tcp_ooo;

struct fs_tcp {
	/* line 0 */
	struct fs_tcp_flow flow;
	/* line 1 */
	uint32_t flags;			/* enum fs_tcp_conn_flag */
	seq32 snd_una;
	uint32_t snd_wnd;		/* scaled */
	seq32 snd_wl1, snd_wl2;
	seq32 rcv_adv;			/* right edge of the window told to the peer */
	seq32 rcv_acked;		/* the last ACK we sent */
	ts32 ts_recent;
	uint32_t ts_offset;
	uint32_t rx_bytes;		/* received and not taken */
	uint16_t mss;			/* payload that a segment takes, options off */
	uint16_t rcv_mss;		/* estimate of the peer's segments */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t quickacks;		/* segments that are still acknowledged at once */
	struct fs_tcp_table *table;
	struct fs_tcp *dirty_next;
	/* line 2 */
	struct fs_buf *sendq, *unsent, *sendq_tail;
	struct fs_buf *rxq, *rxq_tail;
	struct fs_buf *sent_first, *sent_last;	/* in flight, by time of transmission */
	struct fs_buf *lost_first;	/* none before it is to be sent again */
	/* the rest */
	seq32 snd_end;			/* end of what is queued */
	seq32 snd_small;		/* end of the last small segment sent: Minshall */
	seq32 iss, irs;
	seq32 fin_seq;			/* of a FIN that came ahead */
	seq32 recovery_end;		/* SND.NXT when recovery began */
	seq32 probe_end;		/* SND.NXT after a tail loss probe */
	uint32_t ts_recent_age;		/* timestamp clock when ts_recent was set */
	uint32_t max_snd_wnd;
	uint32_t sacked_bytes, lost_bytes, retrans_bytes;
	uint32_t max_in_flight;		/* in this round */
	seq32 round_end;		/* SND.NXT when it began */
	uint32_t sndbuf, rcvbuf;
	uint32_t rcv_copied;		/* taken by the application in this round */
	uint32_t retrans_ts;		/* TSval of the first retransmission; 0: none (RFC 3522) */
	uint32_t challenge_ms;		/* when the last challenge ACK was sent; 0: never */
	uint32_t undo_left;		/* retransmissions that no D-SACK has covered */
	uint16_t peer_mss;
	uint16_t path_mss;		/* from the path MTU, IP and TCP headers off */
	uint8_t dupacks;
	uint8_t retries;		/* of SYN, RTO or zero-window probe, in a row */
	uint8_t persist_backoff;
	uint8_t keep_probes;
	uint8_t keep_count;
	uint8_t tos;
	uint8_t port;			/* it came in by: where it goes out */
	int32_t error;			/* for the application, once */
	int32_t soft_error;		/* from ICMP: what a timeout will say */
	int32_t linger_s;
	uint32_t keep_idle_s, keep_interval_s;
	uint32_t user_timeout_ms;
	uint32_t scope;			/* interface of a link-local remote */
	uint64_t last_rx_ns;
	uint64_t last_tx_ns;		/* of data */
	uint64_t stalled_ns;		/* since when nothing was acknowledged; 0: all is well */
	uint64_t rcv_round_ns;
	struct fs_tcp_listener *listener;	/* passive ones */
	struct fs_tcp *accept_next;
	struct fs_tcp *withheld_next, **withheld_at;
	struct fs_tcp_ooo *ooo;
	struct fs_tcp_rack rack;
	struct fs_tcp_rtt rtt;
	struct fs_tcp_cc cc;
	struct fs_tcp_prr prr;
	struct fs_timer timer;		/* armed for the earliest of due_ns, or before it */
	uint64_t due_ns[FS_TCP_TIMER_COUNT];
	struct fs_ready ready;
	uint64_t bytes_acked, bytes_received;
	uint32_t retransmits, timeouts;
};

_Static_assert(offsetof(struct fs_tcp, flags) == 64, "windows begin line 1");
_Static_assert(offsetof(struct fs_tcp, sendq) == 128, "queues begin line 2");
_Static_assert(sizeof(struct fs_tcp) <= 960, "an idle connection costs less than 1 KiB");

struct fs_tcp_listener {
	struct fs_tcp_table *table;
	struct fs_tcp_listener *next[2];	/* chains of the two families */
	bool linked[2];
	bool open;			/* false: closed, but its connections need the steering */
	struct fs_addr local;
	uint32_t backlog;
	uint32_t half;			/* SYN-RCVD */
	uint32_t waiting;		/* established, not accepted */
	uint32_t refs;			/* connections, TIME-WAIT too */
	uint32_t fastopen;
	uint32_t fastopen_half;
	uint64_t cookies_until_ns;	/* until when ACKs may be those of cookies */
	const struct fs_tcp_cc_ops *cc;
	struct fs_tcp *accept_head, *accept_tail;
	struct fs_watch twin;
	struct fs_ready ready;
};

enum {
	FS_TCP_LISTEN_BUCKETS = 256,
};

struct fs_tcp_table {
	struct fs_host *host;
	struct fs_timer_wheel *wheel;
	struct fs_tcp_flows flows;
	struct fs_tcp_secret secret;
	struct fs_tcp_ports *ports;
	struct fs_slab conns, timewaits, ooos;
	struct fs_tcp *dirty, **dirty_tail;
	struct fs_tcp *withheld;	/* windows that memory shut */
	struct fs_tcp *ended, **ended_tail; /* CLOSED, and the application has not noticed yet */
	struct fs_tcp_listener *listeners[2][FS_TCP_LISTEN_BUCKETS];
	uint32_t n_listeners;
	uint64_t reset_cursor;
	bool ecn;			/* ask for it */
	struct fs_tcp_fastopen fastopen;
};

static inline struct fs_host *fs_tcp_host(const struct fs_tcp *tcp)
{
	return tcp->table->host;
}

static inline uint64_t fs_tcp_now(const struct fs_tcp *tcp)
{
	return tcp->table->host->now_ns;
}

static inline bool fs_tcp_has(const struct fs_tcp *tcp, uint32_t flag)
{
	return tcp->flags & flag;
}

static inline uint32_t fs_tcp_outstanding(const struct fs_tcp *tcp)
{
	return fs_seq_span(tcp->snd_una, tcp->flow.snd_nxt);
}

/* The estimate called pipe in RFC 6675 and 8985: what is on its way. */
static inline uint32_t fs_tcp_in_flight(const struct fs_tcp *tcp)
{
	return fs_tcp_outstanding(tcp) - tcp->sacked_bytes - tcp->lost_bytes +
		tcp->retrans_bytes;
}

/* Room of a frame's payload that every segment fits in, whatever its headers. */
static inline uint32_t fs_tcp_frame_room(const struct fs_pool *pool)
{
	return pool->chunk_size - FS_POOL_HEADROOM;
}

/* IP and TCP headers without options: what the MSS leaves out. */
static inline uint32_t fs_tcp_headers_len(uint8_t family)
{
	return (uint32_t)(family == AF_INET ? FS_IP4_LEN : FS_IP6_LEN) + FS_TCP_LEN;
}

/* The MSS that every path should carry. */
static inline uint16_t fs_tcp_mss_base(const struct fs_tcp *tcp)
{
	const bool ts = tcp->flags & FS_TCP_TS_OK;

	return (uint16_t)((tcp->flow.id.family == AF_INET ? FS_TCP_MSS_BLACK_HOLE4 :
			   FS_TCP_MSS_BLACK_HOLE6) - (ts ? 12 : 0));
}

/* Frames are short: windows stop growing, and nothing waits out of order. */
static inline bool fs_tcp_pressure(const struct fs_tcp_table *table)
{
	return table->host->pool->n_free < table->host->pool->chunks / 8;
}

/* Put the connection on the list of those whose output is looked at next. */
static inline void fs_tcp_dirty(struct fs_tcp *tcp)
{
	if (tcp->flags & FS_TCP_DIRTY)
		return;
	tcp->flags |= FS_TCP_DIRTY;
	tcp->dirty_next = NULL;
	*tcp->table->dirty_tail = tcp;
	tcp->table->dirty_tail = &tcp->dirty_next;
}

static inline void fs_tcp_ack_now(struct fs_tcp *tcp)
{
	tcp->flags |= FS_TCP_ACK_NOW;
	fs_tcp_dirty(tcp);
}

static inline void fs_tcp_tell(struct fs_tcp *tcp, uint8_t news)
{
	if (tcp->flags & FS_TCP_ORPHAN)
		return;
	tcp->ready.news |= news;
	if (tcp->flags & FS_TCP_HELD)
		fs_host_ready(tcp->table->host, &tcp->ready);
}

/* --- life: conn.c ------------------------------------------------------------ */

struct fs_tcp *fs_tcp_conn_take(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
				const struct fs_tcp_cc_ops *cc);
/* Into the flow table, in this state. */
void fs_tcp_conn_enter(struct fs_tcp *tcp, enum fs_tcp_state state);
/* CLOSED: queues, timers and place in the table are given back; if nobody holds the handle,
 * it too. @error is for the application, 0: the end was in order. */
void fs_tcp_conn_end(struct fs_tcp *tcp, int error);
/* The application lets go of the handle. */
void fs_tcp_conn_orphan(struct fs_tcp *tcp);
/* RST to the peer, and the end; the handle goes too. */
void fs_tcp_conn_abort(struct fs_tcp *tcp);
/* What both ends have said is known: windows, congestion control, MSS. */
void fs_tcp_conn_established(struct fs_tcp *tcp);
/* The MSS by the path and the peer; called again when the path changes. */
void fs_tcp_conn_set_mss(struct fs_tcp *tcp, uint32_t path_mtu);

/* --- states: fsm.c ----------------------------------------------------------- */

struct fs_tcp_rx {			/* a segment on its way through the states */
	struct fs_buf *buf;		/* NULL once its payload has been taken */
	const struct fs_wire_frame *frame;
	struct fs_wire_tcp seg;
	uint32_t len;			/* SEG.LEN */
	bool ce;
};

void fs_tcp_segment(struct fs_tcp *tcp, struct fs_tcp_rx *rx);
/* The application closes its direction: the state follows, the FIN is queued. */
void fs_tcp_fsm_shutdown(struct fs_tcp *tcp);
/* Data or FIN beyond rcv_nxt has come to stand at it: FIN perhaps among it. False: gone. */
bool fs_tcp_fsm_advanced(struct fs_tcp *tcp);
/* SYN-SENT or SYN-RCVD has ended well. False: gone. */
bool fs_tcp_fsm_connected(struct fs_tcp *tcp, const struct fs_wire_tcp *seg);
const char *fs_tcp_state_name(enum fs_tcp_state state);

/* --- ACKs: ack.c, rack.c, sack.c, recovery.c ------------------------------------ */

struct fs_tcp_acked {			/* what one ACK has done */
	uint32_t acked;			/* bytes by which SND.UNA moved */
	uint32_t sacked;		/* bytes newly SACKed */
	uint32_t delivered;		/* bytes that arrived, as this ACK is the first to say */
	uint32_t lost;			/* bytes newly deemed lost */
	uint64_t rtt_ns;		/* of the oldest segment: with the peer's delay */
	uint64_t cc_rtt_ns;		/* of the newest: without it */
	seq32 prior_una;
	uint32_t prior_flight;		/* outstanding before */
	bool dsack;
	bool fin;			/* our FIN is among it */
	bool retrans;			/* something retransmitted is among it */
	bool dup;			/* a duplicate ACK, RFC 5681 2 */
};

/* An acceptable ACK. True if our FIN is among what it acknowledges. */
bool fs_tcp_ack_rx(struct fs_tcp *tcp, const struct fs_tcp_rx *rx);
/* SND.UNA moves: segments go, RTT is sampled. */
void fs_tcp_ack_advance(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			struct fs_tcp_acked *a);
void fs_tcp_sack_rx(struct fs_tcp *tcp, const struct fs_wire_tcp *seg, struct fs_tcp_acked *a);

/* One segment was delivered: RFC 8985 6.2, steps 2 and 3. */
void fs_tcp_rack_delivered(struct fs_tcp *tcp, const struct fs_tcp_seg *seg);
/* RFC 8985 6.2 steps 4 and 5; arms the reorder timer. Returns bytes newly deemed lost. */
uint32_t fs_tcp_rack_detect(struct fs_tcp *tcp);
/* RFC 8985 6.2, step 4: a D-SACK widens the reordering window. */
void fs_tcp_rack_dsack(struct fs_tcp *tcp);
/* A recovery has ended: the window narrows again after 16 of them. */
void fs_tcp_rack_recovered(struct fs_tcp *tcp);

/* List by transmission. */
void fs_tcp_timed_append(struct fs_tcp *tcp, struct fs_buf *buf);
void fs_tcp_timed_remove(struct fs_tcp *tcp, struct fs_buf *buf);
void fs_tcp_mark_lost(struct fs_tcp *tcp, struct fs_buf *buf);

void fs_tcp_recovery_ack(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			 struct fs_tcp_acked *a);
/* Segments were deemed lost: the window is reduced, unless it was already. */
void fs_tcp_recovery_enter(struct fs_tcp *tcp, uint32_t newly_acked);
/* RFC 8985 6.3: the reordering timer has found losses. */
void fs_tcp_recovery_lost(struct fs_tcp *tcp);
/* The retransmission timer fired: everything in flight is deemed lost. */
void fs_tcp_recovery_timeout(struct fs_tcp *tcp);
/* Segments that the path no longer takes go again, and the window stays. */
void fs_tcp_recovery_too_big(struct fs_tcp *tcp);
void fs_tcp_probe_acked(struct fs_tcp *tcp, const struct fs_wire_tcp *seg,
			const struct fs_tcp_acked *a);

/* --- receiving: rcvq.c, ooo.c, window.c ------------------------------------------- */

/* Payload within the window; the buffer is taken over, rx->buf NULL then. */
void fs_tcp_rcvq_data(struct fs_tcp *tcp, struct fs_tcp_rx *rx);
/* Append payload that stands at rcv_nxt. */
void fs_tcp_rcvq_append(struct fs_tcp *tcp, struct fs_buf *buf);
void fs_tcp_rcvq_flush(struct fs_tcp *tcp);

void fs_tcp_ooo_insert(struct fs_tcp *tcp, struct fs_buf *buf, seq32 seq);
/* rcv_nxt moved: what now follows it joins the receive queue. True if any. */
bool fs_tcp_ooo_drain(struct fs_tcp *tcp);
void fs_tcp_ooo_flush(struct fs_tcp *tcp);
/* The SACK blocks that the next ACK carries. */
void fs_tcp_ooo_sacks(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts);
void fs_tcp_ooo_duplicate(struct fs_tcp *tcp, seq32 start, seq32 end);

/* The window to tell now, in bytes; remembers the edge told. */
uint32_t fs_tcp_window_tell(struct fs_tcp *tcp);
uint32_t fs_tcp_window_now(const struct fs_tcp *tcp);
/* The application has taken @bytes. */
void fs_tcp_window_taken(struct fs_tcp *tcp, uint32_t bytes);
/* Data has come: now or later an ACK is due. */
void fs_tcp_window_acks(struct fs_tcp *tcp, uint32_t len);
void fs_tcp_window_pressure_over(struct fs_tcp_table *table);
void fs_tcp_window_not_withheld(struct fs_tcp *tcp);

/* --- sending: sendq.c, output.c, xmit.c --------------------------------------------- */

/* Takes over @buf (LENT or STAGED), one segment at most. */
void fs_tcp_sendq_append(struct fs_tcp *tcp, struct fs_buf *buf);
/* 0, or -ENOBUFS without a frame: the FIN is then queued later. */
int fs_tcp_sendq_fin(struct fs_tcp *tcp);
/* Split: @buf keeps @len bytes, the rest goes into a new frame behind it. False without a frame. */
bool fs_tcp_sendq_split(struct fs_tcp *tcp, struct fs_buf *buf, uint32_t len);
/* An unsent remainder grows by what follows it, up to @len bytes. */
void fs_tcp_sendq_fill(struct fs_tcp *tcp, struct fs_buf *buf, uint32_t len);
/* The oldest segment is acknowledged, or its first @bytes are. */
void fs_tcp_sendq_pop(struct fs_tcp *tcp);
void fs_tcp_sendq_trim(struct fs_tcp *tcp, uint32_t bytes);
void fs_tcp_sendq_flush(struct fs_tcp *tcp);
uint32_t fs_tcp_sendq_space(const struct fs_tcp *tcp);

/* Whatever may be sent now. */
void fs_tcp_output(struct fs_tcp *tcp);
/* One segment again, from the same frame: 0, or -EAGAIN. */
int fs_tcp_output_again(struct fs_tcp *tcp, struct fs_buf *buf);
/* One segment that windows would not let go yet: probes. True if there was one. */
bool fs_tcp_output_forced(struct fs_tcp *tcp, bool beyond_window);

int fs_tcp_xmit_data(struct fs_tcp *tcp, struct fs_buf *buf);
/* SYN, SYN-ACK, ACK, RST...: a frame of its own. 0 or -EAGAIN, -ENOBUFS, -EHOSTUNREACH... */
int fs_tcp_xmit_control(struct fs_tcp *tcp, uint8_t flags, seq32 seq);
int fs_tcp_xmit_syn(struct fs_tcp *tcp);
int fs_tcp_xmit_ack(struct fs_tcp *tcp);
void fs_tcp_xmit_rst(struct fs_tcp *tcp);
/* Without a connection: @seg from @id.local to @id.remote, options and all. */
int fs_tcp_xmit_bare(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
		     struct fs_wire_tcp *seg, uint8_t tos, uint32_t scope);
ts32 fs_tcp_xmit_tsval(const struct fs_tcp *tcp);

/* --- timers.c --------------------------------------------------------------------- */

void fs_tcp_timer_arm(struct fs_tcp *tcp, enum fs_tcp_timer which, uint64_t at_ns);
static inline void fs_tcp_timer_cancel(struct fs_tcp *tcp, enum fs_tcp_timer which)
{
	tcp->due_ns[which] = FS_NEVER;
}

static inline bool fs_tcp_timer_armed(const struct fs_tcp *tcp, enum fs_tcp_timer which)
{
	return tcp->due_ns[which] != FS_NEVER;
}

void fs_tcp_timers_init(struct fs_tcp *tcp);
void fs_tcp_timers_stop(struct fs_tcp *tcp);
/* After an ACK or a transmission: RTO, tail loss probe, or persist, as it should be. */
void fs_tcp_timers_sent(struct fs_tcp *tcp);
void fs_tcp_timers_acked(struct fs_tcp *tcp);
void fs_tcp_timers_keepalive(struct fs_tcp *tcp);

/* --- the ends of a life: listen.c, connect.c, timewait.c ----------------------------- */

struct fs_tcp_listener *fs_tcp_listener_find(struct fs_tcp_table *table, uint8_t family,
					     const uint8_t ip[16], uint16_t port);
void fs_tcp_listener_syn(struct fs_tcp_listener *listener, struct fs_tcp_rx *rx,
			 const struct fs_tcp_flow_id *id, const seq32 *iss);
/* An ACK that no flow takes: perhaps of a cookie. True if a connection came of it. */
bool fs_tcp_listener_cookie(struct fs_tcp_listener *listener, struct fs_tcp_rx *rx,
			    const struct fs_tcp_flow_id *id);
/* SYN-RCVD becomes ESTABLISHED. False: the accept queue is full. */
bool fs_tcp_listener_established(struct fs_tcp *tcp);
/* The connection is gone: from counts and queues too. */
void fs_tcp_listener_forget(struct fs_tcp *tcp);
void fs_tcp_listener_put(struct fs_tcp_listener *listener);
void fs_tcp_listener_free(struct fs_tcp_listener *listener);

/* SYN-SENT: RFC 9293 3.10.7.3. */
void fs_tcp_connect_rx(struct fs_tcp *tcp, struct fs_tcp_rx *rx);

/* The connection becomes a TIME-WAIT entry and is gone. */
void fs_tcp_timewait_enter(struct fs_tcp *tcp);
/* False: the segment is a SYN for a new connection, *iss is where it may begin. */
bool fs_tcp_timewait_rx(struct fs_tcp_table *table, struct fs_tcp_flow *flow,
			struct fs_tcp_rx *rx, seq32 *iss);
void fs_tcp_timewait_drop(struct fs_tcp_table *table, struct fs_tcp_flow *flow);
/* May it give way to a new connection from us (RFC 6191)? */
bool fs_tcp_timewait_reusable(struct fs_tcp_table *table, const struct fs_tcp_flow *flow);

/* --- fast open, RFC 7413: connect.c for the client, listen.c for the server ------------ */

/* Adds the option; true if data may ride on the SYN. */
bool fs_tcp_connect_fastopen(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts);
void fs_tcp_connect_fastopen_lost(struct fs_tcp *tcp);
void fs_tcp_listener_fastopen(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts);

/* Options of a SYN into the connection. */
void fs_tcp_syn_options(struct fs_tcp *tcp, const struct fs_wire_tcp *seg);
/* RFC 5961 7: not more than so many in a second. */
void fs_tcp_challenge_ack(struct fs_tcp *tcp);

#endif
