// SPDX-License-Identifier: BSD-2-Clause
/*
 * Two stacks, whose applications talk over several connections, and a wire
 * that does not like them: frames are lost, doubled, swapped, spoilt, come
 * again much later, or were never sent by anybody.
 *
 * An episode is a conversation from listening to the last TIME-WAIT. In every
 * second one the wire is hostile: it forges segments with right checksums.
 * In the others an attacker may forge too, but must guess the numbers; then every
 * byte has to arrive, and no connection may end but by its applications.
 *
 * What must hold after each step: queues, sums and timers of all connections
 * fit together (tcp_check.h), and each frame is where somebody knows of it.
 */
#include "tests/lib/crowd.h"
#include "tests/lib/forge.h"
#include "tests/lib/fuzz.h"
#include "tests/lib/tcp_check.h"

enum {
	FRAMES = 512,
	RECORDS = 1024,
	PENDING = 256,
	EPISODE = 4000,			/* frames */
	BATCH_MAX = 16,
	CENSUS_EVERY = 64,		/* steps */
	DRAIN_STEPS = 200000,
};

enum property {
	INVARIANTS_HOLD = 0,
	FRAMES_ARE_KNOWN,
	THE_HONEST_ARE_SERVED,
	THEY_COME_TO_AN_END,
	NOTHING_IS_LEFT,
	NO_STEP_IS_SLOW,
	PROPERTY_COUNT
};

static const char *const sentences[PROPERTY_COUNT] = {
	"queues, sums and timers fit together",
	"each frame is where somebody knows of it",
	"every byte is right, and nobody blind ends a connection",
	"the honest come to an end when the storm is over",
	"nothing is left when all are closed",
	"no step takes a second",
};

struct record {
	struct forge_frame frame;
	bool to_b;
};

static uint64_t broken[PROPERTY_COUNT];
static uint64_t frames_in, steps, episodes, forged, blind;
static uint64_t traced = UINT64_MAX;
static struct test_net net;
static struct fs_random chance;
static bool hostile;
static struct record records[RECORDS];
static uint32_t n_records;
static struct { struct forge_frame queue[PENDING]; uint32_t head, n; } pending[2];
static struct fs_buf *hoard[2][FRAMES];
static uint32_t n_hoard[2];

static uint32_t below(uint32_t n)
{
	return (uint32_t)fs_random_below(&chance, n);
}

static void broke(enum property property, const char *what)
{
	if (broken[property]++ > 3)
		return;
	printf("not so: %s: %s (episode %llu, step %llu, frame %llu)\n", sentences[property],
	       what, (unsigned long long)episodes, (unsigned long long)steps,
	       (unsigned long long)frames_in);
	fflush(stdout);
}

/* FASTSOCK_TRACE=EPISODE tells all that this one sends and gets. */
static void trace(const char *who, const struct forge_frame *f)
{
	char text[64];

	if (episodes != traced)
		return;
	snprintf(text, sizeof(text), "%llu.%06llu %s",
		 (unsigned long long)(net.now_ns / NSEC_PER_SEC),
		 (unsigned long long)(net.now_ns % NSEC_PER_SEC / 1000), who);
	forge_print(text, f);
}

/* --- the wire -------------------------------------------------------------------- */

static void on_sent(void *ctx, const uint8_t *bytes, uint32_t len)
{
	const bool to_b = ctx == &net.a;
	struct record *r = &records[n_records++ % RECORDS];
	struct forge_frame *f;

	must(len <= FORGE_FRAME_MAX);
	r->to_b = to_b;
	r->frame.len = (uint16_t)len;
	memcpy(r->frame.bytes, bytes, len);
	trace(to_b ? "a sends" : "b sends", &r->frame);
	if (pending[to_b].n == PENDING)
		return;
	f = &pending[to_b].queue[(pending[to_b].head + pending[to_b].n++) % PENDING];
	f->len = (uint16_t)len;
	memcpy(f->bytes, bytes, len);
}

static void put(const struct forge_frame *f, bool to_b)
{
	trace(to_b ? "b gets" : "a gets", f);
	hand_put(to_b ? net.b.wire : net.a.wire, f->bytes, f->len);
	frames_in++;
}

