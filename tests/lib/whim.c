// SPDX-License-Identifier: BSD-2-Clause
#include "tests/lib/must.h"
#include "tests/lib/whim.h"

void whim(struct fs_tcp *tcp, struct fs_random *random, bool harmless)
{
	static const char *const cc[] = { "cubic", "newreno", "dctcp", "none such" };
	static const struct {
		enum fs_tcp_option opt;
		int from;
		unsigned int values;
		bool ends;		/* a connection may come to its end by it */
	} options[] = {
		{ FS_TCP_NODELAY, 0, 2, false },
		{ FS_TCP_CORK, 0, 2, false },
		{ FS_TCP_QUICKACK, 0, 2, false },
		{ FS_TCP_KEEPALIVE, 0, 20, false },
		{ FS_TCP_KEEPINTVL, 1, 20, false },
		{ FS_TCP_SNDBUF, 0, 100000, false },
		{ FS_TCP_RCVBUF, 0, 100000, false },
		{ FS_TCP_KEEPCNT, 1, 10, true },
		{ FS_TCP_USER_TIMEOUT, 0, 5000, true },
		{ FS_TCP_LINGER, -1, 5, true },
	};
	struct fs_tcp_info info = { .sz = sizeof(info) };
	const uint64_t i = fs_random_below(random, ARRAY_SIZE(options) + 2);

	if (i == ARRAY_SIZE(options))
		must(!fs_tcp_info(tcp, &info));
	else if (i > ARRAY_SIZE(options))
		fs_tcp_set_cc(tcp, cc[fs_random_below(random, ARRAY_SIZE(cc))]);
	else if (!options[i].ends || !harmless)
		fs_tcp_set(tcp, options[i].opt, options[i].from +
			   (int)fs_random_below(random, options[i].values));
}
