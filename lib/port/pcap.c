// SPDX-License-Identifier: BSD-2-Clause
/*
 * pcap.c - a pcapng writer (draft-ietf-opsawg-pcapng).
 *
 *	file: | section header | interface 0 | packet | interface 1 | packet | ...
 *
 * The buffer holds whole blocks only, and so does the file: a write that
 * fails in the middle (disk full) is cut off at the last whole block, what
 * was in the buffer is counted as lost, and the next flush tries again. On a
 * pipe nothing can be cut off: there the first failure is the last.
 *
 * Blocks are in host byte order, which the section header tells readers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fastsock/fastsock.h>

#include "port/pcap.h"

enum {
	BUFFER_SIZE = 256 << 10,
	NAME_MAX_LEN = 64,
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_IFACE = 1,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_ETHERNET = 1,
	OPT_END = 0,
	OPT_IF_NAME = 2,
	OPT_EPB_FLAGS = 2,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_TSRESOL = 9,
	/* type, length, iface, time, captured, original; flags, end; length */
	PACKET_OVERHEAD = 28 + 8 + 4 + 4,
};

struct fs_pcap {
	int fd;
	int error;		/* the first */
	bool dead;		/* a pipe that broke in the middle of a block */
	uint64_t file_len;	/* whole blocks in the file */
	uint64_t lost;
	uint64_t epoch_ns;
	uint32_t snap_len;
	uint32_t ifaces;
	uint32_t buffered;	/* packets in the buffer */
	size_t used;
	uint8_t buffer[BUFFER_SIZE];
};

/* --- the buffer ---------------------------------------------------------- */

