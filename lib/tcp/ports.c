// SPDX-License-Identifier: BSD-2-Clause
/*
 * ports.c - the ports held, by address.
 *
 *	bucket[hash(ip)] -> address -> address -> NULL
 *	address.page[port / 256][port % 256] -> held
 *	address.idle, .busy: its held ports in turn, the next candidate first
 *	ports.idle: those of all addresses, in the order of their last put
 *
 * A held port is idle or busy; idle_at is linked only while it is idle.
 */
#include "tcp/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "tcp/reserve.h"
#include "wire/frame.h"

enum {
	BUCKETS = 64,
	PAGE = 256,
	TRIES = 8,		/* busy ports asked before a new one is reserved */
	RESERVE_TRIES = 8,	/* ports that the kernel offers and we cannot have */
	CROWD = 4096,		/* held for one address */
	RELEASES = 4,		/* in one run, of some 20 us each */
};

#define RETRY_NS	NSEC_PER_SEC
#define PACE_NS		NSEC_PER_MSEC	/* from one run that releases to the next */

struct link {
	struct link *next, *prev;
};

struct held {
	struct link at;		/* of its address, idle or busy */
	struct link idle_at;
	struct address *address;
	uint64_t idle_since_ns;
	uint32_t users;		/* 0: idle */
	int fd;			/* -1 on a simulated wire */
	uint16_t port;
	bool retired;		/* not for new connections */
};

struct address {
	struct address *next;
	struct link idle;
	struct link busy;
	uint32_t n_idle;
	uint32_t n_busy;
	uint64_t retry_ns;	/* before it, reserving gives retry_err */
	int retry_err;
	uint8_t family;
	uint8_t ip[16];
	struct held **page[65536 / PAGE];
};

struct fs_tcp_ports {
	struct fs_host *host;
	struct link idle;
	uint32_t n_idle;
	uint64_t paced_ns;	/* no release before it */
	uint16_t next;		/* number to try, on a simulated wire */
	bool complained;
	struct address *bucket[BUCKETS];
};

/* The question to the caller. */
struct asker {
	fs_tcp_port_usable_fn *usable;
	void *ctx;
};

static void list_init(struct link *list)
{
	list->next = list->prev = list;
}

static void list_add(struct link *list, struct link *at)
{
	at->next = list;
	at->prev = list->prev;
	at->prev->next = at;
	list->prev = at;
}

static void list_del(struct link *at)
{
	at->next->prev = at->prev;
	at->prev->next = at->next;
}

static struct address **find_address(struct fs_tcp_ports *ports, uint8_t family,
				     const uint8_t ip[16])
{
	uint64_t hash = fs_hash_ip(ports->host->seed, ip, family);
	struct address **at = &ports->bucket[hash % BUCKETS];

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
	list_init(&address->idle);
	list_init(&address->busy);
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
	struct held *const *page = address->page[port / PAGE];

	return page ? page[port % PAGE] : NULL;
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
	struct held ***page = &address->page[port / PAGE];
	struct held *held;

	if (!*page)
		*page = calloc(PAGE, sizeof(**page));
	if (!*page)
		return NULL;
	held = calloc(1, sizeof(*held));
	if (!held)
		return NULL;
	held->address = address;
	held->port = port;
	held->fd = fd;
	held->idle_since_ns = ports->host->now_ns;
	(*page)[port % PAGE] = held;
	list_add(&address->idle, &held->at);
	list_add(&ports->idle, &held->idle_at);
	address->n_idle++;
	ports->n_idle++;
	return held;
}

/* The opposite of hold(); the descriptor stays the caller's. */
static void let_go(struct fs_tcp_ports *ports, struct held *held)
{
	struct address *address = held->address;

	assert(!held->users);
	address->page[held->port / PAGE][held->port % PAGE] = NULL;
	list_del(&held->at);
	list_del(&held->idle_at);
	address->n_idle--;
	ports->n_idle--;
	free(held);
}

