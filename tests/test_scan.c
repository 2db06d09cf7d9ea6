/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"

#define EVERYTHING                                                                       \
	(SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE | SCAN_STUCK | SCAN_NAMES)

struct warnings {
	unsigned n;
	char text[64 * 1024];
};

static void note(void *arg, const struct error *err)
{
	struct warnings *warnings = arg;
	size_t used = strlen(warnings->text);

	warnings->n++;
	(void)snprintf(warnings->text + used, sizeof(warnings->text) - used, "%s\n",
		       err->message);
}

/* Scans ROOT; fails the test if that fails. */
static struct host *scan(const struct tree *tree, unsigned what,
			 struct warnings *warnings)
{
	struct scan_options options = { .what = what,
					.warn = warnings ? note : NULL,
					.arg = warnings };
	struct host *host = NULL;
	struct error err;

	if (warnings)
		*warnings = (struct warnings){ .n = 0 };
	if (scan_host(tree->fd, &options, &host, &err) < 0)
		fail_msg("%s", err.message);
	return host;
}

static void assert_bdf(const struct bdf *bdf, const char *want)
{
	char name[BDF_SIZE];

	assert_string_equal(bdf_format(bdf, name), want);
}

static void a_recorded_a2_is_one_gpu_with_16_vfs_and_three_live_vgpus(void **state)
{
	static const struct {
		const char *uuid, *parent, *name;
		uint32_t id;
		int vf;
	} want[] = {
		{ "3deab9a4-200a-4c54-99b1-5eb0722d1d81", "0000:08:00.6", "NVIDIA A2-4A",
		  751, 2 },
		{ "c728e022-f16f-434b-ad2c-9665ee634d3d", "0000:08:02.0", "NVIDIA A2-4Q",
		  746, 12 },
		{ "f715f63c-0d00-4007-9c5a-b07b0c6c05de", "0000:08:00.4", "NVIDIA A2-4C",
		  754, 0 },
	};
	struct warnings warnings;
	struct host *host;
	size_t i;

	tree_fill_recorded(*state, "a2-node");
	host = scan(*state, EVERYTHING, &warnings);
	assert_string_equal(warnings.text, "");
	assert_int_equal(host->n_gpus, 1);
	assert_bdf(&host->gpus[0].bdf, "0000:08:00.0");
	assert_int_equal(host->gpus[0].device, 0x25b6);
	assert_int_equal(host->gpus[0].vendor, 0x10de);
	assert_string_equal(host->gpus[0].driver, "nvidia");
	assert_string_equal(host->gpus[0].driver_override, "");
	assert_int_equal(host->gpus[0].numa_node, 0);
	assert_int_equal(host->gpus[0].total_vfs, 16);
	assert_int_equal(host->n_parents, 16);
	assert_int_equal(host->n_live, 3);
	for (i = 0; i < host->n_parents; i++)
		assert_int_equal(host->parents[i].index, i);
	assert_bdf(&host->parents[15].bdf, "0000:08:02.3");
	for (i = 0; i < host->n_live; i++) {
		const struct live_vgpu *live = &host->live[i];

		/* their own mdev_type links dangle; another VF of the GPU tells the names
		 */
		assert_string_equal(live->uuid, want[i].uuid);
		assert_string_equal(live->parent_name, want[i].parent);
		assert_string_equal(live->type_name, want[i].name);
		assert_int_equal(live->type_id, want[i].id);
		assert_int_equal(live->framebuffer_mib, 4096);
		assert_int_equal(live->gpu, 0);
		assert_int_equal(live->at, want[i].vf);
		assert_int_equal(live->framework, FRAMEWORK_MDEV);
		assert_false(live->stuck);
	}
	host_free(host);
}

