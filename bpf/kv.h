/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * kv.h - key-value requests (doc/kv-wire.md) answered from published entries.
 *
 *	request	| header | key | room for the value, any bytes |
 *	reply	| header | key | value |			  Ethernet trailer
 *
 * The reply is written over the request and never grows. It has a checksum of
 * its own, made from the entry's sum without a walk over the value, so the
 * request's must be verified first: else a damaged key that happens to be
 * another key would come back as a valid answer. That is one copy and one sum
 * of the request; what it costs grows with the bytes on the wire.
 *
 * A small entry is looked for among the hot ones first, which costs no helper
 * call, then in the tables.
 *
 * An element that user space replaces is recycled at once, perhaps under our
 * eyes. So the value is copied into the frame between two looks at the
 * entry's two generations; the request's own bytes stand in scratch->block,
 * and go back into the frame should no copy succeed.
 */
#ifndef FS_BPF_KV_H
#define FS_BPF_KV_H

#include "parse.h"
#include "rate.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FS_KV_SMALL_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct fs_kv_small);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kv_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FS_KV_LARGE_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct fs_kv_large);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kv_large SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FS_KV_HOT_ENTRIES);
	__uint(map_flags, BPF_F_MMAPABLE);	/* written in place, in order */
	__type(key, __u32);
	__type(value, struct fs_kv_hot);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kv_hot SEC(".maps");

enum {
	KV_TRIES = 4,
	KV_KEY_WORDS = 256 / 8,
	KV_REQUEST_MAX = sizeof(struct fs_kv_hdr) + FS_KV_KEY_MAX + FS_KV_VALUE_MAX,
};

/* What became of a request; PONG, VALUE and SHORT are answers. */
enum kv_result {
	KV_MISS = 0,
	KV_DAMAGED,		/* its checksum is wrong */
	KV_INTACT,		/* not looked into yet */
	KV_TORN,
	KV_PONG,
	KV_VALUE,
	KV_SHORT,
};

/* An entry, small or large, and what was read from it in one piece. */
struct kv_entry {
	const volatile struct fs_kv_head *head;
	const volatile __u64 *gen_end;
	const __u64 *key;
	const __u64 *value;
	__u32 value_max;
	__u32 key_words;
};

struct kv_reply {
	__u64 sum;		/* of key and value */
	__u32 value_len;	/* as the header says it */
	__u32 len;		/* of the whole payload */
	__u8 status;
};

static __always_inline const __u64 *kv_request_key(const struct fs_run *run)
{
	return (const __u64 *)(run->scratch->block + sizeof(struct fs_kv_hdr));
}

/*
 * How many words the key fills. The verifier takes this for a number of its own:
 * where a loop over the words ends tells it nothing about key_len, and it need
 * not follow each end apart.
 */
static __always_inline __u32 kv_key_words(__u32 key_len)
{
	__u32 words = (key_len + 7) / 8;

	barrier_var(words);
	return words;
}

/*
 * The word that the key's last bytes are in, or the one behind them. The mask
 * tells the verifier what FS_KV_KEY_MAX is.
 */
static __always_inline __u64 *kv_key_word(const struct fs_run *run, __u32 key_len)
{
	return (__u64 *)(run->scratch->block + sizeof(struct fs_kv_hdr) + (key_len & 0xf8));
}

/*
 * Reads before it happen before reads behind it. x86 has them in order unless
 * the compiler mixes them up; elsewhere an exchange orders them.
 */
static __always_inline void kv_read_fence(const struct fs_run *run)
{
#ifdef FS_WEAK_ORDER
	__sync_lock_test_and_set(&run->scratch->fence, 1);
#else
	(void)run;
#endif
	barrier();
}

static __always_inline int kv_gen_is(const struct fs_run *run, const struct kv_entry *entry,
				     __u64 gen)
{
	int same;

	kv_read_fence(run);
	same = entry->head->gen == gen && *entry->gen_end == gen;
	kv_read_fence(run);
	return same;
}

