// SPDX-License-Identifier: BSD-2-Clause
/*
 * kv_net.c - a key-value client (doc/kv-wire.md) on an ordinary UDP socket.
 *
 * A request carries room for the reply, which is never longer. It is repeated
 * with doubled timeouts, and asked again with more room when it was short.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fastsock/bpf/fs_abi.h>

#include "cmd.h"

enum {
	ROOM_FIRST = 64,
	TRIES = 6,
	TIMEOUT_MS = 100,
	DATAGRAM_MAX = sizeof(struct fs_kv_hdr) + FS_KV_KEY_MAX + FS_KV_VALUE_MAX,
};

struct request {
	uint8_t op;
	const char *key, *value;
	size_t key_len, value_len;
	size_t room;
};

struct reply {
	uint8_t status;
	uint16_t value_len;
	uint8_t value[FS_KV_VALUE_MAX];
};

/* "host:port" or "[v6]:port"; names are resolved. */
static int open_socket(const char *where)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found, *at;
	char host[256], *port, *end;
	long number;
	int fd = -1, err;

	snprintf(host, sizeof(host), "%s", *where == '[' ? where + 1 : where);
	port = strrchr(host, ':');
	if (!port || (*where == '[' && (port == host || port[-1] != ']'))) {
		cmd_fail(0, "\"%s\" has no port; write 192.0.2.1:9000 or [2001:db8::1]:9000", where);
		return -1;
	}
	port[*where == '[' ? -1 : 0] = '\0';
	/* getaddrinfo() takes 99999 for 34463. */
	number = strtol(port + 1, &end, 10);
	if (!*end && (number < 1 || number > UINT16_MAX)) {
		cmd_fail(0, "\"%s\": %s is no port", where, port + 1);
		return -1;
	}
	err = getaddrinfo(host, port + 1, &hints, &found);
	if (err) {
		cmd_fail(0, "%s: %s", where, gai_strerror(err));
		return -1;
	}
	for (at = found; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		cmd_fail(-errno, "%s", where);
	freeaddrinfo(found);
	return fd;
}

static size_t encode(uint8_t *out, const struct request *request, uint32_t id)
{
	struct fs_kv_hdr head = {
		.magic = FS_KV_MAGIC,
		.version = FS_KV_VERSION,
		.op = request->op,
		.id = id,
		.key_len = htons((uint16_t)request->key_len),
		.value_len = htons((uint16_t)request->value_len),
	};
	size_t len = sizeof(head);

	memset(out, 0, DATAGRAM_MAX);
	memcpy(out, &head, sizeof(head));
	memcpy(out + len, request->key, request->key_len);
	len += request->key_len;
	if (request->value_len)
		memcpy(out + len, request->value, request->value_len);
	return len + (request->value_len ? request->value_len : request->room);
}

/* Is it the reply to that request? Keys are compared, too: ids may recur. */
static bool decode(struct reply *reply, const uint8_t *in, size_t len,
		   const struct request *request, uint32_t id)
{
	struct fs_kv_hdr head;
	size_t key_len;

	if (len < sizeof(head))
		return false;
	memcpy(&head, in, sizeof(head));
	key_len = ntohs(head.key_len);
	if (head.magic != FS_KV_MAGIC || head.op != (request->op | FS_KV_REPLY) || head.id != id)
		return false;
	reply->status = head.status;
	reply->value_len = ntohs(head.value_len);
	if (head.status == FS_KV_BAD)
		return true;
	if (key_len != request->key_len || len < sizeof(head) + key_len ||
	    memcmp(in + sizeof(head), request->key, key_len) != 0)
		return false;
	if (head.status != FS_KV_OK)
		return true;
	if (reply->value_len > FS_KV_VALUE_MAX || len < sizeof(head) + key_len + reply->value_len)
		return false;
	memcpy(reply->value, in + sizeof(head) + key_len, reply->value_len);
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -ETIMEDOUT when the time is over, -ECONNREFUSED when the host says so. */
static int await(int fd, struct reply *reply, const struct request *request, uint32_t id,
		 int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		uint8_t in[DATAGRAM_MAX];
		ssize_t got;

		if (left < 0 || poll(&poll_fd, 1, (int)left) == 0)
			return -ETIMEDOUT;
		got = recv(fd, in, sizeof(in), MSG_DONTWAIT);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got > 0 && decode(reply, in, (size_t)got, request, id))
			return 0;
	}
}

static int ask(int fd, struct request *request, struct reply *reply)
{
	uint8_t out[DATAGRAM_MAX];
	int err = -ETIMEDOUT, timeout_ms = TIMEOUT_MS;

	for (int i = 0; i < TRIES; i++, timeout_ms *= 2) {
		uint32_t id;

		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			return -EIO;
		/* A refusal of an earlier datagram is reported here. */
		if (send(fd, out, encode(out, request, id), 0) < 0 && errno != ECONNREFUSED)
			return -errno;
		err = await(fd, reply, request, id, timeout_ms);
		if (err == -ETIMEDOUT)
			continue;
		if (err || reply->status != FS_KV_SHORT)
			return err;
		request->room = reply->value_len;
		if (request->room > FS_KV_VALUE_MAX)
			return -EPROTO;
	}
	return err;
}

static int report(const struct request *request, const struct reply *reply, const char *where)
{
	switch (reply->status) {
	case FS_KV_OK:
		if (request->op == FS_KV_PING)
			printf("%s answers\n", where);
		if (request->op == FS_KV_GET) {
			fwrite(reply->value, 1, reply->value_len, stdout);
			putchar('\n');
		}
		return EXIT_OK;
	case FS_KV_NOT_FOUND:
		return cmd_fail(0, "%s has no key %s", where, request->key);
	default:
		return cmd_fail(0, "%s did not understand the request (status %u)", where, reply->status);
	}
}

static bool read_request(struct request *request, int argc, char **argv)
{
	static const char *const ops[] = { "ping", "get", "set", "del" };

	*request = (struct request){ .key = argc > 2 ? argv[2] : "" };
	while (strcmp(argv[0], ops[request->op]) != 0)
		request->op++;
	request->key_len = strlen(request->key);
	if (request->op == FS_KV_GET)
		request->room = ROOM_FIRST;
	if (argc > 3) {
		request->value = argv[3];
		request->value_len = strlen(argv[3]);
	}
	if (request->key_len <= FS_KV_KEY_MAX && request->value_len <= FS_KV_VALUE_MAX &&
	    (request->key_len || request->op == FS_KV_PING))
		return true;
	cmd_fail(0, "a key has 1 to %d bytes, a value up to %d", FS_KV_KEY_MAX, FS_KV_VALUE_MAX);
	return false;
}

int kv_net(int argc, char **argv)
{
	struct request request;
	struct reply reply;
	int fd, err;

	if (!read_request(&request, argc, argv))
		return EXIT_FAILED;
	fd = open_socket(argv[1]);
	if (fd < 0)
		return EXIT_FAILED;
	err = ask(fd, &request, &reply);
	close(fd);
	if (err == -ETIMEDOUT)
		return cmd_fail(0, "%s does not answer", argv[1]);
	if (err == -ECONNREFUSED)
		return cmd_fail(0, "%s: nobody listens on that port, and XDP did not answer: the key is not "
				"published, or `fastsock status` there says why", argv[1]);
	return err ? cmd_fail(err, "%s", argv[1]) : report(&request, &reply, argv[1]);
}
