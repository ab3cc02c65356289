// SPDX-License-Identifier: BSD-2-Clause
/*
 * rules.c - one table, two writers. An operator's rule is any action but
 * STEER; a process that steers adds itself to it:
 *
 *	operator	process		what the map holds
 *	-		slot 3		STEER, slot 3
 *	answer echo	-		ANSWER echo, KEEP
 *	answer kv	slot 3		ANSWER kv, KEEP | MISS_STEER, slot 3
 *	pass		slot 3		PASS, KEEP | MISS_STEER, slot 3
 *
 * Either may come and go first, and what is left is the other's. The program
 * looks for exact addresses only while FS_CONFIG_F_EXACT says that there are
 * some: set before the first is added, cleared after the last has gone.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/ip.h"
#include "steer/config.h"
#include "steer/priv.h"

/* Flags that come and go with the process. */
#define OF_PROCESS ((uint32_t)(FS_RULE_F_KERNEL_FIRST | FS_RULE_F_NO_NEW))

static bool is_exact(const struct fs_rule_key *key)
{
	return !fs_ip_is_any(key->addr);
}

static int find(struct fs_steer *steer, const struct fs_rule_key *key, struct fs_rule *rule)
{
	return bpf_map_lookup_elem(steer->map[FS_STEER_RULES], key, rule) ? -errno : 0;
}

int fs_steer_rule_next(struct fs_steer *steer, const struct fs_rule_key *prev,
		       struct fs_rule_key *next)
{
	return bpf_map_get_next_key(steer->map[FS_STEER_RULES], prev, next) ? -errno : 0;
}

static int set_exact(struct fs_steer *steer, bool exact)
{
	struct fs_config config;
	int fd = steer->map[FS_STEER_CONFIG];
	int err = fs_steer_config_read(fd, &config);

	if (err || !(config.flags & FS_CONFIG_F_EXACT) == !exact)
		return err;
	config.flags ^= FS_CONFIG_F_EXACT;
	return fs_steer_config_write(fd, &config);
}

static bool any_exact(struct fs_steer *steer)
{
	struct fs_rule_key key, *prev = NULL;

	while (!fs_steer_rule_next(steer, prev, &key)) {
		if (is_exact(&key))
			return true;
		prev = &key;
	}
	return false;
}

static int put(struct fs_steer *steer, const struct fs_rule_key *key, const struct fs_rule *rule)
{
	int err = is_exact(key) ? set_exact(steer, true) : 0;

	if (!err)
		err = fs_steer_hot_clear(steer, key);
	if (err)
		return err;
	if (!bpf_map_update_elem(steer->map[FS_STEER_RULES], key, rule, BPF_ANY))
		return is_exact(key) ? 0 : fs_steer_hot_set(steer, key, rule);
	if (errno != E2BIG && errno != ENOSPC)
		return -errno;
	return fs_base_fail(&steer->log, -ENOSPC,
		"%s: the table is full with %d rules; `fastsock rule list` shows them",
		steer->info.ifname, FS_RULES_MAX);
}

static int drop(struct fs_steer *steer, const struct fs_rule_key *key)
{
	int err = fs_steer_hot_clear(steer, key);

	if (err)
		return err;
	if (bpf_map_delete_elem(steer->map[FS_STEER_RULES], key))
		return -errno;
	return is_exact(key) && !any_exact(steer) ? set_exact(steer, false) : 0;
}

static bool is_operators(const struct fs_rule *rule)
{
	return rule->action != FS_ACTION_STEER || (rule->flags & FS_RULE_F_KEEP);
}

static bool is_steered(const struct fs_rule *rule)
{
	return rule->action == FS_ACTION_STEER || (rule->flags & FS_RULE_F_MISS_STEER);
}

static int steer_locked(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot,
			bool share)
{
	const uint32_t flags = share ? FS_RULE_F_KERNEL_FIRST : 0;
	struct fs_rule rule = {
		.action = FS_ACTION_STEER, .slot = (uint16_t)slot, .flags = flags,
	};
	struct fs_rule there;
	struct fs_slot owner;

	if (find(steer, key, &there))
		return put(steer, key, &rule);
	if (is_steered(&there) && there.slot != slot &&
	    fs_steer_slot_get(steer, there.slot, &owner) == 1)
		return -EADDRINUSE;
	if (!is_operators(&there))
		return put(steer, key, &rule);
	if (there.action == FS_ACTION_PASS || there.action == FS_ACTION_DROP)
		fs_base_log(&steer->log, FS_LOG_WARN,
			"%s: a rule says that port %u is to be %s; what steers it waits until that is gone: "
			"fastsock rule list", steer->info.ifname,
			(unsigned int)__builtin_bswap16(key->port),
			there.action == FS_ACTION_PASS ? "passed to the kernel" : "dropped");
	there.slot = (uint16_t)slot;
	there.flags &= ~OF_PROCESS;
	there.flags |= FS_RULE_F_MISS_STEER | flags;
	return put(steer, key, &there);
}

