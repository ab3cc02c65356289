// SPDX-License-Identifier: BSD-2-Clause
/*
 * ports.c - which port a connection gets, and when one is given back. The
 * ports held are drawn in ports_held.h.
 */
#include "tcp/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "tcp/ports_held.h"
#include "tcp/reserve.h"
#include "wire/frame.h"

enum {
	TRIES = 8,		/* busy ports asked before a new one is reserved */
	RESERVE_TRIES = 8,	/* ports that the kernel offers and we cannot have */
	CROWD = 4096,		/* held for one address */
	RELEASES = 4,		/* in one run, of some 20 us each */
	SPARES = 15,		/* reserved beside one that is needed, when there are many */
};

#define RETRY_NS	NSEC_PER_SEC
#define PACE_NS		NSEC_PER_MSEC	/* from one run that releases to the next */

/* The question to the caller. */
struct asker {
	fs_tcp_port_usable_fn *usable;
	void *ctx;
	int held_fd;	/* a socket that has the port already; -1: none */
};

static struct address **find_address(struct fs_tcp_ports *ports, uint8_t family,
				     const uint8_t ip[16])
{
	uint64_t hash = fs_hash_ip(ports->host->seed, ip, family);
	struct address **at = &ports->bucket[hash % FS_TCP_PORTS_BUCKETS];

	while (*at && ((*at)->family != family || memcmp((*at)->ip, ip, 16)))
		at = &(*at)->next;
	return at;
}

static struct address *find_or_make_address(struct fs_tcp_ports *ports, uint8_t family,
					    const uint8_t ip[16])
{
	struct address **at = find_address(ports, family, ip);
	struct address *address = *at;

	if (address)
		return address;
	address = calloc(1, sizeof(*address));
	if (!address)
		return NULL;
	address->family = family;
	memcpy(address->ip, ip, 16);
	fs_tcp_link_init(&address->idle);
	fs_tcp_link_init(&address->resting);
	fs_tcp_link_init(&address->busy);
	*at = address;
	return address;
}

static void drop_address_if_empty(struct fs_tcp_ports *ports, struct address *address)
{
	if (address->n_idle || address->n_busy)
		return;
	*find_address(ports, address->family, address->ip) = address->next;
	for (size_t i = 0; i < ARRAY_SIZE(address->page); i++)
		free(address->page[i]);
	free(address);
}

static struct held *find(const struct address *address, uint16_t port)
{
	struct held *const *page = address->page[port / FS_TCP_PORTS_PAGE];

	return page ? page[port % FS_TCP_PORTS_PAGE] : NULL;
}

static struct fs_host_flow flow_of(const struct held *held)
{
	struct fs_host_flow flow = {
		.family = held->address->family,
		.proto = FS_IPPROTO_TCP,
		.port = held->port,
		.reserved = true,
	};

	memcpy(flow.ip, held->address->ip, sizeof(flow.ip));
	return flow;
}

/* A new held port, idle, with @fd. */
static struct held *hold(struct fs_tcp_ports *ports, struct address *address, uint16_t port,
			 int fd)
{
	struct held ***page = &address->page[port / FS_TCP_PORTS_PAGE];
	struct held *held;

	if (!*page)
		*page = calloc(FS_TCP_PORTS_PAGE, sizeof(**page));
	if (!*page)
		return NULL;
	held = calloc(1, sizeof(*held));
	if (!held)
		return NULL;
	held->address = address;
	held->port = port;
	held->fd = fd;
	held->idle_since_ns = ports->host->now_ns;
	(*page)[port % FS_TCP_PORTS_PAGE] = held;
	fs_tcp_link_add(&address->idle, &held->at);
	fs_tcp_link_add(&ports->idle, &held->idle_at);
	address->n_idle++;
	ports->n_idle++;
	return held;
}

