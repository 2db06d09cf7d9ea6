/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"
#include "sysfs/sriov.h"
#include "sysfs/vfio.h"

static void a_value_is_read_to_its_end_without_one_newline(void **state)
{
	static const struct {
		const char *content, *want;
	} cases[] = {
		{ "16\n", "16" },     { "16", "16" },
		{ "16\n\n", "16\n" }, { "\n", "" },
		{ "", "" },	      { "a\nb\n", "a\nb" },
		{ "a b ", "a b " },   { "1234567\n", "1234567" },
	};
	struct tree *tree = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct error err;
		char buf[16];

		host_tree_text(tree->root, "attr", cases[i].content);
		assert_int_equal(sysfs_read(tree->fd, "attr", buf, sizeof(buf), &err), 0);
		assert_string_equal(buf, cases[i].want);
	}
}

static void a_value_that_does_not_fit_is_never_cut(void **state)
{
	struct tree *tree = *state;
	char content[32], buf[9];
	size_t len;

	for (len = 1; len < sizeof(content); len++) {
		struct error err;
		int r;

		memset(content, 'x', sizeof(content));
		host_tree_file(tree->root, "attr", content, len);
		memset(buf, '#', sizeof(buf));
		r = sysfs_read(tree->fd, "attr", buf, 8, &err);
		assert_int_equal(buf[8], '#');
		if (len < 8) {
			assert_int_equal(r, 0);
			assert_int_equal(strlen(buf), len);
		} else {
			assert_int_equal(r, -EOVERFLOW);
			assert_contains(err.message, "/attr");
		}
	}
}

static void a_newline_that_is_dropped_needs_no_room(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[4];

	host_tree_text(tree->root, "attr", "abc\n");
	assert_int_equal(sysfs_read(tree->fd, "attr", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "abc");
}

static void a_value_that_holds_a_nul_is_refused(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[16];

	host_tree_file(tree->root, "attr", "a\0b\n", 4);
	assert_int_equal(sysfs_read(tree->fd, "attr", buf, sizeof(buf), &err), -EPROTO);
	host_tree_file(tree->root, "attr", "a\0", 2);
	assert_int_equal(sysfs_read(tree->fd, "attr", buf, sizeof(buf), &err), -EPROTO);
}

static void whatever_fails_names_the_file_by_its_whole_path(void **state)
{
	static const char name[] = "sys/bus/pci/devices/0000:e8:00.0/nope";
	struct tree *tree = *state;
	struct names names;
	struct error err;
	char whole[PATH_MAX + 128], buf[8];
	uint64_t value;
	int fd, i;

	host_tree_dir(tree->root, "sys/bus/pci/devices/0000:e8:00.0");
	(void)snprintf(whole, sizeof(whole), "%s/%s: No such file or directory",
		       tree->root, name);
	for (i = 0; i < 6; i++) {
		int r = i == 0	 ? sysfs_read(tree->fd, name, buf, sizeof(buf), &err)
			: i == 1 ? sysfs_read_u64(tree->fd, name, &value, &err)
			: i == 2 ? sysfs_write(tree->fd, name, "1", &err)
			: i == 3 ? sysfs_link(tree->fd, name, buf, sizeof(buf), &err)
			: i == 4 ? sysfs_walk(tree->fd, name, &err)
				 : sysfs_list(tree->fd, name, &names, &err);

		assert_int_equal(r, -ENOENT);
		assert_int_equal(err.errnum, ENOENT);
		assert_contains(err.message, whole);
		assert_int_equal(err.kind, ERROR_SYSTEM);
	}
	fd = sysfs_walk(tree->fd, "sys/bus/pci/devices/0000:e8:00.0", &err);
	assert_true(fd >= 0);
	assert_int_equal(sysfs_read(fd, "nope", buf, sizeof(buf), &err), -ENOENT);
	assert_contains(err.message, whole);
	(void)close(fd);
	assert_int_equal(sysfs_read(tree->fd, name, buf, sizeof(buf), NULL), -ENOENT);
}

static void a_directory_is_no_attribute(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[8];

	host_tree_dir(tree->root, "dir");
	assert_int_equal(sysfs_read(tree->fd, "dir", buf, sizeof(buf), &err), -EISDIR);
	host_tree_text(tree->root, "file", "x");
	assert_int_equal(sysfs_walk(tree->fd, "file", &err), -ENOTDIR);
}

static void links_that_go_in_circles_are_an_error_and_no_endless_walk(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[8];

	host_tree_link(tree->root, "a", "b");
	host_tree_link(tree->root, "b", "a");
	assert_int_equal(sysfs_read(tree->fd, "a", buf, sizeof(buf), &err), -ELOOP);
	assert_int_equal(sysfs_walk(tree->fd, "a", &err), -ELOOP);
}

static void numbers_are_decimal_or_hexadecimal_and_nothing_else(void **state)
{
	static const struct {
		const char *content;
		bool ok;
		uint64_t want;
	} cases[] = {
		{ "16\n", true, 16 },
		{ "0\n", true, 0 },
		{ "0x10de\n", true, 0x10de },
		{ "0x10DE\n", true, 0x10de },
		{ "0xffffffffffffffff\n", true, UINT64_MAX },
		{ "18446744073709551615\n", true, UINT64_MAX },
		{ "18446744073709551616\n", false, 0 },
		{ "0x10000000000000000\n", false, 0 },
		{ "-1\n", false, 0 },
		{ "\n", false, 0 },
		{ "", false, 0 },
		{ "0x\n", false, 0 },
		{ "0xg\n", false, 0 },
		{ "0x1 \n", false, 0 },
		{ "0x\x11\n", false, 0 }, /* 0x20 less than '1' */
		{ "16 \n", false, 0 },
		{ "16\n16\n", false, 0 },
		{ "Unknown\n", false, 0 },
		{ "\x1b[31m\n", false, 0 },
	};
	struct tree *tree = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		uint64_t value = 4711;
		struct error err;
		int r;

		host_tree_text(tree->root, "attr", cases[i].content);
		r = sysfs_read_u64(tree->fd, "attr", &value, &err);
		check_case(cases[i].content, r == (cases[i].ok ? 0 : -EPROTO));
		check_case(cases[i].content,
			   value == (cases[i].ok ? cases[i].want : 4711));
		if (cases[i].ok)
			continue;
		assert_contains(err.message, "/attr");
		assert_null(strchr(err.message, '\x1b'));
	}
}

