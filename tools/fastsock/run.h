/* SPDX-License-Identifier: BSD-2-Clause */
/* run.h - what the parts of `fastsock run` share. */
#ifndef FASTSOCK_RUN_H
#define FASTSOCK_RUN_H

#include "cmd.h"

enum {
	RUN_IFACES_MAX = 32,
};

struct run_iface {
	char name[16];
	bool ours;		/* attached by us, and to be detached */
};

struct run {
	struct run_iface ifaces[RUN_IFACES_MAX];
	unsigned int n_ifaces;
	bool chosen;		/* by us: the user named none */
	const char *config;	/* NULL: the default, if it is there */
};

/*
 * run_config.c: options, environment and file all end in the environment,
 * which is what the preload library reads. False after a sentence.
 */
bool run_set(const char *key, const char *value, bool replace);
bool run_read_config(const struct run *run);
/* The file of --why can be written. */
bool run_check_why(void);

/* run_iface.c: "eth0,eth1" or "eth0 eth1". False after a sentence. */
bool run_add_ifaces(struct run *run, const char *list);
/* Attached ones, else every one that can; none of them is an error. */
void run_choose_ifaces(struct run *run);
/* False after a sentence: there is no such interface. What cannot be attached is told, and stays. */
bool run_attach(struct run *run);
bool run_attached_any(const struct run *run);
/* Detach what is ours, unless somebody still receives there. */
void run_detach(struct run *run, bool in_background);

#endif
