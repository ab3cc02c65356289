// SPDX-License-Identifier: BSD-2-Clause
/* The pcapng writer, read back block by block, and the tap port. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numbered.h"
#include "port/fault.h"
#include "port/pcap.h"
#include "port/sim.h"
#include "tests/lib/leak.h"
#include "tests/lib/suite.h"

static char path[] = "/tmp/fs-pcap-XXXXXX";
static struct fs_pcap *pcap;
static int fds;

static uint8_t *file;
static size_t file_len, at;

static void setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	fds = test_open_fds();
}

static void teardown(void)
{
	unlink(path);
	free(file);
	file = NULL;
	test_check_fds(fds);
}

static void load(void)
{
	FILE *in = fopen(path, "rb");
	struct stat st;

	ck_assert_ptr_nonnull(in);
	ck_assert_int_eq(stat(path, &st), 0);
	free(file);
	file_len = (size_t)st.st_size;
	file = malloc(file_len + 1);
	ck_assert_uint_eq(fread(file, 1, file_len, in), file_len);
	fclose(in);
	at = 0;
}

static uint32_t word(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint16_t half(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The next block, its lengths checked; NULL at the end. */
static const uint8_t *block(uint32_t type)
{
	const uint8_t *p = file + at;
	uint32_t len;

	if (at == file_len)
		return NULL;
	ck_assert_uint_le(at + 12, file_len);
	ck_assert_uint_eq(word(p), type);
	len = word(p + 4);
	ck_assert_uint_eq(len % 4, 0);
	ck_assert_uint_le(at + len, file_len);
	ck_assert_uint_eq(word(p + len - 4), len);
	at += len;
	return p;
}

/* The option with @code; the list must end properly, before the block does. */
static const uint8_t *option(const uint8_t *p, uint16_t code, uint16_t *len)
{
	const uint8_t *found = NULL;

	for (; half(p); p += 4 + (half(p + 2) + 3) / 4 * 4) {
		if (half(p) == code) {
			found = p + 4;
			*len = half(p + 2);
		}
	}
	ck_assert_uint_eq(half(p + 2), 0);
	ck_assert_uint_eq(word(p + 4) % 4, 0);
	return found;
}

static void check_section(void)
{
	const uint8_t *p = block(0x0a0d0d0a);
	uint16_t len = 0;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(word(p + 8), 0x1a2b3c4d);
	ck_assert_uint_eq(half(p + 12), 1);
	ck_assert_mem_eq(option(p + 24, 4, &len), "libfastsock", 11);
}

static void check_iface(const char *name)
{
	const uint8_t *p = block(1), *text, *resolution;
	uint16_t len = 0;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(half(p + 8), 1);
	text = option(p + 16, 2, &len);
	ck_assert_uint_eq(len, strlen(name));
	ck_assert_mem_eq(text, name, len);
	resolution = option(p + 16, 9, &len);
	ck_assert_uint_eq(*resolution, 9);
}

struct packet {
	uint32_t iface;
	uint64_t time_ns;
	uint32_t kept;
	uint32_t len;
	uint32_t dir;
	const uint8_t *data;
};

static bool next_packet(struct packet *out)
{
	const uint8_t *p = block(6);
	uint16_t len = 0;

	if (!p)
		return false;
	out->iface = word(p + 8);
	out->time_ns = (uint64_t)word(p + 12) << 32 | word(p + 16);
	out->kept = word(p + 20);
	out->len = word(p + 24);
	out->data = p + 28;
	out->dir = word(option(p + 28 + (out->kept + 3) / 4 * 4, 2, &len));
	ck_assert_uint_eq(len, 4);
	return true;
}

START_TEST(packets_come_back_with_interface_time_and_direction)
{
	uint8_t data[100];
	struct packet packet;

	memset(data, 0x5a, sizeof(data));
	ck_assert_int_eq(fs_pcap_open(&pcap, path, NULL), 0);
	ck_assert_uint_eq(fs_pcap_iface(pcap, "eth7"), 0);
	ck_assert_uint_eq(fs_pcap_iface(pcap, "veth-long"), 1);
	fs_pcap_write(pcap, 0, 5, data, 61, FS_PCAP_IN);
	fs_pcap_write(pcap, 1, 1ull << 40, data, 100, FS_PCAP_OUT);
	ck_assert_int_eq(fs_pcap_close(pcap), 0);
	load();
	check_section();
	check_iface("eth7");
	check_iface("veth-long");
	ck_assert(next_packet(&packet));
	ck_assert_uint_eq(packet.iface, 0);
	ck_assert_uint_eq(packet.time_ns, 5);
	ck_assert_uint_eq(packet.kept, 61);
	ck_assert_uint_eq(packet.len, 61);
	ck_assert_uint_eq(packet.dir, FS_PCAP_IN);
	ck_assert_mem_eq(packet.data, data, 61);
	ck_assert(next_packet(&packet));
	ck_assert_uint_eq(packet.iface, 1);
	ck_assert_uint_eq(packet.time_ns, 1ull << 40);
	ck_assert_uint_eq(packet.dir, FS_PCAP_OUT);
	ck_assert(!next_packet(&packet));
}
END_TEST

