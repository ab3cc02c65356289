/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fastopen.h - what a client remembers of servers for fast open (RFC 7413
 * 4.1.3): the cookie and the MSS to use with it, and where it went wrong.
 *
 *	set[hash(address, port)]: | entry | entry | entry | entry |
 *	                            of the four the longest unused one makes room
 *
 * A cookie is the address's, but whether fast open works is the port's
 * (4.1.3.1): both are kept for the address with its port, at the price of
 * asking once for each. Bounded, without allocation; cookies do not expire: a
 * server that does not know one any more sends another with its SYN-ACK.
 */
#ifndef FS_TCP_FASTOPEN_H
#define FS_TCP_FASTOPEN_H

#include <fastsock/fastsock.h>

#include "base/types.h"

enum {
	FS_TCP_FASTOPEN_SETS = 64,
	FS_TCP_FASTOPEN_WAYS = 4,
};

/* How long a failure keeps us away; doubled by each that follows, 6 times at most. */
#define FS_TCP_FASTOPEN_PAUSE_NS	(60 * NSEC_PER_SEC)

struct fs_tcp_fastopen_entry {
	uint8_t ip[16];
	uint32_t scope;
	uint16_t port;
	uint8_t family;		/* 0: a free entry */
	uint8_t cookie_len;	/* 0: none known */
	uint8_t cookie[16];
	uint16_t mss;		/* of the server, from the SYN-ACK with the cookie */
	uint8_t failures;	/* in a row */
	uint64_t pause_until_ns;
	uint64_t used;		/* the table's count of uses at the last one */
};

struct fs_tcp_fastopen {
	uint64_t seed;
	uint64_t uses;
	struct fs_tcp_fastopen_entry entry[FS_TCP_FASTOPEN_SETS][FS_TCP_FASTOPEN_WAYS];
};

struct fs_tcp_fastopen_hint {
	uint16_t mss;		/* 0: unknown */
	uint8_t cookie_len;	/* 0: ask for a cookie, in a SYN without data */
	uint8_t cookie[16];
};

void fs_tcp_fastopen_init(struct fs_tcp_fastopen *table, uint64_t seed);

/*
 * May a SYN to @remote have the fast open option? Then *out tells with what.
 * False for a while after a failure: a SYN without option and data.
 */
bool fs_tcp_fastopen_find(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			  uint64_t now_ns, struct fs_tcp_fastopen_hint *out);

/*
 * A SYN-ACK has come for a SYN with the option: it works, earlier failures are
 * forgotten. @cookie_len 0: the SYN-ACK had none, the one known stays good.
 */
void fs_tcp_fastopen_learn(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			   const uint8_t *cookie, uint8_t cookie_len, uint16_t mss);

/*
 * A SYN with the option had to be sent again, was answered by an ICMP error, or
 * its data was not acknowledged and no new cookie came (RFC 7413 4.1.3.1).
 */
void fs_tcp_fastopen_failed(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			    uint64_t now_ns);

#endif
