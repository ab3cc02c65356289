/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.h - what the load generator asks, and the one reply that is right.
 *
 * All requests of a run are the same bytes but for a 32-bit id in network
 * order; an echo carries it twice, at the front and near the end, so that two
 * packets mixed into one are noticed. The rest of an echo is noise drawn for
 * this run, so that an old process cannot answer by accident.
 */
#ifndef FS_BENCH_REQUEST_H
#define FS_BENCH_REQUEST_H

#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "bpf/fs_abi.h"

enum {
	REQUEST_BYTES_MIN = 4,
	REQUEST_BYTES_MAX = 1472,	/* of a 1500 byte MTU */
};

struct request {
	uint8_t bytes[REQUEST_BYTES_MAX];
	uint8_t reply[REQUEST_BYTES_MAX];
	size_t len, reply_len;
	size_t id_off, tail_off;	/* even; tail_off 0: no second id */
};

static inline void request_put_id(const struct request *r, uint8_t *bytes, uint32_t id)
{
	id = htonl(id);
	memcpy(bytes + r->id_off, &id, sizeof(id));
	if (r->tail_off)
		memcpy(bytes + r->tail_off, &id, sizeof(id));
}

/* Is it a right reply to some request, and to which? */
static inline bool request_check(struct request *r, const uint8_t *bytes, size_t len, uint32_t *id)
{
	if (len != r->reply_len)
		return false;
	memcpy(id, bytes + r->id_off, sizeof(*id));
	*id = ntohl(*id);
	request_put_id(r, r->reply, *id);
	return !memcmp(bytes, r->reply, len);
}

static inline void request_echo(struct request *r, size_t size)
{
	if (size < REQUEST_BYTES_MIN || size > REQUEST_BYTES_MAX)
		errx(2, "--size is %d to %d bytes", REQUEST_BYTES_MIN, REQUEST_BYTES_MAX);
	if (getrandom(r->bytes, size, 0) != (ssize_t)size)
		err(1, "getrandom");
	memcpy(r->reply, r->bytes, size);
	r->len = r->reply_len = size;
	r->tail_off = size < 8 ? 0 : (size & ~(size_t)1) - 4;
}

/* GET of a key whose value is known, padded to the reply's size or to @size. */
static inline void request_kv(struct request *r, const char *key, const char *value, size_t size)
{
	const size_t key_len = strlen(key), value_len = strlen(value);
	struct fs_kv_hdr hdr = {
		.magic = FS_KV_MAGIC,
		.version = FS_KV_VERSION,
		.op = FS_KV_GET,
		.key_len = htons((uint16_t)key_len),
	};

	r->reply_len = sizeof(hdr) + key_len + value_len;
	r->len = size > r->reply_len ? size : r->reply_len;
	if (key_len > FS_KV_KEY_MAX || value_len > FS_KV_VALUE_MAX || r->len > REQUEST_BYTES_MAX)
		errx(2, "key, value or --size are too long");
	memcpy(r->bytes, &hdr, sizeof(hdr));
	memcpy(r->bytes + sizeof(hdr), key, key_len);
	hdr.op |= FS_KV_REPLY;
	hdr.value_len = htons((uint16_t)value_len);
	memcpy(r->reply, &hdr, sizeof(hdr));
	memcpy(r->reply + sizeof(hdr), key, key_len);
	memcpy(r->reply + sizeof(hdr) + key_len, value, value_len);
	r->id_off = offsetof(struct fs_kv_hdr, id);
}

#endif
