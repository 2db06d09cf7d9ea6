/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/tree.h"
#include "util/text.h"

#define UUID "00000000-0000-0000-0000-000000000001"
#define MDEV "sys/bus/mdev/devices/" UUID
#define VF "sys/bus/pci/devices/0000:e8:00.4"

static const struct held_device devices[] = { { UUID, { 0, 0, 0, 0 } },
					      { "", { 0, 0xe8, 0, 4 } } };

static int setup(void **state)
{
	struct tree *tree;

	if (tree_setup(state) < 0)
		return -1;
	tree = *state;
	host_tree_text(tree->root, MDEV "/nvidia/vm_name", "\n");
	host_tree_link(tree->root, MDEV "/iommu_group",
		       "../../../kernel/iommu_groups/106");
	host_tree_link(tree->root, VF "/iommu_group", "../../../kernel/iommu_groups/90");
	host_tree_dir(tree->root, VF "/vfio-dev/vfio3");
	host_tree_link(tree->root, VF "/driver", "../../../bus/pci/drivers/vfio-pci");
	host_tree_text(tree->root, "proc/1/comm", "systemd\n");
	host_tree_link(tree->root, "proc/1/fd/0", "/dev/null");
	host_tree_link(tree->root, "proc/1/fd/1", "/dev/vfio/vfio");
	host_tree_text(tree->root, "proc/meminfo", "\n");
	return 0;
}

static void find(struct tree *tree, struct holder holders[2])
{
	struct error err;

	if (holders_find(tree->fd, devices, 2, holders, &err) < 0)
		fail_msg("%s", err.message);
}

static void a_driver_or_an_empty_name_is_no_use(void **state)
{
	struct holder holders[2];

	find(*state, holders);
	assert_false(holders[0].in_use);
	assert_false(holders[1].in_use);
}

static void an_open_group_or_cdev_is_use_by_that_process(void **state)
{
	static const struct {
		const char *node;
		bool mdev, vf;
	} cases[] = {
		{ "/dev/vfio/106", true, false },
		{ "/dev/vfio/90", false, true },
		{ "/dev/vfio/devices/vfio3", false, true },
		{ "/dev/vfio/9", false, false },
		{ "/dev/vfio/1066", false, false },
		{ "/dev/vfio/devices/vfio33", false, false },
		{ "/dev/vfio/", false, false },
		{ "/srv/dev/vfio/106", false, false },
		{ "socket:[106]", false, false },
	};
	struct tree *tree = *state;
	struct holder holders[2];
	char fd[64], process[PATH_MAX + 64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		(void)snprintf(fd, sizeof(fd), "proc/%zu/fd/33", 4000 + i);
		host_tree_link(tree->root, fd, cases[i].node);
		(void)snprintf(fd, sizeof(fd), "proc/%zu/comm", 4000 + i);
		host_tree_text(tree->root, fd, "qemu-system-x86\n");
		find(tree, holders);
		check_case(cases[i].node, holders[0].in_use == cases[i].mdev);
		check_case(cases[i].node, holders[1].in_use == cases[i].vf);
		if (cases[i].vf) {
			assert_int_equal(holders[1].pid, 4000 + i);
			assert_string_equal(holders[1].command, "qemu-system-x86");
		}
		(void)snprintf(process, sizeof(process), "%s/proc/%zu", tree->root,
			       4000 + i);
		host_tree_remove(process);
	}
}

static void a_name_that_the_driver_shows_is_use_by_that_vm(void **state)
{
	struct tree *tree = *state;
	struct holder holders[2];
	char words[600];

	host_tree_text(tree->root, MDEV "/nvidia/vm_name", "web-\x1b[31m1\n");
	find(tree, holders);
	assert_true(holders[0].in_use);
	assert_int_equal(holders[0].pid, 0);
	assert_string_equal(holder_describe(&holders[0], words, sizeof(words)),
			    "VM 'web-\\x1b[31m1'");
	host_tree_link(tree->root, "proc/42/fd/3", "/dev/vfio/106");
	host_tree_text(tree->root, "proc/42/comm", "qemu\n");
	find(tree, holders);
	assert_string_equal(holder_describe(&holders[0], words, sizeof(words)),
			    "qemu (pid 42) for VM 'web-\\x1b[31m1'");
}

static void the_name_that_the_driver_shows_is_told_alone(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = { { "web 1\n", "web 1" }, { "\n", "" }, { " \n", "" } };
	struct tree *tree = *state;
	struct error err;
	char name[256];
	size_t i;

	host_tree_link(tree->root, "proc/42/fd/3", "/dev/vfio/106"); /* does not matter */
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		host_tree_text(tree->root, MDEV "/nvidia/vm_name", cases[i].text);
		assert_int_equal(
			holders_vm_name(tree->fd, UUID, name, sizeof(name), &err), 0);
		assert_string_equal(name, cases[i].want);
	}
	assert_int_equal(holders_vm_name(tree->fd, "00000000-0000-0000-0000-000000000002",
					 name, sizeof(name), &err),
			 0);
	assert_string_equal(name, "");
}

static void a_device_that_is_gone_is_held_by_nobody(void **state)
{
	static const struct held_device gone = { "00000000-0000-0000-0000-000000000002",
						 { 0, 0, 0, 0 } };
	struct tree *tree = *state;
	struct holder holder;
	struct error err;

	assert_int_equal(holders_find(tree->fd, &gone, 1, &holder, &err), 0);
	assert_false(holder.in_use);
}

static void where_it_cannot_be_told_nothing_is_claimed(void **state)
{
	struct tree *tree = *state;
	struct holder holders[2];
	struct error err;

	/* a process whose descriptors cannot be listed, by whatever errno */
	host_tree_link(tree->root, "proc/77/fd", "fd");
	assert_int_equal(holders_find(tree->fd, devices, 2, holders, &err), -ELOOP);
	assert_contains(err.message, "/proc/77/fd");
}

#define on_host(test) cmocka_unit_test_setup_teardown(test, setup, tree_teardown)

static void words_fit_where_they_are_to_be_shown(void **state)
{
	struct holder holder = { .in_use = true, .pid = 2147483647 };
	char words[512];
	size_t i;

	(void)state;
	for (i = 0; i + 1 < sizeof(holder.vm_name); i += 2)
		memcpy(holder.vm_name + i, "\xc3\xa4", 2);
	holder.vm_name[254] = '\0';
	(void)memset(holder.command, 1, 15);
	(void)holder_describe(&holder, words, sizeof(words));
	assert_contains(words, "\xc3\xa4'"); /* all of it */
	holder.vm_name[1] = '\x1b';
	holder.vm_name[3] = '\x1b';
	(void)holder_describe(&holder, words, sizeof(words));
	assert_contains(words, "...'"); /* a beginning of it, in whole characters */
	assert_true(text_is_printable(words, strlen(words)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_host(a_driver_or_an_empty_name_is_no_use),
		on_host(an_open_group_or_cdev_is_use_by_that_process),
		on_host(a_name_that_the_driver_shows_is_use_by_that_vm),
		on_host(the_name_that_the_driver_shows_is_told_alone),
		on_host(a_device_that_is_gone_is_held_by_nobody),
		on_host(where_it_cannot_be_told_nothing_is_claimed),
		cmocka_unit_test(words_fit_where_they_are_to_be_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
