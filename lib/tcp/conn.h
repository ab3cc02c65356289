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
	FS_TCP_TTL_DEFAULT = 64,
	FS_TCP_SNDBUF_FIRST = 64 * 1024,
	FS_TCP_BUF_MIN = 2048,
	FS_TCP_BUF_MAX = UINT16_MAX << FS_TCP_WSCALE,
	FS_TCP_DUPTHRESH = 3,		/* RFC 5681 3.2 */
	FS_TCP_TIMEWAITS_MAX = 262144,
};

#define FS_TCP_DELACK_NS	(40 * NSEC_PER_MSEC)
#define FS_TCP_CORK_NS		(200 * NSEC_PER_MSEC)
#define FS_TCP_TIMEWAIT_NS	(60 * NSEC_PER_SEC)	/* 2 MSL */
#define FS_TCP_MOVED_NS		(5 * NSEC_PER_SEC)	/* what was steered before may come late */
#define FS_TCP_SHARED_NS	(60 * NSEC_PER_SEC)	/* from one look for them to the next */
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

/* How a segment goes out, below TCP. */
struct fs_tcp_way {
	uint8_t port;			/* it came in by that one */
	uint8_t tos;			/* without the two bits of ECN */
	uint8_t ttl;
};

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
	seq32 syn_end;			/* of the SYNs sent; beyond ISS + 1: fast open's data */
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
	seq32 undo_from;		/* SND.UNA when they began */
	uint16_t peer_mss;
	uint16_t path_mss;		/* from the path MTU, IP and TCP headers off */
	uint8_t dupacks;
	uint8_t retries;		/* of SYN, RTO or zero-window probe, in a row */
	uint8_t persist_backoff;
	uint8_t keep_probes;
	uint8_t keep_count;
	struct fs_tcp_way way;
	int32_t error;			/* for the application, once */
	int32_t soft_error;		/* from ICMP: what a timeout will say */
	int32_t linger_s;
	uint32_t keep_idle_s, keep_interval_s;
	uint32_t user_timeout_ms;
	uint64_t last_rx_ns;
	uint64_t last_tx_ns;		/* of data */
	uint64_t stalled_ns;		/* since when nothing was acknowledged; 0: all is well */
	uint64_t rcv_round_ns;
	struct fs_tcp_listener *listener;	/* passive ones */
	struct fs_tcp *accept_next;
	struct fs_tcp *withheld_next, **withheld_at;
	union {
		struct fs_tcp_ooo *ooo;
		struct fs_tcp_kernel *kernel;	/* kernel.h: then nothing else is of use */
	};
	struct fs_buf *sack_hint;	/* marked last */
	struct fs_seq_range sacks_seen[FS_TCP_SACKS_MAX]; /* of the last ACK that had any */
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
	bool leaving;			/* open, but new connections are the kernel's */
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
	bool kernel_waits;			/* the twin may have connections */
	bool kernel_complained;
	struct fs_timer kernel_retry;
	struct fs_timer shared;		/* armed: the kernel may have connections of the port */
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
	uint64_t grown_bytes;		/* by how much buffers are beyond their first size */
	struct fs_tcp *withheld;	/* windows that memory shut */
	struct fs_tcp *ended, **ended_tail; /* CLOSED, and the application has not noticed yet */
	struct fs_tcp_listener *listeners[2][FS_TCP_LISTEN_BUCKETS];
	struct fs_tcp_kernel *kernel;	/* connections that it has */
	uint64_t reset_cursor;
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

/* Frames are short, and so is the heap: windows stop growing, nothing waits out of order. */
static inline bool fs_tcp_pressure(const struct fs_tcp_table *table)
{
	const struct fs_pool *pool = table->host->pool;

	return fs_pool_short(pool) && !fs_pool_heap_left(pool, 8);
}

/*
 * Let a buffer grow to @want: all that grew together take a quarter of the
 * memory at most, so that what is promised can be kept.
 */
static inline void fs_tcp_grow(struct fs_tcp_table *table, uint32_t *buffer, uint64_t want)
{
	const uint64_t all = table->host->pool->area_size / 4;
	const uint64_t left = all > table->grown_bytes ? all - table->grown_bytes : 0;
	const uint64_t most = MIN(*buffer + left, (uint64_t)FS_TCP_BUF_MAX);

	want = MIN(want, most);
	if (want <= *buffer)
		return;
	table->grown_bytes += want - *buffer;
	*buffer = (uint32_t)want;
}

/* Both are nearly gone: who has unread data gets no more, the others must go on. */
static inline bool fs_tcp_starving(const struct fs_tcp_table *table)
{
	const struct fs_pool *pool = table->host->pool;

	return pool->n_free < pool->chunks / 16 && !fs_pool_heap_left(pool, 16);
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

#include "tcp/calls.h"

#endif