static __always_inline int kv_key_is(const struct fs_run *run, const struct kv_entry *entry,
				     __u32 key_len)
{
	const __u64 *key = kv_request_key(run);
	__u32 words = kv_key_words(key_len);

	if (entry->head->key_len != key_len)
		return 0;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < entry->key_words; i++) {
		if (i >= words)
			break;
		if (entry->key[i] != key[i])
			return 0;
	}
	return 1;
}

/* The request was read from the frame, so all of its room is there. */
static __always_inline int kv_store(const struct fs_run *run, const struct kv_entry *entry,
				    __u32 start, __u32 len)
{
	__u32 off = run->packet->payload_off + start;

	if (entry->value_max <= FS_BLOCK_SHORT && len <= entry->value_max)
		return fs_frame_write_short(run->ctx, off, entry->value, len, entry->value_max);
	if (!fs_is_length(len, entry->value_max))
		return len ? -1 : 0;
	return bpf_xdp_store_bytes(run->ctx, off, (void *)entry->value, len) ? -1 : 0;
}

static __always_inline enum kv_result kv_copy(const struct fs_run *run,
					      const struct kv_entry *entry,
					      __u32 key_len, struct kv_reply *reply)
{
	__u32 start = sizeof(struct fs_kv_hdr) + key_len;
	__u32 room = run->packet->payload_len - start;
	__u64 gen = entry->head->gen;
	__u32 value_len = entry->head->value_len;

	if (!kv_gen_is(run, entry, gen))
		return KV_TORN;
	if (!kv_key_is(run, entry, key_len))
		return kv_gen_is(run, entry, gen) ? KV_MISS : KV_TORN;
	reply->sum = entry->head->sum;
	reply->value_len = value_len;
	if (value_len > room)
		return kv_gen_is(run, entry, gen) ? KV_SHORT : KV_TORN;
	if (kv_store(run, entry, start, value_len))
		return KV_MISS;
	return kv_gen_is(run, entry, gen) ? KV_VALUE : KV_TORN;
}

static __always_inline struct fs_kv_small *kv_find_hot(__u64 hash)
{
	__u32 index = hash & (FS_KV_HOT_ENTRIES - 1);
	struct fs_kv_hot *copy = bpf_map_lookup_elem(&kv_hot, &index);

	if (copy && copy->hash == hash)
		return &copy->entry;
	index ^= 1;
	copy = bpf_map_lookup_elem(&kv_hot, &index);
	return copy && copy->hash == hash ? &copy->entry : NULL;
}

/* A copy, if @copies may be taken, that is not of its hash's key has just changed. */
static __always_inline enum kv_result kv_get_small(const struct fs_run *run, __u64 hash,
						   __u32 key_len, struct kv_reply *reply, int copies)
{
	struct fs_kv_small *small = copies ? kv_find_hot(hash) : NULL;
	struct kv_entry entry;
	enum kv_result result;

	copies = small != NULL;
	if (!small)
		small = bpf_map_lookup_elem(&kv_small, &hash);
	if (!small)
		return KV_MISS;
	entry.head = &small->head;
	entry.gen_end = &small->gen_end;
	entry.key = (const __u64 *)small->key;
	entry.value = (const __u64 *)small->value;
	entry.value_max = sizeof(small->value);
	entry.key_words = sizeof(small->key) / 8;
	result = kv_copy(run, &entry, key_len, reply);
	return copies && result == KV_MISS ? KV_TORN : result;
}

static __always_inline enum kv_result kv_get_large(const struct fs_run *run, __u64 hash,
						   __u32 key_len, struct kv_reply *reply)
{
	struct fs_kv_large *large = bpf_map_lookup_elem(&kv_large, &hash);
	struct kv_entry entry;

	if (!large)
		return KV_MISS;
	entry.head = &large->head;
	entry.gen_end = &large->gen_end;
	entry.key = (const __u64 *)large->key;
	entry.value = (const __u64 *)large->value;
	entry.value_max = sizeof(large->value);
	entry.key_words = sizeof(large->key) / 8;
	return kv_copy(run, &entry, key_len, reply);
}

