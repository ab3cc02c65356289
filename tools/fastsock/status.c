// SPDX-License-Identifier: BSD-2-Clause
/* status.c - fastsock status: what runs, who receives, and what is slow, and why. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const char *const state_names[] = { "attached", "stale", "pass-only", "elsewhere" };
static const char *const action_names[] = { "pass", "steer", "answer", "drop" };

/* --- text ------------------------------------------------------------------ */

static void text_head(const struct fs_ctl_info *info)
{
	static const char *const states[] = {
		"attached", "stale: pins without a program", "attached: passes everything",
		"attached in another network namespace",
	};

	printf("%s: %s", info->ifname, states[info->state & 3]);
	if (info->prog_id)
		printf(", %s mode, program %u, %s", info->skb_mode ? "generic (skb)" : "native", info->prog_id,
		       info->dispatcher ? "in libxdp's dispatcher" : "alone");
	putchar('\n');
	if (info->ifindex)
		printf("    driver %s, MTU %u, %u receive queue%s%s\n", info->driver, info->mtu,
		       info->queues, info->queues == 1 ? "" : "s",
		       info->forwards ? ", forwards packets" : "");
}

static const char *mode_of(const struct fs_ctl_slot *slot)
{
	if (!slot->zerocopy)
		return "copy";
	return slot->zerocopy == slot->queues ? "zero-copy" : "mixed";
}

static int text_slot(void *ctx, const struct fs_ctl_slot *slot)
{
	(void)ctx;
	printf("    slot %u: process %u (%s), %s, %u queue%s", slot->index, slot->pid, slot->comm,
	       slot->alive ? "alive" : "gone", slot->queues, slot->queues == 1 ? "" : "s");
	if (slot->queues)
		printf(" in %s mode", mode_of(slot));
	putchar('\n');
	return 0;
}

static int text_socket(void *ctx, const struct fs_ctl_socket *socket)
{
	(void)ctx;
	printf("    queue %u: AF_XDP socket in %s mode", socket->queue,
	       socket->zerocopy ? "zero-copy" : "copy");
	if (socket->pid)
		printf(", of process %u", socket->pid);
	if (socket->rx_dropped || socket->rx_ring_full)
		printf(", dropped %" PRIu64 " (ring full %" PRIu64 ", no frame %" PRIu64 ")",
		       socket->rx_dropped + socket->rx_ring_full, socket->rx_ring_full,
		       socket->rx_fill_empty);
	putchar('\n');
	return 0;
}

static void text_rule(const struct fs_ctl_rule *rule)
{
	char flow[FS_ADDR_STRLEN + 8];

	fs_ctl_rule_format(rule, flow, sizeof(flow));
	printf("    rule %-24s %s", flow, action_names[rule->action & 3]);
	if (rule->action == FS_CTL_ANSWER)
		printf(" %s", rule->answer);
	if (rule->rate_pps)
		printf(", %u a second and source", rule->rate_pps);
	if (rule->steered)
		printf("%s slot %u", rule->action == FS_CTL_ANSWER ? ", else" : "", rule->slot);
	putchar('\n');
}

static int text_answer(void *ctx, const struct fs_ctl_answer *answer)
{
	(void)ctx;
	printf("    answer program %s: id %u, %u rule%s\n", answer->name, answer->prog_id, answer->rules,
	       answer->rules == 1 ? "" : "s");
	return 0;
}

static int text_note(void *ctx, const char *text)
{
	(void)ctx;
	printf("    note: %s\n", text);
	return 0;
}

/* --- json ------------------------------------------------------------------ */

static void json_head(const struct fs_ctl_info *info)
{
	json_string("ifname", info->ifname);
	json_string("state", state_names[info->state & 3]);
	json_number("ifindex", info->ifindex);
	json_number("program_id", info->prog_id);
	json_string("mode", !info->prog_id ? "none" : info->skb_mode ? "skb" : "native");
	json_bool("dispatcher", info->dispatcher);
	json_bool("user_answers", info->user_answers);
	json_string("driver", info->driver);
	json_number("mtu", info->mtu);
	json_number("queues", info->queues);
	json_bool("forwards", info->forwards);
	json_string("pins", info->pins);
}

static int json_slot(void *ctx, const struct fs_ctl_slot *slot)
{
	(void)ctx;
	json_open(NULL, '{');
	json_number("index", slot->index);
	json_number("pid", slot->pid);
	json_string("comm", slot->comm);
	json_bool("alive", slot->alive);
	json_number("queues", slot->queues);
	json_string("mode", slot->queues ? mode_of(slot) : "none");
	json_number("frame_max", slot->frame_max);
	json_close('}');
	return 0;
}

static int json_socket(void *ctx, const struct fs_ctl_socket *socket)
{
	(void)ctx;
	json_open(NULL, '{');
	json_number("queue", socket->queue);
	json_string("mode", socket->zerocopy ? "zero-copy" : "copy");
	json_number("pid", socket->pid);
	json_number("rx_dropped", socket->rx_dropped);
	json_number("rx_ring_full", socket->rx_ring_full);
	json_number("rx_fill_empty", socket->rx_fill_empty);
	json_number("tx_invalid", socket->tx_invalid);
	json_close('}');
	return 0;
}

