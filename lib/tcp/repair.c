// SPDX-License-Identifier: BSD-2-Clause
/*
 * repair.c - what TCP_REPAIR can restore, in the order in which it can:
 *
 *	repair on, deaf -> numbers -> bind, connect -> options -> received, sent
 *	-> unsent -> windows		: prepare, may fail, the peer sees nothing
 *	hears -> repair off -> FIN	: start
 *
 * Deaf: a socket filter that drops everything. A socket in repair mode takes part in
 * the protocol otherwise, with half of its state.
 *
 *	            rcv_nxt - unread             snd_una         snd_nxt       snd_end
 *	received, not read |=======| rcv_nxt    sent |==============| unsent |====|
 *	                    repair mode               repair mode    without it, and
 *	                                                             no window to send in
 *
 * What is put into the send queue in repair mode counts as sent. What is put
 * there without it is sent as soon as the window and an event allow.
 *
 * A FIN that was received cannot be restored. RCV.NXT stands behind it, so that every ACK
 * is right, and the receiving side is shut down: the application reads the rest, then
 * the end. To the kernel the peer's FIN is to come yet, so after our own it waits
 * for it, a second at most. Rejected: to let the kernel receive the FIN again, from a raw
 * socket: one more privilege, and it hangs on firewall rules of the loopback
 * interface.
 *
 * Our own FIN is a part of the send queue: what was sent of it stands behind SND.UNA, or
 * the peer's ACK of it would be one of something that was never sent. One that was
 * acknowledged already is sent again, with the same number, which says all to both.
 *
 * ECN cannot be restored: the kernel goes on without.
 */
#include "tcp/repair.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "tcp/kernel.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK	72	/* Linux 5.14 */
#endif

enum {
	MAXSEG_MAX = 32767,	/* that the kernel takes */
	PIECES = 64,		/* in one system call */
	SLACK = 128 * 1024,	/* buffers beyond what is in them */
};

/* The kernel's, for struct tcp_repair_opt. */
enum {
	KIND_MSS = 2,
	KIND_WSCALE = 3,
	KIND_SACK_OK = 4,
	KIND_TS = 8,
};

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int set_tcp(int fd, int name, int value)
{
	return set(fd, IPPROTO_TCP, name, value);
}

/* One that a filter drops leaves no trace: the peer sends it again. */
static int deafen(int fd, bool on)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = { .len = 1, .filter = &nothing };

	if (!on)
		return set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

int fs_tcp_repair_do(int fd, const struct fs_host_ask *ask)
{
	switch (ask->what) {
	case FS_HOST_REPAIR:
		return set_tcp(fd, TCP_REPAIR, ask->value);
	case FS_HOST_DEAFEN:
		return deafen(fd, ask->value);
	case FS_HOST_BIND:
		return bind(fd, (const struct sockaddr *)&ask->addr,
			    MIN(ask->addr_len, (socklen_t)sizeof(ask->addr))) ? -errno : 0;
	case FS_HOST_SNDBUF:
		return set(fd, SOL_SOCKET, SO_SNDBUFFORCE, ask->value);
	case FS_HOST_RCVBUF:
		return set(fd, SOL_SOCKET, SO_RCVBUFFORCE, ask->value);
	default:
		return -EINVAL;
	}
}

static int do_or_ask(const struct fs_tcp *tcp, int fd, const struct fs_host_ask *ask)
{
	const struct fs_host *host = fs_tcp_host(tcp);
	const int err = fs_tcp_repair_do(fd, ask);

	return (err == -EPERM || err == -EACCES) && host->deputy ? host->deputy(fd, ask) : err;
}

static int set_or_ask(const struct fs_tcp *tcp, int fd, enum fs_host_asked what, int value)
{
	const struct fs_host_ask ask = { .what = what, .value = value };

	return do_or_ask(tcp, fd, &ask);
}

