/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sem.h - what the cases are written in.
 *
 * An ordinary program: nothing here knows of the library. A case makes calls
 * and says what came of them; the same program runs once in the kernel and once
 * under the preload library, and the two transcripts must be equal
 * (tests/netns/test_sock.py). The other end is a process in another namespace,
 * always in the kernel, that does what it is told (peer.c).
 */
#ifndef TESTS_SOCK_SEM_H
#define TESTS_SOCK_SEM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct sem_case {
	const char *name;
	void (*run)(void);
};

/* Found by the linker: cases need no list. */
#define CASE(id)								\
	static void id(void);							\
	static const struct sem_case id##_case = { #id, id };			\
	static const struct sem_case *const id##_at				\
		__attribute__((used, section("sem_cases"))) = &id##_case;	\
	static void id(void)

/* --- the transcript ------------------------------------------------------------------- */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "call = 3", "call = -1 EPIPE" */
void told(const char *call, long result, int error);
/* The same of a descriptor, whose number is nobody's business. */
void told_fd(const char *call, long result, int error);
void say_bytes(const char *what, const void *data, long n);

#define WITH(tell, call)							\
	__extension__ ({							\
		errno = 0;							\
		const long result_ = (long)(call);				\
		const int error_ = errno;					\
										\
		tell(#call, result_, error_);					\
		errno = error_;							\
		result_;							\
	})
#define T(call)	WITH(told, call)
#define F(call)	((int)WITH(told_fd, call))

/* --- the peer --------------------------------------------------------------------------- */

/* Tell the peer what to do: its result, -errno on failure; and in the transcript. */
long peer(const char *format, ...) __attribute__((format(printf, 1, 2)));
long quiet_peer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- sockets -------------------------------------------------------------------------------- */

/* Of this run of this case, nobody else's. */
extern const char *sem_current;
extern uint16_t port, peer_port;

void to_peer(struct sockaddr_storage *sa, int family, uint16_t to_port);
socklen_t addr_len(int family);
/* A listener on `port`, any address; its peer connects with "connect SLOT tcp4 PORT". */
int listener(int family, int type_flags);
/* Connections to the peer's slot 1, opened by it (its slot 0 unused) or by us (it listens in 0). */
void be_fast(int listening);
int accepted(void);
int accepted_flags(int family, int flags);
int connected(int family);
/* An UDP socket bound to `port`. */
int udp_bound(int family);

/* That the transcript is worth something: is it on the fast path? To stderr. */
void note_fast(int fd);

/* --- time -------------------------------------------------------------------------------------- */

void sleep_ms(unsigned int ms);
/* For the peer's packets to get here. */
void settle(void);
int64_t now_ms(void);
/* "after SPAN ms": that it lasted about that long. */
void say_lasted(int64_t began_ms, int64_t span_ms);

/* Text, as send() takes it. */
#define TEXT(s)	(s), sizeof(s) - 1

/* Signals counted since the last look. */
void count_signal(int number);
int signals_seen(void);
void forget_signals(void);

/* A second thread: fn(arg) now, its end waited for with join(). */
struct helper;
struct helper *in_thread(void *(*fn)(void *), void *arg);
/* What fn() returned. */
long join(struct helper *helper);

#endif