static int use(struct fs_tcp_ports *ports, struct held *held)
{
	struct address *address = held->address;

	if (held->users++)
		return held->port;
	list_del(&held->at);
	list_del(&held->idle_at);
	list_add(&address->busy, &held->at);
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

/* Ask for up to @tries of the @list; what was asked goes to its end. */
static struct held *pick(struct link *list, uint32_t tries, const struct asker *ask)
{
	while (tries--) {
		struct link *at = list->next;
		struct held *held = container_of(at, struct held, at);

		list_del(at);
		list_add(list, at);
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
	int fd = fs_tcp_reserve(address->family, address->ip, &port, near);
	int err = -EADDRINUSE;

	if (fd < 0)
		return fd;
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
	struct link *list = address->n_busy ? &address->busy : &address->idle;
	struct link *at = list->next;

	if (address->n_busy + address->n_idle < CROWD)
		return 0;
	list_del(at);
	list_add(list, at);
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

static int reserve_any(struct fs_tcp_ports *ports, struct address *address,
		       const struct asker *ask, struct held **out)
{
	int err = -EADDRINUSE, tries = RESERVE_TRIES;

	if (ports->host->now_ns < address->retry_ns)
		return address->retry_err;
	while (err == -EADDRINUSE && tries--)
		err = reserve_one(ports, address, 0, tries ? neighbourhood(address) : 0, ask, out);
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
	for (int i = FS_TCP_PORTS_FIRST; i <= FS_TCP_PORTS_LAST; i++) {
		uint16_t port = ports->next;

		ports->next = port == FS_TCP_PORTS_LAST ? FS_TCP_PORTS_FIRST : (uint16_t)(port + 1);
		if (find(address, port) || !ask->usable(ask->ctx, port))
			continue;
		*out = hold(ports, address, port, -1);
		return *out ? 0 : -ENOMEM;
	}
	return -EADDRNOTAVAIL;
}

static int take_any(struct fs_tcp_ports *ports, struct address *address, const struct asker *ask)
{
	struct held *held = pick(&address->idle, MIN(address->n_idle, TRIES), ask);
	int err;

	if (!held)
		held = pick(&address->busy, MIN(address->n_busy, TRIES), ask);
	if (held)
		return use(ports, held);
	err = ports->host->ops ? reserve_any(ports, address, ask, &held) :
				 number(ports, address, ask, &held);
	if (err && !(held = pick(&address->idle, address->n_idle, ask)))
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

int fs_tcp_ports_take(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t want, fs_tcp_port_usable_fn *usable, void *ctx)
{
	const struct asker ask = { usable, ctx };
	struct address *address = find_or_make_address(ports, family, ip);
	int ret;

	if (!address)
		return -ENOMEM;
	ret = want ? take_this(ports, address, want, &ask) : take_any(ports, address, &ask);
	if (ret < 0)
		drop_address_if_empty(ports, address);
	return ret;
}

void fs_tcp_ports_put(struct fs_tcp_ports *ports, uint8_t family, const uint8_t ip[16],
		      uint16_t port, uint64_t now_ns)
{
	struct address *address = *find_address(ports, family, ip);
	struct held *held = address ? find(address, port) : NULL;

	assert(held && held->users);
	if (--held->users)
		return;
	list_del(&held->at);
	list_add(&address->idle, &held->at);
	/* A retired one goes first. */
	list_add(held->retired ? ports->idle.next : &ports->idle, &held->idle_at);
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
	while (n < RELEASES && fs_tcp_ports_due(ports) <= now_ns) {
		release(ports, oldest(ports));
		n++;
	}
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
	list_init(&ports->idle);
	*out = ports;
	return 0;
}

void fs_tcp_ports_close(struct fs_tcp_ports *ports)
{
	if (!ports)
		return;
	while (ports->n_idle)
		release(ports, oldest(ports));
	for (size_t i = 0; i < BUCKETS; i++)
		assert(!ports->bucket[i]);
	free(ports);
}
