// SPDX-License-Identifier: BSD-2-Clause
/* The embedded objects and where their pins go, as far as that needs no root. */
#include <bpf/libbpf.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf/fs_abi.h"
#include "steer/bpffs.h"
#include "steer/objects.h"
#include "steer/quiet.h"
#include "steer/steer.h"
#include "tests/lib/suite.h"

static char told[600];

static void remember(void *ctx, enum fs_log_level level, const char *text)
{
	(void)ctx;
	if (level == FS_LOG_ERROR)
		snprintf(told, sizeof(told), "%s", text);
}

static const struct fs_logger logger = { .fn = remember };

static void check_map(struct bpf_object *object, const char *name, size_t key, size_t value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	char path[64];

	ck_assert_msg(map, "no map %s", name);
	ck_assert_uint_eq(bpf_map__key_size(map), key);
	ck_assert_uint_eq(bpf_map__value_size(map), value);
	snprintf(path, sizeof(path), "/somewhere/%s", name);
	ck_assert_str_eq(bpf_map__pin_path(map), path);
}

START_TEST(both_objects_have_the_maps_of_the_abi_under_their_pin_names)
{
	for (int which = FS_STEER_OBJECT_USER; which <= FS_STEER_OBJECT_PLAIN; which++) {
		struct bpf_object *object;

		ck_assert_int_eq(fs_steer_object_open(&object, which, "/somewhere"), 0);
		check_map(object, FS_MAP_CONFIG, 4, sizeof(struct fs_config));
		check_map(object, FS_MAP_RULES, sizeof(struct fs_rule_key), sizeof(struct fs_rule));
		check_map(object, FS_MAP_SLOTS, 4, sizeof(struct fs_slot));
		check_map(object, FS_MAP_XSKS, 4, 4);
		check_map(object, FS_MAP_STATS, 4, sizeof(struct fs_stats));
		check_map(object, FS_MAP_RATES, sizeof(struct fs_rate_key), sizeof(struct fs_rate));
		check_map(object, FS_MAP_KV_SMALL, 8, sizeof(struct fs_kv_small));
		check_map(object, FS_MAP_KV_LARGE, 8, sizeof(struct fs_kv_large));
		check_map(object, FS_MAP_KV_HOT, 4, sizeof(struct fs_kv_hot));
		check_map(object, FS_MAP_SCRATCH, 4, sizeof(struct fs_scratch));
		check_map(object, FS_MAP_CAPTURES, 4, 4);
		ck_assert_int_eq(!bpf_object__find_map_by_name(object, FS_MAP_ANSWERS),
				 which == FS_STEER_OBJECT_PLAIN);
		bpf_object__close(object);
	}
}
END_TEST

START_TEST(each_object_has_one_program)
{
	static const char *const names[] = { FS_PROG_NAME, FS_PROG_NAME, "fastsock_pass" };

	for (int which = 0; which < FS_STEER_OBJECT_COUNT; which++) {
		struct bpf_program *program;
		struct bpf_object *object;

		ck_assert_int_eq(fs_steer_object_open(&object, which, "/somewhere"), 0);
		program = fs_steer_object_program(object);
		ck_assert_str_eq(bpf_program__name(program), names[which]);
		ck_assert_int_eq(bpf_program__expected_attach_type(program), 0);
		ck_assert_ptr_null(bpf_object__next_program(object, program));
		bpf_object__close(object);
	}
}
END_TEST

START_TEST(a_pin_root_that_cannot_be_is_a_sentence)
{
	char root[FS_STEER_PATH_MAX];

	setenv("FASTSOCK_PIN_ROOT", "relative", 1);
	ck_assert_int_eq(fs_steer_bpffs_root(root, true, &logger), -EINVAL);
	ck_assert_ptr_nonnull(strstr(told, "relative"));
	setenv("FASTSOCK_PIN_ROOT", "/tmp/fastsock", 1);
	ck_assert_int_eq(fs_steer_bpffs_root(root, true, &logger), -ENODEV);
	ck_assert_ptr_nonnull(strstr(told, "mount -t bpf"));
	unsetenv("FASTSOCK_PIN_ROOT");
}
END_TEST

START_TEST(names_that_are_paths_are_no_interfaces)
{
	static const char *const names[] = { "", ".", "..", "../x", "a/b", "0123456789abcdef" };
	struct fs_steer *steer;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(fs_steer_open(&steer, names[i], &logger), -ENODEV);
		ck_assert_int_eq(fs_steer_detach(names[i], &logger), -ENODEV);
		ck_assert_int_eq(fs_steer_attach(names[i], FS_STEER_AUTO, &logger), -ENODEV);
	}
}
END_TEST

START_TEST(what_libbpf_prints_comes_as_debug_and_the_printer_is_given_back)
{
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	struct fs_steer_quiet outer, inner;

	libbpf_set_print(before);
	fs_steer_quiet_begin(&outer, &logger);
	fs_steer_quiet_begin(&inner, &logger);
	fs_steer_quiet_end(&inner);
	fs_steer_quiet_end(&outer);
	ck_assert_ptr_eq(libbpf_set_print(before), before);
	ck_assert_str_eq(fs_steer_quiet_said(), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("steer/objects");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, both_objects_have_the_maps_of_the_abi_under_their_pin_names);
	tcase_add_test(tc, each_object_has_one_program);
	tcase_add_test(tc, a_pin_root_that_cannot_be_is_a_sentence);
	tcase_add_test(tc, names_that_are_paths_are_no_interfaces);
	tcase_add_test(tc, what_libbpf_prints_comes_as_debug_and_the_printer_is_given_back);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
