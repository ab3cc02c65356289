/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mover.h - a connection of tests/netns/mover.c: on the stack door or the kernel's,
 * it says what its place and name demand, judges what it hears, and moves from the
 * one to the other when it is told to.
 */
#ifndef FS_TESTS_LIB_MOVER_H
#define FS_TESTS_LIB_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <fastsock/tcp.h>

enum { MOVER_ON_MOVE = -1 };	/* not before it has moved */

enum mover_when {
	MOVER_NEVER = 0,
	MOVER_RANDOM,		/* somewhere in the stream */
	MOVER_TIME,
	MOVER_CLOSE_WAIT,
	MOVER_FIN_WAIT,
	MOVER_LAST_ACK,
	MOVER_WHEN_COUNT
};

struct mover_conn {
	struct fs_tcp *tcp;	/* NULL: it is @fd */
	int fd;
	uint64_t key;
	uint64_t rx, tx, move_at;
	uint64_t since_ms;
	bool open, connected, eof, fin, moved;
};

struct mover_opts {
	int epfd;		/* for what has moved */
	bool connects, six, orphans, forbidden;
	uint64_t bytes;
	enum mover_when when;
	int after_ms, read_ms, write_ms;
};

struct mover_count {
	unsigned int done, moved;
	uint64_t move_ns, move_ns_max;
};

extern struct mover_opts mover_opts;
extern struct mover_count mover_count;

uint64_t mover_now_ms(void);
/* It is open, and has a name. */
void mover_connected(struct mover_conn *conn);
void mover_watch(struct mover_conn *conn);
/* As far as it goes now; closes it at the end. */
void mover_pump(struct mover_conn *conn);
void mover_fail(const struct mover_conn *conn, const char *what, int error);
/* That it hangs, and how. */
void mover_complain(const struct mover_conn *conn);

#endif