static void json_rule(const struct fs_ctl_rule *rule)
{
	char flow[FS_ADDR_STRLEN + 8];

	fs_ctl_rule_format(rule, flow, sizeof(flow));
	json_open(NULL, '{');
	json_string("flow", flow);
	json_string("family", rule->local.family == AF_INET6 ? "inet6" : "inet");
	json_string("action", action_names[rule->action & 3]);
	if (rule->action == FS_CTL_ANSWER)
		json_string("answer", rule->answer);
	json_number("rate_pps", rule->rate_pps);
	json_number("burst_pkts", rule->burst_pkts);
	json_bool("steered", rule->steered);
	if (rule->steered) {
		json_number("slot", rule->slot);
		json_number("pid", rule->pid);
	}
	json_close('}');
}

static int json_answer(void *ctx, const struct fs_ctl_answer *answer)
{
	(void)ctx;
	json_open(NULL, '{');
	json_string("name", answer->name);
	json_number("index", answer->index);
	json_number("program_id", answer->prog_id);
	json_number("rules", answer->rules);
	json_close('}');
	return 0;
}

static int json_note(void *ctx, const char *text)
{
	(void)ctx;
	json_string(NULL, text);
	return 0;
}

/* --- both ------------------------------------------------------------------ */

static void each_rule(struct fs_ctl *ctl, void (*show_rule)(const struct fs_ctl_rule *rule))
{
	struct fs_ctl_rule *rules;
	size_t n;

	if (cmd_rules(ctl, &rules, &n))
		return;
	for (size_t i = 0; i < n; i++)
		show_rule(&rules[i]);
	free(rules);
}

static void show_text(struct fs_ctl *ctl, const struct fs_ctl_info *info)
{
	text_head(info);
	fs_ctl_slot_each(ctl, text_slot, NULL);
	fs_ctl_socket_each(ctl, text_socket, NULL);
	each_rule(ctl, text_rule);
	fs_ctl_answer_each(ctl, text_answer, NULL);
	fs_ctl_note_each(ctl, text_note, NULL);
}

static void show_json(struct fs_ctl *ctl, const struct fs_ctl_info *info)
{
	json_open(NULL, '{');
	json_head(info);
	json_open("slots", '[');
	fs_ctl_slot_each(ctl, json_slot, NULL);
	json_close(']');
	json_open("sockets", '[');
	fs_ctl_socket_each(ctl, json_socket, NULL);
	json_close(']');
	json_open("rules", '[');
	each_rule(ctl, json_rule);
	json_close(']');
	json_open("answers", '[');
	fs_ctl_answer_each(ctl, json_answer, NULL);
	json_close(']');
	json_open("notes", '[');
	fs_ctl_note_each(ctl, json_note, NULL);
	json_close(']');
	json_close('}');
}

static int show(const char *ifname, bool json)
{
	FS_OPTS(fs_ctl_opts, opts, .ifname = ifname, .any = 1, .log = cmd_log);
	struct fs_ctl_info info = { .sz = sizeof(info) };
	struct fs_ctl *ctl;
	int err = fs_ctl_open(&ctl, &opts);

	if (err == -ENOENT)
		return cmd_fail(0, "%s: fastsock is not attached; run `fastsock attach %s`", ifname, ifname);
	if (err)
		return cmd_fail(err, "%s", ifname);
	fs_ctl_info(ctl, &info);
	if (json)
		show_json(ctl, &info);
	else
		show_text(ctl, &info);
	fs_ctl_close(ctl);
	return EXIT_OK;
}

static int show_all(bool json)
{
	int err, status = EXIT_OK;
	unsigned int i;
	char name[16];

	for (i = 0; !(err = fs_ctl_iface_name(i, name)); i++)
		status |= show(name, json);
	if (err != -ENOENT)
		return cmd_fail(err, "the attached interfaces cannot be listed");
	if (!i && !json)
		printf("no interface has fastsock; `fastsock attach IFACE` attaches it\n");
	return status;
}

int cmd_status(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "interface", required_argument, NULL, 'i' },
		{ 0 },
	};
	const char *ifname = NULL;
	bool json = false;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == '?')
			return cmd_usage("status", "status [IFACE] [--json]");
		if (opt == 'j')
			json = true;
		if (opt == 'i')
			ifname = optarg;
	}
	if (optind < argc && !ifname)
		ifname = argv[optind++];
	if (optind != argc)
		return cmd_usage("status", "status [IFACE] [--json]");
	if (json) {
		json_open(NULL, '{');
		json_open("interfaces", '[');
	}
	status = ifname ? show(ifname, json) : show_all(json);
	if (json) {
		json_close(']');
		json_open("processes", '[');
	}
	if (ifname)
		show_processes_on(ifname, json);
	else
		show_processes(json);
	if (json) {
		json_close(']');
		json_close('}');
		json_end();
	}
	return status;
}
