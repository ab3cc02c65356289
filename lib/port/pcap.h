/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap.h - frames into a pcapng file, and a port that records itself.
 *
 * Any tool reads it: tcpdump -r, tshark, wireshark. Each interface has its
 * name, each packet its direction and a timestamp in nanoseconds, which
 * comes from outside like all time. Writing is buffered, and blocks as
 * writing to a file does.
 */
#ifndef FS_PORT_PCAP_H
#define FS_PORT_PCAP_H

#include "port/port.h"

struct fs_pcap;

enum fs_pcap_dir {
	FS_PCAP_UNKNOWN = 0,
	FS_PCAP_IN = 1,
	FS_PCAP_OUT = 2,
};

struct fs_pcap_opts {
	/* Added to each timestamp: the real time at which the clock was 0. */
	uint64_t epoch_ns;
	uint32_t snap_len;	/* bytes kept of a frame; 0: all */
};

/*
 * Creates or truncates @path; a FIFO will do. NULL @opts: defaults.
 * 0, or -errno of open() and write(), -ENOMEM.
 */
int fs_pcap_open(struct fs_pcap **out, const char *path, const struct fs_pcap_opts *opts);

/*
 * Writes what is buffered and closes. Returns what fs_pcap_error() would: a
 * full disk often shows at the end only. NULL is fine, and 0.
 */
int fs_pcap_close(struct fs_pcap *pcap);

/* A new interface in the file: its number, to be named in each write. */
uint32_t fs_pcap_iface(struct fs_pcap *pcap, const char *name);

void fs_pcap_write(struct fs_pcap *pcap, uint32_t iface, uint64_t now_ns,
		   const uint8_t *data, uint32_t len, enum fs_pcap_dir dir);

/* What was written becomes visible to readers. For a moment of rest. */
int fs_pcap_flush(struct fs_pcap *pcap);

/*
 * 0, or the first -errno that writing met. The file stays valid: packets that
 * found no room are missing as a whole, and @lost (if wanted) counts them.
 */
int fs_pcap_error(const struct fs_pcap *pcap, uint64_t *lost);

/*
 * tap.c: a port that records every frame of @inner as interface @name, at *@now_ns.
 * Takes over @inner, which closes with it; @pcap stays the caller's and may
 * serve several ports. 0, or -ENOMEM and @inner stays the caller's.
 */
int fs_port_tap_open(struct fs_port **out, struct fs_port *inner, struct fs_pcap *pcap,
		     const char *name, const uint64_t *now_ns);

#endif
