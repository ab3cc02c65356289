// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv_server - a key-value server (doc/kv-wire.md) of two levels.
 *
 *	kv_server -i IFACE [-p PORT] [-H HITS]
 *
 * It puts the kv answer on its port, so that XDP answers what is published
 * and this program what XDP missed. A key asked for HITS times becomes hot
 * and is published; from then on its GETs do not come here any more. A SET
 * republishes before it is confirmed, a DEL withdraws first: no client sees
 * an old value after its own change.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fastsock/bpf/fs_abi.h>
#include <fastsock/kv.h>
#include <fastsock/stack.h>
#include <fastsock/udp.h>

enum {
	BATCH = 64,
	BUCKETS = 1 << 16,
};

struct entry {
	struct entry *next;
	uint32_t hits;
	uint16_t key_len, value_len;
	uint8_t bytes[];	/* key, then value */
};

static struct entry *table[BUCKETS];
static struct fs_kv *hot;
static uint32_t hot_hits = 16;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static struct entry **find(const uint8_t *key, uint16_t len)
{
	uint32_t hash = 2166136261u;	/* FNV-1a: fine for an example's own clients */
	struct entry **at;

	for (uint16_t i = 0; i < len; i++)
		hash = (hash ^ key[i]) * 16777619u;
	for (at = &table[hash % BUCKETS]; *at; at = &(*at)->next)
		if ((*at)->key_len == len && !memcmp((*at)->bytes, key, len))
			break;
	return at;
}

static void publish(const struct entry *e)
{
	/* A table that is full, or a hash in use: this key stays with us. */
	if (fs_kv_publish(hot, e->bytes, e->key_len, e->bytes + e->key_len, e->value_len))
		fs_kv_withdraw(hot, e->bytes, e->key_len);
}

static void del(struct entry **at)
{
	struct entry *e = *at;

	fs_kv_withdraw(hot, e->bytes, e->key_len);
	*at = e->next;
	free(e);
}

static int set(struct entry **at, const uint8_t *key_value, uint16_t key_len, uint16_t value_len)
{
	struct entry *e = malloc(sizeof(*e) + key_len + value_len);

	if (!e)
		return FS_KV_BAD;
	memcpy(e->bytes, key_value, (size_t)key_len + value_len);
	e->key_len = key_len;
	e->value_len = value_len;
	e->hits = *at ? (*at)->hits : 0;
	e->next = *at ? (*at)->next : NULL;
	free(*at);
	*at = e;
	if (e->hits >= hot_hits)
		publish(e);
	return FS_KV_OK;
}

static int get(struct entry *e, uint8_t *room, uint32_t room_len, uint16_t *value_len)
{
	*value_len = e->value_len;
	if (++e->hits == hot_hits)
		publish(e);
	if (room_len < e->value_len)
		return FS_KV_SHORT;
	memcpy(room, e->bytes + e->key_len, e->value_len);
	return FS_KV_OK;
}

/* Turn the request in @buf into its reply; false: not one, say nothing. */
static bool answer(struct fs_buf *buf)
{
	struct fs_kv_hdr *h = (struct fs_kv_hdr *)buf->data;
	uint16_t key_len, value_len = 0;
	struct entry **at;
	uint32_t rest;

	if (buf->len < sizeof(*h) || h->magic != FS_KV_MAGIC || h->op & FS_KV_REPLY)
		return false;
	key_len = ntohs(h->key_len);
	rest = buf->len - (uint32_t)sizeof(*h);
	h->status = FS_KV_BAD;
	if (h->version == FS_KV_VERSION && key_len <= rest && key_len <= FS_KV_KEY_MAX) {
		rest -= key_len;
		at = find(buf->data + sizeof(*h), key_len);
		h->status = h->op == FS_KV_PING || *at ? FS_KV_OK : FS_KV_NOT_FOUND;
		if (h->op == FS_KV_SET && ntohs(h->value_len) <= rest &&
		    ntohs(h->value_len) <= FS_KV_VALUE_MAX)
			h->status = (uint8_t)set(at, buf->data + sizeof(*h), key_len,
						 ntohs(h->value_len));
		else if (h->op == FS_KV_GET && *at)
			h->status = (uint8_t)get(*at, buf->data + sizeof(*h) + key_len, rest,
						 &value_len);
		else if (h->op == FS_KV_DEL && *at)
			del(at);
		else if (h->op > FS_KV_DEL || h->op == FS_KV_SET)
			h->status = FS_KV_BAD;
	} else {
		key_len = 0;
	}
	h->op |= FS_KV_REPLY;
	h->key_len = htons(key_len);
	h->value_len = htons(value_len);
	buf->len = (uint32_t)sizeof(*h) + key_len + (h->status == FS_KV_OK ? value_len : 0);
	return true;
}

static void serve(struct fs_udp *udp)
{
	struct fs_buf *bufs[BATCH];
	unsigned int n;

	while ((n = fs_udp_recv(udp, bufs, BATCH)))
		for (unsigned int i = 0; i < n; i++)
			if (!answer(bufs[i]) || fs_udp_send(udp, &bufs[i], 1) < 0)
				fs_buf_release(&bufs[i], 1);
}
