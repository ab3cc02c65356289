// SPDX-License-Identifier: BSD-2-Clause
/*
 * timers.c - every timer of a connection, each an event by name.
 *
 * A connection has one timer in the wheel and a time for each event. Arming
 * for a later time only writes that time down: the wheel's timer fires early,
 * finds nothing due and moves on. That makes the RTO, which each ACK moves, cheap.
 *
 * A connection that is rarely used would pay with a visit of its own for each
 * timer that nobody waits for, when its memory has left the cache. So when very
 * many are armed, one without an event is taken off at once.
 */
#include <errno.h>

#include "tcp/conn.h"

enum {
	SYN_RETRIES = 6,		/* about two minutes */
	SYN_ACK_RETRIES = 5,
	RTO_RETRIES = 15,		/* RFC 9293 3.8.3: R2, about 15 minutes here */
	ORPHAN_RETRIES = 8,
	BLACK_HOLE_RETRIES = 3,		/* RFC 8899 4.3: then full-sized ones are suspect */
	PERSIST_BACKOFF_MAX = 10,
	MANY_ARMED = 1024,
};

#define ACK_DELAY_MAX_NS	(200 * NSEC_PER_MSEC)	/* RFC 8985 7.2: the peer's, at worst */
#define PROBE_SLACK_NS		(2 * FS_TIMER_TICK_NS)

/* False: the connection is gone. */
typedef bool on_timer(struct fs_tcp *tcp);

static on_timer rto, probe, reorder, persist, delack, cork, keepalive, linger;

static on_timer *const events[FS_TCP_TIMER_COUNT] = {
	[FS_TCP_TIMER_PROBE] = probe,
	[FS_TCP_TIMER_RTO] = rto,
	[FS_TCP_TIMER_REORDER] = reorder,
	[FS_TCP_TIMER_PERSIST] = persist,
	[FS_TCP_TIMER_DELACK] = delack,
	[FS_TCP_TIMER_CORK] = cork,
	[FS_TCP_TIMER_KEEPALIVE] = keepalive,
	[FS_TCP_TIMER_LINGER] = linger,
};

static void fired(struct fs_timer *timer, uint64_t now_ns)
{
	struct fs_tcp *tcp = container_of(timer, struct fs_tcp, timer);
	uint64_t next_ns = FS_NEVER;

	for (int i = 0; i < FS_TCP_TIMER_COUNT; i++) {
		if (tcp->due_ns[i] > now_ns)
			continue;
		tcp->due_ns[i] = FS_NEVER;
		if (!events[i](tcp))
			return;
	}
	for (int i = 0; i < FS_TCP_TIMER_COUNT; i++)
		next_ns = MIN(next_ns, tcp->due_ns[i]);
	if (next_ns != FS_NEVER)
		fs_timer_arm(tcp->table->wheel, &tcp->timer, next_ns);
}

void fs_tcp_timers_init(struct fs_tcp *tcp)
{
	tcp->timer.fn = fired;
	for (int i = 0; i < FS_TCP_TIMER_COUNT; i++)
		tcp->due_ns[i] = FS_NEVER;
}

void fs_tcp_timers_stop(struct fs_tcp *tcp)
{
	fs_timer_cancel(tcp->table->wheel, &tcp->timer);
	fs_tcp_timers_init(tcp);
}

void fs_tcp_timer_arm(struct fs_tcp *tcp, enum fs_tcp_timer which, uint64_t at_ns)
{
	tcp->due_ns[which] = at_ns;
	if (!fs_timer_armed(&tcp->timer) || at_ns < tcp->timer.expires_ns)
		fs_timer_arm(tcp->table->wheel, &tcp->timer, at_ns);
}

static void arm_in(struct fs_tcp *tcp, enum fs_tcp_timer which, uint64_t ns)
{
	fs_tcp_timer_arm(tcp, which, fs_tcp_now(tcp) + ns);
}

/* --- when what is armed --------------------------------------------------------------- */

/* RFC 8985 7.2. */
static void arm_probe(struct fs_tcp *tcp)
{
	uint64_t pto_ns = NSEC_PER_SEC;

	fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_PROBE);
	if (!fs_tcp_has(tcp, FS_TCP_SACK_OK) || tcp->cc.state != FS_TCP_CC_OPEN ||
	    tcp->sacked_bytes || fs_tcp_has(tcp, FS_TCP_PROBE_OUT))
		return;
	if (tcp->rtt.srtt_ns) {
		pto_ns = 2 * tcp->rtt.srtt_ns + PROBE_SLACK_NS;
		if (fs_tcp_outstanding(tcp) <= tcp->mss)
			pto_ns += ACK_DELAY_MAX_NS;
	}
	fs_tcp_timer_arm(tcp, FS_TCP_TIMER_PROBE,
			 MIN(fs_tcp_now(tcp) + pto_ns, tcp->due_ns[FS_TCP_TIMER_RTO]));
}

