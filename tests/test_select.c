/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/select.h"

#include "lib/check.h"
#include "lib/fake.h"

/* Four records: slots 0 and 1 of the VM "a", on two GPUs, slot 0 of "b", slot 1 of "aa".
 */
static void fill(struct saved_vgpu v[4])
{
	static const char *const vms[] = { "a", "a", "b", "aa" };
	static const uint32_t slots[] = { 0, 1, 0, 1 };
	static const size_t gpus[] = { 0, 1, 0, 1 };
	uint32_t i;

	for (i = 0; i < 4; i++) {
		v[i] = fake_saved(i, gpus[i], (int)i, "A40-4Q", SAVED_ACTIVE);
		strcpy(v[i].vm, vms[i]);
		v[i].slot = slots[i];
	}
}

static void a_selection_means_what_it_names_and_nothing_else(void **state)
{
	const struct {
		const char *name;
		struct selection by;
		const char *want; /* one letter per record: y, n */
	} cases[] = {
		{ "nothing is named", { .vm = NULL }, "nnnn" },
		{ "all", { .all = true }, "yyyy" },
		{ "a VM", { .vm = "a" }, "yynn" },
		{ "a VM by the whole name", { .vm = "aa" }, "nnny" },
		{ "letter case matters", { .vm = "A" }, "nnnn" },
		{ "a slot of a VM", { .vm = "a", .have_slot = true, .slot = 1 }, "nynn" },
		{ "slot 0 is one as well", { .vm = "a", .have_slot = true }, "ynnn" },
		{ "a slot that it has not",
		  { .vm = "b", .have_slot = true, .slot = 1 },
		  "nnnn" },
		{ "a GPU", { .have_gpu = true, .gpu = fake_bdf(0, -1) }, "ynyn" },
		{ "a VF is no GPU", { .have_gpu = true, .gpu = fake_bdf(0, 0) }, "nnnn" },
		{ "a GPU that is not there",
		  { .have_gpu = true, .gpu = fake_bdf(7, -1) },
		  "nnnn" },
		{ "a slot alone", { .have_slot = true }, "nnnn" },
	};
	struct saved_vgpu v[4];
	size_t i, j;

	(void)state;
	fill(v);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		for (j = 0; j < 4; j++)
			check_case(cases[i].name, selection_covers(&cases[i].by, &v[j]) ==
							  (cases[i].want[j] == 'y'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selection_means_what_it_names_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
