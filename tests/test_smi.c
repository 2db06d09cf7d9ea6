/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/smi.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/tree.h"

#define MOST 64

/* What tests/smi/NAME.txt holds. The caller frees it. */
static char *sample(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "smi/%s.txt", name);
	return tests_text(path);
}

static void what_a_gpu_is_set_to_is_read_of_every_driver(void **state)
{
	static const struct {
		const char *name;
		int n;
		struct smi_gpu gpu; /* the last one */
	} cases[] = {
		{ "query-470",
		  1,
		  { { 0, 0x13, 0, 0 },
		    SMI_HOST_SRIOV,
		    SMI_UNKNOWN,
		    SMI_UNKNOWN,
		    SMI_UNSUPPORTED,
		    SMI_UNSUPPORTED } },
		{ "query-525",
		  1,
		  { { 0, 0x01, 0, 0 },
		    SMI_HOST_NON_SRIOV,
		    SMI_UNSUPPORTED,
		    SMI_UNKNOWN,
		    SMI_UNSUPPORTED,
		    SMI_UNSUPPORTED } },
		{ "query-550",
		  2,
		  { { 0, 0xe8, 0, 0 },
		    SMI_HOST_SRIOV,
		    SMI_ON,
		    SMI_ON,
		    SMI_UNSUPPORTED,
		    SMI_UNSUPPORTED } },
		{ "query-595",
		  1,
		  { { 0, 0xa1, 0, 0 },
		    SMI_HOST_SRIOV,
		    SMI_ON,
		    SMI_OFF,
		    SMI_OFF,
		    SMI_OFF } },
		{ "query-mig",
		  1,
		  { { 1, 0x04, 0, 0 },
		    SMI_HOST_SRIOV,
		    SMI_ON,
		    SMI_UNSUPPORTED,
		    SMI_ON,
		    SMI_ON } },
		{ "query-mig-pending",
		  1,
		  { { 0, 0x36, 0, 0 },
		    SMI_HOST_SRIOV,
		    SMI_ON,
		    SMI_OFF,
		    SMI_OFF,
		    SMI_ON } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char *text = sample(cases[i].name);
		const struct smi_gpu *want = &cases[i].gpu;
		struct smi_gpu gpus[MOST], *got;
		struct smi_fault fault;
		int n = smi_parse_query(text, gpus, MOST, &fault);

		check_case(cases[i].name, n == cases[i].n);
		got = &gpus[n - 1];
		check_case(cases[i].name, bdf_equal(&got->bdf, &want->bdf));
		check_case(cases[i].name, got->host_mode == want->host_mode);
		check_case(cases[i].name, got->mixed_size == want->mixed_size);
		check_case(cases[i].name, got->heterogeneous == want->heterogeneous);
		check_case(cases[i].name, got->mig_current == want->mig_current);
		check_case(cases[i].name, got->mig_pending == want->mig_pending);
		free(text);
	}
}

static void gpus_of_one_host_are_told_apart(void **state)
{
	char *text = sample("query-550");
	struct smi_gpu gpus[2];
	struct smi_fault fault;

	(void)state;
	assert_int_equal(smi_parse_query(text, gpus, 2, &fault), 2);
	assert_int_equal(gpus[0].bdf.bus, 0xe7);
	assert_int_equal(gpus[0].heterogeneous, SMI_OFF);
	assert_int_equal(gpus[1].heterogeneous, SMI_ON);
	assert_int_equal(smi_parse_query(text, gpus, 1, &fault), -E2BIG);
	free(text);
}

/* Only whole keys with whole values at their place count. */
static void words_that_look_alike_are_not_mistaken(void **state)
{
	static const struct {
		const char *name, *text;
		enum smi_switch heterogeneous, mig_current;
		enum smi_host_mode host_mode;
	} cases[] = {
		{ "all of it",
		  "GPU 00000000:E8:00.0\n"
		  "  MIG Mode\n    Current : Disabled\n    Pending : Enabled\n"
		  "  GPU Virtualization Mode\n    Host VGPU Mode : SR-IOV\n"
		  "    vGPU Heterogeneous Mode : Enabled\n",
		  SMI_ON, SMI_OFF, SMI_HOST_SRIOV },
		{ "CRLF, tabs, blanks at the end",
		  "GPU 00000000:E8:00.0\r\n"
		  "\tMIG Mode\r\n\t\tCurrent : Disabled  \r\n"
		  "\tGPU Virtualization Mode \r\n\t\tHost VGPU Mode\t:\tSR-IOV\t\r\n"
		  "\t\tvGPU Heterogeneous Mode : Enabled",
		  SMI_ON, SMI_OFF, SMI_HOST_SRIOV },
		{ "the driver's capability is spelled with one e less",
		  "GPU 00000000:E8:00.0\n"
		  "  GPU Virtualization Mode\n    Heterogenous Multi-vGPU : Enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "a longer key, a shorter key",
		  "GPU 00000000:E8:00.0\n  GPU Virtualization Mode\n"
		  "    vGPU Heterogeneous Mode Pending : Enabled\n    Host VGPU : "
		  "SR-IOV\n"
		  "    Heterogeneous Mode : Enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "values that hold others, in other letter case, or are new",
		  "GPU 00000000:E8:00.0\n"
		  "  MIG Mode\n    Current : Not Enabled\n"
		  "  GPU Virtualization Mode\n    Host VGPU Mode : Some SR-IOV\n"
		  "    vGPU Heterogeneous Mode : enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "no SR-IOV at all",
		  "GPU 00000000:E8:00.0\n  GPU Virtualization Mode\n"
		  "    Host VGPU Mode : Non SR-IOV\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_NON_SRIOV },
		{ "of another section",
		  "GPU 00000000:E8:00.0\n"
		  "  Driver Model\n    Current : Enabled\n    Host VGPU Mode : SR-IOV\n"
		  "  MIG Mode\n    vGPU Heterogeneous Mode : Enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "too deep, or not deep enough",
		  "GPU 00000000:E8:00.0\n"
		  "  MIG Mode\n    Later\n      Current : Enabled\n"
		  "  GPU Virtualization Mode\n  Host VGPU Mode : SR-IOV\n"
		  "  vGPU Heterogeneous Mode : Enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "before the GPU, and behind it",
		  "GPU Virtualization Mode\n    vGPU Heterogeneous Mode : Enabled\n"
		  "GPU 00000000:E8:00.0\n  MIG Mode\n    Current : Disabled\n"
		  "Another\n  MIG Mode\n    Current : Enabled\n"
		  "  GPU Virtualization Mode\n    Host VGPU Mode : SR-IOV\n",
		  SMI_UNKNOWN, SMI_OFF, SMI_HOST_UNKNOWN },
		{ "the first one counts",
		  "GPU 00000000:E8:00.0\n"
		  "  MIG Mode\n    Current : Disabled\n    Current : Enabled\n",
		  SMI_UNKNOWN, SMI_OFF, SMI_HOST_UNKNOWN },
		{ "a colon within a value, none at all, nothing but one",
		  "GPU 00000000:E8:00.0\n  MIG Mode\n    Current : N/A (was : Enabled)\n"
		  "  GPU Virtualization Mode\n    Host VGPU Mode: SR-IOV\n"
		  "    vGPU Heterogeneous Mode :\n    :\n : \n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
		{ "words about no GPU",
		  "GPU access is blocked\nGPU 00000000:E8:00.0\nGPU UUID : GPU-1:2\n"
		  "  MIG Mode\n    Current : Enabled\n",
		  SMI_UNKNOWN, SMI_UNKNOWN, SMI_HOST_UNKNOWN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct smi_gpu gpu;
		struct smi_fault fault;

		check_case(cases[i].name,
			   smi_parse_query(cases[i].text, &gpu, 1, &fault) == 1);
		check_case(cases[i].name, gpu.bdf.bus == 0xe8);
		check_case(cases[i].name, gpu.heterogeneous == cases[i].heterogeneous);
		check_case(cases[i].name, gpu.mig_current == cases[i].mig_current);
		check_case(cases[i].name, gpu.host_mode == cases[i].host_mode);
	}
}

static void a_text_that_names_no_gpu_or_one_twice_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *why;
	} cases[] = {
		{ "", 0, "no GPU" },
		{ "No devices were found\n", 0, "no GPU" },
		{ "\n\n  GPU 00000000:E8:00.0\n", 0, "no GPU" },
		{ "GPU 00000000:E8:00.0\n\nGPU 0000:e8:00.0\n", 3, "before" },
		{ "one\nGPU 00000000:E8:00.8\n", 2, "PCI address" },
		{ "GPU 100000000:E8:00.0\n", 1, "PCI address" },
		{ "GPU 00000000:E8:20.0\n", 1, "PCI address" },
		{ "GPU 000000000000000000000000000000:E8:00.0\n", 1, "PCI address" },
	};
	struct smi_fault fault;
	struct smi_gpu gpus[4];
	struct smi_type types[4];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		check_case(cases[i].text,
			   smi_parse_query(cases[i].text, gpus, 4, &fault) == -EPROTO);
		check_case(cases[i].text, fault.line == cases[i].line);
		assert_contains(fault.why, cases[i].why);
	}
	assert_int_equal(smi_parse_types("No devices were found\n", types, 4, &fault),
			 -EPROTO);
}

static void check_type(const char *name, const struct smi_type *got,
		       const struct smi_type *want)
{
	check_case(name, bdf_equal(&got->gpu, &want->gpu));
	check_case(name, got->id == want->id);
	assert_string_equal(got->name, want->name);
	check_case(name, got->framebuffer_mib == want->framebuffer_mib);
	check_case(name, got->max_instances == want->max_instances);
	check_case(name, got->max_instances_per_gi == want->max_instances_per_gi);
	check_case(name, got->gi_profile == want->gi_profile);
	check_case(name, got->placement_size == want->placement_size);
	check_case(name, got->n_placements == want->n_placements);
	check_case(name, !memcmp(got->placements, want->placements,
				 want->n_placements * sizeof(want->placements[0])));
}

static void types_are_read_with_what_fits(void **state)
{
	static const struct {
		const char *name;
		int n, which;
		struct smi_type type;
	} cases[] = {
		{ "types-550",
		  2,
		  0,
		  { { 0, 0xe8, 0, 0 },
		    914,
		    "NVIDIA L4-6Q",
		    6144,
		    4,
		    0,
		    SMI_NO_GI_PROFILE,
		    6,
		    { 0, 6, 12, 18 },
		    4 } },
		{ "types-550",
		  2,
		  1,
		  { { 0, 0xe8, 0, 0 },
		    575,
		    "NVIDIA A40-24A",
		    24576,
		    2,
		    0,
		    SMI_NO_GI_PROFILE,
		    24,
		    { 0, 24 },
		    2 } },
		{ "types-580",
		  3,
		  0,
		  { { 0, 0x8c, 0, 0 },
		    1518,
		    "NVIDIA RTX Pro 6000 Blackwell DC-2B",
		    2048,
		    32,
		    0,
		    SMI_NO_GI_PROFILE,
		    0,
		    { 0 },
		    0 } },
		/* not the number per VM, which is 16 */
		{ "types-580",
		  3,
		  1,
		  { { 0, 0x8c, 0, 0 },
		    1521,
		    "NVIDIA RTX Pro 6000 Blackwell DC-4Q",
		    4096,
		    24,
		    0,
		    SMI_NO_GI_PROFILE,
		    0,
		    { 0 },
		    0 } },
		{ "types-580",
		  3,
		  2,
		  { { 0, 0x8c, 0, 0 },
		    1546,
		    "NVIDIA RTX Pro 6000 Blackwell DC-1-2Q",
		    2048,
		    48,
		    1,
		    19,
		    0,
		    { 0 },
		    0 } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char *text = sample(cases[i].name);
		struct smi_type types[MOST];
		struct smi_fault fault;

		check_case(cases[i].name,
			   smi_parse_types(text, types, MOST, &fault) == cases[i].n);
		check_type(cases[i].name, &types[cases[i].which], &cases[i].type);
		free(text);
	}
}

static void creatable_placements_are_others_than_supported_ones(void **state)
{
	static const uint32_t free_ones[] = { 6, 18 };
	char *text = sample("creatable-550");
	struct smi_type types[MOST];
	struct smi_fault fault;

	(void)state;
	assert_int_equal(smi_parse_creatable_placements(text, types, MOST, &fault), 1);
	assert_int_equal(types[0].id, 914);
	assert_int_equal(types[0].n_placements, 2);
	assert_memory_equal(types[0].placements, free_ones, sizeof(free_ones));
	assert_int_equal(smi_parse_types(text, types, MOST, &fault), 1);
	assert_int_equal(types[0].n_placements, 0);
	free(text);
	text = sample("creatable-none");
	assert_int_equal(smi_parse_creatable_placements(text, types, MOST, &fault), 0);
	free(text);
	text = sample("names-580");
	assert_int_equal(smi_parse_types(text, types, MOST, &fault), 0);
	free(text);
}

#define TYPE "GPU 00000000:E8:00.0\n  vGPU Type ID : 0x23f\n    Name : NVIDIA A40-24A\n"

static void numbers_of_a_type_are_whole_and_in_range(void **state)
{
	static const struct {
		const char *text;
		int want; /* of smi_parse_types() */
		unsigned line;
	} cases[] = {
		{ TYPE, 1, 0 },
		{ TYPE "    FB Memory : N/A\n    Max Instances : N/A\n", 1, 0 },
		{ TYPE "    GPU Instance Profile ID : 0\n", 1, 0 },
		{ TYPE "    Supported Placement IDs :\n", 1, 0 },
		{ TYPE "    Supported Placement IDs : 0, 24\n", 1, 0 },
		{ TYPE "    Another Key : whatever\n    A Section\n      FB Memory : 1\n",
		  1, 0 },
		{ TYPE "  Another\n    FB Memory : 1 GiB\n", 1, 0 },
		{ TYPE "    FB Memory : 24 GiB\n", -EPROTO, 4 },
		{ TYPE "    FB Memory : 24576\n", -EPROTO, 4 },
		{ TYPE "    FB Memory : 24576 MiB more\n", -EPROTO, 4 },
		{ TYPE "    FB Memory : 4294967296 MiB\n", -EPROTO, 4 },
		{ TYPE "    FB Memory : -1 MiB\n", -EPROTO, 4 },
		{ TYPE "    FB Memory :\n", -EPROTO, 4 },
		{ TYPE "    FB Memory\n", -EPROTO, 4 },
		{ TYPE "    Max Instances : 0x2\n", -EPROTO, 4 },
		{ TYPE "    Max Instances : 2.5\n", -EPROTO, 4 },
		{ TYPE "    Max Instances Per GI : many\n", -EPROTO, 4 },
		{ TYPE "    GPU Instance Profile ID : 19 (me)\n", -EPROTO, 4 },
		{ TYPE "\n    Supported Placement IDs : 0 6 x\n", -EPROTO, 5 },
		{ TYPE "    Supported Placement IDs : 0-6\n", -EPROTO, 4 },
		{ TYPE "    Name :\n", -EPROTO, 4 },
		{ TYPE "    Name : A\x1b[2J\n", -EPROTO, 4 },
		{ TYPE "  vGPU Type ID : 0x240\n", -EPROTO, 0 }, /* without name */
		{ TYPE "  vGPU Type ID : 0\n", -EPROTO, 4 },
		{ TYPE "  vGPU Type ID : 0x100000000\n", -EPROTO, 4 },
		{ TYPE "  vGPU Type ID : nvidia-575\n", -EPROTO, 4 },
		{ TYPE "  vGPU Type ID\n", -EPROTO, 4 },
		{ "    Name : A\n" TYPE, 1, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct smi_type types[4];
		struct smi_fault fault = { 0, "" };
		int n = smi_parse_types(cases[i].text, types, 4, &fault);

		check_case(cases[i].text, n == cases[i].want);
		check_case(cases[i].text, fault.line == cases[i].line);
		if (n == 1)
			assert_string_equal(types[0].name, "NVIDIA A40-24A");
	}
}

static void what_is_too_much_is_refused_as_such(void **state)
{
	struct smi_type *types = calloc(SMI_MAX_TYPES + 2, sizeof(*types));
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct smi_fault fault;
	int i;

	(void)state;
	assert_non_null(types);
	assert_non_null(out);
	fprintf(out, "GPU 00000000:01:00.0\n");
	for (i = 1; i <= SMI_MAX_TYPES; i++)
		fprintf(out, " vGPU Type ID : %d\n  Name : T%d\n", i, i);
	(void)fflush(out);
	assert_int_equal(smi_parse_types(text, types, SMI_MAX_TYPES + 2, &fault),
			 SMI_MAX_TYPES);
	assert_string_equal(types[SMI_MAX_TYPES - 1].name, "T512");
	assert_int_equal(smi_parse_types(text, types, SMI_MAX_TYPES - 1, &fault), -E2BIG);
	fprintf(out, "GPU 00000000:02:00.0\n vGPU Type ID : 1\n  Name : T\n");
	(void)fflush(out);
	assert_int_equal(smi_parse_types(text, types, SMI_MAX_TYPES + 2, &fault),
			 SMI_MAX_TYPES + 1);
	rewind(out);
	fprintf(out, "GPU 00000000:01:00.0\n");
	for (i = 1; i <= SMI_MAX_TYPES + 1; i++)
		fprintf(out, " vGPU Type ID : %d\n  Name : T\n", i);
	(void)fflush(out);
	assert_int_equal(smi_parse_types(text, types, SMI_MAX_TYPES + 2, &fault), -E2BIG);
	assert_contains(fault.why, "too many");
	rewind(out);
	fprintf(out, TYPE "    Supported Placement IDs :");
	for (i = 0; i <= SMI_MAX_PLACEMENTS; i++)
		fprintf(out, " %d", i);
	(void)fclose(out);
	assert_int_equal(smi_parse_types(text, types, 1, &fault), -E2BIG);
	text[strlen(text) - 3] = '\0';
	assert_int_equal(smi_parse_types(text, types, 1, &fault), 1);
	assert_int_equal(types[0].n_placements, SMI_MAX_PLACEMENTS);
	free(text);
	free(types);
}

static void a_status_or_else_the_last_words_tell_what_went_wrong(void **state)
{
	static const struct {
		int status;
		const char *output;
		int want;
	} cases[] = {
		{ 0, "", 0 },
		{ 0, "In use by another client\n", 0 },
		{ 19, "", EBUSY },
		{ 6, "No devices were found\n", ENODEV },
		{ 6, "", ENODEV },
		{ 23, "", ENOSPC },
		{ 3, "whatever", EOPNOTSUPP },
		{ 6, "No MIG-enabled devices found.\n", EOPNOTSUPP },
		{ 4, "", EPERM },
		{ 2, "", EINVAL },
		{ 9, "", ENXIO },
		{ 1, "", EIO },
		{ 255, "x\nFailed to create GPU instances: Insufficient Resources\n",
		  ENOSPC },
		{ 1, "Unable to …: In use by another client\r\n \n", EBUSY },
		{ 1, "In use by another client, perhaps\n", EIO },
		{ 137, "In use by another clien", EIO },
		{ 19, "Failed to create GPU instances: Insufficient Resources\n", EBUSY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		if (smi_errno(cases[i].status, cases[i].output) != cases[i].want)
			fail_msg("%d, '%s'", cases[i].status, cases[i].output);
}

static void a_gpu_is_named_by_its_whole_address(void **state)
{
	static const struct bdf gpu = { 0, 0xe8, 0, 0 },
				far = { 0xabcdef01, 0x0c, 0x1f, 7 };
	char name[BDF_SIZE];
	struct bdf again;

	(void)state;
	assert_string_equal(smi_bus_id(&gpu, name), "00000000:E8:00.0");
	assert_string_equal(smi_bus_id(&far, name), "ABCDEF01:0C:1F.7");
	assert_true(bdf_parse(name, &again));
	assert_true(bdf_equal(&again, &far));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_gpu_is_set_to_is_read_of_every_driver),
		cmocka_unit_test(gpus_of_one_host_are_told_apart),
		cmocka_unit_test(words_that_look_alike_are_not_mistaken),
		cmocka_unit_test(a_text_that_names_no_gpu_or_one_twice_is_refused),
		cmocka_unit_test(types_are_read_with_what_fits),
		cmocka_unit_test(creatable_placements_are_others_than_supported_ones),
		cmocka_unit_test(numbers_of_a_type_are_whole_and_in_range),
		cmocka_unit_test(what_is_too_much_is_refused_as_such),
		cmocka_unit_test(a_status_or_else_the_last_words_tell_what_went_wrong),
		cmocka_unit_test(a_gpu_is_named_by_its_whole_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
