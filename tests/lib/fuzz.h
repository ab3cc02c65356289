/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz.h - the command line and the clock that fuzzers share. */
#ifndef TESTS_LIB_FUZZ_H
#define TESTS_LIB_FUZZ_H

#include <time.h>

#include "base/types.h"
#include "tests/lib/must.h"

struct fuzz_args {
	uint64_t rounds;
	uint64_t seed;
};

/* fuzz_x [--long] [--seed SEED] [ROUNDS]; prints what is run. */
static inline struct fuzz_args fuzz_args_long(char **argv, uint64_t long_rounds)
{
	struct fuzz_args args = { .rounds = 2000000, .seed = 1 };

	while (*++argv) {
		if (!strcmp(*argv, "--long"))
			args.rounds = long_rounds;
		else if (!strcmp(*argv, "--seed") && argv[1])
			args.seed = strtoull(*++argv, NULL, 0);
		else
			args.rounds = strtoull(*argv, NULL, 0);
	}
	printf("seed %llu, %llu rounds\n", (unsigned long long)args.seed,
	       (unsigned long long)args.rounds);
	fflush(stdout);
	return args;
}

static inline struct fuzz_args fuzz_args(char **argv)
{
	return fuzz_args_long(argv, 50000000);
}

static inline uint64_t fuzz_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline void fuzz_dump(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		printf("%02x%s", bytes[i], i % 32 == 31 || i + 1 == len ? "\n" : " ");
}

#endif
