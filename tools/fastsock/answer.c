// SPDX-License-Identifier: BSD-2-Clause
/* answer.c - fastsock answer add|del|list: what XDP answers by itself. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

struct request {
	const char *ifname;
	const char *name;	/* of a user's program */
	uint32_t rate_pps, burst_pkts;
};

static int usage(void)
{
	return cmd_usage("answer", "answer add [-i IFACE] FLOW echo|kv|NAME|FILE.bpf.o [--rate PPS[:BURST]] "
			 "[--name NAME] | answer del [-i IFACE] FLOW|NAME | answer list [-i IFACE]");
}

static bool read_rate(char *text, struct request *request)
{
	char *colon = strchr(text, ':');

	if (colon)
		*colon = '\0';
	if (colon && (!cmd_number(colon + 1, &request->burst_pkts) || !request->burst_pkts))
		return false;
	return cmd_number(text, &request->rate_pps) && request->rate_pps;
}

static bool is_file(const char *what)
{
	size_t len = strlen(what);

	return strchr(what, '/') || (len > 2 && !strcmp(what + len - 2, ".o"));
}

/* some/dir/who-am.i.bpf.o: who-am_i */
static void name_of_file(char name[FS_CTL_NAME_MAX], const char *path)
{
	const char *base = strrchr(path, '/');
	char *end;

	snprintf(name, FS_CTL_NAME_MAX, "%.31s", base ? base + 1 : path);
	end = strstr(name, ".bpf.o");
	if (!end)
		end = strstr(name, ".o");
	if (end)
		*end = '\0';
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			*p = '_';
}

static int is_called(void *ctx, const struct fs_ctl_answer *answer)
{
	return !strcmp(ctx, answer->name);
}

static int add_file(struct fs_ctl *ctl, struct fs_ctl_rule *rule, const char *path,
		    const char *name)
{
	bool was_there;
	int err;

	if (name)
		snprintf(rule->answer, sizeof(rule->answer), "%s", name);
	else
		name_of_file(rule->answer, path);
	was_there = fs_ctl_answer_each(ctl, is_called, rule->answer) == 1;
	err = fs_ctl_answer_load(ctl, path, rule->answer);
	if (err)
		return err;
	err = fs_ctl_rule_set(ctl, rule);
	if (err && !was_there)
		fs_ctl_answer_unload(ctl, rule->answer);
	return err;
}

static int add(struct fs_ctl *ctl, const struct request *request, const char *flow,
	       const char *what)
{
	struct fs_ctl_rule rule = { .sz = sizeof(rule) };
	int err;

	if (fs_ctl_rule_parse(&rule, flow)) {
		cmd_fail(0, "\"%s\" is no flow; write udp/7, udp/192.0.2.1:7, udp/[2001:db8::1]:7 or icmp", flow);
		return EXIT_USAGE;
	}
	rule.action = FS_CTL_ANSWER;
	rule.rate_pps = request->rate_pps;
	rule.burst_pkts = request->burst_pkts;
	snprintf(rule.answer, sizeof(rule.answer), "%.31s", what);
	if (is_file(what))
		err = add_file(ctl, &rule, what, request->name);
	else
		err = fs_ctl_rule_set(ctl, &rule);
	if (err == -EINVAL)
		return cmd_fail(0, "%s cannot be answered by %s: echo answers udp and icmp, kv answers udp", flow,
				what);
	return err ? cmd_fail(err, "%s", flow) : EXIT_OK;
}

struct seen {
	struct fs_ctl_rule rule;
	bool answered;
};

static int find_answer(void *ctx, const struct fs_ctl_rule *rule)
{
	struct seen *seen = ctx;

	if (rule->proto != seen->rule.proto || rule->local.port != seen->rule.local.port ||
	    memcmp(rule->local.ip, seen->rule.local.ip, sizeof(rule->local.ip)) != 0)
		return 0;
	if (seen->rule.local.family && seen->rule.local.family != rule->local.family)
		return 0;
	seen->answered |= rule->action == FS_CTL_ANSWER;
	return 0;
}

static int del(struct fs_ctl *ctl, const char *what)
{
	struct seen seen = { .rule.sz = sizeof(seen.rule) };
	int err;

	if (fs_ctl_rule_parse(&seen.rule, what)) {
		err = fs_ctl_answer_unload(ctl, what);
		if (err == -ENOENT)
			return cmd_fail(0, "\"%s\" is neither a flow (udp/7) nor a loaded program; `fastsock answer list` "
					"shows both", what);
		return err ? cmd_fail(err, "%s", what) : EXIT_OK;
	}
	err = fs_ctl_rule_each(ctl, find_answer, &seen);
	if (!err && !seen.answered)
		return cmd_fail(0, "%s: nothing answers that; `fastsock answer list` shows what is answered", what);
	if (!err)
		err = fs_ctl_rule_del(ctl, &seen.rule);
	return err ? cmd_fail(err, "%s", what) : EXIT_OK;
}

static bool print_rule(const struct fs_ctl_rule *rule)
{
	char flow[FS_ADDR_STRLEN + 8];

	if (rule->action != FS_CTL_ANSWER)
		return false;
	fs_ctl_rule_format(rule, flow, sizeof(flow));
	printf("%-28s %s", flow, rule->answer);
	if (rule->rate_pps)
		printf(" --rate %u:%u", rule->rate_pps, rule->burst_pkts);
	putchar('\n');
	return true;
}

static int print_program(void *ctx, const struct fs_ctl_answer *answer)
{
	(*(unsigned int *)ctx)++;
	printf("program %-20s id %u, used by %u rule%s\n", answer->name, answer->prog_id,
	       answer->rules, answer->rules == 1 ? "" : "s");
	return 0;
}

static int list(struct fs_ctl *ctl)
{
	struct fs_ctl_rule *rules = NULL;
	unsigned int n = 0;
	size_t n_rules = 0;
	int err = cmd_rules(ctl, &rules, &n_rules);

	for (size_t i = 0; i < n_rules; i++)
		n += print_rule(&rules[i]);
	free(rules);
	if (!err)
		err = fs_ctl_answer_each(ctl, print_program, &n);
	if (err)
		return cmd_fail(err, "the answers cannot be read");
	if (!n)
		printf("nothing is answered; `fastsock help answer` shows what can be\n");
	return EXIT_OK;
}

static bool is_usage(int argc, char **argv)
{
	return (argc == 3 && !strcmp(argv[0], "add")) || (argc == 2 && !strcmp(argv[0], "del")) ||
	       (argc == 1 && !strcmp(argv[0], "list"));
}

static int run(struct fs_ctl *ctl, const struct request *request, char **argv)
{
	if (!strcmp(argv[0], "add"))
		return add(ctl, request, argv[1], argv[2]);
	return strcmp(argv[0], "del") ? list(ctl) : del(ctl, argv[1]);
}

int cmd_answer(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "rate", required_argument, NULL, 'r' },
		{ "name", required_argument, NULL, 'n' },
		{ 0 },
	};
	struct request request = { 0 };
	struct fs_ctl *ctl;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "i:", longopts, NULL)) != -1) {
		if (opt == '?' || (opt == 'r' && !read_rate(optarg, &request)))
			return usage();
		if (opt == 'i')
			request.ifname = optarg;
		if (opt == 'n')
			request.name = optarg;
	}
	if (!is_usage(argc - optind, argv + optind))
		return usage();
	ctl = cmd_open(request.ifname);
	if (!ctl)
		return EXIT_FAILED;
	status = run(ctl, &request, argv + optind);
	fs_ctl_close(ctl);
	return status;
}
