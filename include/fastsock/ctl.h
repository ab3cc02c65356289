/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl.h - the answer door: attach the XDP program to an interface, write its
 * rules, choose what it answers, read what it counted.
 *
 * What these calls change belongs to the interface, not to the process: rules
 * and answers stay when the process ends. A process that steers a port (udp.h)
 * and an operator's rule for that port live together: the answer stays, and
 * what it does not answer goes to the process.
 *
 * A struct fs_ctl is used by one thread at a time; several processes may
 * change the same interface, a lock orders them. No call here is for the
 * packet path: all may block for a moment and allocate memory. Each failure
 * with a cause worth telling is logged as a sentence, by the callback in opts.
 */
#ifndef FASTSOCK_CTL_H
#define FASTSOCK_CTL_H

#include <fastsock/fastsock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fs_ctl;

/* --- interfaces ---------------------------------------------------------- */

enum fs_ctl_mode {
	FS_CTL_AUTO = 0,	/* native, else skb with a warning */
	FS_CTL_NATIVE = 1,	/* in the driver */
	FS_CTL_SKB = 2,		/* the kernel's generic mode: any driver, but slower */
};

struct fs_ctl_opts {
	size_t sz;
	const char *ifname;
	enum fs_ctl_mode mode;	/* attach only */
	int alone;		/* attach only; 1: not inside libxdp's dispatcher */
	int pass;		/* attach only; 1: a program that passes everything, which a
				 * veth needs for what its peer answers by XDP_TX */
	int any;		/* open only; 1: also what an earlier program left behind,
				 * pass programs, and another network namespace's */
	fs_log_fn *log;		/* NULL: fs_log_stderr() */
	void *log_ctx;
};

/*
 * fs_ctl_attach - load the program and attach it to opts->ifname.
 *
 * It passes everything until there are rules. It shares the interface with
 * others' programs where libxdp's dispatcher works, and never displaces one.
 * It stays when the process ends. On failure nothing is left behind.
 *
 * Needs CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, and a BPF file system for the
 * pins: FASTSOCK_PIN_ROOT in the environment, else /sys/fs/bpf/fastsock.
 * Returns 0, or
 *   -EINVAL      opts->sz is 0, or a mode that is none
 *   -ENODEV      no such interface, or no BPF file system
 *   -EPERM, -EACCES  a capability is missing, or permission on the pins
 *   -EEXIST      attached already
 *   -EBUSY       a foreign program is there and cannot share the interface
 *   -EMSGSIZE    the MTU is too large for XDP
 *   -ENOSPC      too few receive queues (veth)
 *   -EOPNOTSUPP  the kernel or the driver cannot
 *   -ENOMEM
 */
FS_API int fs_ctl_attach(const struct fs_ctl_opts *opts);

/*
 * fs_ctl_detach - take our program, its maps and pins off opts->ifname.
 *
 * Other programs stay. So does nothing of ours: rules, answers and published
 * values are gone, and sockets that were steered to get no more packets; their
 * traffic is the kernel's, which resets TCP connections that it does not know. Clears up, too, after a program or an interface that was
 * taken away by other means.
 * Returns 0, or
 *   -EINVAL      opts->sz is 0
 *   -ENOENT      nothing of ours is there
 *   -ENODEV      no such interface, and nothing left of one
 *   -EPERM, -EACCES
 *   -EBUSY       it runs in another network namespace
 */
FS_API int fs_ctl_detach(const struct fs_ctl_opts *opts);

/*
 * fs_ctl_open - a handle on an interface with our program, whoever attached it:
 * fs_ctl_attach(), a stack, or `xdp-loader load -p /sys/fs/bpf/fastsock/IFACE`.
 *
 * Needs no capability but permission on the pinned maps.
 * Returns 0, or
 *   -EINVAL      opts->sz is 0
 *   -ENOENT      not attached (with a sentence, unless opts->any)
 *   -ENODEV      no such interface
 *   -EPERM, -EACCES
 *   -EPROTO      the program is of another version than this library
 *   -EBUSY       the pins belong to another network namespace
 *   -ENOMEM
 */
FS_API int fs_ctl_open(struct fs_ctl **out, const struct fs_ctl_opts *opts);

/* fs_ctl_close - free the handle. Changes nothing else. NULL is fine. No errors. */
FS_API void fs_ctl_close(struct fs_ctl *ctl);

