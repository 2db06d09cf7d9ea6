/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/profile.h"

#include "lib/check.h"

/* In small letters, in capitals, and mixed. */
static void check_wellformed_in_any_case(const char *name)
{
	char text[PROFILE_SIZE];
	size_t i, form;

	for (form = 0; form < 3; form++) {
		for (i = 0; name[i]; i++) {
			char small = (char)(name[i] | 0x20);
			bool is_small = form == 0 || (form == 2 && i % 2);

			text[i] = small < 'a' || small > 'z' ? name[i]
				  : is_small		     ? small
							     : (char)(small & ~0x20);
		}
		text[i] = '\0';
		check_case(text, profile_is_wellformed(text));
	}
	check_case(name, profile_is_wellformed(name));
}

static void names_are_read_from_the_right(void **state)
{
	static const struct {
		const char *name, *board;
		uint32_t slices, gigabytes;
		char series;
		const char *suffix;
	} cases[] = {
		{ "NVIDIA A40-24A", "A40", 0, 24, 'A', "" },
		{ "A40-24A", "A40", 0, 24, 'A', "" },
		{ "nvidia A40-24A", "A40", 0, 24, 'A', "" },
		{ "GRID T4-16Q", "T4", 0, 16, 'Q', "" },
		{ "GRID T4-2B4", "T4", 0, 2, 'B', "4" },
		{ "GRID V100D-32C", "V100D", 0, 32, 'C', "" },
		{ "NVIDIA A2-4Q", "A2", 0, 4, 'Q', "" },
		{ "NVIDIA A100-1-5CME", "A100", 1, 5, 'C', "ME" },
		{ "NVIDIA A100-7-40C", "A100", 7, 40, 'C', "" },
		{ "NVIDIA A30-4-24C", "A30", 4, 24, 'C', "" },
		{ "NVIDIA H100XM-1-10CME", "H100XM", 1, 10, 'C', "ME" },
		{ "NVIDIA H200X-141C", "H200X", 0, 141, 'C', "" },
		{ "GRID RTX6000-24Q", "RTX6000", 0, 24, 'Q', "" },
		{ "NVIDIA RTX5000-Ada-32Q", "RTX5000-Ada", 0, 32, 'Q', "" },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-1-24Q", "RTX Pro 6000 Blackwell DC",
		  1, 24, 'Q', "" },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-96C", "RTX Pro 6000 Blackwell DC", 0,
		  96, 'C', "" },
		{ "NVIDIA A10-24", "A10", 0, 24, '\0', "" },
		{ "NVIDIA A40-12", "A40", 0, 12, '\0', "" },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-2-48QGFX",
		  "RTX Pro 6000 Blackwell DC", 2, 48, 'Q', "GFX" },
		{ "NVIDIA X-1-10CMEALL", "X", 1, 10, 'C', "MEALL" },
		{ "NVIDIA X-0-4Q", "X-0", 0, 4, 'Q', "" }, /* no slices are not said */
		/* boards before virtual functions */
		{ "GRID M10-2B4", "M10", 0, 2, 'B', "4" },
		{ "GRID RTX T10-4", "RTX T10", 0, 4, '\0', "" },
		{ "GRID P40-24Q", "P40", 0, 24, 'Q', "" },
		/* names as newer drivers have them */
		{ "NVIDIA RTX6000-Ada-48Q", "RTX6000-Ada", 0, 48, 'Q', "" },
		{ "NVIDIA H100XM-2-20C", "H100XM", 2, 20, 'C', "" },
		{ "NVIDIA H100XM-80C", "H100XM", 0, 80, 'C', "" },
		{ "GRID A100D-3-40C", "A100D", 3, 40, 'C', "" },
		{ "NVIDIA A30-2-12CME", "A30", 2, 12, 'C', "ME" },
		{ "NVIDIA L40S-3B", "L40S", 0, 3, 'B', "" },
		{ "NVIDIA L4-1", "L4", 0, 1, '\0', "" },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-3A", "RTX Pro 6000 Blackwell DC", 0,
		  3, 'A', "" },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-4-96", "RTX Pro 6000 Blackwell DC", 4,
		  96, '\0', "" },
		{ "A100-1-5CME", "A100", 1, 5, 'C', "ME" },
		{ "DC-1-24QGFX", "DC", 1, 24, 'Q', "GFX" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct profile p = { .board = "" };

		check_case(cases[i].name, profile_parse(cases[i].name, &p));
		assert_string_equal(p.board, cases[i].board);
		check_case(cases[i].name, p.slices == cases[i].slices);
		check_case(cases[i].name, p.gigabytes == cases[i].gigabytes);
		check_case(cases[i].name, p.series == cases[i].series);
		assert_string_equal(p.suffix, cases[i].suffix);
		check_wellformed_in_any_case(cases[i].name);
	}
}

