// SPDX-License-Identifier: BSD-2-Clause
/* script.c - a file of lines to a list of steps. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/must.h"
#include "tests/pkt/script.h"

enum {
	ERRNO_MAX = 200,
	TOLERANCE_NS = 3 * 1000 * 1000,	/* timers run on ticks of 1 ms */
	NEST_MAX = 4,
};

struct pkt_file {
	struct pkt_file *next;
	char path[];
};

typedef void parse_fn(struct pkt_lex *lex, struct pkt_step *step);

/* --- what stands behind a verb ------------------------------------------------ */

static int64_t parse_errno(struct pkt_lex *lex)
{
	for (int i = 1; i < ERRNO_MAX; i++) {
		const char *name = strerrorname_np(i);

		if (name && pkt_take(lex, name))
			return -i;
	}
	pkt_syntax(lex, "a number, EOF or an errno belongs here");
}

static void parse_result(struct pkt_lex *lex, struct pkt_step *step)
{
	step->has_result = true;
	if (pkt_is_number(lex))
		step->result = pkt_number(lex);
	else if (pkt_take(lex, "EOF"))
		step->result = 0;
	else
		step->result = parse_errno(lex);
}

static void parse_inject(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_parse_seg(lex, &step->seg, false);
}

static void parse_see(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_parse_seg(lex, &step->seg, true);
}

static void parse_count(struct pkt_lex *lex, struct pkt_step *step)
{
	if (!pkt_is(lex, "="))
		step->n = pkt_number(lex);
}

static void parse_span(struct pkt_lex *lex, struct pkt_step *step)
{
	step->n = (int64_t)pkt_seconds(lex);
}

static void parse_word(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_name(lex, step->word);
}

static void parse_listen(struct pkt_lex *lex, struct pkt_step *step)
{
	for (;;)
		if (pkt_take(lex, "backlog"))
			step->n = pkt_number(lex);
		else if (pkt_take(lex, "fastopen"))
			step->m = pkt_number(lex);
		else if (pkt_take(lex, "cc"))
			pkt_name(lex, step->word);
		else
			return;
}

static void parse_connect(struct pkt_lex *lex, struct pkt_step *step)
{
	for (;;)
		if (pkt_take(lex, "send"))
			step->n = pkt_number(lex);
		else if (pkt_take(lex, "fastopen"))
			step->m = 1;
		else if (pkt_take(lex, "cc"))
			pkt_name(lex, step->word);
		else
			return;
}

static void parse_set(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_name(lex, step->word);
	step->n = pkt_number(lex);
}

static void parse_event(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_name(lex, step->word);
	if (lex->len)
		step->m = parse_errno(lex);
}

static void parse_icmp(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_name(lex, step->word);
	step->cmp = pkt_is(lex, "mss") ? PKT_EQ : PKT_ANY;
	if (pkt_take(lex, "mtu") || pkt_take(lex, "mss"))
		step->m = pkt_number(lex);
	pkt_need(lex, "seq");
	step->n = pkt_number(lex);
}

static void parse_counter(struct pkt_lex *lex, struct pkt_step *step)
{
	pkt_name(lex, step->word);
	step->cmp = pkt_parse_cmp(lex);
	step->n = pkt_number(lex);
}

static int64_t parse_state(struct pkt_lex *lex)
{
	static const char *const names[] = {
		"CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
		"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (pkt_take(lex, names[i]))
			return (int64_t)i;
	pkt_syntax(lex, "a state of RFC 9293 belongs here, such as SYN_SENT");
}

static void parse_expect(struct pkt_lex *lex, struct pkt_step *step)
{
	if (pkt_take(lex, "nothing")) {
		pkt_need(lex, "for");
		step->verb = PKT_NOTHING;
		parse_span(lex, step);
		return;
	}
	pkt_name(lex, step->word);
	step->cmp = pkt_parse_cmp(lex);
	step->n = strcmp(step->word, "state") ? pkt_number(lex) : parse_state(lex);
}

static const struct verb {
	const char *name;
	parse_fn *parse;
	enum pkt_verb verb;
} verbs[] = {
	{ "<", parse_inject, PKT_INJECT },
	{ "<<", parse_inject, PKT_INJECT },
	{ ">", parse_see, PKT_SEE },
	{ "expect", parse_expect, PKT_FIELD },
	{ "counter", parse_counter, PKT_COUNTER },
	{ "skip", parse_span, PKT_SKIP },
	{ "isn", parse_count, PKT_ISN },
	{ "listen", parse_listen, PKT_LISTEN },
	{ "unlisten", NULL, PKT_UNLISTEN },
	{ "accept", NULL, PKT_ACCEPT },
	{ "connect", parse_connect, PKT_CONNECT },
	{ "send", parse_count, PKT_SEND },
	{ "send_zc", parse_count, PKT_SEND_ZC },
	{ "recv", parse_count, PKT_RECV },
	{ "recv_zc", parse_count, PKT_RECV_ZC },
	{ "close", NULL, PKT_CLOSE },
	{ "abort", NULL, PKT_ABORT },
	{ "shutdown", NULL, PKT_SHUTDOWN },
	{ "set", parse_set, PKT_SET },
	{ "set_cc", parse_word, PKT_SET_CC },
	{ "event", parse_event, PKT_EVENT },
	{ "no_event", parse_event, PKT_NO_EVENT },
	{ "icmp", parse_icmp, PKT_ICMP },
};

/* --- lines ---------------------------------------------------------------------- */

static const struct verb *find_verb(struct pkt_lex *lex)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (pkt_take(lex, verbs[i].name))
			return &verbs[i];
	pkt_syntax(lex, "<, > or a verb belongs here");
}

