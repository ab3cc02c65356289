/* SPDX-License-Identifier: BSD-2-Clause */
/* rig.c - see rig.h. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include "ctl/kvhot.h"
#include "rig.h"

#define FS_STAT_NAME(name, text) [FS_STAT_##name] = #name,
static const char *const names[FS_STAT_COUNT] = {
	[FS_STAT_rx_packets] = "none",
	FS_VERDICTS(FS_STAT_NAME)
	FS_DETAILS(FS_STAT_NAME)
};

const char *rig_verdict_name(int verdict)
{
	return verdict >= 0 && verdict < FS_STAT_COUNT ? names[verdict] : "?";
}

const char *rig_path(const char *object)
{
	const char *dir = getenv("FASTSOCK_BPF_DIR");
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "build/bpf", object);
	return path;
}

static int only_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int rig_map(struct rig *rig, const char *name)
{
	return bpf_object__find_map_fd_by_name(rig->object, name);
}

void rig_open(struct rig *rig, const char *object)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	memset(rig, 0, sizeof(*rig));
	libbpf_set_print(only_warnings);
	rig->object = bpf_object__open(rig_path(object));
	ck_assert_msg(rig->object != NULL, "cannot open %s", rig_path(object));
	bpf_object__for_each_map(map, rig->object)
		bpf_map__set_pin_path(map, NULL);
	prog = bpf_object__find_program_by_name(rig->object, FS_PROG_NAME);
	ck_assert(prog != NULL);
	bpf_program__set_expected_attach_type(prog, 0);
	ck_assert_int_eq(bpf_object__load(rig->object), 0);
	rig->prog = bpf_program__fd(prog);
	rig->config = rig_map(rig, FS_MAP_CONFIG);
	rig->rules = rig_map(rig, FS_MAP_RULES);
	rig->stats = rig_map(rig, FS_MAP_STATS);
	rig->xsks = rig_map(rig, FS_MAP_XSKS);
	rig->kv_small = rig_map(rig, FS_MAP_KV_SMALL);
	rig->kv_large = rig_map(rig, FS_MAP_KV_LARGE);
	rig->answers = rig_map(rig, FS_MAP_ANSWERS);
	rig->kv_hot = fs_ctl_kvhot_map(rig_map(rig, FS_MAP_KV_HOT));
	ck_assert_ptr_nonnull(rig->kv_hot);
	rig_reset(rig);
}

void rig_close(struct rig *rig)
{
	fs_ctl_kvhot_unmap(rig->kv_hot);
	bpf_object__close(rig->object);
	rig->object = NULL;
}

static void empty(int map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(map, NULL, key))
		bpf_map_delete_elem(map, key);
}

void rig_reset(struct rig *rig)
{
	empty(rig->rules);
	empty(rig->kv_small);
	empty(rig->kv_large);
	memset(rig->kv_hot, 0, sizeof(*rig->kv_hot) * FS_KV_HOT_ENTRIES);
	empty(rig_map(rig, FS_MAP_RATES));
	rig->ifindex = rig->queue = 0;
	rig_config(rig, &(struct fs_config){
		.abi_version = FS_ABI_VERSION,
		.flags = FS_CONFIG_F_HOST,
		.kv_seed = 0x1122334455667788,
	});
}

void rig_config(struct rig *rig, const struct fs_config *config)
{
	uint32_t zero = 0;

	rig->set = *config;
	ck_assert_int_eq(bpf_map_update_elem(rig->config, &zero, config, BPF_ANY), 0);
}

void rig_flags(struct rig *rig, uint32_t flags)
{
	struct fs_config config = rig->set;

	config.flags = flags;
	rig_config(rig, &config);
}

void rig_rule(struct rig *rig, int ip6, uint8_t proto, const char *addr, uint16_t port,
	      struct fs_rule rule)
{
	struct fs_rule_key key = {
		.family = ip6 ? AF_INET6 : AF_INET,
		.proto = proto,
		.port = htons(port),
	};

	if (addr)
		inet_pton(key.family, addr, key.addr);
	ck_assert_int_eq(bpf_map_update_elem(rig->rules, &key, &rule, BPF_ANY), 0);
}

/* A passed ck_assert costs a system call: too much for what runs per packet. */
#define insist(condition, ...)				\
	do {						\
		if (!(condition))			\
			ck_abort_msg(__VA_ARGS__);	\
	} while (0)

static void sum_stats(struct rig *rig, uint64_t sum[FS_STAT_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t all[cpus][FS_STAT_COUNT];
	uint32_t zero = 0;

	insist(bpf_map_lookup_elem(rig->stats, &zero, all) == 0, "no stats");
	memset(sum, 0, sizeof(uint64_t[FS_STAT_COUNT]));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < FS_STAT_COUNT; i++)
			sum[i] += all[cpu][i];
}

