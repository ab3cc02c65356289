// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv.c - fastsock kv: what is published on an interface; and, with HOST:PORT
 * in front of the key, a client of any server of that protocol (kv_net.c).
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include <fastsock/kv.h>

#include "cmd.h"

enum {
	VALUE_MAX = 1024,
};

static int usage(void)
{
	return cmd_usage("kv", "kv set KEY VALUE | del KEY | get KEY | list   [-i IFACE]\n"
			 "       fastsock kv set HOST:PORT KEY VALUE | del HOST:PORT KEY | get HOST:PORT KEY | ping HOST:PORT");
}

static int set(struct fs_kv *kv, const char *key, const char *value)
{
	int err = fs_kv_publish(kv, key, strlen(key), value, strlen(value));

	if (err == -EINVAL)
		return cmd_fail(0, "a key has 1 to 250 bytes, a value up to %d", VALUE_MAX);
	if (err == -EEXIST)
		return cmd_fail(0, "%s: another published key has the same hash; that one can be served by a "
				"process only", key);
	return err ? cmd_fail(err, "%s", key) : EXIT_OK;
}

static int get(struct fs_kv *kv, const char *key)
{
	char value[VALUE_MAX];
	ssize_t len = fs_kv_get(kv, key, strlen(key), value, sizeof(value));

	if (len == -ENOENT)
		return cmd_fail(0, "%s is not published", key);
	if (len < 0)
		return cmd_fail((int)len, "%s", key);
	fwrite(value, 1, (size_t)len, stdout);
	putchar('\n');
	return EXIT_OK;
}

static int del(struct fs_kv *kv, const char *key)
{
	int err = fs_kv_withdraw(kv, key, strlen(key));

	if (err == -ENOENT)
		return cmd_fail(0, "%s is not published", key);
	return err ? cmd_fail(err, "%s", key) : EXIT_OK;
}

static void print_bytes(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (isprint(bytes[i]) && bytes[i] != '\\')
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
}

static int print(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
	(void)ctx;
	print_bytes(key, key_len);
	putchar('\t');
	print_bytes(value, value_len);
	putchar('\n');
	return 0;
}

static int list(struct fs_kv *kv)
{
	struct fs_kv_room room = { .sz = sizeof(room) };
	int err = fs_kv_each(kv, print, NULL);

	if (!err)
		err = fs_kv_count(kv, &room);
	if (err)
		return cmd_fail(err, "the entries cannot be read");
	fprintf(stderr, "%u of %u small entries, %u of %u large ones\n", room.small_entries, room.small_max,
		room.large_entries, room.large_max);
	return EXIT_OK;
}

static int run_local(const char *ifname, char **argv)
{
	char name[16];
	FS_OPTS(fs_kv_opts, opts, .ifname = name, .log = cmd_log);
	struct fs_kv *kv;
	int err, status;

	if (!cmd_iface(ifname, name))
		return EXIT_FAILED;
	err = fs_kv_open(&kv, &opts);
	if (err)
		return cmd_fail(err, "%s", name);
	if (!strcmp(argv[0], "set"))
		status = set(kv, argv[1], argv[2]);
	else if (!strcmp(argv[0], "get"))
		status = get(kv, argv[1]);
	else if (!strcmp(argv[0], "del"))
		status = del(kv, argv[1]);
	else
		status = list(kv);
	fs_kv_close(kv);
	return status;
}

static bool is_local(int argc, char **argv)
{
	return (!strcmp(argv[0], "set") && argc == 3) || (!strcmp(argv[0], "get") && argc == 2) ||
	       (!strcmp(argv[0], "del") && argc == 2) || (!strcmp(argv[0], "list") && argc == 1);
}

static bool is_remote(int argc, char **argv)
{
	return (!strcmp(argv[0], "set") && argc == 4) || (!strcmp(argv[0], "get") && argc == 3) ||
	       (!strcmp(argv[0], "del") && argc == 3) || (!strcmp(argv[0], "ping") && argc == 2);
}

int cmd_kv(int argc, char **argv)
{
	const char *ifname = NULL;

	if (!cmd_options(argc, argv, &ifname) || optind == argc)
		return usage();
	argc -= optind;
	argv += optind;
	if (!ifname && is_remote(argc, argv))
		return kv_net(argc, argv);
	return is_local(argc, argv) ? run_local(ifname, argv) : usage();
}