static void a_recorded_catalog_has_all_types_with_what_is_free(void **state)
{
	const struct vgpu_type *type;
	const struct gpu *gpu;
	struct host *host;
	size_t i;

	tree_fill_recorded(*state, "a2-node");
	host = scan(*state, SCAN_OTHERS | SCAN_TYPES | SCAN_AVAILABLE, NULL);
	gpu = &host->gpus[0];
	assert_non_null(gpu->catalog);
	assert_int_equal(gpu->catalog->n_types, 15);
	assert_false(gpu->catalog->remembered);
	for (i = 0; i < gpu->catalog->n_types; i++)
		assert_int_equal(gpu->catalog->types[i].id, 742 + i);
	for (i = 0; i < gpu->catalog->n_types; i++)
		assert_int_equal(gpu->available[i],
				 gpu->catalog->types[i].framebuffer_mib == 4096);
	type = catalog_find(gpu->catalog, "A2-16C");
	assert_non_null(type);
	assert_int_equal(type->max_instances, 1);
	assert_int_equal(type->framebuffer_mib, 16384);
	assert_string_equal(type->max_resolution, "4096x2400");
	/* the catalog was recorded on one VF alone, so that one alone is ready */
	assert_int_equal(gpu_ready_vfs(host, gpu), 1);
	assert_int_equal(gpu_framework(host, gpu), FRAMEWORK_MDEV);
	host_free(host);
}

static void what_is_not_asked_for_is_not_read(void **state)
{
	struct host *host;

	tree_fill(*state, "a40-half-done");
	host = scan(*state, 0, NULL);
	assert_int_equal(host->n_gpus, 1);
	assert_int_equal(host->n_parents, 4);
	assert_string_equal(host->gpus[0].driver, "nvidia");
	assert_int_equal(host->gpus[0].device, 0);
	assert_int_equal(host->gpus[0].total_vfs, 0);
	assert_null(host->gpus[0].catalog);
	assert_null(host->gpus[0].available);
	assert_int_equal(host->n_live, 3);
	assert_string_equal(host->live[0].type_name, "");
	assert_int_equal(host->live[0].type_id, 560);
	host_free(host);
	host = scan(*state, SCAN_TYPES, NULL);
	assert_non_null(host->gpus[0].catalog);
	assert_null(host->gpus[0].available);
	host_free(host);
}

static void with_sriov_off_a_gpu_is_seen_without_vfs_or_types(void **state)
{
	struct warnings warnings;
	struct host *host;

	tree_fill(*state, "a40-sriov-off");
	host = scan(*state, EVERYTHING & ~(unsigned)SCAN_OTHERS, &warnings);
	assert_string_equal(warnings.text, "");
	assert_int_equal(host->n_gpus, 1);
	assert_bdf(&host->gpus[0].bdf, "0000:e8:00.0");
	assert_int_equal(host->gpus[0].total_vfs, 32);
	assert_int_equal(host->gpus[0].numa_node, 1);
	assert_int_equal(host->gpus[0].n_parents, 0);
	assert_null(host->gpus[0].catalog);
	assert_int_equal(host->n_live, 0);
	assert_int_equal(gpu_mode(&host->gpus[0]), MODE_VGPU);
	assert_string_equal(host->hostname, "kvm-1");
	assert_string_equal(host->machine_id, "0123456789abcdef0123456789abcdef");
	assert_string_equal(host->boot_id, "5a0a9a1e-62f5-4d8a-9d0c-2f6f3f1f8a10");
	assert_string_equal(host->driver_version, "550.163.02");
	host_free(host);
}

static void other_gpus_are_those_of_nvidias_display_class(void **state)
{
	struct host *host;

	tree_fill(*state, "a40-sriov-off");
	host = scan(*state, SCAN_OTHERS | SCAN_GPUS, NULL);
	/* neither the sound function beside it nor the chipset */
	assert_int_equal(host->n_gpus, 2);
	assert_bdf(&host->gpus[1].bdf, "0000:e9:00.0");
	assert_string_equal(host->gpus[1].driver, "vfio-pci");
	assert_string_equal(host->gpus[1].driver_override, ""); /* no read is risked */
	assert_int_equal(host->gpus[1].numa_node, -1);
	assert_int_equal(host->gpus[1].total_vfs, 0);
	assert_int_equal(gpu_mode(&host->gpus[1]), MODE_PASSTHROUGH);
	host_free(host);
}

