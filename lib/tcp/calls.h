/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.h - what the files of this folder ask of each other, by the file that
 * answers. Comes with conn.h. The way of a segment through them is drawn in
 * doc/architecture.md.
 */
#ifndef FS_TCP_CALLS_H
#define FS_TCP_CALLS_H

#include "tcp/conn.h"

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

/* --- ACKs: ack.c, rack.c, sack.c, recovery.c ------------------------------------ */

struct fs_tcp_acked {			/* what one ACK has done */
	uint32_t acked;			/* bytes by which SND.UNA moved */
	uint32_t delivered;		/* bytes that arrived, as this ACK is the first to say */
	uint32_t lost;			/* bytes newly deemed lost */
	uint64_t rtt_ns;		/* of the oldest segment: with the peer's delay */
	uint64_t cc_rtt_ns;		/* of the newest: without it */
	uint32_t prior_flight;		/* outstanding before */
	bool dsack;
	seq32 dsack_to;			/* its end */
	bool fin;			/* our FIN is among it */
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
/* To its place by time; @hint, or NULL, is one that stands near it. */
void fs_tcp_timed_insert(struct fs_tcp *tcp, struct fs_buf *buf, struct fs_buf *hint);
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

/* api.c: there is no room to send, and WRITABLE is to tell when there is. */
void fs_tcp_want_space(struct fs_tcp *tcp);

/* --- receiving: rcvq.c, ooo.c, window.c ------------------------------------------- */

/* Payload within the window; the buffer is taken over, rx->buf NULL then. */
void fs_tcp_rcvq_data(struct fs_tcp *tcp, struct fs_tcp_rx *rx);
/* Append payload that stands at rcv_nxt. */
void fs_tcp_rcvq_append(struct fs_tcp *tcp, struct fs_buf *buf);
void fs_tcp_rcvq_flush(struct fs_tcp *tcp);

void fs_tcp_ooo_insert(struct fs_tcp *tcp, struct fs_buf *buf, seq32 seq);
/* rcv_nxt moved: what now follows it joins the receive queue. */
void fs_tcp_ooo_drain(struct fs_tcp *tcp);
void fs_tcp_ooo_flush(struct fs_tcp *tcp);
/* The SACK blocks that the next ACK carries. */
void fs_tcp_ooo_sacks(struct fs_tcp *tcp, struct fs_wire_tcp_opts *opts);
/* A FIN stands behind a hole, at fin_seq. */
void fs_tcp_ooo_fin(struct fs_tcp *tcp);
void fs_tcp_ooo_duplicate(struct fs_tcp *tcp, seq32 start, seq32 end);

/* The window to tell now, in bytes; remembers the edge told. */
uint32_t fs_tcp_window_tell(struct fs_tcp *tcp);
uint32_t fs_tcp_window_now(const struct fs_tcp *tcp);
/* The application has taken @bytes. */
void fs_tcp_window_taken(struct fs_tcp *tcp, uint32_t bytes);
/* Data has come: now or later an ACK is due. */
void fs_tcp_window_acks(struct fs_tcp *tcp, uint32_t len);
void fs_tcp_window_pressure_over(struct fs_tcp_table *table);
/* Look at the connection again when there is memory: its window, or its space to send. */
void fs_tcp_window_withhold(struct fs_tcp *tcp);
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
bool fs_tcp_output_forced(struct fs_tcp *tcp);

int fs_tcp_xmit_data(struct fs_tcp *tcp, struct fs_buf *buf);
/* SYN, SYN-ACK, ACK, RST: a frame of its own. 0 or -EAGAIN, -ENOBUFS, -EHOSTUNREACH... */
int fs_tcp_xmit_syn(struct fs_tcp *tcp);
int fs_tcp_xmit_ack(struct fs_tcp *tcp);
/* An ACK that stands before what was sent last: the peer must answer it. */
int fs_tcp_xmit_probe(struct fs_tcp *tcp, seq32 seq);
void fs_tcp_xmit_rst(struct fs_tcp *tcp);
/* Without a connection: @seg from @id.local to @id.remote, options and all. */
int fs_tcp_xmit_bare(struct fs_tcp_table *table, const struct fs_tcp_flow_id *id,
		     struct fs_wire_tcp *seg, uint32_t scope);
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
/* Has it connections for fs_tcp_accept()? */
bool fs_tcp_listener_has(const struct fs_tcp_listener *listener);
/* SYN-RCVD becomes ESTABLISHED. False: the accept queue is full. */
bool fs_tcp_listener_established(struct fs_tcp *tcp);
/* The connection is gone: from counts and queues too. */
void fs_tcp_listener_forget(struct fs_tcp *tcp);
void fs_tcp_listener_put(struct fs_tcp_listener *listener);
/* The kernel has a connection of its port: look now and then whether it still does. */
void fs_tcp_listener_shared(struct fs_tcp_listener *listener);

/* New connections are the kernel's from here on, and whose listens there. Those whose
 * handshake has begun still come to be accepted, but nobody is told. */
void fs_tcp_listener_leave(struct fs_tcp_listener *listener);
void fs_tcp_listener_free(struct fs_tcp_listener *listener);

/* SYN-SENT: RFC 9293 3.10.7.3. */
void fs_tcp_connect_rx(struct fs_tcp *tcp, struct fs_tcp_rx *rx);

struct fs_tcp_timewait;

/* The connection becomes a TIME-WAIT entry and is gone. */
void fs_tcp_timewait_enter(struct fs_tcp *tcp);
/* Likewise for one that is the kernel's now, in memory taken before. */
void fs_tcp_timewait_moved(struct fs_tcp *tcp, struct fs_tcp_timewait *tw);
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
/* RFC 5961 7: at most two in a second for a connection. */
void fs_tcp_challenge_ack(struct fs_tcp *tcp);

#endif
