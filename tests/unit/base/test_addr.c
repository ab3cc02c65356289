// SPDX-License-Identifier: BSD-2-Clause
/* Endpoints as text and as sockaddr, both ways. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/types.h"
#include <fastsock/fastsock.h>

#include "tests/lib/suite.h"

START_TEST(good_texts_are_read_and_written_back)
{
	static const struct { const char *text, *back; uint8_t family; uint16_t port; } cases[] = {
		{ "192.0.2.1:7", NULL, AF_INET, 7 },
		{ "192.0.2.1", NULL, AF_INET, 0 },
		{ "0.0.0.0:65535", NULL, AF_INET, 65535 },
		{ "192.0.2.1:0", "192.0.2.1", AF_INET, 0 },
		{ "[2001:db8::1]:7", NULL, AF_INET6, 7 },
		{ "2001:db8::1", NULL, AF_INET6, 0 },
		{ "[2001:db8::1]", "2001:db8::1", AF_INET6, 0 },
		{ "::", NULL, AF_INET6, 0 },
		{ "[::ffff:192.0.2.1]:53", NULL, AF_INET6, 53 },
		{ "fe80::1%lo", NULL, AF_INET6, 0 },
		{ "[fe80::1%lo]:9", NULL, AF_INET6, 9 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AF_INET6, 0 },
	};
	char text[FS_ADDR_STRLEN];
	struct fs_addr addr;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *back = cases[i].back ? cases[i].back : cases[i].text;

		ck_assert_msg(!fs_addr_parse(&addr, cases[i].text), "%s", cases[i].text);
		ck_assert_uint_eq(addr.family, cases[i].family);
		ck_assert_uint_eq(addr.port, cases[i].port);
		ck_assert_str_eq(fs_addr_format(&addr, text, sizeof(text)), back);
	}
}
END_TEST

START_TEST(bad_texts_are_refused_and_leave_the_result_alone)
{
	static const struct { const char *text; int err; } cases[] = {
		{ "", -EINVAL }, { ":7", -EINVAL }, { "192.0.2", -EINVAL },
		{ "192.0.2.256", -EINVAL }, { "192.0.2.1:", -EINVAL },
		{ "192.0.2.1:65536", -EINVAL }, { "192.0.2.1:-1", -EINVAL },
		{ "192.0.2.1: 7", -EINVAL }, { "192.0.2.1:7x", -EINVAL },
		{ "192.0.2.1:99999999999999999999", -EINVAL }, { "localhost:7", -EINVAL },
		{ "[2001:db8::1", -EINVAL }, { "[2001:db8::1]7", -EINVAL },
		{ "[192.0.2.1]:7", -EINVAL }, { "2001:db8:::1", -EINVAL },
		{ "[]:7", -EINVAL }, { "1:2:3:4:5:6:7:8:9", -EINVAL },
		{ "fe80::1%nosuchlink0", -ENODEV }, { "fe80::1%", -ENODEV },
		{ "[fe80::1%nosuchlink0]:7", -ENODEV },
		{ "11111111111111111111111111111111111111111111111111111111111", -EINVAL },
		{ "[1111111111111111111111111111111111111111111111111111111111111]", -EINVAL },
	};
	struct fs_addr addr, before;

	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		addr = before;
		ck_assert_msg(fs_addr_parse(&addr, cases[i].text) == cases[i].err, "%s",
			      cases[i].text);
		ck_assert_mem_eq(&addr, &before, sizeof(addr));
	}
}
END_TEST

START_TEST(format_never_writes_beyond_the_size)
{
	struct fs_addr addr;
	char text[FS_ADDR_STRLEN + 1];

	ck_assert_int_eq(fs_addr_parse(&addr, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"), 0);
	for (size_t size = 1; size <= FS_ADDR_STRLEN; size++) {
		memset(text, '#', sizeof(text));
		fs_addr_format(&addr, text, size);
		ck_assert_uint_lt(strlen(text), size);
		ck_assert_int_eq(text[size], '#');
	}
}
END_TEST

START_TEST(longest_endpoint_fits_the_promised_length)
{
	struct fs_addr addr = { .family = AF_INET6, .port = 65535, .scope = UINT32_MAX };
	char text[FS_ADDR_STRLEN];

	memset(addr.ip, 0xff, sizeof(addr.ip));
	fs_addr_format(&addr, text, sizeof(text));
	ck_assert_str_eq(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}
END_TEST

START_TEST(unspecified_endpoint_is_a_star)
{
	struct fs_addr addr = { .family = AF_UNSPEC, .port = 7 };
	char text[FS_ADDR_STRLEN];

	ck_assert_str_eq(fs_addr_format(&addr, text, sizeof(text)), "*:7");
	addr.port = 0;
	ck_assert_str_eq(fs_addr_format(&addr, text, sizeof(text)), "*");
}
END_TEST

START_TEST(sockaddrs_go_there_and_back)
{
	static const char *const texts[] = { "192.0.2.1:7", "[2001:db8::1]:7", "[fe80::1%lo]:9" };
	struct sockaddr_storage ss;
	struct fs_addr addr, back;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int len;

		ck_assert_int_eq(fs_addr_parse(&addr, texts[i]), 0);
		len = fs_addr_to_sockaddr(&addr, &ss);
		ck_assert_int_eq(len, addr.family == AF_INET ? (int)sizeof(struct sockaddr_in) :
				 (int)sizeof(struct sockaddr_in6));
		ck_assert_int_eq(fs_addr_from_sockaddr(&back, (void *)&ss, (socklen_t)len), 0);
		ck_assert_mem_eq(&addr, &back, sizeof(addr));
		ck_assert_int_eq(fs_addr_from_sockaddr(&back, (void *)&ss, (socklen_t)len - 1),
				 -EINVAL);
	}
}
END_TEST

START_TEST(other_families_are_refused)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };
	struct fs_addr addr = { .family = AF_UNSPEC };

	ck_assert_int_eq(fs_addr_from_sockaddr(&addr, (void *)&ss, sizeof(ss)), -EAFNOSUPPORT);
	ck_assert_int_eq(fs_addr_from_sockaddr(&addr, (void *)&ss, 1), -EINVAL);
	ck_assert_int_eq(fs_addr_to_sockaddr(&addr, &ss), -EAFNOSUPPORT);
}
END_TEST

START_TEST(mapped_addresses_are_ipv4_and_back)
{
	struct fs_addr addr, mapped;

	ck_assert_int_eq(fs_addr_parse(&addr, "192.0.2.1:7"), 0);
	mapped = addr;
	fs_addr_map(&mapped);
	ck_assert_uint_eq(mapped.family, AF_INET6);
	ck_assert_uint_eq(mapped.port, 7);
	ck_assert_uint_eq(mapped.ip[11], 0xff);
	ck_assert_uint_eq(mapped.ip[15], 1);
	fs_addr_map(&mapped);
	mapped.scope = 3;
	fs_addr_unmap(&mapped);
	ck_assert_mem_eq(&mapped, &addr, sizeof(addr));

	ck_assert_int_eq(fs_addr_parse(&addr, "[::fffe:c000:201]:7"), 0);
	mapped = addr;
	fs_addr_unmap(&mapped);
	ck_assert_mem_eq(&mapped, &addr, sizeof(addr));
}
END_TEST

START_TEST(version_is_that_of_the_header)
{
	ck_assert_str_eq(fs_version(), FS_VERSION_STRING);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/addr");
	TCase *tc = tcase_create("addr");

	tcase_add_test(tc, good_texts_are_read_and_written_back);
	tcase_add_test(tc, bad_texts_are_refused_and_leave_the_result_alone);
	tcase_add_test(tc, format_never_writes_beyond_the_size);
	tcase_add_test(tc, longest_endpoint_fits_the_promised_length);
	tcase_add_test(tc, unspecified_endpoint_is_a_star);
	tcase_add_test(tc, sockaddrs_go_there_and_back);
	tcase_add_test(tc, other_families_are_refused);
	tcase_add_test(tc, mapped_addresses_are_ipv4_and_back);
	tcase_add_test(tc, version_is_that_of_the_header);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
