// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel_echo - the same services through kernel sockets: what the fast path is
 * compared with.
 *
 *	kernel_echo [-p PORT] [--spin] [--batch N] [--kv KEY=VALUE]
 *	kernel_echo --tcp [-p PORT] [--spin]
 *
 * Echo, or with --kv GET of the one key. It takes and sends up to N packets by
 * one call (recvmmsg, sendmmsg), 64 if not told otherwise; with --batch 1 by
 * recvfrom and sendto, as most servers do. Without --spin it blocks until a
 * packet comes.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/kernel_tcp.h"
#include "bpf/fs_abi.h"

enum {
	BATCH_MAX = 64,
	BYTES_MAX = 2048,
};

static struct {
	struct mmsghdr msgs[BATCH_MAX];
	struct iovec iovs[BATCH_MAX];
	struct sockaddr_in peers[BATCH_MAX];
	char bytes[BATCH_MAX][BYTES_MAX];
} batch;

struct entry {
	const char *key, *value;
	size_t key_len, value_len;
};

/* The request becomes its reply in place. Returns its length, 0: no reply. */
static size_t answer(const struct entry *entry, char *bytes, size_t len)
{
	struct fs_kv_hdr *hdr = (struct fs_kv_hdr *)bytes;
	size_t key_len = len < sizeof(*hdr) ? 0 : ntohs(hdr->key_len);
	size_t want = sizeof(*hdr) + entry->key_len;

	if (len < sizeof(*hdr) + key_len || hdr->magic != FS_KV_MAGIC ||
	    hdr->version != FS_KV_VERSION || hdr->op != FS_KV_GET)
		return 0;
	hdr->op |= FS_KV_REPLY;
	hdr->value_len = 0;
	if (key_len != entry->key_len || memcmp(hdr + 1, entry->key, key_len)) {
		hdr->status = FS_KV_NOT_FOUND;
		return sizeof(*hdr) + key_len;
	}
	hdr->value_len = htons((uint16_t)entry->value_len);
	if (len < want + entry->value_len) {
		hdr->status = FS_KV_SHORT;
		return want;
	}
	hdr->status = FS_KV_OK;
	memcpy(bytes + want, entry->value, entry->value_len);
	return want + entry->value_len;
}

static void send_all(int fd, unsigned int n)
{
	struct mmsghdr *msgs = batch.msgs;

	while (n) {
		int sent = sendmmsg(fd, msgs, n, 0);

		if (sent <= 0)		/* this one cannot go: drop it, go on */
			sent = 1;
		msgs += sent;
		n -= (unsigned int)sent;
	}
}

/* Only what the last round used is set up again. */
static void set_up(int n)
{
	for (int i = 0; i < n; i++) {
		batch.iovs[i] = (struct iovec){ batch.bytes[i], BYTES_MAX };
		batch.msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &batch.peers[i],
			.msg_namelen = sizeof(batch.peers[i]),
			.msg_iov = &batch.iovs[i],
			.msg_iovlen = 1,
		};
	}
}

static void serve_batches(int fd, bool spin, const struct entry *entry, unsigned int limit)
{
	set_up(BATCH_MAX);
	for (;;) {
		unsigned int replies = 0;
		int n;

		do {
			n = recvmmsg(fd, batch.msgs, limit, spin ? MSG_DONTWAIT : MSG_WAITFORONE,
				     NULL);
		} while (n <= 0);
		for (int i = 0; i < n; i++) {
			size_t len = batch.msgs[i].msg_len;

			if (entry)
				len = answer(entry, batch.bytes[i], len);
			if (entry && !len)
				continue;
			batch.iovs[i].iov_len = len;
			batch.msgs[replies++].msg_hdr = batch.msgs[i].msg_hdr;
		}
		send_all(fd, replies);
		set_up(n);
	}
}

static void serve_each(int fd, bool spin, const struct entry *entry)
{
	char bytes[BYTES_MAX];

	for (;;) {
		struct sockaddr_in peer;
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(fd, bytes, sizeof(bytes), spin ? MSG_DONTWAIT : 0,
				     (struct sockaddr *)&peer, &peer_len);

		if (n > 0 && entry)
			n = (ssize_t)answer(entry, bytes, (size_t)n);
		if (n > 0)
			sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&peer, peer_len);
	}
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "spin", no_argument, NULL, 's' },
		{ "batch", required_argument, NULL, 'b' },
		{ "kv", required_argument, NULL, 'k' },
		{ "tcp", no_argument, NULL, 't' },
		{ 0 },
	};
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(7) };
	struct entry entry = { 0 };
	unsigned int limit = BATCH_MAX;
	bool spin = false, tcp = false;
	char *value;
	int opt, fd;

	while ((opt = getopt_long(argc, argv, "p:", longopts, NULL)) != -1) {
		if (opt == 'p') {
			addr.sin_port = htons((uint16_t)atoi(optarg));
		} else if (opt == 's') {
			spin = true;
		} else if (opt == 't') {
			tcp = true;
		} else if (opt == 'b' && atoi(optarg) > 0 && atoi(optarg) <= BATCH_MAX) {
			limit = (unsigned int)atoi(optarg);
		} else if (opt == 'k' && (value = strchr(optarg, '='))) {
			*value++ = 0;
			entry = (struct entry){ optarg, value, strlen(optarg), strlen(value) };
			if (entry.value_len > FS_KV_VALUE_MAX)
				errx(2, "the value is longer than %d bytes", FS_KV_VALUE_MAX);
		} else {
			errx(2, "usage: kernel_echo [-p PORT] [--spin] [--batch N] "
				"[--kv KEY=VALUE] [--tcp]");
		}
	}
	if (tcp)
		serve_tcp(ntohs(addr.sin_port), spin);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "UDP port %u", ntohs(addr.sin_port));
	printf("kernel_echo: port %u\n", ntohs(addr.sin_port));
	fflush(stdout);
	if (limit == 1)
		serve_each(fd, spin, entry.key ? &entry : NULL);
	else
		serve_batches(fd, spin, entry.key ? &entry : NULL, limit);
}
