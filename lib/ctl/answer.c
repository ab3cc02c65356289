// SPDX-License-Identifier: BSD-2-Clause
/*
 * answer.c - users' answer programs: load, put into the program array, pin.
 *
 * The array gives a number, which rules use; the pin answer_NAME gives the
 * name, and finds its number by the program's id. Maps that the program shares
 * with ours are found by their pins, since both have the same names; maps of
 * its own that it pins by name land in the same directory, survive the
 * replacement of the program, and go when fastsock is detached.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "steer/program.h"
#include "steer/quiet.h"

bool fs_ctl_is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return len && len < FS_CTL_NAME_MAX && strcmp(name, "echo") != 0 && strcmp(name, "kv") != 0;
}

static void pin_path(struct fs_ctl *ctl, const char *name, char path[FS_STEER_PATH_MAX + 80])
{
	snprintf(path, FS_STEER_PATH_MAX + 80, "%s/" FS_PIN_ANSWER "%s", fs_steer_dir(ctl->steer),
		 name);
}

static uint32_t pinned_id(struct fs_ctl *ctl, const char *name)
{
	char path[FS_STEER_PATH_MAX + 80];
	uint32_t id;
	int fd;

	pin_path(ctl, name, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	id = fs_steer_program_id(fd);
	close(fd);
	return id;
}

static uint32_t array_id(int array, uint32_t index)
{
	uint32_t id;

	return bpf_map_lookup_elem(array, &index, &id) ? 0 : id;
}

static uint32_t find_index(int array, uint32_t prog_id)
{
	uint32_t index = 0;

	while (index < FS_ANSWERS_MAX && (!prog_id || array_id(array, index) != prog_id))
		index++;
	return index;
}

int fs_ctl_loaded_list(struct fs_ctl *ctl, struct fs_ctl_loaded_list *list)
{
	int array = fs_steer_map(ctl->steer, FS_MAP_ANSWERS);
	struct dirent *entry;
	DIR *dir;

	list->n = 0;
	if (array < 0)
		return 0;
	dir = opendir(fs_steer_dir(ctl->steer));
	if (!dir)
		return -errno;
	while (list->n < FS_ANSWERS_MAX && (entry = readdir(dir))) {
		const size_t prefix = strlen(FS_PIN_ANSWER);
		struct fs_ctl_loaded *loaded = &list->at[list->n];

		if (strncmp(entry->d_name, FS_PIN_ANSWER, prefix) != 0 ||
		    !fs_ctl_is_name(entry->d_name + prefix))
			continue;
		snprintf(loaded->name, sizeof(loaded->name), "%.31s", entry->d_name + prefix);
		loaded->prog_id = pinned_id(ctl, loaded->name);
		loaded->index = find_index(array, loaded->prog_id);
		list->n++;
	}
	closedir(dir);
	return 0;
}

static uint32_t count_rules(struct fs_ctl *ctl, uint32_t index)
{
	struct fs_rule_key key, *prev = NULL;
	uint32_t n = 0;

	for (unsigned int i = 0; i < 2 * FS_RULES_MAX; i++) {
		struct fs_rule rule;

		if (fs_steer_rule_next(ctl->steer, prev, &key))
			break;
		if (!fs_steer_rule_get(ctl->steer, &key, &rule) &&
		    rule.action == FS_ACTION_ANSWER && rule.answer == FS_ANSWER_USER + index)
			n++;
		prev = &key;
	}
	return n;
}

int fs_ctl_answer_each(struct fs_ctl *ctl, fs_ctl_answer_fn *fn, void *ctx)
{
	struct fs_ctl_loaded_list list;
	int err;

	if (fs_ctl_need_maps(ctl))
		return 0;
	err = fs_ctl_loaded_list(ctl, &list);
	for (unsigned int i = 0; !err && i < list.n; i++) {
		struct fs_ctl_answer answer = {
			.sz = sizeof(answer),
			.index = list.at[i].index,
			.prog_id = list.at[i].prog_id,
			.rules = count_rules(ctl, list.at[i].index),
		};

		memcpy(answer.name, list.at[i].name, sizeof(answer.name));
		err = fn(ctx, &answer);
	}
	return err;
}

/* Pins of maps that this object would be the first to make. */
static void note_new_maps(struct bpf_object *object, bool *is_new, unsigned int max)
{
	struct bpf_map *map;
	unsigned int i = 0;

	bpf_object__for_each_map(map, object) {
		const char *path = bpf_map__pin_path(map);

		if (i < max)
			is_new[i++] = path && access(path, F_OK);
	}
}

static void unpin_new_maps(struct bpf_object *object, const bool *is_new, unsigned int max)
{
	struct bpf_map *map;
	unsigned int i = 0;

	bpf_object__for_each_map(map, object)
		if (i < max && is_new[i++])
			unlink(bpf_map__pin_path(map));
}

static int choose_program(struct fs_ctl *ctl, struct bpf_object *object, const char *path)
{
	struct bpf_program *program = bpf_object__next_program(object, NULL), *other;

	if (!program)
		return fs_base_fail(&ctl->log, -ENOENT, "%s: there is no program in it", path);
	if (bpf_program__type(program) != BPF_PROG_TYPE_XDP)
		return fs_base_fail(&ctl->log, -EINVAL,
			"%s: its first program, %s, is no XDP program; write SEC(\"xdp\")", path,
			bpf_program__name(program));
	if (bpf_program__flags(program) & BPF_F_XDP_HAS_FRAGS)
		return fs_base_fail(&ctl->log, -EINVAL,
			"%s: write SEC(\"xdp\"), not \"xdp.frags\": all programs of an array must agree", path);
	bpf_program__set_expected_attach_type(program, 0);
	for (other = program; (other = bpf_object__next_program(object, other)); )
		bpf_program__set_autoload(other, false);
	return 0;
}

