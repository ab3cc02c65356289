// SPDX-License-Identifier: BSD-2-Clause
/* Frames: what parses, what does not, and nothing beyond the frame is read. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "wire/frame.h"
#include "wire/icmp.h"
#include "wire/udp.h"
#include "tests/lib/suite.h"

static const uint8_t a4[16] = { 10, 0, 0, 1 }, b4[16] = { 10, 0, 0, 2 };
static const uint8_t a6[16] = { 0xfd, [15] = 1 }, b6[16] = { 0xfd, [15] = 2 };

/* A UDP frame of @payload bytes behind @vlans tags; returns its length. */
static uint32_t build(uint8_t *frame, uint8_t family, uint16_t payload, int vlans)
{
	const bool four = family == AF_INET;
	const uint16_t l4_len = (uint16_t)(FS_UDP_LEN + payload);
	const struct fs_wire_ip ip = { .src = four ? a4 : a6, .dst = four ? b4 : b6,
		.l4_len = l4_len, .proto = FS_IPPROTO_UDP, .ttl = 64, .tos = 3 };
	uint32_t off = FS_ETH_LEN;
	uint8_t *p;

	memset(frame, 0, 12);
	p = frame + 12;
	for (int i = 0; i < vlans; i++, p += 4, off += 4) {
		put_be16(p, i ? FS_ETHERTYPE_VLAN : FS_ETHERTYPE_QINQ);
		put_be16(p + 2, 100);
	}
	put_be16(p, four ? FS_ETHERTYPE_IP4 : FS_ETHERTYPE_IP6);
	p = frame + off + (four ? FS_IP4_LEN : FS_IP6_LEN);
	for (uint16_t i = 0; i < payload; i++)
		p[FS_UDP_LEN + i] = (uint8_t)i;
	fs_wire_put_udp(p, 1234, 7, l4_len, four ?
			fs_csum_pseudo4(ip.src, ip.dst, ip.proto, l4_len) :
			fs_csum_pseudo6(ip.src, ip.dst, ip.proto, l4_len));
	if (four)
		fs_wire_put_ip4(frame + off, &ip);
	else
		fs_wire_put_ip6(frame + off, &ip);
	return (uint32_t)(p - frame) + l4_len;
}

START_TEST(built_frame_parses_back)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };
	uint8_t frame[2048];

	for (int f = 0; f < 2; f++)
		for (int vlans = 0; vlans <= 2; vlans++)
			for (uint16_t payload = 0; payload < 1473; payload += 7) {
				uint32_t len = build(frame, families[f], payload, vlans);
				struct fs_wire_frame w;
				struct fs_wire_udp u;

				ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_OK);
				ck_assert_int_eq(fs_wire_udp_parse(frame, &w, &u), FS_WIRE_OK);
				ck_assert_int_eq(fs_wire_udp_csum(frame, &w, &u), FS_CSUM_GOOD);
				ck_assert_uint_eq(u.payload_len, payload);
				ck_assert_uint_eq(u.src_port, 1234);
				ck_assert_uint_eq(u.dst_port, 7);
				ck_assert_uint_eq(w.tos, 3);
				ck_assert_uint_eq(w.ttl, 64);
			}
}
END_TEST

START_TEST(every_truncation_is_short_and_read_no_further)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };
	uint8_t frame[256];

	for (int f = 0; f < 2; f++) {
		uint32_t len = build(frame, families[f], 32, 1);

		for (uint32_t cut = 0; cut < len; cut++) {
			struct fs_wire_frame w;
			/* On the heap, exactly as long: the sanitizer watches its end. */
			uint8_t *copy = malloc(cut ? cut : 1);

			memcpy(copy, frame, cut);
			ck_assert_int_eq(fs_wire_parse(copy, cut, &w), FS_WIRE_SHORT);
			free(copy);
		}
	}
}
END_TEST

START_TEST(ethernet_padding_is_ignored)
{
	uint8_t frame[128] = { 0 };
	uint32_t len = build(frame, AF_INET, 1, 0);
	struct fs_wire_frame w;

	ck_assert_int_eq(fs_wire_parse(frame, 64, &w), FS_WIRE_OK);
	ck_assert_uint_eq(w.l4_len, 9);
	ck_assert_uint_lt(len, 64);
}
END_TEST

START_TEST(three_tags_are_too_many)
{
	uint8_t frame[128];
	uint32_t len = build(frame, AF_INET, 1, 3);
	struct fs_wire_frame w;

	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_PROTO);
}
END_TEST

START_TEST(wrong_ip_checksum_is_told)
{
	uint8_t frame[128];
	uint32_t len = build(frame, AF_INET, 8, 0);
	struct fs_wire_frame w;

	frame[FS_ETH_LEN + 8]--;
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_IP_CSUM);
}
END_TEST

