/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/others.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/tree.h"

#define U1 "aaaaaaaa-0000-4000-8000-000000000001"
#define U2 "aaaaaaaa-0000-4000-8000-000000000002"
#define AUTO                                                                             \
	"{\n  \"mdev_type\": \"nvidia-558\",\n  \"start\": \"auto\",\n  \"attrs\": "     \
	"[]\n}\n"
#define MANUAL "{\n  \"mdev_type\": \"nvidia-558\",\n  \"start\" : \"manual\"\n}\n"
#define RULE "usr/lib/udev/rules.d/60-mdevctl.rules"

/* GPUs at 0000:10:00.0 and 0000:20:00.0, four VFs each from function 4. */
static struct other_owner *find(struct tree *tree, const struct own_gpus *ours,
				size_t want)
{
	static const struct own_gpus none = { NULL, 0, NULL, 0 };
	struct host *host = fake_host(2, 4);
	struct other_owner *found = NULL;
	struct error err;
	ssize_t n;

	fake_ready(host);
	n = others_mdevctl(tree->fd, host, ours ? ours : &none, &found, &err);
	host_free(host);
	assert_int_equal(n, want);
	return found;
}

static void define(struct tree *tree, const char *parent, const char *uuid,
		   const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "etc/mdevctl.d/%s/%s", parent, uuid);
	host_tree_text(tree->root, path, text);
}

static void definitions_for_functions_of_our_gpus_are_counted(void **state)
{
	struct tree *tree = *state;
	struct other_owner *o;

	host_tree_text(tree->root, RULE, "ACTION==\"change\"\n");
	define(tree, "0000:10:00.4", U1, AUTO);
	define(tree, "0000:10:00.4", U2, AUTO);
	define(tree, "0000:20:00.0", U1, "{}\n");
	o = find(tree, NULL, 2);
	assert_int_equal(o[0].n_vgpus, 2);
	assert_true(bdf_equal(&o[0].parent, &(struct bdf){ 0, 0x10, 0, 4 }));
	assert_contains(o[0].path, "/etc/mdevctl.d/0000:10:00.4");
	assert_int_equal(o[1].n_vgpus, 1);
	free(o);
}

static void what_is_started_by_hand_is_not_started_by_itself(void **state)
{
	struct tree *tree = *state;
	struct other_owner *o;

	host_tree_text(tree->root, RULE, "rule\n");
	define(tree, "0000:10:00.4", U1, MANUAL);
	free(find(tree, NULL, 0));
	define(tree, "0000:10:00.4", U2, AUTO);
	o = find(tree, NULL, 1);
	assert_int_equal(o->n_vgpus, 1);
	free(o);
}

static void without_its_rule_mdevctl_starts_nothing(void **state)
{
	struct tree *tree = *state;

	define(tree, "0000:10:00.4", U1, AUTO);
	free(find(tree, NULL, 0));
	host_tree_text(tree->root, "lib/udev/rules.d/60-mdevctl.rules", "rule\n");
	free(find(tree, NULL, 1));
	host_tree_link(tree->root, "etc/udev/rules.d/60-mdevctl.rules", "/dev/null");
	free(find(tree, NULL, 0)); /* masked */
}

static void an_empty_rule_masks_as_well_and_one_in_etc_goes_first(void **state)
{
	struct tree *tree = *state;

	define(tree, "0000:10:00.4", U1, AUTO);
	host_tree_file(tree->root, RULE, "", 0);
	free(find(tree, NULL, 0));
	host_tree_text(tree->root, "etc/udev/rules.d/60-mdevctl.rules",
		       "ACTION==\"change\", a rule longer than a buffer of two bytes\n");
	free(find(tree, NULL, 1));
}

static void functions_of_others_are_none_of_our_business(void **state)
{
	struct tree *tree = *state;

	host_tree_text(tree->root, RULE, "rule\n");
	define(tree, "0000:30:00.4", U1, AUTO);
	define(tree, "mtty", U1, AUTO);
	define(tree, "10:00.4", U1, AUTO); /* no name of the kernel's */
	define(tree, "0000:10:00.9", U1, AUTO);
	host_tree_dir(tree->root, "sys/bus/pci/devices/0000:10:1f.7");
	define(tree, "0000:10:1f.7", U1, AUTO); /* there, and no VF of the GPU */
	free(find(tree, NULL, 0));
}

