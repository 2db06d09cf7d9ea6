/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Switching virtual functions, with shell scripts that stand for sriov-manage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"
#include "run/sriov_job.h"
#include "util/clock.h"
#include "util/lock.h"

#define GPU "sys/bus/pci/devices/0000:e8:00.0"
#define PROGRAM "usr/lib/nvidia/sriov-manage"

/* Begins in the tree's root; makes four VFs that show types. */
#define MAKE_VFS                                                                         \
	"for i in 0 1 2 3; do vf=0000:e8:00.$((i + 4)); "                                \
	"mkdir -p sys/bus/pci/devices/$vf; "                                             \
	"ln -s ../0000:e8:00.0 sys/bus/pci/devices/$vf/physfn; "                         \
	"ln -s ../$vf " GPU "/virtfn$i; ln -s x sys/class/mdev_bus/$vf; done\n"
#define DROP_VFS "rm -f " GPU "/virtfn* sys/class/mdev_bus/*\n"

static void gpu_file(struct tree *tree, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), GPU "/%s", name);
	host_tree_text(tree->root, path, text);
}

static void program(struct tree *tree, const char *body)
{
	char path[PATH_MAX + 64], script[4096];

	(void)snprintf(script, sizeof(script),
		       "#!/bin/sh\ncd \"${0%%/" PROGRAM "}\" || exit 9\n"
		       "echo \"$@\" >> calls\n%s",
		       body);
	host_tree_text(tree->root, PROGRAM, script);
	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, tree->root);
	assert_int_equal(chmod(path, 0755), 0);
}

static int setup(void **state)
{
	struct tree *tree;

	if (tree_setup(state) < 0)
		return -1;
	tree = *state;
	gpu_file(tree, "vendor", "0x10de\n");
	gpu_file(tree, "class", "0x030200\n");
	gpu_file(tree, "device", "0x2235\n");
	gpu_file(tree, "sriov_numvfs", "0\n");
	host_tree_link(tree->root, GPU "/driver", "../../drivers/nvidia");
	host_tree_text(tree->root, "sys/bus/pci/drivers/nvidia/bind", "");
	host_tree_dir(tree->root, "sys/class/mdev_bus");
	return 0;
}

static int switch_to(struct tree *tree, uint32_t n_vfs, uint32_t timeout_s,
		     struct error *err)
{
	const struct sriov_tool tool = { tree->root, PROGRAM };
	const struct sriov_job job = { { 0, 0xe8, 0, 0 }, n_vfs, timeout_s, false, false };
	int r, lock_fd = lock_open(tree->fd, "lock", err);

	assert_true(lock_fd >= 0);
	r = sriov_job_run(tree->fd, &tool, &job, lock_fd, err);
	(void)close(lock_fd);
	return r;
}

/* What the file NAME below the root holds, "" where there is none. */
static const char *content(struct tree *tree, const char *name, char buf[256])
{
	int fd = openat(tree->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, 255);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return buf;
}

static void the_program_is_run_once_and_sysfs_is_believed(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[256];

	program(tree, MAKE_VFS "exit 3\n"); /* it says that it failed, and has not */
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
	program(tree, DROP_VFS);
	assert_int_equal(switch_to(tree, 0, 20, &err), 0);
	assert_string_equal(content(tree, "calls", buf),
			    "-e 0000:e8:00.0\n-d 0000:e8:00.0\n");
}

static void success_that_changed_nothing_is_a_failure(void **state)
{
	struct tree *tree = *state;
	struct error err;

	program(tree, "exit 0\n");
	assert_int_equal(switch_to(tree, 4, 1, &err), -EIO);
	assert_contains(err.message, "0000:e8:00.0: it has 0 VFs, not 4");
	program(tree, "echo no such GPU >&2; exit 5\n");
	assert_int_equal(switch_to(tree, 4, 1, &err), -EIO);
	assert_contains(err.message, "status 5");
	assert_contains(err.message, "no such GPU");
}

static void a_gpu_with_a_vgpu_on_it_is_never_switched(void **state)
{
	static const char uuid[] = "00000000-0000-0000-0000-000000000001";
	struct tree *tree = *state;
	char path[256], target[256], buf[256];
	struct error err;

	program(tree, MAKE_VFS);
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	program(tree, DROP_VFS);
	(void)snprintf(path, sizeof(path), "sys/bus/mdev/devices/%s", uuid);
	(void)snprintf(target, sizeof(target), "../../../devices/0000:e8:00.5/%s", uuid);
	host_tree_link(tree->root, path, target);
	host_tree_link(tree->root, "sys/devices/0000:e8:00.5",
		       "../bus/pci/devices/0000:e8:00.5");
	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:e8:00.5/%s", uuid);
	host_tree_dir(tree->root, path);
	assert_int_equal(switch_to(tree, 0, 20, &err), -EBUSY);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_contains(err.message, uuid);
	assert_int_equal(switch_to(tree, 2, 20, &err), -EBUSY);
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
}

