/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/clock.h"

#include "lib/check.h"

#define NOW 1767323045 /* 2026-01-02T03:04:05Z */

static void a_moment_is_told_in_utc(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ "2026-01-02", "2026-01-02T00:00:00Z" },
		{ "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z" },
		{ "2026-01-02t03:04:05z", "2026-01-02T03:04:05Z" },
		{ "2026-01-02 03:04:05Z", "2026-01-02T03:04:05Z" },
		{ "2026-01-02T03:04:05.999999Z", "2026-01-02T03:04:05Z" },
		{ "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z" },
		{ "2026-01-01T22:34:05-04:30", "2026-01-02T03:04:05Z" },
		{ "2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z" },
		{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" }, /* a leap second */
		{ "2024-02-29", "2024-02-29T00:00:00Z" },
		{ "2000-02-29", "2000-02-29T00:00:00Z" },
		{ "0000-01-01", "0000-01-01T00:00:00Z" },
		{ "0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z" },
		{ "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59Z" },
		{ "0s", "2026-01-02T03:04:05Z" },
		{ "90s", "2026-01-02T03:02:35Z" },
		{ "15m", "2026-01-02T02:49:05Z" },
		{ "2h", "2026-01-02T01:04:05Z" },
		{ "3d", "2025-12-30T03:04:05Z" },
		{ "1w", "2025-12-26T03:04:05Z" },
		{ "007s", "2026-01-02T03:03:58Z" },
		{ "999999999w", "1970-01-01T00:00:00Z" },
		{ "2026-02-29", NULL },
		{ "1900-02-29", NULL },
		{ "2026-00-01", NULL },
		{ "2026-13-01", NULL },
		{ "2026-01-00", NULL },
		{ "2026-04-31", NULL },
		{ "2026-1-2", NULL },
		{ "26-01-02", NULL },
		{ "12026-01-02", NULL },
		{ "2026-01-02T", NULL },
		{ "2026-01-02Z", NULL },
		{ "2026-01-02T03:04", NULL },
		{ "2026-01-02T03:04:05", NULL }, /* of which zone? */
		{ "2026-01-02T03:04:05.Z", NULL },
		{ "2026-01-02T24:00:00Z", NULL },
		{ "2026-01-02T03:60:00Z", NULL },
		{ "2026-01-02T03:04:61Z", NULL },
		{ "2026-01-02T03:04:05+0100", NULL },
		{ "2026-01-02T03:04:05+24:00", NULL },
		{ "2026-01-02T03:04:05+01:60", NULL },
		{ "2026-01-02T03:04:05ZZ", NULL },
		{ " 2026-01-02", NULL },
		{ "2026-01-02 ", NULL },
		{ "", NULL },
		{ "5", NULL },
		{ "s", NULL },
		{ "5y", NULL },
		{ "5S", NULL },
		{ "5ss", NULL },
		{ "1h30m", NULL },
		{ "-5m", NULL },
		{ "+5m", NULL },
		{ "1.5h", NULL },
		{ " 5m", NULL },
		{ "5 m", NULL },
		{ "0x5s", NULL },
		{ "1000000000s", NULL },
		{ "yesterday", NULL },
		{ "\xd9\xa3"
		  "d",
		  NULL }, /* a digit, but no ASCII one */
	};
	char got[32];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		bool ok = clock_parse_since(cases[i].text, NOW, got, sizeof(got));

		check_case(cases[i].text, ok == (cases[i].want != NULL));
		if (ok && strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].text, got);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	char got[21];

	(void)state;
	assert_false(clock_parse_since("1s", NOW, got, 20));
	assert_true(clock_parse_since("1s", NOW, got, 21));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_moment_is_told_in_utc),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