START_TEST(fragments_are_told_in_both_families)
{
	uint8_t frame[128];
	uint32_t len = build(frame, AF_INET, 8, 0);
	struct fs_wire_frame w;
	uint16_t csum;
	uint8_t *ip = frame + FS_ETH_LEN;

	put_be16(ip + 6, 0x2000);
	memset(ip + 10, 0, 2);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(0, ip, 20));
	memcpy(ip + 10, &csum, 2);
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_FRAGMENT);

	len = build(frame, AF_INET6, 16, 0);
	frame[FS_ETH_LEN + 6] = FS_IPPROTO_FRAGMENT;
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_FRAGMENT);
}
END_TEST

START_TEST(extension_headers_are_walked_and_bounded)
{
	uint8_t frame[256];
	uint32_t len = build(frame, AF_INET6, 120, 0);
	uint8_t *ip = frame + FS_ETH_LEN, *p = ip + FS_IP6_LEN;
	struct fs_wire_frame w;

	ip[6] = FS_IPPROTO_HOPOPTS;
	for (int i = 0; i < 8; i++) {
		p[i * 8] = i == 7 ? FS_IPPROTO_UDP : FS_IPPROTO_DSTOPTS;
		p[i * 8 + 1] = 0;
	}
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_OK);
	ck_assert_uint_eq(w.proto, FS_IPPROTO_UDP);
	ck_assert_uint_eq(w.l4_off, FS_ETH_LEN + FS_IP6_LEN + 64);

	p[7 * 8] = FS_IPPROTO_DSTOPTS;	/* a ninth */
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_PROTO);
	p[1] = 255;			/* longer than the packet */
	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_SHORT);
}
END_TEST

START_TEST(udp_length_must_fit_in_ip)
{
	uint8_t frame[128];
	uint32_t len = build(frame, AF_INET, 16, 0);
	uint8_t *udp = frame + FS_ETH_LEN + FS_IP4_LEN;
	struct fs_wire_frame w;
	struct fs_wire_udp u;

	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_OK);
	put_be16(udp + 4, 25);
	ck_assert_int_eq(fs_wire_udp_parse(frame, &w, &u), FS_WIRE_SHORT);
	put_be16(udp + 4, 7);
	ck_assert_int_eq(fs_wire_udp_parse(frame, &w, &u), FS_WIRE_SHORT);
	put_be16(udp + 4, 8);	/* shorter than IP carries: legal */
	ck_assert_int_eq(fs_wire_udp_parse(frame, &w, &u), FS_WIRE_OK);
	ck_assert_uint_eq(u.payload_len, 0);
}
END_TEST

START_TEST(partial_checksum_is_told_from_a_bad_one)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	for (int f = 0; f < 2; f++) {
		uint8_t frame[128];
		uint32_t len = build(frame, families[f], 16, 0);
		struct fs_wire_frame w;
		struct fs_wire_udp u;
		uint16_t field;

		ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_OK);
		ck_assert_int_eq(fs_wire_udp_parse(frame, &w, &u), FS_WIRE_OK);
		field = fs_csum_fold(fs_wire_pseudo(&w));
		memcpy(frame + w.l4_off + 6, &field, 2);
		ck_assert_int_eq(fs_wire_udp_csum(frame, &w, &u), FS_CSUM_PARTIAL);
		frame[w.l4_off + 6] ^= 0x5a;
		ck_assert_int_eq(fs_wire_udp_csum(frame, &w, &u), FS_CSUM_BAD);
		memset(frame + w.l4_off + 6, 0, 2);
		ck_assert_int_eq(fs_wire_udp_csum(frame, &w, &u),
				 f ? FS_CSUM_BAD : FS_CSUM_GOOD);
	}
}
END_TEST

START_TEST(icmp_too_big_names_flow_and_mtu)
{
	uint8_t inner[128], frame[256] = { 0 };
	uint32_t inner_len = build(inner, AF_INET, 8, 0) - FS_ETH_LEN;
	const struct fs_wire_ip ip = { .src = b4, .dst = a4, .proto = FS_IPPROTO_ICMP,
		.l4_len = (uint16_t)(FS_ICMP_LEN + inner_len), .ttl = 64 };
	uint8_t *icmp = frame + FS_ETH_LEN + FS_IP4_LEN;
	struct fs_wire_icmp_error e;
	struct fs_wire_frame w;
	uint32_t len = FS_ETH_LEN + FS_IP4_LEN + FS_ICMP_LEN + inner_len;
	uint16_t csum;

	put_be16(frame + 12, FS_ETHERTYPE_IP4);
	fs_wire_put_ip4(frame + FS_ETH_LEN, &ip);
	icmp[0] = 3;
	icmp[1] = 4;
	put_be16(icmp + 6, 1400);
	memcpy(icmp + FS_ICMP_LEN, inner + FS_ETH_LEN, inner_len);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(0, icmp, FS_ICMP_LEN + inner_len));
	memcpy(icmp + 2, &csum, 2);

	ck_assert_int_eq(fs_wire_parse(frame, len, &w), FS_WIRE_OK);
	ck_assert_int_eq(fs_wire_icmp_parse(frame, &w, &e), FS_WIRE_OK);
	ck_assert_uint_eq(e.mtu, 1400);
	ck_assert_uint_eq(e.local_port, 1234);
	ck_assert_uint_eq(e.remote_port, 7);
	ck_assert_mem_eq(e.local, a4, 16);
	ck_assert_mem_eq(e.remote, b4, 16);
	icmp[4] ^= 1;
	ck_assert_int_eq(fs_wire_icmp_parse(frame, &w, &e), FS_WIRE_IP_CSUM);
}
END_TEST