/* The opposite of hold(); the descriptor stays the caller's. */
static void let_go(struct fs_tcp_ports *ports, struct held *held)
{
	struct address *address = held->address;

	assert(!held->users);
	address->page[held->port / FS_TCP_PORTS_PAGE][held->port % FS_TCP_PORTS_PAGE] = NULL;
	fs_tcp_link_del(&held->at);
	fs_tcp_link_del(&held->idle_at);
	address->n_idle--;
	ports->n_idle--;
	free(held);
}

static int use(struct fs_tcp_ports *ports, struct held *held)
{
	struct address *address = held->address;

	fs_tcp_link_del(&held->at);
	fs_tcp_link_add(&address->busy, &held->at);
	if (held->users++)
		return held->port;
	fs_tcp_link_del(&held->idle_at);
	address->n_idle--;
	ports->n_idle--;
	address->n_busy++;
	return held->port;
}

static void release(struct fs_tcp_ports *ports, struct held *held)
{
	struct address *address = held->address;
	struct fs_host_flow flow = flow_of(held);
	int fd = held->fd;

	/* First the rule: what still arrives is then the kernel's to reset. */
	if (fd >= 0) {
		ports->host->ops->unclaim(ports->host, &flow);
		close(fd);
	}
	let_go(ports, held);
	address->retry_ns = 0;
	drop_address_if_empty(ports, address);
}

static struct held *first_rested(struct address *address, uint32_t tries,
				 const struct asker *ask)
{
	struct fs_tcp_link *at = address->resting.next;

	for (; tries-- && at != &address->resting; at = at->next) {
		struct held *held = container_of(at, struct held, at);

		if (!held->retired && ask->usable(ask->ctx, held->port))
			return held;
	}
	return NULL;
}

/* Ask for up to @tries of the @list; what was asked goes to its end. */
static struct held *pick(struct fs_tcp_link *list, uint32_t tries, const struct asker *ask)
{
	while (tries-- && !fs_tcp_link_empty(list)) {
		struct fs_tcp_link *at = list->next;
		struct held *held = container_of(at, struct held, at);

		fs_tcp_link_del(at);
		fs_tcp_link_add(list, at);
		if (!held->retired && ask->usable(ask->ctx, held->port))
			return held;
	}
	return NULL;
}

/* -EADDRINUSE: this one cannot be had, another may. */
static int reserve_one(struct fs_tcp_ports *ports, struct address *address, uint16_t port,
		       uint16_t near, const struct asker *ask, struct held **out)
{
	struct fs_host *host = ports->host;
	struct fs_host_flow flow;
	struct held *held = NULL;
	int fd = ask->held_fd >= 0 ? fcntl(ask->held_fd, F_DUPFD_CLOEXEC, 0) :
		fs_tcp_reserve(address->family, address->ip, &port, near);
	int err = -EADDRINUSE;

	if (fd < 0)
		return ask->held_fd >= 0 ? -EMFILE : fd;
	fd = fs_host_aside(host, fd);
	if (!ask->usable(ask->ctx, port))
		goto err_close;
	held = hold(ports, address, port, fd);
	err = -ENOMEM;
	if (!held)
		goto err_close;
	flow = flow_of(held);
	err = host->ops->claim(host, &flow);
	if (err)
		goto err_let_go;
	*out = held;
	return 0;

err_let_go:
	let_go(ports, held);
err_close:
	close(fd);
	return err;
}

/* In a crowd, the next of ours: as random as the kernel's choice was. 0: anywhere. */
static uint16_t neighbourhood(struct address *address)
{
	struct fs_tcp_link *list = &address->busy;
	struct fs_tcp_link *at;

	if (address->n_busy + address->n_idle < CROWD)
		return 0;
	if (fs_tcp_link_empty(list))
		list = address->n_busy ? &address->resting : &address->idle;
	at = list->next;
	if (list != &address->resting) {
		fs_tcp_link_del(at);
		fs_tcp_link_add(list, at);
	}
	return container_of(at, struct held, at)->port;
}

