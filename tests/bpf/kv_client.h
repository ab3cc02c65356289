/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_client.h - requests of doc/kv-wire.md, and entries as a publisher writes them. */
#ifndef FS_TESTS_BPF_KV_CLIENT_H
#define FS_TESTS_BPF_KV_CLIENT_H

#include "rig.h"

enum { KV_PORT = 6543 };

struct kv_spec {
	int ip6;
	uint8_t op;
	const void *key;
	size_t key_len;
	size_t room;		/* bytes behind the key */
	uint8_t fill;		/* what they are */
	uint32_t id;
	enum packet_csum csum;
	size_t trailer;
	size_t ip_options;
	uint16_t sport;
	int zero_sport;
};

struct packet kv_make(const struct kv_spec *spec);
#define kv_message(...) kv_make(&(struct kv_spec){ __VA_ARGS__ })
#define kv_request(...) kv_message(.op = FS_KV_GET, __VA_ARGS__)

/* Publish under a fresh generation; in kv_small and as a hot copy when it fits. */
void kv_publish(struct rig *rig, const void *key, size_t key_len, const void *value,
		size_t value_len);
void kv_withdraw(struct rig *rig, const void *key, size_t key_len);

uint64_t kv_hash_of(const struct rig *rig, const void *key, size_t key_len);
void kv_fill_head(struct fs_kv_head *head, uint64_t gen, const void *key, size_t key_len,
		  const void *value, size_t value_len);

#endif
