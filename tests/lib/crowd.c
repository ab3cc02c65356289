// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "tcp/conn.h"
#include "tests/lib/crowd.h"
#include "tests/lib/must.h"
#include "tests/lib/whim.h"

enum {
	TALKS = 8,
	STRANGERS = 32,
	LENT_MAX = 24,
	PORT = 80,
	BYTES_MAX = 60000,
};

struct end {
	struct fs_tcp *tcp;		/* NULL: not accepted yet, or closed */
	struct test_host *host;
	struct end *peer;		/* NULL: a stranger */
	uint64_t salt;
	uint64_t to_send, sent, received;
	bool shut, eof, used;
};

struct crowd_counts crowd_counts;

static struct test_net *net;
static struct fs_random chance;
static bool honest, finishing;
static const char *wrong;
static struct end ends[2 * TALKS + STRANGERS];
static struct fs_tcp_listener *listeners[2];
static struct { struct fs_buf *bufs[LENT_MAX]; unsigned int n; } lent[2];

static uint32_t below(uint32_t n)
{
	return (uint32_t)fs_random_below(&chance, n);
}

static int index_of(const struct test_host *host)
{
	return host == &net->b;
}

static uint8_t byte_at(const struct end *end, uint64_t offset)
{
	return (uint8_t)(((offset + end->salt) * 0x9e3779b97f4a7c15ull) >> 37);
}

static void fill(const struct end *end, uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		data[i] = byte_at(end, end->sent + i);
}

static void is_wrong(const char *what)
{
	if (!wrong)
		wrong = what;
}

/* --- one end ------------------------------------------------------------------- */

static void forget(struct end *end)
{
	end->tcp = NULL;
	if (!end->peer)
		end->used = false;
	crowd_counts.ended++;
}

static void took_error(const struct end *end, int error)
{
	if (error == -EAGAIN || error == -ENOTCONN || error == -ENOBUFS || !honest || !end->peer)
		return;
	if (!wrong)
		printf("port %u > %u: %s\n", fs_tcp_local(end->tcp).port,
		       fs_tcp_remote(end->tcp).port, strerror(-error));
	is_wrong("an honest connection got an error");
}

static void check(struct end *end, const uint8_t *data, uint32_t len)
{
	crowd_counts.bytes += len;
	for (uint32_t i = 0; honest && end->peer && i < len; i++)
		if (data[i] != byte_at(end->peer, end->received + i))
			is_wrong("a byte is wrong");
	end->received += len;
	if (honest && end->peer && end->received > end->peer->sent)
		is_wrong("there are more bytes than were sent");
}

static void keep_or_release(struct end *end, struct fs_buf **bufs, unsigned int n)
{
	const int i = index_of(end->host);

	if (!finishing && lent[i].n + n <= LENT_MAX && !below(4)) {
		memcpy(lent[i].bufs + lent[i].n, bufs, n * sizeof(*bufs));
		lent[i].n += n;
		return;
	}
	fs_buf_release(bufs, n);
}

static void release_lent(int i)
{
	fs_buf_release(lent[i].bufs, lent[i].n);
	lent[i].n = 0;
}

static void take(struct end *end)
{
	struct fs_buf *bufs[8];
	uint8_t data[3000];
	ssize_t n;

	if (below(3)) {
		n = fs_tcp_recv_zc(end->tcp, bufs, 1 + below(8));
		for (ssize_t i = 0; i < n; i++)
			check(end, bufs[i]->data, bufs[i]->len);
		if (n > 0)
			keep_or_release(end, bufs, (unsigned int)n);
	} else {
		n = fs_tcp_recv(end->tcp, data, 1 + below(sizeof(data)));
		if (n > 0)
			check(end, data, (uint32_t)n);
	}
	if (!n)
		end->eof = true;
	else if (n < 0)
		took_error(end, (int)n);
}

static int give_zc(struct end *end, uint32_t len)
{
	struct fs_buf *buf;
	int sent;

	buf = fs_buf_alloc(end->host->stack, len);
	if (!buf)
		return -ENOBUFS;
	fill(end, buf->data, len);
	sent = fs_tcp_send_zc(end->tcp, &buf, 1);
	if (sent != 1)
		fs_buf_release(&buf, 1);
	return sent == 1 ? (int)len : sent;
}