static struct forge_frame *first(bool to_b)
{
	return &pending[to_b].queue[pending[to_b].head];
}

static void pop(bool to_b)
{
	pending[to_b].head = (pending[to_b].head + 1) % PENDING;
	pending[to_b].n--;
}

static void swap(bool to_b)
{
	struct forge_frame *a = first(to_b), *b, t;

	b = &pending[to_b].queue[(pending[to_b].head + below(pending[to_b].n)) % PENDING];
	t = *a;
	*a = *b;
	*b = t;
}

static void deliver(bool to_b)
{
	struct forge_frame f = *first(to_b);

	switch (below(32)) {
	case 0:
		pop(to_b);
		return;
	case 1:
		break;		/* comes again */
	case 2:
		swap(to_b);
		return;
	case 3:
		forge_spoil(&f, &chance);
		if (below(2))
			pop(to_b);
		break;
	case 4:
	case 5:
		if (below(2))
			pop(to_b);
		if (hostile)
			forge_hostile(&f, &chance);
		else
			forge_reslice(&f, first(to_b), &chance);
		forged++;
		break;
	default:
		pop(to_b);
		break;
	}
	put(&f, to_b);
}

/*
 * RFC 5961: would this very number be the right one? And RFC 9293 lets any SYN
 * be the other half of a simultaneous open.
 */
static bool hits(const struct test_host *host, const struct forge_frame *f)
{
	struct fs_tcp_flow_id id = { 0 };
	const struct fs_tcp_flow *flow;
	struct forge seg;

	if (!forge_take(&seg, f))
		return false;
	id.family = seg.family;
	id.local_port = seg.tcp.dst_port;
	id.remote_port = seg.tcp.src_port;
	memcpy(id.local, seg.dst, seg.family == AF_INET ? 4 : 16);
	memcpy(id.remote, seg.src, seg.family == AF_INET ? 4 : 16);
	flow = fs_tcp_flow_find(&host->stack->tcp->flows, &id);
	return flow && (fs_seq_eq(flow->rcv_nxt, seg.tcp.seq) ||
			flow->state == FS_TCP_SYN_SENT);
}

static void run_both(void)
{
	fs_stack_run(net.a.stack, net.now_ns);
	fs_stack_run(net.b.stack, net.now_ns);
}

static void attack_blindly(const struct record *r)
{
	const struct test_host *host = r->to_b ? &net.b : &net.a;
	struct forge_frame f = r->frame;

	forge_blind(&f, &chance, below(2));
	run_both();
	if (hits(host, &f))
		return;
	put(&f, r->to_b);
	run_both();
	blind++;
}

static void inject(void)
{
	const struct record *r = &records[below(MIN(n_records, (uint32_t)RECORDS))];
	struct forge_frame f = r->frame;
	bool to_b = r->to_b;

	if (!n_records)
		return;
	switch (below(hostile ? 5 : 3)) {
	case 0:
		attack_blindly(r);
		return;
	case 1:
		break;
	case 2:
		forge_reslice(&f, &records[below(MIN(n_records, (uint32_t)RECORDS))].frame,
			      &chance);
		break;
	case 3:
		forge_icmp(&f, &chance);
		to_b = !to_b;
		break;
	default:
		forge_hostile(&f, &chance);
		forged++;
		break;
	}
	put(&f, to_b);
}

/* --- the pool ----------------------------------------------------------------------- */

static void give_back(int i)
{
	while (n_hoard[i])
		fs_pool_put(hoard[i][--n_hoard[i]]);
}

/* Somebody else needs nearly all frames for a while, and perhaps there is no heap instead. */
static void hoard_frames(int i)
{
	struct fs_pool *pool = i ? net.b.pool : net.a.pool;
	const uint32_t leave = below(2) ? below(8) : below(FRAMES / 4);
	struct fs_buf *buf;

	give_back(i);
	pool->heap_max = below(3) ? 16 * pool->area_size : below(64) * pool->chunk_size;
	while (pool->n_free > leave && (buf = fs_pool_take(pool, FS_BUF_STAGED)))
		hoard[i][n_hoard[i]++] = buf;
}