static void complain(struct fs_tcp_ports *ports, int err)
{
	if (ports->complained || (err != -EMFILE && err != -ENFILE))
		return;
	ports->complained = true;
	fs_base_log(&ports->host->log, FS_LOG_WARN,
		    "no descriptor left to reserve a local port, each takes one; connections share "
		    "the ports that are there; raise the limit: ulimit -n");
}

static void claim_many(struct fs_tcp_ports *ports, bool begin)
{
	if (ports->host->ops && ports->host->ops->claim_many)
		ports->host->ops->claim_many(ports->host, begin);
}

/* Who has many ports will need many more: a few together cost less for each. */
static int reserve_any(struct fs_tcp_ports *ports, struct address *address,
		       const struct asker *ask, struct held **out)
{
	uint32_t spares = MIN((address->n_busy + address->n_idle) / 16, (uint32_t)SPARES);
	int err = -EADDRINUSE, tries = RESERVE_TRIES;
	const bool many = spares;
	struct held *spare;

	if (ports->host->now_ns < address->retry_ns)
		return address->retry_err;
	if (many)
		claim_many(ports, true);
	while (err == -EADDRINUSE && tries--)
		err = reserve_one(ports, address, 0, tries ? neighbourhood(address) : 0, ask, out);
	while (!err && spares && !reserve_one(ports, address, 0, neighbourhood(address), ask, &spare))
		spares--;
	if (many)
		claim_many(ports, false);
	if (!err)
		return 0;
	complain(ports, err);
	address->retry_ns = ports->host->now_ns + RETRY_NS;
	address->retry_err = err == -EADDRINUSE ? -EADDRNOTAVAIL : err;
	return address->retry_err;
}

/* Without a kernel: the next number that is not held. */
static int number(struct fs_tcp_ports *ports, struct address *address, const struct asker *ask,
		  struct held **out)
{
	if (ports->host->now_ns < address->retry_ns)
		return address->retry_err;
	for (int i = FS_TCP_PORTS_FIRST; i <= FS_TCP_PORTS_LAST; i++) {
		uint16_t port = ports->next;

		ports->next = port == FS_TCP_PORTS_LAST ? FS_TCP_PORTS_FIRST : (uint16_t)(port + 1);
		if (find(address, port) || !ask->usable(ask->ctx, port))
			continue;
		*out = hold(ports, address, port, -1);
		return *out ? 0 : -ENOMEM;
	}
	address->retry_ns = ports->host->now_ns + RETRY_NS;
	address->retry_err = -EADDRNOTAVAIL;
	return address->retry_err;
}

static int take_any(struct fs_tcp_ports *ports, struct address *address, const struct asker *ask)
{
	struct held *held = pick(&address->idle, MIN(address->n_idle, TRIES), ask);
	int err;

	if (!held)
		held = first_rested(address, TRIES, ask);
	if (!held)
		held = pick(&address->busy, MIN(address->n_busy, TRIES), ask);
	if (held)
		return use(ports, held);
	err = ports->host->ops ? reserve_any(ports, address, ask, &held) :
				 number(ports, address, ask, &held);
	if (err && !(held = pick(&address->idle, address->n_idle, ask)) &&
	    !(held = first_rested(address, UINT32_MAX, ask)))
		held = pick(&address->busy, address->n_busy, ask);
	return held ? use(ports, held) : err;
}

static int take_this(struct fs_tcp_ports *ports, struct address *address, uint16_t want,
		     const struct asker *ask)
{
	struct held *held = find(address, want);
	int err;

	if (held)
		return !held->retired && ask->usable(ask->ctx, want) ? use(ports, held) :
								       -EADDRINUSE;
	if (ports->host->ops) {
		err = reserve_one(ports, address, want, 0, ask, &held);
		return err ? err : use(ports, held);
	}
	if (!ask->usable(ask->ctx, want))
		return -EADDRINUSE;
	held = hold(ports, address, want, -1);
	return held ? use(ports, held) : -ENOMEM;
}

static int take(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16], uint16_t want,
		const struct asker *ask)
{
	struct address *address = find_or_make_address(ports, family, ip);
	int ret;

	if (!address)
		return -ENOMEM;
	ret = want ? take_this(ports, address, want, ask) : take_any(ports, address, ask);
	if (ret < 0)
		drop_address_if_empty(ports, address);
	return ret;
}

