/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/bdf.h"

#include <stdlib.h>

#include "lib/check.h"

static void every_spelling_in_use_names_the_same_function(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "0000:e8:00.4", "0000:e8:00.4" },
		{ "e8:00.4", "0000:e8:00.4" },
		{ "E8:00.4", "0000:e8:00.4" },
		{ "0:e8:0.4", "0000:e8:00.4" },
		{ "00000000:E8:00.4", "0000:e8:00.4" },
		{ "1:2:3.4", "0001:02:03.4" },
		{ "10000:01:00.0", "10000:01:00.0" },
		{ "ffffffff:ff:1f.7", "ffffffff:ff:1f.7" },
	};
	char buf[BDF_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct bdf bdf = { 0 }, again = { 1, 2, 3, 4 };

		check_case(cases[i].text, bdf_parse(cases[i].text, &bdf));
		assert_string_equal(bdf_format(&bdf, buf), cases[i].want);
		assert_true(bdf_parse(buf, &again));
		assert_true(bdf_equal(&bdf, &again));
	}
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
	static const char *const cases[] = {
		"", ":", ".", "::.", "e8", "e8:00", "e8.00.4", "0000:e8:00", "0000:e8:00.",
		"0000:e8:00.8", "0000:e8:20.0", "0000:1e8:00.0", "0000:e8:000.0",
		"000000000:e8:00.4", "0000:e8:00.4 ", " 0000:e8:00.4", "0000:e8:00.4\n",
		"0000:e8:00.04", "0000:e8:00.4/driver", "../0000:e8:00.4", "0000:e8:00.*",
		"0000:0000:e8:00.4", "0000:g8:00.4", "0x0:e8:00.4", "-1:e8:00.4", "bind",
		"0000::00.4", "e8:00.4:", "0000;e8:00.4",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct bdf bdf = { 9, 8, 7, 6 }, before = bdf;

		check_case(cases[i], !bdf_parse(cases[i], &bdf));
		check_case(cases[i], bdf_equal(&bdf, &before));
	}
}

static void order_is_by_domain_then_bus_then_device_then_function(void **state)
{
	static const struct bdf sorted[] = {
		{ 0, 0, 0, 0 },  { 0, 0, 0, 7 }, { 0, 0, 1, 0 },       { 0, 9, 0, 1 },
		{ 0, 16, 0, 0 }, { 1, 0, 0, 0 }, { 0x10000, 0, 0, 0 }, { 0xffffffff, 0, 0, 0 },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(sorted); i++)
		for (j = 0; j < ARRAY_SIZE_OF(sorted); j++) {
			int order = bdf_compare(&sorted[i], &sorted[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(bdf_equal(&sorted[i], &sorted[j]), i == j);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_in_use_names_the_same_function),
		cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
		cmocka_unit_test(order_is_by_domain_then_bus_then_device_then_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
