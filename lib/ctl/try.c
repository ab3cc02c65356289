// SPDX-License-Identifier: BSD-2-Clause
/*
 * try.c - fs_ctl_answer_test(): the steering program and a user's answer
 * program on one frame, with maps of their own, by BPF_PROG_TEST_RUN.
 *
 * The whole way is run, parser and rule included, because an answer program
 * by itself would find nothing in the scratch map.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "ctl/ctl.h"
#include "steer/objects.h"
#include "steer/quiet.h"

struct trial {
	struct fs_logger log;
	struct bpf_object *main, *answer;
};

static int map_fd(const struct trial *t, const char *name)
{
	return bpf_object__find_map_fd_by_name(t->main, name);
}

static int load_main(struct trial *t)
{
	struct bpf_map *map;
	int err = fs_steer_object_open(&t->main, FS_STEER_OBJECT_USER, NULL);

	if (err)
		return err;
	bpf_object__for_each_map(map, t->main)
		bpf_map__set_pin_path(map, NULL);
	err = bpf_object__load(t->main);
	if (err)
		return fs_base_fail(&t->log, err == -EACCES ? -EPERM : err,
			"the steering program cannot be loaded: %s; it takes CAP_BPF, CAP_NET_ADMIN and "
			"CAP_PERFMON", strerror(-err));
	return 0;
}

static int load_answer(struct trial *t, const char *path)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int err;

	t->answer = bpf_object__open_file(path, NULL);
	if (!t->answer)
		return fs_base_fail(&t->log, -errno, "%s cannot be opened as a BPF object: %s", path,
				    strerror(errno));
	program = bpf_object__next_program(t->answer, NULL);
	if (!program)
		return -ENOENT;
	bpf_program__set_expected_attach_type(program, 0);
	bpf_object__for_each_map(map, t->answer) {
		int fd = map_fd(t, bpf_map__name(map));

		bpf_map__set_pin_path(map, NULL);
		if (fd >= 0 && bpf_map__reuse_fd(map, fd))
			return -errno;
	}
	err = bpf_object__load(t->answer);
	if (err)
		return fs_base_fail(&t->log, err == -EACCES ? -EINVAL : err,
			"%s: the kernel does not load the program: %s; FASTSOCK_LOG=debug shows the verifier's "
			"words", path, strerror(-err));
	return 0;
}

static int set_up(const struct trial *t, const char *text)
{
	int fd = bpf_program__fd(bpf_object__next_program(t->answer, NULL));
	const struct fs_config config = {
		.abi_version = FS_ABI_VERSION,
		.flags = FS_CONFIG_F_HOST | FS_CONFIG_F_EXACT,
	};
	const struct fs_rule rule = { .action = FS_ACTION_ANSWER, .answer = FS_ANSWER_USER };
	struct fs_ctl_rule parsed = { .sz = sizeof(parsed) };
	struct fs_rule_key keys[2];
	uint32_t zero = 0;
	int n;

	if (fs_ctl_rule_parse(&parsed, text))
		return fs_base_fail(&t->log, -EINVAL, "\"%s\" is no flow; write udp/37", text);
	n = fs_ctl_rule_keys(&parsed, keys);
	for (int i = 0; i < n; i++)
		if (bpf_map_update_elem(map_fd(t, FS_MAP_RULES), &keys[i], &rule, BPF_ANY))
			return -errno;
	if (bpf_map_update_elem(map_fd(t, FS_MAP_CONFIG), &zero, &config, BPF_ANY) ||
	    bpf_map_update_elem(map_fd(t, FS_MAP_ANSWERS), &zero, &fd, BPF_ANY))
		return -errno;
	return n < 0 ? n : 0;
}

static const char *what_counted(const struct trial *t)
{
	int cpus = libbpf_num_possible_cpus();
	const char *name = NULL;
	uint32_t zero = 0;
	uint64_t *all;

	if (cpus <= 0)
		return NULL;
	all = calloc((size_t)cpus, sizeof(struct fs_stats));
	if (all && !bpf_map_lookup_elem(map_fd(t, FS_MAP_STATS), &zero, all))
		for (unsigned int i = 0; i < (unsigned int)cpus * FS_STAT_COUNT; i++)
			if (all[i] && fs_ctl_counter_is_verdict(i % FS_STAT_COUNT))
				name = fs_ctl_counter_name(i % FS_STAT_COUNT);
	free(all);
	return name;
}

static int run(const struct trial *t, struct fs_ctl_test *test)
{
	int fd = bpf_program__fd(fs_steer_object_program(t->main));
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = test->in,
		.data_size_in = (uint32_t)test->in_len,
		.data_out = test->out,
		.data_size_out = (uint32_t)test->out_size,
		.repeat = 1);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	test->verdict = (int)opts.retval;
	test->out_len = opts.data_size_out;
	test->duration_ns = opts.duration;
	test->counted = what_counted(t);
	if (test->repeat <= 1)
		return 0;
	opts.repeat = (int)test->repeat;
	opts.data_out = NULL;
	opts.data_size_out = 0;
	if (bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	test->duration_ns = opts.duration;
	return 0;
}

int fs_ctl_answer_test(struct fs_ctl_test *user)
{
	struct fs_ctl_test test = { 0 };
	struct fs_steer_quiet quiet;
	struct trial t = { 0 };
	int err;

	if (!user || !user->sz)
		return -EINVAL;
	memcpy(&test, user, MIN(user->sz, sizeof(test)));
	if (!test.path || !test.rule || !test.in || !test.in_len)
		return -EINVAL;
	t.log = (struct fs_logger){ .fn = test.log, .ctx = test.log_ctx };
	fs_steer_quiet_begin(&quiet, &t.log);
	err = load_main(&t);
	if (!err)
		err = load_answer(&t, test.path);
	if (!err)
		err = set_up(&t, test.rule);
	if (!err)
		err = run(&t, &test);
	bpf_object__close(t.answer);
	bpf_object__close(t.main);
	fs_steer_quiet_end(&quiet);
	memcpy(user, &test, MIN(user->sz, sizeof(test)));
	return err;
}
