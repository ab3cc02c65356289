// SPDX-License-Identifier: BSD-2-Clause
/* compare.c - whether a segment is the one that the script expects. */
#include "tests/pkt/script.h"

enum { TS_SLACK = 2 };		/* ticks: timers run on a tick of their own */

bool pkt_holds(int64_t value, enum pkt_cmp cmp, int64_t than)
{
	switch (cmp) {
	case PKT_EQ:
		return value == than;
	case PKT_NE:
		return value != than;
	case PKT_LT:
		return value < than;
	case PKT_LE:
		return value <= than;
	case PKT_GT:
		return value > than;
	case PKT_GE:
		return value >= than;
	default:
		return true;
	}
}

const char *pkt_cmp_name(enum pkt_cmp cmp)
{
	static const char *const names[] = { "", "=", "!=", "<", "<=", ">", ">=" };

	return names[cmp];
}

static bool same_cookie(const struct fs_wire_tcp_opts *a, const struct fs_wire_tcp_opts *b)
{
	return a->cookie_len == b->cookie_len && !memcmp(a->cookie, b->cookie, a->cookie_len);
}

static bool same_sacks(const struct fs_wire_tcp_opts *a, const struct fs_wire_tcp_opts *b)
{
	if (a->n_sacks != b->n_sacks)
		return false;
	for (int i = 0; i < a->n_sacks; i++)
		if (!fs_seq_eq(a->sacks[i].from, b->sacks[i].from) ||
		    !fs_seq_eq(a->sacks[i].to, b->sacks[i].to))
			return false;
	return true;
}

static const char *compare_ts(const struct pkt_seg *wanted, const struct pkt_seg *seen)
{
	int32_t late = fs_ts_diff(seen->opts.ts_val, wanted->opts.ts_val);

	if (!wanted->val_any && (late > TS_SLACK || late < -TS_SLACK))
		return "the timestamp differs";
	if (!wanted->ecr_any && !fs_ts_eq(seen->opts.ts_ecr, wanted->opts.ts_ecr))
		return "the echoed timestamp differs";
	return NULL;
}

static const char *compare_opts(const struct pkt_seg *wanted, const struct pkt_seg *seen)
{
	const struct fs_wire_tcp_opts *w = &wanted->opts, *s = &seen->opts;
	uint8_t by_value = w->has & (uint8_t)~wanted->opts_any;

	if (w->has & ~s->has)
		return "an option is missing";
	if ((s->has & ~w->has) && !wanted->opts_rest)
		return "an option is there that should not be";
	if ((by_value & FS_TCP_OPT_MSS) && w->mss != s->mss)
		return "the MSS differs";
	if ((by_value & FS_TCP_OPT_WSCALE) && w->wscale != s->wscale)
		return "the window scale differs";
	if ((by_value & FS_TCP_OPT_TFO) && !same_cookie(w, s))
		return "the fast open cookie differs";
	if (!(w->n_sacks == 0 && wanted->opts_rest) && !same_sacks(w, s))
		return "the SACK blocks differ";
	return w->has & FS_TCP_OPT_TS ? compare_ts(wanted, seen) : NULL;
}

const char *pkt_compare(const struct pkt_seg *wanted, const struct pkt_seg *seen)
{
	/* Where a sender pushes is its own affair, unless the script says so. */
	uint8_t care = (uint8_t)~(wanted->flags & FS_TCP_F_PSH ? 0 : FS_TCP_F_PSH);

	if ((wanted->flags & care) != (seen->flags & care))
		return "the flags differ";
	if (!wanted->seq_any && wanted->seq != seen->seq)
		return "the sequence number differs";
	if (wanted->len != seen->len)
		return "the length differs";
	if ((wanted->flags & FS_TCP_F_ACK) && wanted->ack != seen->ack)
		return "the acknowledgment differs";
	if (!pkt_holds(seen->win, wanted->win_cmp, wanted->win))
		return "the window differs";
	if (wanted->ecn != PKT_ECN_ANY && wanted->ecn != seen->ecn)
		return "the ECN field differs";
	if ((wanted->flags & FS_TCP_F_URG) && wanted->urgent != seen->urgent)
		return "the urgent pointer differs";
	return compare_opts(wanted, seen);
}
