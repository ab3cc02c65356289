// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv_server -i IFACE [-p PORT] - a key-value server (doc/kv-wire.md) of two levels.
 *
 * XDP answers what is published, this program what XDP missed. A key that was
 * asked for HOT times is published: its GETs do not come here any more. A SET
 * publishes anew before it is confirmed, a DEL withdraws first, and what a killed
 * server left is taken over: no client reads an old value after its own change.
 */
#include <errno.h>
#include <getopt.h>
#include <search.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/ctl.h>
#include <fastsock/kv.h>
#include <fastsock/kvmsg.h>
#include <fastsock/udp.h>

enum { HOT = 16 };

/* The key comes first, with zeros up to its end: it is compared as a whole. */
struct item {
	uint16_t key_len;
	uint8_t key[FS_KV_KEY_MAX];
	uint16_t value_len;
	uint32_t hits;
	uint8_t value[FS_KV_VALUE_MAX];
};

static void *tree;
static struct fs_kv *hot;
static struct fs_stack *stack;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig, fs_stack_wake(stack);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct item, value_len));
}

static struct item *find(const void *key, size_t len, int create)
{
	struct item probe = { .key_len = (uint16_t)len }, **found, *e;

	memcpy(probe.key, key, len);
	found = tfind(&probe, &tree, by_key);
	if (!found && create && (e = malloc(sizeof(*e))))
		found = tsearch(memcpy(e, &probe, sizeof(*e)), &tree, by_key);
	return found ? *found : NULL;
}

/* What cannot be published must not stay published with an older value. */
static void publish(const struct item *e)
{
	if (fs_kv_publish(hot, e->key, e->key_len, e->value, e->value_len))
		fs_kv_withdraw(hot, e->key, e->key_len);
}

/* A SET; or, with @left, an entry that a killed server left published. */
static int set(void *left, const void *key, size_t key_len, const void *value, size_t len)
{
	struct item *e = find(key, key_len, 1);

	if (!e)
		return -ENOMEM;
	e->value_len = (uint16_t)len;
	memcpy(e->value, value, len);
	if (left)
		e->hits = HOT;
	else if (e->hits >= HOT)
		publish(e);
	return 0;
}

/* Answer the request in @buf in place; how long the reply is, 0: none. */
static size_t answer(struct fs_buf *buf)
{
	enum fs_kv_status status = FS_KV_OK;
	struct fs_kv_request r;
	int err = fs_kv_request_read(&r, buf->data, buf->len);
	struct item *e = err ? NULL : find(r.key, r.key_len, 0);

	if (err == -EPROTO)
		return 0;
	if (err || (r.op == FS_KV_SET && set(NULL, r.key, r.key_len, r.value, r.value_len))) {
		status = FS_KV_BAD;
	} else if (!e && (r.op == FS_KV_GET || r.op == FS_KV_DEL)) {
		status = FS_KV_NOT_FOUND;
	} else if (r.op == FS_KV_DEL) {
		fs_kv_withdraw(hot, e->key, e->key_len);
		tdelete(e, &tree, by_key);
		free(e);
	} else if (r.op == FS_KV_GET) {
		if (++e->hits == HOT)
			publish(e);
		return fs_kv_reply_write(buf->data, &r, FS_KV_OK, e->value, e->value_len);
	}
	return fs_kv_reply_write(buf->data, &r, status, NULL, 0);
}

int main(int argc, char **argv)
{
	FS_OPTS(fs_stack_opts, stack_opts, .ifname = NULL);
	FS_OPTS(fs_udp_opts, udp_opts, .local.port = 9000);
	FS_OPTS(fs_ctl_opts, ctl_opts, .ifname = NULL);
	FS_OPTS(fs_kv_opts, kv_opts, .ifname = NULL);
	FS_OPTS(fs_ctl_rule, rule, .proto = 17 /* UDP */, .action = FS_CTL_ANSWER, .answer = "kv");
	struct fs_ctl *ctl = NULL;
	struct fs_event event;
	struct fs_udp *udp;
	struct fs_buf *buf;
	int opt, err;

	while ((opt = getopt(argc, argv, "i:p:")) != -1)
		if (opt == 'i')
			stack_opts.ifname = ctl_opts.ifname = kv_opts.ifname = optarg;
		else if (opt == 'p')
			udp_opts.local.port = (uint16_t)atoi(optarg);
	rule.local.port = udp_opts.local.port;
	if (!stack_opts.ifname || !rule.local.port || optind != argc)
		return fprintf(stderr, "usage: kv_server -i IFACE [-p PORT]\n"), 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if ((err = fs_stack_open(&stack, &stack_opts)) || (err = fs_udp_open(&udp, stack, &udp_opts)) ||
	    (err = fs_ctl_open(&ctl, &ctl_opts)) || (err = fs_kv_open(&hot, &kv_opts)) ||
	    (err = fs_kv_each(hot, set, &hot)) || (err = fs_ctl_rule_set(ctl, &rule))) {
		fprintf(stderr, "kv_server: port %u: %s\n", rule.local.port, strerror(-err));
		goto out;
	}
	printf("kv_server: port %u\n", rule.local.port), fflush(stdout);
	while (!stop && fs_stack_poll(stack, &event, 1, -1) != -ENETDOWN)
		while (fs_udp_recv(udp, &buf, 1))
			if (!(buf->len = (uint32_t)answer(buf)) || fs_udp_send(udp, &buf, 1) < 0)
				fs_buf_release(&buf, 1);
	fs_ctl_rule_del(ctl, &rule);
out:
	fs_kv_close(hot);
	fs_ctl_close(ctl);
	fs_stack_close(stack);
	return err != 0;
}