static int write_all(struct fs_pcap *pcap)
{
	size_t done = 0;

	while (done < pcap->used) {
		ssize_t n = write(pcap->fd, pcap->buffer + done, pcap->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Back to the last whole block; if that cannot be, never write again. */
static void cut_off(struct fs_pcap *pcap)
{
	off_t end = (off_t)pcap->file_len;

	if (ftruncate(pcap->fd, end) || lseek(pcap->fd, end, SEEK_SET) != end)
		pcap->dead = true;
}

int fs_pcap_flush(struct fs_pcap *pcap)
{
	int err = 0;

	if (!pcap->used)
		return 0;
	if (pcap->dead)
		err = pcap->error;
	else
		err = write_all(pcap);
	if (!err) {
		pcap->file_len += pcap->used;
	} else {
		if (!pcap->error)
			pcap->error = err;
		if (!pcap->dead)
			cut_off(pcap);
		pcap->lost += pcap->buffered;
	}
	pcap->used = 0;
	pcap->buffered = 0;
	return err;
}

int fs_pcap_error(const struct fs_pcap *pcap, uint64_t *lost)
{
	if (lost)
		*lost = pcap->lost;
	return pcap->error;
}

/* The caller made room. */
static void put(struct fs_pcap *pcap, const void *data, size_t len)
{
	memcpy(pcap->buffer + pcap->used, data, len);
	pcap->used += len;
}

static void put16(struct fs_pcap *pcap, uint16_t value)
{
	put(pcap, &value, sizeof(value));
}

static void put32(struct fs_pcap *pcap, uint32_t value)
{
	put(pcap, &value, sizeof(value));
}

/* Every field of variable length ends on four bytes. */
static void pad(struct fs_pcap *pcap, size_t len)
{
	static const uint8_t zero[4];

	put(pcap, zero, -len & 3);
}

static void put_option(struct fs_pcap *pcap, uint16_t code, const void *data, uint16_t len)
{
	put16(pcap, code);
	put16(pcap, len);
	put(pcap, data, len);
	pad(pcap, len);
}

/* The length stands at both ends of a block. */
static size_t begin_block(struct fs_pcap *pcap, uint32_t type)
{
	size_t start = pcap->used;

	put32(pcap, type);
	put32(pcap, 0);
	return start;
}

static void end_block(struct fs_pcap *pcap, size_t start)
{
	uint32_t len = (uint32_t)(pcap->used - start) + 4;

	put32(pcap, len);
	memcpy(pcap->buffer + start + 4, &len, sizeof(len));
}

/* --- the blocks ---------------------------------------------------------- */

static void put_section(struct fs_pcap *pcap)
{
	static const char app[] = "libfastsock " FS_VERSION_STRING;
	size_t start = begin_block(pcap, BLOCK_SECTION);

	put32(pcap, BYTE_ORDER_MAGIC);
	put16(pcap, 1);		/* version 1.0 */
	put16(pcap, 0);
	put32(pcap, UINT32_MAX);	/* section length: unknown */
	put32(pcap, UINT32_MAX);
	put_option(pcap, OPT_SHB_USERAPPL, app, sizeof(app) - 1);
	put32(pcap, OPT_END);
	end_block(pcap, start);
}

uint32_t fs_pcap_iface(struct fs_pcap *pcap, const char *name)
{
	static const uint8_t nanoseconds = 9;
	size_t start;

	/* An interface that is missing would make every later packet wrong. */
	if (pcap->used + NAME_MAX_LEN + 64 > BUFFER_SIZE)
		fs_pcap_flush(pcap);
	start = begin_block(pcap, BLOCK_IFACE);
	put16(pcap, LINKTYPE_ETHERNET);
	put16(pcap, 0);
	put32(pcap, pcap->snap_len);
	put_option(pcap, OPT_IF_NAME, name, (uint16_t)strnlen(name, NAME_MAX_LEN));
	put_option(pcap, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(pcap, OPT_END);
	end_block(pcap, start);
	if (fs_pcap_flush(pcap))
		pcap->dead = true;
	return pcap->ifaces++;
}

void fs_pcap_write(struct fs_pcap *pcap, uint32_t iface, uint64_t now_ns,
		   const uint8_t *data, uint32_t len, enum fs_pcap_dir dir)
{
	uint32_t kept = pcap->snap_len ? MIN(len, pcap->snap_len) : len;
	uint64_t time_ns = now_ns + pcap->epoch_ns;
	uint32_t flags = dir;
	size_t start;

	if (pcap->dead || kept > BUFFER_SIZE - PACKET_OVERHEAD - 4) {
		pcap->lost++;
		return;
	}
	if (pcap->used + PACKET_OVERHEAD + kept + 4 > BUFFER_SIZE)
		fs_pcap_flush(pcap);
	start = begin_block(pcap, BLOCK_PACKET);
	put32(pcap, iface);
	put32(pcap, (uint32_t)(time_ns >> 32));
	put32(pcap, (uint32_t)time_ns);
	put32(pcap, kept);
	put32(pcap, len);
	put(pcap, data, kept);
	pad(pcap, kept);
	put_option(pcap, OPT_EPB_FLAGS, &flags, sizeof(flags));
	put32(pcap, OPT_END);
	end_block(pcap, start);
	pcap->buffered++;
}

int fs_pcap_open(struct fs_pcap **out, const char *path, const struct fs_pcap_opts *opts)
{
	struct fs_pcap *pcap = malloc(sizeof(*pcap));
	int err;

	if (!pcap)
		return -ENOMEM;
	memset(pcap, 0, offsetof(struct fs_pcap, buffer));
	pcap->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (pcap->fd < 0) {
		err = -errno;
		goto err_open;
	}
	if (opts) {
		pcap->epoch_ns = opts->epoch_ns;
		pcap->snap_len = opts->snap_len;
	}
	put_section(pcap);
	err = fs_pcap_flush(pcap);
	if (err)
		goto err_write;
	*out = pcap;
	return 0;

err_write:
	close(pcap->fd);
err_open:
	free(pcap);
	return err;
}

int fs_pcap_close(struct fs_pcap *pcap)
{
	int err;

	if (!pcap)
		return 0;
	fs_pcap_flush(pcap);
	err = pcap->error;
	/* Network file systems tell of a full disk here. */
	if (close(pcap->fd) && !err)
		err = -errno;
	free(pcap);
	return err;
}