static int get(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

/* --- numbers ------------------------------------------------------------------------- */

/* The end of our stream: a FIN is not part of it. */
static seq32 data_end(const struct fs_tcp *tcp)
{
	return fs_seq_sub(tcp->snd_end, fs_tcp_has(tcp, FS_TCP_FIN_QUEUED));
}

/* SND.UNA without our FIN, which is acknowledged in FIN-WAIT-2. */
static seq32 send_from(const struct fs_tcp *tcp)
{
	return fs_seq_min(tcp->snd_una, data_end(tcp));
}

static int set_number(int fd, int queue, seq32 number)
{
	int err = set_tcp(fd, TCP_REPAIR_QUEUE, queue);

	return err ? err : set_tcp(fd, TCP_QUEUE_SEQ, (int)number.raw);
}

static int set_numbers(const struct fs_tcp *tcp, int fd)
{
	int err = set_number(fd, TCP_RECV_QUEUE, fs_seq_sub(tcp->flow.rcv_nxt, tcp->rx_bytes));

	return err ? err : set_number(fd, TCP_SEND_QUEUE, send_from(tcp));
}

/* --- the two ends -------------------------------------------------------------------- */

static int sockaddr_of(struct fs_addr addr, int domain, struct sockaddr_storage *out)
{
	if (domain == AF_INET6)
		fs_addr_map(&addr);
	return addr.family == domain ? fs_addr_to_sockaddr(&addr, out) : -EAFNOSUPPORT;
}

/* In repair mode connect() sends nothing, and no other socket's port is in the way. */
static int set_ends(const struct fs_tcp *tcp, int fd)
{
	struct fs_host_ask local = { .what = FS_HOST_BIND };
	const int domain = get(fd, SO_DOMAIN);
	struct sockaddr_storage sa;
	int len = sockaddr_of(fs_tcp_local(tcp), domain, &local.addr), err;

	if (len < 0)
		return len;
	local.addr_len = (socklen_t)len;
	/* The MSS is reckoned by connect(), and hardly ever after. */
	set_tcp(fd, TCP_MAXSEG, MIN((int)tcp->peer_mss, (int)MAXSEG_MAX));
	if (domain == AF_INET6 && tcp->flow.id.family == AF_INET)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	err = do_or_ask(tcp, fd, &local);
	if (err)
		return err;
	len = sockaddr_of(fs_tcp_remote(tcp), domain, &sa);
	err = connect(fd, (struct sockaddr *)&sa, (socklen_t)len) ? -errno : 0;
	set_tcp(fd, TCP_MAXSEG, 0);
	return err;
}

/* --- what both have agreed upon -------------------------------------------------------- */

static int set_agreed(const struct fs_tcp *tcp, int fd)
{
	struct tcp_repair_opt opts[4] = {
		{ KIND_MSS, tcp->peer_mss },
	};
	int n = 1;

	/* Without scaling both are 0, and to say so does no harm. */
	opts[n++] = (struct tcp_repair_opt){
		KIND_WSCALE, (uint32_t)tcp->rcv_wscale << 16 | tcp->snd_wscale,
	};
	if (fs_tcp_has(tcp, FS_TCP_SACK_OK))
		opts[n++] = (struct tcp_repair_opt){ KIND_SACK_OK, 0 };
	if (fs_tcp_has(tcp, FS_TCP_TS_OK))
		opts[n++] = (struct tcp_repair_opt){ KIND_TS, 0 };
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, opts,
		       (socklen_t)((size_t)n * sizeof(*opts))))
		return -errno;
	if (!fs_tcp_has(tcp, FS_TCP_TS_OK))
		return 0;
	/* Linux 6.7 takes the last bit for "in microseconds". */
	return set_tcp(fd, TCP_TIMESTAMP, (int)((fs_tcp_xmit_tsval(tcp).raw + 1) & ~1u));
}

/*
 * What the application has chosen. Before there is data: NODELAY pushes.
 * The kernel may have other limits, or not this congestion control: then its own.
 */
static void set_chosen(const struct fs_tcp *tcp, int fd)
{
	const struct linger linger = { .l_onoff = tcp->linger_s >= 0, .l_linger = tcp->linger_s };

	set_tcp(fd, TCP_NODELAY, fs_tcp_has(tcp, FS_TCP_NODELAY_ON));
	if (fs_tcp_has(tcp, FS_TCP_QUICKACK_ON))
		set_tcp(fd, TCP_QUICKACK, 1);
	set_tcp(fd, TCP_KEEPINTVL, (int)tcp->keep_interval_s);
	set_tcp(fd, TCP_KEEPCNT, tcp->keep_count);
	if (tcp->keep_idle_s) {
		set_tcp(fd, TCP_KEEPIDLE, (int)tcp->keep_idle_s);
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	}
	set_tcp(fd, TCP_USER_TIMEOUT, (int)tcp->user_timeout_ms);
	if (tcp->linger_s >= 0 && !fs_tcp_has(tcp, FS_TCP_ORPHAN))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (tcp->way.tos || tcp->way.ttl != FS_TCP_TTL_DEFAULT)
		fs_tcp_kernel_set_way(fd, tcp->way);
	fs_tcp_kernel_set_cc(fd, tcp->cc.ops->name);
}

