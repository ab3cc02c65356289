// SPDX-License-Identifier: BSD-2-Clause
/*
 * config.c - lists of interfaces and ports, as people write them.
 */
#include "sock/config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "sock/file.h"

struct fs_sock_config fs_sock_config;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_set_up;

static void silent(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

/* "v0,v1 v2" */
static int read_ifaces(struct fs_sock_config *config, const char *list)
{
	char *to = config->names, *const end = to + sizeof(config->names);
	unsigned int n = 0;

	while (list && *list) {
		const size_t len = strcspn(list, ", \t");

		if (len) {
			if (n == FS_STACK_IFACES_MAX || len > 15 || to + len + 1 > end)
				return -EINVAL;
			memcpy(to, list, len);
			to[len] = '\0';
			config->ifaces[n++] = to;
			to += len + 1;
		}
		list += len + (list[len] != '\0');
	}
	config->on = n > 0;
	return 0;
}

static int read_port(const char **at, unsigned long *port)
{
	char *end;

	*port = strtoul(*at, &end, 10);
	if (end == *at || *port > 65535)
		return -EINVAL;
	*at = end;
	return 0;
}

/* "80,443,8000-8010" */
static int read_ports(struct fs_sock_config *config, const char *list)
{
	config->all_ports = !list || !*list;
	while (list && *list) {
		unsigned long first, last;

		if (read_port(&list, &first))
			return -EINVAL;
		last = first;
		if (*list == '-') {
			list++;
			if (read_port(&list, &last) || last < first)
				return -EINVAL;
		}
		for (; first <= last; first++)
			config->ports[first / 8] |= (uint8_t)(1u << first % 8);
		if (*list && *list != ',' && *list != ' ')
			return -EINVAL;
		list += *list != '\0';
	}
	return 0;
}

static uint64_t number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static const char *either(const char *given, const char *name)
{
	return given ? given : getenv(name);
}

static int read_all(const struct fs_sockets_opts *opts)
{
	struct fs_sock_config *config = &fs_sock_config;
	const int64_t spin_us = opts->spin_us ? opts->spin_us : (int64_t)number("FASTSOCK_SPIN");
	int err;

	memset(config, 0, sizeof(*config));
	err = read_ifaces(config, either(opts->ifaces, "FASTSOCK_IFACES"));
	if (!err)
		err = read_ports(config, either(opts->ports, "FASTSOCK_ONLY"));
	if (!err && config->on)
		err = fs_file_table_open();
	config->spin_ns = (uint64_t)MAX(spin_us, 0) * NSEC_PER_USEC;
	config->queues = opts->queues ? opts->queues : (uint32_t)number("FASTSOCK_QUEUES");
	config->frames = opts->frames ? opts->frames : (uint32_t)number("FASTSOCK_FRAMES");
	config->log = (struct fs_logger){ .fn = opts->log, .ctx = opts->log_ctx };
	if (!opts->log && !getenv("FASTSOCK_LOG"))
		config->log.fn = silent;
	if (err)
		config->on = false;
	return err;
}

static void from_environment(void)
{
	const struct fs_sockets_opts opts = { .sz = sizeof(opts) };

	if (is_set_up)
		return;
	is_set_up = true;
	if (read_all(&opts))
		fs_base_log(&(struct fs_logger){ 0 }, FS_LOG_WARN,
			    "FASTSOCK_IFACES or FASTSOCK_ONLY cannot be read: sockets stay in the kernel");
}

bool fs_sock_configured(void)
{
	pthread_once(&once, from_environment);
	return fs_sock_config.on;
}

int fs_sockets_setup(const struct fs_sockets_opts *user)
{
	struct fs_sockets_opts opts = { 0 };

	if (!user || !user->sz)
		return -EINVAL;
	if (is_set_up)
		return -EBUSY;
	is_set_up = true;
	memcpy(&opts, user, MIN(user->sz, sizeof(opts)));
	return read_all(&opts);
}
