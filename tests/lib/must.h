/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * must.h - what has to be true for a test to make sense, in code that also
 * runs outside of Check: the sentence goes to stderr, the program aborts.
 */
#ifndef TESTS_LIB_MUST_H
#define TESTS_LIB_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(condition) \
	((condition) ? (void)0 : must_fail(__FILE__, __LINE__, #condition))

static inline _Noreturn void must_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: it is not so that %s\n", file, line, what);
	abort();
}

#endif
