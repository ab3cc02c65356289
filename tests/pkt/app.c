// SPDX-License-Identifier: BSD-2-Clause
/*
 * app.c - the application of a script: calls of the stack door, and what must
 * come of them. The bytes it sends and receives are those of pkt_byte().
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/must.h"
#include "tests/pkt/play.h"

enum {
	BUFS_MAX = 64,
	RECV_ALL = 1 << 20,
};

static const char *result_name(int64_t result, char text[32])
{
	const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;

	if (name)
		return name;
	snprintf(text, 32, "%lld", (long long)result);
	return text;
}

/* @usual is the result that the script need not write. */
static void check_result(struct pkt_play *play, const struct pkt_step *step, int64_t result,
			 int64_t usual)
{
	int64_t wanted = step->has_result ? step->result : usual;
	char a[32], b[32];

	if (result != wanted)
		pkt_fail(play, "the call should return %s, and returned %s",
			 result_name(wanted, a), result_name(result, b));
}

static struct fs_tcp *tcp_of(struct pkt_play *play, const struct pkt_step *step)
{
	if (!play->conn[step->conn].tcp)
		pkt_fail(play, "the application has no connection c%d", step->conn);
	return play->conn[step->conn].tcp;
}

static const char *word_or_null(const struct pkt_step *step)
{
	return step->word[0] ? step->word : NULL;
}

/* --- listen, accept, connect ------------------------------------------------------ */

static void do_listen(struct pkt_play *play, const struct pkt_step *step)
{
	struct fs_tcp_listen_opts opts = {
		.sz = sizeof(opts), .local = { .port = PKT_LISTEN_PORT },
		.backlog = (uint32_t)step->n, .fastopen = (uint32_t)step->m,
		.cc = word_or_null(step),
	};

	check_result(play, step, fs_tcp_listen(&play->listener, play->net.a.stack, &opts), 0);
}

static void do_unlisten(struct pkt_play *play, const struct pkt_step *step)
{
	(void)step;
	fs_tcp_listener_close(play->listener);
	play->listener = NULL;
}

static void do_accept(struct pkt_play *play, const struct pkt_step *step)
{
	struct pkt_conn *c = &play->conn[step->conn];
	struct fs_tcp *tcp;
	int n;

	if (!play->listener)
		pkt_fail(play, "nobody listens");
	n = (int)fs_tcp_accept(play->listener, &tcp, 1);
	check_result(play, step, n ? n : -EAGAIN, 1);
	if (!n)
		return;
	if (fs_tcp_remote(tcp).port != c->peer_port || fs_tcp_local(tcp).port != c->our_port)
		pkt_fail(play, "the connection accepted is from port %u to %u, not %u to %u",
			 fs_tcp_remote(tcp).port, fs_tcp_local(tcp).port, c->peer_port,
			 c->our_port);
	c->tcp = tcp;
}

static void give(struct pkt_play *play, const struct pkt_step *step);

static void do_connect(struct pkt_play *play, const struct pkt_step *step)
{
	const struct fs_addr *peer = play->family == AF_INET ? &play->net.b.ip4 :
							       &play->net.b.ip6;
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts), .remote = test_with_port(*peer, PKT_REMOTE_PORT),
		.fastopen = (int)step->m, .cc = word_or_null(step),
	};
	struct pkt_conn *c = &play->conn[step->conn];
	int err = fs_tcp_connect(&c->tcp, play->net.a.stack, &opts);

	check_result(play, step, err, 0);
	if (err)
		return;
	pkt_forget(play, step->conn, c->peer_isn.raw);
	c->our_port = fs_tcp_local(c->tcp).port;
	c->peer_port = PKT_REMOTE_PORT;
	if (!c->our_port)
		pkt_fail(play, "the connection has no local port");
	if (step->n)
		give(play, step);
}

/* --- data --------------------------------------------------------------------------- */