/* An ICMP error of @family, with @inner_len bytes of the packet that caused it; its length. */
static uint32_t build_icmp(uint8_t *frame, uint8_t family, const uint8_t *inner,
			   uint32_t inner_len)
{
	const bool four = family == AF_INET;
	const struct fs_wire_ip ip = { .src = four ? b4 : b6, .dst = four ? a4 : a6, .ttl = 64,
		.proto = four ? FS_IPPROTO_ICMP : FS_IPPROTO_ICMP6,
		.l4_len = (uint16_t)(FS_ICMP_LEN + inner_len) };
	uint8_t *l3 = frame + FS_ETH_LEN, *icmp = l3 + (four ? FS_IP4_LEN : FS_IP6_LEN);
	uint16_t csum;

	memset(frame, 0, 12);
	put_be16(frame + 12, four ? FS_ETHERTYPE_IP4 : FS_ETHERTYPE_IP6);
	if (four)
		fs_wire_put_ip4(l3, &ip);
	else
		fs_wire_put_ip6(l3, &ip);
	memset(icmp, 0, FS_ICMP_LEN);
	icmp[0] = four ? 3 : 1;		/* unreachable: the port */
	icmp[1] = four ? 3 : 4;
	memcpy(icmp + FS_ICMP_LEN, inner, inner_len);
	csum = (uint16_t)~fs_csum_fold(fs_csum_add(four ? 0 :
		fs_csum_pseudo6(ip.src, ip.dst, ip.proto, ip.l4_len), icmp, ip.l4_len));
	memcpy(icmp + 2, &csum, 2);
	return (uint32_t)(icmp - frame) + ip.l4_len;
}

START_TEST(icmp_error_about_tcp_tells_the_sequence_number)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 4; i++) {
		const uint32_t ip_len = i & 1 ? FS_IP6_LEN : FS_IP4_LEN;
		const bool tcp = i < 2;
		uint8_t inner[128], frame[256];
		struct fs_wire_icmp_error e;
		struct fs_wire_frame w;

		build(inner, families[i & 1], 8, 0);
		inner[FS_ETH_LEN + (i & 1 ? 6 : 9)] = tcp ? FS_IPPROTO_TCP : FS_IPPROTO_UDP;
		put_be32(inner + FS_ETH_LEN + ip_len + 4, 0xfedcba98);
		for (uint32_t inner_len = 0; inner_len <= ip_len + 8; inner_len++) {
			uint32_t len = build_icmp(frame, families[i & 1], inner + FS_ETH_LEN,
						  inner_len);
			uint8_t *exact = malloc(len);
			bool enough = inner_len >= ip_len + 8;

			memcpy(exact, frame, len);
			ck_assert_int_eq(fs_wire_parse(exact, len, &w), FS_WIRE_OK);
			ck_assert_int_eq(fs_wire_icmp_parse(exact, &w, &e),
					 enough ? FS_WIRE_OK : FS_WIRE_SHORT);
			free(exact);
		}
		ck_assert_uint_eq(e.proto, tcp ? FS_IPPROTO_TCP : FS_IPPROTO_UDP);
		ck_assert_uint_eq(e.seq.raw, tcp ? 0xfedcba98 : 0);
		ck_assert_uint_eq(e.local_port, 1234);
		ck_assert_uint_eq(e.remote_port, 7);
		ck_assert_int_eq(e.error, -ECONNREFUSED);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("frame");

	tcase_add_test(tc, built_frame_parses_back);
	tcase_add_test(tc, every_truncation_is_short_and_read_no_further);
	tcase_add_test(tc, ethernet_padding_is_ignored);
	tcase_add_test(tc, three_tags_are_too_many);
	tcase_add_test(tc, wrong_ip_checksum_is_told);
	tcase_add_test(tc, fragments_are_told_in_both_families);
	tcase_add_test(tc, extension_headers_are_walked_and_bounded);
	tcase_add_test(tc, udp_length_must_fit_in_ip);
	tcase_add_test(tc, partial_checksum_is_told_from_a_bad_one);
	tcase_add_test(tc, icmp_too_big_names_flow_and_mtu);
	tcase_add_test(tc, icmp_error_about_tcp_tells_the_sequence_number);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