/* False: it can give no more now. */
static bool give(struct end *end)
{
	const uint64_t left = end->to_send - end->sent;
	const uint64_t wish = 1 + below(below(4) ? 3000 : 50);
	const uint32_t len = (uint32_t)MIN(left, wish);
	uint8_t data[3000];
	ssize_t sent;

	if (!left)
		return false;
	if (below(2)) {
		sent = give_zc(end, MIN(len, (uint32_t)fs_stack_buf_room(end->host->stack)));
	} else {
		fill(end, data, len);
		sent = fs_tcp_send(end->tcp, data, len);
	}
	must(sent <= (ssize_t)len);
	if (sent > 0)
		end->sent += (uint64_t)sent;
	else
		took_error(end, (int)sent);
	crowd_counts.sent += sent > 0;
	return sent > 0;
}

static void shut(struct end *end)
{
	if (!end->shut && !fs_tcp_shutdown(end->tcp))
		end->shut = true;
}

static void leave(struct end *end)
{
	if (below(3))
		fs_tcp_close(end->tcp);
	else
		fs_tcp_abort(end->tcp);
	forget(end);
}

static void act(struct end *end)
{
	switch (below(16)) {
	case 0:
		whim(end->tcp, &chance, honest);
		break;
	case 1:
		if (!honest && !below(3))
			shut(end);
		break;
	case 2:
		if (!honest && !below(6))
			leave(end);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		take(end);
		break;
	default:
		give(end);
		break;
	}
}

/* --- opening ------------------------------------------------------------------------ */

/* Now and then the stream passes 2^32, or 2^31, before long. */
static void wrap(struct fs_tcp *tcp)
{
	if (tcp->flow.state != FS_TCP_SYN_SENT || below(3))
		return;
	tcp->iss.raw = (below(3) ? 0 : 0x80000000u) - below(BYTES_MAX);
	tcp->snd_una = tcp->recovery_end = tcp->iss;
	tcp->flow.snd_nxt = tcp->snd_end = tcp->syn_end = fs_seq_add(tcp->iss, 1);
}

static void connect_some(struct end *pair)
{
	static const char *const cc[] = { "cubic", "newreno", "dctcp", NULL };
	const bool from_b = !below(3), six = below(2);
	struct test_host *from = from_b ? &net->b : &net->a, *to = from_b ? &net->a : &net->b;
	struct fs_tcp_connect_opts opts = {
		.sz = sizeof(opts), .cc = cc[below(ARRAY_SIZE(cc))], .user = &pair[0],
		.remote = test_with_port(six ? to->ip6 : to->ip4, PORT),
		.fastopen = (int)below(2), .ecn = (int)below(2),
	};

	for (int i = 0; i < 2; i++)
		pair[i] = (struct end){
			.host = i ? to : from, .peer = &pair[!i], .used = true,
			.salt = fs_random_next(&chance), .to_send = 1 + below(BYTES_MAX),
		};
	if (fs_tcp_connect(&pair[0].tcp, from->stack, &opts)) {
		pair[0].used = pair[1].used = false;
		return;
	}
	wrap(pair[0].tcp);
	crowd_counts.opened++;
}

/* RFC 9293 figure 8: both connect, and their SYNs cross. */
static void cross(struct end *pair)
{
	const uint16_t ports[2] = { (uint16_t)(5000 + (pair - ends)), (uint16_t)(6000 + below(100)) };
	struct test_host *const hosts[2] = { &net->a, &net->b };

	for (int i = 0; i < 2; i++) {
		struct fs_tcp_connect_opts opts = {
			.sz = sizeof(opts), .user = &pair[i], .local.port = ports[i],
			.remote = test_with_port(hosts[!i]->ip4, ports[!i]),
		};

		pair[i] = (struct end){
			.host = hosts[i], .peer = &pair[!i], .used = true,
			.salt = fs_random_next(&chance), .to_send = 1 + below(BYTES_MAX),
		};
		if (fs_tcp_connect(&pair[i].tcp, hosts[i]->stack, &opts)) {
			fs_tcp_abort(pair[0].tcp);
			pair[0].used = pair[1].used = false;
			pair[0].tcp = NULL;
			return;
		}
	}
	crowd_counts.opened += 2;
}

static struct end *whose(const struct test_host *host, const struct fs_tcp *tcp)
{
	const struct fs_addr remote = fs_tcp_remote(tcp);

	for (unsigned int i = 0; i < 2 * TALKS; i++) {
		struct fs_addr local;

		if (!ends[i].used || ends[i].host != host || ends[i].tcp || !ends[i].peer->tcp)
			continue;
		local = fs_tcp_local(ends[i].peer->tcp);
		/* And not an old duplicate of a SYN from the same port. */
		if (local.port == remote.port && local.family == remote.family &&
		    fs_seq_eq(tcp->irs, ends[i].peer->tcp->iss))
			return &ends[i];
	}
	for (unsigned int i = 2 * TALKS; i < ARRAY_SIZE(ends); i++) {
		if (ends[i].used)
			continue;
		ends[i] = (struct end){ .host = (struct test_host *)host, .used = true };
		crowd_counts.strangers++;
		return &ends[i];
	}
	return NULL;
}

