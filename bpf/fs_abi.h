/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fs_abi.h - what the XDP programs and user space agree on.
 *
 * The one home of every map layout, map name, pin path, limit and enum value
 * that crosses the boundary between bpf/ and lib/. Compiled by clang for BPF,
 * by C and by C++; sizes are asserted at the end, on every side.
 *
 * A map's name in the object is its file name under the pin directory,
 * because that is what `xdp-loader load -p` makes of it:
 *
 *	/sys/fs/bpf/fastsock/IFACE/{config,rules,slots,xsks,stats,...}
 *
 * User space fills maps first and attaches last. All-zero maps make a program
 * that passes everything, so a bare `xdp-loader load` is safe.
 */
#ifndef FS_ABI_H
#define FS_ABI_H

#include <linux/types.h>

#define FS_ABI_VERSION		1

#define FS_PIN_ROOT		"/sys/fs/bpf/fastsock"

#define FS_MAP_CONFIG		"config"	/* ARRAY[1] of struct fs_config */
#define FS_MAP_RULES		"rules"		/* HASH fs_rule_key -> fs_rule */
#define FS_MAP_HOT		"hot"		/* ARRAY[1] of struct fs_hot */
#define FS_MAP_SLOTS		"slots"		/* ARRAY of struct fs_slot */
#define FS_MAP_XSKS		"xsks"		/* XSKMAP slot * queues + queue */
#define FS_MAP_STATS		"stats"		/* PERCPU_ARRAY[1] of fs_stats */
#define FS_MAP_RATES		"rates"		/* LRU_HASH fs_rate_key -> fs_rate */
#define FS_MAP_KV_SMALL		"kv_small"	/* HASH u64 -> struct fs_kv_small */
#define FS_MAP_KV_LARGE		"kv_large"	/* HASH u64 -> struct fs_kv_large */
#define FS_MAP_KV_HOT		"kv_hot"	/* ARRAY of struct fs_kv_hot */
#define FS_MAP_ANSWERS		"answers"	/* PROG_ARRAY, user-answer object only */
#define FS_MAP_CAPTURES		"captures"	/* PERF_EVENT_ARRAY of struct fs_capture */
#define FS_MAP_SCRATCH		"scratch"	/* PERCPU_ARRAY[1] of fs_scratch */

/* The XDP program's name, in both objects. */
#define FS_PROG_NAME		"fastsock"

/* Pinned beside the maps: the attached program; or, on a peer that only lets
 * everything pass, that program; each user's answer program by its name. */
#define FS_PIN_PROGRAM		"program"
#define FS_PIN_PASS		"pass"
#define FS_PIN_ANSWER		"answer_"

enum fs_limit {
	FS_RULES_MAX = 16384,
	FS_HOT_RULES = 8,
	FS_SLOTS_MAX = 64,
	FS_XSKS_MAX = 4096,	/* slot * queues + queue stays below this */
	FS_RATES_DEFAULT = 1 << 14,	/* 104 bytes each, all at once: it is an LRU */
	FS_RATES_MAX = 1 << 20,
	FS_ANSWERS_MAX = 32,	/* users' answer programs */
	/* Room for a million keys of either size; an empty table costs 16 MiB. */
	FS_KV_SMALL_MAX = 1 << 20,
	FS_KV_LARGE_MAX = 1 << 20,
	FS_KV_HOT_ENTRIES = 1 << 15,	/* 4 MiB, all at once; a power of two */
};

/* --- configuration ------------------------------------------------------ */

enum fs_config_flag {
	/* The program runs in generic (skb) mode: a partial checksum of the
	 * request stays partial in the reply, the kernel completes it. */
	FS_CONFIG_F_SKB_MODE = 1 << 0,
	/* The interface does not forward: what reaches our MAC is ours. Unset,
	 * any-address rules ask the FIB whether the destination is local. */
	FS_CONFIG_F_HOST = 1 << 1,
	/* config.mac is valid: frames for another MAC pass. */
	FS_CONFIG_F_MAC = 1 << 2,
	/* Some rule names an exact local address: look for it first. */
	FS_CONFIG_F_EXACT = 1 << 3,
	/* Somebody records the fast path: see struct fs_capture. */
	FS_CONFIG_F_CAPTURE = 1 << 4,
};

struct fs_config {
	__u32 abi_version;	/* 0: nobody has set this up yet */
	__u32 flags;		/* enum fs_config_flag */
	__u32 queues;		/* stride of the XSKMAP; 0: steering is off */
	__u32 ifindex;
	__u64 netns;		/* inode of the network namespace */
	__u64 kv_seed;		/* of fs_kv_hash() */
	__u8 mac[6];
	__u8 rsvd[2];
};

