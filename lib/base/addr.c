// SPDX-License-Identifier: BSD-2-Clause
/* addr.c - endpoints as text and as the kernel's sockaddr. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/addr.h"

const char *fs_version(void)
{
	return FS_VERSION_STRING;
}

int fs_addr_parse_port(uint16_t *port, const char *text)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtoul(text, &end, 10);
	if (*end || value > 65535)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

/* "addr" or "addr%zone", without brackets or port. */
static int parse_ip6(struct fs_addr *out, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *zone = strchr(text, '%');
	size_t len = zone ? (size_t)(zone - text) : strlen(text);

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET6, host, out->ip) != 1)
		return -EINVAL;
	out->family = AF_INET6;
	if (!zone)
		return 0;
	out->scope = if_nametoindex(zone + 1);
	if (!out->scope)
		out->scope = (uint32_t)strtoul(zone + 1, NULL, 10);
	return out->scope ? 0 : -ENODEV;
}

static int parse_bracketed(struct fs_addr *out, const char *text)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	const char *end = strchr(text, ']');
	size_t len;
	int err;

	if (!end)
		return -EINVAL;
	len = (size_t)(end - text) - 1;
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text + 1, len);
	host[len] = '\0';
	err = parse_ip6(out, host);
	if (err)
		return err;
	if (!end[1])
		return 0;
	return end[1] == ':' ? fs_addr_parse_port(&out->port, end + 2) : -EINVAL;
}

static int parse_ip4(struct fs_addr *out, const char *text)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, out->ip) != 1)
		return -EINVAL;
	out->family = AF_INET;
	return colon ? fs_addr_parse_port(&out->port, colon + 1) : 0;
}

int fs_addr_parse(struct fs_addr *out, const char *text)
{
	struct fs_addr addr = { .family = AF_UNSPEC };
	const char *colon = strchr(text, ':');
	int err;

	if (*text == '[')
		err = parse_bracketed(&addr, text);
	else if (colon && strchr(colon + 1, ':'))
		err = parse_ip6(&addr, text);
	else
		err = parse_ip4(&addr, text);
	if (!err)
		*out = addr;
	return err;
}

char *fs_addr_format(const struct fs_addr *addr, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "*";
	char zone[IF_NAMESIZE + 1] = "";
	bool six = addr->family == AF_INET6;

	if (addr->family != AF_UNSPEC)
		inet_ntop(addr->family, addr->ip, host, sizeof(host));
	if (six && addr->scope) {
		zone[0] = '%';
		if (!if_indextoname(addr->scope, zone + 1))
			snprintf(zone + 1, sizeof(zone) - 1, "%u", addr->scope);
	}
	if (addr->port)
		snprintf(text, size, "%s%s%s%s:%u", six ? "[" : "", host, zone,
			 six ? "]" : "", addr->port);
	else
		snprintf(text, size, "%s%s", host, zone);
	return text;
}

int fs_addr_from_sockaddr(struct fs_addr *out, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	struct fs_addr addr = { .family = AF_UNSPEC };

	if (len < sizeof(sa->sa_family))
		return -EINVAL;
	if (sa->sa_family == AF_INET) {
		if (len < sizeof(*in))
			return -EINVAL;
		memcpy(addr.ip, &in->sin_addr, 4);
		addr.port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		if (len < sizeof(*in6))
			return -EINVAL;
		memcpy(addr.ip, &in6->sin6_addr, 16);
		addr.port = ntohs(in6->sin6_port);
		addr.scope = in6->sin6_scope_id;
	} else {
		return -EAFNOSUPPORT;
	}
	addr.family = (uint8_t)sa->sa_family;
	*out = addr;
	return 0;
}

int fs_addr_to_sockaddr(const struct fs_addr *addr, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (addr->family == AF_INET) {
		in->sin_family = AF_INET;
		in->sin_port = htons(addr->port);
		memcpy(&in->sin_addr, addr->ip, 4);
		return sizeof(*in);
	}
	if (addr->family != AF_INET6)
		return -EAFNOSUPPORT;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(addr->port);
	in6->sin6_scope_id = addr->scope;
	memcpy(&in6->sin6_addr, addr->ip, 16);
	return sizeof(*in6);
}
