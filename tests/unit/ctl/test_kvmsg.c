// SPDX-License-Identifier: BSD-2-Clause
/*
 * doc/kv-wire.md, rule by rule. Each datagram stands in a heap block of
 * exactly its size, so that the sanitized build sees a byte too far.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "tests/lib/must.h"
#include <fastsock/kvmsg.h>

#include "tests/lib/suite.h"

enum {
	HEADER = 16,
	ROUNDS = 60000,
	DATAGRAM_MAX = 70000,
};

/* A datagram and its exact length. */
struct dgram {
	uint8_t *bytes;
	size_t len;
};

struct spec {
	uint8_t op;
	size_t key_len;
	size_t value_len;	/* of a SET */
	size_t room;		/* more bytes at the end */
};

static struct dgram make(struct spec s)
{
	struct dgram d = { .len = HEADER + s.key_len + s.value_len + s.room };

	d.bytes = malloc(d.len);
	must(d.bytes);
	memset(d.bytes, 0xee, d.len);
	memset(d.bytes, 0, HEADER);
	d.bytes[0] = 0xf5;
	d.bytes[1] = 1;
	d.bytes[2] = s.op;
	put_be32(d.bytes + 4, 0xdeadbeef);
	put_be16(d.bytes + 8, (uint16_t)s.key_len);
	put_be16(d.bytes + 10, (uint16_t)s.value_len);
	for (size_t i = 0; i < s.key_len; i++)
		d.bytes[HEADER + i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < s.value_len; i++)
		d.bytes[HEADER + s.key_len + i] = (uint8_t)(i * 3 + 2);
	return d;
}

#define dgram(...) make((struct spec){ __VA_ARGS__ })

static struct dgram copy(const void *bytes, size_t len)
{
	struct dgram d = { .bytes = malloc(len), .len = len };

	must(d.bytes || !len);
	if (len)
		memcpy(d.bytes, bytes, len);
	return d;
}

/* Read it and forget it. */
static int verdict(struct dgram d)
{
	struct fs_kv_request r;
	int err = fs_kv_request_read(&r, d.bytes, d.len);

	free(d.bytes);
	return err;
}

static int verdict_with(struct dgram d, size_t at, uint8_t byte)
{
	d.bytes[at] = byte;
	return verdict(d);
}

static size_t reply(struct dgram *d, enum fs_kv_status status, const void *value, size_t value_len)
{
	struct fs_kv_request r;

	ck_assert_int_eq(fs_kv_request_read(&r, d->bytes, d->len), 0);
	return fs_kv_reply_write(d->bytes, &r, status, value, value_len);
}

static void expect_header(const struct dgram *d, uint8_t op, uint8_t status, size_t key_len,
			  size_t value_len)
{
	ck_assert_uint_eq(d->bytes[0], 0xf5);
	ck_assert_uint_eq(d->bytes[1], 1);
	ck_assert_uint_eq(d->bytes[2], op | 0x80);
	ck_assert_uint_eq(d->bytes[3], status);
	ck_assert_uint_eq(get_be32(d->bytes + 4), 0xdeadbeef);
	ck_assert_uint_eq(get_be16(d->bytes + 8), key_len);
	ck_assert_uint_eq(get_be16(d->bytes + 10), value_len);
	ck_assert_uint_eq(get_be32(d->bytes + 12), 0);
	for (size_t i = 0; i < key_len; i++)
		ck_assert_uint_eq(d->bytes[HEADER + i], (uint8_t)(i * 7 + 1));
}

/* It is BAD, and the reply is a bare header. */
static void expect_bad(struct dgram d)
{
	uint8_t op = d.bytes[2];
	struct fs_kv_request r;

	ck_assert_int_eq(fs_kv_request_read(&r, d.bytes, d.len), -EBADMSG);
	ck_assert_uint_eq(fs_kv_reply_write(d.bytes, &r, FS_KV_BAD, NULL, 0), HEADER);
	expect_header(&d, op, 3, 0, 0);
	free(d.bytes);
}

