// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "tests/lib/fixture.h"
#include "tests/lib/leak.h"
#include "tests/lib/must.h"

enum {
	FRAMES = 1024,
	STEPS_MAX = 10000000,	/* more than this is a stack that does not come to rest */
};

static int count_probe(void *ctx, uint32_t ifindex, uint8_t family, const uint8_t ip[16])
{
	struct test_host *host = ctx;

	(void)ifindex;
	(void)family;
	(void)ip;
	host->probes++;
	return 0;
}

static void add_link(struct test_host *host)
{
	struct fs_nl_link link = {
		.ifindex = host->ifindex, .mtu = 1500, .flags = IFF_UP | IFF_RUNNING,
		.name = "sim0", .running = true,
	};

	memcpy(link.mac, host->mac, 6);
	must(!fs_nl_mirror_link_set(host->mirror, &link));
}

static void add_addr(struct test_host *host, const struct fs_addr *ip, uint8_t prefix_len)
{
	struct fs_nl_addr addr = {
		.ifindex = host->ifindex, .family = ip->family, .prefix_len = prefix_len,
	};
	struct fs_nl_route route = {
		.family = ip->family, .prefix_len = prefix_len, .oif = host->ifindex,
		.scope = RT_SCOPE_LINK,
	};

	memcpy(addr.ip, ip->ip, 16);
	memcpy(route.dst, ip->ip, prefix_len / 8);
	if (ip->family == AF_INET)
		memcpy(route.prefsrc, ip->ip, 16);
	must(!fs_nl_mirror_addr_set(host->mirror, &addr));
	must(!fs_nl_mirror_route_set(host->mirror, &route));
	/* The host's own address, as the kernel's local table has it. */
	memcpy(route.dst, ip->ip, 16);
	route.prefix_len = ip->family == AF_INET ? 32 : 128;
	route.type = RTN_LOCAL;
	route.table = RT_TABLE_LOCAL;
	route.scope = RT_SCOPE_HOST;
	must(!fs_nl_mirror_route_set(host->mirror, &route));
}

static void add_neigh(struct test_host *host, const struct test_host *other,
		      const struct fs_addr *ip, uint16_t state)
{
	struct fs_nl_neigh neigh = {
		.ifindex = host->ifindex, .family = ip->family, .state = state,
	};

	memcpy(neigh.ip, ip->ip, 16);
	memcpy(neigh.mac, other->mac, 6);
	must(!fs_nl_mirror_neigh_set(host->mirror, &neigh));
}

void test_net_resolve(struct test_net *net, uint16_t nud_state)
{
	add_neigh(&net->a, &net->b, &net->b.ip4, nud_state);
	add_neigh(&net->a, &net->b, &net->b.ip6, nud_state);
	add_neigh(&net->b, &net->a, &net->a.ip4, nud_state);
	add_neigh(&net->b, &net->a, &net->a.ip6, nud_state);
}

void test_set_mtu(struct test_host *host, uint32_t mtu)
{
	struct fs_nl_link link = *fs_nl_mirror_link(host->mirror, host->ifindex);

	link.mtu = mtu;
	must(!fs_nl_mirror_link_set(host->mirror, &link));
}

static void prepare_host(struct test_host *host, uint8_t number,
			 const struct test_net_opts *opts)
{
	host->pool = test_pool(opts->frames ? opts->frames : FRAMES);
	host->ip4 = (struct fs_addr){ .family = AF_INET, .ip = { 10, 0, 0, number } };
	host->ip6 = (struct fs_addr){ .family = AF_INET6, .ip = { 0xfd, [15] = number } };
	memcpy(host->mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)(9 + number) }, 6);
	must(!fs_nl_mirror_open(&host->mirror));
}

static bool any_odds(const struct fs_fault_odds *odds)
{
	static const struct fs_fault_odds none;

	return memcmp(odds, &none, sizeof(none)) != 0;
}

/* The port as the stack gets it: wire, faults in front of it, tap in front of both. */
static struct fs_port *wrap(struct test_net *net, struct test_host *host, const char *name,
			    const struct test_net_opts *opts, const struct fs_fault_odds *odds)
{
	const struct fs_fault_opts fault = {
		.seed = opts->seed ^ host->ip4.ip[3], .tx = *odds,
		.now_ns = fs_sim_clock(net->sim),
	};
	struct fs_port *port = host->wire;

	if (any_odds(&opts->a_to_b) || any_odds(&opts->b_to_a)) {
		must(!fs_port_fault_open(&port, port, &fault));
		host->fault = port;
	}
	if (net->pcap)
		must(!fs_port_tap_open(&port, port, net->pcap, name,
						  fs_sim_clock(net->sim)));
	return port;
}

