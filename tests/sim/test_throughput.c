// SPDX-License-Identifier: BSD-2-Clause
/*
 * Throughput over congestion control x round trip x loss x buffer, compared
 * with a table in the tree: golden/throughput.txt, in kbit/s.
 *
 * The same seed gives the same bytes. A change of TCP moves them, though, as
 * a loss hits another segment: a cell may move by a quarter, and the sum of a
 * block, where that evens out, by a twentieth. FASTSOCK_GOLDEN=write in the
 * environment writes the table anew; look at what it says before you commit it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/bulk.h"
#include "tests/lib/must.h"
#include "tests/lib/suite.h"

#define GOLDEN	"tests/sim/golden/throughput.txt"
#define MBPS	1000000ull

enum {
	CCS = 3, RTTS = 3, LOSSES = 4, BUFFERS = 4,
	RATE_MBPS = 50,
	SPAN_S = 10,
};

static const char *const ccs[CCS] = { "cubic", "newreno", "dctcp" };
static const unsigned int rtts_ms[RTTS] = { 2, 20, 100 };
static const unsigned int losses_ppm[LOSSES] = { 0, 1000, 10000, 30000 };
static const int buffers[BUFFERS] = { 16 << 10, 64 << 10, 256 << 10, 0 };

static struct test_net net;
static struct bulk bulk;

/* kbit/s of one flow. */
static unsigned int measure(int cc, int rtt, int loss, int buffer)
{
	const struct fs_sim_link link = {
		.delay_ns = rtts_ms[rtt] * NSEC_PER_MSEC / 2,
		.rate_bps = RATE_MBPS * MBPS, .queue_pkts = 200,
	};
	const struct test_net_opts opts = {
		.seed = 1 + (uint64_t)loss, .frames = 8192,
		.wire = { .a_to_b = link, .b_to_a = link },
		.a_to_b.loss_ppm = losses_ppm[loss],
	};
	uint64_t bytes;

	test_net_open(&net, &opts);
	bulk_open(&bulk, &net, &(struct bulk_opts){ .cc = ccs[cc], .buffer = buffers[buffer] });
	bulk_run(&bulk, &net, SPAN_S * NSEC_PER_SEC);
	bytes = bulk_total(&bulk);
	bulk_close(&bulk, &net);
	test_net_close(&net);
	return (unsigned int)(bytes * 8 / 1000 / SPAN_S);
}

typedef unsigned int block[RTTS][LOSSES][BUFFERS];

static void measure_block(int cc, block out)
{
	for (int r = 0; r < RTTS; r++)
		for (int l = 0; l < LOSSES; l++)
			for (int b = 0; b < BUFFERS; b++)
				out[r][l][b] = measure(cc, r, l, b);
}

static bool is_to_be_written(void)
{
	const char *golden = getenv("FASTSOCK_GOLDEN");

	return golden && !strcmp(golden, "write");
}

static void write_block(int cc, block cells)
{
	FILE *f = fopen(GOLDEN, cc ? "a" : "w");

	must(f);
	if (!cc)
		fprintf(f, "# kbit/s over %d Mbit/s with a queue of 200 packets, %d s; "
			"FASTSOCK_GOLDEN=write rewrites\n"
			"# cc      RTT ms  loss %%    16 KiB    64 KiB   256 KiB      auto\n",
			RATE_MBPS, SPAN_S);
	for (int r = 0; r < RTTS; r++)
		for (int l = 0; l < LOSSES; l++) {
			fprintf(f, "%-9s %6u %7.1f", ccs[cc], rtts_ms[r], losses_ppm[l] / 1e4);
			for (int b = 0; b < BUFFERS; b++)
				fprintf(f, "%10u", cells[r][l][b]);
			fputc('\n', f);
		}
	fclose(f);
}

static void read_line(const char *line, int cc, int r, int l, block out)
{
	unsigned int *c = out[r][l], rtt;
	char name[16];
	float loss;

	ck_assert_int_eq(sscanf(line, "%15s %u %f %u %u %u %u", name, &rtt, &loss, &c[0], &c[1],
				&c[2], &c[3]), 3 + BUFFERS);
	ck_assert_str_eq(name, ccs[cc]);
	ck_assert_uint_eq(rtt, rtts_ms[r]);
}

static void read_block(int cc, block out)
{
	FILE *f = fopen(GOLDEN, "r");
	int at = -cc * RTTS * LOSSES;
	char line[200];

	ck_assert_msg(f, "no %s: run this where it is, or write it", GOLDEN);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (at >= 0 && at < RTTS * LOSSES)
			read_line(line, cc, at / LOSSES, at % LOSSES, out);
		at++;
	}
	fclose(f);
	ck_assert_int_eq(at, (CCS - cc) * RTTS * LOSSES);
}

START_TEST(throughput_is_as_in_the_table)
{
	block is, golden;
	double sum = 0, golden_sum = 0;

	measure_block(_i, is);
	if (is_to_be_written()) {
		write_block(_i, is);
		return;
	}
	read_block(_i, golden);
	for (int r = 0; r < RTTS; r++)
		for (int l = 0; l < LOSSES; l++)
			for (int b = 0; b < BUFFERS; b++) {
				const unsigned int was = golden[r][l][b], now = is[r][l][b];

				ck_assert_msg(now >= was - was / 4 && now <= was + was / 4,
					      "%s, RTT %u ms, loss %u ppm, buffer %d: %u kbit/s, was %u",
					      ccs[_i], rtts_ms[r], losses_ppm[l], buffers[b], now, was);
				sum += now;
				golden_sum += was;
			}
	ck_assert_msg(sum > golden_sum * .95 && sum < golden_sum * 1.05,
		      "%s: %.0f in all, was %.0f", ccs[_i], sum, golden_sum);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_bytes)
{
	const unsigned int first = measure(0, 1, 2, 3);

	ck_assert_uint_eq(measure(0, 1, 2, 3), first);
}
END_TEST

/* Mathis et al.: 1.22 segments for each round trip and root of the loss. */
START_TEST(loss_costs_no_more_than_theory_says)
{
	ck_assert_uint_ge(measure(0, 1, 1, 3), 22300 * 9 / 10);
	ck_assert_uint_ge(measure(0, 1, 2, 3), 7070 * 8 / 10);
	ck_assert_uint_ge(measure(0, 1, 3, 3), 4080 * 8 / 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/throughput");
	TCase *tc = tcase_create("throughput");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, throughput_is_as_in_the_table, 0, CCS);
	tcase_add_test(tc, the_same_seed_gives_the_same_bytes);
	tcase_add_test(tc, loss_costs_no_more_than_theory_says);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