static void expect_bad_with(struct dgram d, size_t at, uint8_t byte)
{
	d.bytes[at] = byte;
	expect_bad(d);
}

/* --- the document's examples ---------------------------------------------- */

#define COLOUR	0x63, 0x6f, 0x6c, 0x6f, 0x75, 0x72
#define GREEN	0x67, 0x72, 0x65, 0x65, 0x6e
#define ID	0x00, 0x00, 0x00, 0x2a
#define RSVD	0x00, 0x00, 0x00, 0x00

static void expect_example(const void *request, size_t request_len, enum fs_kv_status status,
			   const char *value, const void *expected, size_t expected_len)
{
	struct dgram d = copy(request, request_len);
	struct fs_kv_request r;
	int err = fs_kv_request_read(&r, d.bytes, d.len);

	ck_assert_int_eq(err, status == FS_KV_BAD ? -EBADMSG : 0);
	ck_assert_uint_eq(fs_kv_reply_write(d.bytes, &r, status, value, value ? strlen(value) : 0),
			  expected_len);
	ck_assert_mem_eq(d.bytes, expected, expected_len);
	free(d.bytes);
}

#define EXAMPLE(request, status, value, reply) \
	expect_example(request, sizeof(request), status, value, reply, sizeof(reply))

START_TEST(the_documents_examples_are_answered_byte_for_byte)
{
	static const uint8_t ping[] = { 0xf5, 1, 0, 0, ID, 0, 0, 0, 0, RSVD },
		pong[] = { 0xf5, 1, 0x80, 0, ID, 0, 0, 0, 0, RSVD },
		get[] = { 0xf5, 1, 1, 0, ID, 0, 6, 0, 0, RSVD, COLOUR, 0, 0, 0, 0, 0, 0, 0, 0 },
		got[] = { 0xf5, 1, 0x81, 0, ID, 0, 6, 0, 5, RSVD, COLOUR, GREEN },
		narrow[] = { 0xf5, 1, 1, 0, ID, 0, 6, 0, 0, RSVD, COLOUR, 0, 0 },
		too_short[] = { 0xf5, 1, 0x81, 2, ID, 0, 6, 0, 5, RSVD, COLOUR },
		size[] = { 0xf5, 1, 1, 0, ID, 0, 4, 0, 0, RSVD, 0x73, 0x69, 0x7a, 0x65,
			   0, 0, 0, 0, 0, 0, 0, 0 },
		absent[] = { 0xf5, 1, 0x81, 1, ID, 0, 4, 0, 0, RSVD, 0x73, 0x69, 0x7a, 0x65 },
		set[] = { 0xf5, 1, 2, 0, ID, 0, 6, 0, 5, RSVD, COLOUR, GREEN },
		done[] = { 0xf5, 1, 0x82, 0, ID, 0, 6, 0, 0, RSVD, COLOUR },
		del[] = { 0xf5, 1, 3, 0, ID, 0, 6, 0, 0, RSVD, COLOUR },
		gone[] = { 0xf5, 1, 0x83, 0, ID, 0, 6, 0, 0, RSVD, COLOUR },
		future[] = { 0xf5, 9, 1, 0, ID, 0, 6, 0, 0, RSVD, COLOUR },
		bad[] = { 0xf5, 1, 0x81, 3, ID, 0, 0, 0, 0, RSVD };

	EXAMPLE(ping, FS_KV_OK, NULL, pong);
	EXAMPLE(get, FS_KV_OK, "green", got);
	EXAMPLE(narrow, FS_KV_OK, "green", too_short);
	EXAMPLE(size, FS_KV_NOT_FOUND, NULL, absent);
	EXAMPLE(set, FS_KV_OK, NULL, done);
	EXAMPLE(del, FS_KV_OK, NULL, gone);
	EXAMPLE(future, FS_KV_BAD, NULL, bad);
}
END_TEST

