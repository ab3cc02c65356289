// SPDX-License-Identifier: BSD-2-Clause
/* entry.c - encode what bpf/kv.h reads; pure, so that tests need no kernel. */
#include "base/csum.h"
#include "ctl/entry.h"

struct fs_ctl_entry fs_ctl_entry_small(struct fs_kv_small *small)
{
	return (struct fs_ctl_entry){
		.head = &small->head,
		.gen_end = (uint64_t *)&small->gen_end,
		.key = small->key,
		.value = small->value,
		.key_max = sizeof(small->key),
		.value_max = sizeof(small->value),
	};
}

struct fs_ctl_entry fs_ctl_entry_large(struct fs_kv_large *large)
{
	return (struct fs_ctl_entry){
		.head = &large->head,
		.gen_end = (uint64_t *)&large->gen_end,
		.key = large->key,
		.value = large->value,
		.key_max = FS_KV_KEY_MAX,
		.value_max = sizeof(large->value),
	};
}

bool fs_ctl_entry_is_small(size_t key_len, size_t value_len)
{
	const struct fs_kv_small *small = NULL;

	return key_len <= sizeof(small->key) && value_len <= sizeof(small->value);
}

/* Both as they follow each other on the wire. */
static uint16_t sum(const void *key, size_t key_len, const void *value, size_t value_len)
{
	uint8_t bytes[FS_KV_KEY_MAX + FS_KV_VALUE_MAX];

	memcpy(bytes, key, key_len);
	if (value_len)
		memcpy(bytes + key_len, value, value_len);
	return fs_csum_fold(fs_csum_add(0, bytes, key_len + value_len));
}

void fs_ctl_entry_fill(const struct fs_ctl_entry *entry, uint64_t gen, const void *key,
		       size_t key_len, const void *value, size_t value_len)
{
	*entry->head = (struct fs_kv_head){
		.gen = gen,
		.key_len = (uint16_t)key_len,
		.value_len = (uint16_t)value_len,
		.sum = sum(key, key_len, value, value_len),
	};
	memset(entry->key, 0, (size_t)(entry->value - entry->key));
	memset(entry->value, 0, entry->value_max);
	memcpy(entry->key, key, key_len);
	if (value_len)
		memcpy(entry->value, value, value_len);
	*entry->gen_end = gen;
}

bool fs_ctl_entry_is_whole(const struct fs_ctl_entry *entry)
{
	return entry->head->gen == *entry->gen_end && entry->head->key_len <= entry->key_max &&
	       entry->head->value_len <= entry->value_max;
}

bool fs_ctl_entry_has_key(const struct fs_ctl_entry *entry, const void *key, size_t key_len)
{
	return entry->head->key_len == key_len && !memcmp(entry->key, key, key_len);
}

uint64_t fs_ctl_entry_hash(uint64_t seed, const void *key, size_t key_len)
{
	uint64_t words[256 / 8] = { 0 }, hash = seed;

	memcpy(words, key, key_len);
	for (size_t i = 0; i * 8 < key_len; i++)
		hash = fs_kv_hash_word(hash, words[i]);
	return fs_kv_hash_end(hash, (uint32_t)key_len);
}