/* --- rules -------------------------------------------------------------- */

enum fs_action {
	FS_ACTION_PASS = 0,
	FS_ACTION_STEER = 1,
	FS_ACTION_ANSWER = 2,
	FS_ACTION_DROP = 3,
	FS_ACTION_COUNT
};

enum fs_answer {
	FS_ANSWER_NONE = 0,
	FS_ANSWER_ECHO = 1,	/* UDP echo, or ICMP echo for an ICMP rule */
	FS_ANSWER_KV = 2,
	FS_ANSWER_USER = 16,	/* + index into the program array */
};

enum fs_rule_flag {
	/* What the answer does not answer is steered to the slot. */
	FS_RULE_F_MISS_STEER = 1 << 0,
	/* Set by an operator: outlives the process that steers by it. */
	FS_RULE_F_KEEP = 1 << 1,
	/* TCP: the kernel may have connections of this port; those pass. */
	FS_RULE_F_KERNEL_FIRST = 1 << 2,
	/* TCP: nobody listens here any more; SYNs pass, to who may listen there. */
	FS_RULE_F_NO_NEW = 1 << 3,
};

/*
 * The local end of a flow. ICMP echo is port 0. The exact address is looked
 * up first, then the all-zero one, which matches every local address.
 */
struct fs_rule_key {
	__u8 family;		/* AF_INET or AF_INET6 */
	__u8 proto;		/* IPPROTO_UDP, _TCP, _ICMP, _ICMPV6 */
	__be16 port;
	__u8 addr[16];		/* IPv4 in the first four bytes */
};

struct fs_rule {
	__u8 action;		/* enum fs_action */
	__u8 answer;		/* enum fs_answer */
	__u16 slot;
	__u32 flags;		/* enum fs_rule_flag */
	__u32 rate_pps;		/* answers per second and source; 0: no limit */
	__u32 burst_pkts;	/* depth of the bucket, at least 1 with a rate */
};

/*
 * Copies of the first few any-address rules, where a look-up costs no hash
 * and no helper call. Valid while FS_CONFIG_F_EXACT is unset. The library
 * keeps them equal to the table: key to 0 first, then the table, then rule and
 * key, in this order; a reader that finds the key unchanged after it has
 * copied the rule has read that key's. Who writes the table by other means
 * clears this map first.
 */
struct fs_hot_rule {
	__u32 key;		/* the first four bytes of struct fs_rule_key; 0: free */
	__u32 rsvd;
	struct fs_rule rule;
};

struct fs_hot {
	struct fs_hot_rule entry[FS_HOT_RULES];
};

/* A process that receives: owner of XSKMAP entries [slot * queues, + queues). */
struct fs_slot {
	__u32 pid;		/* 0: free */
	__u16 queues;		/* how many of the queues it has bound */
	__u16 zerocopy;		/* how many of those in zero-copy mode */
	__u64 start_time;	/* /proc/PID/stat field 22: tells a recycled pid */
	char comm[16];
	__u32 frame_max;	/* the longest frame that its sockets take, in bytes */
	__u32 rsvd;
};

struct fs_rate_key {
	__u8 addr[16];		/* source; IPv6 by its /64 */
	__be16 port;		/* local port of the rule */
	__u8 proto;
	__u8 family;
};

struct fs_rate {
	__u64 last_ns;
	__u64 tokens_ns;	/* saved-up time; one answer costs 1e9 / rate */
};

/* --- counters ----------------------------------------------------------- */

/*
 * rx_packets counts every packet the program saw; each packet then counts
 * exactly one of the verdicts, so the verdicts add up to rx_packets.
 * Keep names within 15 characters; append only.
 */
#define FS_VERDICTS(X)							\
	X(pass_not_ip,	"neither IPv4 nor IPv6")			\
	X(pass_malformed, "truncated, or headers that do not parse")	\
	X(pass_fragment, "IP fragment, for the kernel to reassemble")	\
	X(pass_options,	"IPv4 options or IPv6 extension headers, for the kernel to judge") \
	X(pass_vlan,	"VLAN tag, for the kernel's interface of that VLAN") \
	X(pass_proto,	"a protocol that no rule can name")		\
	X(pass_other_mac, "multicast, broadcast or another host's MAC")	\
	X(pass_forward,	"not for a local address")			\
	X(pass_martian,	"an address that no packet may come from or go to") \
	X(pass_no_rule,	"no rule")					\
	X(pass_rule,	"a rule says pass")				\
	X(pass_miss,	"the answer left it to the kernel")		\
	X(pass_no_socket, "steered, but nobody listens: to the kernel")	\
	X(pass_no_answer, "no such answer program")			\
	X(pass_kernel,	"TCP connection of a steered port that the kernel has") \
	X(steer,	"redirected to an AF_XDP socket")		\
	X(steer_icmp,	"ICMP error about a steered flow")		\
	X(tx_echo,	"UDP echo answered")				\
	X(tx_icmp_echo,	"ICMP echo answered")				\
	X(tx_kv,	"key-value request answered")			\
	X(tx_user,	"answered by a user's program")			\
	X(drop_rule,	"a rule says drop")				\
	X(drop_tcp_frag, "TCP fragment of a steered port")		\
	X(drop_rate,	"source over its answer rate")			\
	X(drop_loop,	"would make two responders talk forever")	\
	X(drop_bad_csum, "answerable, but its checksum is wrong")	\
	X(drop_user,	"dropped by a user's program")