/* --- queues ---------------------------------------------------------------------------- */

static uint32_t told_window(const struct fs_tcp *tcp)
{
	return fs_seq_after(tcp->rcv_adv, tcp->flow.rcv_nxt) ?
		fs_seq_span(tcp->flow.rcv_nxt, tcp->rcv_adv) : 0;
}

/* By force where we may; never less than there was. */
static void set_buffer(const struct fs_tcp *tcp, int fd, int name, uint32_t bytes)
{
	const enum fs_host_asked force = name == SO_SNDBUF ? FS_HOST_SNDBUF : FS_HOST_RCVBUF;

	if (get(fd, name) / 2 < (int)bytes && set_or_ask(tcp, fd, force, (int)bytes))
		set(fd, SOL_SOCKET, name, (int)bytes);
}

/*
 * Room for what is there, and for what the peer was promised. The kernel goes on
 * tuning them, unless the application had chosen.
 */
static void set_buffers(const struct fs_tcp *tcp, int fd)
{
	const uint32_t queued = fs_seq_span(send_from(tcp), data_end(tcp));
	const uint32_t rcvbuf = 2 * tcp->rx_bytes + told_window(tcp) + SLACK;
	const uint32_t sndbuf = 2 * queued + SLACK;
	int chosen = 0;

	set_buffer(tcp, fd, SO_RCVBUF,
		   fs_tcp_has(tcp, FS_TCP_RCVBUF_SET) ? MAX(rcvbuf, tcp->rcvbuf) : rcvbuf);
	set_buffer(tcp, fd, SO_SNDBUF,
		   fs_tcp_has(tcp, FS_TCP_SNDBUF_SET) ? MAX(sndbuf, tcp->sndbuf) : sndbuf);
	if (fs_tcp_has(tcp, FS_TCP_SNDBUF_SET))
		chosen |= 1;	/* SOCK_SNDBUF_LOCK */
	if (fs_tcp_has(tcp, FS_TCP_RCVBUF_SET))
		chosen |= 2;	/* SOCK_RCVBUF_LOCK */
	set(fd, SOL_SOCKET, SO_BUF_LOCK, chosen);
}

/* All of it, or -errno. */
static int push(int fd, struct iovec *iov, size_t n)
{
	while (n) {
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
		const ssize_t ret = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		size_t done = (size_t)ret;

		if (ret <= 0)
			return ret < 0 && errno != EAGAIN ? -errno : -ENOBUFS;
		for (; n && done >= iov->iov_len; n--)
			done -= iov++->iov_len;
		if (n) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= done;
		}
	}
	return 0;
}

static int push_received(const struct fs_tcp *tcp, int fd)
{
	struct iovec iov[PIECES];
	int err = set_tcp(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	size_t n = 0;

	for (struct fs_buf *buf = tcp->rxq; buf && !err; buf = buf->next) {
		iov[n++] = (struct iovec){ buf->data, buf->len };
		if (n < PIECES)
			continue;
		err = push(fd, iov, n);
		n = 0;
	}
	return err ? err : push(fd, iov, n);
}

/* The payload of the send queue from @first up to @end. */
static int push_segments(int fd, const struct fs_buf *first, const struct fs_buf *end)
{
	struct iovec iov[PIECES];
	size_t n = 0;
	int err = 0;

	for (const struct fs_buf *buf = first; buf != end && !err; ) {
		const struct fs_tcp_seg *seg = fs_tcp_seg((struct fs_buf *)buf);

		if (seg->len)
			iov[n++] = (struct iovec){ buf->area + seg->payload_off, seg->len };
		buf = seg->next;
		if (n < PIECES)
			continue;
		err = push(fd, iov, n);
		n = 0;
	}
	return err ? err : push(fd, iov, n);
}

/* @snd_wnd from what is sent again first. */
static int set_windows(const struct fs_tcp *tcp, int fd, uint32_t snd_wnd)
{
	const struct tcp_repair_window window = {
		.snd_wl1 = fs_seq_min(tcp->snd_wl1, tcp->flow.rcv_nxt).raw,
		.snd_wnd = snd_wnd,
		.max_window = MAX(tcp->max_snd_wnd, tcp->snd_wnd) + 1,
		.rcv_wnd = told_window(tcp) + fs_seq_span(tcp->rcv_acked, tcp->flow.rcv_nxt),
		.rcv_wup = tcp->rcv_acked.raw,
	};

	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)) ?
		-errno : 0;
}

