/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.h - publish keys and values that XDP answers (doc/kv-wire.md).
 *
 * A published key is answered on each port of the interface whose rule says
 * kv (fs_ctl_rule_set(), `fastsock answer add udp/PORT kv`), before the packet
 * gets anywhere near a process. What is not published goes on to the process that
 * steers the port, or to the kernel.
 *
 * Published entries stay when the process ends, and go with the program. Each
 * call is one to five system calls and does not block. A handle is used by
 * one thread at a time. Several handles and processes may publish on one interface,
 * but a key should have one writer: the last one wins.
 */
#ifndef FASTSOCK_KV_H
#define FASTSOCK_KV_H

#include <fastsock/fastsock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fs_kv;

struct fs_kv_opts {
	size_t sz;
	const char *ifname;
	fs_log_fn *log;		/* NULL: fs_log_stderr() */
	void *log_ctx;
};

/*
 * fs_kv_open - a handle on the published entries of an interface, which must
 * have our program.
 *
 * Needs permission on the pinned maps, no capability. Returns 0, or
 *   -EINVAL      opts->sz is 0
 *   -ENOENT      not attached
 *   -ENODEV      no such interface
 *   -EPERM, -EACCES
 *   -EPROTO      the program is of another version than this library
 *   -EBUSY       the pins belong to another network namespace
 *   -ENOMEM
 */
FS_API int fs_kv_open(struct fs_kv **out, const struct fs_kv_opts *opts);

/* fs_kv_close - free the handle; what was published stays. NULL is fine. No errors. */
FS_API void fs_kv_close(struct fs_kv *kv);

/*
 * fs_kv_publish - let XDP answer @key with @value, or with a new value.
 *
 * Key and value are bytes, copied. From the return on every GET reads the new
 * value; a reader never sees a mixture, nor a moment without the key. On failure what was
 * published before stays: withdraw it if it is no longer true. Returns 0, or
 *   -EINVAL      a key of 0 or more than 250 bytes, a value of more than 1024
 *   -ENOSPC      the table for entries of this size is full
 *   -EEXIST      another key with the same hash is published
 *   -EPERM, -ENOMEM
 */
FS_API int fs_kv_publish(struct fs_kv *kv, const void *key, size_t key_len,
			 const void *value, size_t value_len);

/*
 * fs_kv_withdraw - let XDP forget @key.
 *
 * From the return on no GET is answered by XDP. Returns 0, or
 *   -ENOENT      it is not published
 *   -EINVAL, -EPERM
 */
FS_API int fs_kv_withdraw(struct fs_kv *kv, const void *key, size_t key_len);

/*
 * fs_kv_get - copy the published value, up to @size bytes of it.
 *
 * Returns the value's length, which may exceed @size, or -ENOENT, -EINVAL,
 * -EPERM, or -EAGAIN when it changes faster than it can be read.
 */
FS_API ssize_t fs_kv_get(struct fs_kv *kv, const void *key, size_t key_len,
			 void *value, size_t size);

/* 0 goes on, anything else ends the walk and is returned. */
typedef int fs_kv_fn(void *ctx, const void *key, size_t key_len,
		     const void *value, size_t value_len);

/*
 * fs_kv_each - all published entries, in no order.
 *
 * Entries that change meanwhile may be missed or come twice. Key and value
 * are valid during the callback, which may withdraw them. Returns 0, what the callback
 * returned, or -EPERM.
 */
FS_API int fs_kv_each(struct fs_kv *kv, fs_kv_fn *fn, void *ctx);

struct fs_kv_room {
	size_t sz;
	uint32_t small_entries;	/* published; key up to 32 bytes and value up to 64 */
	uint32_t small_max;
	uint32_t large_entries;
	uint32_t large_max;
};

/*
 * fs_kv_count - how many entries are published, and how many there may be.
 *
 * Set @room->sz first. Walks over all of them. Returns 0, or -EINVAL, -EPERM.
 */
FS_API int fs_kv_count(struct fs_kv *kv, struct fs_kv_room *room);

#ifdef __cplusplus
}
#endif

#endif