START_TEST(options_shorten_packets_and_move_the_clock)
{
	const struct fs_pcap_opts opts = { .epoch_ns = 1700000000ull * NSEC_PER_SEC,
					   .snap_len = 14 };
	const uint8_t data[60] = { 1, 2, 3 };
	struct packet packet;

	ck_assert_int_eq(fs_pcap_open(&pcap, path, &opts), 0);
	fs_pcap_iface(pcap, "x");
	fs_pcap_write(pcap, 0, 9, data, 60, FS_PCAP_OUT);
	ck_assert_int_eq(fs_pcap_close(pcap), 0);
	load();
	check_section();
	check_iface("x");
	ck_assert(next_packet(&packet));
	ck_assert_uint_eq(packet.kept, 14);
	ck_assert_uint_eq(packet.len, 60);
	ck_assert_uint_eq(packet.time_ns, opts.epoch_ns + 9);
}
END_TEST

START_TEST(more_than_a_buffer_is_written_whole)
{
	static uint8_t data[1500];
	struct packet packet;
	unsigned int n = 0;

	ck_assert_int_eq(fs_pcap_open(&pcap, path, NULL), 0);
	fs_pcap_iface(pcap, "x");
	for (unsigned int i = 0; i < 3000; i++) {
		data[0] = (uint8_t)i;
		fs_pcap_write(pcap, 0, i, data, i % 1500 + 1, FS_PCAP_IN);
	}
	ck_assert_int_eq(fs_pcap_close(pcap), 0);
	load();
	check_section();
	check_iface("x");
	for (; next_packet(&packet); n++) {
		ck_assert_uint_eq(packet.time_ns, n);
		ck_assert_uint_eq(packet.len, n % 1500 + 1);
		ck_assert_uint_eq(packet.data[0], (uint8_t)n);
	}
	ck_assert_uint_eq(n, 3000);
}
END_TEST