static void a_gpu_whose_vf_somebody_holds_is_never_switched(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[256];

	program(tree, MAKE_VFS);
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	program(tree, DROP_VFS);
	host_tree_link(tree->root, "sys/bus/pci/devices/0000:e8:00.6/iommu_group",
		       "../../kernel/iommu_groups/42");
	host_tree_link(tree->root, "proc/4242/fd/7", "/dev/vfio/42");
	host_tree_text(tree->root, "proc/4242/comm", "qemu-\x1b[31m\n");
	assert_int_equal(switch_to(tree, 0, 20, &err), -EBUSY);
	assert_int_equal(err.kind, ERROR_IN_USE);
	assert_contains(err.message, "0000:e8:00.6");
	assert_contains(err.message, "4242");
	assert_null(strchr(err.message, '\x1b'));
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
}

static void
past_its_deadline_the_program_goes_on_and_keeps_its_gpu_but_no_other(void **state)
{
	struct tree *tree = *state;
	struct error err;
	int64_t before;
	int look_fd;
	char buf[256];

	program(tree, "while [ ! -e go ]; do sleep 0.02; done\n" MAKE_VFS);
	assert_int_equal(switch_to(tree, 4, 1, &err), -ETIMEDOUT);
	assert_contains(err.message, "left running");
	before = clock_monotonic_ms();
	assert_int_equal(switch_to(tree, 4, 1, &err), -ETIMEDOUT);
	assert_true(clock_monotonic_ms() - before >= 990);
	assert_contains(err.message, "has not ended");
	look_fd = lock_peek(tree->fd, ".", "lock");
	assert_false(lock_is_held(look_fd, LOCK_SRIOV));
	assert_true(lock_is_exclusive(look_fd, LOCK_GPUS + 0xe800));
	(void)close(look_fd);
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
	host_tree_text(tree->root, "go", "");
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	assert_string_equal(content(tree, "calls", buf), "-e 0000:e8:00.0\n");
}

static void a_gpu_that_the_program_left_without_a_driver_is_bound_again(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[256];

	program(tree, MAKE_VFS "rm " GPU "/driver\n");
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	assert_string_equal(content(tree, "sys/bus/pci/drivers/nvidia/bind", buf),
			    "0000:e8:00.0");
}

static void a_gpu_that_keeps_its_driver_is_not_bound_again(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[256];

	program(tree, MAKE_VFS);
	assert_int_equal(switch_to(tree, 4, 20, &err), 0);
	assert_string_equal(content(tree, "sys/bus/pci/drivers/nvidia/bind", buf), "");
}

static void a_program_that_others_can_write_is_not_run(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX + 64], buf[256];
	struct error err;

	program(tree, MAKE_VFS);
	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, tree->root);
	assert_int_equal(chmod(path, 0777), 0);
	assert_true(switch_to(tree, 4, 1, &err) < 0);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_contains(err.message, PROGRAM);
	assert_string_equal(content(tree, "calls", buf), "");
}

static void without_the_program_the_kernels_own_file_is_written(void **state)
{
	struct tree *tree = *state;
	struct error err;
	char buf[256];

	assert_int_equal(switch_to(tree, 4, 1, &err),
			 -EIO); /* a plain file makes no VFs */
	assert_string_equal(content(tree, GPU "/sriov_numvfs", buf), "4\n");
	assert_int_equal(unlinkat(tree->fd, GPU "/sriov_numvfs", 0), 0);
	assert_int_equal(switch_to(tree, 4, 1, &err), -ENOENT);
	assert_contains(err.hint, PROGRAM);
}

static void a_gpu_that_is_not_there_is_not_found(void **state)
{
	struct tree *tree = *state;
	const struct sriov_tool tool = { tree->root, PROGRAM };
	const struct sriov_job job = { { 0, 0x1, 0, 0 }, 4, 1, false, false };
	struct error err;
	int lock_fd = lock_open(tree->fd, "lock", &err);

	assert_int_equal(sriov_job_run(tree->fd, &tool, &job, lock_fd, &err), -ENODEV);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_contains(err.message, "0000:01:00.0");
	(void)close(lock_fd);
}

#define on_gpu(test) cmocka_unit_test_setup_teardown(test, setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_gpu(the_program_is_run_once_and_sysfs_is_believed),
		on_gpu(success_that_changed_nothing_is_a_failure),
		on_gpu(a_gpu_with_a_vgpu_on_it_is_never_switched),
		on_gpu(a_gpu_whose_vf_somebody_holds_is_never_switched),
		on_gpu(past_its_deadline_the_program_goes_on_and_keeps_its_gpu_but_no_other),
		on_gpu(a_gpu_that_the_program_left_without_a_driver_is_bound_again),
		on_gpu(a_gpu_that_keeps_its_driver_is_not_bound_again),
		on_gpu(a_program_that_others_can_write_is_not_run),
		on_gpu(without_the_program_the_kernels_own_file_is_written),
		on_gpu(a_gpu_that_is_not_there_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