static void a_write_adds_neither_newline_nor_nul_and_makes_no_file(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX + 8], got[64];
	struct error err;
	int fd;

	assert_int_equal(sysfs_write(tree->fd, "create", "1", &err), -ENOENT);
	assert_false(sysfs_exists(tree->fd, "create"));
	(void)snprintf(path, sizeof(path), "%s/create", tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sysfs_write(tree->fd, "create", "0000:e8:00.4", &err), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 12);
	assert_memory_equal(got, "0000:e8:00.4", 12);
	(void)close(fd);
}

static void a_refused_write_gives_the_errno_of_the_kernel(void **state)
{
	struct tree *tree = *state;
	struct error err;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(sysfs_write(fd, "dev/full", "1", &err), -ENOSPC);
	(void)close(fd);
	assert_contains(err.message, "write /dev/full: No space left on device");
	host_tree_dir(tree->root, "dir");
	assert_int_equal(sysfs_write(tree->fd, "dir", "1", &err), -EISDIR);
}

static void what_is_written_stays_below_the_root(void **state)
{
	struct tree *tree = *state;
	char path[2 * PATH_MAX], up[4 * PATH_MAX];
	struct error err;
	int fd;

	host_tree_text(tree->root, "outside/attr", "old");
	host_tree_text(tree->root, "root/sys/own/attr", "old");
	(void)snprintf(path, sizeof(path), "%s/outside", tree->root);
	(void)snprintf(up, sizeof(up), "../../../../../../../../../..%s", path);
	host_tree_link(tree->root, "root/sys/absolute", path);
	host_tree_link(tree->root, "root/sys/relative", up);
	host_tree_link(tree->root, "root/sys/inside", "../sys/own");
	host_tree_link(tree->root, "root/sys/top", "/sys/own");
	host_tree_link(tree->root, "root/sys/loop", "loop");
	fd = openat(tree->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sysfs_write(fd, "sys/absolute/attr", "1", &err), -ENOENT);
	assert_contains(err.message, "/root/sys/absolute/attr: No such file");
	assert_int_equal(sysfs_write(fd, "sys/relative/attr", "1", &err), -ENOENT);
	assert_int_equal(sysfs_write(fd, "sys/loop/attr", "1", &err), -ELOOP);
	assert_int_equal(sysfs_write(fd, "../outside/attr", "1", &err), -ENOENT);
	assert_int_equal(sysfs_walk_inside(fd, "sys/absolute", &err), -ENOENT);
	assert_int_equal(sysfs_walk_inside(fd, "sys/relative", &err), -ENOENT);
	assert_int_equal(sysfs_read(tree->fd, "outside/attr", path, 8, &err), 0);
	assert_string_equal(path, "old");
	assert_int_equal(sysfs_write(fd, "sys/inside/attr", "new", &err), 0);
	assert_int_equal(sysfs_read(fd, "sys/own/attr", path, 8, &err), 0);
	assert_string_equal(path, "new");
	assert_int_equal(sysfs_write(fd, "sys/top/attr", "two", &err), 0);
	assert_int_equal(sysfs_read(fd, "sys/own/attr", path, 8, &err), 0);
	assert_string_equal(path, "two");
	(void)close(fd);
}