/*
 * fs_ctl_iface_name - the @index-th interface, from 0 on, with pins of ours.
 *
 * Whether a program still uses them is told by fs_ctl_info().
 * Returns 0, or -ENOENT past the last, -EPERM, -EACCES, -ENODEV, -EINVAL when
 * the pins cannot be looked at.
 */
FS_API int fs_ctl_iface_name(unsigned int index, char name[16]);

enum fs_ctl_state {
	FS_CTL_ATTACHED = 0,
	FS_CTL_STALE = 1,	/* pins, but no program uses them any more */
	FS_CTL_PASS_ONLY = 2,	/* the program of fs_ctl_opts.pass */
	FS_CTL_ELSEWHERE = 3,	/* an interface of that name in another network namespace */
};

struct fs_ctl_info {
	size_t sz;
	char ifname[16];
	uint32_t ifindex;
	enum fs_ctl_state state;
	uint32_t prog_id;	/* 0: none attached */
	int skb_mode;
	int dispatcher;		/* 1: it shares the interface by libxdp's dispatcher */
	int user_answers;	/* 1: users' answer programs can be loaded */
	uint32_t queues;	/* receive queues that are steered */
	uint32_t slots;		/* how many processes can steer at once */
	uint32_t mtu;
	char driver[32];
	char pins[256];		/* the directory */
	int forwards;		/* 1: any-address rules ask the FIB whether it is for us */
	char netns[64];		/* FS_CTL_ELSEWHERE: its name, or whose it is */
};

/*
 * fs_ctl_info - describe the interface; set @info->sz first.
 *
 * As it was when the handle was opened. Returns 0, or -EINVAL when sz is 0.
 */
FS_API int fs_ctl_info(struct fs_ctl *ctl, struct fs_ctl_info *info);

/* --- who receives -------------------------------------------------------- */

struct fs_ctl_slot {
	size_t sz;
	uint32_t index;
	uint32_t pid;
	int alive;		/* 0: the process is gone, the next one takes the slot over */
	uint32_t queues;	/* AF_XDP sockets it has put into the map */
	uint32_t zerocopy;	/* how many of those use the driver's own buffers */
	char comm[16];
	uint32_t frame_max;	/* the longest frame that it can receive, in bytes */
};

struct fs_ctl_socket {
	size_t sz;
	uint32_t queue;
	int zerocopy;		/* 1: the driver's own buffers; 0: each packet is copied */
	uint32_t pid;		/* 0: not one with a slot, or we may not look */
	uint32_t inode;
	uint64_t rx_dropped;	/* the kernel's: no fill buffer, or too long */
	uint64_t rx_ring_full;
	uint64_t rx_fill_empty;	/* copy mode: packets dropped; zero-copy: refills that found none */
	uint64_t tx_invalid;
};

/* An _each callback: 0 goes on, anything else ends the walk and is returned. */
typedef int fs_ctl_slot_fn(void *ctx, const struct fs_ctl_slot *slot);
typedef int fs_ctl_socket_fn(void *ctx, const struct fs_ctl_socket *socket);

/*
 * fs_ctl_slot_each - the processes that steer on this interface, dead ones
 * that left their slot included.
 *
 * @slot is valid during the callback. Returns 0, what the callback returned,
 * or -errno of reading the map.
 */
FS_API int fs_ctl_slot_each(struct fs_ctl *ctl, fs_ctl_slot_fn *fn, void *ctx);

/*
 * fs_ctl_socket_each - all AF_XDP sockets on the interface, ours and others'.
 *
 * Asks the kernel by sock_diag, which not every kernel has; to name the process
 * takes permission to look into its /proc. Returns 0, what the callback returned, or
 *   -EOPNOTSUPP  the kernel has no XDP_SOCKETS_DIAG
 *   -EMFILE, -ENFILE, -ENOMEM
 */
FS_API int fs_ctl_socket_each(struct fs_ctl *ctl, fs_ctl_socket_fn *fn, void *ctx);

/* --- rules --------------------------------------------------------------- */

enum fs_ctl_action {
	FS_CTL_PASS = 0,	/* to the kernel, even if a process would steer it */
	FS_CTL_STEER = 1,	/* to a process; made by its TCP and UDP calls, not by hand */
	FS_CTL_ANSWER = 2,
	FS_CTL_DROP = 3,
};

#define FS_CTL_NAME_MAX 32

