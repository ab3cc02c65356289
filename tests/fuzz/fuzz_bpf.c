// SPDX-License-Identifier: BSD-2-Clause
/*
 * Spoilt frames through the XDP program, compiled natively (tests/lib/native.h),
 * each in a block of memory of exactly its size. What a rule says and what the
 * host is like change all the time.
 *
 * What must hold: exactly one verdict counts, the action is the verdict's, what
 * passes or is steered goes on as it came, what the kernel might refuse is
 * neither steered nor answered, and every socket looked up is released.
 */
#include <netinet/in.h>

#include "tests/lib/native.h"
#include "base/random.h"
#include "tests/lib/fuzz.h"
#include "tests/lib/mutate.h"
#include "ctl/entry.h"

enum {
	PORT = 1000,
	CHANGE_EVERY = 256,	/* frames */
};

enum property {
	ONE_VERDICT = 0,
	ACTION_IS_THE_VERDICTS,
	WHAT_GOES_ON_IS_UNCHANGED,
	ODD_IS_THE_KERNELS,
	SOCKETS_ARE_GIVEN_BACK,
	PROPERTY_COUNT
};

static const char *const sentences[PROPERTY_COUNT] = {
	"exactly one verdict counts",
	"the action is the verdict's",
	"what passes or is steered goes on as it came",
	"what the kernel might refuse passes",
	"sockets that were looked up are released",
};

static uint64_t broken[PROPERTY_COUNT], count[FS_STAT_verdicts_end];
static struct fs_random chance;

static uint32_t below(uint32_t n)
{
	return (uint32_t)fs_random_below(&chance, n);
}

static void set_rule(uint8_t family, uint8_t proto, uint16_t port)
{
	static const uint8_t answers[] = { FS_ANSWER_ECHO, FS_ANSWER_KV, FS_ANSWER_USER, 0 };
	const struct fs_rule_key key = { .family = family, .proto = proto, .port = htons(port) };
	const struct fs_rule rule = {
		.action = (uint8_t)(below(2) ? FS_ACTION_ANSWER : below(FS_ACTION_COUNT)),
		.answer = answers[below(3 + !below(8))],
		.slot = (uint16_t)below(70),
		.flags = (below(2) ? FS_RULE_F_MISS_STEER : 0) |
			(below(2) ? FS_RULE_F_KERNEL_FIRST : 0),
		.rate_pps = below(4) ? 0 : 1 + below(1000),
		.burst_pkts = below(3),
	};

	native_rule(&key, &rule);
	if (below(2)) {
		memcpy(&native.hot->entry[native.n_rules - 1].key, &key, sizeof(uint32_t));
		native.hot->entry[native.n_rules - 1].rule = rule;
	}
}

static void publish(void)
{
	const struct fs_ctl_entry entry = fs_ctl_entry_small(native.small);
	struct fs_kv_hot *at;

	native.small_hash = fs_ctl_entry_hash(native.config->kv_seed, "colour", 6);
	fs_ctl_entry_fill(&entry, 7, "colour", 6,
			  "green, blue or red, green, blue or red, green, blue or red, green", below(65));
	at = &native.kv_hot[(native.small_hash % FS_KV_HOT_ENTRIES) ^ below(2)];
	at->hash = below(2) ? native.small_hash : 0;
	at->entry = *native.small;
	at->entry.gen_end += !below(4);
}

/* Another host, with other rules. */
static void change_world(void)
{
	*native.config = (struct fs_config){
		.abi_version = FS_ABI_VERSION,
		.flags = below(32),
		.queues = below(3),
		.kv_seed = 7,
		.mac = { 2, 0, 0, 0, 0, 10 },
	};
	native.queue = below(2);
	native.has_sockets = below(4);
	native.sock.state = below(2) ? below(BPF_TCP_MAX_STATES) : 0;
	native.fib = below(4) ? BPF_FIB_LKUP_RET_NOT_FWDED : BPF_FIB_LKUP_RET_SUCCESS;
	native.n_rules = 0;
	memset(native.hot, 0, sizeof(*native.hot));
	set_rule(AF_INET, IPPROTO_UDP, PORT);
	set_rule(AF_INET6, IPPROTO_UDP, PORT);
	set_rule(AF_INET, IPPROTO_TCP, PORT);
	set_rule(AF_INET6, IPPROTO_TCP, PORT);
	set_rule(AF_INET, IPPROTO_ICMP, 0);
	set_rule(AF_INET6, IPPROTO_ICMPV6, 0);
	publish();
}