int fs_tcp_ports_take(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t want, fs_tcp_port_usable_fn *usable, void *ctx)
{
	const struct asker ask = { usable, ctx, -1 };

	return take(ports, family, ip, want, &ask);
}

int fs_tcp_ports_take_held(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
			   uint16_t want, int fd, fs_tcp_port_usable_fn *usable, void *ctx)
{
	const struct asker ask = { usable, ctx, fd };

	return take(ports, family, ip, want, &ask);
}

void fs_tcp_ports_put(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t port, uint64_t now_ns)
{
	struct address *address = *find_address(ports, family, ip);
	struct held *held = address ? find(address, port) : NULL;

	assert(held && held->users);
	if (--held->users)
		return;
	fs_tcp_link_del(&held->at);
	fs_tcp_link_add(&address->idle, &held->at);
	/* A retired one goes first. */
	fs_tcp_link_add(held->retired ? ports->idle.next : &ports->idle, &held->idle_at);
	address->n_busy--;
	address->n_idle++;
	ports->n_idle++;
	held->idle_since_ns = held->retired ? 0 : now_ns;
}

void fs_tcp_ports_retire(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
			 uint16_t port)
{
	struct address *address = *find_address(ports, family, ip);
	struct held *held = address ? find(address, port) : NULL;

	assert(held && held->users);
	held->retired = true;
}

void fs_tcp_ports_rest(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		       uint16_t port)
{
	struct address *address = *find_address(ports, family, ip);
	struct held *held = address ? find(address, port) : NULL;

	assert(held && held->users);
	fs_tcp_link_del(&held->at);
	fs_tcp_link_add(&address->resting, &held->at);
}

static struct held *oldest(const struct fs_tcp_ports *ports)
{
	return container_of(ports->idle.next, struct held, idle_at);
}

uint64_t fs_tcp_ports_due(const struct fs_tcp_ports *ports)
{
	uint64_t due_ns;

	if (!ports->n_idle)
		return FS_NEVER;
	due_ns = oldest(ports)->idle_since_ns;
	if (ports->n_idle <= FS_TCP_PORTS_IDLE_MAX && !oldest(ports)->retired)
		due_ns += FS_TCP_PORTS_IDLE_NS;
	return MAX(due_ns, ports->paced_ns);
}

uint64_t fs_tcp_ports_run(struct fs_tcp_ports *ports, uint64_t now_ns)
{
	const uint64_t due_ns = fs_tcp_ports_due(ports);
	int n = 0;

	if (likely(due_ns > now_ns))
		return due_ns;
	claim_many(ports, true);
	while (n < RELEASES && fs_tcp_ports_due(ports) <= now_ns) {
		release(ports, oldest(ports));
		n++;
	}
	claim_many(ports, false);
	ports->paced_ns = now_ns + PACE_NS;
	return fs_tcp_ports_due(ports);
}

int fs_tcp_ports_open(struct fs_tcp_ports **out, struct fs_host *host)
{
	struct fs_tcp_ports *ports = calloc(1, sizeof(*ports));
	struct fs_random rnd = { host->seed };

	if (!ports)
		return -ENOMEM;
	ports->host = host;
	ports->next = (uint16_t)(FS_TCP_PORTS_FIRST +
		fs_random_below(&rnd, FS_TCP_PORTS_LAST - FS_TCP_PORTS_FIRST + 1));
	fs_tcp_link_init(&ports->idle);
	*out = ports;
	return 0;
}

void fs_tcp_ports_close(struct fs_tcp_ports *ports)
{
	if (!ports)
		return;
	claim_many(ports, true);
	while (ports->n_idle)
		release(ports, oldest(ports));
	claim_many(ports, false);
	for (size_t i = 0; i < FS_TCP_PORTS_BUCKETS; i++)
		assert(!ports->bucket[i]);
	free(ports);
}
