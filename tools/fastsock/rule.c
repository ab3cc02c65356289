// SPDX-License-Identifier: BSD-2-Clause
/* rule.c - fastsock rule add|del|list. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static int usage(void)
{
	return cmd_usage("rule", "rule add|del|list [-i IFACE] [udp/PORT|udp/ADDR:PORT|tcp/...|icmp] [pass|drop]");
}

static int fail_flow(const char *text)
{
	cmd_fail(0, "\"%s\" is no flow; write udp/53, udp/192.0.2.1:53, tcp/[2001:db8::1]:80 or icmp", text);
	return EXIT_USAGE;
}

static int add(struct fs_ctl *ctl, const char *flow, const char *action)
{
	struct fs_ctl_rule rule = { .sz = sizeof(rule) };
	int err;

	if (fs_ctl_rule_parse(&rule, flow))
		return fail_flow(flow);
	if (!strcmp(action, "drop"))
		rule.action = FS_CTL_DROP;
	else if (strcmp(action, "pass") != 0)
		return usage();
	err = fs_ctl_rule_set(ctl, &rule);
	return err ? cmd_fail(err, "%s", flow) : EXIT_OK;
}

static int del(struct fs_ctl *ctl, const char *flow)
{
	struct fs_ctl_rule rule = { .sz = sizeof(rule) };
	int err;

	if (fs_ctl_rule_parse(&rule, flow))
		return fail_flow(flow);
	err = fs_ctl_rule_del(ctl, &rule);
	if (err == -ENOENT)
		return cmd_fail(0, "%s: there is no such rule; `fastsock rule list` shows them", flow);
	return err ? cmd_fail(err, "%s", flow) : EXIT_OK;
}

struct rules {
	struct fs_ctl_rule *at;
	size_t n, room;
};

static int collect(void *ctx, const struct fs_ctl_rule *rule)
{
	struct rules *rules = ctx;

	if (rules->n == rules->room) {
		size_t room = rules->room ? 2 * rules->room : 64;
		void *at = realloc(rules->at, room * sizeof(*rules->at));

		if (!at)
			return -ENOMEM;
		rules->at = at;
		rules->room = room;
	}
	rules->at[rules->n++] = *rule;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct fs_ctl_rule *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto < y->proto ? 1 : -1;	/* udp, tcp, icmp */
	if (x->local.port != y->local.port)
		return x->local.port < y->local.port ? -1 : 1;
	if (x->local.family != y->local.family)
		return x->local.family < y->local.family ? -1 : 1;
	return memcmp(x->local.ip, y->local.ip, sizeof(x->local.ip));
}

int cmd_rules(struct fs_ctl *ctl, struct fs_ctl_rule **out, size_t *n)
{
	struct rules rules = { 0 };
	int err = fs_ctl_rule_each(ctl, collect, &rules);

	if (err) {
		free(rules.at);
		return err;
	}
	if (rules.n)
		qsort(rules.at, rules.n, sizeof(*rules.at), compare);
	*out = rules.at;
	*n = rules.n;
	return 0;
}

static void print(const struct fs_ctl_rule *rule)
{
	static const char *const actions[] = { "pass", "steer", "answer", "drop" };
	char flow[FS_ADDR_STRLEN + 8];

	fs_ctl_rule_format(rule, flow, sizeof(flow));
	printf("%-28s %s", flow, actions[rule->action & 3]);
	if (rule->action == FS_CTL_ANSWER)
		printf(" %s", rule->answer);
	if (rule->rate_pps)
		printf(" --rate %u:%u", rule->rate_pps, rule->burst_pkts);
	if (rule->steered && rule->action == FS_CTL_ANSWER)
		printf(", the rest");
	if (rule->steered && rule->pid)
		printf(" to process %u", rule->pid);
	else if (rule->steered)
		printf(" to nobody: the process is gone");
	putchar('\n');
}

static int list(struct fs_ctl *ctl)
{
	struct fs_ctl_rule *rules;
	size_t n;
	int err = cmd_rules(ctl, &rules, &n);

	if (err)
		return cmd_fail(err, "the rules cannot be read");
	for (size_t i = 0; i < n; i++)
		print(&rules[i]);
	free(rules);
	if (!n)
		printf("no rules: every packet passes to the kernel\n");
	return EXIT_OK;
}

int cmd_rule(int argc, char **argv)
{
	const char *ifname = NULL, *verb;
	struct fs_ctl *ctl;
	int n, status;

	if (!cmd_options(argc, argv, &ifname) || optind == argc)
		return usage();
	verb = argv[optind++];
	n = argc - optind;
	if (!(!strcmp(verb, "add") && n == 2) && !(!strcmp(verb, "del") && n == 1) &&
	    !(!strcmp(verb, "list") && n == 0))
		return usage();
	ctl = cmd_open(ifname);
	if (!ctl)
		return EXIT_FAILED;
	if (!strcmp(verb, "add"))
		status = add(ctl, argv[optind], argv[optind + 1]);
	else if (!strcmp(verb, "del"))
		status = del(ctl, argv[optind]);
	else
		status = list(ctl);
	fs_ctl_close(ctl);
	return status;
}