static void give(struct pkt_play *play, const struct pkt_step *step)
{
	struct pkt_conn *c = &play->conn[step->conn];
	size_t len = (size_t)step->n;
	uint8_t *data = malloc(len ? len : 1);
	ssize_t sent;

	must(data);
	for (size_t i = 0; i < len; i++)
		data[i] = pkt_byte(c->given + 1 + (uint32_t)i);
	sent = fs_tcp_send(c->tcp, data, len);
	free(data);
	check_result(play, step, sent, step->n);
	if (sent > 0)
		c->given += (uint32_t)sent;
}

static void do_send(struct pkt_play *play, const struct pkt_step *step)
{
	tcp_of(play, step);
	give(play, step);
}

/* One buffer of a full segment at most; 1 or -errno. */
static int give_buf(struct pkt_play *play, struct pkt_conn *c, size_t len)
{
	struct fs_buf *buf = fs_buf_alloc(play->net.a.stack, len);
	int sent;

	must(buf);
	for (size_t i = 0; i < len; i++)
		buf->data[i] = pkt_byte(c->given + 1 + (uint32_t)i);
	sent = fs_tcp_send_zc(c->tcp, &buf, 1);
	if (sent == 1)
		c->given += (uint32_t)len;
	else
		fs_buf_release(&buf, 1);
	return sent;
}

static void do_send_zc(struct pkt_play *play, const struct pkt_step *step)
{
	struct pkt_conn *c = &play->conn[step->conn];
	size_t mss = fs_tcp_mss(tcp_of(play, step));
	int64_t sent = 0;

	while (sent < step->n) {
		size_t len = MIN(mss, (size_t)(step->n - sent));
		int one = give_buf(play, c, len);

		if (one != 1) {
			sent = sent ? sent : one;
			break;
		}
		sent += (int64_t)len;
	}
	check_result(play, step, sent, step->n);
}

static void check_bytes(struct pkt_play *play, struct pkt_conn *c, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++, c->taken++)
		if (p[i] != pkt_byte(c->taken + 1))
			pkt_fail(play, "byte %u of the stream is wrong in what was received",
				 c->taken + 1);
}

static void do_recv(struct pkt_play *play, const struct pkt_step *step)
{
	struct fs_tcp *tcp = tcp_of(play, step);
	size_t room = step->n ? (size_t)step->n : RECV_ALL;
	uint8_t *data = malloc(room);
	ssize_t got;

	must(data);
	got = fs_tcp_recv(tcp, data, room);
	check_result(play, step, got, step->n);
	if (got > 0)
		check_bytes(play, &play->conn[step->conn], data, (size_t)got);
	free(data);
}

static void do_recv_zc(struct pkt_play *play, const struct pkt_step *step)
{
	struct fs_buf *bufs[BUFS_MAX];
	int n = fs_tcp_recv_zc(tcp_of(play, step), bufs, BUFS_MAX);
	int64_t got = n < 0 ? n : 0;

	for (int i = 0; i < n; i++) {
		got += bufs[i]->len;
		check_bytes(play, &play->conn[step->conn], bufs[i]->data, bufs[i]->len);
	}
	if (n > 0)
		fs_buf_release(bufs, (size_t)n);
	check_result(play, step, got, step->n);
}

/* --- events ------------------------------------------------------------------------- */

static const char *const event_names[] = {
	"", "READABLE", "ERROR", "WRITABLE", "CONNECTED", "ACCEPT",
};

void pkt_app_events(struct pkt_play *play)
{
	struct fs_event event;

	while (fs_stack_events(play->net.a.stack, &event, 1) == 1) {
		must(play->n_events < PKT_EVENTS_MAX);
		if (event.type < FS_EV_READABLE || event.type >= ARRAY_SIZE(event_names))
			pkt_fail(play, "an event of type %d", event.type);
		play->event[play->n_events++] = event;
		fprintf(pkt_trace(play, "event"), "%s", event_names[event.type]);
		if (event.error)
			fprintf(play->trace, " %s", strerrorname_np(-event.error));
	}
}

