/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play.h - one script against one stack: the connections as the peer knows
 * them, the wire's bare end, and the application.
 *
 *	script --play.c--+--> peer.c: frames to and from the wire's bare end (b)
 *	                 +--> app.c: calls of the stack door (a)
 *
 * A connection of a script is a number; 0 is the one that need not be named.
 */
#ifndef TESTS_PKT_PLAY_H
#define TESTS_PKT_PLAY_H

#include <fastsock/tcp.h>

#include "tests/lib/fixture.h"
#include "tests/pkt/script.h"

enum {
	PKT_LISTEN_PORT = 80,
	PKT_PEER_PORT = 50000,	/* and up: of the peer that connects to us */
	PKT_REMOTE_PORT = 8080,	/* of the peer that we connect to */
	PKT_SEEN_MAX = 4096,
	PKT_EVENTS_MAX = 4096,
};

struct pkt_conn {
	uint16_t our_port;	/* 0: not used yet */
	uint16_t peer_port;
	bool isn_known;		/* ours; before that its numbers are absolute */
	bool ts_known;
	seq32 our_isn;
	seq32 peer_isn;
	ts32 our_ts;		/* the first that we sent */
	ts32 last_ts;
	struct fs_tcp *tcp;
	uint32_t given;		/* bytes that the application sent */
	uint32_t taken;		/* bytes that it received */
};

struct pkt_seen {
	uint64_t at_ns;
	int conn;		/* -1: of none of the script's */
	struct pkt_seg seg;
};

struct pkt_play {
	struct test_net net;
	const struct pkt_script *script;
	const struct pkt_step *step;
	uint8_t family;
	bool verbose;
	uint64_t begin_ns;
	uint64_t cursor_ns;	/* the time of the last step */
	bool held;		/* segments on the wire that wait for another */
	struct pkt_conn conn[PKT_CONNS];
	struct fs_tcp_listener *listener;
	struct pkt_seen seen[PKT_SEEN_MAX];	/* a ring */
	unsigned int seen_head, seen_tail;
	struct fs_event event[PKT_EVENTS_MAX];
	unsigned int n_events;
	uint8_t cookie[FS_TCP_COOKIE_MAX];
	uint8_t cookie_len;
	const struct pkt_seg *wanted;	/* what a failure is about */
	const struct pkt_seg *came;
	FILE *trace;
	char *trace_text;
	size_t trace_size;
};

/* Runs the script; prints why and ends the process with 1 if it fails. */
void pkt_play(struct pkt_play *play, const struct pkt_script *script, uint8_t family,
	      bool verbose);

/* "file:line: why", the line and the trace; the end of the process. */
_Noreturn __attribute__((format(printf, 2, 3)))
void pkt_fail(struct pkt_play *play, const char *why, ...);

/* A line of the trace, at the present time. */
FILE *pkt_trace(struct pkt_play *play, const char *mark);

/* Byte of the stream that has this relative sequence number. */
static inline uint8_t pkt_byte(uint32_t seq)
{
	return (uint8_t)(seq * 2654435761u >> 24);
}

/* --- peer.c -------------------------------------------------------------------- */

void pkt_inject(struct pkt_play *play, int conn, const struct pkt_seg *seg);
void pkt_inject_icmp(struct pkt_play *play, const struct pkt_step *step);
/* What has come to the bare end, into the ring of what was seen. */
void pkt_collect(struct pkt_play *play);
/* From now on the connection is a new one: its numbers are to be learnt. */
void pkt_forget(struct pkt_play *play, int conn, uint32_t peer_isn);

/* --- app.c --------------------------------------------------------------------- */

/* A step that is neither of the wire nor of time. */
void pkt_app(struct pkt_play *play, const struct pkt_step *step);
void pkt_app_events(struct pkt_play *play);

#endif
