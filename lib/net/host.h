/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what the protocols (floor 4) get from the stack that runs them,
 * and what they give back: frames to transmit and endpoints with news.
 *
 * The stack embeds one struct fs_host and fills it in; protocols see nothing
 * else of the stack. No lock, no clock: now_ns is set by whoever runs it.
 *
 *	protocol --fs_host_emit()--> txq[port] --stack flush--> port
 *	protocol --fs_host_ready()--> ready list --stack--> events
 */
#ifndef FS_NET_HOST_H
#define FS_NET_HOST_H

#include <fastsock/stack.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "mem/pool.h"
#include "net/net.h"
#include "port/port.h"
#include "timer/wheel.h"
#include "wire/frame.h"

enum {
	FS_HOST_PORTS_MAX = 64,
	/* The headers we write: Ethernet, IPv6, TCP with all its options. */
	FS_HOST_HEADERS_MAX = 14 + 40 + 60,
};

struct fs_host;

/* What may take a privilege to do to a TCP socket. */
enum fs_host_asked {
	FS_HOST_REPAIR,		/* TCP_REPAIR, to @value */
	FS_HOST_DEAFEN,		/* a filter that drops everything; @value 0: not any more */
	FS_HOST_BIND,		/* to @addr */
	FS_HOST_SNDBUF,		/* SO_SNDBUFFORCE, SO_RCVBUFFORCE, to @value */
	FS_HOST_RCVBUF,
};

struct fs_host_ask {
	enum fs_host_asked what;
	int value;
	socklen_t addr_len;
	struct sockaddr_storage addr;
};

/* A descriptor that the stack sleeps on; @fn runs when it is ready. */
struct fs_watch {
	void (*fn)(struct fs_watch *watch);
	int fd;
	uint32_t events;	/* EPOLL*; 0: EPOLLIN, as long as there is something to read */
	uint32_t got;		/* of these, for @fn */
};

/* What an endpoint has to tell; one event of the public door for each. */
enum fs_news {
	FS_NEWS_CONNECTED = 1 << 0,
	FS_NEWS_ACCEPT = 1 << 1,
	FS_NEWS_READABLE = 1 << 2,
	FS_NEWS_WRITABLE = 1 << 3,
};

/* An endpoint on the list of those with news for the application. */
struct fs_ready {
	struct fs_ready *next;
	void *endpoint;
	void *user;
	int error;
	bool queued;
	uint8_t news;		/* of enum fs_news */
};

/* Frames waiting for room in a port's ring, in order. */
struct fs_txq {
	struct fs_port *port;
	struct fs_buf *head;
	struct fs_buf *tail;
	uint32_t pkts;
	bool kick;		/* the port has frames that it was not told to send */
};

struct fs_host_flow {
	uint8_t family;
	uint8_t proto;
	uint16_t port;
	uint8_t ip[16];
	bool reserved;		/* nobody else can have had this TCP port: it is not shared */
};

/* The world outside; NULL on a simulated wire. */
struct fs_host_ops {
	/* Steer the flow to this stack on each of its interfaces; -errno. */
	int (*claim)(struct fs_host *host, const struct fs_host_flow *flow);
	void (*unclaim)(struct fs_host *host, const struct fs_host_flow *flow);
	/* The kernel is about to have a TCP connection with this local end: what steers
	 * it leaves alone what is the kernel's from now on; -errno. */
	int (*share)(struct fs_host *host, const struct fs_host_flow *flow);
	/* Does it have any of this port, whatever the family? 1: perhaps; 0: none, and for
	 * these flows the program looks no more. */
	int (*settle)(struct fs_host *host, const struct fs_host_flow *flows, int n);
	/* Nobody listens there any more, and what there is goes on: new connections are for
	 * another process, or the kernel. Or somebody does again. */
	void (*retire)(struct fs_host *host, const struct fs_host_flow *flow, bool retired);
	/* Many of them follow, or have: may be NULL, and may do nothing. */
	void (*claim_many)(struct fs_host *host, bool begin);
	int (*watch)(struct fs_host *host, struct fs_watch *watch);
	void (*unwatch)(struct fs_host *host, struct fs_watch *watch);
	/* These frames are the port's now; still readable, for a recorder. */
	void (*sent)(struct fs_host *host, const struct fs_port *port,
		     struct fs_buf *const *bufs, unsigned int n);
};

