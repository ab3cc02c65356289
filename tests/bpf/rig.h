/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig.h - a loaded, unattached fastsock object and its maps.
 *
 * rig_open() loads once for a whole test case, rig_reset() empties the maps
 * before each test: a host (FS_CONFIG_F_HOST) that has no rules. Packets run
 * by BPF_PROG_TEST_RUN; rig_run() checks what holds for every packet: that
 * rx_packets counts it, that exactly one verdict does, that the frame did not
 * grow, and that the verdict fits the XDP action.
 */
#ifndef FS_TESTS_BPF_RIG_H
#define FS_TESTS_BPF_RIG_H

#include <stdint.h>
#include "bpf/fs_abi.h"
#include "packet.h"

struct rig {
	struct bpf_object *object;
	int prog;
	int config, rules, stats, xsks, kv_small, kv_large;
	int answers;			/* -1 in the plain object */
	struct fs_kv_hot *kv_hot;	/* the memory of that map */
	struct fs_config set;		/* as rig_config() last wrote it */
	uint32_t ifindex, queue;	/* where packets come in; 0: anywhere */
	uint64_t count[FS_STAT_COUNT];	/* by the last packet */
	uint8_t out[4096];
	uint32_t out_len;
	struct packet reply;		/* out, parsed, after expect_reply() */
};

void rig_open(struct rig *rig, const char *object);
void rig_close(struct rig *rig);
void rig_reset(struct rig *rig);
void rig_config(struct rig *rig, const struct fs_config *config);
void rig_flags(struct rig *rig, uint32_t flags);
int rig_map(struct rig *rig, const char *name);

/* The path of an object under FASTSOCK_BPF_DIR. */
const char *rig_path(const char *object);

/* @addr NULL: any address. port 0 for ICMP. */
void rig_rule(struct rig *rig, int ip6, uint8_t proto, const char *addr, uint16_t port,
	      struct fs_rule rule);
#define answer_with(which, ...) ((struct fs_rule){ .action = FS_ACTION_ANSWER, .answer = (which), __VA_ARGS__ })
#define steer_to(number) ((struct fs_rule){ .action = FS_ACTION_STEER, .slot = (number) })

/* Returns the verdict, an enum fs_stat; the action is checked against it. */
int rig_run(struct rig *rig, const struct packet *p);
int rig_run_bytes(struct rig *rig, const void *bytes, size_t len);

/* The packet ends in this verdict. A pass or drop leaves the bytes as they were. */
void expect(struct rig *rig, const struct packet *p, int verdict);
#define expect_verdict(rig, p, name) expect(rig, p, FS_STAT_##name)

/* It is answered; rig->reply is right in all checksums, and comes back the way it came. */
void expect_reply(struct rig *rig, const struct packet *p, int verdict);

/* A counter since rig_open(). */
uint64_t rig_total(struct rig *rig, enum fs_stat stat);

const char *rig_verdict_name(int verdict);

#endif