/* What is left of @there without its process. */
static void unsteer_locked(struct fs_steer *steer, const struct fs_rule_key *key,
			   const struct fs_rule *there)
{
	struct fs_rule rule = *there;

	if (!is_operators(there)) {
		drop(steer, key);
		return;
	}
	rule.flags &= ~(FS_RULE_F_MISS_STEER | OF_PROCESS);
	rule.slot = 0;
	put(steer, key, &rule);
}

void fs_steer_hold(struct fs_steer *steer, bool held)
{
	steer->held = held;
}

static int lock_rules(struct fs_steer *steer)
{
	return steer->held ? 0 : fs_steer_lock(steer);
}

static void unlock_rules(struct fs_steer *steer)
{
	if (!steer->held)
		fs_steer_unlock(steer);
}

int fs_steer_rule_steer(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot,
			bool share)
{
	int err = lock_rules(steer);

	if (err)
		return err == -EACCES ? -EPERM : err;
	err = steer_locked(steer, key, slot, share);
	unlock_rules(steer);
	return err;
}

/* 1: it is not as it should be, and now in *rule as it should. */
static int must_change(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot,
		       uint32_t set, uint32_t clear, struct fs_rule *rule)
{
	int err = find(steer, key, rule);
	uint32_t flags;

	if (err || !is_steered(rule) || rule->slot != slot)
		return err == -ENOENT ? 0 : err;
	flags = (rule->flags | set) & ~clear;
	if (flags == rule->flags)
		return 0;
	rule->flags = flags;
	return 1;
}

/* Asked for every connection that moves; the first of a port changes something. */
int fs_steer_rule_flags(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot,
			uint32_t set, uint32_t clear)
{
	struct fs_rule rule;
	int err = must_change(steer, key, slot, set, clear, &rule);

	if (err <= 0)
		return err;
	err = lock_rules(steer);
	if (err)
		return err == -EACCES ? -EPERM : err;
	err = must_change(steer, key, slot, set, clear, &rule);
	if (err > 0)
		err = put(steer, key, &rule);
	unlock_rules(steer);
	return err;
}

void fs_steer_rule_unsteer(struct fs_steer *steer, const struct fs_rule_key *key, uint32_t slot)
{
	const bool locked = !lock_rules(steer);
	struct fs_rule there;

	if (!find(steer, key, &there) && is_steered(&there) && there.slot == slot)
		unsteer_locked(steer, key, &there);
	if (locked)
		unlock_rules(steer);
}

/* A key that was deleted would start the walk again, so step on first. */
void fs_steer_rules_forget(struct fs_steer *steer, uint32_t slot)
{
	struct fs_rule_key key, next;
	int more = !fs_steer_rule_next(steer, NULL, &key);

	while (more) {
		struct fs_rule there;

		more = !fs_steer_rule_next(steer, &key, &next);
		if (!find(steer, &key, &there) && is_steered(&there) && there.slot == slot)
			unsteer_locked(steer, &key, &there);
		key = next;
	}
}

int fs_steer_rule_set(struct fs_steer *steer, const struct fs_rule_key *key,
		      const struct fs_rule *rule)
{
	struct fs_rule merged = *rule, there;
	int err;

	if (rule->action >= FS_ACTION_COUNT)
		return -EINVAL;
	err = fs_steer_lock(steer);
	if (err)
		return err == -EACCES ? -EPERM : err;
	merged.flags |= FS_RULE_F_KEEP;
	if (!find(steer, key, &there) && is_steered(&there)) {
		merged.flags |= FS_RULE_F_MISS_STEER | (there.flags & OF_PROCESS);
		merged.slot = there.slot;
	}
	err = put(steer, key, &merged);
	fs_steer_unlock(steer);
	return err;
}

int fs_steer_rule_get(struct fs_steer *steer, const struct fs_rule_key *key, struct fs_rule *rule)
{
	return find(steer, key, rule);
}

int fs_steer_rule_del(struct fs_steer *steer, const struct fs_rule_key *key)
{
	int err = fs_steer_lock(steer);
	struct fs_rule there, left = { .action = FS_ACTION_STEER };

	if (err)
		return err == -EACCES ? -EPERM : err;
	err = find(steer, key, &there);
	if (!err && (there.flags & FS_RULE_F_MISS_STEER)) {
		left.slot = there.slot;
		left.flags = there.flags & OF_PROCESS;
		err = put(steer, key, &left);
	} else if (!err) {
		err = drop(steer, key);
	}
	fs_steer_unlock(steer);
	return err;
}