static __always_inline __u64 kv_hash(const struct fs_run *run, __u32 key_len)
{
	const __u64 *key = kv_request_key(run);
	__u32 words = kv_key_words(key_len);
	__u64 hash = run->config->kv_seed;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < KV_KEY_WORDS; i++) {
		if (i >= words)
			break;
		hash = fs_kv_hash_word(hash, key[i]);
	}
	return fs_kv_hash_end(hash, key_len);
}

static __always_inline __u64 kv_key_sum(const struct fs_run *run, __u32 key_len)
{
	const __u64 *key = kv_request_key(run);
	__u32 words = kv_key_words(key_len);
	__u64 sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < KV_KEY_WORDS; i++) {
		if (i >= words)
			break;
		sum += fs_csum_word(key[i]);
	}
	return sum;
}

/*
 * The hash and the comparison take the key in words, so the bytes behind it in
 * its last word become zeros. Returns what the word was.
 */
static __always_inline __u64 kv_pad_key(const struct fs_run *run, __u32 key_len)
{
	__u64 *last = kv_key_word(run, key_len);
	__u64 was = *last;

	*last = fs_word_first(was, key_len & 7);
	return was;
}

/* A torn copy has soiled the request's room; it must go up as it came. */
static __always_inline void kv_restore(const struct fs_run *run, __u32 key_len, __u64 under_pad)
{
	__u32 len = run->packet->payload_len;

	*kv_key_word(run, key_len) = under_pad;
	if (fs_is_length(len, KV_REQUEST_MAX))
		bpf_xdp_store_bytes(run->ctx, run->packet->payload_off, run->scratch->block, len);
}

/*
 * A key that changes its size is in both tables for a moment, but not in the
 * one of a lookup that came too early, nor in that of one that comes too late;
 * and a lookup that meets an element which is being recycled may find the end
 * of its bucket. So a key is missing only when it was not found twice.
 */
static __always_inline enum kv_result kv_get(const struct fs_run *run, __u32 key_len,
					     struct kv_reply *reply)
{
	__u64 under_pad = kv_pad_key(run, key_len);
	__u64 hash = kv_hash(run, key_len);
	enum kv_result result = KV_MISS;
	int torn = 0, missed = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < KV_TRIES; i++) {
		result = kv_get_small(run, hash, key_len, reply, i == 0);
		if (result == KV_MISS)
			result = kv_get_large(run, hash, key_len, reply);
		if (result == KV_MISS && !missed++)
			continue;
		if (result != KV_TORN)
			break;
		run->stats->kv_torn++;
		torn = 1;
	}
	if (torn && (result == KV_MISS || result == KV_TORN))
		kv_restore(run, key_len, under_pad);
	return result;
}

static __always_inline int kv_read(const struct fs_run *run, __u32 len, __u64 *sum)
{
	__u32 off = run->packet->payload_off;

	if (len <= FS_BLOCK_SHORT)
		return fs_block_read_short(run->ctx, run->scratch, off, len, sum);
	return fs_block_read(run->ctx, run->scratch, off, len, sum);
}

/* Copies the request into scratch->block. */
static __always_inline enum kv_result kv_verify(const struct fs_run *run, const struct udphdr *udp)
{
	__u64 payload, sum, ports = (__u64)udp->source + udp->dest + udp->len + udp->check;
	__u32 len = run->packet->payload_len;
	__u16 csum = udp->check;

	if (len < sizeof(struct fs_kv_hdr) || len > KV_REQUEST_MAX || kv_read(run, len, &payload))
		return KV_MISS;
	if (!csum)
		return KV_INTACT;
	sum = fs_pseudo(run, len + sizeof(*udp));
	if (csum == fs_csum_fold(sum)) {
		run->stats->csum_partial++;
		/* In skb mode the kernel may complete what we write: not for us. */
		return run->config->flags & FS_CONFIG_F_SKB_MODE ? KV_MISS : KV_INTACT;
	}
	sum += ports + payload;
	return fs_csum_fold(sum) == 0xffff ? KV_INTACT : KV_DAMAGED;
}