/* --- what gets no reply ---------------------------------------------------- */

START_TEST(shorter_than_a_header_is_not_of_this_protocol)
{
	for (size_t len = 0; len < HEADER; len++) {
		struct dgram whole = dgram(.op = FS_KV_GET, .key_len = 3);
		struct dgram d = copy(whole.bytes, len);

		free(whole.bytes);
		ck_assert_int_eq(verdict(d), -EPROTO);
	}
}
END_TEST

START_TEST(another_magic_is_not_of_this_protocol)
{
	for (unsigned int magic = 0; magic < 256; magic++)
		ck_assert_int_eq(verdict_with(dgram(.op = FS_KV_GET, .key_len = 3), 0,
					      (uint8_t)magic), magic == 0xf5 ? 0 : -EPROTO);
}
END_TEST

/* Else two servers could be made to talk to each other for ever. */
START_TEST(a_reply_is_never_answered_whatever_it_says)
{
	for (unsigned int op = 128; op < 256; op++) {
		for (size_t at = 1; at < HEADER; at++) {
			struct dgram d = dgram(.op = (uint8_t)op, .key_len = 3, .room = 9);

			if (at != 2)
				d.bytes[at] = 0xff;
			ck_assert_int_eq(verdict(d), -EPROTO);
		}
	}
}
END_TEST

START_TEST(what_is_answered_is_not_answered_again)
{
	static const uint8_t value[5] = { 1, 2, 3, 4, 5 };

	for (uint8_t op = FS_KV_PING; op <= FS_KV_DEL; op++) {
		for (int status = FS_KV_OK; status <= FS_KV_BAD; status++) {
			struct dgram d = dgram(.op = op, .key_len = 6, .room = 8);
			struct fs_kv_request r;
			size_t len = reply(&d, (enum fs_kv_status)status, value, sizeof(value));

			ck_assert_int_eq(fs_kv_request_read(&r, d.bytes, len), -EPROTO);
			free(d.bytes);
		}
	}
}
END_TEST

/* --- what is BAD ------------------------------------------------------------ */

START_TEST(reserved_ops_are_bad)
{
	for (uint8_t op = 4; op < 128; op++)
		expect_bad(dgram(.op = op, .key_len = 3, .room = 9));
}
END_TEST

START_TEST(other_versions_are_bad_and_the_reply_says_ours)
{
	for (unsigned int version = 0; version < 256; version++)
		if (version != 1)
			expect_bad_with(dgram(.op = FS_KV_GET, .key_len = 3), 1, (uint8_t)version);
}
END_TEST

START_TEST(status_and_reserved_must_be_zero)
{
	static const size_t places[] = { 3, 12, 13, 14, 15 };

	for (uint8_t op = FS_KV_PING; op <= FS_KV_DEL; op++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			expect_bad_with(dgram(.op = op, .key_len = 3), places[i], 1);
			expect_bad_with(dgram(.op = op, .key_len = 3), places[i], 0x80);
		}
	}
}
END_TEST

START_TEST(value_len_must_be_zero_but_for_a_set)
{
	static const uint8_t ops[] = { FS_KV_PING, FS_KV_GET, FS_KV_DEL };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		expect_bad_with(dgram(.op = ops[i], .key_len = 3, .room = 600), 10, 1);
		expect_bad_with(dgram(.op = ops[i], .key_len = 3, .room = 600), 11, 1);
	}
}
END_TEST

START_TEST(a_key_has_1_to_250_bytes)
{
	for (uint8_t op = FS_KV_PING; op <= FS_KV_DEL; op++) {
		ck_assert_int_eq(verdict(dgram(.op = op)), op == FS_KV_PING ? 0 : -EBADMSG);
		for (size_t len = 1; len <= 250; len++)
			ck_assert_int_eq(verdict(dgram(.op = op, .key_len = len)), 0);
		for (size_t len = 251; len <= 65535; len += len < 600 ? 1 : 6493)
			expect_bad(dgram(.op = op, .key_len = len));
	}
}
END_TEST