static const char *const no_profiles[] = {
	"",	    "NVIDIA ",	   "A40",	   "A40-",
	"-24A",	    "NVIDIA -24A", "A40-0A",	   "A40-24X",
	"A40-24AA", "A40-A",	   "A40-1000Q",	   "A40--24A",
	"A40 -24A", "A40-24A ",	   " A40-24A",	   "A40-24A\n",
	"A40/-24A", "../A40-24A",  "A 40_-2Q",	   "A40-24QME4",
	"vm-1x",    "nvidia-",	   "A40;rm-1Q",	   "\xc3\xbc-1Q",
	" A100-5C", "A100 -5C",	   "A16-8E",	   "bogus",
	"A100-1-",  "A100--5C",	   "A100-1-5CMe4",
};

static void what_is_no_profile_is_refused_and_changes_nothing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(no_profiles); i++) {
		struct profile p = { .gigabytes = 77 };

		check_case(no_profiles[i], !profile_parse(no_profiles[i], &p));
		check_case(no_profiles[i], p.gigabytes == 77);
		check_case(no_profiles[i], !profile_is_wellformed(no_profiles[i]));
	}
}

static void case_matters_to_the_parser_and_not_to_well_formedness(void **state)
{
	struct profile ignored;

	(void)state;
	assert_false(profile_parse("a40-24a", &ignored));
	assert_false(profile_parse("A100-1-5Cme", &ignored));
	assert_true(profile_is_wellformed("A100-1-5Cme"));
	assert_true(profile_is_wellformed("a40-24a"));
	assert_true(profile_is_wellformed("A40-24A"));
	assert_true(profile_is_wellformed("nvidia a100-1-5cme"));
	assert_true(profile_is_wellformed("NVIDIA RTX Pro 6000 Blackwell DC-1-24Q"));
}

static void a_board_too_long_for_its_field_is_refused(void **state)
{
	char name[300];
	struct profile ignored;
	size_t len;

	(void)state;
	for (len = PROFILE_SIZE - 6; len < sizeof(name) - 4; len++) {
		memset(name, 'X', len);
		memcpy(name + len, "-1Q", 4);
		assert_int_equal(profile_parse(name, &ignored), len < PROFILE_SIZE);
		assert_int_equal(profile_is_wellformed(name), len + 3 < PROFILE_SIZE);
	}
}

static void the_short_name_drops_one_vendor_in_any_case(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "NVIDIA A40-24A", "A40-24A" },
		{ "GRID T4-1Q", "T4-1Q" },
		{ "nvidia a40-24a", "a40-24a" },
		{ "A40-24A", "A40-24A" },
		{ "NVIDIA", "NVIDIA" },
		{ "NVIDIAA40", "NVIDIAA40" },
		{ "NVIDIA ", "" },
		{ "", "" },
		{ "NVIDIA GRID X-1Q", "GRID X-1Q" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		assert_string_equal(profile_short_name(cases[i].name), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_from_the_right),
		cmocka_unit_test(what_is_no_profile_is_refused_and_changes_nothing),
		cmocka_unit_test(case_matters_to_the_parser_and_not_to_well_formedness),
		cmocka_unit_test(a_board_too_long_for_its_field_is_refused),
		cmocka_unit_test(the_short_name_drops_one_vendor_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
