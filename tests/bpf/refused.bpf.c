// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * refused.bpf.c - an answer program that no verifier lets in: it reads where no
 * packet may be, after enough that the verifier's words are many.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int refused(struct xdp_md *ctx)
{
	volatile int n = 0;

	for (int i = 0; i < 32; i++)
		n += i;
	return n + *(volatile __u8 *)(long)ctx->data;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
