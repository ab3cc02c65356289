// SPDX-License-Identifier: BSD-2-Clause
/*
 * kvmsg.c - requests of the key-value protocol, and replies written over
 * them. The steering program has its own copy of these rules (bpf/kv.h), for
 * the verifier; tests/netns compares what both answer.
 */
#include <errno.h>

#include "base/types.h"
#include <fastsock/kvmsg.h>

enum {
	OP = 2, STATUS = 3, KEY_LEN = 8, VALUE_LEN = 10, RSVD = 12,	/* offsets */
	HEADER_LEN = sizeof(struct fs_kv_hdr),
};

static bool is_right(const struct fs_kv_request *r, const uint8_t *p, size_t rest)
{
	if (p[1] != FS_KV_VERSION || p[STATUS] || get_be32(p + RSVD))
		return false;
	if (r->op > FS_KV_DEL || r->key_len > FS_KV_KEY_MAX || r->key_len > rest)
		return false;
	if (r->op != FS_KV_PING && !r->key_len)
		return false;
	if (r->op != FS_KV_SET)
		return !r->value_len;
	return r->value_len <= FS_KV_VALUE_MAX && r->value_len <= rest - r->key_len;
}

int fs_kv_request_read(struct fs_kv_request *request, const void *datagram, size_t len)
{
	const uint8_t *p = datagram;
	struct fs_kv_request r = { 0 };

	if (len < HEADER_LEN || p[0] != FS_KV_MAGIC || p[OP] & FS_KV_REPLY)
		return -EPROTO;
	r.op = p[OP];
	r.key_len = get_be16(p + KEY_LEN);
	r.value_len = get_be16(p + VALUE_LEN);
	if (!is_right(&r, p, len - HEADER_LEN)) {
		*request = (struct fs_kv_request){ .op = r.op };
		return -EBADMSG;
	}
	r.key = p + HEADER_LEN;
	r.value = r.key + r.key_len;
	r.room = (uint16_t)MIN(len - HEADER_LEN - r.key_len, UINT16_MAX);
	*request = r;
	return 0;
}

size_t fs_kv_reply_write(void *datagram, const struct fs_kv_request *request,
			 enum fs_kv_status status, const void *value, size_t value_len)
{
	uint8_t *p = datagram;
	bool wanted = request->op == FS_KV_GET && status == FS_KV_OK;
	size_t len = HEADER_LEN + (size_t)request->key_len;

	if (!wanted)
		value_len = 0;
	if (value_len > request->room)
		status = FS_KV_SHORT;
	p[1] = FS_KV_VERSION;
	p[OP] = request->op | FS_KV_REPLY;
	p[STATUS] = (uint8_t)status;
	put_be16(p + KEY_LEN, request->key_len);
	put_be16(p + VALUE_LEN, (uint16_t)value_len);
	put_be32(p + RSVD, 0);
	if (status != FS_KV_OK || !value_len)
		return len;
	memcpy(p + len, value, value_len);
	return len + value_len;
}
