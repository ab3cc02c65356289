// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv_fill IFACE - publish and withdraw as told by lines on stdin:
 *
 *	set KEY VALUE		bytes in hexadecimal, - for none
 *	del KEY
 *	fill FIRST COUNT	publish the stamped values, version 1, of numbers
 *	drain FIRST COUNT	withdraw them
 *	churn KEYS MS DEL	change numbers 0 to KEYS - 1 for a time; withdraw each
 *				DELth time, 0: never
 *	count			how many are small, how many large, and the most of each
 *
 * Each is answered by a line: "ok ...", or "error NUMBER" with a -errno.
 *
 * A number's key is "key-" and eight digits. A stamped value tells what it is:
 *
 *	| number 4 | version 4 | number * 5 + version + offset, each byte | CRC-32 4 |
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fastsock/bpf/fs_abi.h>
#include <fastsock/kv.h>

enum {
	NAME_SIZE = 16,
	STAMP_MIN = 12,
};

static uint32_t crc32(const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	uint32_t crc = 0xffffffff;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static size_t make_key(char key[NAME_SIZE], uint32_t number)
{
	return (size_t)snprintf(key, NAME_SIZE, "key-%08u", number % 100000000);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static void make_value(uint8_t *value, size_t len, uint32_t number, uint32_t version)
{
	put32(value, number);
	put32(value + 4, version);
	for (size_t i = 8; i < len - 4; i++)
		value[i] = (uint8_t)(number * 5 + version + i);
	put32(value + len - 4, crc32(value, len - 4));
}

static int publish(struct fs_kv *kv, uint32_t number, uint32_t version, size_t len)
{
	uint8_t value[FS_KV_VALUE_MAX];
	char key[NAME_SIZE];
	size_t key_len = make_key(key, number);

	make_value(value, len, number, version);
	return fs_kv_publish(kv, key, key_len, value, len);
}

static int withdraw(struct fs_kv *kv, uint32_t number)
{
	char key[NAME_SIZE];

	return fs_kv_withdraw(kv, key, make_key(key, number));
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Both sizes of entry, and now and then the largest value. */
static size_t churn_len(uint32_t version)
{
	if (version % 3)
		return STAMP_MIN + version % (64 - STAMP_MIN + 1);
	return version % 9 ? STAMP_MIN + version % (FS_KV_VALUE_MAX - STAMP_MIN) : FS_KV_VALUE_MAX;
}

/* Versions go up from call to call: a reader must never see one go down. */
static int churn(struct fs_kv *kv, uint32_t keys, uint32_t ms, uint32_t del, uint32_t *changes)
{
	static uint32_t version;
	uint64_t end = now_ms() + ms;
	int err = 0;

	*changes = 0;
	while (!err && now_ms() < end) {
		for (uint32_t i = 0; !err && i < keys; i++, ++*changes) {
			version++;
			err = publish(kv, i, version, churn_len(version));
			if (!err && del && version % del == 0)
				err = withdraw(kv, i);
		}
	}
	return err;
}

static int each_number(struct fs_kv *kv, uint32_t first, uint32_t count, bool fill)
{
	int err = 0;

	for (uint32_t i = first; !err && i < first + count; i++)
		err = fill ? publish(kv, i, 1, STAMP_MIN + i % 50) : withdraw(kv, i);
	return err;
}

/* Up to @size bytes; -1: not hexadecimal, or too many. */
static ssize_t from_hex(uint8_t *out, size_t size, const char *text)
{
	size_t len = strcmp(text, "-") ? strlen(text) / 2 : 0;
	unsigned int byte;

	if (len > size)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -1;
		out[i] = (uint8_t)byte;
	}
	return (ssize_t)len;
}

static int set_or_del(struct fs_kv *kv, const char *key_hex, const char *value_hex)
{
	uint8_t key[512], value[2048];
	ssize_t key_len = from_hex(key, sizeof(key), key_hex);
	ssize_t value_len = value_hex ? from_hex(value, sizeof(value), value_hex) : 0;

	if (key_len < 0 || value_len < 0)
		return -EDOM;
	return value_hex ? fs_kv_publish(kv, key, (size_t)key_len, value, (size_t)value_len) :
		fs_kv_withdraw(kv, key, (size_t)key_len);
}

static int count(struct fs_kv *kv, char *more, size_t size)
{
	struct fs_kv_room room = { .sz = sizeof(room) };
	int err = fs_kv_count(kv, &room);

	snprintf(more, size, " %u %u %u %u", room.small_entries, room.large_entries,
		 room.small_max, room.large_max);
	return err;
}

/* Writes what follows "ok" to @more. */
static int act(struct fs_kv *kv, const char *line, char *more, size_t size)
{
	static char key[1100], value[4200];
	unsigned int a, b, c, changes;
	int err;

	if (sscanf(line, "set %1099s %4199s", key, value) == 2)
		return set_or_del(kv, key, value);
	if (sscanf(line, "del %1099s", key) == 1)
		return set_or_del(kv, key, NULL);
	if (sscanf(line, "fill %u %u", &a, &b) == 2)
		return each_number(kv, a, b, true);
	if (sscanf(line, "drain %u %u", &a, &b) == 2)
		return each_number(kv, a, b, false);
	if (sscanf(line, "churn %u %u %u", &a, &b, &c) == 3) {
		err = churn(kv, a, b, c, &changes);
		snprintf(more, size, " %u", changes);
		return err;
	}
	return !strncmp(line, "count", 5) ? count(kv, more, size) : -EDOM;
}

int main(int argc, char **argv)
{
	FS_OPTS(fs_kv_opts, opts, .ifname = argc == 2 ? argv[1] : "");
	static char line[6000];
	struct fs_kv *kv;
	int err = fs_kv_open(&kv, &opts);

	if (err) {
		fprintf(stderr, "kv_fill: %s: %s\n", opts.ifname, strerror(-err));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		char more[80] = "";

		err = act(kv, line, more, sizeof(more));
		if (err)
			printf("error %d\n", err);
		else
			printf("ok%s\n", more);
	}
	fs_kv_close(kv);
	return 0;
}