/* As long as the RTO, but not beyond the user timeout (RFC 5482). */
static void arm_rto(struct fs_tcp *tcp)
{
	const uint64_t now_ns = fs_tcp_now(tcp);
	const uint64_t end_ns = (tcp->stalled_ns ? tcp->stalled_ns : now_ns) +
		tcp->user_timeout_ms * NSEC_PER_MSEC;
	uint64_t at_ns = now_ns + fs_tcp_rto_ns(&tcp->rtt);

	if (tcp->user_timeout_ms)
		at_ns = MIN(at_ns, MAX(end_ns, now_ns));
	fs_tcp_timer_arm(tcp, FS_TCP_TIMER_RTO, at_ns);
}

static void arm_persist(struct fs_tcp *tcp)
{
	const uint64_t ns = fs_tcp_rto_ns(&tcp->rtt) << tcp->persist_backoff;

	arm_in(tcp, FS_TCP_TIMER_PERSIST, MIN(ns, tcp->rtt.rto_max_ns));
}

void fs_tcp_timers_sent(struct fs_tcp *tcp)
{
	if (fs_tcp_outstanding(tcp)) {
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_PERSIST);
		tcp->persist_backoff = 0;
		if (!fs_tcp_timer_armed(tcp, FS_TCP_TIMER_RTO))
			arm_rto(tcp);
		arm_probe(tcp);
	} else if (tcp->unsent && !fs_tcp_timer_armed(tcp, FS_TCP_TIMER_PERSIST)) {
		arm_persist(tcp);
	}
}

/* Nothing is waited for: when too many timers are armed for nothing, this one is not. */
static void rest(struct fs_tcp *tcp)
{
	struct fs_timer_wheel *wheel = tcp->table->wheel;

	if (wheel->armed <= MANY_ARMED || !fs_timer_armed(&tcp->timer))
		return;
	for (int i = 0; i < FS_TCP_TIMER_COUNT; i++)
		if (tcp->due_ns[i] != FS_NEVER)
			return;
	fs_timer_cancel(wheel, &tcp->timer);
}

void fs_tcp_timers_acked(struct fs_tcp *tcp)
{
	if (!fs_tcp_outstanding(tcp)) {
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_RTO);
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_PROBE);
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_REORDER);
		rest(tcp);
		return;
	}
	arm_rto(tcp);
	arm_probe(tcp);
}

void fs_tcp_timers_keepalive(struct fs_tcp *tcp)
{
	if (tcp->keep_idle_s && tcp->flow.state >= FS_TCP_ESTABLISHED)
		fs_tcp_timer_arm(tcp, FS_TCP_TIMER_KEEPALIVE,
				 tcp->last_rx_ns + tcp->keep_idle_s * NSEC_PER_SEC);
	else
		fs_tcp_timer_cancel(tcp, FS_TCP_TIMER_KEEPALIVE);
}

/* --- what happens then ------------------------------------------------------------------- */

static bool give_up(struct fs_tcp *tcp)
{
	fs_tcp_conn_end(tcp, tcp->soft_error ? tcp->soft_error : -ETIMEDOUT);
	return false;
}

static bool give_up_by_rst(struct fs_tcp *tcp)
{
	fs_tcp_xmit_rst(tcp);
	return give_up(tcp);
}

static bool syn_timeout(struct fs_tcp *tcp)
{
	const uint8_t most = tcp->flow.state == FS_TCP_SYN_SENT ? SYN_RETRIES : SYN_ACK_RETRIES;

	if (tcp->retries >= most)
		return give_up(tcp);
	tcp->retries++;
	tcp->flags |= FS_TCP_SYN_LOST;
	fs_tcp_rto_back_off(&tcp->rtt);
	if (fs_tcp_has(tcp, FS_TCP_FASTOPEN) && tcp->flow.state == FS_TCP_SYN_SENT)
		fs_tcp_connect_fastopen_lost(tcp);
	fs_tcp_xmit_syn(tcp);
	arm_in(tcp, FS_TCP_TIMER_RTO, fs_tcp_rto_ns(&tcp->rtt));
	return true;
}

static bool waited_enough(struct fs_tcp *tcp)
{
	if (!tcp->stalled_ns)
		tcp->stalled_ns = tcp->last_tx_ns;
	if (tcp->user_timeout_ms)
		return fs_tcp_now(tcp) - tcp->stalled_ns >=
			tcp->user_timeout_ms * NSEC_PER_MSEC;
	return tcp->retries > (fs_tcp_has(tcp, FS_TCP_ORPHAN) ? ORPHAN_RETRIES : RTO_RETRIES);
}

