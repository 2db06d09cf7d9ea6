/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/model.h"
#include "model/vgpu_type.h"

#include "lib/check.h"

static void the_drivers_own_descriptions_are_understood(void **state)
{
	static const struct {
		const char *name, *description, *profile;
		uint32_t framebuffer_mib, max_instances, num_heads;
		const char *max_resolution;
		char series;
	} cases[] = {
		/* an A2's, driver 550 */
		{ "NVIDIA A2-4Q",
		  "num_heads=4, frl_config=60, framebuffer=4096M, "
		  "max_resolution=7680x4320, "
		  "max_instance=4",
		  "A2-4Q", 4096, 4, 4, "7680x4320", 'Q' },
		{ "NVIDIA A2-16C",
		  "num_heads=1, frl_config=60, framebuffer=16384M, "
		  "max_resolution=4096x2400, "
		  "max_instance=1",
		  "A2-16C", 16384, 1, 1, "4096x2400", 'C' },
		/* an A40's */
		{ "NVIDIA A40-1B",
		  "num_heads=4, frl_config=45, framebuffer=1024M, "
		  "max_resolution=5120x2880, "
		  "max_instance=32",
		  "A40-1B", 1024, 32, 4, "5120x2880", 'B' },
		{ "NVIDIA A40-24A",
		  "num_heads=1, frl_config=60, framebuffer=24576M, "
		  "max_resolution=1280x1024, "
		  "max_instance=2",
		  "A40-24A", 24576, 2, 1, "1280x1024", 'A' },
		/* an older driver's */
		{ "GRID T4-2B4",
		  "num_heads=4, frl_config=45, framebuffer=2048M, "
		  "max_resolution=5120x2880, "
		  "max_instance=8",
		  "T4-2B4", 2048, 8, 4, "5120x2880", 'B' },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct vgpu_type t;

		check_case(cases[i].name,
			   vgpu_type_parse(575, cases[i].name, cases[i].description, &t));
		assert_int_equal(t.id, 575);
		assert_string_equal(t.name, cases[i].name);
		assert_string_equal(t.profile, cases[i].profile);
		check_case(cases[i].name, t.framebuffer_mib == cases[i].framebuffer_mib);
		check_case(cases[i].name, t.max_instances == cases[i].max_instances);
		check_case(cases[i].name, t.num_heads == cases[i].num_heads);
		assert_string_equal(t.max_resolution, cases[i].max_resolution);
		check_case(cases[i].name, t.series == cases[i].series);
	}
}

