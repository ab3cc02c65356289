// SPDX-License-Identifier: BSD-2-Clause
/*
 * kvhot.c - write the copies of small entries that XDP finds without a helper.
 *
 * The map's memory is shared with the program, which reads, and with other
 * publishers. An entry is a sequence lock that readers never wait for:
 *
 *	gen_end := gen	by exchange, if equal to head.gen: ours, torn to readers
 *	hash, key, value, lengths
 *	head.gen := gen	whole again
 *
 * Nobody waits: an entry that somebody else is writing is left to him. That
 * is right because a copy may always be missing, and because each publisher
 * looks at kv_small again after it has written a copy (kv.c).
 */
#include <stddef.h>
#include <sys/mman.h>

#include "ctl/kvhot.h"

enum {
	PLACES = 2,
};

struct fs_kv_hot *fs_ctl_kvhot_map(int fd)
{
	void *memory = mmap(NULL, sizeof(struct fs_kv_hot) * FS_KV_HOT_ENTRIES,
			    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void fs_ctl_kvhot_unmap(struct fs_kv_hot *hot)
{
	if (hot)
		munmap(hot, sizeof(*hot) * FS_KV_HOT_ENTRIES);
}

static struct fs_kv_hot *place(struct fs_kv_hot *hot, uint64_t hash, unsigned int which)
{
	return &hot[(hash & (FS_KV_HOT_ENTRIES - 1)) ^ which];
}

static uint64_t hash_of(const struct fs_kv_hot *at)
{
	return __atomic_load_n(&at->hash, __ATOMIC_RELAXED);
}

static bool lock(struct fs_kv_hot *at, uint64_t gen)
{
	__u64 was = __atomic_load_n(&at->entry.head.gen, __ATOMIC_ACQUIRE);
	bool ours = __atomic_compare_exchange_n(&at->entry.gen_end, &was, gen, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);

	/* What is written next must not be seen before gen_end. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ours;
}

static void unlock(struct fs_kv_hot *at, uint64_t gen)
{
	__atomic_store_n(&at->entry.head.gen, gen, __ATOMIC_RELEASE);
}

void fs_ctl_kvhot_clear(struct fs_kv_hot *hot, uint64_t hash, uint64_t gen)
{
	for (unsigned int which = 0; which < PLACES; which++) {
		struct fs_kv_hot *at = place(hot, hash, which);

		if (hash_of(at) != hash || !lock(at, gen))
			continue;
		/* It may have become another's before it was locked. */
		if (hash_of(at) == hash) {
			__atomic_store_n(&at->hash, 0, __ATOMIC_RELAXED);
			at->entry.head.key_len = 0;
		}
		unlock(at, gen);
	}
}

/* A free place, else either: the latest publication is the likeliest to be asked for. */
static unsigned int choose(struct fs_kv_hot *hot, uint64_t hash, uint64_t gen)
{
	for (unsigned int which = 0; which < PLACES; which++)
		if (!hash_of(place(hot, hash, which)))
			return which;
	return gen & 1;
}

/* All but the two generations. */
static void copy(struct fs_kv_hot *at, uint64_t hash, const struct fs_kv_small *small)
{
	const size_t from = sizeof(small->head.gen), to = offsetof(struct fs_kv_small, gen_end);

	__atomic_store_n(&at->hash, hash, __ATOMIC_RELAXED);
	memcpy((uint8_t *)&at->entry + from, (const uint8_t *)small + from, to - from);
}

void fs_ctl_kvhot_fill(struct fs_kv_hot *hot, uint64_t hash, const struct fs_kv_small *small)
{
	const uint64_t gen = small->head.gen;
	unsigned int which = choose(hot, hash, gen);

	if (!hash)
		return;
	for (unsigned int i = 0; i < PLACES; i++) {
		struct fs_kv_hot *at = place(hot, hash, which ^ i);

		if (!lock(at, gen))
			continue;
		copy(at, hash, small);
		unlock(at, gen);
		return;
	}
}
