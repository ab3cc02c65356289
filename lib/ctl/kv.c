// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv.c - publish to, and withdraw from, the tables that XDP answers from.
 *
 * An entry is in kv_small or in kv_large, by its size. One that changes its
 * size class is written to its new table before it leaves the old one; while it
 * is in both, the program reads the small one. A new value can therefore become
 * visible a system call before fs_kv_publish() returns, but no reader ever
 * misses the key.
 *
 * A small entry may have a copy (kvhot.c), which the program reads before the
 * tables. It is taken away before they change and written anew when they have:
 * readers see old values, then new ones, and a publisher that is killed leaves
 * no copy that the tables know nothing of. Should two write one key at once, the
 * one whose entry is not in the table afterwards takes its copy away again, and
 * one that has none to write takes the other's.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <fastsock/ctl.h>
#include <fastsock/kv.h>

#include "base/random.h"
#include "ctl/entry.h"
#include "ctl/kvhot.h"
#include "steer/steer.h"

enum {
	READ_TRIES = 64,
};

struct fs_kv {
	struct fs_logger log;
	struct fs_steer *steer;
	int small_fd, large_fd;
	struct fs_kv_hot *hot;
	uint64_t seed;
	struct fs_random gens;
	/* Room for what is being written or read. */
	struct fs_kv_small small;
	struct fs_kv_large large;
};

static int fail_open(const struct fs_kv *kv, int err, const char *ifname)
{
	if (err != -ENOENT)
		return err;
	return fs_base_fail(&kv->log, err,
			    "%s: no fastsock program is attached; run `fastsock attach %s`", ifname,
			    ifname);
}

int fs_kv_open(struct fs_kv **out, const struct fs_kv_opts *user)
{
	struct fs_kv_opts opts = { 0 };
	struct fs_kv *kv;
	int err;

	if (!user || !user->sz)
		return -EINVAL;
	memcpy(&opts, user, MIN(user->sz, sizeof(opts)));
	kv = calloc(1, sizeof(*kv));
	if (!kv)
		return -ENOMEM;
	kv->log = (struct fs_logger){ .fn = opts.log, .ctx = opts.log_ctx };
	err = fs_steer_open(&kv->steer, opts.ifname, &kv->log);
	if (!err && getrandom(&kv->gens.state, sizeof(kv->gens.state), 0) < 0)
		err = -errno;
	if (err) {
		err = fail_open(kv, err, opts.ifname);
		fs_kv_close(kv);
		return err;
	}
	kv->small_fd = fs_steer_map(kv->steer, FS_MAP_KV_SMALL);
	kv->large_fd = fs_steer_map(kv->steer, FS_MAP_KV_LARGE);
	kv->seed = fs_steer_config(kv->steer)->kv_seed;
	kv->hot = fs_ctl_kvhot_map(fs_steer_map(kv->steer, FS_MAP_KV_HOT));
	if (!kv->hot) {
		err = -errno;
		fs_kv_close(kv);
		return err;
	}
	*out = kv;
	return 0;
}

void fs_kv_close(struct fs_kv *kv)
{
	if (!kv)
		return;
	fs_ctl_kvhot_unmap(kv->hot);
	fs_steer_close(kv->steer);
	free(kv);
}

static struct fs_ctl_entry entry_of(struct fs_kv *kv, bool small)
{
	return small ? fs_ctl_entry_small(&kv->small) : fs_ctl_entry_large(&kv->large);
}

/* Read one whole entry. The kernel copies without a lock, so look twice. */
static int read_entry(struct fs_kv *kv, uint64_t hash, bool small)
{
	void *room = small ? (void *)&kv->small : (void *)&kv->large;
	const struct fs_ctl_entry entry = entry_of(kv, small);

	for (int i = 0; i < READ_TRIES; i++) {
		if (bpf_map_lookup_elem(small ? kv->small_fd : kv->large_fd, &hash, room))
			return -errno;
		if (fs_ctl_entry_is_whole(&entry))
			return 0;
	}
	return -EAGAIN;
}

/* 0: the key is there, -ENOENT, or -EEXIST: another one has its hash. */
static int find(struct fs_kv *kv, uint64_t hash, bool small, const void *key, size_t key_len)
{
	int err = read_entry(kv, hash, small);
	const struct fs_ctl_entry entry = entry_of(kv, small);

	if (err)
		return err;
	return fs_ctl_entry_has_key(&entry, key, key_len) ? 0 : -EEXIST;
}

static int fail_full(const struct fs_kv *kv, bool small)
{
	if (errno != E2BIG && errno != ENOSPC)
		return -errno;
	return fs_base_fail(&kv->log, -ENOSPC,
			    "the table for %s entries is full; `fastsock kv list` shows them",
			    small ? "small" : "large");
}

static int write_entry(struct fs_kv *kv, uint64_t hash, bool small, const void *key,
		       size_t key_len, const void *value, size_t value_len)
{
	void *room = small ? (void *)&kv->small : (void *)&kv->large;
	const struct fs_ctl_entry entry = entry_of(kv, small);

	fs_ctl_entry_fill(&entry, fs_random_next(&kv->gens), key, key_len, value, value_len);
	if (bpf_map_update_elem(small ? kv->small_fd : kv->large_fd, &hash, room, BPF_ANY))
		return fail_full(kv, small);
	return 0;
}