static void a_host_in_the_middle_of_things_tells_live_from_stuck(void **state)
{
	static const struct {
		const char *uuid, *type;
		int vf;
		bool stuck;
	} want[] = {
		{ "00000000-0000-0000-0000-000000000001", "NVIDIA A40-4Q", 0, false },
		{ "00000000-0000-0000-0000-000000000002", "NVIDIA A40-4Q", 1, true },
		{ "00000000-0000-0000-0000-000000000003", "", 2, true },
		{ "00000000-0000-0000-0000-000000000009", "Single port serial", -1,
		  false },
	};
	struct warnings warnings;
	struct host *host;
	size_t i;

	tree_fill(*state, "a40-half-done");
	host = scan(*state, EVERYTHING, &warnings);
	assert_string_equal(warnings.text, "");
	assert_int_equal(host->n_live, ARRAY_SIZE_OF(want));
	for (i = 0; i < ARRAY_SIZE_OF(want); i++) {
		const struct live_vgpu *live = host_find_live(host, want[i].uuid);

		assert_non_null(live);
		assert_string_equal(live->type_name, want[i].type);
		check_case(want[i].uuid, live->at == want[i].vf);
		check_case(want[i].uuid, live->gpu == (want[i].vf < 0 ? -1 : 0));
		check_case(want[i].uuid, live->stuck == want[i].stuck);
	}
	assert_int_equal(gpu_ready_vfs(host, &host->gpus[0]), 3);
	assert_int_equal(host->parents[3].framework, FRAMEWORK_NONE);
	host_free(host);
}

static void with_no_free_vf_the_catalog_is_read_and_availability_is_not(void **state)
{
	struct host *host;

	tree_fill(*state, "a40-half-done");
	host = scan(*state, EVERYTHING, NULL);
	/* VF 0 and 1 hold a vGPU each, a third one hangs on VF 2 */
	assert_non_null(host->gpus[0].catalog);
	assert_null(host->gpus[0].available);
	host_free(host);
	host = scan(*state, EVERYTHING & ~(unsigned)SCAN_STUCK, NULL);
	assert_non_null(host->gpus[0].available);
	assert_int_equal(host->gpus[0].available[0], 0);
	assert_int_equal(host->gpus[0].available[1], 1);
	host_free(host);
}

static void one_bad_device_is_told_of_and_hides_no_other(void **state)
{
	static const char *const told[] = {
		"/0000:e2:00.0/vendor", /* holds a NUL */
		"sriov_totalvfs is 99999",
		"does not point to a PCI function",
		"nvidia-1/name", /* NUL */
		"nvidia-2/name", /* empty */
		"nvidia-3/name", /* a link to itself */
		"/notes",	 /* no directory */
		"available_instances holds 'many'",
		"mdev 00000000-0000-0000-0000-000000000001",
		"00000000-0000-0000-0000-000000000003", /* no link */
	};
	const struct gpu *gpu;
	struct bdf good = { 0, 0xe8, 0, 0 }, odd = { 0, 0xe3, 0, 0 };
	struct warnings warnings;
	struct host *host;
	size_t i;

	tree_fill(*state, "garbage");
	host = scan(*state, EVERYTHING, &warnings);
	for (i = 0; i < ARRAY_SIZE_OF(told); i++)
		assert_contains(warnings.text, told[i]);
	assert_null(strchr(warnings.text, '\x1b'));
	gpu = host_find_gpu(host, &good);
	assert_non_null(gpu);
	assert_int_equal(gpu->n_parents, 1);
	assert_int_equal(gpu->total_vfs, 1);
	assert_int_equal(gpu->device, 0x2235);
	assert_non_null(gpu->catalog);
	assert_int_equal(gpu->catalog->n_types, 1);
	assert_non_null(host_find_live(host, "00000000-0000-0000-0000-000000000004"));
	/* the odd one has what could be read of it */
	gpu = host_find_gpu(host, &odd);
	assert_non_null(gpu);
	assert_int_equal(gpu->n_parents, 1);
	assert_bdf(&host->parents[gpu->first_parent].bdf, "0000:e3:00.4");
	assert_non_null(gpu->catalog);
	assert_int_equal(gpu->catalog->n_types, 1);
	assert_string_equal(gpu->catalog->types[0].profile, "A40-1Q");
	assert_int_equal(gpu->available[0], AVAILABLE_UNKNOWN);
	assert_string_equal(host->machine_id, "");
	assert_string_equal(host->boot_id, "");
	host_free(host);
}

