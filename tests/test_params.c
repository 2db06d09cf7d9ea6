/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/params.h"

#include "lib/check.h"

static void a_set_has_one_spelling(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "frame_rate_limiter=0", "frame_rate_limiter=0" },
		{ "disable_vnc=1,frame_rate_limiter=0",
		  "frame_rate_limiter=0,disable_vnc=1" },
		{ " disable_vnc=1 , enable_uvm=1 ", "disable_vnc=1,enable_uvm=1" },
		{ "vgpu-placement-id=12,enable_profiling=0,enable_debugging=1",
		  "enable_debugging=1,enable_profiling=0,vgpu-placement-id=12" },
		{ "vgpu-placement-id=0065535", "vgpu-placement-id=65535" },
	};
	char params[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		check_case(cases[i].text,
			   params_normalise(cases[i].text, params, bad) == PARAMS_FINE);
		assert_string_equal(params, cases[i].want);
		assert_string_equal(bad, "");
	}
}

static void what_makes_no_sense_is_named(void **state)
{
	static const struct {
		const char *text;
		enum params_fault want;
		const char *bad;
	} cases[] = {
		{ "", PARAMS_EMPTY, "" },
		{ "  ", PARAMS_EMPTY, "" },
		{ "disable_vnc", PARAMS_MALFORMED, "disable_vnc" },
		{ "=1", PARAMS_MALFORMED, "=1" },
		{ "disable_vnc=1,", PARAMS_MALFORMED, "" },
		{ ",disable_vnc=1", PARAMS_MALFORMED, "" },
		{ "disable_vnc=1=1", PARAMS_MALFORMED, "disable_vnc=1=1" },
		{ "disable_vnc=1;enable_uvm=1", PARAMS_MALFORMED,
		  "disable_vnc=1;enable_uvm=1" },
		{ "enable_uvm=1,disable_vcn=1", PARAMS_UNKNOWN, "disable_vcn=1" },
		{ "DISABLE_VNC=1", PARAMS_UNKNOWN, "DISABLE_VNC=1" },
		{ "disable_vnc=2", PARAMS_RANGE, "disable_vnc=2" },
		{ "disable_vnc=", PARAMS_RANGE, "disable_vnc=" },
		{ "disable_vnc=-1", PARAMS_RANGE, "disable_vnc=-1" },
		{ "disable_vnc= 1", PARAMS_RANGE, "disable_vnc= 1" },
		{ "vgpu-placement-id=65536", PARAMS_RANGE, "vgpu-placement-id=65536" },
		{ "disable_vnc=1,enable_uvm=1,disable_vnc=1", PARAMS_TWICE,
		  "disable_vnc=1" },
	};
	char params[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		check_case(cases[i].text,
			   params_normalise(cases[i].text, params, bad) == cases[i].want);
		assert_string_equal(params, "");
		assert_string_equal(bad, cases[i].bad);
	}
}

static void the_driver_takes_fewer_than_1024_bytes(void **state)
{
	char text[PARAMS_SIZE + 1], params[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "disable_vnc=1", 13);
	text[PARAMS_SIZE - 1] = '\0';
	assert_int_equal(params_normalise(text, params, bad), PARAMS_FINE);
	text[PARAMS_SIZE - 1] = ' ';
	text[PARAMS_SIZE] = '\0';
	assert_int_equal(params_normalise(text, params, bad), PARAMS_TOO_LONG);
	memset(text, '0', sizeof(text));
	memcpy(text, "disable_vnc=", 12);
	text[200] = '\0';
	assert_int_equal(params_normalise(text, params, bad), PARAMS_RANGE);
	assert_int_equal(strlen(bad), PARAMS_BAD_SIZE - 1);
	text[0] = 'x';
	assert_int_equal(params_normalise(text, params, bad), PARAMS_UNKNOWN);
}

static void a_name_that_is_nearly_right_is_recognised(void **state)
{
	(void)state;
	assert_string_equal(params_near("disable_vcn=1"), "disable_vnc");
	assert_string_equal(params_near("framerate_limiter=0"), "frame_rate_limiter");
	assert_string_equal(params_near("vgpu_placement_id"), "vgpu-placement-id");
	assert_null(params_near("something_else_altogether=1"));
	assert_string_equal(params_range("disable_vnc=7"), "0 or 1");
	assert_string_equal(params_range("vgpu-placement-id"), "0 to 65535");
	assert_null(params_range("disable"));
	assert_string_equal(params_name(0), "frame_rate_limiter");
	assert_null(params_name(6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_one_spelling),
		cmocka_unit_test(what_makes_no_sense_is_named),
		cmocka_unit_test(the_driver_takes_fewer_than_1024_bytes),
		cmocka_unit_test(a_name_that_is_nearly_right_is_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
