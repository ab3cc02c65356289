// SPDX-License-Identifier: BSD-2-Clause
/*
 * diag.c - the kernel's own word on AF_XDP sockets, by sock_diag: which queue,
 * zero-copy or not, and what was dropped for want of buffers.
 *
 * sock_diag names a socket by its inode; whose it is says /proc/PID/fd of the
 * processes that own a slot.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/xdp_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum {
	REPLY_MAX = 32768,
};

#ifndef AF_XDP
#define AF_XDP 44
#endif

/* The attributes of one socket, by XDP_DIAG_*. */
static void split(const struct nlmsghdr *msg, const struct rtattr *attrs[XDP_DIAG_MAX + 1])
{
	const struct xdp_diag_msg *head = NLMSG_DATA(msg);
	const struct rtattr *attr = (const void *)((const char *)head + NLMSG_ALIGN(sizeof(*head)));
	int len = (int)(msg->nlmsg_len - NLMSG_SPACE(sizeof(*head)));

	memset(attrs, 0, (XDP_DIAG_MAX + 1) * sizeof(*attrs));
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if (attr->rta_type <= XDP_DIAG_MAX)
			attrs[attr->rta_type] = attr;
}

static bool read_socket(const struct nlmsghdr *msg, uint32_t ifindex, struct fs_ctl_socket *out)
{
	const struct xdp_diag_msg *head = NLMSG_DATA(msg);
	const struct rtattr *attrs[XDP_DIAG_MAX + 1];
	struct xdp_diag_stats stats;
	struct xdp_diag_info info;
	struct xdp_diag_umem umem;

	split(msg, attrs);
	if (!attrs[XDP_DIAG_INFO])
		return false;
	memcpy(&info, RTA_DATA(attrs[XDP_DIAG_INFO]), sizeof(info));
	if (info.ifindex != ifindex)
		return false;
	*out = (struct fs_ctl_socket){
		.sz = sizeof(*out),
		.queue = info.queue_id,
		.inode = head->xdiag_ino,
	};
	if (attrs[XDP_DIAG_UMEM]) {
		memcpy(&umem, RTA_DATA(attrs[XDP_DIAG_UMEM]), sizeof(umem));
		out->zerocopy = umem.flags & XDP_DU_F_ZEROCOPY;
	}
	if (attrs[XDP_DIAG_STATS]) {
		memcpy(&stats, RTA_DATA(attrs[XDP_DIAG_STATS]), sizeof(stats));
		out->rx_dropped = stats.n_rx_dropped;
		out->rx_ring_full = stats.n_rx_full;
		out->rx_fill_empty = stats.n_fill_ring_empty;
		out->tx_invalid = stats.n_tx_invalid;
	}
	return true;
}

static bool has_socket(uint32_t pid, uint32_t inode)
{
	char path[64], link[64], wanted[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		link[len < 0 ? 0 : len] = '\0';
		found = !strcmp(link, wanted);
	}
	closedir(dir);
	return found;
}

struct owner {
	uint32_t inode, pid;
};

static int is_owner(void *ctx, const struct fs_ctl_slot *slot)
{
	struct owner *owner = ctx;

	if (!slot->alive || !has_socket(slot->pid, owner->inode))
		return 0;
	owner->pid = slot->pid;
	return 1;
}

/* All in one message, or several; nothing here is answered in parts. */
static int walk(struct fs_ctl *ctl, int fd, char *reply, fs_ctl_socket_fn *fn, void *ctx)
{
	for (;;) {
		ssize_t got = recv(fd, reply, REPLY_MAX, 0);
		const struct nlmsghdr *msg = (const void *)reply;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (unsigned int len = (unsigned int)got; NLMSG_OK(msg, len);
		     msg = NLMSG_NEXT(msg, len)) {
			struct fs_ctl_socket out;
			struct owner owner;
			int end;

			if (msg->nlmsg_type == NLMSG_DONE)
				return 0;
			if (msg->nlmsg_type == NLMSG_ERROR)
				return -EOPNOTSUPP;
			if (!read_socket(msg, ctl->info.ifindex, &out))
				continue;
			owner = (struct owner){ .inode = out.inode };
			fs_ctl_slot_each(ctl, is_owner, &owner);
			out.pid = owner.pid;
			end = fn(ctx, &out);
			if (end)
				return end;
		}
	}
}

int fs_ctl_socket_each(struct fs_ctl *ctl, fs_ctl_socket_fn *fn, void *ctx)
{
	struct {
		struct nlmsghdr head;
		struct xdp_diag_req req;
	} request = {
		.head = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = {
			.sdiag_family = AF_XDP,
			.xdiag_show = XDP_SHOW_INFO | XDP_SHOW_UMEM | XDP_SHOW_STATS,
		},
	};
	char *reply;
	int fd, err;

	if (!ctl->info.ifindex)
		return 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	reply = malloc(REPLY_MAX);
	if (!reply)
		err = -ENOMEM;
	else if (send(fd, &request, sizeof(request), 0) < 0)
		err = -errno;
	else
		err = walk(ctl, fd, reply, fn, ctx);
	free(reply);
	close(fd);
	return err;
}
