// SPDX-License-Identifier: BSD-2-Clause
/*
 * cubic.c - the arithmetic of CUBIC. The cube root runs once for each loss,
 * so it goes bit by bit; the curve runs for each ACK and has no division that
 * is not by a constant.
 */
#include "tcp/cubic.h"

enum {
	ROOT_BITS = 32,
	Q = 20,
	/* 128 s from K: at 536 bytes a segment, beyond the largest window. */
	FAR_Q20 = 128 << Q,
	C_NUM = 2,	/* C = 2/5 */
	C_DEN = 5,
};

#define NSEC_PER_SEC_ODD 1953125ull	/* 5^9: NSEC_PER_SEC / 2^9 */

/*
 * The root is built from its highest bit: with y found so far, the next bit
 * is set if what is left covers (2y + 1)^3 - (2y)^3.
 */
uint32_t fs_tcp_cube_root(unsigned __int128 x)
{
	unsigned __int128 step;
	uint64_t root = 0;

	for (int bit = ROOT_BITS - 1; bit >= 0; bit--) {
		root <<= 1;
		step = (unsigned __int128)3 * root * (root + 1) + 1;
		if (x >> (3 * bit) >= step) {
			x -= step << (3 * bit);
			root++;
		}
	}
	return (uint32_t)root;
}

uint32_t fs_tcp_cubic_k_q20(uint32_t deficit, uint32_t smss)
{
	unsigned __int128 cube = (unsigned __int128)deficit * C_DEN << (3 * Q);

	return fs_tcp_cube_root(cube / (C_NUM * (uint64_t)smss));
}

uint64_t fs_tcp_cubic_window(uint32_t w_max, uint32_t k_q20, uint64_t t_ns, uint32_t smss)
{
	/* 2^20 / 10^9 = 2^11 / 5^9; an hour is far beyond the curve's end. */
	uint64_t t_q20 = (MIN(t_ns, 3600 * NSEC_PER_SEC) << (Q - 9)) / NSEC_PER_SEC_ODD;
	uint64_t away_q20 = t_q20 < k_q20 ? k_q20 - t_q20 : t_q20 - k_q20;
	uint64_t cube_q20, bytes;

	away_q20 = MIN(away_q20, (uint64_t)FAR_Q20);
	cube_q20 = (away_q20 * away_q20 >> Q) * away_q20 >> Q;
	bytes = cube_q20 * smss * C_NUM / C_DEN >> Q;
	if (t_q20 >= k_q20)
		return w_max + bytes;
	return bytes < w_max ? w_max - bytes : 0;
}