struct fs_ctl_rule {
	size_t sz;
	uint8_t proto;		/* IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP; the last stands
				 * for ICMPv6 with an IPv6 address */
	struct fs_addr local;	/* AF_UNSPEC: any address of both families; a zero
				 * address: any of its family. ICMP: port 0 */
	enum fs_ctl_action action;
	char answer[FS_CTL_NAME_MAX]; /* "echo", "kv", or a loaded program's name */
	uint32_t rate_pps;	/* answers a second and source; 0: no limit */
	uint32_t burst_pkts;	/* how many at once; 0: a tenth of a second's, at least 1 */
	int steered;		/* out. 1: a process gets it, or what the answer leaves */
	uint32_t slot;		/* out, if steered */
	uint32_t pid;		/* out, if steered; 0: the process is gone */
};

typedef int fs_ctl_rule_fn(void *ctx, const struct fs_ctl_rule *rule);

/*
 * fs_ctl_rule_parse - read "udp/53", "udp/192.0.2.1:53", "tcp/[2001:db8::1]:80",
 * "icmp" or "icmp/192.0.2.1" into the flow's fields, and clear the others.
 *
 * Any thread. Returns 0, or -EINVAL.
 */
FS_API int fs_ctl_rule_parse(struct fs_ctl_rule *rule, const char *text);

/*
 * fs_ctl_rule_format - write the flow as fs_ctl_rule_parse() reads it; an
 * address without one, of one family only, as udp/0.0.0.0:53 or udp/[::]:53.
 *
 * FS_ADDR_STRLEN + 8 bytes are enough. Any thread. Returns @text. No errors.
 */
FS_API char *fs_ctl_rule_format(const struct fs_ctl_rule *rule, char *text, size_t size);

/*
 * fs_ctl_rule_set - add a rule, or replace the operator's part of one.
 *
 * With local.family AF_UNSPEC two rules, for IPv4 and IPv6. Returns 0, or
 *   -EINVAL      a port of 0, a protocol or an action that cannot be, ICMP
 *                with a port, or an answer that does not fit the protocol
 *   -ENOENT      no answer of that name
 *   -ENOSPC      the table is full
 *   -EPERM, -EACCES
 */
FS_API int fs_ctl_rule_set(struct fs_ctl *ctl, const struct fs_ctl_rule *rule);

/*
 * fs_ctl_rule_del - remove the operator's rule for a flow; a process that
 * steers it goes on.
 *
 * With local.family AF_UNSPEC of both families. Returns 0, or
 *   -ENOENT      there is none
 *   -EBUSY       it is a living process's, which removes it itself
 *   -EINVAL      as of fs_ctl_rule_set()
 *   -EPERM, -EACCES
 */
FS_API int fs_ctl_rule_del(struct fs_ctl *ctl, const struct fs_ctl_rule *rule);

/*
 * fs_ctl_rule_each - all rules, in no order, one for each family.
 *
 * Rules that others change meanwhile may be missed or come twice. @rule is
 * valid during the callback, which may delete it. Returns 0, what the callback returned,
 * or -errno of reading the map.
 */
FS_API int fs_ctl_rule_each(struct fs_ctl *ctl, fs_ctl_rule_fn *fn, void *ctx);

/* --- users' answer programs (bpf/fs_answer.bpf.h) ------------------------- */

struct fs_ctl_answer {
	size_t sz;
	char name[FS_CTL_NAME_MAX];
	uint32_t index;		/* in the program array */
	uint32_t prog_id;
	uint32_t rules;		/* how many use it */
};

typedef int fs_ctl_answer_fn(void *ctx, const struct fs_ctl_answer *answer);

/*
 * fs_ctl_answer_load - load the XDP program in @path and give it @name.
 *
 * The first program of the object; its maps with the names of ours become
 * ours. A program of that name is replaced without a gap. Until a rule names
 * it, it does nothing. Returns 0, or
 *   -EINVAL      a name that is none, or the verifier refuses the program
 *   -ENOENT      no such file, or no program in it
 *   -EOPNOTSUPP  the attached program has no program array (fs_ctl_info)
 *   -ENOSPC      32 are loaded
 *   -EPERM, -EACCES, -ENOMEM, and what reading a file gives
 */
FS_API int fs_ctl_answer_load(struct fs_ctl *ctl, const char *path, const char *name);

/*
 * fs_ctl_answer_unload - forget the program.
 *
 * Returns 0, or -ENOENT, -EBUSY while a rule names it, -EPERM, -EACCES.
 */
FS_API int fs_ctl_answer_unload(struct fs_ctl *ctl, const char *name);

/*
 * fs_ctl_answer_each - the users' programs that are loaded.
 *
 * @answer is valid during the callback. Returns 0, what the callback
 * returned, or -EPERM, -EACCES, -ENOMEM.
 */
