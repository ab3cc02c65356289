// SPDX-License-Identifier: BSD-2-Clause
/*
 * play.c - the steps of a script, one after another, in virtual time.
 *
 * The stack runs whenever something is due, and after each step until it has
 * nothing left to do at that moment. Segments that it sends wait in a ring
 * for the line that expects them; a line that expects one waits until it is
 * there or its time is over.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "tests/lib/must.h"
#include "tests/pkt/play.h"

enum {
	START_NS = 1000000000,	/* no clock of ours begins at 0 */
	RESTLESS = 100000,	/* rounds of the stack without rest */
	FIRST_ISN = 1000000,
	WRAP_AFTER = 1500,	/* bytes of ours, more or less */
};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

FILE *pkt_trace(struct pkt_play *play, const char *mark)
{
	fprintf(play->trace, "\n\t%11.6f %s ", seconds(play->net.now_ns - play->begin_ns), mark);
	return play->trace;
}

static void print_side(const char *side, const struct pkt_seg *seg)
{
	printf("\n    %-9s ", side);
	pkt_print_seg(stdout, seg);
}

static void print_failure(struct pkt_play *play, const char *text)
{
	const struct pkt_step *step = play->step;

	if (step)
		printf("%s:%d: %s\n\t%s", step->file, step->line, text, step->text);
	else
		printf("%s", text);
	if (play->wanted)
		print_side("expected:", play->wanted);
	if (play->came)
		print_side("came:", play->came);
	fflush(play->trace);
	printf("\n    trace:%s\n", play->trace_text);
}

void pkt_fail(struct pkt_play *play, const char *why, ...)
{
	const char *fails = play->script->fails;
	char text[256];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	if (!fails || !strstr(text, fails))
		fails = NULL;
	if (!fails || play->verbose)
		print_failure(play, text);
	fflush(stdout);
	_Exit(!fails);
}

/* --- time ---------------------------------------------------------------------- */

static bool has_seen(const struct pkt_play *play)
{
	return play->seen_head != play->seen_tail;
}

/* Run until @until_ns, or until the stack has sent something if @watch. */
static void run_until(struct pkt_play *play, uint64_t until_ns, bool watch)
{
	unsigned int rounds = 0;
	bool more;

	do {
		uint64_t before_ns = play->net.now_ns;

		more = test_net_step(&play->net, until_ns);
		rounds = play->net.now_ns == before_ns ? rounds + 1 : 0;
		if (rounds > RESTLESS)
			pkt_fail(play, "the stack does not come to rest");
		pkt_collect(play);
		pkt_app_events(play);
	} while (more && !(watch && has_seen(play)));
	if (watch && has_seen(play))
		return;
	play->net.now_ns = MAX(play->net.now_ns, until_ns);
	fs_sim_advance(play->net.sim, play->net.now_ns);
}

/* To the time of the step, and everything that is due then. */
static void advance(struct pkt_play *play, uint64_t span_ns)
{
	run_until(play, play->cursor_ns + span_ns, false);
	play->cursor_ns += span_ns;
}

static void settle(struct pkt_play *play)
{
	run_until(play, play->net.now_ns, false);
}

/* --- steps of the wire ------------------------------------------------------------ */

static void inject_piece(struct pkt_play *play, const struct pkt_step *step, uint32_t i)
{
	struct pkt_seg seg = pkt_piece(&step->seg, i);

	if (step->conn)
		fprintf(pkt_trace(play, "<"), "c%d ", step->conn);
	else
		pkt_trace(play, step->n ? "<<" : "<");
	pkt_print_seg(play->trace, &seg);
	pkt_inject(play, step->conn, &seg);
	if (!step->n && i + 1 < step->seg.pieces)
		settle(play);
}

static void inject(struct pkt_play *play, const struct pkt_step *step)
{
	for (uint32_t i = 0; i < step->seg.pieces; i++)
		inject_piece(play, step, i);
	play->held = step->n;
	if (!play->held)
		settle(play);
}

/* In the units of the wire, what the script wrote in others. */
static struct pkt_seg wanted_seg(const struct pkt_play *play, const struct pkt_step *step,
				 uint32_t piece)
{
	const struct pkt_conn *c = &play->conn[step->conn];
	struct pkt_seg seg = pkt_piece(&step->seg, piece);

	if (seg.opts.cookie_len == PKT_COOKIE_LAST) {
		seg.opts.cookie_len = play->cookie_len;
		memcpy(seg.opts.cookie, play->cookie, sizeof(seg.opts.cookie));
	}
	if (seg.ecr_last)
		seg.opts.ts_ecr = c->last_ts;
	return seg;
}

static void see_piece(struct pkt_play *play, const struct pkt_step *step, uint32_t piece,
		      uint64_t from_ns, uint64_t to_ns)
{
	struct pkt_seg wanted = wanted_seg(play, step, piece);
	const struct pkt_seen *seen;
	const char *what;

	if (!has_seen(play))
		run_until(play, MAX(to_ns, play->net.now_ns), true);
	play->wanted = &wanted;
	if (!has_seen(play))
		pkt_fail(play, "no segment came until %.6f",
			 seconds(play->net.now_ns - play->begin_ns));
	seen = &play->seen[play->seen_head++ % PKT_SEEN_MAX];
	what = seen->conn == step->conn ? pkt_compare(&wanted, &seen->seg) :
					  "it is of another connection";
	if (!what && seen->at_ns < from_ns)
		what = "it came too early";
	if (!what && seen->at_ns > to_ns)
		what = "it came too late";
	play->came = &seen->seg;
	if (what)
		pkt_fail(play, "%s; expected from %.6f to %.6f, it came at %.6f", what,
			 seconds(from_ns - play->begin_ns), seconds(to_ns - play->begin_ns),
			 seconds(seen->at_ns - play->begin_ns));
	play->wanted = play->came = NULL;
	play->cursor_ns = seen->at_ns;
}

