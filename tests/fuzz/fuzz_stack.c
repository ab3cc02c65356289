// SPDX-License-Identifier: BSD-2-Clause
/*
 * Spoilt frames through a whole stack, whose application answers, keeps and
 * releases what it gets, while neighbours come and go.
 *
 * What must hold: what the application is lent lies inside its frame; what
 * the stack sends is valid; every frame received is delivered or counted; no
 * frame is lost; no batch takes long.
 */
#include "tests/lib/fixture.h"
#include "tests/lib/fuzz.h"
#include "tests/lib/leak.h"
#include "tests/lib/mutate.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
	BATCH_MAX = 32,
	KEPT_MAX = 100,
	CENSUS_EVERY = 1000,	/* batches */
};

enum property {
	LENT_IS_INSIDE = 0,
	SENT_IS_VALID,
	ALL_IS_COUNTED,
	NO_FRAME_IS_LOST,
	NO_BATCH_IS_SLOW,
	PROPERTY_COUNT
};

static const char *const sentences[PROPERTY_COUNT] = {
	"what is lent lies inside its frame",
	"what is sent is valid",
	"what comes in is delivered or counted",
	"no frame is lost",
	"no batch takes a second",
};

static uint64_t broken[PROPERTY_COUNT];
static uint64_t replies, delivered;

static struct test_net net;
static struct fs_udp *any, *peer;	/* of all; connected to the sender */
static struct fs_buf *kept[KEPT_MAX];
static unsigned int n_kept;
static struct fs_random chance;

static void broke(enum property property)
{
	if (!broken[property]++)
		printf("not so: %s\n", sentences[property]);
}

static void release_kept(void)
{
	fs_buf_release(kept, n_kept);
	n_kept = 0;
}

static void use(struct fs_udp *udp, struct fs_buf *buf)
{
	static volatile uint8_t sum;

	delivered++;
	if (buf->data < buf->area || buf->data + buf->len > buf->area + buf->room)
		broke(LENT_IS_INSIDE);
	else
		for (uint32_t i = 0; i < buf->len; i++)
			sum = (uint8_t)(sum + buf->data[i]);
	if (n_kept < KEPT_MAX && !fs_random_below(&chance, 8)) {
		kept[n_kept++] = buf;
		return;
	}
	if (fs_random_below(&chance, 2) || fs_udp_send(udp, &buf, 1) != 1)
		fs_buf_release(&buf, 1);
}

static void application(void)
{
	struct fs_udp *const all[] = { any, peer };
	struct fs_event events[8];
	struct fs_buf *buf;

	fs_stack_events(net.a.stack, events, 8);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		while (fs_udp_recv(all[i], &buf, 1))
			use(all[i], buf);
	if (!fs_random_below(&chance, 50))
		release_kept();
}

static bool is_valid(const struct fs_buf *buf)
{
	struct fs_wire_frame f;
	struct fs_wire_udp udp;
	struct fs_wire_tcp tcp;

	if (buf->len > 1514 || fs_wire_parse(buf->data, buf->len, &f) != FS_WIRE_OK)
		return false;
	if (f.proto == FS_IPPROTO_UDP)
		return fs_wire_udp_parse(buf->data, &f, &udp) == FS_WIRE_OK &&
		       fs_wire_udp_csum(buf->data, &f, &udp) == FS_CSUM_GOOD;
	/* There is no TCP endpoint: what else could it say? */
	return f.proto == FS_IPPROTO_TCP && fs_wire_tcp_parse(buf->data, &f, &tcp) == FS_WIRE_OK &&
	       fs_wire_tcp_csum(buf->data, &f) == FS_CSUM_GOOD && tcp.flags & FS_TCP_F_RST;
}

static void check_replies(void)
{
	struct fs_buf *burst[BATCH_MAX];
	unsigned int n;

	while ((n = net.b.wire->ops->rx(net.b.wire, burst, BATCH_MAX))) {
		replies += n;
		while (n) {
			if (!is_valid(burst[--n])) {
				broke(SENT_IS_VALID);
				fuzz_dump(burst[n]->data, burst[n]->len);
			}
			fs_pool_put(burst[n]);
		}
	}
}