/* RFC 8899 4.3: full-sized segments vanish without a word; try what passes everywhere. */
static void suspect_black_hole(struct fs_tcp *tcp)
{
	if (tcp->retries != BLACK_HOLE_RETRIES || fs_tcp_has(tcp, FS_TCP_MSS_CLAMPED) ||
	    fs_tcp_seg(tcp->sendq)->len <= fs_tcp_mss_base(tcp))
		return;
	tcp->flags |= FS_TCP_MSS_CLAMPED;
	tcp->mss = MIN(tcp->mss, fs_tcp_mss_base(tcp));
	fs_tcp_cc_set_smss(&tcp->cc, tcp->mss);
}

/* RFC 6298 5.4 to 5.6. */
static bool rto(struct fs_tcp *tcp)
{
	if (tcp->flow.state == FS_TCP_SYN_SENT || tcp->flow.state == FS_TCP_SYN_RCVD)
		return syn_timeout(tcp);
	if (!fs_tcp_outstanding(tcp))
		return true;
	tcp->retries++;
	tcp->timeouts++;
	if (waited_enough(tcp))
		return give_up_by_rst(tcp);
	suspect_black_hole(tcp);
	fs_tcp_recovery_timeout(tcp);
	fs_tcp_rto_back_off(&tcp->rtt);
	arm_rto(tcp);
	return true;
}

/* RFC 8985 7.3: new data if there is any, else the last segment again. */
static bool probe(struct fs_tcp *tcp)
{
	bool retrans = false;

	if (!fs_tcp_outstanding(tcp) || tcp->cc.state != FS_TCP_CC_OPEN)
		return true;
	if (!fs_tcp_output_forced(tcp)) {
		retrans = true;
		if (!tcp->sent_last || fs_tcp_output_again(tcp, tcp->sent_last))
			return true;
	}
	tcp->flags &= ~(uint32_t)FS_TCP_PROBE_RETRANS;
	tcp->flags |= FS_TCP_PROBE_OUT | (retrans ? FS_TCP_PROBE_RETRANS : 0);
	tcp->probe_end = tcp->flow.snd_nxt;
	arm_rto(tcp);
	return true;
}

static bool reorder(struct fs_tcp *tcp)
{
	fs_tcp_recovery_lost(tcp);
	return true;
}

/*
 * The window is closed, or too small to be worth it (RFC 9293 3.8.6.1 and
 * 3.8.6.2.1): what fits is sent; if nothing does, the byte before the window
 * is sent without payload, as Linux probes, and makes the peer answer.
 */
static bool persist(struct fs_tcp *tcp)
{
	if (!tcp->unsent || fs_tcp_outstanding(tcp))
		return true;
	tcp->retries++;
	if (!tcp->stalled_ns)
		tcp->stalled_ns = fs_tcp_now(tcp);	/* what was sent before is no matter */
	if (waited_enough(tcp))
		return give_up_by_rst(tcp);
	if (fs_tcp_output_forced(tcp)) {
		fs_tcp_timers_sent(tcp);
		return true;
	}
	fs_tcp_xmit_probe(tcp, fs_seq_sub(tcp->snd_una, 1));
	if (tcp->persist_backoff < PERSIST_BACKOFF_MAX)
		tcp->persist_backoff++;
	arm_persist(tcp);
	return true;
}

static bool delack(struct fs_tcp *tcp)
{
	fs_tcp_ack_now(tcp);
	return true;
}

static bool cork(struct fs_tcp *tcp)
{
	if (tcp->unsent)
		tcp->flags |= FS_TCP_PUSHED;
	fs_tcp_dirty(tcp);
	return true;
}

/* RFC 9293 3.8.4: only on an idle connection. */
static bool keepalive(struct fs_tcp *tcp)
{
	const uint64_t idle_ns = tcp->keep_idle_s * NSEC_PER_SEC;
	const uint64_t silent_ns = fs_tcp_now(tcp) - tcp->last_rx_ns;

	if (!idle_ns)
		return true;
	if (fs_tcp_outstanding(tcp) || tcp->unsent || silent_ns < idle_ns) {
		arm_in(tcp, FS_TCP_TIMER_KEEPALIVE,
		       silent_ns < idle_ns ? idle_ns - silent_ns : idle_ns);
		return true;
	}
	if (tcp->keep_probes >= tcp->keep_count)
		return give_up_by_rst(tcp);
	tcp->keep_probes++;
	fs_tcp_xmit_probe(tcp, fs_seq_sub(tcp->flow.snd_nxt, 1));
	arm_in(tcp, FS_TCP_TIMER_KEEPALIVE, tcp->keep_interval_s * NSEC_PER_SEC);
	return true;
}

/* Nobody holds it any more, and the peer does not come to an end. */
static bool linger(struct fs_tcp *tcp)
{
	if (tcp->flow.state != FS_TCP_FIN_WAIT_2)
		fs_tcp_xmit_rst(tcp);
	fs_tcp_conn_end(tcp, 0);
	return false;
}
