// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/leak.h"
#include "tests/lib/must.h"

struct fs_pool *test_pool(uint32_t chunks)
{
	const struct fs_pool_opts opts = { .chunks = chunks, .chunk_size = 2048 };
	struct fs_pool *pool;

	must(!fs_pool_open(&pool, &opts));
	return pool;
}

void test_pool_close(struct fs_pool *pool)
{
	static const char *const names[FS_BUF_STATE_COUNT] = {
		"free", "fill", "rx", "lent", "staged", "tx", "unacked",
	};
	uint32_t count[FS_BUF_STATE_COUNT];

	fs_pool_census(pool, count);
	for (int i = 0; count[FS_BUF_FREE] != pool->chunks && i < FS_BUF_STATE_COUNT; i++)
		fprintf(stderr, "frames %s: %u\n", names[i], count[i]);
	must(count[FS_BUF_FREE] == pool->chunks);
	must(pool->n_free == pool->chunks);
	must(!pool->heap);
	fs_pool_close(pool);
}

int test_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	must(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3;	/* ".", ".." and the directory itself */
}

void test_check_fds(int before)
{
	int after = test_open_fds();

	if (after != before)
		fprintf(stderr, "%d descriptors before, %d after\n", before, after);
	must(after == before);
}