static int action_of(int verdict)
{
	if (verdict == FS_STAT_steer || verdict == FS_STAT_steer_icmp)
		return XDP_REDIRECT;
	if (verdict >= FS_STAT_tx_echo && verdict <= FS_STAT_tx_user)
		return XDP_TX;
	return verdict >= FS_STAT_drop_rule ? XDP_DROP : XDP_PASS;
}

/* Judged with other eyes than the parser's, for what is steered or answered. */
static bool is_odd(const uint8_t *frame, uint32_t len)
{
	uint32_t at = 12;

	while (at + 4 <= len && (get_be16(frame + at) == 0x8100 || get_be16(frame + at) == 0x88a8)) {
		if (get_be16(frame + at + 2) & 0xfff)
			return true;
		at += 4;
	}
	if (at + 2 + 20 > len)
		return true;
	at += 2;
	if (frame[at] >> 4 == 4)
		return frame[at] != 0x45 || get_be16(frame + at + 6) & 0x3fff;
	return frame[at + 6] != IPPROTO_UDP && frame[at + 6] != IPPROTO_TCP &&
	       frame[at + 6] != IPPROTO_ICMPV6;
}

static void broke(enum property property, const struct mutate_frame *was, uint64_t round)
{
	if (broken[property]++)
		return;
	printf("round %llu: not so: %s\n", (unsigned long long)round, sentences[property]);
	fuzz_dump(was->bytes, was->len);
}

static void run_one(const struct mutate_frame *was, uint64_t round)
{
	const struct fs_stats before = *native.stats;
	uint8_t *exact = malloc(was->len);
	int verdict = 0, action;

	must(exact);
	memcpy(exact, was->bytes, was->len);
	action = native_run(exact, was->len);
	if (native_verdicts(&before, &verdict) != 1 ||
	    native.stats->rx_packets != before.rx_packets + 1)
		broke(ONE_VERDICT, was, round);
	if (action != action_of(verdict))
		broke(ACTION_IS_THE_VERDICTS, was, round);
	if ((action == XDP_PASS || action == XDP_REDIRECT) &&
	    memcmp(exact, was->bytes, was->len) != 0)
		broke(WHAT_GOES_ON_IS_UNCHANGED, was, round);
	if ((action == XDP_TX || action == XDP_REDIRECT) && is_odd(was->bytes, was->len))
		broke(ODD_IS_THE_KERNELS, was, round);
	if (native.sock_refs)
		broke(SOCKETS_ARE_GIVEN_BACK, was, round);
	count[verdict]++;
	free(exact);
}

static void print_counts(void)
{
#define NAME(name, text) [FS_STAT_##name] = #name,
	static const char *const names[FS_STAT_verdicts_end] = { FS_VERDICTS(NAME) };

	for (int i = 1; i < FS_STAT_verdicts_end; i++)
		printf("%s %llu%s", names[i], (unsigned long long)count[i],
		       i + 1 < FS_STAT_verdicts_end ? ", " : "\n");
}

int main(int argc, char **argv)
{
	static struct mutate_frame seeds[MUTATE_SEEDS_MAX], spoilt;
	struct fuzz_args args = fuzz_args(argv);
	unsigned int n = mutate_seeds(seeds), failed = 0;

	(void)argc;
	chance.state = args.seed;
	native_open();
	for (uint64_t i = 0; i < args.rounds; i++) {
		if (i % CHANGE_EVERY == 0)
			change_world();
		mutate(&spoilt, seeds, n, &chance);
		run_one(&spoilt, i);
	}
	native_close();
	print_counts();
	for (int i = 0; i < PROPERTY_COUNT; i++)
		failed += broken[i] != 0;
	printf("%u passed, %u failed\n", PROPERTY_COUNT - failed, failed);
	return failed != 0;
}
