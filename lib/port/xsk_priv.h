/* SPDX-License-Identifier: BSD-2-Clause */
/* xsk_priv.h - what xsk.c and xsk_setup.c share. */
#ifndef FS_PORT_XSK_PRIV_H
#define FS_PORT_XSK_PRIV_H

#include "port/xsk.h"
#include "port/xsk_ring.h"

/* Of newer kernels' <linux/if_xdp.h> and <sys/socket.h>. */
enum {
	XSK_MAX_TX_SKB_BUDGET = 9,
	XSK_SO_PREFER_BUSY_POLL = 69,
	XSK_SO_BUSY_POLL_BUDGET = 70,
};

/*
 * struct xdp_umem_reg as kernels since 6.8 know it, always zeroed and always
 * 32 bytes: a shorter one is taken for an older layout (xdp-tools #477).
 */
struct xsk_umem_reg {
	uint64_t addr;
	uint64_t len;
	uint32_t chunk_size;
	uint32_t headroom;
	uint32_t flags;
	uint32_t tx_metadata_len;
};
_Static_assert(sizeof(struct xsk_umem_reg) == 32, "struct xdp_umem_reg");

struct xsk {
	struct fs_port port;
	int fd;
	bool busy_poll;
	uint32_t in_flight;	/* frames given to TX and not completed */
	uint32_t to_fill;	/* frames that the fill ring could take */
	struct xsk_ring rx;
	struct xsk_ring tx;
	struct xsk_ring fill;
	struct xsk_ring completion;
	uint64_t wakeups;
};

int fs_port_xsk_setup(struct xsk *x, const struct fs_xsk_opts *opts);
void fs_port_xsk_teardown(struct xsk *x);

#endif