static const void *endpoint_of(struct pkt_play *play, const struct pkt_step *step, int type)
{
	return type == FS_EV_ACCEPT ? (void *)play->listener : (void *)play->conn[step->conn].tcp;
}

/* Where in the list; -1: not there. */
static int find_event(struct pkt_play *play, const struct pkt_step *step)
{
	size_t type = 1;

	while (type < ARRAY_SIZE(event_names) && strcmp(event_names[type], step->word))
		type++;
	if (type == ARRAY_SIZE(event_names))
		pkt_fail(play, "no event is called %s", step->word);
	for (unsigned int i = 0; i < play->n_events; i++)
		if (play->event[i].type == type &&
		    (!step->m || play->event[i].error == step->m) &&
		    play->event[i].endpoint == endpoint_of(play, step, (int)type))
			return (int)i;
	return -1;
}

static void drop_event(struct pkt_play *play, unsigned int i)
{
	play->n_events--;
	memmove(&play->event[i], &play->event[i + 1],
		(play->n_events - i) * sizeof(play->event[0]));
}

/* All of them up to now: repeated READABLE is one piece of news. */
static void do_event(struct pkt_play *play, const struct pkt_step *step)
{
	int i = find_event(play, step);

	if (i < 0)
		pkt_fail(play, "there was no such event");
	for (; i >= 0; i = find_event(play, step))
		drop_event(play, (unsigned int)i);
}

static void do_no_event(struct pkt_play *play, const struct pkt_step *step)
{
	if (find_event(play, step) >= 0)
		pkt_fail(play, "there was such an event");
}

/* --- the end, options, what it knows ------------------------------------------------- */

/* The handle is gone, and so is what was said about it. */
static void forget_handle(struct pkt_play *play, const struct pkt_step *step)
{
	struct pkt_conn *c = &play->conn[step->conn];

	for (unsigned int i = 0; i < play->n_events; )
		if (play->event[i].endpoint == c->tcp)
			drop_event(play, i);
		else
			i++;
	c->tcp = NULL;
}

static void do_close(struct pkt_play *play, const struct pkt_step *step)
{
	fs_tcp_close(tcp_of(play, step));
	forget_handle(play, step);
}

static void do_abort(struct pkt_play *play, const struct pkt_step *step)
{
	fs_tcp_abort(tcp_of(play, step));
	forget_handle(play, step);
}

static void do_shutdown(struct pkt_play *play, const struct pkt_step *step)
{
	check_result(play, step, fs_tcp_shutdown(tcp_of(play, step)), 0);
}

static void do_set(struct pkt_play *play, const struct pkt_step *step)
{
	static const char *const names[FS_TCP_OPTION_COUNT] = {
		"", "NODELAY", "CORK", "QUICKACK", "KEEPALIVE", "KEEPINTVL", "KEEPCNT",
		"USER_TIMEOUT", "LINGER", "SNDBUF", "RCVBUF",
	};
	int opt = 1;

	while (opt < FS_TCP_OPTION_COUNT && strcmp(names[opt], step->word))
		opt++;
	check_result(play, step, fs_tcp_set(tcp_of(play, step), (enum fs_tcp_option)opt,
					    (int)step->n), 0);
}

static void do_set_cc(struct pkt_play *play, const struct pkt_step *step)
{
	check_result(play, step, fs_tcp_set_cc(tcp_of(play, step), step->word), 0);
}

#define FIELD(name) { #name, offsetof(struct fs_tcp_info, name), \
		      sizeof(((struct fs_tcp_info *)0)->name), 1 }
#define MILLISECONDS(name, of) { #name, offsetof(struct fs_tcp_info, of), 4, 1000 }

