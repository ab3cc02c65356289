/* SPDX-License-Identifier: BSD-2-Clause */
/* xsk.c - see xsk.h. */
#include <check.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "xsk.h"

enum { FRAMES = 16, FRAME_BYTES = 2048, RING = 16 };

static void run(const char *command)
{
	int status = system(command);

	ck_assert_msg(status == 0, "%s: status %d", command, status);
}

uint32_t lab_open(unsigned int queues, int forward)
{
	char command[256];

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	snprintf(command, sizeof(command),
		 "ip link add bp-a numrxqueues %u numtxqueues %u type veth"
		 " peer name bp-b numrxqueues %u numtxqueues %u", queues, queues, queues, queues);
	run(command);
	run("ip link set lo up && ip link set bp-a up && ip link set bp-b up");
	run("ip address add 10.0.0.1/24 dev bp-a && ip address add fd00::1/64 dev bp-a nodad");
	snprintf(command, sizeof(command),
		 "sysctl -qw net.ipv4.conf.all.forwarding=%d net.ipv6.conf.all.forwarding=%d",
		 !!forward, !!forward);
	run(command);
	return if_nametoindex("bp-a");
}

int xsk_bind(uint32_t ifindex, uint32_t queue)
{
	struct xdp_umem_reg umem = { .len = FRAMES * FRAME_BYTES, .chunk_size = FRAME_BYTES };
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), ring = RING;

	ck_assert_int_ge(fd, 0);
	umem.addr = (uintptr_t)mmap(NULL, umem.len, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &ring, sizeof(ring)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &ring, sizeof(ring)),
			 0);
	ck_assert_int_eq(setsockopt(fd, SOL_XDP, XDP_RX_RING, &ring, sizeof(ring)), 0);
	ck_assert_msg(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind: errno %d",
		      errno);
	return fd;
}
