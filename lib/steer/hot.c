// SPDX-License-Identifier: BSD-2-Clause
/*
 * hot.c - the few rules that the program finds without a hash (struct fs_hot).
 *
 * The map's page is written in place, because the order of the stores is what
 * keeps a reader on another CPU from pairing one rule's key with another's
 * action. First come, first served: rules beyond the eighth are in the table
 * only, which costs their packets one hashed look-up.
 */
#include <errno.h>
#include <sys/mman.h>

#include "base/ip.h"
#include "steer/priv.h"

/* Exact addresses are never here: two keys that differ in them look the same. */
static uint32_t key_word(const struct fs_rule_key *key)
{
	uint32_t word;

	if (!fs_ip_is_any(key->addr))
		return 0;
	memcpy(&word, key, sizeof(word));
	return word;
}

static struct fs_hot_rule *find(struct fs_hot *hot, uint32_t word)
{
	for (int i = 0; i < FS_HOT_RULES; i++)
		if (hot->entry[i].key == word)
			return &hot->entry[i];
	return NULL;
}

static struct fs_hot *map_page(struct fs_steer *steer)
{
	void *page = mmap(NULL, sizeof(struct fs_hot), PROT_READ | PROT_WRITE, MAP_SHARED,
			  steer->map[FS_STEER_HOT], 0);

	return page == MAP_FAILED ? NULL : page;
}

/* NULL: the rule goes. */
static int change(struct fs_steer *steer, const struct fs_rule_key *key,
		  const struct fs_rule *rule)
{
	const uint32_t word = key_word(key);
	struct fs_hot_rule *entry;
	struct fs_hot *hot;

	if (!word)
		return 0;
	hot = map_page(steer);
	if (!hot)
		return -errno;
	entry = find(hot, rule ? 0 : word);
	if (entry && rule)
		entry->rule = *rule;
	if (entry)
		__atomic_store_n(&entry->key, rule ? word : 0, __ATOMIC_RELEASE);
	munmap(hot, sizeof(*hot));
	return 0;
}

int fs_steer_hot_clear(struct fs_steer *steer, const struct fs_rule_key *key)
{
	return change(steer, key, NULL);
}

/* The key was 0 long enough for the table to change in between. */
int fs_steer_hot_set(struct fs_steer *steer, const struct fs_rule_key *key,
		     const struct fs_rule *rule)
{
	return change(steer, key, rule);
}