static const struct field {
	const char *name;
	size_t offset;
	size_t size;
	uint32_t unit;		/* 0: segments */
} fields[] = {
	{ "cwnd", offsetof(struct fs_tcp_info, cwnd), 4, 0 },
	{ "ssthresh", offsetof(struct fs_tcp_info, ssthresh), 4, 0 },
	{ "cwnd_bytes", offsetof(struct fs_tcp_info, cwnd), 4, 1 },
	{ "ssthresh_bytes", offsetof(struct fs_tcp_info, ssthresh), 4, 1 },
	MILLISECONDS(srtt_ms, srtt_us), MILLISECONDS(rttvar_ms, rttvar_us),
	MILLISECONDS(rto_ms, rto_us), MILLISECONDS(min_rtt_ms, min_rtt_us),
	FIELD(state), FIELD(linger), FIELD(mss), FIELD(snd_wnd), FIELD(rcv_wnd),
	FIELD(unacked), FIELD(queued), FIELD(readable), FIELD(bytes_acked),
	FIELD(bytes_received), FIELD(retransmits), FIELD(timeouts), FIELD(wscale_snd),
	FIELD(wscale_rcv), FIELD(timestamps), FIELD(sack), FIELD(ecn), FIELD(fastopen),
};

static int64_t field_value(const struct field *field, const struct fs_tcp_info *info)
{
	const char *p = (const char *)info + field->offset;
	uint64_t u64;
	uint32_t u32;

	if (field->size == sizeof(u64)) {
		memcpy(&u64, p, sizeof(u64));
		return (int64_t)u64;
	}
	if (field->size == 1)
		return *(const uint8_t *)p;
	memcpy(&u32, p, sizeof(u32));
	return u32 / (field->unit ? field->unit : MAX(info->mss, 1u));
}

static void check_value(struct pkt_play *play, const struct pkt_step *step, int64_t value)
{
	if (!pkt_holds(value, step->cmp, step->n))
		pkt_fail(play, "%s is %lld", step->word, (long long)value);
}

static void do_field(struct pkt_play *play, const struct pkt_step *step)
{
	struct fs_tcp_info info = { .sz = sizeof(info) };
	int err = fs_tcp_info(tcp_of(play, step), &info);

	if (err)
		pkt_fail(play, "fs_tcp_info() returned %s", strerrorname_np(-err));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, step->word)) {
			check_value(play, step, field_value(&fields[i], &info));
			return;
		}
	pkt_fail(play, "fs_tcp_info() knows no %s", step->word);
}

static void do_counter(struct pkt_play *play, const struct pkt_step *step)
{
	const struct fs_stack_stats *stats = &play->net.a.stack->host.stats;
#define COUNTER(name, text) { #name, offsetof(struct fs_stack_stats, name) },
	static const struct { const char *name; size_t offset; } counters[] = {
		FS_STACK_COUNTERS(COUNTER)
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (!strcmp(counters[i].name, step->word)) {
			memcpy(&value, (const char *)stats + counters[i].offset, sizeof(value));
			check_value(play, step, (int64_t)value);
			return;
		}
	pkt_fail(play, "the stack counts no %s", step->word);
}

void pkt_app(struct pkt_play *play, const struct pkt_step *step)
{
	static void (*const does[PKT_VERB_COUNT])(struct pkt_play *, const struct pkt_step *) = {
		[PKT_LISTEN] = do_listen, [PKT_UNLISTEN] = do_unlisten,
		[PKT_ACCEPT] = do_accept, [PKT_CONNECT] = do_connect,
		[PKT_SEND] = do_send, [PKT_SEND_ZC] = do_send_zc,
		[PKT_RECV] = do_recv, [PKT_RECV_ZC] = do_recv_zc,
		[PKT_CLOSE] = do_close, [PKT_ABORT] = do_abort, [PKT_SHUTDOWN] = do_shutdown,
		[PKT_SET] = do_set, [PKT_SET_CC] = do_set_cc,
		[PKT_EVENT] = do_event, [PKT_NO_EVENT] = do_no_event,
		[PKT_FIELD] = do_field, [PKT_COUNTER] = do_counter,
	};

	must(does[step->verb]);
	does[step->verb](play, step);
}
