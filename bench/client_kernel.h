/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_kernel.h - the load generator on a connected kernel UDP socket.
 */
#ifndef FS_BENCH_CLIENT_KERNEL_H
#define FS_BENCH_CLIENT_KERNEL_H

#include <errno.h>
#include <sys/socket.h>

#include "bench/client.h"

struct kernel_batch {
	struct mmsghdr msgs[CLIENT_BATCH];
	struct iovec iovs[CLIENT_BATCH];
	uint8_t bytes[CLIENT_BATCH][2048];
};

static struct {
	const struct request *request;
	int fd, flags;
	unsigned int batch_len;
	struct kernel_batch tx, rx;
} kernel;

static void kernel_batch_init(struct kernel_batch *b, size_t len)
{
	for (int i = 0; i < CLIENT_BATCH; i++) {
		b->iovs[i] = (struct iovec){ b->bytes[i], len };
		b->msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &b->iovs[i], .msg_iovlen = 1 };
	}
}

static void kernel_open(const struct client_opts *o)
{
	const struct timeval timeout = { .tv_usec = CLIENT_SLEEP_MS * 1000 };
	const int buffer = 4 << 20;

	kernel.request = o->request;
	kernel.flags = o->spin ? MSG_DONTWAIT : MSG_WAITFORONE;
	kernel.batch_len = o->window < CLIENT_BATCH ? o->window : CLIENT_BATCH;
	kernel.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (kernel.fd < 0)
		err(1, "socket");
	setsockopt(kernel.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	if (setsockopt(kernel.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    connect(kernel.fd, (const struct sockaddr *)&o->server, sizeof(o->server)))
		err(1, "connect");
	kernel_batch_init(&kernel.tx, o->request->len);
	kernel_batch_init(&kernel.rx, sizeof(kernel.rx.bytes[0]));
	for (int i = 0; i < CLIENT_BATCH; i++)
		memcpy(kernel.tx.bytes[i], o->request->bytes, o->request->len);
}

static void kernel_send(const uint32_t *ids, unsigned int n)
{
	while (n) {
		unsigned int batch = n < CLIENT_BATCH ? n : CLIENT_BATCH, done = 0;

		for (unsigned int i = 0; i < batch; i++)
			request_put_id(kernel.request, kernel.tx.bytes[i], ids[i]);
		while (done < batch) {
			int sent = sendmmsg(kernel.fd, kernel.tx.msgs + done, batch - done, 0);

			if (sent < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
				err(1, "send");
			done += sent > 0 ? (unsigned int)sent : 1;
		}
		ids += batch;
		n -= batch;
	}
}

static unsigned int kernel_recv(struct client_reply *replies)
{
	int n = recvmmsg(kernel.fd, kernel.rx.msgs, kernel.batch_len, kernel.flags, NULL);

	if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
		err(1, "recv");
	for (int i = 0; i < n; i++)
		replies[i] = (struct client_reply){ kernel.rx.bytes[i], kernel.rx.msgs[i].msg_len };
	return n < 0 ? 0 : (unsigned int)n;
}

static void kernel_done(void)
{
}

static const struct client_ops kernel_client = {
	"kernel", kernel_open, kernel_send, kernel_recv, kernel_done,
};

#endif
