/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd.h - what the verbs of the fastsock command share. */
#ifndef FASTSOCK_CMD_H
#define FASTSOCK_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <fastsock/ctl.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* Verbs: argv[0] is the verb. The exit status. */
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_rule(int argc, char **argv);
int cmd_answer(int argc, char **argv);
int cmd_kv(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_capture(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* "kv VERB HOST:PORT ..." over an ordinary UDP socket. */
int kv_net(int argc, char **argv);

/* The library's sentences go to stderr; info only for those who ask. */
extern bool cmd_verbose;
void cmd_log(void *ctx, enum fs_log_level level, const char *text);

/*
 * Say why and return EXIT_FAILED. Silent when the library has told already;
 * the format is for what it leaves to us, and NULL for strerror() alone.
 */
int cmd_fail(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* EXIT_USAGE, with a line that says how it goes. */
int cmd_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Open @ifname or, when it is NULL, the one interface that is attached here.
 * NULL after a sentence.
 */
struct fs_ctl *cmd_open(const char *ifname);
/* The name alone, into @name; false after a sentence. */
bool cmd_iface(const char *ifname, char name[16]);

/* Of the socket door: a part of status. All of them, or those that receive on @ifname. */
void show_processes(bool as_json);
void show_processes_on(const char *ifname, bool as_json);

/* Does our program run on it, in this network namespace? */
bool cmd_is_attached(const char *name);

/* The only option of most verbs: -i IFACE. False: usage was printed. */
bool cmd_options(int argc, char **argv, const char **ifname);

/* The rules in order: protocol, port, address. *rules is to be freed. 0 or -errno. */
int cmd_rules(struct fs_ctl *ctl, struct fs_ctl_rule **rules, size_t *n);

bool cmd_number(const char *text, uint32_t *out);

/* json.c: names in quotes, commas where they belong. */
void json_open(const char *name, char bracket);
void json_close(char bracket);
void json_string(const char *name, const char *value);
void json_number(const char *name, uint64_t value);
void json_bool(const char *name, bool value);
void json_end(void);

#endif
