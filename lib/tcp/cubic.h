/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cubic.h - the arithmetic of CUBIC in integers: its curve and the cube root
 * that places it. Pure; for cc_cubic.c and its test.
 *
 *	W_cubic(t) = C * (t - K)^3 + W_max,  C = 0.4 segments / s^3
 *
 *	 bytes |                              /
 *	 W_max |- - - - - - - - ______-------/ - -
 *	       |         ---
 *	  cwnd |  /            : concave       convex
 *	       +--+------------+------------------------> t
 *	        epoch          K
 *
 * Times are seconds in units of 2^-20 s ("q20"): a cube of them fits where a
 * cube of nanoseconds does not.
 */
#ifndef FS_TCP_CUBIC_H
#define FS_TCP_CUBIC_H

#include "base/types.h"

/* The largest r with r^3 <= @x, for x < 2^96. */
uint32_t fs_tcp_cube_root(unsigned __int128 x);

/* RFC 9438 4.2, figure 2: when the curve from @deficit bytes below W_max is there. */
uint32_t fs_tcp_cubic_k_q20(uint32_t deficit, uint32_t smss);

/* RFC 9438 4.2, figure 1, in bytes; 0 at least. */
uint64_t fs_tcp_cubic_window(uint32_t w_max, uint32_t k_q20, uint64_t t_ns, uint32_t smss);

#endif
