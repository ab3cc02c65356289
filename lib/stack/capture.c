// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture.c - what the stack transmits, for `fastsock capture`.
 *
 * The steering program records what it sees; frames that a stack sends by
 * AF_XDP pass neither it nor tcpdump. While the interface's configuration
 * says that somebody records, each goes as a datagram to the recorder's
 * abstract socket (bpf/fs_abi.h). Otherwise this costs a load per burst.
 * A recorder that is too slow misses packets; the stack never waits for it.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stack/world.h"
#include "steer/recorder.h"

void fs_stack_capture_open(struct fs_iface *iface)
{
	int fd = fs_steer_map(iface->steer, FS_MAP_CONFIG);
	void *page = fd < 0 ? MAP_FAILED :
		mmap(NULL, sizeof(struct fs_config), PROT_READ, MAP_SHARED, fd, 0);

	iface->config = page == MAP_FAILED ? NULL : page;
	iface->capture_fd = -1;
}

void fs_stack_capture_close(struct fs_iface *iface)
{
	if (iface->config)
		munmap((void *)iface->config, sizeof(struct fs_config));
	if (iface->capture_fd >= 0)
		close(iface->capture_fd);
	iface->config = NULL;
	iface->capture_fd = -1;
}

static struct fs_iface *iface_of(struct fs_world *world, uint32_t ifindex)
{
	for (unsigned int i = 0; i < world->n_ifaces; i++)
		if (world->ifaces[i].ifindex == ifindex)
			return &world->ifaces[i];
	return NULL;
}

static void send_copy(const struct fs_iface *iface, const struct fs_port *port,
		      const struct fs_buf *buf, uint64_t now_ns)
{
	struct sockaddr_un to;
	struct fs_capture head = {
		.time_ns = now_ns,
		.len = buf->len,
		.queue = port->queue,
		.dir = FS_CAPTURE_OUT,
	};
	struct iovec iov[] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = buf->data, .iov_len = buf->len },
	};
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = fs_steer_recorder_address(&to, port->ifindex),
		.msg_iov = iov,
		.msg_iovlen = 2,
	};

	sendmsg(iface->capture_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void fs_stack_capture_sent(struct fs_host *host, const struct fs_port *port,
			   struct fs_buf *const *bufs, unsigned int n)
{
	struct fs_world *world = container_of(host, struct fs_stack, host)->world;
	struct fs_iface *iface = iface_of(world, port->ifindex);

	if (likely(!iface || !iface->config ||
		   !(__atomic_load_n(&iface->config->flags, __ATOMIC_RELAXED) &
		     FS_CONFIG_F_CAPTURE)))
		return;
	if (iface->capture_fd < 0)
		iface->capture_fd = fs_host_aside(host, socket(AF_UNIX,
							       SOCK_DGRAM | SOCK_CLOEXEC, 0));
	for (unsigned int i = 0; i < n; i++)
		send_copy(iface, port, bufs[i], host->now_ns);
}
