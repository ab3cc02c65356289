// SPDX-License-Identifier: BSD-2-Clause
/*
 * prr.c - the two formulas of RFC 9937 6. The products fit: a recovery
 * delivers at most the window it began with and the one sent during it, less
 * than 2^32 bytes.
 */
#include "tcp/prr.h"

void fs_tcp_prr_enter(struct fs_tcp_prr *prr, uint32_t ssthresh, uint32_t recover_fs)
{
	*prr = (struct fs_tcp_prr){
		.ssthresh = ssthresh,
		.recover_fs = MAX(recover_fs, 1u),
	};
}

/* Rounded up, as a fraction of a segment would otherwise be held back. */
static uint64_t proportional(const struct fs_tcp_prr *prr)
{
	uint64_t due = (prr->delivered * prr->ssthresh + prr->recover_fs - 1) / prr->recover_fs;

	return due > prr->out ? due - prr->out : 0;
}

static uint64_t reduction_bound(const struct fs_tcp_prr *prr, uint32_t delivered,
				uint32_t in_flight, uint32_t smss, bool safe)
{
	uint64_t saved = prr->delivered > prr->out ? prr->delivered - prr->out : 0;
	uint64_t count = MAX(saved, delivered);

	if (safe)
		count += smss;
	return MIN(count, (uint64_t)prr->ssthresh - in_flight);
}

uint32_t fs_tcp_prr_ack(struct fs_tcp_prr *prr, uint32_t delivered, uint32_t in_flight,
			uint32_t smss, bool safe)
{
	uint64_t count;

	assert(delivered);
	prr->delivered += delivered;
	if (in_flight > prr->ssthresh)
		count = proportional(prr);
	else
		count = reduction_bound(prr, delivered, in_flight, smss, safe);
	/*
	 * The first retransmission goes out whatever the formulas say. RFC 9937
	 * says so for a count of 0; part of a segment would hold it back as well.
	 */
	if (!prr->out)
		count = MAX(count, smss);
	return (uint32_t)MIN(count, UINT32_MAX);
}