START_TEST(flush_makes_packets_visible_before_the_end)
{
	const uint8_t data[60] = { 0 };
	struct packet packet;

	ck_assert_int_eq(fs_pcap_open(&pcap, path, NULL), 0);
	fs_pcap_iface(pcap, "x");
	fs_pcap_write(pcap, 0, 1, data, 60, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_flush(pcap), 0);
	load();
	check_section();
	check_iface("x");
	ck_assert(next_packet(&packet));
	ck_assert_int_eq(fs_pcap_close(pcap), 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_is_an_error_at_once)
{
	pcap = NULL;
	ck_assert_int_eq(fs_pcap_open(&pcap, "/nonexistent/x", NULL), -ENOENT);
	ck_assert_int_eq(fs_pcap_open(&pcap, "/dev/full", NULL), -ENOSPC);
	ck_assert_ptr_null(pcap);
	ck_assert_int_eq(fs_pcap_close(NULL), 0);
}
END_TEST

/* A limit on the file's size cuts a write in the middle, like a full disk. */
static void limit_file(rlim_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(full_disk_is_reported_and_the_file_stays_valid)
{
	static const uint8_t data[1000];
	unsigned int n = 0;
	struct packet packet;
	uint64_t lost;

	ck_assert_int_eq(fs_pcap_open(&pcap, path, NULL), 0);
	fs_pcap_iface(pcap, "x");
	for (int i = 0; i < 10; i++)
		fs_pcap_write(pcap, 0, 1, data, 1000, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_flush(pcap), 0);
	limit_file(15000);
	for (int i = 0; i < 7; i++)
		fs_pcap_write(pcap, 0, 2, data, 1000, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_error(pcap, &lost), 0);
	ck_assert_int_eq(fs_pcap_flush(pcap), -EFBIG);
	ck_assert_int_eq(fs_pcap_error(pcap, &lost), -EFBIG);
	ck_assert_uint_eq(lost, 7);
	/* There is room again. */
	limit_file(RLIM_INFINITY);
	fs_pcap_write(pcap, 0, 3, data, 1000, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_close(pcap), -EFBIG);
	load();
	check_section();
	check_iface("x");
	for (; next_packet(&packet); n++)
		ck_assert_uint_eq(packet.time_ns, n < 10 ? 1 : 3);
	ck_assert_uint_eq(n, 11);
}
END_TEST

START_TEST(broken_pipe_counts_what_is_lost)
{
	static const uint8_t data[60];
	char fifo[sizeof(path) + 8];
	uint64_t lost;
	int reader;

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	ck_assert_int_eq(fs_pcap_open(&pcap, fifo, NULL), 0);
	fs_pcap_iface(pcap, "x");
	close(reader);
	unlink(fifo);
	fs_pcap_write(pcap, 0, 1, data, 60, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_flush(pcap), -EPIPE);
	fs_pcap_write(pcap, 0, 1, data, 60, FS_PCAP_IN);
	ck_assert_int_eq(fs_pcap_error(pcap, &lost), -EPIPE);
	ck_assert_uint_eq(lost, 2);
	ck_assert_int_eq(fs_pcap_close(pcap), -EPIPE);
}
END_TEST

START_TEST(tap_records_both_ways_what_the_port_took)
{
	struct fs_pool *pool = test_pool(64);
	const struct fs_sim_pair_opts opts = { .ring_size = 2 };
	const struct fs_fault_opts lossy = { .seed = 1, .tx.loss_ppm = 1000000 };
	struct fs_port *a, *b;
	struct packet packet;
	struct fs_sim *sim;

	ck_assert_int_eq(fs_sim_open(&sim, 1), 0);
	ck_assert_int_eq(fs_sim_pair(sim, pool, pool, &opts, &a, &b), 0);
	ck_assert_int_eq(fs_pcap_open(&pcap, path, NULL), 0);
	ck_assert_int_eq(fs_port_fault_open(&b, b, &lossy), 0);
	ck_assert_int_eq(fs_port_tap_open(&a, a, pcap, "a", fs_sim_clock(sim)), 0);
	ck_assert_int_eq(fs_port_tap_open(&b, b, pcap, "b", fs_sim_clock(sim)), 0);
	ck_assert_uint_eq(queue_frame(a, 1, 60), 1);
	ck_assert_uint_eq(queue_frame(a, 2, 70), 1);
	ck_assert_uint_eq(queue_frame(a, 3, 80), 0);	/* no room, no record */
	a->ops->kick(a);
	fs_sim_advance(sim, 5);
	ck_assert_int_eq(rx(b), 1);
	ck_assert_int_eq(rx(b), 2);
	emit(b, 4, 90);		/* lost behind the tap */
	a->ops->close(a);
	b->ops->close(b);
	fs_sim_close(sim);
	test_pool_close(pool);
	ck_assert_int_eq(fs_pcap_close(pcap), 0);

	static const struct { uint32_t iface, dir, len; uint8_t number, time; } expected[] = {
		{ 0, FS_PCAP_OUT, 60, 1, 0 }, { 0, FS_PCAP_OUT, 70, 2, 0 },
		{ 1, FS_PCAP_IN, 60, 1, 5 }, { 1, FS_PCAP_IN, 70, 2, 5 },
		{ 1, FS_PCAP_OUT, 90, 4, 5 },
	};

	load();
	check_section();
	check_iface("a");
	check_iface("b");
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ck_assert(next_packet(&packet));
		ck_assert_uint_eq(packet.iface, expected[i].iface);
		ck_assert_uint_eq(packet.dir, expected[i].dir);
		ck_assert_uint_eq(packet.len, expected[i].len);
		ck_assert_uint_eq(packet.data[packet.len - 1], expected[i].number);
		ck_assert_uint_eq(packet.time_ns, expected[i].time);
	}
	ck_assert(!next_packet(&packet));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("port/pcap");
	TCase *tc = tcase_create("pcap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, packets_come_back_with_interface_time_and_direction);
	tcase_add_test(tc, options_shorten_packets_and_move_the_clock);
	tcase_add_test(tc, more_than_a_buffer_is_written_whole);
	tcase_add_test(tc, flush_makes_packets_visible_before_the_end);
	tcase_add_test(tc, a_file_that_cannot_be_is_an_error_at_once);
	tcase_add_test(tc, full_disk_is_reported_and_the_file_stays_valid);
	tcase_add_test(tc, broken_pipe_counts_what_is_lost);
	tcase_add_test(tc, tap_records_both_ways_what_the_port_took);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