/* --- the world ----------------------------------------------------------------------- */

static void change_world(void)
{
	static const uint16_t states[] = { NUD_REACHABLE, NUD_STALE, NUD_INCOMPLETE, NUD_FAILED };

	if (!below(300))
		test_net_resolve(&net, states[below(ARRAY_SIZE(states))]);
	if (!below(50))
		test_net_resolve(&net, NUD_PERMANENT);
	if (!below(300))
		test_set_mtu(below(2) ? &net.a : &net.b, 500 + below(1001));
}

static void restore_world(void)
{
	test_net_resolve(&net, NUD_PERMANENT);
	test_set_mtu(&net.a, 1500);
	test_set_mtu(&net.b, 1500);
}

/* --- checks ---------------------------------------------------------------------------- */

static void check_frames(const struct test_host *host, const struct tcp_frames *frames)
{
	uint32_t count[FS_BUF_STATE_COUNT];

	fs_pool_census(host->pool, count);
	for (const struct fs_buf *buf = host->pool->heap; buf; buf = buf->heap_next)
		count[buf->state]++;
	if (count[FS_BUF_UNACKED] != frames->unacked)
		broke(FRAMES_ARE_KNOWN, "unacked");
	if (count[FS_BUF_RX] != frames->rx)
		broke(FRAMES_ARE_KNOWN, "received");
	if (count[FS_BUF_LENT] != crowd_holds(host))
		broke(FRAMES_ARE_KNOWN, "lent");
	if (count[FS_BUF_STAGED] != n_hoard[host == &net.b])
		broke(FRAMES_ARE_KNOWN, "staged");
}

static void check(void)
{
	const struct test_host *const hosts[] = { &net.a, &net.b };
	struct tcp_frames frames;
	const char *wrong;

	for (int i = 0; i < 2; i++) {
		wrong = tcp_check_all(hosts[i]->stack->tcp, &frames);
		if (wrong)
			broke(INVARIANTS_HOLD, wrong);
		else if (steps % CENSUS_EVERY == 0)
			check_frames(hosts[i], &frames);
	}
	wrong = crowd_wrong();
	if (wrong)
		broke(THE_HONEST_ARE_SERVED, wrong);
}

/* --- an episode ------------------------------------------------------------------------ */

static uint64_t next_ns(void)
{
	const uint64_t a_ns = fs_stack_next_ns(net.a.stack);
	const uint64_t b_ns = fs_stack_next_ns(net.b.stack);

	return MIN(a_ns, b_ns);
}

static void let_time_pass(void)
{
	const uint64_t at_ns = next_ns();

	switch (below(16)) {
	case 0:
		if (at_ns != FS_NEVER && at_ns > net.now_ns)
			net.now_ns = at_ns;
		break;
	case 1:
		net.now_ns += below(50 * NSEC_PER_MSEC);
		break;
	case 2:
		break;
	default:
		net.now_ns += below(1 * NSEC_PER_MSEC);
		break;
	}
	if (!below(5000))
		net.now_ns += below(2000) * NSEC_PER_MSEC;
	fs_sim_advance(net.sim, net.now_ns);
}

static void storm(void)
{
	const uint64_t start_ns = fuzz_clock_ns();

	for (uint32_t n = 1 + below(BATCH_MAX); n; n--) {
		const bool to_b = below(2);

		if (!below(16))
			inject();
		else if (pending[to_b].n)
			deliver(to_b);
	}
	for (uint32_t n = below(4); n; n--)
		crowd_act();
	if (!below(200))
		hand_keep(below(2) ? net.a.wire : net.b.wire, below(2));
	if (!below(1000))
		hoard_frames((int)below(2));
	if (!below(50))
		give_back((int)below(2));
	if (hostile)
		change_world();
	run_both();
	crowd_events();
	run_both();
	let_time_pass();
	if (fuzz_clock_ns() - start_ns > NSEC_PER_SEC)
		broke(NO_STEP_IS_SLOW, "a storm");
}