static void a_vf_that_is_off_or_only_on_record_is_one_of_ours(void **state)
{
	struct tree *tree = *state;
	struct saved_vgpu vgpu = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct saved_gpu gpu = { .bdf = { 0, 0x50, 0, 0 } };
	const struct own_gpus ours = { &vgpu, 1, &gpu, 1 };
	struct other_owner *o;

	host_tree_text(tree->root, RULE, "rule\n");
	vgpu.gpu = (struct bdf){ 0, 0x40, 0, 0 };
	vgpu.vf = (struct bdf){ 0, 0x41, 0, 4 };
	define(tree, "0000:10:02.3", U1, AUTO); /* off */
	define(tree, "0000:40:00.0", U1, AUTO);
	define(tree, "0000:41:00.4", U1, AUTO);
	define(tree, "0000:50:00.5", U1, AUTO);
	define(tree, "0000:51:00.5", U1, AUTO); /* not ours */
	o = find(tree, &ours, 4);
	assert_contains(o[0].path, "0000:10:02.3");
	assert_contains(o[3].path, "0000:50:00.5");
	free(o);
}

static void odd_files_are_no_failure(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX + 64], large[8192];

	host_tree_text(tree->root, RULE, "rule\n");
	host_tree_text(tree->root, "etc/mdevctl.d/0000:10:00.5", "a file\n");
	host_tree_dir(tree->root, "etc/mdevctl.d/0000:10:00.6");
	host_tree_text(tree->root, "etc/mdevctl.d/scripts.d/notify", "#!/bin/sh\n");
	host_tree_link(tree->root, "etc/mdevctl.d/0000:10:00.7", "/");
	define(tree, "0000:10:00.4", "README", AUTO);
	define(tree, "0000:10:00.4", "\x1b[31m", AUTO);
	host_tree_dir(tree->root, "etc/mdevctl.d/0000:10:00.4/" U1);
	free(find(tree, NULL, 0));
	/* what is too large, what is a pipe, what is a link: never read, but there */
	memset(large, ' ', sizeof(large));
	host_tree_file(tree->root, "etc/mdevctl.d/0000:20:00.4/" U1, large,
		       sizeof(large));
	(void)snprintf(path, sizeof(path), "%s/etc/mdevctl.d/0000:20:00.4/" U2,
		       tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	host_tree_link(tree->root, "etc/mdevctl.d/0000:20:00.5/" U1, "/nowhere");
	free(find(tree, NULL, 2));
}

static void a_directory_that_is_a_link_is_not_followed(void **state)
{
	struct tree *tree = *state;

	host_tree_text(tree->root, RULE, "rule\n");
	host_tree_text(tree->root, "elsewhere/0000:10:00.4/" U1, AUTO);
	host_tree_link(tree->root, "etc/mdevctl.d", "../elsewhere");
	free(find(tree, NULL, 0));
}

static bool starts(const struct tree *tree, const char *uuid)
{
	char path[512] = "";
	bool is = others_mdevctl_starts(tree->fd, uuid, path, sizeof(path));

	if (is)
		assert_contains(path, uuid);
	return is;
}

static void one_that_mdevctl_starts_is_found_on_whatever_function(void **state)
{
	struct tree *tree = *state;

	define(tree, "0000:10:00.4", U1, MANUAL);
	define(tree, "mtty", U2, AUTO);
	host_tree_text(tree->root, "etc/mdevctl.d/callouts.d", "a file");
	assert_false(starts(tree, U2)); /* without its rule */
	host_tree_text(tree->root, RULE, "rule\n");
	assert_true(starts(tree, U2));
	assert_false(starts(tree, U1)); /* by hand */
	define(tree, "0000:20:00.4", U1, AUTO);
	assert_true(starts(tree, U1));
	assert_false(starts(tree, "aaaaaaaa-0000-4000-8000-000000000003"));
}

static void without_mdevctl_there_is_nobody(void **state)
{
	free(find(*state, NULL, 0));
	assert_false(starts(*state, U1));
}

int main(void)
{
#define others_test(fn) cmocka_unit_test_setup_teardown(fn, tree_setup, tree_teardown)
	const struct CMUnitTest tests[] = {
		others_test(definitions_for_functions_of_our_gpus_are_counted),
		others_test(what_is_started_by_hand_is_not_started_by_itself),
		others_test(without_its_rule_mdevctl_starts_nothing),
		others_test(an_empty_rule_masks_as_well_and_one_in_etc_goes_first),
		others_test(functions_of_others_are_none_of_our_business),
		others_test(a_vf_that_is_off_or_only_on_record_is_one_of_ours),
		others_test(odd_files_are_no_failure),
		others_test(a_directory_that_is_a_link_is_not_followed),
		others_test(one_that_mdevctl_starts_is_found_on_whatever_function),
		others_test(without_mdevctl_there_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
