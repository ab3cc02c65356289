/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steer.h - the XDP program of an interface and its maps, seen from C.
 *
 * attach/detach change the interface; open/close only look at the pins of a
 * program that is there, whoever attached it. Everything that more than one
 * process may write (slots, rules) is written under a lock on the pin
 * directory. Not thread-safe; one struct fs_steer per user.
 */
#ifndef FS_STEER_STEER_H
#define FS_STEER_STEER_H

#include "base/log.h"
#include "base/types.h"
#include "bpf/fs_abi.h"

struct fs_steer;

enum fs_steer_mode {
	FS_STEER_AUTO = 0,	/* native, else skb with a warning */
	FS_STEER_NATIVE,
	FS_STEER_SKB,
	/* Or-ed to one of these: not inside libxdp's dispatcher, even if it could. */
	FS_STEER_ALONE = 1 << 8,
};

struct fs_steer_info {
	char ifname[16];
	uint32_t ifindex;
	uint32_t prog_id;	/* 0: pins without an attached program */
	bool skb_mode;
	bool dispatcher;	/* it shares the interface by libxdp's dispatcher */
	bool user_answers;	/* the object with the program array */
	uint32_t queues;	/* rx queues, the stride of the XSKMAP */
	uint32_t mtu;
	char driver[32];
	bool pass_only;		/* it has only the program of fs_steer_attach_pass() */
	bool elsewhere;		/* the program runs in another network namespace, */
	char where[64];		/* of this name, or that of a process in it */
};

/*
 * Load, fill, pin, attach. -EEXIST when ours is attached already, -EBUSY
 * when a foreign program is there and cannot share. Each failure is logged
 * as a sentence and leaves nothing behind.
 */
int fs_steer_attach(const char *ifname, enum fs_steer_mode mode,
		    const struct fs_logger *log);

/*
 * Attach a program that passes everything: what a veth needs whose peer
 * answers by XDP_TX. Native mode only; errors as of fs_steer_attach().
 */
int fs_steer_attach_pass(const char *ifname, const struct fs_logger *log);

/*
 * Detach our program and remove the pins; no other program is touched. Pins
 * without a program or without an interface go, too. -ENOENT, with a
 * sentence, when there is nothing of ours.
 */
int fs_steer_detach(const char *ifname, const struct fs_logger *log);

/*
 * -ENOENT without a sentence when no program of ours is attached, for the
 * caller to act; pins that a program has left behind count as nothing.
 */
int fs_steer_open(struct fs_steer **out, const char *ifname,
		  const struct fs_logger *log);

/*
 * The same, but left-behind pins open, too (info.prog_id is 0; without the
 * interface info.ifindex is 0), and so do those of a pass program and of another
 * network namespace: to show them. Those may have no maps.
 */
int fs_steer_open_any(struct fs_steer **out, const char *ifname,
		      const struct fs_logger *log);

/*
 * Names of the interfaces that have pins, one after another: @index from 0
 * on, -ENOENT past the last.
 */
int fs_steer_iface_name(unsigned int index, char name[16]);

/* Is there an interface of that name in this network namespace? */
bool fs_steer_iface_exists(const char *ifname);

void fs_steer_close(struct fs_steer *steer);
int fs_steer_info(struct fs_steer *steer, struct fs_steer_info *info);
/* Tell the program what may have changed since: the MAC, forwarding. */
int fs_steer_refresh(struct fs_steer *steer);

/*
 * Take a slot for this process: a free one, or one whose owner is dead (its
 * stale rules go with it). -ENOSPC when all are taken by living processes.
 */
int fs_steer_slot_take(struct fs_steer *steer, uint32_t *slot);
void fs_steer_slot_put(struct fs_steer *steer, uint32_t slot);

/*
 * Let the queue's packets for @slot go to the AF_XDP socket @xsk_fd, which
 * takes frames of up to @frame_max bytes.
 */
int fs_steer_xsk_set(struct fs_steer *steer, uint32_t slot, uint32_t queue,
		     int xsk_fd, uint32_t frame_max);

/*
 * Steer @key to @slot. On top of an operator's answer the answer stays and
 * its misses are steered. -EADDRINUSE when a living process steers it.
 * @share: but for TCP connections that the kernel has (FS_RULE_F_KERNEL_FIRST).
 */
int fs_steer_rule_steer(struct fs_steer *steer, const struct fs_rule_key *key,
			uint32_t slot, bool share);
/* Change those flags (KERNEL_FIRST, NO_NEW) of @slot's rule, if there is such a one. */
int fs_steer_rule_flags(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot,
			uint32_t set, uint32_t clear);
/* Undo that, and leave an operator's answer as it was. */
void fs_steer_rule_unsteer(struct fs_steer *steer, const struct fs_rule_key *key,
			   uint32_t slot);

/* The operator's view of the table. next: prev NULL starts, -ENOENT ends. */
int fs_steer_rule_set(struct fs_steer *steer, const struct fs_rule_key *key,
		      const struct fs_rule *rule);
int fs_steer_rule_get(struct fs_steer *steer, const struct fs_rule_key *key,
		      struct fs_rule *rule);
int fs_steer_rule_del(struct fs_steer *steer, const struct fs_rule_key *key);
int fs_steer_rule_next(struct fs_steer *steer, const struct fs_rule_key *prev,
		       struct fs_rule_key *next);

/* How many slots this interface has: what the XSKMAP has room for. */
uint32_t fs_steer_slot_count(const struct fs_steer *steer);

/* 1: the slot's owner lives, 0: it is free or stale. */
int fs_steer_slot_get(struct fs_steer *steer, uint32_t slot, struct fs_slot *out);

/* Sum of all CPUs, indexed by enum fs_stat. */
int fs_steer_stats(struct fs_steer *steer, uint64_t stats[FS_STAT_COUNT]);

/* A map's descriptor by its FS_MAP_* name, owned by @steer; -ENOENT. */
int fs_steer_map(struct fs_steer *steer, const char *name);

/* The configuration as it was at open. */
const struct fs_config *fs_steer_config(const struct fs_steer *steer);
const struct fs_logger *fs_steer_log(const struct fs_steer *steer);

/* The directory of the interface's pins. */
const char *fs_steer_dir(const struct fs_steer *steer);

/*
 * The lock under which rules, slots and pins of all interfaces change: 0, or -errno;
 * not to be taken twice. Calls of this header take it themselves.
 */
int fs_steer_lock(struct fs_steer *steer);
void fs_steer_unlock(struct fs_steer *steer);

/*
 * Rules steered and unsteered from now on are under the lock that the caller
 * has: taking it anew costs more than half of what a rule does.
 */
void fs_steer_hold(struct fs_steer *steer, bool held);

#endif