/* One round over a wire that is as it should be. */
static void calm(void)
{
	uint64_t done;

	for (int i = 0; i < 2; i++)
		while (pending[i].n && pending[i].n < PENDING + 1) {
			put(first(i), i);
			pop(i);
		}
	run_both();
	crowd_events();
	do {
		done = crowd_counts.bytes + crowd_counts.sent;
		crowd_act();
	} while (done != crowd_counts.bytes + crowd_counts.sent);
	run_both();
	if (!pending[0].n && !pending[1].n) {
		const uint64_t at_ns = next_ns();

		net.now_ns = at_ns == FS_NEVER ? net.now_ns : MAX(at_ns, net.now_ns);
		fs_sim_advance(net.sim, net.now_ns);
	}
}

static bool is_empty(void)
{
	return !tcp_check_empty(net.a.stack->tcp) && !tcp_check_empty(net.b.stack->tcp) &&
	       !pending[0].n && !pending[1].n;
}

static void check_pool(const struct fs_pool *pool)
{
	uint32_t count[FS_BUF_STATE_COUNT];

	if (pool->n_free == pool->chunks)
		return;
	fs_pool_census(pool, count);
	for (int i = 0; i < FS_BUF_STATE_COUNT; i++)
		printf("state %d: %u frames\n", i, count[i]);
	broke(NOTHING_IS_LEFT, "a frame is left");
}

static void clear_up(void)
{
	uint32_t n;

	crowd_finish();
	restore_world();
	for (int i = 0; i < 2; i++)
		give_back(i);
	hand_keep(net.a.wire, false);
	hand_keep(net.b.wire, false);
	for (n = 0; n < DRAIN_STEPS && !hostile && !crowd_is_over(); n++, steps++) {
		calm();
		check();
	}
	if (!hostile && !crowd_is_over())
		broke(THEY_COME_TO_AN_END, "some still talk");
	crowd_close();
	for (n = 0; n < DRAIN_STEPS && !is_empty(); n++, steps++) {
		calm();
		check();
	}
	for (n = 0; n < 2 * FRAMES / 64; n++)	/* the ports let go of what was sent last */
		run_both();
	if (tcp_check_empty(net.a.stack->tcp))
		broke(NOTHING_IS_LEFT, tcp_check_empty(net.a.stack->tcp));
	if (tcp_check_empty(net.b.stack->tcp))
		broke(NOTHING_IS_LEFT, tcp_check_empty(net.b.stack->tcp));
	check_pool(net.a.pool);
	check_pool(net.b.pool);
}

static void episode(uint64_t seed)
{
	const uint64_t until = frames_in + EPISODE;

	hostile = episodes % 2;
	crowd_open(&net, seed + episodes, !hostile);
	while (frames_in < until) {
		storm();
		check();
		steps++;
	}
	clear_up();
	episodes++;
}

int main(int argc, char **argv)
{
	struct fuzz_args args = fuzz_args_long(argv, 10000000);
	const struct test_net_opts opts = {
		.seed = args.seed, .frames = FRAMES, .sent = on_sent,
	};
	unsigned int failed = 0;

	(void)argc;
	if (getenv("FASTSOCK_TRACE"))
		traced = strtoull(getenv("FASTSOCK_TRACE"), NULL, 0);
	chance.state = args.seed;
	test_net_open(&net, &opts);
	while (frames_in < args.rounds && !broken[NOTHING_IS_LEFT])
		episode(args.seed);
	test_net_close(&net);
	printf("%llu episodes, %llu connections, %llu accepted, %llu of strangers, %llu bytes, "
	       "%llu forged, %llu blind\n", (unsigned long long)episodes,
	       (unsigned long long)crowd_counts.opened, (unsigned long long)crowd_counts.accepted,
	       (unsigned long long)crowd_counts.strangers, (unsigned long long)crowd_counts.bytes,
	       (unsigned long long)forged, (unsigned long long)blind);
	for (int p = 0; p < PROPERTY_COUNT; p++)
		failed += broken[p] > 0;
	printf("%u passed, %u failed\n", PROPERTY_COUNT - failed, failed);
	return failed != 0;
}
