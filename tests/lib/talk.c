// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "base/random.h"
#include "tests/lib/must.h"
#include "tests/lib/talk.h"

enum {
	PORT = 7,
	BATCH = 16,
};

static struct talk *all;
static unsigned int n_all, n_accepted;
static struct fs_tcp_listener *listener;
static struct talk_opts how;

static uint8_t byte_at(uint64_t salt, uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15ull + salt) >> 37);
}

static void fill(const struct talk_end *end, uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		data[i] = byte_at(end->salt, end->sent + i);
}

static bool send_copy(struct talk_end *end)
{
	uint8_t chunk[3000];
	uint32_t len = (uint32_t)MIN(end->to_send - end->sent, sizeof(chunk));
	ssize_t sent;

	fill(end, chunk, len);
	sent = fs_tcp_send(end->tcp, chunk, len);
	if (sent > 0)
		end->sent += (uint64_t)sent;
	return sent > 0;
}

static bool send_buf(struct test_host *host, struct talk_end *end)
{
	uint32_t len = (uint32_t)MIN(end->to_send - end->sent, (uint64_t)fs_tcp_mss(end->tcp));
	struct fs_buf *buf;
	int sent;

	if (!fs_tcp_send_space(end->tcp))
		len = 1;	/* asks to be told */
	buf = fs_buf_alloc(host->stack, len);
	if (!buf)
		return false;
	fill(end, buf->data, len);
	sent = fs_tcp_send_zc(end->tcp, &buf, 1);
	if (sent == 1)
		end->sent += len;
	else
		fs_buf_release(&buf, 1);
	return sent == 1;
}

static void push(struct test_host *host, struct talk_end *end)
{
	while (end->sent < end->to_send)
		if (!(end->copying ? send_copy(end) : send_buf(host, end)))
			return;
	if (!end->shut && !fs_tcp_shutdown(end->tcp))
		end->shut = true;
}

static void check(struct talk_end *end, uint64_t salt, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		must(data[i] == byte_at(salt, end->received + i));
	end->received += len;
}

static void pull(struct talk_end *end, uint64_t salt)
{
	struct fs_buf *bufs[BATCH];
	int n;

	while ((n = fs_tcp_recv_zc(end->tcp, bufs, BATCH)) > 0) {
		for (int i = 0; i < n; i++)
			check(end, salt, bufs[i]->data, bufs[i]->len);
		fs_buf_release(bufs, (size_t)n);
	}
	if (n == 0)
		end->eof = true;
	else if (n != -EAGAIN && n != -ENOTCONN)
		end->error = n;
}

static void accept_all(void)
{
	struct fs_tcp *tcp;

	while (fs_tcp_accept(listener, &tcp, 1)) {
		const struct fs_addr remote = fs_tcp_remote(tcp);
		unsigned int i;

		for (i = 0; i < n_all; i++)
			if (fs_tcp_local(all[i].a.tcp).port == remote.port)
				break;
		must(i < n_all && !all[i].b.tcp);
		all[i].b.tcp = tcp;
		fs_tcp_set_user(tcp, &all[i]);
		n_accepted++;
	}
}

static void pump(struct test_net *net)
{
	struct fs_event events[64];
	int a, b;

	do {
		a = fs_stack_events(net->a.stack, events, 64);
		for (int i = 0; i < a; i++) {
			struct talk *talk = events[i].user;

			if (events[i].type == FS_EV_ERROR)
				talk->a.error = events[i].error;
			pull(&talk->a, talk->b.salt);
			push(&net->a, &talk->a);
		}
		b = fs_stack_events(net->b.stack, events, 64);
		for (int i = 0; i < b; i++) {
			struct talk *talk = events[i].user;

			if (events[i].type == FS_EV_ACCEPT) {
				accept_all();
				continue;
			}
			if (events[i].type == FS_EV_ERROR)
				talk->b.error = events[i].error;
			pull(&talk->b, talk->a.salt);
			push(&net->b, &talk->b);
		}
	} while (a || b);
	for (unsigned int i = 0; i < n_all; i++)
		if (all[i].b.tcp && !all[i].b.sent && !all[i].b.shut)
			push(&net->b, &all[i].b);
}

static uint64_t some(struct fs_random *random, uint64_t most)
{
	return how.mixed_seed ?
		fs_random_below(random, (most >> fs_random_below(random, 16)) + 1) : most;
}

static void begin(struct test_net *net, struct talk *talk, struct fs_random *random)
{
	const struct fs_addr *to = how.ipv6 ? &net->b.ip6 : &net->b.ip4;
	const uint64_t a_bytes = some(random, how.a_bytes), b_bytes = some(random, how.b_bytes);
	const uint64_t salt = 2 * (uint64_t)(talk - all);
	struct fs_tcp_connect_opts connect = {
		.sz = sizeof(connect), .remote = test_with_port(*to, PORT), .cc = how.cc, .ecn = how.ecn,
		.user = talk,
	};

	*talk = (struct talk){
		.a = { .to_send = a_bytes, .to_receive = b_bytes, .salt = salt,
		       .copying = how.copying },
		.b = { .to_send = b_bytes, .to_receive = a_bytes, .salt = salt + 1,
		       .copying = how.copying },
	};
	must(!fs_tcp_connect(&talk->a.tcp, net->a.stack, &connect));
}

void talk_connect(struct test_net *net, struct talk *talks, unsigned int n,
		  const struct talk_opts *opts)
{
	struct fs_random random = { opts->mixed_seed };

	all = talks;
	n_all = n;
	n_accepted = 0;
	how = *opts;
	for (unsigned int i = 0; i < n; i++)
		begin(net, &talks[i], &random);
}

void talk_open(struct test_net *net, struct talk *talks, unsigned int n,
	       const struct talk_opts *opts)
{
	struct fs_tcp_listen_opts listen = {
		.sz = sizeof(listen), .local.port = PORT, .cc = opts->cc,
		.backlog = opts->backlog,
	};

	must(!fs_tcp_listen(&listener, net->b.stack, &listen));
	talk_connect(net, talks, n, opts);
}

static bool end_over(const struct talk_end *end)
{
	return end->error || (end->eof && end->shut && end->received == end->to_receive);
}

bool talk_over(const struct talk *talk)
{
	return end_over(&talk->a) && end_over(&talk->b);
}

static unsigned int count_over(void)
{
	unsigned int over = 0;

	for (unsigned int i = 0; i < n_all; i++)
		over += talk_over(&all[i]);
	return over;
}

unsigned int talk_run(struct test_net *net, uint64_t limit_ns)
{
	const uint64_t until_ns = net->now_ns + limit_ns;
	unsigned int steps = 0;

	while (test_net_step(net, until_ns)) {
		pump(net);
		if (++steps % 64 == 0 && count_over() == n_all)
			break;
	}
	pump(net);
	return count_over();
}

void talk_close(struct test_net *net)
{
	for (unsigned int i = 0; i < n_all; i++) {
		fs_tcp_close(all[i].a.tcp);
		fs_tcp_close(all[i].b.tcp);
	}
	fs_tcp_listener_close(listener);
	test_net_run(net, 130 * NSEC_PER_SEC);
}