/* Told beside the verdicts: they do not add up to anything. */
#define FS_DETAILS(X)							\
	X(rx_bytes,	"bytes of all packets")				\
	X(tx_bytes,	"bytes of all answers")				\
	X(kv_ping,	"kv pings answered")				\
	X(kv_hit,	"kv gets answered with the value")		\
	X(kv_short,	"kv gets answered with the size to ask for")	\
	X(kv_miss,	"kv requests left to user space or the kernel")	\
	X(kv_torn,	"kv entry changed while it was read")		\
	X(csum_partial,	"requests that came with a partial checksum")

#define FS_STATS_FIELD(name, text)	__u64 name;
#define FS_STATS_ENUM(name, text)	FS_STAT_##name,

struct fs_stats {
	__u64 rx_packets;
	FS_VERDICTS(FS_STATS_FIELD)
	FS_DETAILS(FS_STATS_FIELD)
};

/* The index of each field, in units of __u64. */
enum fs_stat {
	FS_STAT_rx_packets = 0,
	FS_VERDICTS(FS_STATS_ENUM)
	FS_STAT_verdicts_end,
	FS_STAT_details_before = FS_STAT_verdicts_end - 1,
	FS_DETAILS(FS_STATS_ENUM)
	FS_STAT_COUNT
};

/* --- captures ------------------------------------------------------------ */

/*
 * A packet of the fast path, recorded while FS_CONFIG_F_CAPTURE is set: this
 * header, then @len bytes of frame. What the program sees (packets that a rule
 * steers or answers, and the answers) goes through the map "captures". What a
 * stack transmits goes as datagrams to the abstract unix socket
 * FS_CAPTURE_SOCKET of the network namespace, with the interface's index.
 */
#define FS_CAPTURE_SOCKET	"fastsock/capture/%u"

enum fs_capture_dir {
	FS_CAPTURE_IN = 1,
	FS_CAPTURE_OUT = 2,
};

struct fs_capture {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u32 len;
	__u32 queue;
	__u32 dir;		/* enum fs_capture_dir */
	__u32 rsvd;
};

/* --- key-value answers (doc/kv-wire.md) --------------------------------- */

#define FS_KV_MAGIC		0xf5
#define FS_KV_VERSION		1

enum fs_kv_limit {
	FS_KV_KEY_MAX = 250,
	FS_KV_VALUE_MAX = 1024,
};

enum fs_kv_op {
	FS_KV_PING = 0,
	FS_KV_GET = 1,
	FS_KV_SET = 2,		/* never answered in XDP */
	FS_KV_DEL = 3,		/* never answered in XDP */
	FS_KV_REPLY = 0x80,	/* or-ed to the request's op */
};

enum fs_kv_status {
	FS_KV_OK = 0,
	FS_KV_NOT_FOUND = 1,
	FS_KV_SHORT = 2,	/* value_len says how much room the value needs */
	FS_KV_BAD = 3,
};

/*
 * A datagram is this header, then key_len bytes of key, then in a request
 * padding (GET: room for the value; SET: the value), in a reply value_len
 * bytes of value. A reply is never longer than its request.
 */
struct fs_kv_hdr {
	__u8 magic;
	__u8 version;
	__u8 op;		/* enum fs_kv_op */
	__u8 status;		/* enum fs_kv_status; 0 in a request */
	__be32 id;		/* chosen by the client, returned as it came */
	__be16 key_len;
	__be16 value_len;
	__be32 rsvd;		/* 0 */
};

/*
 * A published entry. Key and value are zero-padded to their arrays' ends; an
 * entry is small when both fit. sum is the folded one's complement sum of key
 * and value as they stand on the wire, next to each other (so an odd key_len
 * puts the value on odd bytes): a reply's checksum costs no walk over it.
 *
 * The kernel may recycle a hash element under a reader. gen is drawn anew at
 * each publication and stands at both ends; a reader that sees both equal
 * before and after its copy has read one publication.
 */