/* "+0.1", exactly then or a tick later; "+0.1..0.3", between. */
static void parse_time(struct pkt_lex *lex, struct pkt_step *step, uint64_t tolerance_ns)
{
	step->to_ns = tolerance_ns;
	if (!pkt_take(lex, "+"))
		return;
	step->from_ns = pkt_seconds(lex);
	if (pkt_take(lex, ".."))
		step->to_ns = pkt_seconds(lex);
	else
		step->to_ns = step->from_ns + step->from_ns / 100 + tolerance_ns;
	if (step->to_ns < step->from_ns)
		pkt_syntax(lex, "the span ends before it begins");
}

static void parse_conn(struct pkt_lex *lex, struct pkt_step *step)
{
	char name[8];

	for (int i = 0; i < PKT_CONNS; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (pkt_take(lex, name))
			step->conn = (uint8_t)i;
	}
}

static void parse_step(struct pkt_script *script, struct pkt_lex *lex)
{
	struct pkt_step *step = calloc(1, sizeof(*step));
	const struct verb *verb;

	must(step);
	step->file = lex->file;
	step->line = lex->line;
	step->text = strdup(lex->text);
	must(step->text);
	parse_time(lex, step, script->tolerance_ns);
	parse_conn(lex, step);
	verb = find_verb(lex);
	step->verb = verb->verb;
	if (verb->parse)
		verb->parse(lex, step);
	if (verb->verb == PKT_INJECT)
		step->n = !strcmp(verb->name, "<<");
	else if (pkt_take(lex, "="))
		parse_result(lex, step);
	if (lex->len)
		pkt_syntax(lex, "the line should end here");
	*script->last = step;
	script->last = &step->next;
}

static void parse_file(struct pkt_script *script, const char *path, int depth);

/* The name of a file beside the folders of scripts, in include/. */
static void parse_include(struct pkt_script *script, struct pkt_lex *lex, int depth)
{
	char name[PKT_WORD_MAX], path[4096];
	const char *slash = strrchr(lex->file, '/');
	size_t dir = slash ? (size_t)(slash - lex->file) : 0;

	pkt_name(lex, name);
	if (depth == NEST_MAX)
		pkt_syntax(lex, "files include each other");
	snprintf(path, sizeof(path), "%.*s%s../include/%s.inc", (int)dir, lex->file,
		 slash ? "/" : "", name);
	parse_file(script, path, depth + 1);
}

static void parse_line(struct pkt_script *script, struct pkt_lex *lex, int depth)
{
	if (!lex->len)
		return;
	if (pkt_take(lex, "include")) {
		parse_include(script, lex, depth);
	} else if (pkt_take(lex, "tolerance")) {
		script->tolerance_ns = pkt_seconds(lex);
	} else if (pkt_take(lex, "seed")) {
		script->seed = (uint64_t)pkt_number(lex);
	} else if (pkt_take(lex, "wrap")) {
		script->wrap = true;
	} else if (pkt_is(lex, "fails")) {
		free(script->fails);
		script->fails = strdup(lex->at + strspn(lex->at, " "));
		must(script->fails);
	} else if (pkt_take(lex, "family")) {
		script->families = 0;
		if (pkt_take(lex, "ipv4"))
			script->families = PKT_FAMILY_4;
		else
			pkt_need(lex, "ipv6");
		if (!script->families)
			script->families = PKT_FAMILY_6;
	} else {
		parse_step(script, lex);
	}
}

static void parse_file(struct pkt_script *script, const char *path, int depth)
{
	struct pkt_file *file = malloc(sizeof(*file) + strlen(path) + 1);
	FILE *in = fopen(path, "re");
	char *line = NULL;
	struct pkt_lex lex;
	size_t size = 0;

	must(file);
	strcpy(file->path, path);
	file->next = script->files;
	script->files = file;
	pkt_lex_begin(&lex, file->path, 0, "");
	if (!in)
		pkt_syntax(&lex, "cannot read the file");
	for (int number = 1; getline(&line, &size, in) >= 0; number++) {
		line[strcspn(line, "\n")] = '\0';
		pkt_lex_begin(&lex, file->path, number, line);
		parse_line(script, &lex, depth);
	}
	free(line);
	fclose(in);
}

void pkt_load(struct pkt_script *script, const char *path)
{
	*script = (struct pkt_script){
		.families = PKT_FAMILY_4 | PKT_FAMILY_6,
		.tolerance_ns = TOLERANCE_NS,
		.seed = 1,
	};
	script->last = &script->first;
	parse_file(script, path, 0);
}

void pkt_unload(struct pkt_script *script)
{
	free(script->fails);
	while (script->first) {
		struct pkt_step *step = script->first;

		script->first = step->next;
		free(step->text);
		free(step);
	}
	while (script->files) {
		struct pkt_file *file = script->files;

		script->files = file->next;
		free(file);
	}
}
