/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.h - a packet script as data: what README.md describes, parsed.
 *
 *	text --lex.c--> words --segment.c, script.c--> steps --play.c--> the stack
 *
 * Sequence numbers, acknowledgments and SACK blocks are relative to the
 * initial sequence number of the side whose bytes they count. The timestamps
 * of our side count from the first it sent, the peer's are as written.
 */
#ifndef TESTS_PKT_SCRIPT_H
#define TESTS_PKT_SCRIPT_H

#include <stdio.h>

#include "wire/tcp.h"

enum {
	PKT_CONNS = 16,		/* connections of one script */
	PKT_WORD_MAX = 24,
	PKT_COOKIE_LAST = 255,	/* cookie_len: the cookie that the stack gave */
};

enum pkt_cmp {
	PKT_ANY = 0,
	PKT_EQ,
	PKT_NE,
	PKT_LT,
	PKT_LE,
	PKT_GT,
	PKT_GE,
};

/* What an IP header says of ECN, RFC 3168 5, and "not compared". */
enum pkt_ecn {
	PKT_ECN_NOT = 0,
	PKT_ECN_ECT1 = 1,
	PKT_ECN_ECT0 = 2,
	PKT_ECN_CE = 3,
	PKT_ECN_ANY = 4,
};

/* A segment, sent, expected or seen. */
struct pkt_seg {
	uint8_t flags;		/* enum fs_tcp_flag */
	uint8_t ecn;		/* enum pkt_ecn */
	bool bad_csum;
	bool seq_any;
	uint32_t pieces;	/* segments that seq and len are cut into */
	uint32_t seq;
	uint32_t len;
	uint32_t ack;
	uint32_t win;
	enum pkt_cmp win_cmp;
	uint16_t urgent;
	struct fs_wire_tcp_opts opts;
	uint8_t opts_any;	/* enum fs_tcp_opt: there, with any value */
	bool opts_rest;		/* "...": others may be there */
	bool val_any;
	bool ecr_any;
	bool ecr_last;		/* the last value that the stack sent */
};

enum pkt_verb {
	PKT_INJECT,		/* seg; n: hold it back for the next */
	PKT_SEE,		/* seg */
	PKT_NOTHING,		/* no segment for n ns */
	PKT_SKIP,		/* n ns, whatever comes */
	PKT_ISN,		/* n */
	PKT_LISTEN,		/* n backlog, m fastopen, word cc */
	PKT_UNLISTEN,
	PKT_ACCEPT,
	PKT_CONNECT,		/* n bytes queued before, m fastopen, word cc */
	PKT_SEND,		/* n bytes */
	PKT_SEND_ZC,
	PKT_RECV,
	PKT_RECV_ZC,
	PKT_CLOSE,
	PKT_ABORT,
	PKT_SHUTDOWN,
	PKT_SET,		/* word option, n value */
	PKT_SET_CC,		/* word */
	PKT_EVENT,		/* word type, m -errno; 0: any */
	PKT_NO_EVENT,
	PKT_ICMP,		/* word kind, n sequence number, m mtu; cmp: m is an MSS */
	PKT_FIELD,		/* word field, cmp, n value; of fs_tcp_info() */
	PKT_COUNTER,		/* word counter, cmp, n value; of fs_stack_stats() */
	PKT_VERB_COUNT
};

struct pkt_step {
	struct pkt_step *next;
	const char *file;
	char *text;		/* the line */
	int line;
	bool relative;		/* a time was written */
	uint64_t from_ns;	/* after the step before */
	uint64_t to_ns;
	uint8_t conn;
	enum pkt_verb verb;
	enum pkt_cmp cmp;
	int64_t n;
	int64_t m;
	bool has_result;
	int64_t result;		/* a count or -errno */
	char word[PKT_WORD_MAX];
	struct pkt_seg seg;
};

enum {
	PKT_FAMILY_4 = 1 << 0,
	PKT_FAMILY_6 = 1 << 1,
};

struct pkt_script {
	unsigned int families;
	uint64_t tolerance_ns;
	uint64_t seed;
	char *fails;		/* what its failure must say; NULL: it must not fail */
	bool wrap;		/* our numbers pass 2^32 soon after the first */
	struct pkt_step *first;
	struct pkt_step **last;
	struct pkt_file *files;	/* names that steps point to */
};

/* --- lex.c: the words of one line -------------------------------------------- */

struct pkt_lex {
	const char *file;
	const char *text;
	int line;
	const char *at;		/* behind the current word */
	const char *word;
	size_t len;		/* 0: the end of the line */
};

void pkt_lex_begin(struct pkt_lex *lex, const char *file, int line, const char *text);
void pkt_next(struct pkt_lex *lex);
bool pkt_is(const struct pkt_lex *lex, const char *word);
/* True, and a word further, if it is @word. */
bool pkt_take(struct pkt_lex *lex, const char *word);
void pkt_need(struct pkt_lex *lex, const char *word);
int64_t pkt_number(struct pkt_lex *lex);
uint64_t pkt_seconds(struct pkt_lex *lex);
void pkt_name(struct pkt_lex *lex, char name[PKT_WORD_MAX]);
bool pkt_is_number(const struct pkt_lex *lex);
/* "file:line: message" and the line; the script is not run. */
_Noreturn void pkt_syntax(const struct pkt_lex *lex, const char *what);

/* --- segment.c, compare.c ---------------------------------------------------- */

void pkt_parse_seg(struct pkt_lex *lex, struct pkt_seg *seg, bool expected);
/* The @i-th of its pieces; PSH and FIN stand on the last. */
struct pkt_seg pkt_piece(const struct pkt_seg *whole, uint32_t i);
enum pkt_cmp pkt_parse_cmp(struct pkt_lex *lex);
void pkt_print_seg(FILE *out, const struct pkt_seg *seg);
bool pkt_holds(int64_t value, enum pkt_cmp cmp, int64_t than);
const char *pkt_cmp_name(enum pkt_cmp cmp);
/* NULL: @seen is what @wanted asks for; else what differs. */
const char *pkt_compare(const struct pkt_seg *wanted, const struct pkt_seg *seen);

/* --- script.c ---------------------------------------------------------------- */

void pkt_load(struct pkt_script *script, const char *path);
void pkt_unload(struct pkt_script *script);

#endif
