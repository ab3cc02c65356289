// SPDX-License-Identifier: BSD-2-Clause
/* fastopen.c - the client's memory of fast open servers. */
#include "tcp/fastopen.h"

#include "base/hash.h"

enum {
	DOUBLINGS_MAX = 6,	/* 64 minutes */
};

static bool is_of(const struct fs_tcp_fastopen_entry *e, const struct fs_addr *remote)
{
	return e->family == remote->family && e->port == remote->port &&
	       e->scope == remote->scope && !memcmp(e->ip, remote->ip, sizeof(e->ip));
}

static struct fs_tcp_fastopen_entry *set_of(struct fs_tcp_fastopen *table,
					    const struct fs_addr *remote)
{
	uint64_t hash = fs_hash_ip(table->seed, remote->ip,
				   (uint64_t)remote->family << 16 | remote->port);

	return table->entry[hash % FS_TCP_FASTOPEN_SETS];
}

static struct fs_tcp_fastopen_entry *find(struct fs_tcp_fastopen *table,
					  const struct fs_addr *remote)
{
	struct fs_tcp_fastopen_entry *set = set_of(table, remote);

	for (int i = 0; i < FS_TCP_FASTOPEN_WAYS; i++) {
		if (!is_of(&set[i], remote))
			continue;
		set[i].used = ++table->uses;
		return &set[i];
	}
	return NULL;
}

/* A free entry was never used: it is the longest unused of all. */
static struct fs_tcp_fastopen_entry *find_or_make(struct fs_tcp_fastopen *table,
						  const struct fs_addr *remote)
{
	struct fs_tcp_fastopen_entry *set = set_of(table, remote);
	struct fs_tcp_fastopen_entry *e = find(table, remote);

	if (e)
		return e;
	e = set;
	for (int i = 1; i < FS_TCP_FASTOPEN_WAYS; i++)
		if (set[i].used < e->used)
			e = &set[i];
	*e = (struct fs_tcp_fastopen_entry){
		.family = remote->family,
		.port = remote->port,
		.scope = remote->scope,
		.used = ++table->uses,
	};
	memcpy(e->ip, remote->ip, sizeof(e->ip));
	return e;
}

void fs_tcp_fastopen_init(struct fs_tcp_fastopen *table, uint64_t seed)
{
	memset(table, 0, sizeof(*table));
	table->seed = seed;
}

bool fs_tcp_fastopen_find(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			  uint64_t now_ns, struct fs_tcp_fastopen_hint *out)
{
	const struct fs_tcp_fastopen_entry *e = find(table, remote);

	if (e && now_ns < e->pause_until_ns)
		return false;
	*out = (struct fs_tcp_fastopen_hint){ 0 };
	if (!e)
		return true;
	out->mss = e->mss;
	out->cookie_len = e->cookie_len;
	memcpy(out->cookie, e->cookie, sizeof(out->cookie));
	return true;
}

void fs_tcp_fastopen_learn(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			   const uint8_t *cookie, uint8_t cookie_len, uint16_t mss)
{
	struct fs_tcp_fastopen_entry *e;

	assert(cookie_len <= sizeof(e->cookie));
	e = cookie_len ? find_or_make(table, remote) : find(table, remote);
	if (!e)
		return;
	e->failures = 0;
	e->pause_until_ns = 0;
	e->mss = mss;
	if (!cookie_len)
		return;
	e->cookie_len = cookie_len;
	memset(e->cookie, 0, sizeof(e->cookie));
	memcpy(e->cookie, cookie, cookie_len);
}

void fs_tcp_fastopen_failed(struct fs_tcp_fastopen *table, const struct fs_addr *remote,
			    uint64_t now_ns)
{
	struct fs_tcp_fastopen_entry *e = find_or_make(table, remote);

	e->pause_until_ns = now_ns + (FS_TCP_FASTOPEN_PAUSE_NS << e->failures);
	if (e->failures < DOUBLINGS_MAX)
		e->failures++;
}