static void clear_hot(struct fs_kv *kv, uint64_t hash)
{
	fs_ctl_kvhot_clear(kv->hot, hash, fs_random_next(&kv->gens));
}

/* kv->small was written to the table; if it is still there, it may have a copy. */
static void fill_hot(struct fs_kv *kv, uint64_t hash)
{
	struct fs_kv_small now;

	fs_ctl_kvhot_fill(kv->hot, hash, &kv->small);
	if (bpf_map_lookup_elem(kv->small_fd, &hash, &now) || now.head.gen != kv->small.head.gen)
		clear_hot(kv, hash);
}

static bool is_key(const void *key, size_t key_len)
{
	return key && key_len && key_len <= FS_KV_KEY_MAX;
}

int fs_kv_publish(struct fs_kv *kv, const void *key, size_t key_len, const void *value,
		  size_t value_len)
{
	bool small = fs_ctl_entry_is_small(key_len, value_len);
	uint64_t hash;
	int in_small, in_large, err;

	if (!is_key(key, key_len) || value_len > FS_KV_VALUE_MAX || (value_len && !value))
		return -EINVAL;
	hash = fs_ctl_entry_hash(kv->seed, key, key_len);
	in_small = find(kv, hash, true, key, key_len);
	in_large = find(kv, hash, false, key, key_len);
	if (in_small == -EEXIST || in_large == -EEXIST)
		return -EEXIST;
	clear_hot(kv, hash);
	err = write_entry(kv, hash, small, key, key_len, value, value_len);
	if (err)
		return err;
	if (!(small ? in_large : in_small))
		bpf_map_delete_elem(small ? kv->large_fd : kv->small_fd, &hash);
	if (small)
		fill_hot(kv, hash);
	else
		clear_hot(kv, hash);
	return 0;
}

int fs_kv_withdraw(struct fs_kv *kv, const void *key, size_t key_len)
{
	int result = -ENOENT;
	uint64_t hash;

	if (!is_key(key, key_len))
		return -EINVAL;
	hash = fs_ctl_entry_hash(kv->seed, key, key_len);
	clear_hot(kv, hash);
	for (int small = 0; small < 2; small++) {
		if (find(kv, hash, small, key, key_len))
			continue;
		if (!bpf_map_delete_elem(small ? kv->small_fd : kv->large_fd, &hash))
			result = 0;
		else if (errno != ENOENT)
			return -errno;
	}
	clear_hot(kv, hash);
	return result;
}

ssize_t fs_kv_get(struct fs_kv *kv, const void *key, size_t key_len, void *value, size_t size)
{
	struct fs_ctl_entry entry;
	bool small = true;
	uint64_t hash;
	int err;

	if (!is_key(key, key_len))
		return -EINVAL;
	hash = fs_ctl_entry_hash(kv->seed, key, key_len);
	err = find(kv, hash, small, key, key_len);
	if (err == -ENOENT || err == -EEXIST) {
		small = false;
		err = find(kv, hash, small, key, key_len);
	}
	if (err)
		return err == -EEXIST ? -ENOENT : err;
	entry = entry_of(kv, small);
	memcpy(value, entry.value, MIN(size, (size_t)entry.head->value_len));
	return entry.head->value_len;
}

static int each_in(struct fs_kv *kv, bool small, fs_kv_fn *fn, void *ctx)
{
	const unsigned int most = 2 * (small ? FS_KV_SMALL_MAX : FS_KV_LARGE_MAX);
	int fd = small ? kv->small_fd : kv->large_fd;
	const struct fs_ctl_entry entry = entry_of(kv, small);
	uint64_t hash, next;
	int more;

	/* With a bound: others may add as fast as this walks. */
	more = !bpf_map_get_next_key(fd, NULL, &hash);
	for (unsigned int i = 0; more && i < most; i++) {
		int end = 0;

		more = !bpf_map_get_next_key(fd, &hash, &next);
		if (!read_entry(kv, hash, small))
			end = fn(ctx, entry.key, entry.head->key_len, entry.value,
				 entry.head->value_len);
		if (end)
			return end;
		hash = next;
	}
	return 0;
}

int fs_kv_each(struct fs_kv *kv, fs_kv_fn *fn, void *ctx)
{
	int end = each_in(kv, true, fn, ctx);

	return end ? end : each_in(kv, false, fn, ctx);
}

static uint32_t count_keys(int fd, uint32_t most)
{
	uint64_t hash, *prev = NULL;
	uint32_t n = 0;

	while (n < most && !bpf_map_get_next_key(fd, prev, &hash)) {
		prev = &hash;
		n++;
	}
	return n;
}

static uint32_t max_entries(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.max_entries;
}

int fs_kv_count(struct fs_kv *kv, struct fs_kv_room *user)
{
	struct fs_kv_room room = {
		.small_max = max_entries(kv->small_fd),
		.large_max = max_entries(kv->large_fd),
	};

	if (!user->sz)
		return -EINVAL;
	room.sz = user->sz;
	room.small_entries = count_keys(kv->small_fd, room.small_max);
	room.large_entries = count_keys(kv->large_fd, room.large_max);
	memcpy(user, &room, MIN(user->sz, sizeof(room)));
	return 0;
}
