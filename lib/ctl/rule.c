// SPDX-License-Identifier: BSD-2-Clause
/*
 * rule.c - rules as people write them, and as the map has them.
 *
 *	udp/53			{ INET, UDP, 53, any } and { INET6, UDP, 53, any }
 *	udp/192.0.2.1:53	{ INET, UDP, 53, 192.0.2.1 }
 *	udp/[::]:53		{ INET6, UDP, 53, any }
 *	icmp			{ INET, ICMP, 0, any } and { INET6, ICMPV6, 0, any }
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/addr.h"
#include "ctl/ctl.h"

static const struct {
	const char *name;
	uint8_t proto;
	bool port;
} protos[] = {
	{ "udp", IPPROTO_UDP, true },
	{ "tcp", IPPROTO_TCP, true },
	{ "icmp", IPPROTO_ICMP, false },
};

static int parse_local(struct fs_addr *local, const char *text, bool port)
{
	const bool bare = port && !strpbrk(text, ":.");
	const int err = bare ? fs_addr_parse_port(&local->port, text) :
			       fs_addr_parse(local, text);

	return err || !local->port == port ? -EINVAL : 0;
}

int fs_ctl_rule_parse(struct fs_ctl_rule *rule, const char *text)
{
	struct fs_ctl_rule parsed = { .sz = sizeof(parsed) };
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text), sz = rule->sz;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (strlen(protos[i].name) != len || strncmp(protos[i].name, text, len) != 0)
			continue;
		parsed.proto = protos[i].proto;
		if (slash ? parse_local(&parsed.local, slash + 1, protos[i].port) : protos[i].port)
			return -EINVAL;
		memcpy(rule, &parsed, sz && sz < sizeof(parsed) ? sz : sizeof(parsed));
		return 0;
	}
	return -EINVAL;
}

/* fs_addr_format() leaves out a port of 0, and writes no address for UNSPEC. */
char *fs_ctl_rule_format(const struct fs_ctl_rule *rule, char *text, size_t size)
{
	char local[FS_ADDR_STRLEN];
	const char *proto = "?";

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (protos[i].proto == rule->proto)
			proto = protos[i].name;
	fs_addr_format(&rule->local, local, sizeof(local));
	if (rule->local.family != AF_UNSPEC)
		snprintf(text, size, "%s/%s", proto, local);
	else if (rule->local.port)
		snprintf(text, size, "%s/%u", proto, rule->local.port);
	else
		snprintf(text, size, "%s", proto);
	return text;
}

static void fill_key(struct fs_rule_key *key, const struct fs_ctl_rule *rule, uint8_t family)
{
	*key = (struct fs_rule_key){
		.family = family,
		.proto = rule->proto,
		.port = be16_from(rule->local.port).raw,
	};
	if (rule->proto == IPPROTO_ICMP && family == AF_INET6)
		key->proto = IPPROTO_ICMPV6;
	if (rule->local.family != AF_UNSPEC)
		memcpy(key->addr, rule->local.ip, family == AF_INET ? 4 : 16);
}

int fs_ctl_rule_keys(const struct fs_ctl_rule *rule, struct fs_rule_key keys[2])
{
	const bool port = rule->proto == IPPROTO_UDP || rule->proto == IPPROTO_TCP;

	if ((!port && rule->proto != IPPROTO_ICMP) || port != !!rule->local.port)
		return -EINVAL;
	if (rule->local.family == AF_UNSPEC) {
		fill_key(&keys[0], rule, AF_INET);
		fill_key(&keys[1], rule, AF_INET6);
		return 2;
	}
	if (rule->local.family != AF_INET && rule->local.family != AF_INET6)
		return -EINVAL;
	fill_key(&keys[0], rule, rule->local.family);
	return 1;
}

void fs_ctl_rule_of_key(struct fs_ctl_rule *rule, const struct fs_rule_key *key)
{
	rule->proto = key->proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : key->proto;
	rule->local.family = key->family;
	rule->local.port = be16_to((be16){ key->port });
	memcpy(rule->local.ip, key->addr, sizeof(key->addr));
}

static int find_answer(struct fs_ctl *ctl, const struct fs_ctl_rule *rule, uint8_t *answer)
{
	struct fs_ctl_loaded_list list;
	int err;

	if (!strcmp(rule->answer, "echo")) {
		*answer = FS_ANSWER_ECHO;
		return rule->proto == IPPROTO_TCP ? -EINVAL : 0;
	}
	if (!strcmp(rule->answer, "kv")) {
		*answer = FS_ANSWER_KV;
		return rule->proto == IPPROTO_UDP ? 0 : -EINVAL;
	}
	err = fs_ctl_loaded_list(ctl, &list);
	if (err)
		return err;
	for (unsigned int i = 0; i < list.n; i++) {
		if (strcmp(list.at[i].name, rule->answer) != 0 || list.at[i].index == FS_ANSWERS_MAX)
			continue;
		*answer = (uint8_t)(FS_ANSWER_USER + list.at[i].index);
		return 0;
	}
	return fs_base_fail(&ctl->log, -ENOENT,
		"%s: there is no answer \"%s\"; there are echo, kv, and what `fastsock answer list` shows",
		ctl->info.ifname, rule->answer);
}

static int to_abi(struct fs_ctl *ctl, const struct fs_ctl_rule *rule, struct fs_rule *out)
{
	*out = (struct fs_rule){ .action = (uint8_t)rule->action };
	if (rule->action != FS_CTL_PASS && rule->action != FS_CTL_ANSWER &&
	    rule->action != FS_CTL_DROP)
		return -EINVAL;
	if (rule->action != FS_CTL_ANSWER)
		return 0;
	if (rule->rate_pps > 1000000000)
		return -EINVAL;
	out->rate_pps = rule->rate_pps;
	if (rule->rate_pps)
		out->burst_pkts = rule->burst_pkts ? rule->burst_pkts : MAX(rule->rate_pps / 10, 1u);
	return find_answer(ctl, rule, &out->answer);
}