static int load_object(struct fs_ctl *ctl, struct bpf_object **out, const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = fs_steer_dir(ctl->steer));
	struct bpf_object *object;
	bool is_new[64];
	char why[128];
	int err;

	object = bpf_object__open_file(path, &opts);
	if (!object) {
		err = -errno;	/* libbpf has numbers of its own, from 4000 on */
		libbpf_strerror(err, why, sizeof(why));
		return fs_base_fail(&ctl->log, err <= -4000 ? -EINVAL : err,
			"%s cannot be opened as a BPF object: %s; build it with clang -O2 -g -target bpf",
			path, why);
	}
	err = choose_program(ctl, object, path);
	if (!err) {
		note_new_maps(object, is_new, ARRAY_SIZE(is_new));
		err = bpf_object__load(object);
		if (err)
			unpin_new_maps(object, is_new, ARRAY_SIZE(is_new));
		if (err)
			fs_base_log(&ctl->log, FS_LOG_ERROR,
				"%s: the kernel does not load the program: %s; FASTSOCK_LOG=debug shows the "
				"verifier's words", path, strerror(-err));
		err = err == -EACCES ? -EINVAL : err;
	}
	if (err) {
		bpf_object__close(object);
		return err;
	}
	*out = object;
	return 0;
}

static int publish(struct fs_ctl *ctl, const char *name, int fd)
{
	int array = fs_steer_map(ctl->steer, FS_MAP_ANSWERS), err;
	uint32_t former = pinned_id(ctl, name), index = find_index(array, former);
	char path[FS_STEER_PATH_MAX + 80];

	if (index == FS_ANSWERS_MAX)
		for (index = 0; index < FS_ANSWERS_MAX && array_id(array, index); )
			index++;
	if (index == FS_ANSWERS_MAX)
		return fs_base_fail(&ctl->log, -ENOSPC,
			"%s: %d answer programs are loaded; `fastsock answer list` shows them",
			ctl->info.ifname, FS_ANSWERS_MAX);
	if (bpf_map_update_elem(array, &index, &fd, BPF_ANY))
		return fs_base_fail(&ctl->log, -errno,
			"%s: the program cannot be put into the program array: %s", ctl->info.ifname,
			strerror(errno));
	pin_path(ctl, name, path);
	unlink(path);
	if (!bpf_obj_pin(fd, path))
		return 0;
	err = -errno;
	bpf_map_delete_elem(array, &index);
	return fs_base_fail(&ctl->log, err, "%s cannot be pinned: %s", path, strerror(-err));
}

int fs_ctl_answer_load(struct fs_ctl *ctl, const char *path, const char *name)
{
	struct fs_steer_quiet quiet;
	struct bpf_object *object = NULL;
	int err;

	if (!fs_ctl_is_name(name))
		return fs_base_fail(&ctl->log, -EINVAL,
			"\"%s\" is no name for an answer: letters, digits, _ and -, up to %d, and not echo or kv",
			name, FS_CTL_NAME_MAX - 1);
	if (fs_ctl_need_maps(ctl) || fs_steer_map(ctl->steer, FS_MAP_ANSWERS) < 0)
		return fs_base_fail(&ctl->log, -EOPNOTSUPP,
			"%s: the attached program has no room for users' answers; detach it, then run `fastsock "
			"attach --alone %s`", ctl->info.ifname, ctl->info.ifname);
	err = fs_steer_lock(ctl->steer);
	if (err)
		return fs_base_fail(&ctl->log, err, "%s: no permission to change its pins; run as root",
				    ctl->info.ifname);
	fs_steer_quiet_begin(&quiet, &ctl->log);
	err = load_object(ctl, &object, path);
	if (!err) {
		err = publish(ctl, name,
			      bpf_program__fd(bpf_object__next_program(object, NULL)));
		bpf_object__close(object);
	}
	fs_steer_quiet_end(&quiet);
	fs_steer_unlock(ctl->steer);
	return err;
}

int fs_ctl_answer_unload(struct fs_ctl *ctl, const char *name)
{
	char path[FS_STEER_PATH_MAX + 80];
	int array, err;
	uint32_t id, index;

	if (fs_ctl_need_maps(ctl) || !fs_ctl_is_name(name))
		return -ENOENT;
	array = fs_steer_map(ctl->steer, FS_MAP_ANSWERS);
	pin_path(ctl, name, path);
	if (array < 0 || access(path, F_OK))
		return -ENOENT;
	err = fs_steer_lock(ctl->steer);
	if (err)
		return err;
	id = pinned_id(ctl, name);
	index = find_index(array, id);
	if (index < FS_ANSWERS_MAX && count_rules(ctl, index))
		err = fs_base_fail(&ctl->log, -EBUSY,
			"%s: rules still name the answer %s; `fastsock answer list` shows them",
			ctl->info.ifname, name);
	if (!err && index < FS_ANSWERS_MAX)
		bpf_map_delete_elem(array, &index);
	if (!err)
		err = unlink(path) ? -errno : 0;
	fs_steer_unlock(ctl->steer);
	return err;
}
