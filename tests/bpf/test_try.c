// SPDX-License-Identifier: BSD-2-Clause
/* fs_ctl_answer_test(): an answer program on a frame, without an interface. Root. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/ctl.h>

#include "tests/lib/suite.h"

enum {
	ETH = 14, IP = 20, UDP = 8,
	PAYLOAD = ETH + IP + UDP,
	FRAME = PAYLOAD + 28,
};

static char object[512], refused[512], told[600];
static bool said_why;

static void remember(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	said_why |= level == FS_LOG_DEBUG && strstr(text, "invalid access to packet");
	if (level == FS_LOG_ERROR)
		snprintf(told, sizeof(told), "%s", text);
}

static void put16(unsigned char *p, unsigned int value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* 192.0.2.1:5000 asks 192.0.2.2:3478, without a UDP checksum. */
static void make_frame(unsigned char frame[FRAME], const char *mark)
{
	static const unsigned char addresses[8] = { 192, 0, 2, 1, 192, 0, 2, 2 };
	unsigned int sum = 0;

	memset(frame, 0, FRAME);
	memset(frame, 2, 12);
	put16(frame + 12, 0x0800);
	frame[ETH] = 0x45;
	put16(frame + ETH + 2, FRAME - ETH);
	frame[ETH + 8] = 64;
	frame[ETH + 9] = 17;
	memcpy(frame + ETH + 12, addresses, sizeof(addresses));
	for (int i = 0; i < IP; i += 2)
		sum += (unsigned int)(frame[ETH + i] << 8 | frame[ETH + i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(frame + ETH + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
	put16(frame + ETH + IP, 5000);
	put16(frame + ETH + IP + 2, 3478);
	put16(frame + ETH + IP + 4, FRAME - ETH - IP);
	memcpy(frame + PAYLOAD, mark, 4);
}

START_TEST(the_reply_and_what_counted_it_come_back)
{
	unsigned char in[FRAME], out[256];
	struct fs_ctl_test test = {
		.sz = sizeof(test), .path = object, .rule = "udp/3478", .in = in, .in_len = FRAME,
		.out = out, .out_size = sizeof(out), .repeat = 100, .log = remember,
	};

	make_frame(in, "who?");
	ck_assert_int_eq(fs_ctl_answer_test(&test), 0);
	ck_assert_int_eq(test.verdict, XDP_TX);
	ck_assert_str_eq(test.counted, "tx_user");
	ck_assert_uint_eq(test.out_len, FRAME);
	ck_assert_mem_eq(out + PAYLOAD, "you!", 4);
	ck_assert_mem_eq(out + PAYLOAD + 10, in + ETH + IP, 2);	/* the client's port */
	ck_assert_mem_eq(out + ETH + 16, in + ETH + 12, 4);	/* back to where it came from */
}
END_TEST

START_TEST(what_is_not_for_the_program_passes_as_it_came)
{
	unsigned char in[FRAME], out[256];
	struct fs_ctl_test test = {
		.sz = sizeof(test), .path = object, .rule = "udp/3478", .in = in, .in_len = FRAME,
		.out = out, .out_size = sizeof(out), .log = remember,
	};

	make_frame(in, "what");
	ck_assert_int_eq(fs_ctl_answer_test(&test), 0);
	ck_assert_int_eq(test.verdict, XDP_PASS);
	ck_assert_str_eq(test.counted, "pass_miss");
	ck_assert_mem_eq(out, in, FRAME);
	test.rule = "udp/53";
	ck_assert_int_eq(fs_ctl_answer_test(&test), 0);
	ck_assert_str_eq(test.counted, "pass_no_rule");
}
END_TEST

START_TEST(wrong_use_is_refused)
{
	unsigned char in[FRAME];
	struct fs_ctl_test test = {
		.sz = sizeof(test), .path = "./none.bpf.o", .rule = "udp/3478", .in = in,
		.in_len = FRAME, .log = remember,
	};

	make_frame(in, "who?");
	ck_assert_int_eq(fs_ctl_answer_test(&test), -ENOENT);
	ck_assert_ptr_nonnull(strstr(told, "none.bpf.o"));
	test.path = object;
	test.rule = "nothing";
	ck_assert_int_eq(fs_ctl_answer_test(&test), -EINVAL);
	test.rule = NULL;
	ck_assert_int_eq(fs_ctl_answer_test(&test), -EINVAL);
	test.sz = 0;
	ck_assert_int_eq(fs_ctl_answer_test(&test), -EINVAL);
}
END_TEST

START_TEST(the_verifier_is_quoted_to_its_last_word)
{
	unsigned char in[FRAME];
	struct fs_ctl_test test = {
		.sz = sizeof(test), .path = refused, .rule = "udp/3478", .in = in, .in_len = FRAME,
		.log = remember,
	};

	make_frame(in, "who?");
	ck_assert_int_eq(fs_ctl_answer_test(&test), -EINVAL);
	ck_assert_ptr_nonnull(strstr(told, "does not load the program"));
	ck_assert(said_why);
}
END_TEST

int main(void)
{
	const char *build = getenv("B");
	Suite *suite = suite_create("bpf/try");
	TCase *tc = tcase_create("all");

	snprintf(object, sizeof(object), "%s/examples/answer_whoami.bpf.o", build ? build : "build");
	snprintf(refused, sizeof(refused), "%s/tests/bpf/refused.bpf.o", build ? build : "build");
	tcase_add_test(tc, the_reply_and_what_counted_it_come_back);
	tcase_add_test(tc, what_is_not_for_the_program_passes_as_it_came);
	tcase_add_test(tc, wrong_use_is_refused);
	tcase_add_test(tc, the_verifier_is_quoted_to_its_last_word);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
