// SPDX-License-Identifier: BSD-2-Clause
/*
 * Spoilt frames through the parsers, each in a block of memory of exactly its
 * size, so that the sanitizer sees the first byte too many. What a parser
 * accepts must lie inside the frame, and a TCP segment must build to itself.
 */
#include "tests/lib/fuzz.h"
#include "tests/lib/mutate.h"
#include "tests/lib/tcp_wire.h"
#include "wire/icmp.h"
#include "wire/udp.h"

static bool parse_tcp(const uint8_t *frame, const struct fs_wire_frame *f)
{
	struct fs_wire_tcp tcp;

	if (fs_wire_tcp_parse(frame, f, &tcp) != FS_WIRE_OK)
		return true;
	fs_wire_tcp_csum(frame, f);
	return tcp_wire_sane(&tcp, f->l4_off, f->l4_off + (uint32_t)f->l4_len);
}

static bool parse_one(const uint8_t *frame, uint32_t len)
{
	struct fs_wire_icmp_error error;
	struct fs_wire_frame f;
	struct fs_wire_udp udp;

	if (fs_wire_parse(frame, len, &f) != FS_WIRE_OK)
		return true;
	if (f.l3_off < FS_ETH_LEN || f.l4_off < f.l3_off + FS_IP4_LEN ||
	    f.l4_off + (uint32_t)f.l4_len > len || (f.addr_len != 4 && f.addr_len != 16) ||
	    f.src < frame + f.l3_off || f.dst + f.addr_len > frame + f.l4_off)
		return false;
	if (f.proto == FS_IPPROTO_ICMP || f.proto == FS_IPPROTO_ICMP6)
		fs_wire_icmp_parse(frame, &f, &error);
	if (f.proto == FS_IPPROTO_TCP)
		return parse_tcp(frame, &f);
	if (f.proto != FS_IPPROTO_UDP || fs_wire_udp_parse(frame, &f, &udp) != FS_WIRE_OK)
		return true;
	fs_wire_udp_csum(frame, &f, &udp);
	return udp.payload_off + (uint32_t)udp.payload_len <= len;
}

int main(int argc, char **argv)
{
	static struct mutate_frame seeds[MUTATE_SEEDS_MAX], spoilt;
	struct fuzz_args args = fuzz_args(argv);
	struct fs_random random = { args.seed };
	unsigned int n = mutate_seeds(seeds), failed = 0;

	(void)argc;
	for (uint64_t i = 0; i < args.rounds; i++) {
		uint8_t *exact;

		mutate(&spoilt, seeds, n, &random);
		exact = malloc(spoilt.len);
		must(exact);
		memcpy(exact, spoilt.bytes, spoilt.len);
		if (!parse_one(exact, spoilt.len)) {
			failed = 1;
			printf("round %llu: accepted, but out of bounds\n", (unsigned long long)i);
			fuzz_dump(exact, spoilt.len);
		}
		free(exact);
	}
	printf("%u passed, %u failed\n", 1 - failed, failed);
	return failed != 0;
}