/* The reply but for its headers: in the frame, and in @reply. */
static __always_inline enum kv_result kv_process(const struct fs_run *run, struct kv_reply *reply)
{
	const fs_word32 *words = (const fs_word32 *)run->scratch->block;
	__u32 say = bpf_ntohl(words[0]), lengths = bpf_ntohl(words[2]);
	__u32 key_len = lengths >> 16, op = say >> 8 & 0xff;
	enum kv_result result;

	/* As in struct fs_kv_hdr: only op, id and key_len may vary. */
	if ((say ^ ((__u32)FS_KV_MAGIC << 24 | FS_KV_VERSION << 16)) & 0xffff00ff)
		return KV_MISS;
	if ((lengths & 0xffff) | words[3])
		return KV_MISS;
	if (key_len > FS_KV_KEY_MAX ||
	    sizeof(struct fs_kv_hdr) + key_len > run->packet->payload_len)
		return KV_MISS;
	reply->status = FS_KV_OK;
	reply->value_len = 0;
	reply->len = sizeof(struct fs_kv_hdr) + key_len;
	if (op == FS_KV_PING) {
		kv_pad_key(run, key_len);
		reply->sum = kv_key_sum(run, key_len);
		return KV_PONG;
	}
	if (op != FS_KV_GET || !key_len)
		return KV_MISS;
	result = kv_get(run, key_len, reply);
	if (result == KV_VALUE)
		reply->len += reply->value_len;
	if (result == KV_SHORT) {
		reply->status = FS_KV_SHORT;
		reply->sum = kv_key_sum(run, key_len);
	}
	return result;
}

static __always_inline int kv_send(const struct fs_run *run, const struct kv_reply *reply)
{
	struct udphdr *udp = fs_reply_udp(run, reply->len);
	fs_word32 *hdr = fs_at(run->ctx, run->packet->payload_off, sizeof(struct fs_kv_hdr));
	__u32 say, lengths;

	if (!udp || !hdr)
		return fs_pass(run, FS_STAT_pass_malformed);
	/* As in struct fs_kv_hdr: magic to status, id, both lengths, reserved. */
	say = hdr[0] | bpf_htonl(FS_KV_REPLY << 8 | reply->status);
	lengths = hdr[2] | bpf_htonl(reply->value_len);
	hdr[0] = say;
	hdr[2] = lengths;
	udp->check = fs_csum_udp(fs_pseudo(run, reply->len + sizeof(*udp)) +
				 udp->source + udp->dest + udp->len +
				 say + hdr[1] + lengths + reply->sum);
	return fs_tx(run, FS_STAT_tx_kv);
}

static __always_inline int kv_miss(const struct fs_run *run)
{
	run->stats->kv_miss++;
	return fs_miss(run, FS_STAT_pass_miss);
}

static __always_inline int kv(const struct fs_run *run)
{
	struct udphdr *udp = fs_at(run->ctx, run->packet->l4_off, sizeof(*udp));
	struct kv_reply reply = {};
	enum kv_result result;

	if (!udp || !udp->source)
		return kv_miss(run);
	result = kv_verify(run, udp);
	if (result == KV_DAMAGED)
		return fs_drop(run, FS_STAT_drop_bad_csum);
	if (result == KV_INTACT)
		result = kv_process(run, &reply);
	if (result == KV_MISS || result == KV_TORN)
		return kv_miss(run);
	if (over_rate(run))
		return fs_drop(run, FS_STAT_drop_rate);
	if (result == KV_VALUE)
		run->stats->kv_hit++;
	else if (result == KV_SHORT)
		run->stats->kv_short++;
	else
		run->stats->kv_ping++;
	return kv_send(run, &reply);
}

#endif