/* Out of repair mode for a moment, in which it has nothing that it could say. */
static int push_unsent(const struct fs_tcp *tcp, int fd)
{
	int err, on;

	if (!tcp->unsent)
		return 0;
	err = set_windows(tcp, fd, 0);
	if (!err)
		err = set_or_ask(tcp, fd, FS_HOST_REPAIR, TCP_REPAIR_OFF_NO_WP);
	if (err)
		return err;
	err = push_segments(fd, tcp->unsent, NULL);
	on = set_or_ask(tcp, fd, FS_HOST_REPAIR, TCP_REPAIR_ON);
	return err ? err : on;
}

static bool fin_is_out(const struct fs_tcp *tcp)
{
	return fs_tcp_has(tcp, FS_TCP_FIN_QUEUED) && fs_seq_after(tcp->flow.snd_nxt, data_end(tcp));
}

static bool fin_is_acked(const struct fs_tcp *tcp)
{
	return fs_seq_after(tcp->snd_una, data_end(tcp));
}

static int fill(const struct fs_tcp *tcp, int fd)
{
	int err = push_received(tcp, fd);

	if (!err)
		err = set_tcp(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (!err)
		err = push_segments(fd, tcp->sendq, tcp->unsent);
	if (!err && fin_is_out(tcp) && !fin_is_acked(tcp))
		err = shutdown(fd, SHUT_WR) ? -errno : 0;
	if (!err)
		err = push_unsent(tcp, fd);
	if (!err)
		err = set_windows(tcp, fd, tcp->snd_wnd +
				  fs_seq_span(send_from(tcp), tcp->snd_una));
	return err;
}

/* --- before and after ------------------------------------------------------------------- */

int fs_tcp_repair_prepare(const struct fs_tcp *tcp, int fd)
{
	int err = get(fd, SO_PROTOCOL) == IPPROTO_TCP ? 0 : -EAFNOSUPPORT;

	if (!err)
		err = set_or_ask(tcp, fd, FS_HOST_REPAIR, TCP_REPAIR_ON);
	if (!err)
		err = set_or_ask(tcp, fd, FS_HOST_DEAFEN, true);
	if (!err)
		err = set_numbers(tcp, fd);
	if (!err)
		err = set_ends(tcp, fd);
	if (!err)
		err = set_agreed(tcp, fd);
	if (err)
		return err;
	set_chosen(tcp, fd);
	set_buffers(tcp, fd);
	return fill(tcp, fd);
}

int fs_tcp_repair_start(const struct fs_tcp *tcp, int fd)
{
	const bool shut = fs_tcp_has(tcp, FS_TCP_SHUT_WR);
	int err = set_or_ask(tcp, fd, FS_HOST_DEAFEN, false);

	if (err)
		return err;
	/* With it comes a probe, which asks the peer where it is. A FIN does that as well. */
	err = set_or_ask(tcp, fd, FS_HOST_REPAIR, shut ? TCP_REPAIR_OFF_NO_WP : TCP_REPAIR_OFF);
	/* A deputy that is slow does it later. */
	if (err && err != -ETIMEDOUT)
		return err;
	/* As the sockets of a listener have it, which is to start again beside them. */
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (fs_tcp_has(tcp, FS_TCP_FIN_RCVD)) {
		set_tcp(fd, TCP_LINGER2, 1);
		shutdown(fd, SHUT_RD);
	}
	if (shut)
		shutdown(fd, SHUT_WR);
	/* To take the cork out is what makes the kernel look at unsent data. */
	set_tcp(fd, TCP_CORK, 0);
	if (fs_tcp_has(tcp, FS_TCP_CORKED))
		set_tcp(fd, TCP_CORK, 1);
	return 0;
}