static int take_rule(struct fs_ctl_rule *rule, const struct fs_ctl_rule *user)
{
	if (!user->sz)
		return -EINVAL;
	*rule = (struct fs_ctl_rule){ 0 };
	memcpy(rule, user, MIN(user->sz, sizeof(*rule)));
	rule->answer[sizeof(rule->answer) - 1] = '\0';
	return 0;
}

static int fail_permission(const struct fs_ctl *ctl, int err)
{
	if (err != -EPERM && err != -EACCES)
		return err;
	return fs_base_fail(&ctl->log, err, "%s: no permission to change its rules; run as root",
			    ctl->info.ifname);
}

/* What both changes begin with. The number of keys, or -errno. */
static int begin(struct fs_ctl *ctl, const struct fs_ctl_rule *user, struct fs_ctl_rule *rule,
		 struct fs_rule_key keys[2])
{
	int err = take_rule(rule, user);

	if (!err)
		err = fs_ctl_need_maps(ctl);
	return err ? err : fs_ctl_rule_keys(rule, keys);
}

int fs_ctl_rule_set(struct fs_ctl *ctl, const struct fs_ctl_rule *user)
{
	struct fs_rule_key keys[2];
	struct fs_ctl_rule rule;
	struct fs_rule abi;
	int err, n;

	n = begin(ctl, user, &rule, keys);
	if (n < 0)
		return n;
	err = to_abi(ctl, &rule, &abi);
	for (int i = 0; !err && i < n; i++)
		err = fs_steer_rule_set(ctl->steer, &keys[i], &abi);
	return fail_permission(ctl, err);
}

/* A living process's own rule is not the operator's to delete. */
static int del_one(struct fs_ctl *ctl, const struct fs_rule_key *key)
{
	struct fs_rule there;
	struct fs_slot owner;
	int err = fs_steer_rule_get(ctl->steer, key, &there);

	if (err)
		return err;
	if (there.action == FS_ACTION_STEER &&
	    fs_steer_slot_get(ctl->steer, there.slot, &owner) == 1)
		return fs_base_fail(&ctl->log, -EBUSY,
			"%s: that rule belongs to process %u (%.15s) and goes with it; `fastsock rule add ... "
			"pass` gives the port to the kernel meanwhile", ctl->info.ifname, owner.pid,
			owner.comm);
	return fs_steer_rule_del(ctl->steer, key);
}

int fs_ctl_rule_del(struct fs_ctl *ctl, const struct fs_ctl_rule *user)
{
	struct fs_rule_key keys[2];
	struct fs_ctl_rule rule;
	int err, n, result = -ENOENT;

	n = begin(ctl, user, &rule, keys);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		err = del_one(ctl, &keys[i]);
		if (err && err != -ENOENT)
			return fail_permission(ctl, err);
		if (!err)
			result = 0;
	}
	return result;
}

static void name_answer(char name[FS_CTL_NAME_MAX], uint8_t answer,
			const struct fs_ctl_loaded_list *list)
{
	if (answer == FS_ANSWER_ECHO)
		strcpy(name, "echo");
	else if (answer == FS_ANSWER_KV)
		strcpy(name, "kv");
	else
		snprintf(name, FS_CTL_NAME_MAX, "?%u", answer);
	for (unsigned int i = 0; i < list->n; i++)
		if (list->at[i].index + FS_ANSWER_USER == answer)
			memcpy(name, list->at[i].name, FS_CTL_NAME_MAX);
}

static void from_abi(struct fs_ctl *ctl, struct fs_ctl_rule *out, const struct fs_rule_key *key,
		     const struct fs_rule *rule, const struct fs_ctl_loaded_list *list)
{
	struct fs_slot owner;

	*out = (struct fs_ctl_rule){
		.sz = sizeof(*out),
		.action = (enum fs_ctl_action)rule->action,
		.rate_pps = rule->rate_pps,
		.burst_pkts = rule->burst_pkts,
		.steered = rule->action == FS_ACTION_STEER || (rule->flags & FS_RULE_F_MISS_STEER),
	};
	fs_ctl_rule_of_key(out, key);
	if (rule->action == FS_ACTION_ANSWER)
		name_answer(out->answer, rule->answer, list);
	if (!out->steered)
		return;
	out->slot = rule->slot;
	if (fs_steer_slot_get(ctl->steer, rule->slot, &owner) == 1)
		out->pid = owner.pid;
}

int fs_ctl_rule_each(struct fs_ctl *ctl, fs_ctl_rule_fn *fn, void *ctx)
{
	struct fs_ctl_loaded_list list;
	struct fs_rule_key key, next;
	int err, more;

	if (fs_ctl_need_maps(ctl))
		return 0;
	err = fs_ctl_loaded_list(ctl, &list);
	if (err)
		return err;
	/* A full table that others empty and fill could be walked for ever. */
	more = !fs_steer_rule_next(ctl->steer, NULL, &key);
	for (unsigned int i = 0; more && i < 2 * FS_RULES_MAX; i++) {
		struct fs_ctl_rule out;
		struct fs_rule rule;
		int end = 0;

		more = !fs_steer_rule_next(ctl->steer, &key, &next);
		if (!fs_steer_rule_get(ctl->steer, &key, &rule)) {
			from_abi(ctl, &out, &key, &rule, &list);
			end = fn(ctx, &out);
		}
		if (end)
			return end;
		key = next;
	}
	return 0;
}