static void a_link_gives_its_text_or_its_last_part(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[64], small[6];

	host_tree_link(tree->root, "driver", "../../bus/pci/drivers/nvidia");
	host_tree_link(tree->root, "bare", "nvidia");
	assert_int_equal(sysfs_link_name(tree->fd, "driver", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "nvidia");
	assert_int_equal(sysfs_link_name(tree->fd, "bare", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "nvidia");
	assert_int_equal(sysfs_link(tree->fd, "driver", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "../../bus/pci/drivers/nvidia");
	assert_int_equal(sysfs_link_name(tree->fd, "driver", small, sizeof(small), &err),
			 -EOVERFLOW);
	assert_int_equal(sysfs_link(tree->fd, "bare", small, sizeof(small), &err),
			 -EOVERFLOW);
	host_tree_text(tree->root, "file", "x");
	assert_int_equal(sysfs_link_name(tree->fd, "file", buf, sizeof(buf), &err),
			 -EINVAL);
}

static void existence_is_that_of_the_entry_and_not_of_what_it_points_to(void **state)
{
	struct tree *tree = *state;

	host_tree_link(tree->root, "dangling", "nowhere");
	assert_true(sysfs_exists(tree->fd, "dangling"));
	assert_false(sysfs_exists(tree->fd, "nowhere"));
}

static void what_nobody_can_tell_is_not_taken_to_be_gone(void **state)
{
	struct tree *tree = *state;
	struct error err;

	host_tree_text(tree->root, "file", "x");
	assert_int_equal(sysfs_look(tree->fd, "file", &err), 1);
	assert_int_equal(sysfs_look(tree->fd, "nowhere", &err), 0);
	assert_int_equal(sysfs_look(tree->fd, "file/below", &err), 0);
	host_tree_link(tree->root, "circle", "circle");
	assert_int_equal(sysfs_look(tree->fd, "circle/below", &err), -ELOOP);
	assert_contains(err.message, "/circle/below: ");
	assert_true(sysfs_exists(tree->fd, "circle/below"));
	assert_false(sysfs_exists(tree->fd, "file/below"));
}

static void a_list_is_sorted_and_has_no_dots(void **state)
{
	struct tree *tree = *state;
	struct names names;
	struct error err;
	char name[32];
	size_t i;

	for (i = 0; i < 150; i++) {
		(void)snprintf(name, sizeof(name), "d/%03zu", (i * 37) % 150);
		host_tree_text(tree->root, name, "");
	}
	assert_int_equal(sysfs_list(tree->fd, "d", &names, &err), 0);
	assert_int_equal(names.n, 150);
	for (i = 0; i < names.n; i++) {
		(void)snprintf(name, sizeof(name), "%03zu", i);
		assert_string_equal(names.names[i], name);
		assert_int_equal(names_index(&names, name), i);
	}
	assert_false(names_contain(&names, "."));
	assert_int_equal(names_index(&names, "150"), -1);
	names_free(&names);
	names_free(&names);
	assert_false(names_contain(&names, "000"));
}

static void vfs_are_counted_by_their_links_and_sorted_by_number(void **state)
{
	struct tree *tree = *state;
	struct parent *vfs = NULL;
	size_t n = 0, room = 0;
	struct error err;
	uint32_t total = 7;

	host_tree_link(tree->root, "virtfn10", "../0000:e8:01.6");
	host_tree_link(tree->root, "virtfn2", "../0000:e8:00.6");
	host_tree_link(tree->root, "virtfn0", "../0000:e8:00.4");
	host_tree_link(tree->root, "virtfn", "../0000:e8:00.5");
	host_tree_link(tree->root, "virtfnx", "../0000:e8:00.5");
	assert_int_equal(sriov_list_vfs(tree->fd, 3, &vfs, &n, &room, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(vfs[0].index, 0);
	assert_int_equal(vfs[1].index, 2);
	assert_int_equal(vfs[2].index, 10);
	assert_int_equal(vfs[2].bdf.device, 1);
	assert_int_equal(vfs[2].gpu, 3);
	/* one that leads astray is told of, after the others */
	host_tree_link(tree->root, "virtfn1", "virtfn1");
	n = 0;
	assert_int_equal(sriov_list_vfs(tree->fd, 3, &vfs, &n, &room, &err), -EPROTO);
	assert_int_equal(n, 3);
	assert_contains(err.message, "virtfn1");
	free(vfs);
	assert_int_equal(sriov_total(tree->fd, &total, &err), 0);
	assert_int_equal(total, 0);
	host_tree_text(tree->root, "sriov_totalvfs", "65536\n");
	assert_int_equal(sriov_total(tree->fd, &total, &err), -EPROTO);
	host_tree_text(tree->root, "sriov_totalvfs", "32\n");
	assert_int_equal(sriov_total(tree->fd, &total, &err), 0);
	assert_int_equal(total, 32);
}

static void a_recorded_l40s_vf_offers_vgpus_by_vendor_vfio(void **state)
{
	struct tree *tree = *state;
	uint32_t type = 7;
	struct error err;
	int devices_fd;

	tree_fill_recorded(tree, "l40s-vf");
	devices_fd = sysfs_walk(tree->fd, "sys/bus/pci/devices", &err);
	assert_int_equal(vfio_current_type(devices_fd, "0000:26:00.4", &type, &err), 1);
	assert_int_equal(type, 0);
	assert_int_equal(vfio_current_type(devices_fd, "0000:26:00.5", &type, &err), 0);
	host_tree_text(tree->root,
		       "sys/bus/pci/devices/0000:26:00.5/nvidia/current_vgpu_type",
		       "1155\n");
	assert_int_equal(vfio_current_type(devices_fd, "0000:26:00.5", &type, &err), 1);
	assert_int_equal(type, 1155);
	host_tree_text(tree->root,
		       "sys/bus/pci/devices/0000:26:00.5/nvidia/current_vgpu_type",
		       "none\n");
	assert_int_equal(vfio_current_type(devices_fd, "0000:26:00.5", &type, &err),
			 -EPROTO);
	(void)close(devices_fd);
}

#define on_tree(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_tree(a_value_is_read_to_its_end_without_one_newline),
		on_tree(a_value_that_does_not_fit_is_never_cut),
		on_tree(a_newline_that_is_dropped_needs_no_room),
		on_tree(a_value_that_holds_a_nul_is_refused),
		on_tree(whatever_fails_names_the_file_by_its_whole_path),
		on_tree(a_directory_is_no_attribute),
		on_tree(links_that_go_in_circles_are_an_error_and_no_endless_walk),
		on_tree(numbers_are_decimal_or_hexadecimal_and_nothing_else),
		on_tree(a_write_adds_neither_newline_nor_nul_and_makes_no_file),
		on_tree(a_refused_write_gives_the_errno_of_the_kernel),
		on_tree(what_is_written_stays_below_the_root),
		on_tree(a_link_gives_its_text_or_its_last_part),
		on_tree(existence_is_that_of_the_entry_and_not_of_what_it_points_to),
		on_tree(what_nobody_can_tell_is_not_taken_to_be_gone),
		on_tree(a_list_is_sorted_and_has_no_dots),
		on_tree(vfs_are_counted_by_their_links_and_sorted_by_number),
		on_tree(a_recorded_l40s_vf_offers_vgpus_by_vendor_vfio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
