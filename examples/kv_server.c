// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv_server - a key-value server (doc/kv-wire.md) of two levels.
 *
 *	kv_server -i IFACE [-p PORT]
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastsock/ctl.h>
#include <fastsock/kv.h>
#include <fastsock/kvmsg.h>
#include <fastsock/udp.h>

enum { HOT = 16 };

struct item {
	uint32_t hits;
	uint16_t key_len, value_len;
	uint8_t key[FS_KV_KEY_MAX];
	uint8_t value[FS_KV_VALUE_MAX];
};

static void *tree;
static struct fs_kv *hot;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->key_len - y->key_len ?: memcmp(x->key, y->key, x->key_len);
}

static struct item *find(const uint8_t *key, size_t len, int create)
{
	struct item probe = { .key_len = (uint16_t)len }, **found, *e;

	memcpy(probe.key, key, len);
	found = tfind(&probe, &tree, by_key);
	if (!found && create && (e = malloc(sizeof(*e)))) {
		*e = probe;
		found = tsearch(e, &tree, by_key);
	}
	return found ? *found : NULL;
}

/* What cannot be published must not stay published with an older value. */
static void publish(const struct item *e)
{
	if (fs_kv_publish(hot, e->key, e->key_len, e->value, e->value_len))
		fs_kv_withdraw(hot, e->key, e->key_len);
}

static int take_over(void *ctx, const void *key, size_t key_len, const void *value, size_t len)
{
	struct item *e = find(key, key_len, 1);

	(void)ctx;
	if (!e)
		return -ENOMEM;
	e->hits = HOT;
	e->value_len = (uint16_t)len;
	memcpy(e->value, value, len);
	return 0;
}

/* Answer the request in @buf in place; how long the reply is, 0: none. */
static size_t answer(struct fs_buf *buf)
{
	enum fs_kv_status status = FS_KV_OK;
	struct fs_kv_request r;
	int err = fs_kv_request_read(&r, buf->data, buf->len);
	struct item *e = err ? NULL : find(r.key, r.key_len, r.op == FS_KV_SET);

	if (err == -EPROTO)
		return 0;
	if (err || (r.op == FS_KV_SET && !e)) {
		status = FS_KV_BAD;
	} else if (r.op == FS_KV_SET) {
		e->value_len = r.value_len;
		memcpy(e->value, r.value, r.value_len);
		if (e->hits >= HOT)
			publish(e);
	} else if (r.op != FS_KV_PING && !e) {
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

static int serve(struct fs_stack *stack, const char *ifname, uint16_t port)
{
	FS_OPTS(fs_udp_opts, udp_opts, .local.port = port);
	FS_OPTS(fs_ctl_opts, ctl_opts, .ifname = ifname);
	FS_OPTS(fs_kv_opts, kv_opts, .ifname = ifname);
	FS_OPTS(fs_ctl_rule, rule, .proto = 17 /* UDP */, .local.port = port,
		.action = FS_CTL_ANSWER, .answer = "kv");
	struct fs_ctl *ctl = NULL;
	struct fs_event event;
	struct fs_udp *udp;
	struct fs_buf *buf;
	int err = fs_udp_open(&udp, stack, &udp_opts);

	if (err || (err = fs_ctl_open(&ctl, &ctl_opts)) || (err = fs_kv_open(&hot, &kv_opts)) ||
	    (err = fs_kv_each(hot, take_over, NULL)) || (err = fs_ctl_rule_set(ctl, &rule)))
		goto out;
	printf("kv_server: port %u\n", port), fflush(stdout);
	while (!stop && fs_stack_poll(stack, &event, 1, -1) != -ENETDOWN)
		while (fs_udp_recv(udp, &buf, 1))
			if (!(buf->len = (uint32_t)answer(buf)) || fs_udp_send(udp, &buf, 1) < 0)
				fs_buf_release(&buf, 1);
	fs_ctl_rule_del(ctl, &rule);
out:
	fs_kv_close(hot);
	fs_ctl_close(ctl);
	return err;
}

int main(int argc, char **argv)
{
	FS_OPTS(fs_stack_opts, opts, .ifname = NULL);
	uint16_t port = 9000;
	struct fs_stack *stack;
	int opt, err;

	while ((opt = getopt(argc, argv, "i:p:")) != -1)
		if (opt == 'i')
			opts.ifname = optarg;
		else if (opt == 'p')
			port = (uint16_t)atoi(optarg);
	if (!opts.ifname || !port || optind != argc)
		return fprintf(stderr, "usage: kv_server -i IFACE [-p PORT]\n"), 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (fs_stack_open(&stack, &opts))
		return 1;
	err = serve(stack, opts.ifname, port);
	if (err)
		fprintf(stderr, "kv_server: port %u: %s\n", port, strerror(-err));
	fs_stack_close(stack);
	return err != 0;
}