static void accept_some(struct test_host *host)
{
	struct fs_tcp *tcps[4];
	unsigned int n;

	if (!listeners[index_of(host)])
		return;
	n = fs_tcp_accept(listeners[index_of(host)], tcps, 1 + below(4));
	for (unsigned int i = 0; i < n; i++) {
		struct end *end = whose(host, tcps[i]);

		crowd_counts.accepted++;
		if (!end) {
			fs_tcp_abort(tcps[i]);
			continue;
		}
		end->tcp = tcps[i];
		fs_tcp_set_user(tcps[i], end);
	}
}

static void listen_on(struct test_host *host)
{
	struct fs_tcp_listen_opts opts = {
		.sz = sizeof(opts), .local.port = PORT, .fastopen = below(2) ? 4 : 0,
		.backlog = honest ? 0 : below(4), .cc = below(2) ? "dctcp" : NULL,
	};

	must(!fs_tcp_listen(&listeners[index_of(host)], host->stack, &opts));
}

static void change_listener(struct test_host *host)
{
	struct fs_tcp_listener **l = &listeners[index_of(host)];

	if (*l) {
		fs_tcp_listener_close(*l);
		*l = NULL;
	} else {
		listen_on(host);
	}
}

/* --- both -------------------------------------------------------------------------------- */

void crowd_open(struct test_net *the_net, uint64_t seed, bool is_honest)
{
	net = the_net;
	chance.state = seed;
	honest = is_honest;
	finishing = false;
	wrong = NULL;
	memset(ends, 0, sizeof(ends));
	listen_on(&net->a);
	listen_on(&net->b);
}

static void on_event(struct test_host *host, const struct fs_event *event)
{
	struct end *end = event->user;

	if (event->type == FS_EV_ACCEPT) {
		accept_some(host);
		return;
	}
	if (!end || end->tcp != event->endpoint)
		is_wrong("an event of a connection that is closed");
	else if (event->type == FS_EV_READABLE)
		take(end);
	else if (event->type == FS_EV_ERROR)
		took_error(end, event->error);
}

void crowd_events(void)
{
	struct test_host *const hosts[] = { &net->a, &net->b };
	struct fs_event events[16];

	for (int k = 0; k < 2; k++) {
		int n = fs_stack_events(hosts[k]->stack, events, 16);

		for (int i = 0; i < n; i++)
			on_event(hosts[k], &events[i]);
	}
}

static void work(struct end *end)
{
	if (!end->tcp)
		return;
	for (int i = 0; i < 8; i++) {
		take(end);
		if (!give(end))
			break;
	}
	if (end->sent == end->to_send)
		shut(end);
}

void crowd_act(void)
{
	struct end *end = &ends[below(ARRAY_SIZE(ends))];

	if (finishing) {
		accept_some(&net->a);
		accept_some(&net->b);
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
			work(&ends[i]);
		return;
	}
	if (end->tcp)
		act(end);
	else if (end < &ends[2 * TALKS] && !ends[(end - ends) / 2 * 2].used)
		(below(8) ? connect_some : cross)(&ends[(end - ends) / 2 * 2]);
	else if (!honest && end < &ends[2 * TALKS] && !end->peer->tcp && !below(4))
		end->used = end->peer->used = false;
	if (!below(20))
		release_lent((int)below(2));
	if (!below(4))
		accept_some(below(2) ? &net->a : &net->b);
	if (!honest && !below(2000))
		change_listener(below(2) ? &net->a : &net->b);
}

void crowd_finish(void)
{
	finishing = true;
	release_lent(0);
	release_lent(1);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!ends[i].tcp)
			continue;
		fs_tcp_set(ends[i].tcp, FS_TCP_CORK, 0);
	}
}

bool crowd_is_over(void)
{
	for (size_t i = 0; i < 2 * TALKS; i++) {
		const struct end *end = &ends[i];

		if (end->used && (!end->eof || !end->shut || end->received != end->peer->to_send))
			return false;
	}
	return true;
}

void crowd_close(void)
{
	crowd_finish();
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!ends[i].tcp)
			continue;
		if (honest && ends[i].peer)
			fs_tcp_close(ends[i].tcp);
		else
			leave(&ends[i]);
	}
	for (int i = 0; i < 2; i++) {
		fs_tcp_listener_close(listeners[i]);
		listeners[i] = NULL;
	}
	memset(ends, 0, sizeof(ends));
}

uint32_t crowd_holds(const struct test_host *host)
{
	return lent[index_of(host)].n;
}

const char *crowd_wrong(void)
{
	return wrong;
}
