// SPDX-License-Identifier: BSD-2-Clause
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/leak.h"

struct fs_pool *test_pool(uint32_t chunks)
{
	const struct fs_pool_opts opts = { .chunks = chunks, .chunk_size = 2048 };
	struct fs_pool *pool;

	ck_assert_int_eq(fs_pool_open(&pool, &opts), 0);
	return pool;
}

void test_pool_close(struct fs_pool *pool)
{
	static const char *const names[FS_BUF_STATE_COUNT] = {
		"free", "fill", "rx", "lent", "staged", "tx", "unacked",
	};
	uint32_t count[FS_BUF_STATE_COUNT];
	char text[256] = "";
	size_t used = 0;

	fs_pool_census(pool, count);
	for (int i = 0; i < FS_BUF_STATE_COUNT; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s %u", names[i],
					 count[i]);
	ck_assert_msg(count[FS_BUF_FREE] == pool->chunks, "frames are left:%s", text);
	ck_assert_msg(pool->n_free == pool->chunks, "%u of %u frames in the free stack",
		      pool->n_free, pool->chunks);
	ck_assert_msg(!pool->heap, "a heap buffer is left");
	fs_pool_close(pool);
}

int test_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3;	/* ".", ".." and the directory itself */
}

void test_check_fds(int before)
{
	int after = test_open_fds();

	ck_assert_msg(after == before, "%d descriptors before, %d after", before, after);
}
