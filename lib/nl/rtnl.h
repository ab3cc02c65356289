/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnl.h - keeps a mirror equal to the kernel's tables, over rtnetlink.
 *
 * Two sockets: one subscribed to events, and one for questions, so that an
 * answer is never mistaken for an event. Nothing here waits for anybody but
 * the kernel.
 */
#ifndef FS_NL_RTNL_H
#define FS_NL_RTNL_H

#include "base/log.h"
#include "nl/mirror.h"

struct fs_nl;

/*
 * fs_nl_open - subscribe, then copy everything.
 *
 * @log may be NULL; it is copied. Needs no privilege. 0 or -errno, said in a sentence.
 */
int fs_nl_open(struct fs_nl **out, const struct fs_logger *log);
void fs_nl_close(struct fs_nl *nl);

struct fs_nl_mirror *fs_nl_mirror_of(struct fs_nl *nl);
/* Polls readable when fs_nl_process() has something to do. */
int fs_nl_fd(const struct fs_nl *nl);

/*
 * fs_nl_process - apply the events that have come.
 *
 * Does not wait for events. After an overrun, and after changes that the
 * kernel makes without an event for each (IPv4 routes that go with a link or
 * an address), it copies the tables anew, which takes as long as the dump.
 *
 * Returns the number of changes to the mirror, or -errno of a copy that
 * failed: the mirror is then as it was, and the next call tries again.
 */
int fs_nl_process(struct fs_nl *nl);

/*
 * fs_nl_neigh_probe - have the kernel resolve or verify a neighbour.
 *
 * RTM_NEWNEIGH with NTF_USE; the answer comes as an event. Needs
 * CAP_NET_ADMIN. Returns 0, or the kernel's -errno (-EPERM, -ENODEV,
 * -ENETDOWN, -ENOBUFS).
 */
int fs_nl_neigh_probe(struct fs_nl *nl, uint32_t ifindex, uint8_t family,
		      const uint8_t ip[16]);

/*
 * fs_nl_route_get - ask the kernel for the route, with its policy rules,
 * path MTU and source address (in prefsrc). Two system calls.
 *
 * Returns 0, or -errno as connect() would give it (-ENETUNREACH, -EACCES...).
 */
int fs_nl_route_get(struct fs_nl *nl, const struct fs_nl_route_query *query,
		    struct fs_nl_route *out);

#endif
