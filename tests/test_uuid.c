/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/uuid.h"

#include "lib/check.h"

static void a_uuid_is_written_in_lower_case(void **state)
{
	char uuid[UUID_SIZE];

	(void)state;
	assert_true(uuid_normalise("3DEAB9A4-200A-4C54-99B1-5EB0722D1D81", uuid));
	assert_string_equal(uuid, "3deab9a4-200a-4c54-99b1-5eb0722d1d81");
	assert_true(uuid_normalise("00000000-0000-0000-0000-000000000000", uuid));
}

static void what_is_no_uuid_is_refused_and_changes_nothing(void **state)
{
	static const char *const cases[] = {
		"",
		"3deab9a4",
		"3deab9a4-200a-4c54-99b1-5eb0722d1d8",
		"3deab9a4-200a-4c54-99b1-5eb0722d1d811",
		"3deab9a4200a4c5499b15eb0722d1d81",
		"{deab9a4-200a-4c54-99b1-5eb0722d1d8}",
		"3deab9a4-200a-4c54-99b1-5eb0722d1d8g",
		"3deab9a4-200a-4c54-99b15-eb0722d1d81",
		"3deab9a4_200a_4c54_99b1_5eb0722d1d81",
		" 3deab9a4-200a-4c54-99b1-5eb0722d1d8",
		"3deab9a4-200a-4c54-99b1-5eb0722d1d8\n",
		"../../../../../../../../../etc/passwd",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char uuid[UUID_SIZE] = "before";

		check_case(cases[i], !uuid_normalise(cases[i], uuid));
		assert_string_equal(uuid, "before");
	}
}

static void a_prefix_is_as_long_as_asked_and_has_its_hyphens_in_place(void **state)
{
	static const struct {
		const char *text;
		unsigned min;
		bool ok;
	} cases[] = {
		{ "3DEA", 4, true },
		{ "3dea", 5, false },
		{ "3de", 4, false },
		{ "", 0, true },
		{ "3deab9a4", 8, true },
		{ "3deab9a4-", 8, true },
		{ "3deab9a4-2", 8, true },
		{ "3deab9a42", 8, false },
		{ "3deab9a", 8, false },
		{ "3dea-", 4, false },
		{ "3deax", 4, false },
		{ "3deab9a4-200a-4c54-99b1-5eb0722d1d81", 8, true },
		{ "3deab9a4-200a-4c54-99b1-5eb0722d1d811", 8, false },
		{ "vm-1", 4, false },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char uuid[UUID_SIZE] = "before";

		check_case(cases[i].text,
			   uuid_prefix(cases[i].text, cases[i].min, uuid) == cases[i].ok);
		if (!cases[i].ok) {
			assert_string_equal(uuid, "before");
			continue;
		}
		assert_int_equal(strlen(uuid), strlen(cases[i].text));
		for (j = 0; uuid[j]; j++)
			assert_false(uuid[j] >= 'A' && uuid[j] <= 'Z');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uuid_is_written_in_lower_case),
		cmocka_unit_test(what_is_no_uuid_is_refused_and_changes_nothing),
		cmocka_unit_test(
			a_prefix_is_as_long_as_asked_and_has_its_hyphens_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
