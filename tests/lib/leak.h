/* SPDX-License-Identifier: BSD-2-Clause */
/* leak.h - what a teardown proves: everything was given back. */
#ifndef TESTS_LIB_LEAK_H
#define TESTS_LIB_LEAK_H

#include "mem/pool.h"

/* A pool for a test; aborts without memory. */
struct fs_pool *test_pool(uint32_t chunks);

/*
 * Aborts, with the count of frames in each state, unless every frame
 * is free and no heap buffer is left; then closes the pool.
 */
void test_pool_close(struct fs_pool *pool);

/* Descriptors open now; the same number must be open at the end. */
int test_open_fds(void);
void test_check_fds(int before);

#endif