static void keys_that_are_missing_or_make_no_sense_are_left_empty(void **state)
{
	static const struct {
		const char *description;
		uint32_t framebuffer_mib, max_instances;
		const char *max_resolution;
	} cases[] = {
		{ "", 0, 0, "" },
		{ "num_heads=4", 0, 0, "" },
		{ "framebuffer=4096M", 4096, 0, "" },
		{ "max_instance=4,framebuffer=4096M", 4096, 4, "" },
		{ " framebuffer=4096M ,max_instance=4", 0, 4,
		  "" }, /* "4096M " is no number */
		{ "num_heads=1,\nframebuffer=8M", 8, 0, "" },
		{ "framebuffer=4096", 0, 0, "" }, /* of what unit? */
		{ "framebuffer=4096G", 0, 0, "" },
		{ "framebuffer=M", 0, 0, "" },
		{ "framebuffer=", 0, 0, "" },
		{ "framebuffer", 0, 0, "" },
		{ "framebuffer:4096M", 0, 0, "" },
		{ "framebuffer=-1M", 0, 0, "" },
		{ "framebuffer=4294967296M", 0, 0, "" },
		{ "framebuffer=99999999999999999999999999999999M", 0, 0, "" },
		{ "max_instance=many", 0, 0, "" },
		{ "max_instance=4M", 0, 0, "" },
		{ "max_instances=4", 0, 0, "" }, /* another key */
		{ "xmax_instance=4", 0, 0, "" },
		{ "max_resolution=5120x2880", 0, 0, "5120x2880" },
		{ "max_resolution=5120", 0, 0, "" },
		{ "max_resolution=x2880", 0, 0, "" },
		{ "max_resolution=5120x", 0, 0, "" },
		{ "max_resolution=5120x28\x1b", 0, 0, "" },
		{ "max_resolution=111111111111111111111111x1", 0, 0, "" },
		{ "=", 0, 0, "" },
		{ ",,,,", 0, 0, "" },
		{ "\xff\xfe\x01, max_instance=3", 0, 3, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		const char *d = cases[i].description;
		struct vgpu_type t;

		check_case(d, vgpu_type_parse(1, "NVIDIA A40-24A", d, &t));
		check_case(d, t.framebuffer_mib == cases[i].framebuffer_mib);
		check_case(d, t.max_instances == cases[i].max_instances);
		assert_string_equal(t.max_resolution, cases[i].max_resolution);
		assert_string_equal(t.profile, "A40-24A");
	}
}

static void a_name_decides_whether_there_is_a_type(void **state)
{
	char longest[TYPE_NAME_SIZE + 1];
	struct vgpu_type t = { .id = 77 };

	(void)state;
	assert_false(vgpu_type_parse(1, "", "framebuffer=1M", &t));
	assert_false(vgpu_type_parse(1, "A40\n-1Q", "", &t));
	assert_false(vgpu_type_parse(1, "A40-1Q\xff", "", &t));
	memset(longest, 'X', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(vgpu_type_parse(1, longest, "", &t));
	assert_int_equal(t.id, 77);
	longest[TYPE_NAME_SIZE - 1] = '\0';
	assert_true(vgpu_type_parse(1, longest, "", &t));
	/* other vendors' mdevs have types as well */
	assert_true(vgpu_type_parse(2, "GVTg_V5_4", "low_gm_size: 128MB", &t));
	assert_string_equal(t.profile, "GVTg_V5_4");
	assert_int_equal(t.series, 0);
	assert_int_equal(t.framebuffer_mib, 0);
}

static void the_number_behind_the_last_hyphen_is_the_type_id(void **state)
{
	static const struct {
		const char *dir;
		bool ok;
		uint32_t want;
	} cases[] = {
		{ "nvidia-575", true, 575 },
		{ "vfio-pci-575", true, 575 },
		{ "nvidia-0", true, 0 },
		{ "nvidia-4294967295", true, UINT32_MAX },
		{ "nvidia-4294967296", false, 0 },
		{ "nvidia-", false, 0 },
		{ "-575", false, 0 },
		{ "575", false, 0 },
		{ "nvidia-575x", false, 0 },
		{ "nvidia-0x10", false, 0 },
		{ "i915-GVTg_V5_4", false, 0 },
		{ "", false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		uint32_t id = 42;

		check_case(cases[i].dir,
			   type_dir_parse(cases[i].dir, &id) == cases[i].ok);
		check_case(cases[i].dir, id == (cases[i].ok ? cases[i].want : 42));
	}
}

static void a_catalog_is_searched_by_name_without_vendor_or_case_and_by_id(void **state)
{
	struct vgpu_type types[3];
	struct catalog catalog = { .types = types, .n_types = 3, .refs = 1 };

	(void)state;
	assert_true(vgpu_type_parse(9, "NVIDIA A40-24A", "", &types[0]));
	assert_true(vgpu_type_parse(3, "GRID A40-2Q", "", &types[1]));
	assert_true(vgpu_type_parse(5, "A40-24", "", &types[2]));
	catalog_sort(&catalog);
	assert_int_equal(types[0].id, 3);
	assert_int_equal(types[2].id, 9);
	assert_ptr_equal(catalog_find(&catalog, "A40-24A"), &types[2]);
	assert_ptr_equal(catalog_find(&catalog, "grid a40-24a"), &types[2]);
	assert_ptr_equal(catalog_find(&catalog, "NVIDIA A40-2Q"), &types[0]);
	assert_ptr_equal(catalog_find(&catalog, "a40-24"), &types[1]);
	assert_null(catalog_find(&catalog, "A40-2"));
	assert_null(catalog_find(&catalog, ""));
	assert_null(catalog_find(NULL, "A40-24A"));
	assert_ptr_equal(catalog_find_id(&catalog, 9), &types[2]);
	assert_null(catalog_find_id(&catalog, 4));
	assert_null(catalog_find_id(NULL, 9));
	catalog.n_types = 0;
	assert_null(catalog_find_id(&catalog, 9));
	catalog_sort(&catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_drivers_own_descriptions_are_understood),
		cmocka_unit_test(keys_that_are_missing_or_make_no_sense_are_left_empty),
		cmocka_unit_test(a_name_decides_whether_there_is_a_type),
		cmocka_unit_test(the_number_behind_the_last_hyphen_is_the_type_id),
		cmocka_unit_test(
			a_catalog_is_searched_by_name_without_vendor_or_case_and_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
