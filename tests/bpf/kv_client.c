/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_client.c - see kv_client.h. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <check.h>
#include <string.h>
#include "ctl/kvhot.h"
#include "kv_client.h"

struct packet kv_make(const struct kv_spec *spec)
{
	uint8_t payload[3500];
	struct fs_kv_hdr hdr = {
		.magic = FS_KV_MAGIC,
		.version = FS_KV_VERSION,
		.op = spec->op,
		.id = htonl(spec->id),
		.key_len = htons((uint16_t)spec->key_len),
	};

	memcpy(payload, &hdr, sizeof(hdr));
	if (spec->key_len)
		memcpy(payload + sizeof(hdr), spec->key, spec->key_len);
	memset(payload + sizeof(hdr) + spec->key_len, spec->fill, spec->room);
	return packet(.ip6 = spec->ip6, .dport = KV_PORT, .sport = spec->sport,
		      .zero_sport = spec->zero_sport, .csum = spec->csum,
		      .trailer = spec->trailer, .ip_options = spec->ip_options,
		      .payload = payload,
		      .payload_len = sizeof(hdr) + spec->key_len + spec->room);
}

uint64_t kv_hash_of(const struct rig *rig, const void *key, size_t key_len)
{
	uint64_t words[32] = { 0 }, hash = rig->set.kv_seed;

	memcpy(words, key, key_len);
	for (size_t i = 0; i * 8 < key_len; i++)
		hash = fs_kv_hash_word(hash, words[i]);
	return fs_kv_hash_end(hash, (uint32_t)key_len);
}

void kv_fill_head(struct fs_kv_head *head, uint64_t gen, const void *key, size_t key_len,
		  const void *value, size_t value_len)
{
	uint8_t wire[2048];
	uint32_t sum = 0;
	uint16_t word;

	memset(wire, 0, sizeof(wire));
	memcpy(wire, key, key_len);
	memcpy(wire + key_len, value, value_len);
	for (size_t i = 0; i < key_len + value_len; i += 2) {
		memcpy(&word, wire + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	head->gen = gen;
	head->key_len = (uint16_t)key_len;
	head->value_len = (uint16_t)value_len;
	head->sum = (uint16_t)sum;
}

static uint64_t gen = 0x100;

void kv_publish(struct rig *rig, const void *key, size_t key_len, const void *value,
		size_t value_len)
{
	struct fs_kv_small small = { 0 };
	struct fs_kv_large large = { 0 };
	uint64_t hash = kv_hash_of(rig, key, key_len);
	int is_small = key_len <= sizeof(small.key) && value_len <= sizeof(small.value);

	gen += 2;
	fs_ctl_kvhot_clear(rig->kv_hot, hash, gen - 1);
	if (is_small) {
		kv_fill_head(&small.head, gen, key, key_len, value, value_len);
		memcpy(small.key, key, key_len);
		memcpy(small.value, value, value_len);
		small.gen_end = gen;
		if (bpf_map_update_elem(rig->kv_small, &hash, &small, BPF_ANY))
			ck_abort_msg("kv_small");
		bpf_map_delete_elem(rig->kv_large, &hash);
		fs_ctl_kvhot_fill(rig->kv_hot, hash, &small);
		return;
	}
	kv_fill_head(&large.head, gen, key, key_len, value, value_len);
	memcpy(large.key, key, key_len);
	memcpy(large.value, value, value_len);
	large.gen_end = gen;
	if (bpf_map_update_elem(rig->kv_large, &hash, &large, BPF_ANY))
		ck_abort_msg("kv_large");
	bpf_map_delete_elem(rig->kv_small, &hash);
}

void kv_withdraw(struct rig *rig, const void *key, size_t key_len)
{
	uint64_t hash = kv_hash_of(rig, key, key_len);

	fs_ctl_kvhot_clear(rig->kv_hot, hash, ++gen);
	bpf_map_delete_elem(rig->kv_small, &hash);
	bpf_map_delete_elem(rig->kv_large, &hash);
}