struct fs_kv_head {
	__u64 gen;
	__u16 key_len;
	__u16 value_len;
	__u16 sum;		/* as csum_fold would take it, host order */
	__u16 rsvd;
};

struct fs_kv_small {
	struct fs_kv_head head;
	__u8 key[32];
	__u8 value[64];
	__u64 gen_end;
};

struct fs_kv_large {
	struct fs_kv_head head;
	__u8 key[256];
	__u8 value[FS_KV_VALUE_MAX];
	__u64 gen_end;
};

/*
 * Copies of small entries, where a GET costs no helper call. The key with hash
 * H is at index H % FS_KV_HOT_ENTRIES, or at that index ^ 1; or it is not here,
 * and kv_small has it: these are as many as there is room for, the latest
 * publications first. An entry without a key has the hash 0.
 *
 * The library keeps them true: before it changes kv_small it takes the copy
 * away, afterwards it writes the new one, each under the entry's own lock. A
 * writer owns an entry from when it has exchanged gen_end, if that was equal to
 * head.gen, for a new number, until it writes that number to head.gen; so to a
 * reader what is being written is torn. A writer that dies in between
 * leaves an entry that nobody reads or writes any more. Who writes kv_small by
 * other means takes copies away first, or clears this map.
 */
struct fs_kv_hot {
	__u64 hash;
	struct fs_kv_small entry;
};

/* One step of the hash that names a key: over the zero-padded key's words. */
static inline __attribute__((always_inline)) __u64
fs_kv_hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ (hash >> 29);
}

static inline __attribute__((always_inline)) __u64
fs_kv_hash_end(__u64 hash, __u32 key_len)
{
	hash = (hash ^ key_len) * 0xd6e8feb86659fd93ull;
	return hash ^ (hash >> 32);
}

/* --- users' answer programs (bpf/fs_answer.bpf.h) ------------------------ */

/* What the steering program found out before the tail call. */
struct fs_packet {
	__u16 l3_off;
	__u16 l4_off;
	__u16 payload_off;
	__u16 payload_len;	/* by the headers, checked against the frame */
	__u8 family;		/* AF_INET or AF_INET6 */
	__u8 proto;
	__u8 csum_partial;	/* 1: the checksum covers the pseudo-header only */
	__u8 skb_mode;
	__u16 l4_len;		/* from l4_off to the end of the IP packet */
	__u8 rsvd;
	__u8 kind;		/* the steering program's own */
	struct fs_rule rule;
	struct fs_rule_key key;	/* as it matched */
};

#define FS_BLOCK_MAX		2048

struct fs_scratch {
	struct fs_packet packet;
	__u32 fence;		/* means nothing; written to order reads */
	/* A copy of packet bytes, with room for the zeros behind them. */
	__u8 block[FS_BLOCK_MAX + 8] __attribute__((aligned(8)));
};

#ifdef __cplusplus
#define FS_ABI_ASSERT static_assert
#else
#define FS_ABI_ASSERT _Static_assert
#endif
FS_ABI_ASSERT(sizeof(struct fs_config) == 40, "fs_config");
FS_ABI_ASSERT(sizeof(struct fs_capture) == 24, "fs_capture");
FS_ABI_ASSERT(sizeof(struct fs_rule_key) == 20, "fs_rule_key");
FS_ABI_ASSERT(sizeof(struct fs_rule) == 16, "fs_rule");
FS_ABI_ASSERT(sizeof(struct fs_hot_rule) == 24, "fs_hot_rule");
FS_ABI_ASSERT(sizeof(struct fs_slot) == 40, "fs_slot");
FS_ABI_ASSERT(sizeof(struct fs_rate_key) == 20, "fs_rate_key");
FS_ABI_ASSERT(sizeof(struct fs_rate) == 16, "fs_rate");
FS_ABI_ASSERT(sizeof(struct fs_stats) == 8 * FS_STAT_COUNT, "fs_stats");
FS_ABI_ASSERT(sizeof(struct fs_kv_hdr) == 16, "fs_kv_hdr");
FS_ABI_ASSERT(sizeof(struct fs_kv_small) == 120, "fs_kv_small");
FS_ABI_ASSERT(sizeof(struct fs_kv_hot) == 128, "fs_kv_hot");
FS_ABI_ASSERT(sizeof(struct fs_kv_large) == 1304, "fs_kv_large");
FS_ABI_ASSERT(sizeof(struct fs_packet) == 52, "fs_packet");
FS_ABI_ASSERT(sizeof(struct fs_scratch) == 56 + FS_BLOCK_MAX + 8, "fs_scratch");
FS_ABI_ASSERT(FS_SLOTS_MAX <= FS_XSKS_MAX, "a slot needs an entry");

#endif
