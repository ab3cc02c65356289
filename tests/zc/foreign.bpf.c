/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * foreign.bpf.c - somebody else's XDP program: it counts packets and passes
 * them on. It asks libxdp's dispatcher to run early (10, the default is 50)
 * and to go on with the next program after its XDP_PASS.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(foreign);

struct foreign_seen {
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct foreign_seen);
} foreign_seen SEC(".maps");

SEC("xdp")
int foreign(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct foreign_seen *seen = bpf_map_lookup_elem(&foreign_seen, &zero);

	(void)ctx;
	if (seen)
		seen->packets++;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