static void see(struct pkt_play *play, const struct pkt_step *step)
{
	uint64_t from_ns = play->cursor_ns + step->from_ns;
	uint64_t to_ns = play->cursor_ns + step->to_ns;

	for (uint32_t i = 0; i < step->seg.pieces; i++)
		see_piece(play, step, i, from_ns, to_ns);
}

static void check_none(struct pkt_play *play, const char *why)
{
	if (!has_seen(play))
		return;
	play->came = &play->seen[play->seen_head % PKT_SEEN_MAX].seg;
	pkt_fail(play, "%s", why);
}

static void nothing(struct pkt_play *play, const struct pkt_step *step)
{
	check_none(play, "a segment is there that no line expected");
	run_until(play, play->cursor_ns + (uint64_t)step->n, true);
	check_none(play, "no segment should come now");
	play->cursor_ns = play->net.now_ns;
}

static void skip(struct pkt_play *play, const struct pkt_step *step)
{
	advance(play, (uint64_t)step->n);
	play->seen_head = play->seen_tail;
}

/* --- all of them -------------------------------------------------------------------- */

static void play_step(struct pkt_play *play, const struct pkt_step *step)
{
	play->step = step;
	if (step->verb == PKT_SEE) {
		see(play, step);
		return;
	}
	if (!play->held)
		advance(play, step->from_ns);
	switch (step->verb) {
	case PKT_INJECT:
		inject(play, step);
		return;
	case PKT_NOTHING:
		nothing(play, step);
		return;
	case PKT_SKIP:
		skip(play, step);
		return;
	case PKT_ISN:
		pkt_forget(play, step->conn, (uint32_t)step->n);
		return;
	case PKT_ICMP:
		pkt_trace(play, "icmp");
		pkt_inject_icmp(play, step);
		break;
	default:
		fprintf(pkt_trace(play, "call"), "%s", step->text);
		pkt_app(play, step);
		break;
	}
	settle(play);
}

static void begin(struct pkt_play *play, const struct pkt_script *script, uint8_t family,
		  uint64_t start_ns)
{
	const struct test_net_opts opts = { .seed = script->seed, .b_is_bare = true,
					    .frames = 4096 };

	memset(play, 0, sizeof(*play));
	play->script = script;
	play->family = family;
	play->trace = open_memstream(&play->trace_text, &play->trace_size);
	must(play->trace);
	for (int i = 0; i < PKT_CONNS; i++) {
		play->conn[i].our_port = PKT_LISTEN_PORT;
		play->conn[i].peer_port = (uint16_t)(PKT_PEER_PORT + i);
		pkt_forget(play, i, FIRST_ISN * (uint32_t)(i + 1));
	}
	test_net_open(&play->net, &opts);
	test_net_run(&play->net, start_ns);
	play->begin_ns = play->cursor_ns = play->net.now_ns;
}

static void end(struct pkt_play *play)
{
	test_net_close(&play->net);
	fclose(play->trace);
	free(play->trace_text);
}

/* The first initial number of ours if the script begins at @start_ns. */
static uint32_t try_isn(struct pkt_play *play, const struct pkt_script *script, uint8_t family,
			uint64_t start_ns)
{
	const struct pkt_step *step = script->first;
	uint32_t isn;

	begin(play, script, family, start_ns);
	for (; step && !play->conn[0].isn_known; step = step->next)
		play_step(play, step);
	if (!play->conn[0].isn_known)
		pkt_fail(play, "the stack sends no SYN whose number could wrap");
	isn = play->conn[0].our_isn.raw;
	end(play);
	return isn;
}

/*
 * Initial numbers move with a clock (RFC 6528 3): measure how fast, and begin
 * when the first is a little below 2^32.
 */
static uint64_t start_for_wrap(struct pkt_play *play, const struct pkt_script *script,
			       uint8_t family)
{
	uint32_t first = try_isn(play, script, family, START_NS);
	uint32_t per_second = try_isn(play, script, family, START_NS + NSEC_PER_SEC) - first;
	uint64_t start_ns;

	if (!per_second)
		pkt_fail(play, "initial numbers do not move with a clock");
	start_ns = START_NS + (uint64_t)((unsigned __int128)(0u - WRAP_AFTER - first) *
					 NSEC_PER_SEC / per_second);
	first = try_isn(play, script, family, start_ns);
	if (first < 0u - 2 * WRAP_AFTER)
		pkt_fail(play, "initial numbers do not move steadily");
	return start_ns;
}

void pkt_play(struct pkt_play *play, const struct pkt_script *script, uint8_t family,
	      bool verbose)
{
	uint64_t start_ns = script->wrap ? start_for_wrap(play, script, family) : START_NS;

	begin(play, script, family, start_ns);
	play->verbose = verbose;
	for (const struct pkt_step *step = script->first; step; step = step->next)
		play_step(play, step);
	check_none(play, "behind the last line, a segment that no line expected");
	if (script->fails) {
		printf("it does not fail, though it should: %s\n", script->fails);
		_Exit(1);
	}
	if (verbose) {
		fflush(play->trace);
		printf("%s\n", play->trace_text);
	}
	end(play);
}
