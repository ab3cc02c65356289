// SPDX-License-Identifier: BSD-2-Clause
/*
 * caps.c - ask for capabilities before the kernel refuses somewhere in the
 * middle with a bare EPERM. CAP_PERFMON is on the list because the verifier
 * treats pointer arithmetic as unprivileged without it.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/types.h"
#include "steer/caps.h"

static bool has(const struct __user_cap_data_struct data[2], unsigned int cap)
{
	return data[cap / 32].effective >> (cap % 32) & 1;
}

int fs_steer_caps_check(const char *ifname, const struct fs_logger *log)
{
	static const struct {
		unsigned int cap, instead;
		const char *name;
	} wanted[] = {
		{ CAP_NET_ADMIN, CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		{ CAP_BPF, CAP_SYS_ADMIN, "CAP_BPF" },
		{ CAP_PERFMON, CAP_SYS_ADMIN, "CAP_PERFMON" },
	};
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	char missing[64] = "";
	size_t len = 0;

	if (syscall(SYS_capget, &header, data))
		return 0;	/* then let the kernel decide */
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!has(data, wanted[i].cap) && !has(data, wanted[i].instead))
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len ? ", " : "", wanted[i].name);
	if (!len)
		return 0;
	return fs_base_fail(log, -EPERM,
		"%s: attaching takes privileges that this process lacks: %s; run as root, or give "
		"cap_net_admin,cap_bpf,cap_perfmon and a FASTSOCK_PIN_ROOT that you may write to",
		ifname, missing);
}