START_TEST(a_key_beyond_the_end_is_bad_at_every_length)
{
	for (uint8_t op = FS_KV_PING; op <= FS_KV_DEL; op++) {
		for (size_t len = HEADER; len < HEADER + 250; len++) {
			struct dgram whole = dgram(.op = op, .key_len = 250);
			struct dgram d = copy(whole.bytes, len);

			free(whole.bytes);
			expect_bad(d);
		}
	}
}
END_TEST

START_TEST(a_value_beyond_the_end_is_bad_at_every_length)
{
	for (size_t len = HEADER; len <= HEADER + 6 + 1024; len++) {
		struct dgram whole = dgram(.op = FS_KV_SET, .key_len = 6, .value_len = 1024);
		struct dgram d = copy(whole.bytes, len);

		free(whole.bytes);
		if (len < HEADER + 6 + 1024)
			expect_bad(d);
		else
			ck_assert_int_eq(verdict(d), 0);
	}
}
END_TEST

START_TEST(a_value_has_0_to_1024_bytes)
{
	for (size_t len = 0; len <= 1024; len++)
		ck_assert_int_eq(verdict(dgram(.op = FS_KV_SET, .key_len = 250,
					       .value_len = len)), 0);
	for (size_t len = 1025; len <= 65535; len += len < 1100 ? 1 : 6443)
		expect_bad(dgram(.op = FS_KV_SET, .key_len = 250, .value_len = len));
}
END_TEST

/* --- what a request says ------------------------------------------------------ */

START_TEST(key_value_and_room_point_into_the_datagram)
{
	for (size_t key_len = 1; key_len <= 250; key_len += 83) {
		for (size_t rest = 0; rest <= 1024; rest += 128) {
			struct dgram d = dgram(.op = FS_KV_SET, .key_len = key_len,
					       .value_len = rest, .room = 5);
			struct fs_kv_request r;

			ck_assert_int_eq(fs_kv_request_read(&r, d.bytes, d.len), 0);
			ck_assert_uint_eq(r.op, FS_KV_SET);
			ck_assert_uint_eq(r.key_len, key_len);
			ck_assert_uint_eq(r.value_len, rest);
			ck_assert_uint_eq(r.room, rest + 5);
			ck_assert_ptr_eq(r.key, d.bytes + HEADER);
			ck_assert_ptr_eq(r.value, d.bytes + HEADER + key_len);
			free(d.bytes);
		}
	}
}
END_TEST

START_TEST(room_is_what_follows_the_key)
{
	for (size_t room = 0; room < DATAGRAM_MAX; room += room < 1100 ? 1 : 1777) {
		struct dgram d = dgram(.op = FS_KV_GET, .key_len = 10, .room = room);
		struct fs_kv_request r;

		ck_assert_int_eq(fs_kv_request_read(&r, d.bytes, d.len), 0);
		ck_assert_uint_eq(r.room, MIN(room, (size_t)UINT16_MAX));
		ck_assert_uint_eq(r.value_len, 0);
		free(d.bytes);
	}
}
END_TEST

/* --- replies -------------------------------------------------------------------- */

START_TEST(a_value_that_fits_follows_the_key)
{
	uint8_t value[1024];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i * 5 + 3);
	for (size_t key_len = 1; key_len <= 250; key_len++) {
		size_t value_len = (key_len * 37) % 1025;
		struct dgram d = dgram(.op = FS_KV_GET, .key_len = key_len, .room = value_len);

		ck_assert_uint_eq(reply(&d, FS_KV_OK, value, value_len), d.len);
		expect_header(&d, FS_KV_GET, 0, key_len, value_len);
		ck_assert_mem_eq(d.bytes + HEADER + key_len, value, value_len);
		free(d.bytes);
	}
}
END_TEST

