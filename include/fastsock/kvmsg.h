/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvmsg.h - the key-value protocol (doc/kv-wire.md) for servers: a request
 * read from a datagram, the reply written over it.
 *
 * Pure functions over the caller's bytes: any thread, no blocking, no memory.
 */
#ifndef FASTSOCK_KVMSG_H
#define FASTSOCK_KVMSG_H

#include <fastsock/bpf/fs_abi.h>
#include <fastsock/fastsock.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Points into the datagram. */
struct fs_kv_request {
	uint8_t op;		/* enum fs_kv_op */
	uint16_t key_len;
	uint16_t value_len;	/* of a SET */
	uint16_t room;		/* bytes behind the key: what a reply's value may have */
	const uint8_t *key;
	const uint8_t *value;	/* of a SET */
};

/*
 * fs_kv_request_read - check a datagram and take it apart.
 *
 * Returns 0, or
 *   -EPROTO      not of this protocol, or a reply: say nothing
 *   -EBADMSG     a request that is not right: answer FS_KV_BAD. @request is
 *                filled in as far as fs_kv_reply_write() needs it
 */
FS_API int fs_kv_request_read(struct fs_kv_request *request, const void *datagram, size_t len);

/*
 * fs_kv_reply_write - turn the datagram that @request was read from into its
 * reply, with @status, and with @value for a GET that is FS_KV_OK.
 *
 * A value that the request has no room for becomes FS_KV_SHORT. Returns the
 * reply's length in bytes, never more than the request's. No errors.
 */
FS_API size_t fs_kv_reply_write(void *datagram, const struct fs_kv_request *request,
				enum fs_kv_status status, const void *value, size_t value_len);

#ifdef __cplusplus
}
#endif

#endif