static void a_device_id_of_more_than_16_bits_is_none(void **state)
{
	struct bdf bdf = { 0, 0xe8, 0, 0 };
	struct tree *tree = *state;
	struct warnings warnings;
	const struct gpu *gpu;
	struct host *host;

	host_tree_text(tree->root, "sys/bus/pci/devices/0000:e8:00.0/vendor", "0x10de\n");
	host_tree_text(tree->root, "sys/bus/pci/devices/0000:e8:00.0/class",
		       "0x030200\n");
	host_tree_text(tree->root, "sys/bus/pci/devices/0000:e8:00.0/device",
		       "4294976053\n"); /* 0x100002235 */
	host_tree_link(tree->root, "sys/bus/pci/drivers/nvidia/0000:e8:00.0",
		       "../../devices/0000:e8:00.0");
	host = scan(*state, EVERYTHING, &warnings);
	assert_contains(warnings.text, "0000:e8:00.0/device is no PCI id");
	gpu = host_find_gpu(host, &bdf);
	assert_non_null(gpu);
	assert_int_equal(gpu->vendor, 0x10de);
	assert_int_equal(gpu->device, 0);
	host_free(host);
}

static void whatever_a_scan_complains_of_it_says_of_which_device(void **state)
{
	struct warnings warnings;
	char *line, *rest;

	tree_fill(*state, "garbage");
	host_free(scan(*state, EVERYTHING, &warnings));
	for (line = strtok_r(warnings.text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (!strstr(line, "0000:e") && !strstr(line, "00000000-") &&
		    !strstr(line, "/sys/devices/gone"))
			fail_msg("of what device is this? '%s'", line);
}

static void a_host_without_anything_is_an_answer(void **state)
{
	struct tree *tree = *state;
	struct warnings warnings;
	struct host *host = scan(tree, EVERYTHING, &warnings);
	struct bdf bdf = { 0, 1, 0, 0 };

	assert_string_equal(warnings.text, "");
	assert_int_equal(host->n_gpus + host->n_parents + host->n_live, 0);
	assert_string_equal(host->hostname, "");
	assert_null(host_find_gpu(host, &bdf));
	assert_null(host_find_parent(host, &bdf));
	assert_null(host_find_live(host, "00000000-0000-0000-0000-000000000001"));
	host_free(host);
	/* PCI, but no nvidia driver and no mdev bus */
	host_tree_dir(tree->root, "sys/bus/pci/devices");
	host = scan(tree, EVERYTHING, &warnings);
	assert_string_equal(warnings.text, "");
	assert_int_equal(host->n_gpus, 0);
	host_free(host);
}

static void gpus_are_sorted_by_address_beyond_16_bit_domains(void **state)
{
	static const char *const names[] = { "10000:01:00.0", "0000:e8:00.0",
					     "0001:01:00.0" };
	struct tree *tree = *state;
	struct host *host;
	char path[128], target[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(names); i++) {
		(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/virtfn0",
			       names[i]);
		(void)snprintf(target, sizeof(target), "../%.*s4",
			       (int)strlen(names[i]) - 1, names[i]);
		host_tree_link(tree->root, path, target);
		(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/nvidia/%s",
			       names[i]);
		host_tree_link(tree->root, path, "nowhere");
		(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vendor",
			       names[i]);
		host_tree_text(tree->root, path, "0x10de\n");
	}
	host = scan(tree, 0, NULL);
	assert_int_equal(host->n_gpus, 3);
	assert_bdf(&host->gpus[0].bdf, "0000:e8:00.0");
	assert_bdf(&host->gpus[2].bdf, "10000:01:00.0");
	for (i = 0; i < 3; i++) {
		const struct gpu *gpu = &host->gpus[i];
		const struct parent *vf = &host->parents[gpu->first_parent];

		assert_int_equal(gpu->n_parents, 1);
		assert_int_equal(vf->gpu, i);
		assert_int_equal(vf->bdf.bus, gpu->bdf.bus);
		assert_int_equal(vf->bdf.domain, gpu->bdf.domain);
		assert_ptr_equal(host_find_parent(host, &vf->bdf), vf);
		assert_ptr_equal(host_find_gpu(host, &gpu->bdf), gpu);
	}
	host_free(host);
}

static void a_vf_that_vendor_vfio_has_made_a_vgpu_on_holds_a_live_one(void **state)
{
	struct tree *tree = *state;
	const char *pf = "sys/bus/pci/devices/0000:26:00.0/virtfn0";
	struct host *host;

	tree_fill_recorded(tree, "l40s-vf");
	host_tree_link(tree->root, "sys/bus/pci/drivers/nvidia/0000:26:00.0", "nowhere");
	host_tree_link(tree->root, pf, "../0000:26:00.4");
	host_tree_text(tree->root, "sys/bus/pci/devices/0000:26:00.0/vendor", "0x10de\n");
	host = scan(tree, SCAN_STUCK, NULL);
	assert_int_equal(host->n_parents, 1);
	assert_int_equal(host->parents[0].framework, FRAMEWORK_VFIO);
	assert_int_equal(host->n_live, 0);
	host_free(host);
	host_tree_text(tree->root,
		       "sys/bus/pci/devices/0000:26:00.4/nvidia/current_vgpu_type",
		       "1155\n");
	host = scan(tree, SCAN_STUCK, NULL);
	assert_int_equal(host->n_live, 1);
	assert_string_equal(host->live[0].uuid, "");
	assert_int_equal(host->live[0].type_id, 1155);
	assert_int_equal(host->live[0].framework, FRAMEWORK_VFIO);
	assert_int_equal(host->live[0].gpu, 0);
	assert_int_equal(host->live[0].at, 0);
	assert_null(host_find_live(host, ""));
	host_free(host);
}

static void types_may_be_read_again(void **state)
{
	struct scan_options options = { .what = SCAN_TYPES | SCAN_AVAILABLE };
	struct tree *tree = *state;
	struct host *host;
	struct error err;

	tree_fill(tree, "a40-half-done");
	host = scan(tree, SCAN_TYPES | SCAN_AVAILABLE, NULL);
	assert_int_equal(host->gpus[0].available[1], 1);
	host_tree_text(tree->root,
		       "sys/devices/pci0000:e7/0000:e7:01.0/0000:e8:00.6/"
		       "mdev_supported_types/nvidia-560/available_instances",
		       "0\n");
	/* a sanitizer sees what is not freed here */
	assert_int_equal(scan_types(tree->fd, host, &host->gpus[0], &options, &err), 0);
	assert_int_equal(host->gpus[0].catalog->n_types, 3);
	assert_int_equal(host->gpus[0].available[1], 0);
	host->gpus[0].catalog->remembered = true;
	assert_int_equal(scan_types(tree->fd, host, &host->gpus[0], &options, &err), 0);
	assert_false(host->gpus[0].catalog->remembered);
	host_free(host);
}

static void assert_same_host(const struct host *a, const struct host *b)
{
	size_t i;

	assert_int_equal(a->n_gpus, b->n_gpus);
	assert_int_equal(a->n_parents, b->n_parents);
	assert_int_equal(a->n_live, b->n_live);
	for (i = 0; i < a->n_gpus; i++) {
		assert_true(bdf_equal(&a->gpus[i].bdf, &b->gpus[i].bdf));
		assert_string_equal(a->gpus[i].driver, b->gpus[i].driver);
		assert_int_equal(a->gpus[i].device, b->gpus[i].device);
		assert_int_equal(a->gpus[i].total_vfs, b->gpus[i].total_vfs);
		assert_int_equal(a->gpus[i].first_parent, b->gpus[i].first_parent);
		assert_int_equal(a->gpus[i].n_parents, b->gpus[i].n_parents);
	}
	for (i = 0; i < a->n_parents; i++) {
		assert_true(bdf_equal(&a->parents[i].bdf, &b->parents[i].bdf));
		assert_int_equal(a->parents[i].gpu, b->parents[i].gpu);
		assert_int_equal(a->parents[i].index, b->parents[i].index);
		assert_int_equal(a->parents[i].framework, b->parents[i].framework);
		assert_ptr_equal(host_find_parent(a, &b->parents[i].bdf), &a->parents[i]);
	}
	for (i = 0; i < a->n_live; i++) {
		assert_string_equal(a->live[i].uuid, b->live[i].uuid);
		assert_string_equal(a->live[i].parent_name, b->live[i].parent_name);
		assert_string_equal(a->live[i].type_name, b->live[i].type_name);
		assert_int_equal(a->live[i].gpu, b->live[i].gpu);
		assert_int_equal(a->live[i].at, b->live[i].at);
		assert_int_equal(a->live[i].stuck, b->live[i].stuck);
	}
}

static void remove_below(const struct tree *tree, const char *name)
{
	char path[PATH_MAX + 256];

	(void)snprintf(path, sizeof(path), "%s/%s", tree->root, name);
	host_tree_remove(path);
}

static void a_second_look_at_one_gpu_finds_what_a_whole_scan_finds(void **state)
{
	static const unsigned what = SCAN_OTHERS | SCAN_GPUS | SCAN_STUCK | SCAN_NAMES;
	static const char gpu_dir[] = "sys/devices/pci0000:e7/0000:e7:01.0/";
	const struct bdf a40 = { 0, 0xe8, 0, 0 }, none = { 0, 0xf0, 0, 0 };
	struct scan_options options = { .what = what };
	struct host *host, *fresh, *whole;
	struct tree *tree = *state;
	struct error err;
	char path[256];
	size_t n_gpus;

	tree_fill(tree, "a40-half-done");
	tree_fill_recorded(tree, "a2-node");
	host = scan(tree, what, NULL);
	n_gpus = host->n_gpus;
	assert_int_equal(n_gpus, 2);
	/* nothing has changed */
	assert_int_equal(scan_gpu(tree->fd, &a40, &options, &fresh, &err), 0);
	assert_int_equal(fresh->n_gpus, 1);
	assert_int_equal(fresh->n_live, 3);
	assert_true(host_replace_gpu(host, fresh, &a40));
	whole = scan(tree, what, NULL);
	assert_same_host(host, whole);
	host_free(whole);
	/* the last VF is gone, and a removal has come to its end */
	(void)snprintf(path, sizeof(path), "%s0000:e8:00.0/virtfn3", gpu_dir);
	remove_below(tree, path);
	(void)snprintf(path, sizeof(path), "%s0000:e8:00.5/%s", gpu_dir,
		       "00000000-0000-0000-0000-000000000002");
	remove_below(tree, path);
	remove_below(tree, "sys/bus/mdev/devices/00000000-0000-0000-0000-000000000002");
	assert_int_equal(scan_gpu(tree->fd, &a40, &options, &fresh, &err), 0);
	assert_true(host_replace_gpu(host, fresh, &a40));
	assert_int_equal(host_find_gpu(host, &a40)->n_parents, 3);
	assert_null(host_find_live(host, "00000000-0000-0000-0000-000000000002"));
	host_free(host);
	/* no such GPU is an answer */
	assert_int_equal(scan_gpu(tree->fd, &none, &options, &fresh, &err), 0);
	assert_int_equal(fresh->n_gpus, 0);
	host_free(fresh);
}

#define on_tree(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_tree(a_recorded_a2_is_one_gpu_with_16_vfs_and_three_live_vgpus),
		on_tree(a_recorded_catalog_has_all_types_with_what_is_free),
		on_tree(what_is_not_asked_for_is_not_read),
		on_tree(with_sriov_off_a_gpu_is_seen_without_vfs_or_types),
		on_tree(other_gpus_are_those_of_nvidias_display_class),
		on_tree(a_host_in_the_middle_of_things_tells_live_from_stuck),
		on_tree(with_no_free_vf_the_catalog_is_read_and_availability_is_not),
		on_tree(one_bad_device_is_told_of_and_hides_no_other),
		on_tree(a_device_id_of_more_than_16_bits_is_none),
		on_tree(whatever_a_scan_complains_of_it_says_of_which_device),
		on_tree(a_host_without_anything_is_an_answer),
		on_tree(gpus_are_sorted_by_address_beyond_16_bit_domains),
		on_tree(a_vf_that_vendor_vfio_has_made_a_vgpu_on_holds_a_live_one),
		on_tree(types_may_be_read_again),
		on_tree(a_second_look_at_one_gpu_finds_what_a_whole_scan_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
