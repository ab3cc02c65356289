/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fastsock.h - what every door of libfastsock shares: version, linkage,
 * growable options, log, network addresses.
 *
 * Errors: a call returns >= 0 or -errno. The global errno is neither read
 * nor written. Constructors leave *out untouched on failure, destructors
 * accept NULL.
 */
#ifndef FASTSOCK_FASTSOCK_H
#define FASTSOCK_FASTSOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FS_VERSION_MAJOR	0
#define FS_VERSION_MINOR	1
#define FS_VERSION_PATCH	0
#define FS_VERSION_STRING	"0.1.0"

#define FS_API			__attribute__((visibility("default")))

/*
 * FS_OPTS - declare a growable options struct.
 *
 *	FS_OPTS(fs_stack_opts, opts, .ifname = "eth0", .spin_us = 20);
 *
 * Fields that are not named are zero, which always means the default. The
 * size tells the library which fields the caller knew about. In C++, which has
 * designated initializers since C++20, name them in the struct's order.
 */
#ifdef __cplusplus
#define FS_OPTS(TYPE, NAME, ...)					\
	struct TYPE NAME = { .sz = sizeof(struct TYPE), __VA_ARGS__ }
#else
#define FS_OPTS(TYPE, ...)						\
	FS_OPTS_OF(TYPE, __VA_ARGS__, .sz = sizeof(struct TYPE))
#define FS_OPTS_OF(TYPE, NAME, ...)					\
	struct TYPE NAME = { __VA_ARGS__ }
#endif

/*
 * fs_version - the version of the library at run time, "0.1.0".
 *
 * Static storage. Any thread, never blocks, no errors.
 */
FS_API const char *fs_version(void);

enum fs_log_level {
	FS_LOG_ERROR = 0,	/* the call failed; the sentence says what to do */
	FS_LOG_WARN = 1,	/* it works, but not as well as it could */
	FS_LOG_INFO = 2,
	FS_LOG_DEBUG = 3,
};

/*
 * A log callback gets one sentence without a newline. It is called on the
 * thread that made the call, and must not call back into the library.
 * A NULL callback is fs_log_stderr(), which prints errors and warnings.
 */
typedef void fs_log_fn(void *ctx, enum fs_log_level level, const char *text);

/*
 * fs_log_stderr - the default log callback: errors and warnings to stderr,
 * and more when FASTSOCK_LOG=info or =debug is set in the environment.
 *
 * Any thread; blocks as a write to stderr does; no errors.
 */
FS_API void fs_log_stderr(void *ctx, enum fs_log_level level, const char *text);

/* An IPv4 or IPv6 endpoint. All zero: unspecified. */
struct fs_addr {
	uint8_t ip[16];		/* network order; IPv4 in the first four bytes */
	uint16_t port;		/* host order */
	uint8_t family;		/* AF_INET, AF_INET6 or AF_UNSPEC */
	uint8_t rsvd;
	uint32_t scope;		/* interface index of a link-local IPv6 address */
};

#define FS_ADDR_STRLEN 64

/*
 * fs_addr_parse - read "192.0.2.1:7", "[2001:db8::1]:7", "192.0.2.1",
 * "2001:db8::1" or "fe80::1%eth0". Names are not resolved.
 *
 * A missing port is 0. Any thread, does not block.
 * Returns 0, or -EINVAL for a text that is not an address, -ENODEV for an
 * unknown interface after %.
 */
FS_API int fs_addr_parse(struct fs_addr *out, const char *text);

/*
 * fs_addr_format - write an endpoint as fs_addr_parse() reads it.
 *
 * At most @size bytes with the final NUL; FS_ADDR_STRLEN is always enough.
 * Any thread, does not block. Returns @text.
 */
FS_API char *fs_addr_format(const struct fs_addr *addr, char *text, size_t size);

/*
 * fs_addr_from_sockaddr, fs_addr_to_sockaddr - convert to and from the
 * kernel's struct sockaddr_in and sockaddr_in6.
 *
 * Any thread, do not block. from: 0, or -EAFNOSUPPORT, -EINVAL (@len too
 * short). to: the length written, or -EAFNOSUPPORT.
 */
FS_API int fs_addr_from_sockaddr(struct fs_addr *out, const struct sockaddr *sa,
				 socklen_t len);
FS_API int fs_addr_to_sockaddr(const struct fs_addr *addr,
			       struct sockaddr_storage *out);

#ifdef __cplusplus
}
#endif

#endif