uint64_t rig_total(struct rig *rig, enum fs_stat stat)
{
	uint64_t sum[FS_STAT_COUNT];

	sum_stats(rig, sum);
	return sum[stat];
}

static uint32_t action_of(int verdict)
{
	if (verdict >= FS_STAT_steer && verdict <= FS_STAT_steer_icmp)
		return XDP_REDIRECT;
	if (verdict >= FS_STAT_tx_echo && verdict <= FS_STAT_tx_user)
		return XDP_TX;
	return verdict >= FS_STAT_drop_rule ? XDP_DROP : XDP_PASS;
}

/* The one verdict that counted, and everything else that counts always. */
static int the_verdict(const struct rig *rig, size_t len)
{
	int verdict = 0;

	insist(rig->count[FS_STAT_rx_packets] == 1, "rx_packets");
	insist(rig->count[FS_STAT_rx_bytes] == len, "rx_bytes");
	for (int i = 1; i < FS_STAT_verdicts_end; i++) {
		insist(rig->count[i] <= 1, "%s counted twice", names[i]);
		insist(!rig->count[i] || !verdict, "both %s and %s", names[verdict], names[i]);
		if (rig->count[i])
			verdict = i;
	}
	insist(verdict != 0, "no verdict");
	return verdict;
}

int rig_run_bytes(struct rig *rig, const void *bytes, size_t len)
{
	uint64_t before[FS_STAT_COUNT], after[FS_STAT_COUNT];
	struct xdp_md ctx = {
		.data_end = (uint32_t)len,
		.ingress_ifindex = rig->ifindex,
		.rx_queue_index = rig->queue,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = bytes, .data_size_in = (uint32_t)len,
		.data_out = rig->out, .data_size_out = sizeof(rig->out),
		.repeat = 1);
	int verdict;

	if (rig->ifindex) {
		opts.ctx_in = &ctx;
		opts.ctx_size_in = sizeof(ctx);
	}
	sum_stats(rig, before);
	insist(bpf_prog_test_run_opts(rig->prog, &opts) == 0, "test run: errno %d", errno);
	sum_stats(rig, after);
	for (int i = 0; i < FS_STAT_COUNT; i++)
		rig->count[i] = after[i] - before[i];
	rig->out_len = opts.data_size_out;
	verdict = the_verdict(rig, len);
	insist(rig->out_len <= len, "the frame grew");
	insist(opts.retval == action_of(verdict), "action %u with verdict %s", opts.retval,
	       names[verdict]);
	insist(rig->count[FS_STAT_tx_bytes] == (opts.retval == XDP_TX ? rig->out_len : 0),
	       "tx_bytes");
	return verdict;
}

int rig_run(struct rig *rig, const struct packet *p)
{
	return rig_run_bytes(rig, p->bytes, p->len);
}

void expect(struct rig *rig, const struct packet *p, int verdict)
{
	int got = rig_run(rig, p);

	ck_assert_msg(got == verdict, "%s where %s was expected", rig_verdict_name(got),
		      rig_verdict_name(verdict));
	if (action_of(got) == XDP_TX)
		return;
	ck_assert_uint_eq(rig->out_len, p->len);
	ck_assert_mem_eq(rig->out, p->bytes, p->len);
}

void expect_reply(struct rig *rig, const struct packet *p, int verdict)
{
	size_t addr = p->ip6 ? 16 : 4, src = p->l3 + (p->ip6 ? 8 : 12), dst = src + addr;
	const char *fault;

	expect(rig, p, verdict);
	ck_assert_uint_eq(rig->out_len, p->len);
	ck_assert_int_eq(packet_parse(&rig->reply, rig->out, rig->out_len), 0);
	fault = packet_fault(&rig->reply);
	ck_assert_msg(fault == NULL, "%s is wrong", fault);
	ck_assert_mem_eq(rig->out, p->bytes + 6, 6);
	ck_assert_mem_eq(rig->out + 6, p->bytes, 6);
	ck_assert_mem_eq(rig->out + 12, p->bytes + 12, p->l3 - 12);
	ck_assert_mem_eq(rig->out + src, p->bytes + dst, addr);
	ck_assert_mem_eq(rig->out + dst, p->bytes + src, addr);
	ck_assert_uint_eq(rig->out[p->l3 + (p->ip6 ? 7 : 8)], 64);
	if (p->proto == 17) {
		ck_assert_mem_eq(rig->out + p->l4, p->bytes + p->l4 + 2, 2);
		ck_assert_mem_eq(rig->out + p->l4 + 2, p->bytes + p->l4, 2);
	}
}
