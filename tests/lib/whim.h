/* SPDX-License-Identifier: BSD-2-Clause */
/* whim.h - an application that changes its mind. */
#ifndef TESTS_LIB_WHIM_H
#define TESTS_LIB_WHIM_H

#include <fastsock/tcp.h>

#include "base/random.h"

/* Set some option to some value, or ask for all; @harmless: none that ends a connection. */
void whim(struct fs_tcp *tcp, struct fs_random *random, bool harmless);

#endif