START_TEST(an_empty_value_needs_no_room_and_no_pointer)
{
	struct dgram d = dgram(.op = FS_KV_GET, .key_len = 4);

	ck_assert_uint_eq(reply(&d, FS_KV_OK, NULL, 0), HEADER + 4);
	expect_header(&d, FS_KV_GET, 0, 4, 0);
	free(d.bytes);
}
END_TEST

START_TEST(too_little_room_is_short_and_says_how_much_is_needed)
{
	static const uint8_t value[1024];

	for (size_t room = 0; room <= 1024; room++) {
		struct dgram d = dgram(.op = FS_KV_GET, .key_len = 9, .room = room);
		size_t len = reply(&d, FS_KV_OK, value, 1024);

		expect_header(&d, FS_KV_GET, room < 1024 ? 2 : 0, 9, 1024);
		ck_assert_uint_eq(len, HEADER + 9u + (room < 1024 ? 0u : 1024u));
		free(d.bytes);
	}
}
END_TEST

START_TEST(no_value_follows_but_in_a_get_that_is_ok)
{
	static const uint8_t value[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	for (uint8_t op = FS_KV_PING; op <= FS_KV_DEL; op++) {
		for (int status = FS_KV_OK; status <= FS_KV_BAD; status++) {
			struct dgram d = dgram(.op = op, .key_len = 7, .room = 20);

			if (op == FS_KV_GET && status == FS_KV_OK) {
				free(d.bytes);
				continue;
			}
			ck_assert_uint_eq(reply(&d, (enum fs_kv_status)status, value, 8), HEADER + 7);
			expect_header(&d, op, (uint8_t)status, 7, 0);
			free(d.bytes);
		}
	}
}
END_TEST

START_TEST(a_set_is_confirmed_without_its_value)
{
	struct dgram d = dgram(.op = FS_KV_SET, .key_len = 7, .value_len = 300);

	ck_assert_uint_eq(reply(&d, FS_KV_OK, NULL, 0), HEADER + 7);
	expect_header(&d, FS_KV_SET, 0, 7, 0);
	free(d.bytes);
}
END_TEST

START_TEST(a_ping_has_a_key_or_none)
{
	for (size_t key_len = 0; key_len <= 250; key_len += 50) {
		struct dgram d = dgram(.op = FS_KV_PING, .key_len = key_len, .room = 3);

		ck_assert_uint_eq(reply(&d, FS_KV_OK, NULL, 0), HEADER + key_len);
		expect_header(&d, FS_KV_PING, 0, key_len, 0);
		free(d.bytes);
	}
}
END_TEST

/* --- chance ----------------------------------------------------------------------- */

/* doc/kv-wire.md once more, in its own order. */
static int model(const uint8_t *p, size_t len)
{
	size_t key_len, value_len;

	if (len < 16 || p[0] != 0xf5 || p[2] >= 128)
		return -EPROTO;
	key_len = get_be16(p + 8);
	value_len = get_be16(p + 10);
	if (p[1] != 1 || p[2] > 3 || p[3] || p[12] || p[13] || p[14] || p[15])
		return -EBADMSG;
	if (key_len > 250 || 16 + key_len > len || (!key_len && p[2] != FS_KV_PING))
		return -EBADMSG;
	if (p[2] != FS_KV_SET)
		return value_len ? -EBADMSG : 0;
	return value_len > 1024 || 16 + key_len + value_len > len ? -EBADMSG : 0;
}

/* A right request, then up to three things wrong with it. */
static struct dgram random_request(struct fs_random *random)
{
	uint8_t op = (uint8_t)fs_random_below(random, 4);
	struct dgram d = dgram(.op = op, .key_len = fs_random_below(random, 251),
			       .value_len = op == FS_KV_SET ? fs_random_below(random, 1025) : 0,
			       .room = fs_random_below(random, 1100));

	for (uint64_t n = fs_random_below(random, 4); n && d.len; n--) {
		size_t at = fs_random_below(random, MIN(d.len, (size_t)HEADER));

		switch (fs_random_below(random, 4)) {
		case 0:
			d.bytes[at] = (uint8_t)fs_random_next(random);
			break;
		case 1:
			d.bytes[at] ^= (uint8_t)(1 << fs_random_below(random, 8));
			break;
		case 2:
			d.bytes[at] = fs_random_below(random, 2) ? 0xff : 0;
			break;
		default: {
			struct dgram cut = copy(d.bytes, fs_random_below(random, d.len + 1));

			free(d.bytes);
			d = cut;
		}
		}
	}
	return d;
}

START_TEST(a_reply_is_never_longer_than_its_request_nor_answered)
{
	struct fs_random random = { 0x6b76u + (uint64_t)_i };
	static const uint8_t value[1024] = { 1, 2, 3 };
	unsigned int seen[3] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		struct dgram d = random_request(&random);
		struct fs_kv_request r;
		int expected = model(d.bytes, d.len);
		int err = fs_kv_request_read(&r, d.bytes, d.len);
		enum fs_kv_status status = (enum fs_kv_status)fs_random_below(&random, 2);
		size_t len;

		ck_assert_int_eq(err, expected);
		seen[err == 0 ? 0 : err == -EBADMSG ? 1 : 2]++;
		if (err != -EPROTO) {
			len = fs_kv_reply_write(d.bytes, &r, err ? FS_KV_BAD : status, value,
						fs_random_below(&random, 1025));
			ck_assert_uint_ge(len, HEADER);
			ck_assert_uint_le(len, d.len);
			ck_assert_int_eq(fs_kv_request_read(&r, d.bytes, len), -EPROTO);
		}
		free(d.bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		ck_assert_uint_gt(seen[i], ROUNDS / 100);
}
END_TEST

static TCase *tcase(void)
{
	TCase *tc = tcase_create("kvmsg");

	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, the_documents_examples_are_answered_byte_for_byte);
	tcase_add_test(tc, shorter_than_a_header_is_not_of_this_protocol);
	tcase_add_test(tc, another_magic_is_not_of_this_protocol);
	tcase_add_test(tc, a_reply_is_never_answered_whatever_it_says);
	tcase_add_test(tc, what_is_answered_is_not_answered_again);
	tcase_add_test(tc, reserved_ops_are_bad);
	tcase_add_test(tc, other_versions_are_bad_and_the_reply_says_ours);
	tcase_add_test(tc, status_and_reserved_must_be_zero);
	tcase_add_test(tc, value_len_must_be_zero_but_for_a_set);
	tcase_add_test(tc, a_key_has_1_to_250_bytes);
	tcase_add_test(tc, a_key_beyond_the_end_is_bad_at_every_length);
	tcase_add_test(tc, a_value_beyond_the_end_is_bad_at_every_length);
	tcase_add_test(tc, a_value_has_0_to_1024_bytes);
	tcase_add_test(tc, key_value_and_room_point_into_the_datagram);
	tcase_add_test(tc, room_is_what_follows_the_key);
	tcase_add_test(tc, a_value_that_fits_follows_the_key);
	tcase_add_test(tc, an_empty_value_needs_no_room_and_no_pointer);
	tcase_add_test(tc, too_little_room_is_short_and_says_how_much_is_needed);
	tcase_add_test(tc, no_value_follows_but_in_a_get_that_is_ok);
	tcase_add_test(tc, a_set_is_confirmed_without_its_value);
	tcase_add_test(tc, a_ping_has_a_key_or_none);
	tcase_add_loop_test(tc, a_reply_is_never_longer_than_its_request_nor_answered, 0, 3);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("ctl/kvmsg");

	suite_add_tcase(suite, tcase());
	return suite_run(suite);
}