static void open_host(struct test_host *host, struct fs_port *port,
		      const struct test_net_opts *opts)
{
	const struct fs_stack_core core = {
		.pool = host->pool,
		.mirror = host->mirror,
		.net_ops = { .probe = count_probe, .ctx = host },
		.csum_mode = opts->csum_mode,
		.seed = opts->seed + host->ip4.ip[3],
	};

	host->ifindex = port->ifindex;
	add_link(host);
	add_addr(host, &host->ip4, 24);
	add_addr(host, &host->ip6, 64);
	must(!fs_stack_create(&host->stack, &core));
	fs_stack_add_port(host->stack, port);
}

static void open_wire(struct test_net *net, const struct test_net_opts *opts)
{
	if (opts->sent) {
		net->a.wire = hand_open(net->a.pool, 1, opts->sent, &net->a);
		net->b.wire = hand_open(net->b.pool, 2, opts->sent, &net->b);
		return;
	}
	must(!fs_sim_pair(net->sim, net->a.pool, net->b.pool, &opts->wire,
			  &net->a.wire, &net->b.wire));
}

void test_net_open(struct test_net *net, const struct test_net_opts *user)
{
	struct test_net_opts opts = user ? *user : (struct test_net_opts){ 0 };
	const char *capture = getenv("FASTSOCK_CAPTURE");

	if (!opts.seed)
		opts.seed = 1;
	memset(net, 0, sizeof(*net));
	net->fds = test_open_fds();
	prepare_host(&net->a, 1, &opts);
	prepare_host(&net->b, 2, &opts);
	must(!fs_sim_open(&net->sim, opts.seed));
	open_wire(net, &opts);
	if (capture)
		must(!fs_pcap_open(&net->pcap, capture, NULL));
	open_host(&net->a, wrap(net, &net->a, "a", &opts, &opts.a_to_b), &opts);
	if (!opts.b_is_bare)
		open_host(&net->b, wrap(net, &net->b, "b", &opts, &opts.b_to_a), &opts);
	if (!opts.no_neigh)
		test_net_resolve(net, NUD_PERMANENT);
}

static void close_host(struct test_host *host)
{
	if (host->stack)
		fs_stack_destroy(host->stack);
	else
		host->wire->ops->close(host->wire);
	fs_nl_mirror_close(host->mirror);
}

void test_net_close(struct test_net *net)
{
	close_host(&net->a);
	close_host(&net->b);
	fs_sim_close(net->sim);
	test_pool_close(net->a.pool);
	test_pool_close(net->b.pool);
	must(!fs_pcap_close(net->pcap));
	test_check_fds(net->fds);
}

static void run_both(struct test_net *net)
{
	fs_stack_run(net->a.stack, net->now_ns);
	if (net->b.stack)
		fs_stack_run(net->b.stack, net->now_ns);
}

bool test_net_step(struct test_net *net, uint64_t until_ns)
{
	uint64_t next_ns, at_ns;

	run_both(net);
	next_ns = fs_sim_next_ns(net->sim);
	at_ns = fs_stack_next_ns(net->a.stack);
	next_ns = MIN(next_ns, at_ns);
	at_ns = net->b.stack ? fs_stack_next_ns(net->b.stack) : FS_NEVER;
	next_ns = MIN(next_ns, at_ns);
	if (next_ns == FS_NEVER || next_ns > until_ns)
		return false;
	net->now_ns = MAX(net->now_ns, next_ns);
	fs_sim_advance(net->sim, net->now_ns);
	run_both(net);
	return true;
}

void test_net_run(struct test_net *net, uint64_t span_ns)
{
	uint64_t until_ns = net->now_ns + span_ns;
	unsigned int steps = 0;

	while (test_net_step(net, until_ns))
		must(steps++ < STEPS_MAX);
	net->now_ns = until_ns;
	fs_sim_advance(net->sim, net->now_ns);
	run_both(net);
}

struct fs_addr test_with_port(struct fs_addr addr, uint16_t port)
{
	addr.port = port;
	return addr;
}

struct fs_udp *test_udp(struct test_host *host, struct fs_addr local,
			const struct fs_addr *remote)
{
	struct fs_udp_opts opts = { .sz = sizeof(opts), .local = local };
	struct fs_udp *udp;

	if (remote)
		opts.remote = *remote;
	must(!fs_udp_create(&udp, host->stack->udp, &opts));
	return udp;
}

int test_send(struct test_host *host, struct fs_udp *udp, const struct fs_addr *to,
	      const void *data, size_t len)
{
	struct fs_buf *buf = fs_buf_alloc(host->stack, len);
	int sent;

	if (!buf)
		return -ENOBUFS;
	memcpy(buf->data, data, len);
	if (to)
		buf->remote = *to;
	sent = fs_udp_send(udp, &buf, 1);
	if (sent != 1)
		fs_buf_release(&buf, 1);
	return sent;
}