static void inject(const struct mutate_frame *frame)
{
	struct fs_buf *buf = fs_pool_take(net.b.pool, FS_BUF_TX);

	must(buf);
	buf->data = buf->area + FS_POOL_HEADROOM;
	buf->len = frame->len;
	memcpy(buf->data, frame->bytes, frame->len);
	must(net.b.wire->ops->tx(net.b.wire, &buf, 1) == 1);
}

/* Only a's stack runs: b is the hand that throws. */
static void run_stack(uint64_t now_ns)
{
	fs_sim_advance(net.sim, now_ns);
	fs_stack_run(net.a.stack, now_ns);
	application();
	fs_stack_run(net.a.stack, now_ns);
	fs_sim_advance(net.sim, now_ns);
	check_replies();
}

static void census(void)
{
	const struct fs_stack_stats *s = &net.a.stack->host.stats;
	uint32_t count[FS_BUF_STATE_COUNT];

	release_kept();
	/* Past the patience with silent neighbours. */
	net.now_ns += 10 * NSEC_PER_SEC;
	for (int i = 0; i < 4; i++)
		run_stack(net.now_ns);
	release_kept();
	fs_pool_census(net.a.pool, count);
	if (count[FS_BUF_FREE] + count[FS_BUF_FILL] != net.a.pool->chunks)
		broke(NO_FRAME_IS_LOST);
	if (s->rx_pkts != s->rx_udp + s->rx_tcp + s->rx_icmp + s->rx_drop_short + s->rx_drop_proto +
	    s->rx_drop_ip_csum + s->rx_drop_csum + s->rx_drop_fragment + s->rx_drop_addr +
	    s->rx_drop_no_endpoint + s->rx_drop_queue_full)
		broke(ALL_IS_COUNTED);
}

static void change_world(void)
{
	static const uint16_t states[] = { NUD_REACHABLE, NUD_STALE, NUD_INCOMPLETE, NUD_FAILED,
					   NUD_PERMANENT, NUD_REACHABLE };

	if (!fs_random_below(&chance, 20))
		test_net_resolve(&net, states[fs_random_below(&chance, ARRAY_SIZE(states))]);
}

static void open_all(const struct fuzz_args *args)
{
	const struct test_net_opts opts = { .seed = args->seed, .frames = 512 };
	const struct fs_addr theirs = test_with_port((struct fs_addr){
		.family = AF_INET, .ip = { 10, 0, 0, 2 } }, 2000);

	chance.state = ~args->seed;
	test_net_open(&net, &opts);
	any = test_udp(&net.a, (struct fs_addr){ .port = 1000 }, NULL);
	peer = test_udp(&net.a, test_with_port(net.a.ip4, 1000), &theirs);
}

int main(int argc, char **argv)
{
	static struct mutate_frame seeds[MUTATE_SEEDS_MAX], spoilt;
	struct fuzz_args args = fuzz_args(argv);
	struct fs_random random = { args.seed };
	unsigned int n = mutate_seeds(seeds), failed = 0;
	uint64_t batches = 0;

	(void)argc;
	open_all(&args);
	for (uint64_t i = 0; i < args.rounds; batches++) {
		uint64_t size = 1 + fs_random_below(&chance, BATCH_MAX), start_ns;

		for (uint64_t k = 0; k < size && i < args.rounds; k++, i++) {
			mutate(&spoilt, seeds, n, &random);
			inject(&spoilt);
		}
		net.b.wire->ops->kick(net.b.wire);
		change_world();
		net.now_ns += fs_random_below(&chance, 10 * NSEC_PER_MSEC);
		start_ns = fuzz_clock_ns();
		run_stack(net.now_ns);
		if (fuzz_clock_ns() - start_ns > NSEC_PER_SEC)
			broke(NO_BATCH_IS_SLOW);
		if (batches % CENSUS_EVERY == CENSUS_EVERY - 1)
			census();
	}
	census();
	if (!delivered || !replies)
		printf("nothing came through: the fuzzer is wrong\n");
	failed += !delivered || !replies;
	test_net_close(&net);
	printf("%llu delivered, %llu answered\n", (unsigned long long)delivered,
	       (unsigned long long)replies);
	for (int p = 0; p < PROPERTY_COUNT; p++)
		failed += broken[p] > 0;
	printf("%u passed, %u failed\n", MAX(PROPERTY_COUNT, failed) - failed, failed);
	return failed != 0;
}
