/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/virtfn.h"

#include "lib/check.h"

static void a_link_to_a_virtual_function_ends_in_its_number(void **state)
{
	static const char *const wrong[] = {
		"",	   "virtfn", "virtfnx",		 "virtfn-1",
		"Virtfn1", "physfn", "virtfn4294967296", "virtfn1 "
	};
	uint32_t n = 4242;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(wrong); i++)
		check_case(wrong[i], !virtfn_parse(wrong[i], &n));
	assert_int_equal(n, 4242);
	assert_true(virtfn_parse("virtfn0", &n));
	assert_int_equal(n, 0);
	assert_true(virtfn_parse("virtfn4294967295", &n));
	assert_int_equal(n, UINT32_MAX);
}

static void first_second_and_last_tell_all_on_a_straight_line(void **state)
{
	struct parent vfs[] = { { .index = 0, .bdf = { 1, 0xe8, 0, 4 } },
				{ .index = 1, .bdf = { 1, 0xe8, 0, 6 } },
				{ .index = 2 },
				{ .index = 4 },
				{ .index = 6, .bdf = { 1, 0xe8, 2, 0 } } };

	(void)state;
	assert_true(virtfn_derive(vfs, ARRAY_SIZE_OF(vfs)));
	assert_true(bdf_equal(&vfs[2].bdf, &(struct bdf){ 1, 0xe8, 1, 0 }));
	assert_true(bdf_equal(&vfs[3].bdf, &(struct bdf){ 1, 0xe8, 1, 4 }));
	assert_false(virtfn_derive(vfs, 3));
}

static void what_is_on_no_line_is_left_alone(void **state)
{
	static const struct {
		const char *name;
		struct bdf second, last;
		uint32_t last_index;
	} cases[] = {
		{ "another stride", { 0, 0xe8, 0, 5 }, { 0, 0xe8, 1, 0 }, 3 },
		{ "another domain at the end", { 0, 0xe8, 0, 5 }, { 1, 0xe8, 0, 7 }, 3 },
		{ "another domain in between", { 1, 0xe8, 0, 5 }, { 0, 0xe8, 0, 7 }, 3 },
		/* 3 * 2863311532 is 4 in 32 bits */
		{ "a line longer than the bus",
		  { 0, 0xe8, 0, 7 },
		  { 0, 0xe8, 1, 0 },
		  2863311532 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct parent vfs[] = { { .index = 0, .bdf = { 0, 0xe8, 0, 4 } },
					{ .index = 1, .bdf = cases[i].second },
					{ .index = 2 },
					{ .index = cases[i].last_index,
					  .bdf = cases[i].last } };

		check_case(cases[i].name, !virtfn_derive(vfs, ARRAY_SIZE_OF(vfs)));
		check_case(cases[i].name, bdf_equal(&vfs[2].bdf, &(struct bdf){ 0 }));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_to_a_virtual_function_ends_in_its_number),
		cmocka_unit_test(first_second_and_last_tell_all_on_a_straight_line),
		cmocka_unit_test(what_is_on_no_line_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