struct fs_host {
	const struct fs_host_ops *ops;
	/* A number out of the application's way for what was just opened; NULL: any will do. */
	int (*aside)(int fd);
	/* Somebody does it who may, when this process may not; -errno. NULL: nobody. */
	int (*deputy)(int fd, const struct fs_host_ask *ask);
	struct fs_pool *pool;
	struct fs_net *net;
	struct fs_logger log;
	uint64_t now_ns;
	struct fs_timer_wheel wheel;
	uint64_t seed;
	enum fs_csum_mode csum_mode;
	uint32_t txq_limit;	/* frames queued for one port before -EAGAIN */
	unsigned int n_ports;
	struct fs_txq txq[FS_HOST_PORTS_MAX];
	struct fs_ready *ready_head;
	struct fs_ready **ready_tail;
	struct fs_stack_stats stats;
	uint8_t *scratch;	/* 64 KiB, for what comes from the kernel */
	/* The last address found to be ours, and the mirror it was found in. */
	const struct fs_nl_mirror *mirror;
	uint64_t local_generation;
	uint8_t local_family;
	uint8_t local_ip[16];
};

/* For a descriptor that stays open, or -errno: what it is from now on. */
static inline int fs_host_aside(const struct fs_host *host, int fd)
{
	return host->aside && fd >= 0 ? host->aside(fd) : fd;
}

/* The port that a frame for @ifindex goes out by; -1: none of ours. */
static inline int fs_host_port_for(const struct fs_host *host, uint32_t ifindex, uint8_t hint)
{
	if (likely(hint < host->n_ports && host->txq[hint].port->ifindex == ifindex))
		return hint;
	for (unsigned int i = 0; i < host->n_ports; i++)
		if (host->txq[i].port->ifindex == ifindex)
			return (int)i;
	return -1;
}

/* Is @ip (unused bytes zero) an address of this host? */
static inline bool fs_host_is_local(struct fs_host *host, uint8_t family, const uint8_t ip[16])
{
	if (likely(host->local_generation == host->mirror->generation &&
		   host->local_family == family && !memcmp(host->local_ip, ip, 16)))
		return true;
	if (!fs_net_is_local(host->net, family, ip))
		return false;
	host->local_generation = host->mirror->generation;
	host->local_family = family;
	memcpy(host->local_ip, ip, 16);
	return true;
}

/* Has the frame left? Its port may not have looked since: now it does. */
static inline bool fs_host_has_left(const struct fs_host *host, const struct fs_buf *buf)
{
	struct fs_port *port;

	if (buf->holders > 1 && buf->port < host->n_ports) {
		port = host->txq[buf->port].port;
		if (port->ops->reclaim)
			port->ops->reclaim(port);
	}
	return buf->holders == 1;
}

static inline bool fs_host_has_room(const struct fs_host *host, int port)
{
	return host->txq[port].pkts < host->txq_limit;
}

/* A finished frame, state TX or UNACKED, for the stack's next flush. */
static inline void fs_host_emit(struct fs_host *host, int port, struct fs_buf *buf)
{
	struct fs_txq *q = &host->txq[port];

	buf->next = NULL;
	if (q->tail)
		q->tail->next = buf;
	else
		q->head = buf;
	q->tail = buf;
	q->pkts++;
}

static inline void fs_host_ready(struct fs_host *host, struct fs_ready *ready)
{
	if (ready->queued)
		return;
	ready->queued = true;
	ready->next = NULL;
	*host->ready_tail = ready;
	host->ready_tail = &ready->next;
}

/*
 * Is this checksum good enough? @partial_ok: a virtual link, where a local
 * sender may have left it to hardware that does not exist.
 */
static inline bool fs_host_csum_ok(struct fs_host *host, struct fs_buf *buf,
				   enum fs_csum_verdict verdict, bool partial_ok)
{
	if (likely(verdict == FS_CSUM_GOOD))
		return true;
	if (verdict != FS_CSUM_PARTIAL || host->csum_mode == FS_CSUM_VERIFY ||
	    (host->csum_mode == FS_CSUM_AUTO && !partial_ok))
		return false;
	host->stats.rx_csum_partial++;
	buf->flags |= FS_BUF_CSUM_PARTIAL;
	return true;
}

/* For an endpoint that goes away. */
void fs_host_unready(struct fs_host *host, struct fs_ready *ready);

#endif