FS_API int fs_ctl_answer_each(struct fs_ctl *ctl, fs_ctl_answer_fn *fn, void *ctx);

struct fs_ctl_test {
	size_t sz;
	const char *path;	/* the object with the answer program */
	const char *rule;	/* the flow that it answers, "udp/37" */
	const void *in;		/* an Ethernet frame */
	size_t in_len;
	void *out;		/* the frame afterwards; NULL: not wanted */
	size_t out_size;
	uint32_t repeat;	/* 0: once */
	size_t out_len;		/* out */
	int verdict;		/* out: XDP_TX (3), XDP_PASS (2), XDP_DROP (1), ... */
	const char *counted;	/* out: the verdict counter of the last run, static */
	uint32_t duration_ns;	/* out: of one run, on average */
	fs_log_fn *log;		/* NULL: fs_log_stderr() */
	void *log_ctx;
};

/*
 * fs_ctl_answer_test - run the steering program and an answer program on one
 * frame, in the kernel (BPF_PROG_TEST_RUN) but without an interface.
 *
 * Rule and maps exist for this run only; nothing is pinned or attached. Needs
 * CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, no handle. Returns 0, or
 *   -EINVAL      sz is 0, no frame, or the verifier refuses the program
 *   -ENOENT, -EPERM, -ENOMEM
 *   -ENOSPC      @out is too small
 */
FS_API int fs_ctl_answer_test(struct fs_ctl_test *test);

/* --- counters ------------------------------------------------------------ */

/*
 * fs_ctl_counter_name, fs_ctl_counter_text - a counter's name and what it
 * counts, for @index from 0 on; NULL past the last.
 *
 * fs_ctl_counter_is_verdict - 1 for those of which each packet counts exactly one,
 * so that they add up to the first, rx_packets. Static storage, any thread, no errors.
 */
FS_API const char *fs_ctl_counter_name(unsigned int index);
FS_API const char *fs_ctl_counter_text(unsigned int index);
FS_API int fs_ctl_counter_is_verdict(unsigned int index);

/*
 * fs_ctl_counters - the sums over all CPUs, up to @n of them.
 *
 * Returns how many there are, or -errno of reading the map, -ENOMEM.
 */
FS_API int fs_ctl_counters(struct fs_ctl *ctl, uint64_t *values, unsigned int n);

typedef int fs_ctl_note_fn(void *ctx, const char *text);

/*
 * fs_ctl_note_each - why something on this interface is not as fast as it could be,
 * one sentence each, with what to do.
 *
 * @text is valid during the callback. Returns 0, what the callback returned, or
 * -errno of looking.
 */
FS_API int fs_ctl_note_each(struct fs_ctl *ctl, fs_ctl_note_fn *fn, void *ctx);

/* --- recording ----------------------------------------------------------- */

struct fs_ctl_capture;

struct fs_ctl_capture_stats {
	size_t sz;
	uint64_t packets;
	uint64_t lost;		/* no room in the kernel's buffer, or on the disk */
};

/*
 * fs_ctl_capture_open - write the fast path's packets to a pcapng file @path,
 * which tcpdump does not see: those that a rule steers or answers, the
 * answers, and what stacks transmit.
 *
 * The handle stays the caller's and must outlive the capture. One capture at
 * a time on an interface. Needs CAP_PERFMON. Returns 0, or
 *   -EBUSY       another process records this interface
 *   -EPERM, -EACCES, -ENOMEM, -EMFILE, and what opening the file gives
 */
FS_API int fs_ctl_capture_open(struct fs_ctl_capture **out, struct fs_ctl *ctl,
			       const char *path);

/*
 * fs_ctl_capture_poll - wait up to @timeout_ms (-1: without limit) and write
 * what has come.
 *
 * Returns how many packets, 0 at timeout, or -EINTR, or what writing gives.
 */
FS_API int fs_ctl_capture_poll(struct fs_ctl_capture *capture, int timeout_ms);

/* fs_ctl_capture_stats - set @stats->sz first. Returns 0, or -EINVAL. */
FS_API int fs_ctl_capture_stats(const struct fs_ctl_capture *capture,
				struct fs_ctl_capture_stats *stats);

/*
 * fs_ctl_capture_close - stop recording, write what is left, close the file.
 *
 * NULL is fine. Returns 0, or the first error that writing met.
 */
FS_API int fs_ctl_capture_close(struct fs_ctl_capture *capture);

#ifdef __cplusplus
}
#endif

#endif
